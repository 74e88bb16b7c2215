//! What a test can prepare and order, and what it sees of a run.

mod common;

use common::{instance, run, with};
use objectscript_engine::{ANYTHING, Iris, IrisError, Mirror, RealLibrary, Role, Scripted};
use std::process::Command;

/// Repeats until the library says that it moved, or this member is no primary any more.
const RETRY: &str = r#"ROUTINE X
Retry() public {
    set tries = 0
    while ($system.Mirror.IsPrimary()) {
        set tries = tries + 1
        set id = $zf(-4, 1, "/lib.so")
        set report = {}.%FromJSON($zf(-5, id, $zf(-4, 3, id, "Acquire"), "{}"))
        do Free(id)
        set ^X("last") = report.summary
        if (report.summary = "moved") {
            return tries_" tries"
        }
        hang 5
    }
    return tries_" tries, and not primary"
}
Free(id) private {
    set status = $zf(-4, 2, id)
}
"#;

fn primary(library: &Scripted) -> (tempfile::TempDir, Iris) {
    let (root, mut iris) = instance(|root| Iris::new(root));
    iris.load("X.mac", RETRY);
    iris.set_mirror(Mirror::member(Role::Primary));
    iris.set_callouts(library.clone());
    (root, iris)
}

#[test]
fn a_library_answers_by_its_script() {
    let library = Scripted::mirrorvip()
        .answers("Acquire", r#"{"summary": "throttled"}"#)
        .takes(20.0)
        .answers("Acquire", r#"{"summary": "moved"}"#)
        .takes(0.5);
    let (_root, mut iris) = primary(&library);
    let ran = iris.run("Retry^X", &[]);
    assert_eq!((ran.value.as_deref(), iris.now()), (Some("2 tries"), 25.5));
    assert_eq!((library.calls().len(), library.loaded(), iris.leftovers()), (2, 0, vec![]));
    assert_eq!(iris.run("Retry^X", &[]).value.as_deref(), Some("1 tries"), "the last answer stays");

    for (library, error) in [
        (Scripted::mirrorvip(), "<FUNCTION>"),
        (Scripted::new(&["acquire"]), "<ILLEGAL VALUE>"),
        (Scripted::mirrorvip().fails("Acquire"), "<FUNCTION>"),
        (Scripted::mirrorvip().refuses_loads(1), "<DYNAMIC LIBRARY LOAD>"),
    ] {
        let (_root, mut iris) = primary(&library);
        assert_eq!(iris.run("Retry^X", &[]).error.expect(error).name, error);
    }
}

#[test]
fn the_mirror_changes_by_the_clock_or_at_a_call() {
    let library = || Scripted::mirrorvip().answers("Acquire", r#"{"summary": "throttled"}"#);
    let (_root, mut iris) = primary(&library());
    iris.set_mirror_at_call("IsPrimary", 3, Mirror::member(Role::Backup));
    assert_eq!(iris.run("Retry^X", &[]).value.as_deref(), Some("2 tries, and not primary"));

    let (_root, mut iris) = primary(&library());
    iris.set_mirror_at_call("$zf(-5)", 1, Mirror::member(Role::Neither));
    assert_eq!(iris.run("Retry^X", &[]).value.as_deref(), Some("1 tries, and not primary"));

    let (_root, mut iris) = primary(&library());
    iris.set_mirror_at(12.0, Mirror::member(Role::Async));
    assert_eq!(iris.run("Retry^X", &[]).value.as_deref(), Some("3 tries, and not primary"));
}

/// Each in turn of all that the code does, and nothing else: this is how a test finds the place that nobody guards.
#[test]
fn anything_can_fail_at_any_call() {
    let mut places = Vec::new();
    for number in 1.. {
        let (_root, mut iris) = primary(&Scripted::mirrorvip().answers("Acquire", r#"{"summary": "moved"}"#));
        iris.fail_nth(ANYTHING, number, IrisError::system("<PROTECT>"));
        let Some(error) = iris.run("Retry^X", &[]).error else {
            assert_eq!(iris.unmet_orders().len(), 1);
            break;
        };
        places.push(error.display);
    }
    let place = |line| format!("<PROTECT>Retry+{line}^X");
    let expected = [2, 4, 5, 5, 5].map(place).into_iter().chain(["<PROTECT>Free+1^X".into(), place(7)]);
    assert_eq!(places, expected.collect::<Vec<_>>());
    for (name, line) in [("set ^X", 7), ("set", 7), ("hang", 11)] {
        let (_root, mut iris) = primary(&Scripted::mirrorvip().answers("Acquire", r#"{"summary": "no"}"#));
        iris.fail_next(name, IrisError::system("<FILEFULL>"));
        assert_eq!(iris.run("Retry^X", &[]).error.expect(name).display, format!("<FILEFULL>Retry+{line}^X"));
    }
}

#[test]
fn what_a_run_leaves_behind_is_seen() {
    let text = "    lock +^X(1)\n    set %left = 1, id = $zf(-4, 1, \"/lib.so\"), $namespace = \"USER\"";
    let (_root, mut iris) = instance(|root| Iris::new(root));
    iris.load("X.mac", &format!("ROUTINE X\nP() public {{\n{text}\n}}\n"));
    iris.set_callouts(Scripted::mirrorvip());
    let ran = iris.run("P^X", &[]);
    assert_eq!(ran.namespace, "USER");
    assert_eq!(iris.leftovers(), ["lock |%SYS|^X(1)", "library 1", "variable %left"]);
    iris.load(
        "Y.mac",
        "ROUTINE Y\nP() public {\n    new %left, $namespace\n    set %left = 2, $namespace = \"%SYS\"\n}\n",
    );
    iris.set_namespace("%SYS");
    assert_eq!(iris.run("P^Y", &[]).namespace, "%SYS");
}

#[test]
fn a_site_has_routines_of_its_own() {
    let (_root, mut iris) = instance(|root| Iris::new(root));
    let own = "/// Ours.\nNotifyBecomePrimary() public {\n    set ^site = 1\n}\n";
    iris.load("ZMIRROR.mac", &format!("ROUTINE ZMIRROR [Type=MAC]\n{own}"));
    iris.load("X.mac", "ROUTINE X\nP() public {\n    return ##class(%Routine).Exists(\"ZMIRROR.MAC\")\n}\n");
    assert_eq!(iris.run("P^X", &[]).value.as_deref(), Some("1"));
    assert_eq!(iris.routine("ZMIRROR").as_deref(), Some(own));
    assert_eq!(iris.routine("ZSTOP"), None);
}

#[test]
fn libraries_are_given_back() {
    let library = Scripted::mirrorvip().answers("Version", "{}");
    let text = "    set a = $zf(-3, \"/lib.so\", \"Version\"), id = $zf(-4, 1, \"/lib.so\"), b = $zf(-3, \"\")\n    return $zf(-5, id, 1)_$zf(-3, \"\", \"Version\")";
    let ran = with(text, |iris| iris.set_callouts(library.clone()));
    assert_eq!(ran.error.expect("none is the current one").name, "<FUNCTION>");
    assert_eq!((library.calls().len(), library.loaded()), (2, 1));

    // What a job has loaded is gone with it.
    let library = Scripted::mirrorvip();
    let (_root, mut iris) = instance(|root| Iris::new(root));
    iris.load(
        "X.mac",
        "ROUTINE X\nP() public {\n    job Q^X()\n}\nQ() public {\n    set id = $zf(-4, 1, \"/lib.so\")\n}\n",
    );
    iris.set_callouts(library.clone());
    iris.run("P^X", &[]);
    assert_eq!((iris.run_jobs().len(), library.loaded()), (1, 0));
}

#[test]
#[should_panic(expected = "there is no end of them")]
fn jobs_that_start_one_another_have_no_end() {
    let (_root, mut iris) = instance(|root| Iris::new(root));
    iris.load("X.mac", "ROUTINE X\nP() public {\n    job P^X()\n}\n");
    iris.run("P^X", &[]);
    iris.run_jobs();
}

#[test]
fn a_function_leaves_test_as_it_was_and_a_subroutine_does_not() {
    let old = "----\nOld() if 0 set %x = 1\n    quit 5\n";
    assert_eq!(run(&format!("    set $test = 1, x = $$Old()\n    return $test\n{old}")).value.as_deref(), Some("1"));
    assert_eq!(run(&format!("    set $test = 1\n    do Old()\n    return $test\n{old}")).value.as_deref(), Some("0"));
    assert_eq!(run("    set $test = 1\n    if 0 {\n    }\n    return $test").value.as_deref(), Some("1"));
}

#[test]
fn zerror_is_the_last_error_of_the_system() {
    let text = "    try {\n        set x = y\n    } catch e {\n    }\n    try {\n        throw ##class(%Exception.General).%New(\"mine\")\n    } catch e {\n    }\n    return $zerror";
    assert_eq!(run(text).value.as_deref(), Some("<UNDEFINED>P+2^X *y"));
}

#[test]
fn order_wants_subscripts_and_a_direction() {
    for (expression, error) in [("$order(a(\"\", 1))", "<SUBSCRIPT>"), ("$order(a(1), 2)", "<FUNCTION>")] {
        let ran = run(&format!("    set a(1) = 1\n    return {expression}"));
        assert_eq!(ran.error.expect(expression).name, error);
    }
    assert_eq!(run("    return $order(^|\"NOWHERE\"|a(\"\"))").error.expect("no namespace").name, "<NAMESPACE>");
}

/// The shortest library with a callout table: it answers with what it was given.
const STUB: &str = r#"
struct counted { unsigned short length; unsigned char data[1]; };
struct entry { const char *name; const char *linkage; int (*function)(); };
static int echo(struct counted *in, struct counted *out) {
    out->length = in->length;
    for (int i = 0; i < in->length; i++) out->data[i] = in->data[i];
    return in->length == 0;
}
static struct entry table[] = {{"Echo", "1b1B", echo}, {0, 0, 0}};
struct entry *GetZFTable(void *callbacks, void *functions) { return table; }
"#;

#[test]
fn a_real_library_is_called_through_its_table() {
    let (root, mut iris) = instance(|root| Iris::new(root));
    let (source, library) = (root.path().join("stub.c"), root.path().join("stub.so"));
    std::fs::write(&source, STUB).expect("a file");
    let status = Command::new("gcc").args(["-shared", "-fPIC", "-o"]).args([&library, &source]).status();
    assert!(status.expect("gcc is installed").success());
    iris.set_callouts(RealLibrary::new(root.path()).standing_at("/iris/mgr/lib.so", &library));
    iris.load(
        "X.mac",
        r#"ROUTINE X
Five(text) public {
    set id = $zf(-4, 1, "/iris/mgr/lib.so")
    set answer = $zf(-5, id, $zf(-4, 3, id, "Echo"), text)
    do Use($zf(-4, 2, id))
    return answer
}
Three(text) public {
    set answer = $zf(-3, "/iris/mgr/lib.so", "Echo", text)
    do Use($zf(-3, ""))
    return answer
}
Use(status) private {
}
"#,
    );
    for label in ["Five^X", "Three^X"] {
        assert_eq!(iris.run(label, &["hällo"]).value.as_deref(), Some("hällo"), "{label}");
    }
    assert_eq!(iris.leftovers(), Vec::<String>::new());
    for label in ["Five^X", "Three^X"] {
        assert_eq!(iris.run(label, &[""]).error.expect("ZF_FAILURE").name, "<FUNCTION>");
    }
}
