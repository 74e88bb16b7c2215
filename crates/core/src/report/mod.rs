//! What a call answers: one JSON object, ASCII, within the host's bound, and true. The words for an operator are made
//! here, from what the engine found.

mod bound;
mod holders;
mod line;
pub mod repeat;
mod subject;
mod summary;

pub use subject::Subject;

use crate::{
    check::{CheckItem, Verdict},
    error::{Code, Error},
    journal::{Journal, Step},
    outcome::Outcome,
    redact::Redactor,
    takeover::Findings,
    vip::{Member, Part},
};
use holders::{as_held, common_holder, holder_name};
use serde::Serialize;
use serde_json::Value;
use std::cmp::Reverse;
use summary::summary;

/// A report; docs/report.md describes each field.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Whether the call did what it was asked to do.
    pub ok: bool,
    /// What it was asked to do.
    pub action: &'static str,
    /// How it ended.
    pub outcome: Outcome,
    /// The same for an operator, in one line.
    pub summary: String,
    /// 0 done, 1 warning, 2 somebody has to act.
    pub severity: u8,
    /// Whether one quiet repeat of the same call may end better.
    pub retry: bool,
    /// Whether only IRIS can say that a repeat is right: is this member still the primary?
    pub ask_first: bool,
    /// How long the caller waits at least before it repeats the call, in seconds.
    pub retry_after_seconds: Option<u64>,
    /// What the next call of the same takeover has to be given, where this one could not finish.
    pub resume: Option<Value>,
    /// The cloud, once the configuration has named it.
    pub cloud: Option<&'static str>,
    /// The mechanism, likewise.
    pub mechanism: Option<&'static str>,
    /// Where the call came from.
    pub reason: String,
    /// This member, once it is known.
    pub member: Option<Member>,
    /// Who held all parts before; null where they disagree.
    pub holder_before: Option<String>,
    /// Who holds all parts now; null where they disagree.
    pub holder: Option<String>,
    /// Each part with its holders.
    pub parts: Vec<PartLine>,
    /// How long the call took, in milliseconds.
    pub elapsed_ms: u64,
    /// Every request to the cloud.
    pub steps: Vec<Step>,
    /// The summary without the cause and without what to do. The command shows those on lines of their own.
    #[serde(skip)]
    pub headline: String,
    /// What must not be in the text.
    #[serde(skip)]
    pub secrets: Redactor,
    /// The items of a Check.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checks: Option<Vec<CheckItem>>,
    /// What needs attention beside the outcome.
    pub warnings: Vec<Warning>,
    /// Why the call did not do what it was asked to do.
    pub error: Option<Error>,
    /// The library's version.
    pub version: &'static str,
}

/// One part with its holders.
#[derive(Debug, Clone, Serialize)]
pub struct PartLine {
    /// The VIP that it belongs to.
    pub vip: String,
    /// What it is, for example `route rtb-1`.
    pub part: String,
    /// Who held it before; null for nobody, or where that is unknown.
    pub before: Option<String>,
    /// Who holds it now; likewise.
    pub after: Option<String>,
}

/// Something that needs attention.
#[derive(Debug, Clone, Serialize)]
pub struct Warning {
    /// What it is about: a name of [`CheckName`](crate::check::CheckName).
    pub code: String,
    /// What was seen.
    pub message: String,
    /// What to do about it.
    pub remedy: String,
}

impl Warning {
    fn of(item: &CheckItem) -> Option<Self> {
        (item.result == Verdict::Warning).then(|| Warning {
            code: item.name.to_string(),
            message: item.message.clone(),
            remedy: item.remedy.clone(),
        })
    }
}

impl Report {
    /// Words the findings of a call.
    pub fn new(
        subject: &Subject,
        mut findings: Findings,
        advice: &[CheckItem],
        journal: &Journal,
        elapsed_ms: u64,
    ) -> Self {
        if !findings.outcome.is_ok() {
            findings.error.get_or_insert_with(|| without_a_cause(findings.outcome));
        }
        findings.before = as_held(&findings.before);
        let is_same = |a: &CheckItem, b: &CheckItem| a.name == b.name && a.message == b.message;
        let is_new = |item: &&CheckItem| !findings.remarks.iter().any(|told| is_same(told, item));
        let told = || findings.remarks.iter().chain(advice.iter().filter(is_new));
        let warnings: Vec<_> = told().filter_map(Warning::of).collect();
        // What is in the checks of a Check is urgent all the same.
        let worst = told().chain(findings.checks.iter().flatten()).map(CheckItem::severity).max().unwrap_or_default();
        let first = told().filter(|item| item.severity() > 0).min_by_key(|item| Reverse(item.severity()));
        let own_name = findings.member.as_ref().and_then(|member| member.as_holder().map(str::to_owned));
        let name_of = |parts: &[Part]| common_holder(parts, own_name.as_deref());
        let holder_before = name_of(&findings.before);
        let holder = name_of(&findings.after);
        let mut line = summary(subject, &findings, holder_before.as_deref(), own_name.as_deref(), elapsed_ms);
        let outcome = findings.outcome;
        // A line of severity 1 has to say why it is not 0.
        if let (0, Some(first)) = (outcome.severity(), first) {
            line.why = Some(("; but ", first.message.clone()));
            line.act.clone_from(&first.remedy);
        }
        Report {
            ok: outcome.is_ok(),
            action: subject.action,
            outcome,
            headline: line.what.clone(),
            summary: line.bounded(),
            severity: outcome.severity().max(worst),
            retry: repeat::may_help(&findings),
            ask_first: repeat::needs_the_primary(&findings),
            retry_after_seconds: repeat::not_before(&findings),
            cloud: subject.cloud,
            mechanism: subject.mechanism,
            reason: subject.reason.clone(),
            holder_before,
            holder,
            parts: part_lines(&findings, own_name.as_deref()),
            resume: findings.resume,
            member: findings.member,
            elapsed_ms,
            steps: journal.steps(),
            secrets: journal.secrets(),
            checks: findings.checks,
            warnings,
            error: findings.error,
            version: env!("CARGO_PKG_VERSION"),
        }
    }
}

/// JSON with everything beyond ASCII as `\u` escapes; such characters stand only inside strings.
pub fn to_ascii(json: &str) -> String {
    let mut ascii = String::with_capacity(json.len());
    for character in json.chars() {
        if character.is_ascii() && character != '\u{7f}' {
            ascii.push(character);
        } else {
            for unit in character.encode_utf16(&mut [0; 2]) {
                ascii.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    ascii
}

fn part_lines(findings: &Findings, own: Option<&str>) -> Vec<PartLine> {
    let before = |id| findings.before.iter().find(|part| part.id == id).and_then(|part| holder_name(&part.holder, own));
    let lines = findings.after.iter().map(|part| PartLine {
        vip: part.id.vip.clone(),
        part: part.id.part.clone(),
        before: before(part.id.clone()),
        after: holder_name(&part.holder, own),
    });
    lines.collect()
}

/// A cause for a report that has none. No path should lead here, but an operator always gets a cause.
fn without_a_cause(outcome: Outcome) -> Error {
    Error::new(
        Code::Internal,
        format!("the call ended as {outcome:?} and nothing said why"),
        "call Status to see where the VIP is; report this with the whole report",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        check::CheckName,
        vip::{Holder, PartId},
    };
    use std::time::Duration;

    fn report(parts: usize) -> Report {
        let part = |n: usize, holder: Holder| Part {
            id: PartId { vip: "192.168.255.10/32".into(), part: format!("route rtb-{n}") },
            holder,
        };
        let findings = Findings {
            member: Some(Member {
                instance: Some("i-1".into()),
                interface: Some("eni-me".into()),
                ..Member::default()
            }),
            before: (0..parts).map(|n| part(n, Holder::Other("eni-peer".into()))).collect(),
            after: (0..parts).map(|n| part(n, Holder::ThisMember)).collect(),
            ..Findings::new(Outcome::Moved)
        };
        let journal = Journal::default();
        let step = |n: usize| Step {
            call: "ec2:ReplaceRoute".into(),
            target: format!("rtb-{n}"),
            attempts: 1,
            ms: 20,
            result: "ok".into(),
        };
        (0..parts).map(step).for_each(|step| journal.record(step));
        let subject = Subject {
            action: "acquire",
            reason: "terminal".into(),
            cloud: Some("aws"),
            mechanism: Some("route"),
            vips: "192.168.255.10/32".into(),
        };
        Report::new(&subject, findings, &[], &journal, 143)
    }

    #[test]
    fn the_summary_says_from_where_to_where_and_how_long() {
        assert_eq!(report(2).summary, "VIP 192.168.255.10/32 moved from eni-peer to this member (eni-me) in 143 ms");
    }

    #[test]
    fn a_report_fits_every_bound_or_says_that_it_cannot() {
        let report = report(200);
        let whole = report.render(usize::MAX).expect("unbounded").len();
        for bound in (0..600).step_by(7).chain((600..whole + 10).step_by(397)) {
            let Some(text) = report.render(bound) else {
                assert!(bound < 100, "nothing fits {bound}");
                continue;
            };
            assert!(text.len() <= bound && text.is_ascii());
            let value: Value = serde_json::from_str(&text).expect("valid JSON");
            assert_eq!(value["outcome"], "moved");
            assert_eq!(value.get("truncated").is_some(), text.len() < whole, "bound {bound}");
        }
    }

    /// The next call must not forget it.
    #[test]
    fn what_an_unfinished_call_hands_on_goes_last() {
        let resume = serde_json::json!({ "entries": "x".repeat(3_000) });
        let report = Report { resume: Some(resume.clone()), ..report(200) };
        for bound in [3_200, 3_600, 5_000, 20_000] {
            let value: Value = serde_json::from_str(&report.render(bound).expect("fits")).expect("JSON");
            assert_eq!((&value["resume"], &value["outcome"]), (&resume, &serde_json::json!("moved")), "{bound}");
        }
        let value: Value = serde_json::from_str(&report.render(3_000).expect("fits")).expect("JSON");
        assert_eq!((&value["resume"], &value["action"]), (&Value::Null, &serde_json::json!("acquire")));
    }

    #[test]
    fn steps_go_before_parts() {
        let report = report(200);
        let whole = report.render(usize::MAX).expect("unbounded").len();
        let value: Value = serde_json::from_str(&report.render(whole - 1).expect("fits")).expect("JSON");
        assert_eq!(
            value["steps"][0],
            serde_json::json!({"call": "ec2:ReplaceRoute", "target": "rtb-0", "result": "ok"})
        );
        assert_eq!(value["parts"].as_array().map(Vec::len), Some(200));
    }

    #[test]
    fn everything_beyond_ascii_is_escaped() {
        let ascii = to_ascii("\"Zürich 🚑\u{7f}\"");
        assert!(ascii.is_ascii());
        assert_eq!(serde_json::from_str::<String>(&ascii).expect("JSON"), "Zürich 🚑\u{7f}");
    }

    #[test]
    fn a_warning_raises_the_severity_of_a_success_and_no_more() {
        let report = |names: &[CheckName]| {
            let items: Vec<_> =
                names.iter().map(|name| CheckItem::new(*name, Verdict::Warning, name.as_str(), "x")).collect();
            Report::new(&Subject::default(), Findings::new(Outcome::Moved), &items, &Journal::default(), 1)
        };
        let moved = report(&[CheckName::PublicIp]);
        assert_eq!((moved.severity, moved.ok, moved.warnings.len()), (1, true, 1));
        // No packet reaches the VIP: that goes first.
        for name in
            [CheckName::SourceDestCheck, CheckName::IpForwarding, CheckName::CanIpForward, CheckName::VipNotLocal]
        {
            let moved = report(&[CheckName::PublicIp, name]);
            assert_eq!((moved.severity, moved.ok), (2, true));
            assert!(moved.summary.ends_with(&format!("; but {}; x", name.as_str())), "{}", moved.summary);
        }
    }

    #[test]
    fn what_a_person_must_repair_is_not_marked_for_repetition() {
        let failed = |code| {
            let findings = Findings { error: Some(Error::new(code, "x", "y")), ..Findings::new(Outcome::NotMoved) };
            Report::new(&Subject::default(), findings, &[], &Journal::default(), 1)
        };
        assert!(!failed(Code::Denied).retry);
        assert!(failed(Code::Throttled).retry);
        // With nobody, the VIP is out of reach whatever the cause: the next call carries on.
        let ended = |outcome, code, left_with_nobody| {
            let error = Some(Error::new(code, "x", "y"));
            repeat::may_help(&Findings { error, left_with_nobody, ..Findings::new(outcome) })
        };
        assert!(ended(Outcome::Stranded, Code::Denied, true));
        assert!(ended(Outcome::Partial, Code::Conflict, true) && !ended(Outcome::Partial, Code::Conflict, false));
    }

    #[test]
    fn after_a_loss_or_a_pause_iris_decides_about_the_repeat() {
        let ended = |outcome, code| {
            let findings = Findings { error: Some(Error::new(code, "x", "y")), ..Findings::new(outcome) };
            let report = Report::new(&Subject::default(), findings, &[], &Journal::default(), 1);
            (report.retry, report.ask_first, report.retry_after_seconds, report.severity)
        };
        assert_eq!(ended(Outcome::Lost, Code::Conflict), (true, true, Some(5), 1));
        assert_eq!(ended(Outcome::Unverified, Code::Interrupted), (true, true, Some(10), 2));
        assert_eq!(ended(Outcome::NotMoved, Code::Unavailable), (true, false, None, 2));
        assert_eq!(ended(Outcome::NotMoved, Code::Denied), (false, false, None, 2));
    }

    #[test]
    fn a_repeat_keeps_the_distance_that_the_cloud_asked_for() {
        let error = Error::new(Code::Throttled, "x", "y")
            .with(|details| details.retry_after = Some(Duration::from_millis(700)));
        let findings = Findings { error: Some(error), ..Findings::new(Outcome::NotMoved) };
        let report = Report::new(&Subject::default(), findings, &[], &Journal::default(), 1);
        assert_eq!(report.retry_after_seconds, Some(1));
    }

    #[test]
    fn a_report_that_is_not_ok_has_an_error_with_a_remedy() {
        for outcome in Outcome::ALL {
            let report = Report::new(&Subject::default(), Findings::new(outcome), &[], &Journal::default(), 1);
            assert_eq!(report.error.is_some(), !outcome.is_ok(), "{outcome:?}");
            assert!(report.error.is_none_or(|error| error.remedy.len() > 5), "{outcome:?}");
        }
    }
}
