//! What administrators get wrong, and the words that each mistake is told in.

use super::{accepted, refused};

#[test]
fn all_mistakes_are_told_at_once() {
    let message = refused(
        r#"{ "cloud": "gcp", "vip": ["10.0.0.250/32", "10.0.0.999", 5], "deadlineSecond": 30, "standalone": "true",
            "http": { "proxy": "proxy:3128", "requestTimeoutMs": "5000" },
            "gcp": { "instance": ["a", "b"], "publicIp": "34.1.2.3", "routePriority": 70000, "network": 5 } }"#,
    );
    let told = [
        "has 10 mistakes",
        "`vip[1]` is \"10.0.0.999\"",
        "`vip[2]` is 5",
        "`deadlineSecond` is a key that is not known, expected probably `deadlineSeconds`",
        "`standalone` is \"true\", expected true, without quotes",
        "`http.proxy` is \"proxy:3128\"",
        "`http.requestTimeoutMs` is \"5000\", expected the number 5000, without quotes",
        "`gcp.instance` is a key that is not known, expected probably `instances`",
        "`gcp.publicIp` is \"34.1.2.3\"",
        "`gcp.routePriority` is 70000, expected a whole number, 0 to 65535",
        "`gcp.network` is 5",
    ];
    for words in told {
        assert!(message.contains(words), "{message}\n  lacks: {words}");
    }
    // What follows from a mistake is not told as another one.
    assert!(!message.contains("at least two"), "{message}");
}

#[test]
fn a_mistake_in_one_item_hides_no_other_item() {
    let message = refused(
        r#"{ "cloud": "azure", "vip": "10.0.0.254",
            "azure": { "mechanism": "route", "nics": [7, "a/b", "c", "C"], "routeTables": ["t", true] } }"#,
    );
    for place in ["`azure.nics[0]`", "`azure.nics[1]`", "`azure.nics[3]`", "`azure.routeTables[1]`"] {
        assert!(message.contains(place), "{message}\n  lacks: {place}");
    }
}

#[test]
fn a_public_address_belongs_to_one_vip() {
    let clouds = [
        (cfg!(feature = "aws"), "aws", ["eipalloc-00000001", "eipalloc-00000001"], r#"{"mechanism":"secondaryIp"}"#),
        (cfg!(feature = "azure"), "azure", ["web", "Web"], r#"{"nics":["a","b"]}"#),
    ];
    for (is_built, cloud, [one, other], block) in clouds {
        if !is_built {
            continue;
        }
        // On Azure each VIP has an ip-configuration of its own.
        let name = if cloud == "azure" { r#","name":"second""# } else { "" };
        let text = |second: &str| {
            format!(
                r#"{{"cloud":"{cloud}","vip":[{{"address":"10.0.1.50","publicIp":"{one}"}},{{"address":"10.0.1.51","publicIp":"{second}"{name}}}],"{cloud}":{block}}}"#
            )
        };
        let message = refused(&text(other));
        assert!(message.contains("`vip[1].publicIp`") && message.contains("no earlier item has"), "{message}");
        accepted(&text(&format!("{other}2")));
    }
}

#[test]
fn what_was_meant_is_told() {
    let azure = |block: &str| format!(r#"{{"cloud":"azure","vip":"10.0.0.254","azure":{block}}}"#);
    let table = [
        (azure(r#"{"nics":["a","b"],"resourcegroup":"x"}"#), "probably `resourceGroup`"),
        (azure(r#"{"nics":["a","b"],"resource_group":"x"}"#), "probably `resourceGroup`"),
        (azure(r#"{"nics":["a","b"],"resource-group":"x"}"#), "probably `resourceGroup`"),
        (azure(r#"{"nics":["a","b"],"mechanism":"ipconfig"}"#), "probably \"ipConfig\" is meant"),
        (
            azure(r#"{"nics":"a"}"#),
            "a list in [ ], each item a resource's name or full id; a single one stands in [ ] too",
        ),
        (azure(r#"{"nics":["a","b"],"colour":"red"}"#), "`mechanism`, `nics`"),
        (azure(r#"{"nics":["a","b"],"endpoints":"https://x"}"#), "an object with `management` or `metadata`"),
        (r#"{"cloud":"AWS","vip":"10.0.0.254"}"#.into(), "probably \"aws\" is meant"),
        (r#"{"cloud":"gpc","vip":"10.0.0.254"}"#.into(), "probably \"gcp\" is meant"),
        (r#"{"cloud":"azure","vip":{"adress":"10.0.0.254"},"azure":{"nics":["a","b"]}}"#.into(), "probably `address`"),
    ];
    for (text, words) in table {
        let message = refused(&text);
        assert!(message.contains(words), "{text}\n  said: {message}\n  lacks: {words}");
        assert!(!message.contains("mistakes:"), "one mistake is one: {message}");
        // Only a report begins so, and a line of messages.log has none.
        assert!(!message.contains('{'), "{message}");
    }
}

#[test]
fn a_text_that_is_no_json_is_told_in_words_of_the_field() {
    let table = [
        ("", "empty"),
        (" \n ", "empty"),
        ("<!DOCTYPE html><html>", "HTML"),
        ("cloud: azure\nvip: 10.0.0.254\n", "YAML"),
        ("{\"cloud\": \"azure\",\n \"vip\": \"10.0.0.254\",\n}", "a comma with nothing after it, at line 3"),
        ("{\"cloud\": \"azure\"\n \"vip\": \"10.0.0.254\"}", "no comma where one is expected, at line 2"),
        ("{\"cloud\" \"azure\"}", "no colon"),
        ("{\"cloud\": \"azure\" // the cloud\n}", "a comment"),
        ("{\n# the cloud\n\"cloud\": \"azure\"}", "a comment"),
        ("{'cloud': 'azure'}", "a single quote"),
        ("{“cloud”: “azure”}", "a typographic quote"),
        ("{cloud: \"azure\"}", "a key without double quotes"),
        ("{\"cloud\": azure}", "text needs double quotes"),
        ("{\"standalone\": True}", "text needs double quotes"),
        ("{\"cloud\": \"azure\", \"vip\": \"10.0", "cut off"),
        ("{\"cloud\": \"azure\nb\"}", "a line break or tab inside quotes"),
        ("[]", "a list"),
        ("null", "a single word"),
        ("\"mirrorvip.json\"", "a text in quotes"),
    ];
    for (text, words) in table {
        let message = refused(text);
        assert!(
            message.contains(words) && message.contains("one JSON object"),
            "{text}\n  said: {message}\n  lacks: {words}"
        );
    }
    for word in ["u64", "sequence", "struct", "EOF", "ident", "untagged"] {
        for (text, _) in table {
            assert!(!refused(text).contains(word), "{}", refused(text));
        }
    }
}

#[test]
fn a_key_that_stands_twice_is_found_wherever_it_is() {
    for (text, place) in [
        (r#"{"cloud":"azure","vip":"10.0.0.254","vip":"10.0.0.253","azure":{"nics":["a","b"]}}"#, "`vip`"),
        (r#"{"cloud":"azure","vip":"10.0.0.254","azure":{"nics":["a","b"],"nics":["a","c"]}}"#, "`azure.nics`"),
        (
            r#"{"cloud":"azure","vip":[{"address":"10.0.0.254","name":"a","name":"b"}],"azure":{"nics":["a","b"]}}"#,
            "`vip[0].name`",
        ),
    ] {
        let message = refused(text);
        assert!(message.contains(place) && message.contains("twice"), "{message}");
    }
}

#[test]
fn remarks_mean_nothing() {
    super::accepted(
        r#"{ "$schema": "mirrorvip.schema.json", "_why": ["reports", 5], "cloud": "azure", "vip": { "_": 1, "address": "10.0.0.254" },
            "azure": { "_nics": "all of them", "nics": ["a", "b"], "endpoints": { "_none": null } } }"#,
    );
}

#[test]
fn no_mistake_shows_a_password() {
    let message = refused(
        r#"{ "cloud": "azure", "vip": "10.0.0.254", "azure": { "nics": ["a", "b"] },
            "http": { "proxy": ["http://me:secret@proxy"], "noProxy": { "proxy": "http://me:secret@proxy" } } }"#,
    );
    assert!(message.contains("`http.proxy`") && message.contains("`http.noProxy`"), "{message}");
    assert!(!message.contains("secret"), "{message}");
}

#[test]
fn a_wrong_file_is_told_briefly() {
    let keys: Vec<String> = (0..200).map(|n| format!("\"unrelated setting {n}\": {n}")).collect();
    let message = refused(&format!("{{{}}}", keys.join(",")));
    assert!(
        message.contains("has 202 mistakes") && message.contains("and 190 more") && message.len() < 4_000,
        "{message}"
    );
}
