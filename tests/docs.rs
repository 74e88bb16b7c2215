//! What the documentation says is true: its JSON parses, its configurations are accepted, each code and outcome is
//! described, its links lead somewhere, and the quick start is what it has to be.

mod contributing;
mod field_reports;
#[cfg(all(feature = "aws", feature = "azure", feature = "gcp"))]
mod schema;

use mirrorvip_core::{
    check::{CheckItem, CheckName, Verdict},
    config::Config,
    error::{Code, Error},
    journal::{Journal, Step},
    outcome::Outcome,
    report::{Report, Subject},
    takeover::Findings,
    vip::{Holder, Member, Part, PartId},
};
use serde_json::Value;
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn pages() -> Vec<(PathBuf, String)> {
    let mut paths =
        ["CHANGELOG.md", "CONTRIBUTING.md", "README.md", "SECURITY.md"].map(|name| root().join(name)).to_vec();
    for folder in ["docs", "docs/decisions"] {
        let entries = fs::read_dir(root().join(folder)).expect("a folder");
        paths.extend(entries.map(|entry| entry.expect("an entry").path()));
    }
    let pages = paths.into_iter().filter(|path| path.extension().is_some_and(|extension| extension == "md"));
    pages.map(|path| (path.clone(), fs::read_to_string(path).expect("a page"))).collect()
}

/// The fenced blocks of a page: language and text.
fn blocks(page: &str) -> Vec<(String, String)> {
    let mut blocks = Vec::new();
    let mut open: Option<(String, String)> = None;
    for line in page.lines() {
        let fence = line.trim_start().strip_prefix("```");
        match (fence, &mut open) {
            (Some(language), None) => open = Some((language.trim().to_owned(), String::new())),
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (None, Some((_, text))) => text.push_str(&format!("{line}\n")),
            (None, None) => {}
        }
    }
    blocks
}

/// Each JSON in the pages that is a configuration, or carries one, with the page's name.
fn configurations() -> Vec<(String, Value)> {
    let mut found = Vec::new();
    for (path, page) in pages() {
        for (_, text) in blocks(&page).into_iter().filter(|(language, _)| language == "json") {
            let value: Value =
                serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}\n{text}", path.display()));
            let configuration = match value.get("config") {
                Some(inner @ Value::Object(_)) => inner.clone(),
                _ => value,
            };
            let has = |key| configuration.get(key).is_some();
            if has("cloud") && has("vip") && !has("outcome") {
                found.push((path.display().to_string(), configuration));
            }
        }
    }
    found
}

#[test]
fn every_json_parses_and_every_configuration_is_accepted() {
    let configurations = configurations();
    for (place, configuration) in &configurations {
        // A file that an example names stands on no other machine.
        let text = configuration.to_string().replace("/etc/ssl/certs/", "/no/such/");
        if let Err(error) = Config::parse(&text, "the example") {
            assert!(error.message.contains("caBundle"), "{place}: {error}\n{text}");
        }
    }
    assert!(configurations.len() >= 5, "{configurations:#?}");
}

#[test]
fn every_code_and_outcome_is_described() {
    let page = fs::read_to_string(root().join("docs/errors.md")).expect("docs/errors.md");
    for code in Code::ALL {
        assert!(page.contains(&format!("`{}`", code.as_str())), "{} is not described", code.as_str());
    }
    for outcome in Outcome::ALL {
        let outcome = serde_json::to_value(outcome).expect("a word");
        let outcome = outcome.as_str().expect("text");
        assert!(page.contains(&format!("`{outcome}`")), "{outcome} is not described");
    }
    for name in CheckName::ALL.map(CheckName::as_str) {
        let described = [format!("`{name}`"), format!("`{name} …`")].iter().any(|text| page.contains(text));
        assert!(described, "{name} is not described");
    }
}

/// The paths of all keys in a report: `error.code`, `parts.vip`.
fn keys(value: &Value, path: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                found.insert(path.clone());
                keys(value, &path, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| keys(item, path, found)),
        _ => {}
    }
}

/// A report with something in every field, as the core renders it.
fn full_report() -> Value {
    let part = |holder| Part { id: PartId { vip: "10.0.0.250/32".into(), part: "route rtb-1".into() }, holder };
    let error = Error::new(Code::Denied, "no", "allow it");
    let warning = CheckItem::new(CheckName::SourceDestCheck, Verdict::Warning, "on", "turn it off");
    let findings = Findings {
        member: Some(Member { instance: Some("i-1".into()), ..Member::default() }),
        before: vec![part(Holder::Nobody)],
        after: vec![part(Holder::ThisMember)],
        checks: Some(vec![CheckItem::failed(CheckName::Identity, &error)]),
        error: Some(error),
        remarks: vec![warning],
        ..Findings::new(Outcome::Partial)
    };
    let journal = Journal::default();
    journal.record(Step {
        call: "ec2:ReplaceRoute".into(),
        target: "rtb-1".into(),
        attempts: 1,
        ms: 1,
        result: "ok".into(),
    });
    let report = Report::new(&Subject::default(), findings, &[], &journal, 1);
    let whole = report.render(usize::MAX).expect("no bound");
    // One that is a byte too long says that it was shortened.
    let short: Value = serde_json::from_str(&report.render(whole.len() - 1).expect("fits")).expect("JSON");
    let mut whole: Value = serde_json::from_str(&whole).expect("JSON");
    whole["truncated"] = short["truncated"].clone();
    whole
}

#[test]
fn every_field_of_the_report_is_described_and_no_other() {
    let page = fs::read_to_string(root().join("docs/report.md")).expect("docs/report.md");
    let section = page.split("\n## Fields\n").nth(1).expect("a section");
    let rows = section.lines().filter(|line| line.starts_with("| `"));
    let described: BTreeSet<String> = rows.filter_map(|row| Some(row.split('`').nth(1)?.to_owned())).collect();
    let mut written = BTreeSet::new();
    keys(&full_report(), "", &mut written);
    assert_eq!(described, written);
}

/// Each text that a routine writes into messages.log by itself begins a row of the table, with its severity.
#[test]
fn every_line_of_the_routines_is_described() {
    let page = fs::read_to_string(root().join("docs/operations.md")).expect("docs/operations.md");
    let rows: Vec<&str> = page.lines().filter(|line| line.starts_with("| `")).collect();
    let mut lines = 0;
    for file in ["ZMIRROR.mac", "ZMIRRORVIP.mac", "ZSTART.mac", "ZSTOP.mac"] {
        let text = fs::read_to_string(root().join("objectscript").join(file)).expect(file);
        for call in text.lines().filter_map(|line| line.split("do WriteLine(").nth(1)) {
            // What is not a text of its own is a report's.
            let Some((severity, rest)) = call.split_once(", \"").filter(|(severity, _)| severity.len() == 1) else {
                continue;
            };
            let words = rest.split(['"', ';']).next().expect("a first part").trim();
            lines += 1;
            let known = rows.iter().find(|row| row.contains(words));
            let row =
                known.unwrap_or_else(|| panic!("{file} writes {words:?}, which docs/operations.md does not describe"));
            assert!(row.contains(&format!("| {severity} |")), "{words:?} has severity {severity}: {row}");
        }
        for line in text.lines().filter_map(|line| line.split("set text = \"mirrorvip: ").nth(1)) {
            let words = line.split('"').next().expect("a first part").split(':').next().expect("one").trim();
            lines += 1;
            assert!(rows.iter().any(|row| row.contains(words)), "{file} writes {words:?}");
        }
    }
    assert!(lines >= 15, "{lines} lines were found");
}

#[test]
fn the_quick_start_is_two_commands_of_one_line() {
    let page = fs::read_to_string(root().join("README.md")).expect("README.md");
    let section = page.split("\n## Quick start\n").nth(1).expect("a section").split("\n## ").next().expect("its text");
    let commands = blocks(section);
    assert_eq!(commands.len(), 2, "{commands:?}");
    for (_, command) in &commands {
        assert_eq!(command.trim().lines().count(), 1, "{command}");
    }
    assert!(commands[0].1.contains("--example failover") && commands[1].1.contains("cargo test"));
}

/// The role files that are to be copied are those that the page explains.
#[test]
fn the_roles_of_gcp_are_the_files() {
    let page = fs::read_to_string(root().join("docs/install-gcp.md")).expect("docs/install-gcp.md");
    let shown: Vec<String> =
        blocks(&page).into_iter().filter(|(language, _)| language == "yaml").map(|(_, text)| text).collect();
    let files = ["gcp-alias-ip", "gcp-route"].map(|name| {
        fs::read_to_string(root().join(format!("docs/roles/{name}.yaml")))
            .unwrap_or_else(|error| panic!("{name}: {error}"))
    });
    assert_eq!(shown, files);
    // What the page explains, the role has.
    for word in page.split('`').filter(|word| word.starts_with("compute.") && word.matches('.').count() == 2) {
        let known = files.iter().any(|file| file.contains(&format!("- {word}\n")));
        assert!(known || word.contains("googleapis"), "{word} is in no role");
    }
}

#[test]
fn links_lead_somewhere() {
    for (path, page) in pages() {
        for target in page.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = target.split('#').next().expect("a first part");
            if file.is_empty() || file.contains("://") {
                continue;
            }
            let there = path.parent().expect("a folder").join(file);
            assert!(there.exists(), "{} links to {target}", path.display());
        }
    }
}
