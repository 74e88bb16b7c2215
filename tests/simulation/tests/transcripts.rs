//! What one member does on its own in each of some hundred scenes, call by call, as a file for each mechanism says.
//!
//! The oracle judges by promises, and a promise leaves room: whether a plan makes one change too many, asks once too often or warns
//! of nothing, these files show. `MIRRORVIP_UPDATE_TRANSCRIPTS` writes them anew; each line that differs then is a change of behaviour.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;
use std::{env, fs};

use serde_json::Value;
use simulation::{
    Schedule, carry_out,
    cloud::{Mechanism, Setup, Start},
    oracle::judge,
    record::{Call, Sent},
    schedule::{Action, Order, Turn},
};

/// More permissions than any cloud has here, for everything and for each of two members.
const DENIALS: u32 = 48;

/// The calls of a scene, one after the other, by the second member.
const CALLS: [(Action, &str, bool); 6] = [
    (Action::Status, "terminal", false),
    (Action::Check, "terminal", false),
    (Action::Acquire, "terminal", true),
    (Action::Acquire, "NotifyBecomePrimary", false),
    (Action::Acquire, "retry", false),
    (Action::Release, "terminal", false),
];

fn setups(mechanism: Mechanism) -> Vec<Setup> {
    let mut setups = Vec::new();
    for start in [Start::First, Start::Second, Start::Nobody, Start::Split, Start::HalfFree] {
        for (vips, public, is_last_number) in
            [(1, false, false), (2, false, false), (1, true, false), (2, true, false), (1, false, true)]
        {
            let has_it = !public || mechanism.has_public_address();
            let is_told_apart = !is_last_number || mechanism == Mechanism::GcpRoute;
            if has_it && is_told_apart {
                setups.push(Setup { vips, public, is_last_number, ..Setup::plain(mechanism, start) });
            }
        }
    }
    setups
}

/// The schedules of a mechanism, each with its name.
fn scenes(mechanism: Mechanism) -> Vec<(String, Schedule)> {
    let turn =
        |(action, reason, dry_run)| Turn { wait: Duration::from_secs(30), dry_run, ..Turn::quiet(action, reason, 20) };
    let quiet = |setup| Schedule::undisturbed(setup, [Vec::new(), CALLS.map(turn).to_vec()]);
    let mut scenes: Vec<_> = setups(mechanism).into_iter().map(|setup| (String::new(), quiet(setup))).collect();
    let all = setups(mechanism).into_iter().filter(|setup| setup.vips == 2 && setup.start == Start::First);
    let whole = all.max_by_key(|setup| setup.public).expect("a layout with two VIPs");
    scenes.extend((0..DENIALS).map(|n| (format!(" without right {n}"), Schedule { denial: Some(n), ..quiet(whole) })));
    let orders = [
        Order::Duration(Duration::from_secs(3)),
        Order::Slow(0, Duration::from_secs(30)),
        Order::Slow(1, Duration::from_secs(30)),
        Order::Fail(0),
        Order::Fail(1),
        Order::Cancel(0),
        Order::Cancel(1),
        Order::Hang(0),
        Order::Hang(1),
        Order::EarlyRelease,
        Order::WaitLimit(Duration::ZERO),
    ];
    if !mechanism.is_aws() {
        scenes
            .extend(orders.map(|order| (format!(" with {order:?}"), Schedule { orders: vec![order], ..quiet(whole) })));
    }
    scenes
}

/// The method and the resource of a change, or the action with what it is about.
fn change(sent: &Sent) -> String {
    let what = sent.what.trim();
    if let Some((_, action)) = what.split_once("Action=") {
        let mut parts = action.split('&').filter(|part| !part.starts_with("Version="));
        let name = parts.next().unwrap_or_default();
        let values = parts.map(|part| part.split_once('=').map_or(part, |(_, value)| value));
        return [name].into_iter().chain(values).collect::<Vec<_>>().join(" ");
    }
    let (method, path) = what.split_once(' ').unwrap_or((what, ""));
    let parts: Vec<&str> = path.split('/').collect();
    format!("{method} {}", parts[parts.len().saturating_sub(2)..].join("/"))
}

fn codes(list: &Value, key: &str) -> String {
    let items = list.as_array().into_iter().flatten();
    let told = items.filter(|item| item["result"] != "ok").filter_map(|item| item[key].as_str());
    told.collect::<Vec<_>>().join(" ")
}

fn line(call: &Call) -> String {
    let report = call.report.as_ref().expect("nothing kills it");
    let changes: Vec<String> = call.requests.iter().filter(|sent| sent.is_change).map(change).collect();
    let reads = call.requests.iter().filter(|sent| !sent.is_change).count();
    let holder = |part: &Value, key: &str| part[key].as_str().unwrap_or("-").to_owned();
    let parts = report["parts"].as_array().into_iter().flatten();
    let parts: Vec<_> = parts.map(|part| format!("{}>{}", holder(part, "before"), holder(part, "after"))).collect();
    let mut line = format!("  {:?}{}: {}", call.action, if call.dry_run { " dry" } else { "" }, call.outcome());
    let mut add = |name: &str, text: &str| {
        if !text.is_empty() {
            let _infallible = write!(line, "; {name} {text}");
        }
    };
    add("error", if call.is_ok() { "" } else { call.code() });
    add("retry", if call.says_retry() { "yes" } else { "" });
    add("after", &call.ended.saturating_sub(call.begun).as_millis().to_string());
    add("reads", &reads.to_string());
    add("changes", &changes.join(", "));
    add("parts", &parts.join(" "));
    add("warnings", &codes(&report["warnings"], "code"));
    add("checks", &codes(&report["checks"], "name"));
    line
}

/// A scene's name, and beneath it a line for each call.
fn transcript(name: &str, schedule: Schedule) -> String {
    let setup = schedule.setup;
    let title = format!(
        "{:?}, {} VIPs{}{}{name}",
        setup.start,
        setup.vips,
        if setup.public { ", public" } else { "" },
        if setup.is_last_number { ", last number" } else { "" }
    );
    let run = carry_out(schedule, false);
    assert!(judge(&run).is_empty(), "{title}: {:?}", judge(&run));
    let [a, b] = run.names;
    let lines = run.calls.iter().map(|call| line(call).replace(a, "A").replace(b, "B") + "\n");
    [title + "\n"].into_iter().chain(lines).collect()
}

/// Ends at the first scene that differs: who changes the library again and again, as a search for mutants does, need not play the rest.
fn does_what_the_file_says(mechanism: Mechanism) {
    let file: PathBuf =
        [env!("CARGO_MANIFEST_DIR"), "tests", "transcripts", &format!("{mechanism:?}.txt")].iter().collect();
    let transcripts = scenes(mechanism).into_iter().map(|(name, schedule)| transcript(&name, schedule));
    if env::var_os("MIRRORVIP_UPDATE_TRANSCRIPTS").is_some() {
        fs::create_dir_all(file.parent().expect("a folder")).expect("the folder");
        return fs::write(&file, transcripts.collect::<String>()).expect("write the file");
    }
    let whole = fs::read_to_string(&file).unwrap_or_default();
    let mut expected = whole.lines().enumerate();
    for transcript in transcripts {
        let title = transcript.lines().next().unwrap_or_default();
        for is in transcript.lines() {
            let (n, was) = expected.next().unwrap_or((whole.lines().count(), "(nothing)"));
            assert!(was == is, "{}:{}: {title}\n was {was}\n is  {is}", file.display(), n + 1);
        }
    }
    assert_eq!(expected.next(), None, "{} goes on", file.display());
}

of_each_mechanism!(does_what_the_file_says);
