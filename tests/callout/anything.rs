//! Bytes of any kind: whatever is asked, a report comes back.

use super::*;

/// A request whose every member is right but one at its end, so that no part of it can lead to the network.
const NEARLY: &str = r#"{"reason":"task","deadlineSeconds":1,"dryRun":true,"config":{"cloud":"aws","vip":["192.168.255.10",
    {"address":"fd00::1","name":"six"}],"http":{"proxy":null},"aws":{"mechanism":"route","routeTables":{"tag:a":"b"},
    "endpoints":{"ec2":"http://127.0.0.1:1","metadata":"http://127.0.0.1:1","sts":"ftp://"}}}}"#;

fn anything() -> impl Strategy<Value = Vec<u8>> {
    let bytes = prop::collection::vec(any::<u8>(), 0..300);
    let long = prop::collection::vec(any::<u8>(), 30_000..40_000);
    let object = prop::collection::vec(any::<u8>(), 0..300).prop_map(|rest| [b"{".to_vec(), rest].concat());
    let text = ".{0,200}".prop_map(String::into_bytes);
    let key = (".{0,40}", ".{0,40}").prop_map(|(key, value)| json!({ key: value }).to_string().into_bytes());
    let damaged =
        (0..NEARLY.len(), 0_usize..4, prop::collection::vec(any::<u8>(), 0..4)).prop_map(|(at, gone, new)| {
            let end = (at + gone).min(NEARLY.len());
            [&NEARLY.as_bytes()[..at], &new, &NEARLY.as_bytes()[end..]].concat()
        });
    prop_oneof![4 => bytes, 1 => long, 4 => object, 4 => text, 4 => key, 8 => damaged]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_end_in_a_report(request in anything(), which in 0_usize..4, size in 120_i32..40_000) {
        let (number, outcome) = REFUSED[which];
        let bound = usize::try_from(size).expect("positive").min(LONGEST);
        let library = loaded(Host { zf_string_size: size, ..Host::default() });
        let report = valid(&library.zf5(number, Some(&request)), bound);
        prop_assert_eq!(&report["outcome"], outcome);
        prop_assert_eq!(&report["ok"], &json!(false));
        if let Some(code) = report["error"]["code"].as_str() {
            // A damaged endpoint may become a possible one, where nobody listens.
            let known = ["invalid_request", "invalid_config", "unsupported", "unavailable", "deadline"];
            prop_assert!(known.contains(&code), "{}", report);
        } else {
            prop_assert_eq!(&report["truncated"], &json!(true));
        }
    }
}
