//! The alerts that are shipped fire when they have to and are silent when they have to, by the word of Prometheus's own `promtool`;
//! they ask for metrics that there are, and docs/operations.md describes each of them.

use std::{
    collections::BTreeSet,
    fs,
    io::{ErrorKind, Write},
    path::Path,
    process::Command,
};

const RULES: &str = "mirrorvip.rules.yml";
const EXAMPLES: &str = "mirrorvip.rules.test.yml";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn shipped(name: &str) -> String {
    fs::read_to_string(root().join("deploy/monitoring").join(name)).expect(name)
}

/// What promtool says of these rules and the examples that are shipped, if it is content; `None` where there is no promtool.
fn promtool(arguments: &[&str], rules: &str) -> Option<Result<(), String>> {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join(RULES), rules).expect("a file");
    fs::write(folder.path().join(EXAMPLES), shipped(EXAMPLES)).expect("a file");
    match Command::new("promtool").args(arguments).current_dir(&folder).output() {
        Ok(output) if output.status.success() => Some(Ok(())),
        Ok(output) => {
            Some(Err(format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            // Past the capture of cargo, which shows what it captured only of tests that fail.
            let why = "\nNOT TESTED: the alerts: there is no promtool; install Debian's package prometheus\n\n";
            let _ = std::io::stderr().write_all(why.as_bytes());
            None
        }
        Err(error) => panic!("promtool: {error}"),
    }
}

#[test]
fn the_alerts_fire_and_are_silent_as_their_examples_say() {
    for arguments in [["check", "rules", RULES], ["test", "rules", EXAMPLES]] {
        if let Some(said) = promtool(&arguments, &shipped(RULES)) {
            assert_eq!(said, Ok(()));
        }
    }
}

/// What stands in the rules, and what is put in its place: the examples have to notice.
const DAMAGE: &[(&str, &str)] = &[
    ("(sum by (id) (mirrorvip_holder) or", "(sum(mirrorvip_holder) or"),
    (" or 0 * group by (id) (mirrorvip_look_age_seconds)", ""),
    ("(mirrorvip_look_age_seconds)) < 1", "(mirrorvip_look_age_seconds)) < 0"),
    ("sum by (id) (mirrorvip_holder) > 1", "sum(mirrorvip_holder) > 1"),
    ("sum by (id) (mirrorvip_holder) > 1", "sum by (id) (mirrorvip_holder) > 2"),
    ("mirrorvip_reached == 0", "mirrorvip_reached == 1"),
    ("mirrorvip_look_age_seconds > 300", "mirrorvip_look_age_seconds > 30"),
    ("mirrorvip_look_age_seconds > 300", "mirrorvip_look_age_seconds > 3000"),
    ("mirrorvip_ready == 0", "mirrorvip_ready == 1"),
    ("mirrorvip_last_ok == 0 and on (job, instance) mirrorvip_holder == 0", "mirrorvip_last_ok == 0"),
    ("          unless on (job, instance) mirrorvip_look_age_seconds\n", ""),
    ("[1d]", "[1m]"),
    ("absent(mirrorvip_look_age_seconds)", "absent(up)"),
    ("        for: 3m\n", ""),
    ("        for: 10m\n", "        for: 1m\n"),
];

#[test]
fn spoilt_alerts_are_noticed() {
    let mut missed = Vec::new();
    for (from, to) in DAMAGE {
        let rules = shipped(RULES);
        assert!(rules.contains(from), "{RULES} no longer contains {from:?}: bring the table up to date");
        if promtool(&["test", "rules", EXAMPLES], &rules.replacen(from, to, 1)).is_some_and(|said| said.is_ok()) {
            missed.push(format!("{from:?} => {to:?}"));
        }
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

fn alerts() -> Vec<String> {
    let rules = shipped(RULES);
    let alerts: Vec<String> =
        rules.lines().filter_map(|line| line.split("- alert: ").nth(1)).map(String::from).collect();
    assert!(alerts.len() >= 7, "{alerts:?}");
    alerts
}

/// A rule on a metric that is called otherwise is silent for ever.
#[test]
fn the_alerts_ask_for_metrics_that_there_are() {
    let class = fs::read_to_string(root().join("objectscript/ZMIRRORVIP/Metrics.cls")).expect("the class");
    let sensors: BTreeSet<String> = class
        .split("do ..SetSensor")
        .skip(1)
        .filter_map(|call| call.split('"').nth(1))
        .map(|name| format!("mirrorvip_{name}"))
        .collect();
    let operations = fs::read_to_string(root().join("docs/operations.md")).expect("the page");
    for text in [shipped(RULES), shipped(EXAMPLES)] {
        let words = text.split(|sign: char| !sign.is_alphanumeric() && sign != '_');
        for word in words.filter(|word| word.starts_with("mirrorvip_")) {
            assert!(sensors.contains(word), "{word} is none of {sensors:?}");
        }
    }
    for sensor in &sensors {
        assert!(operations.contains(&format!("| `{sensor}{{id=")), "{sensor} is not described");
    }
}

#[test]
fn each_alert_has_an_example_that_fires_and_one_that_does_not_and_is_described() {
    let examples = shipped(EXAMPLES);
    let operations = fs::read_to_string(root().join("docs/operations.md")).expect("the page");
    assert!(operations.contains("](../deploy/monitoring/mirrorvip.rules.yml)"), "the page points at the rules");
    for alert in alerts() {
        assert!(examples.contains(&format!("alertname: {alert}\n        exp_alerts:")), "{alert} fires nowhere");
        assert!(examples.contains(&format!("alertname: {alert}}}")), "{alert} is silent nowhere");
        assert!(operations.contains(&format!("| `{alert}` |")), "{alert} is not described");
    }
}
