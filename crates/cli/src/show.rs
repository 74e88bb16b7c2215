//! What a person reads: what happened, then each part, what was looked at, and what to do.

use anstyle::{AnsiColor, Style};
use mirrorvip_core::report::Report;
use serde_json::Value;

const GOOD: Style = AnsiColor::Green.on_default();
const DOUBTFUL: Style = AnsiColor::Yellow.on_default();
const BAD: Style = AnsiColor::Red.on_default();
const FAINT: Style = Style::new().dimmed();

/// The report as one JSON object.
pub fn json(report: &Report) -> String {
    whole(report) + "\n"
}

/// The report for a person.
pub fn person(report: &Report) -> String {
    // Whatever must not be shown is out of this.
    let whole: Value = serde_json::from_str(&whole(report)).unwrap_or_default();
    let style = match (report.ok, report.severity) {
        (true, 0) => GOOD,
        (true, _) => DOUBTFUL,
        (false, _) => BAD,
    };
    let headline = report.secrets.clean(&report.headline).unwrap_or_else(|| report.headline.clone());
    let mut lines = vec![format!("{style}{}{style:#}: {headline}", text(&whole, "outcome"))];
    lines.extend(list(&whole, "parts").map(part));
    lines.extend(list(&whole, "checks").flat_map(check));
    lines.extend(list(&whole, "warnings").flat_map(|warning| told(DOUBTFUL, "warning", warning)));
    let planned = list(&whole, "steps").filter(|step| step["result"] == "planned");
    lines.extend(
        planned.map(|step| format!("would call {} {FAINT}on{FAINT:#} {}", text(step, "call"), text(step, "target"))),
    );
    let error = &whole["error"];
    if error.is_object() {
        lines.extend(told(BAD, "error", error));
        lines.push(format!("  more: mirrorvip explain {}", text(error, "code")));
    }
    if report.ask_first {
        lines.push("not repeated: IRIS decides which member is the primary; ask it, and call acquire there".into());
    }
    lines.join("\n") + "\n"
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

fn part(part: &Value) -> String {
    let [before, after] = ["before", "after"].map(|key| part[key].as_str().unwrap_or("-"));
    let way = if before == after { after.to_owned() } else { format!("{before} -> {after}") };
    format!("  {} {FAINT}{}{FAINT:#}  {way}", text(part, "vip"), text(part, "part"))
}

fn check(item: &Value) -> Vec<String> {
    let result = text(item, "result");
    let style = match result {
        "ok" => GOOD,
        "warning" => DOUBTFUL,
        "failed" => BAD,
        _ => FAINT,
    };
    let mut lines = vec![format!("{style}{result:<7}{style:#} {}: {}", text(item, "name"), text(item, "message"))];
    if result != "ok" {
        lines.extend(act(item));
    }
    lines
}

/// A warning or an error, and what to do about it.
fn told(style: Style, kind: &str, it: &Value) -> Vec<String> {
    let line = format!("{style}{kind}{style:#} {}: {}", text(it, "code"), text(it, "message"));
    std::iter::once(line).chain(act(it)).collect()
}

/// What to do, if anything.
fn act(object: &Value) -> Option<String> {
    Some(text(object, "remedy")).filter(|remedy| !remedy.is_empty()).map(|remedy| format!("        {remedy}"))
}
