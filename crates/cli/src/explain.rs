//! What a code means: the words of docs/errors.md, the page that `do Explain^ZMIRRORVIP` reads as well.

use crate::{exit::Exit, output};

const PAGE: &str = include_str!("../../../docs/errors.md");

/// Explains one code, or names them all.
pub fn run(code: Option<&str>) -> Exit {
    let Some(code) = code else {
        return output::only(&(codes().join("\n") + "\n"));
    };
    match explain(code) {
        Some(text) => output::only(&(text + "\n")),
        None => {
            output::tell(&format!("nothing is known of {code}; `mirrorvip explain` lists what there is"));
            Exit::Usage
        }
    }
}

/// The section of a code, or the row of an outcome.
fn explain(code: &str) -> Option<String> {
    section(code).or_else(|| outcome(code))
}

/// The heading of a code names it, alone or beside others of the same meaning.
fn section(code: &str) -> Option<String> {
    let mut lines = PAGE.lines().skip_while(|line| !named(line).contains(&code));
    let heading = lines.next()?;
    let text = lines.take_while(|line| !line.starts_with('#'));
    let all: Vec<&str> = std::iter::once(heading.trim_start_matches(['#', ' '])).chain(text).collect();
    Some(plain(all.join("\n").trim_end()))
}

/// The codes in a heading. Where the name of something follows a code, the heading has an ellipsis.
fn named(line: &str) -> Vec<&str> {
    let Some(heading) = line.strip_prefix("### ") else { return Vec::new() };
    heading.split('`').skip(1).step_by(2).map(|code| code.trim_end_matches(" \u{2026}")).collect()
}

fn outcome(code: &str) -> Option<String> {
    let row = PAGE.lines().find(|line| cells(line).is_some_and(|cells| cells[1] == format!("`{code}`")))?;
    let cells = cells(row)?;
    Some(plain(&format!("{code}: {}\nWhat to do: {}", cells[3], cells[4])))
}

/// Call, outcome, ok, meaning, what to do.
fn cells(line: &str) -> Option<[&str; 5]> {
    let cells: Vec<&str> = line.strip_prefix('|')?.strip_suffix('|')?.split('|').map(str::trim).collect();
    cells.try_into().ok()
}

/// Without the signs of Markdown; a link is the name of its page.
fn plain(text: &str) -> String {
    let mut rest = text;
    let mut plain = String::new();
    while let Some((before, link)) = rest.split_once('[') {
        plain.push_str(before);
        rest = link;
        let whole = link.split_once("](").and_then(|(words, target)| Some((words, target.split_once(')')?)));
        let Some((words, (target, after))) = whole.filter(|(words, _)| !words.contains(['[', ']'])) else {
            plain.push('[');
            continue;
        };
        let page = target.split('#').next().unwrap_or_default();
        let is_named = words == page || page.is_empty();
        plain.push_str(&if is_named { words.to_owned() } else { format!("{words} ({page})") });
        rest = after;
    }
    plain.push_str(rest);
    plain.replace('`', "")
}

/// Everything that can be explained.
fn codes() -> Vec<String> {
    let outcomes = PAGE.lines().filter_map(cells).map(|cells| cells[1].trim_matches('`'));
    let outcomes =
        outcomes.filter(|word| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'));
    let sections = PAGE.lines().flat_map(named);
    let mut all: Vec<String> = Vec::new();
    for code in outcomes.chain(sections) {
        if explain(code).is_some() && !all.iter().any(|known| known == code) {
            all.push(code.to_owned());
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use mirrorvip_core::{check::CheckName, error::Code, outcome::Outcome};

    #[test]
    fn every_code_outcome_and_warning_is_explained() {
        let codes = Code::ALL.iter().map(|code| code.as_str());
        let names = codes.chain(CheckName::ALL.iter().map(|name| name.as_str())).map(str::to_owned);
        let outcomes =
            Outcome::ALL.iter().map(|outcome| serde_json::json!(outcome).as_str().unwrap_or_default().to_owned());
        for name in &names.chain(outcomes).collect::<Vec<_>>() {
            let text = explain(name).unwrap_or_else(|| panic!("nothing explains {name}"));
            assert!(
                text.lines().next().is_some_and(|first| first.contains(name.as_str())) && text.len() > name.len() + 20,
                "{name}: {text}"
            );
            assert!(!text.contains('`') && !text.contains("]("), "{name}: {text}");
            assert!(super::codes().iter().any(|known| known == name), "{name} is not listed");
        }
        assert_eq!(plain("see [a page](b.md#c), [d.md](d.md), [e] and [f](#g)"), "see a page (b.md), d.md, [e] and f");
        assert_eq!(explain("nonsense"), None);
        assert_eq!(explain(""), None);
    }
}
