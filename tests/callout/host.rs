//! What the host says of itself: callbacks, bounds, tables that are null.

use super::*;

#[test]
fn null_tables_are_enough() {
    // A copy: the tables are the library's only state, and other tests need theirs.
    let host = Host { callbacks: Callbacks::Null, ..Host::default() };
    let library = Library::load_copy(irishost::library_path(), host).expect("the built library loads");
    assert_eq!(valid_version(&library.zf5(VERSION, None))["name"], "mirrorvip");
    refused(&library, b"", "invalid_config");
    refused(&library, b"{", "invalid_request");
    let sim = held_by_a(1);
    let request = json!({ "config": config(&sim, &json!({})) }).to_string();
    for (number, outcome) in [(STATUS, "held"), (ACQUIRE, "already_held"), (RELEASE, "released")] {
        assert_outcome(&valid(&library.zf5(number, Some(request.as_bytes())), LONGEST), outcome);
    }
}

#[test]
fn only_four_callbacks_are_used_and_only_during_a_call() {
    let _exclusive = irishost::exclusive();
    let sim = held_by_a(1);
    let request = json!({ "config": config(&sim, &json!({})) }).to_string();
    valid(&library().zf5(STATUS, Some(request.as_bytes())), LONGEST);
    valid(&library().zf5(STATUS, Some(b"")), LONGEST);
    let log = irishost::callback_log();
    assert!(log.iter().all(|call| call.in_call), "a callback from another thread or outside of a call: {log:?}");
    let names: BTreeSet<_> = log.iter().map(|call| call.name).collect();
    assert_eq!(names, BTreeSet::from(["IRISMGRDIRA", "SIGRTCHK", "SIGRTCLR", "ZFSTRSIZE"]));
}

#[test]
fn a_report_keeps_every_bound() {
    // Sixty tables make a report of some ten thousand bytes. The host looks at each byte behind the output's room.
    let sim = held_by_a(60);
    let request = json!({ "config": config(&sim, &json!({})), "reason": "NotifyBecomePrimary" }).to_string();
    for number in [STATUS, ACQUIRE] {
        let whole = library().zf5(number, Some(request.as_bytes()));
        let outcome = valid(&whole, LONGEST)["outcome"].clone();
        let whole = whole.bytes.len();
        assert!(whole > 5000, "{whole}");
        let sizes = [1, 2, 3, 31, 64, 80, 97, 128, 255, 256, 333, 500, 501, 1000, 2047, 4096, 4999, 9999];
        for size in sizes.into_iter().chain([whole as i32 - 200, 32_766, 32_767, 32_768, 65_535, 65_536, i32::MAX]) {
            let result = loaded(Host { zf_string_size: size, ..Host::default() }).zf5(number, Some(request.as_bytes()));
            let size = usize::try_from(size).expect("positive");
            if result.status == ZF_FAILURE {
                assert!(size < 100, "a bare outcome fits into {size} bytes");
                continue;
            }
            let report = valid(&result, size.min(LONGEST));
            assert_eq!(report["outcome"], outcome);
            let cut = report["truncated"] == json!(true);
            // The report tells its milliseconds, so that its length is not the same each time.
            assert_eq!(cut, size < whole + 100, "{size} of {whole}: {report}");
        }
    }
}

#[test]
fn version_keeps_every_bound() {
    let whole = library().zf5(VERSION, None).bytes;
    for size in 1..=i32::try_from(whole.len() + 2).expect("short") {
        let result = loaded(Host { zf_string_size: size, ..Host::default() }).zf5(VERSION, None);
        match usize::try_from(size).expect("positive") < whole.len() {
            true => assert_eq!(result.status, ZF_FAILURE, "{size}"),
            false => assert_eq!(result.bytes, whole, "{size}"),
        }
    }
}

#[test]
fn a_host_without_room_gets_nothing() {
    // Not more than the smaller of ZFSTRSIZE and 32,767 may be written: here not a byte.
    for size in [0, -1, -32_767, i32::MIN] {
        let library = loaded(Host { zf_string_size: size, ..Host::default() });
        assert_eq!(library.zf5(VERSION, None).status, ZF_FAILURE, "{size}");
        assert_eq!(library.zf5(STATUS, Some(b"{")).status, ZF_FAILURE, "{size}");
    }
}
