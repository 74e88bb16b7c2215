//! What a person reads: what happened, then each part, what was looked at, and what to do. Colour goes to a terminal alone, and
//! `NO_COLOR` is heeded.

use anstream::println;
use anstyle::{AnsiColor, Style};
use mirrorvip_core::report::Report;
use serde_json::Value;

const GOOD: Style = AnsiColor::Green.on_default();
const DOUBTFUL: Style = AnsiColor::Yellow.on_default();
const BAD: Style = AnsiColor::Red.on_default();
const FAINT: Style = Style::new().dimmed();

/// The report as one JSON object.
pub fn json(report: &Report) {
    println!("{}", whole(report));
}

/// The report for a person.
pub fn person(report: &Report) {
    // Whatever must not be shown is out of this.
    let whole: Value = serde_json::from_str(&whole(report)).unwrap_or_default();
    let style = match (report.ok, report.severity) {
        (true, 0) => GOOD,
        (true, _) => DOUBTFUL,
        (false, _) => BAD,
    };
    let headline = report.secrets.clean(&report.headline).unwrap_or_else(|| report.headline.clone());
    println!("{style}{}{style:#}: {headline}", text(&whole, "outcome"));
    list(&whole, "parts").for_each(part);
    list(&whole, "checks").for_each(check);
    for warning in list(&whole, "warnings") {
        println!("{DOUBTFUL}warning{DOUBTFUL:#} {}: {}", text(warning, "code"), text(warning, "message"));
        act(warning);
    }
    let planned = list(&whole, "steps").filter(|step| step["result"] == "planned");
    planned.for_each(|step| println!("would call {} {FAINT}on{FAINT:#} {}", text(step, "call"), text(step, "target")));
    let error = &whole["error"];
    if error.is_object() {
        let code = text(error, "code");
        println!("{BAD}error{BAD:#} {code}: {}", text(error, "message"));
        act(error);
        println!("  more: mirrorvip explain {code}");
    }
    if report.ask_first {
        println!("not repeated: IRIS decides which member is the primary; ask it, and call acquire there");
    }
}

fn whole(report: &Report) -> String {
    report.render(usize::MAX).unwrap_or_default()
}

fn list<'a>(whole: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    whole[key].as_array().into_iter().flatten()
}

fn text<'a>(object: &'a Value, key: &str) -> &'a str {
    object[key].as_str().unwrap_or_default()
}

fn part(part: &Value) {
    let [before, after] = ["before", "after"].map(|key| part[key].as_str().unwrap_or("-"));
    let way = if before == after { after.to_owned() } else { format!("{before} -> {after}") };
    println!("  {} {FAINT}{}{FAINT:#}  {way}", text(part, "vip"), text(part, "part"));
}

fn check(item: &Value) {
    let result = text(item, "result");
    let style = match result {
        "ok" => GOOD,
        "warning" => DOUBTFUL,
        "failed" => BAD,
        _ => FAINT,
    };
    println!("{style}{result:<7}{style:#} {}: {}", text(item, "name"), text(item, "message"));
    if result != "ok" {
        act(item);
    }
}

/// What to do, if anything.
fn act(object: &Value) {
    let remedy = text(object, "remedy");
    if !remedy.is_empty() {
        println!("        {remedy}");
    }
}
