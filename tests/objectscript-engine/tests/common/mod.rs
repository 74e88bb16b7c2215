//! What the tests share: an instance, and what an expression comes to.
#![allow(dead_code, reason = "each test binary uses a part")]

use objectscript_engine::{Iris, Ran};
use std::path::Path;

pub fn instance(make: impl Fn(&Path) -> Iris) -> (tempfile::TempDir, Iris) {
    let root = tempfile::tempdir().expect("a temporary directory");
    let iris = make(root.path());
    (root, iris)
}

/// Runs `P^X`, in a routine with this body and whatever stands after it.
pub fn run(body: &str) -> Ran {
    with(body, |_| {})
}

pub fn with(text: &str, prepare: impl Fn(&mut Iris)) -> Ran {
    let (_root, mut iris) = instance(|root| Iris::new(root));
    let (body, rest) = text.split_once("----\n").unwrap_or((text, ""));
    iris.load("X.mac", &format!("ROUTINE X\nP() public {{\n{body}\n}}\n{rest}"));
    prepare(&mut iris);
    iris.run("P^X", &[])
}

/// The value of an expression.
pub fn value(expression: &str) -> String {
    let ran = run(&format!("    return {expression}"));
    assert_eq!(ran.error, None, "{expression}");
    ran.value.unwrap_or_else(|| panic!("{expression} has a value"))
}

pub fn error(body: &str) -> String {
    run(body).error.unwrap_or_else(|| panic!("{body} fails")).display
}

#[track_caller]
pub fn values(rows: &[(&str, &str)]) {
    for (expression, expected) in rows {
        assert_eq!(value(expression), *expected, "{expression}");
    }
}
