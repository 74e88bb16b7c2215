//! A report within the host's bound: what it loses first, and what last.

use super::{Report, to_ascii};
use serde_json::{Map, Value, json};

impl Report {
    /// The report as JSON of at most `bound` bytes: step details go first, then the steps, the parts, the checks and the warnings;
    /// then all that a script does not need; `resume`, which the next call must not forget, goes last. `None` when not even the
    /// smallest report fits.
    pub fn render(&self, bound: usize) -> Option<String> {
        let text = serde_json::to_string(self).ok()?;
        let hides = self.secrets.clean(&text).is_some();
        let text = to_ascii(&text);
        if text.len() <= bound && !hides {
            return Some(text);
        }
        let mut whole = serde_json::to_value(self).ok()?;
        if hides {
            self.secrets.clean_value(&mut whole);
        }
        let Value::Object(mut whole) = whole else { return None };
        whole.insert("truncated".into(), true.into());
        for step in whole.get_mut("steps").and_then(Value::as_array_mut).into_iter().flatten() {
            if let Some(step) = step.as_object_mut() {
                step.retain(|key, _| !matches!(key.as_str(), "attempts" | "ms"));
            }
        }
        let mut shorter = within(&whole, bound);
        for list in ["steps", "parts", "checks", "warnings"] {
            if shorter.is_some() {
                return shorter;
            }
            if let Some(list) = whole.get_mut(list) {
                *list = json!([]);
            }
            shorter = within(&whole, bound);
        }
        if shorter.is_some() {
            return shorter;
        }
        let resume = whole.insert("resume".into(), Value::Null).filter(|resume| !resume.is_null());
        let with_resume = resume.and_then(|resume| self.shortest(&whole, Some(resume), bound));
        with_resume.or_else(|| within(&whole, bound)).or_else(|| self.shortest(&whole, None, bound))
    }

    /// What a script needs first; then whatever of the rest still fits.
    fn shortest(&self, whole: &Map<String, Value>, resume: Option<Value>, bound: usize) -> Option<String> {
        let mut short = Map::new();
        let known = |key: &str| whole.get(key).cloned().unwrap_or_default();
        for key in ["ok", "outcome", "severity", "retry", "askFirst", "truncated"] {
            short.insert(key.into(), known(key));
        }
        if let Some(resume) = resume {
            short.insert("resume".into(), resume);
        }
        let mut text = within(&short, bound)?;
        let error = self.error.as_ref().map(|error| json!({ "code": error.code }));
        let summary = whole.get("summary").and_then(Value::as_str).unwrap_or_default();
        let summary: String = summary.chars().take(bound / 8).collect();
        let more = [
            ("error", error.into()),
            ("action", self.action.into()),
            ("version", self.version.into()),
            ("summary", summary.into()),
            ("retryAfterSeconds", known("retryAfterSeconds")),
            ("error", known("error")),
        ];
        for (key, value) in more {
            short.insert(key.into(), value);
            match within(&short, bound) {
                Some(longer) => text = longer,
                None => break,
            }
        }
        Some(text)
    }
}

/// The object as ASCII, if it fits.
fn within(object: &Map<String, Value>, bound: usize) -> Option<String> {
    let text = serde_json::to_string(object).ok()?;
    Some(to_ascii(&text)).filter(|text| text.len() <= bound)
}
