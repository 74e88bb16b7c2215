//! [`irishost::Library`].

use crate::stub;
use irishost::{Callbacks, Host, Library};
use serde_json::json;
use std::{process::Command, thread, time::Duration};

fn load() -> Library {
    Library::load_copy(stub(), Host::default()).expect("the stub loads")
}

#[test]
fn functions_are_found_by_number_and_by_name() {
    let library = load();
    let names = library.names();
    assert_eq!(names[0], ("Version".to_owned(), "1B".to_owned()));
    assert_eq!(names[1], ("Echo".to_owned(), "1b1B".to_owned()));

    let version = json!({"name": "stub", "inits": 1, "room": 32_767});
    assert_eq!(library.zf5(1, None).json(), version);
    assert_eq!(library.zf3("Version", None).json(), version);

    for bytes in [&b""[..], b"a", b"\0\xff,", &[b'x'; 32_767]] {
        let result = library.zf5(2, Some(bytes));
        assert_eq!((result.status, &result.bytes[..]), (0, bytes));
        assert_eq!(result.error(), None);
        assert_eq!(library.zf3("Echo", Some(bytes)), result);
    }
}

#[test]
fn a_failure_loses_the_result() {
    let result = load().zf3("Fail", None);
    assert_eq!((result.status, &result.bytes[..]), (1, &b""[..]));
    assert_eq!(result.error(), Some("<FUNCTION>"));
    assert_eq!(result.refusal, None);
}

#[test]
fn what_does_not_fit_the_table_never_reaches_the_library() {
    let library = load();
    for result in [
        library.zf5(0, None),
        library.zf5(99, None),
        library.zf3("version", None),
        library.zf3("Version", Some(b"")),
        library.zf3("Echo", None),
        library.zf3("Echo", Some(&[0; 65_536])),
        library.zf3("Strange", Some(b"")),
    ] {
        assert_eq!(result.error(), Some("<FUNCTION>"), "{result:?}");
        assert!(result.refusal.is_some(), "{result:?}");
    }
}

#[test]
#[should_panic(expected = "Overrun breaks IRIS's memory: it wrote 1 bytes past an argument's 32767")]
fn one_byte_past_the_output_is_seen() {
    load().zf3("Overrun", Some(b"1"));
}

#[test]
#[should_panic(expected = "Change breaks IRIS's memory: it changed its input")]
fn a_changed_input_is_seen() {
    load().zf3("Change", Some(b"1"));
}

#[test]
#[should_panic(expected = "it says that its output has 9 bytes, in room for 8")]
fn the_room_of_an_output_is_zfstrsize() {
    let host = Host { zf_string_size: 8, ..Host::default() };
    let library = Library::load_copy(stub(), host).expect("the stub loads");
    assert_eq!(library.zf3("Echo", Some(b"12345678")).text(), "12345678");
    let panic = std::panic::catch_unwind(|| library.zf3("Echo", Some(b"123456789")));
    let message = *panic.expect_err("nine bytes").downcast::<String>().expect("a message");
    assert!(message.contains("it wrote 1 bytes past an argument's 8"), "{message}");
    library.zf3("Lie", None);
}

#[test]
fn tables_may_be_null() {
    let host = Host { callbacks: Callbacks::Null, ..Host::default() };
    let library = Library::load_copy(stub(), host).expect("the stub loads");
    assert_eq!(library.zf5(1, None).json()["room"], -1);
}

#[test]
fn each_library_tells_its_own_directory() {
    for (directory, answer) in [("/a/mgr/", "7 /a/mgr/ 7 / 7 /"), ("/mirror/m", "9 /mirror/m 9 m 9 m")] {
        let host = Host { manager_directory: directory.into(), ..Host::default() };
        let library = Library::load_with(stub(), host).expect("the stub loads");
        assert_eq!(library.zf3("Directory", Some(&[b'x'; 64])).text(), answer);
        assert_eq!(
            library.zf3("Directory", Some(b"xxx")).text(),
            format!("2 {} 2 {} 2 {}", &answer[2..4], &answer[3..4], &answer[3..4])
        );
    }
}

#[test]
fn a_termination_request_reaches_a_running_call() {
    let _alone = irishost::exclusive();
    let library = load();
    assert_eq!(library.zf3("Wait", Some(b"xxxx")).text(), "done");
    assert_eq!(irishost::sigrtchk_calls().len(), 4);

    let result = thread::scope(|scope| {
        scope.spawn(|| {
            thread::sleep(Duration::from_millis(30));
            irishost::request_termination(true);
        });
        library.zf3("Wait", Some(&[b'x'; 10_000]))
    });
    assert_eq!(result.text(), "terminated");
    assert!(irishost::sigrtchk_calls().is_sorted());
    assert!(irishost::callback_log().iter().any(|call| call.name == "SIGRTCLR"));
    assert!(irishost::callback_log().iter().all(|call| call.in_call));

    library.zf3("Thread", Some(b""));
    let log = irishost::callback_log();
    let stray: Vec<_> = log.iter().filter(|call| !call.in_call).collect();
    assert_eq!((stray.len(), stray[0].name), (1, "SIGRTCHK"));

    irishost::reset();
    assert!(irishost::sigrtchk_calls().is_empty());
    assert_eq!(library.zf3("Wait", Some(b"x")).text(), "done");
}

#[test]
fn a_library_is_set_up_once_and_torn_down_once() {
    let copy = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::copy(stub(), copy.path()).expect("a file of ours");
    // SAFETY: the stub has no initialisers; held so that its memory outlives each `Library` and shows `ZFUnload`.
    let _pin = unsafe { libloading::Library::new(copy.path()) }.expect("the stub loads");
    let inits = |library: &Library| library.zf5(1, None).json()["inits"].clone();
    for _ in 0..2 {
        let first = Library::load(copy.path()).expect("the stub loads");
        let second = Library::load(copy.path()).expect("the stub loads");
        assert_eq!((inits(&first), inits(&second)), (json!(1), json!(1)));
        drop(first);
        assert_eq!(inits(&second), 1);
    }
}

#[test]
fn what_is_no_callout_library_says_why() {
    let message = Library::load("/nowhere/lib.so").expect_err("nothing is there").to_string();
    assert!(message.starts_with("/nowhere/lib.so: cannot be found"), "{message}");

    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    let mut gcc = Command::new("gcc");
    gcc.args(["-shared", "-x", "c", "/dev/null", "-o"]).arg(file.path());
    assert!(gcc.status().expect("gcc is installed").success());
    let message = Library::load(file.path()).expect_err("an empty library").to_string();
    assert!(message.contains("GetZFTable is not exported"), "{message}");
}
