//! What a terminal gets and a pipe does not, and what ends a call.

use crate::*;
use cloudsim::{
    Fault, Rule,
    aws::{ENI_A, MEMBER_B, Simulator, World},
};
use std::time::{Duration, Instant};

const ESCAPE: char = '\u{1b}';

/// The same under a terminal, by util-linux's `script`.
fn in_a_terminal(command: &Command, no_colour: bool) -> Option<Ran> {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let line: Vec<String> = words.map(|word| format!("'{}'", word.to_string_lossy())).collect();
    let mut script = Command::new("script");
    script.args(["--quiet", "--return", "--command", &line.join(" "), "/dev/null"]).stdin(Stdio::null());
    script.env("TERM", "xterm").env_remove("CI").env_remove("CLICOLOR_FORCE");
    if no_colour {
        script.env("NO_COLOR", "1");
    } else {
        script.env_remove("NO_COLOR");
    }
    if Command::new("script").arg("--version").output().is_err() {
        say_not_tested("the command on a terminal: there is no `script`; install util-linux (Debian: bsdutils)");
        return None;
    }
    Some(Ran::of(&mut script))
}

fn slow() -> (Simulator, Config) {
    let sim = Simulator::start(World::overlay(1).held(VIP, ENI_A));
    sim.faults().on(Rule::once("ec2", "DescribeRouteTables", Fault::Delay(Duration::from_millis(1500))));
    let config = on_aws(&sim, MEMBER_B);
    (sim, config)
}

#[test]
fn a_pipe_gets_neither_colour_nor_progress() {
    let (_sim, config) = slow();
    let ran = config.run("acquire", &[]);
    assert!(ran.out.starts_with("moved: ") && !ran.out.contains(ESCAPE), "{ran:?}");
    assert_eq!(ran.err, "");
}

#[test]
fn a_terminal_sees_what_is_waited_for() {
    let (_sim, config) = slow();
    let Some(ran) = in_a_terminal(&config.command("acquire"), false) else { return };
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert!(ran.out.contains("ec2:DescribeRouteTables"), "{ran:?}");
    assert!(ran.out.contains("no answer for 1."), "{ran:?}");
    assert!(ran.out.contains("\u{1b}[32mmoved\u{1b}[0m: "), "{ran:?}");
    // The line about it is gone in the end.
    assert_eq!(ran.out.rsplit_once("no answer").map(|(_, after)| after.contains("\r\u{1b}[K")), Some(true), "{ran:?}");
}

#[test]
fn no_colour_where_it_is_not_wanted() {
    let (_sim, config) = slow();
    let Some(ran) = in_a_terminal(&config.command("acquire"), true) else { return };
    assert!(ran.out.contains("moved: ") && !ran.out.contains("\u{1b}[32m"), "{ran:?}");
}

#[test]
fn a_signal_ends_a_call_with_its_report() {
    let sim = Simulator::start(World::overlay(1).held(VIP, ENI_A));
    sim.faults().on(Rule::always("ec2", "DescribeRouteTables", Fault::HangBefore));
    let config = on_aws(&sim, MEMBER_B);
    let mut command = config.command("acquire");
    let child = command.args(["--json", "--deadline", "600"]).stdout(Stdio::piped()).spawn().expect("the command");
    while !sim.log().iter().any(|call| call.action == "DescribeRouteTables") {
        std::thread::sleep(Duration::from_millis(5));
    }
    let begun = Instant::now();
    assert!(Command::new("kill").arg(child.id().to_string()).status().expect("kill").success());
    let done = child.wait_with_output().expect("its end");
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    let report: Value = serde_json::from_slice(&done.stdout).expect("a report");
    assert_eq!(
        (&report["outcome"], &report["error"]["code"]),
        (&json!("not_moved"), &json!("interrupted")),
        "{report}"
    );
    assert_eq!(done.status.code(), Some(1));
}
