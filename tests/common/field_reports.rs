//! The rows of docs/field-reports.md, which say what a report has to be in a situation that somebody met. The page is the
//! expectation: a test plays the situation and holds the report against its row.

use serde_json::Value;
use std::{fs, path::Path};

/// One situation, and what the report says of it.
#[derive(Debug, Clone)]
pub struct Row {
    /// For example `AWS-1`.
    pub id: String,
    pub outcome: String,
    /// The error's code; `-` where there is no error.
    pub code: String,
    /// `true` or `false`.
    pub retry: String,
    /// What the message, the remedy, a warning or an item of the check has to say.
    pub words: Vec<String>,
    /// The test that plays it, as `aws::field_reports::name`.
    pub test: String,
}

/// Every row of the page.
///
/// # Panics
/// If a row of the page is malformed.
pub fn rows() -> Vec<Row> {
    table("docs/field-reports.md").iter().map(|line| row_of(line)).collect()
}

/// The rows of a page that begin with the id of a situation.
fn table(page: &str) -> Vec<String> {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(page)).expect("a page");
    let is_row = |line: &&str| ["| AWS-", "| AZ-", "| GCP-"].iter().any(|start| line.starts_with(start));
    text.lines().filter(is_row).map(str::to_owned).collect()
}

fn row_of(line: &str) -> Row {
    let cells: Vec<&str> =
        line.trim_matches('|').split(" | ").map(|cell| cell.trim().trim_matches('|').trim()).collect();
    let [id, _situation, outcome, code, retry, words, test, _source] = cells[..] else {
        panic!("a row has eight cells: {line}");
    };
    let quoted = |cell: &str| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
    let one = |cell: &str| quoted(cell).pop().unwrap_or_else(|| cell.to_owned());
    Row {
        id: id.to_owned(),
        outcome: one(outcome),
        code: one(code),
        retry: retry.to_owned(),
        words: quoted(words),
        test: one(test),
    }
}

/// The report is what its row says.
///
/// # Panics
/// If it is not.
#[track_caller]
pub fn told(id: &str, report: &Value) {
    let row = rows().into_iter().find(|row| row.id == id).unwrap_or_else(|| panic!("{id} is no row"));
    let code = report["error"]["code"].as_str().unwrap_or("-");
    let retry = report["retry"].to_string();
    assert_eq!(
        (report["outcome"].as_str().unwrap_or_default(), code, retry.as_str()),
        (row.outcome.as_str(), row.code.as_str(), row.retry.as_str()),
        "{id}: {report:#}"
    );
    let remedy = report["error"]["remedy"].as_str().unwrap_or_default();
    let only_repeats = ["call again", "call Acquire", "call Release"].iter().any(|start| remedy.starts_with(start));
    let is_told_of_another_call = report["action"] == "status" && remedy.starts_with("call Acquire");
    assert!(
        report["retry"] == true || !only_repeats || is_told_of_another_call,
        "{id}: a repeat is of no use: {report:#}"
    );
    let said = ["summary", "error", "warnings", "checks"].map(|member| report[member].to_string()).join("\n");
    if let Some(line) = lines().into_iter().find(|line| line.id == id) {
        let line_said = report["summary"].as_str().unwrap_or_default();
        let said = plain(line_said);
        let has_as_much_room = said.len() == line_said.len();
        let is_it = said == line.text || !has_as_much_room && are_alike(&said, &line.text);
        assert!(is_it, "{id} of docs/lines.md:\n{}\nbut the line is:\n{said}", line.text);
    }
    for words in &row.words {
        assert!(said.contains(words.as_str()), "{id}: nothing says {words:?}: {report:#}");
    }
}

/// A line that the operator sees in one of these situations, as docs/lines.md has it.
#[derive(Debug, Clone)]
pub struct Line {
    /// The situation's row.
    pub id: String,
    pub text: String,
    /// What the line should lead to.
    pub act: String,
}

/// Every line of the page.
///
/// # Panics
/// If a row of the page is malformed.
pub fn lines() -> Vec<Line> {
    let line = |row: String| {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        let [id, text, act] = cells[..] else { panic!("a row has three cells: {row}") };
        Line { id: id.to_owned(), text: text.to_owned(), act: act.to_owned() }
    };
    table("docs/lines.md").into_iter().map(line).collect()
}

/// Whether two lines are the same, but for how much of a cut sentence is there: a duration of more digits than two leaves less
/// room.
fn are_alike(one: &str, other: &str) -> bool {
    let (one, other): (Vec<&str>, Vec<&str>) = (one.split("...").collect(), other.split("...").collect());
    let last = one.len() - 1;
    let is_alike = |(n, (one, other)): (usize, (&&str, &&str))| {
        one == other
            || n < last && (one.starts_with(other) || other.starts_with(one)) && one.len().abs_diff(other.len()) < 20
    };
    one.len() == other.len() && one.iter().zip(&other).enumerate().all(is_alike)
}

/// The line with 12 ms for each duration.
fn plain(line: &str) -> String {
    let words: Vec<&str> = line.split(' ').collect();
    let is_number = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit());
    let is_duration =
        |n: usize, word: &str| is_number(word) && words.get(n + 1).is_some_and(|next| next.starts_with("ms"));
    let word = |(n, word): (usize, &&str)| if is_duration(n, word) { "12".to_owned() } else { (*word).to_owned() };
    words.iter().enumerate().map(word).collect::<Vec<_>>().join(" ")
}
