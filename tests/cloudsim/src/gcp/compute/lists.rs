//! Lists and aggregated lists: filters, pages, scopes without results.

use serde_json::{Map, Value, json};

use super::super::error::{ApiError, Result};
use super::filters::Filter;
use super::{Asked, answers};
use crate::server::Answer;

/// The largest page, and the usual one.
const PAGE: usize = 500;

/// One kind of list.
pub(super) struct List {
    /// The path of the list, which is its id.
    pub(super) path: String,
    /// `instances` and so on.
    pub(super) name: &'static str,
    pub(super) schema: &'static str,
}

impl List {
    pub(super) fn plain(&self, asked: &Asked, link: &str, resources: Vec<Value>) -> Result<Answer> {
        let (page, next) = self.page(asked, resources)?;
        let kind = format!("compute#{}List", lower_first(self.schema));
        let mut body = json!({ "kind": kind, "id": self.path, "selfLink": link });
        if !page.is_empty() {
            body["items"] = page.into();
        }
        if let Some(token) = next {
            body["nextPageToken"] = token.into();
        }
        Ok(answers::json(&body))
    }

    /// Resources in the scopes (`zones/z`) that they are in; each scope is shown, with a warning where it has none.
    pub(super) fn aggregated(
        &self,
        asked: &Asked,
        link: &str,
        scopes: &[String],
        resources: Vec<Value>,
        scope_of: impl Fn(&Value) -> String,
    ) -> Result<Answer> {
        let (page, next) = self.page(asked, resources)?;
        let mut items = Map::new();
        for scope in scopes {
            let here: Vec<Value> = page.iter().filter(|resource| scope_of(resource) == *scope).cloned().collect();
            let shown = if here.is_empty() {
                json!({ "warning": {
                    "code": "NO_RESULTS_ON_PAGE",
                    "message": format!("There are no results for scope '{scope}' on this page."),
                    "data": [{ "key": "scope", "value": scope }],
                } })
            } else {
                json!({ self.name: here })
            };
            items.insert(scope.clone(), shown);
        }
        let kind = format!("compute#{}AggregatedList", lower_first(self.schema));
        let mut body = json!({ "kind": kind, "id": self.path, "items": items, "selfLink": link });
        if let Some(token) = next {
            body["nextPageToken"] = token.into();
        }
        Ok(answers::json(&body))
    }

    /// What the filter lets through of the page that is asked for, and the token of the next.
    fn page(&self, asked: &Asked, resources: Vec<Value>) -> Result<(Vec<Value>, Option<String>)> {
        let filter = Filter::parse(asked.query("filter").unwrap_or_default(), self.schema)?;
        if let Some(order) = asked.query("orderBy").filter(|order| *order != "name") {
            return Err(ApiError::invalid("orderBy", order, "Only 'name' is simulated."));
        }
        let size =
            match asked.query("maxResults") {
                None => PAGE,
                Some(text) => text.parse().ok().filter(|size| (0..=PAGE).contains(size)).ok_or_else(|| {
                    ApiError::invalid("maxResults", text, "Acceptable values are 0 to 500, inclusive.")
                })?,
            };
        // As in the reference: zero is as if nothing were said.
        let size = if size == 0 { PAGE } else { size };
        let forced = asked.shared.faults.forced_page_size();
        let size = forced.unwrap_or(size).min(size);
        let start = match asked.query("pageToken").filter(|token| !token.is_empty()) {
            None => 0,
            Some(token) => {
                let refuse = || ApiError::invalid("pageToken", token, "Invalid page token.");
                token.strip_prefix("simulated-").and_then(|n| n.parse().ok()).ok_or_else(refuse)?
            }
        };
        let mut found: Vec<Value> =
            resources.into_iter().filter(|resource| filter.lets_through(resource)).skip(start).collect();
        // Forced pages always promise more, so that the last may be empty.
        let more = found.len() > size || forced.is_some() && found.len() == size;
        found.truncate(size);
        Ok((found, more.then(|| format!("simulated-{}", start + size))))
    }
}

fn lower_first(text: &str) -> String {
    text[..1].to_lowercase() + &text[1..]
}
