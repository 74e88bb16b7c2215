//! What the tests against simulated clouds share: the built library, loaded as IRIS loads it, and reports to look into.

#![allow(dead_code)] // Each program uses its part.

pub mod field_reports;
pub mod own_network;
pub mod scenes;

use irishost::Library;
use mirrorvip_callouts::Callout;
use serde_json::{Value, json};
use std::sync::OnceLock;

/// Function numbers, as `$ZF(-5)` takes them.
pub const VERSION: usize = Callout::Version.number();
pub const ACQUIRE: usize = Callout::Acquire.number();
pub const STATUS: usize = Callout::Status.number();
pub const CHECK: usize = Callout::Check.number();
pub const RELEASE: usize = Callout::Release.number();

/// The library that was built together with this test, loaded once.
pub fn library() -> &'static Library {
    static LIBRARY: OnceLock<Library> = OnceLock::new();
    LIBRARY.get_or_init(|| Library::load(irishost::library_path()).expect("the built library loads"))
}

/// Calls a function by its number; it must succeed and answer JSON.
pub fn call(number: usize, request: &Value) -> Value {
    let result = library().zf5(number, Some(request.to_string().as_bytes()));
    assert_eq!(result.status, irishost::ZF_SUCCESS, "ZF_FAILURE for {request}");
    let report = result.json();
    assert!(
        report["summary"].as_str().is_some_and(|summary| !summary.is_empty() && !summary.contains('\n')),
        "{report}"
    );
    report
}

/// What a member is asked, whatever its cloud.
pub trait Calls {
    /// Calls a function with this request and the member's configuration.
    fn call(&self, number: usize, request: Value) -> Value;

    fn acquire(&self) -> Value {
        self.call(ACQUIRE, json!({}))
    }

    fn hook(&self) -> Value {
        self.call(ACQUIRE, json!({ "reason": "NotifyBecomePrimary" }))
    }

    fn status(&self) -> Value {
        self.call(STATUS, json!({}))
    }

    fn check(&self) -> Value {
        self.call(CHECK, json!({}))
    }

    fn release(&self) -> Value {
        self.call(RELEASE, json!({}))
    }
}

/// Calls a function with this request and this configuration, which the overlay changes.
pub fn call_with(number: usize, mut config: Value, overlay: &Value, request: &Value) -> Value {
    // What is tested with it is the cloud, and not how long the mirror may wait; `hook_seconds` looks at that.
    merge(&mut config, &json!({ "hookSeconds": 60 }));
    merge(&mut config, overlay);
    let mut whole = json!({ "config": config });
    merge(&mut whole, request);
    call(number, &whole)
}

/// A simulated cloud with two members in it.
pub trait Scene {
    const MEMBERS: [&'static str; 2];

    /// A configuration as in the documentation, its endpoints turned to the simulator as this VM sees it.
    fn config(&self, vm: &str) -> Value;
}

/// A member that is asked, with a configuration of its own.
pub struct Member<'a, S> {
    sim: &'a S,
    vm: &'a str,
    overlay: Value,
}

impl<'a, S: Scene> Member<'a, S> {
    pub fn of(sim: &'a S, vm: &'a str) -> Self {
        Member { sim, vm, overlay: json!({}) }
    }

    pub fn a(sim: &'a S) -> Self {
        Member::of(sim, S::MEMBERS[0])
    }

    pub fn b(sim: &'a S) -> Self {
        Member::of(sim, S::MEMBERS[1])
    }

    pub fn with(mut self, overlay: Value) -> Self {
        merge(&mut self.overlay, &overlay);
        self
    }
}

impl<S: Scene> Calls for Member<'_, S> {
    fn call(&self, number: usize, request: Value) -> Value {
        call_with(number, self.sim.config(self.vm), &self.overlay, &request)
    }
}

/// Puts `overlay` over `base`, objects into one another.
pub fn merge(base: &mut Value, overlay: &Value) {
    match (base, overlay) {
        (Value::Object(base), Value::Object(overlay)) => {
            for (key, value) in overlay {
                merge(base.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        (base, overlay) => *base = overlay.clone(),
    }
}

/// Says that a part was not tested, past the capture of cargo, which shows what it captured only of tests that fail.
pub fn say_not_tested(why: &str) {
    let _ = std::io::Write::write_all(&mut std::io::stderr(), format!("\nNOT TESTED: {why}\n\n").as_bytes());
}

/// An address where nobody listens.
pub fn unused() -> String {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    format!("http://{}", listener.local_addr().expect("bound"))
}

/// Whether a program is there at all.
pub fn is_installed(program: &str) -> bool {
    let asked = std::process::Command::new(program).arg("--version").output();
    !matches!(asked, Err(error) if error.kind() == std::io::ErrorKind::NotFound)
}

#[track_caller]
pub fn assert_outcome(report: &Value, outcome: &str) {
    assert_eq!(report["outcome"], outcome, "{report:#}");
}

/// The outcome and the error's code; a remedy always belongs to it.
#[track_caller]
pub fn assert_error(report: &Value, outcome: &str, code: &str) {
    assert_outcome(report, outcome);
    assert_eq!(report["error"]["code"], code, "{report:#}");
    for text in ["message", "remedy"] {
        assert!(report["error"][text].as_str().is_some_and(|text| text.len() > 5), "no {text}: {report:#}");
    }
    assert_eq!(report["ok"], false);
    assert!(report["severity"].as_u64() >= Some(1));
}

/// The error's message has this in it.
#[track_caller]
pub fn assert_message(report: &Value, part: &str) {
    assert!(report["error"]["message"].as_str().is_some_and(|text| text.contains(part)), "no {part:?}: {report:#}");
}

/// How often a call stands in the report's steps, whatever it ran on.
pub fn steps(report: &Value, call: &str) -> usize {
    report["steps"].as_array().expect("steps").iter().filter(|step| step["call"] == call).count()
}
