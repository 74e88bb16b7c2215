//! What all `Describe` actions share: ids, filters, pages.

use super::Query;
use crate::aws::error::{AwsError, Result};
use crate::aws::params::{Filter, lower_first};
use crate::names::digest;

/// The ids that a read asks for.
pub(super) struct Ids {
    /// The name of the list parameter.
    pub(super) parameter: &'static str,
    /// The code for an id that is not there.
    pub(super) not_found: &'static str,
    /// The word for the resource in messages.
    pub(super) noun: &'static str,
}

/// How a resource answers to filters.
pub(super) struct Filters<T> {
    pub(super) known: &'static [&'static str],
    pub(super) accepts: fn(&T, &Filter) -> bool,
}

/// Checks that a resource exists among those whose ids are given.
pub(super) fn not_found(code: &str, noun: &str, id: &str) -> AwsError {
    AwsError::bad(code, format!("The {noun} ID '{id}' does not exist"))
}

/// Whether an id has the form `prefix-` and 8 or 17 hexadecimal digits.
pub(super) fn is_well_formed(id: &str, prefix: &str) -> bool {
    id.strip_prefix(prefix).and_then(|id| id.strip_prefix('-')).is_some_and(|digits| {
        matches!(digits.len(), 8 | 17)
            && digits.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
    })
}

/// Refuses an id that cannot be one.
pub(super) fn check_id(id: &str, prefix: &str, code: &str) -> Result<()> {
    if is_well_formed(id, prefix) { Ok(()) } else { Err(AwsError::bad(code, format!("Invalid id: \"{id}\""))) }
}

/// The resources that a read asks for, by id and by filter.
pub(super) fn select<'w, T>(
    query: &Query,
    ids: &Ids,
    filters: &Filters<T>,
    all: impl Iterator<Item = (&'w str, T)>,
) -> Result<Vec<T>> {
    for filter in query.params.filters() {
        let known = filters.known.contains(&filter.name.as_str())
            || (filters.known.contains(&"tag:") && filter.name.starts_with("tag:"));
        if !known {
            return Err(AwsError::invalid(format!("The filter '{}' is invalid", filter.name)));
        }
    }
    let wanted = query.params.list(ids.parameter);
    let mut found = Vec::new();
    let all: Vec<(&str, T)> = all.collect();
    if let Some(missing) = wanted.iter().find(|id| !all.iter().any(|(known, _)| known == *id)) {
        return Err(not_found(ids.not_found, ids.noun, missing));
    }
    for (id, resource) in all {
        let by_id = wanted.is_empty() || wanted.contains(&id);
        if by_id && query.params.filters().iter().all(|filter| (filters.accepts)(&resource, filter)) {
            found.push(resource);
        }
    }
    Ok(found)
}

/// One page of a result and the token for the next.
pub(super) struct Page<T> {
    pub(super) items: Vec<T>,
    pub(super) next: Option<String>,
}

/// Cuts a result into pages; `most` is the largest page that may be asked for.
pub(super) fn page<T>(query: &Query, ids: &Ids, most: usize, items: Vec<T>) -> Result<Page<T>> {
    let params = query.params;
    let has_ids = !params.list(ids.parameter).is_empty();
    for parameter in ["MaxResults", "NextToken"] {
        if has_ids && params.get(parameter).is_some() {
            let message = format!(
                "The parameter {} cannot be used with the parameter {}",
                lower_first(ids.parameter),
                lower_first(parameter)
            );
            return Err(AwsError::combination(message));
        }
    }
    let asked = match params.get("MaxResults") {
        None => None,
        Some(text) => Some(text.parse::<usize>().ok().filter(|size| (5..=most).contains(size)).ok_or_else(|| {
            let message = format!("Value ( {text} ) for parameter maxResults is invalid. It must be 5 to {most}.");
            AwsError::invalid(message)
        })?),
    };
    let stamp = format!("{:016x}+/", digest(&[query.action]));
    let offset = match params.get("NextToken") {
        None => 0,
        Some(token) => token
            .strip_prefix(&stamp)
            .and_then(|rest| rest.strip_suffix("==")?.parse::<usize>().ok())
            .ok_or_else(|| AwsError::bad("InvalidNextToken", format!("The token '{token}' is invalid")))?,
    };
    let forced = query.forced_page.filter(|_| !has_ids);
    let size = forced.unwrap_or(usize::MAX).min(asked.unwrap_or(most.min(100)));
    let size = if has_ids { usize::MAX } else { size };
    let total = items.len();
    let items: Vec<T> = items.into_iter().skip(offset).take(size).collect();
    let end = offset + items.len();
    // Under force a full page has a token even if nothing follows, as EC2 may do: the last page is then empty.
    let more = end < total || (forced.is_some() && items.len() == size);
    Ok(Page { items, next: more.then(|| format!("{stamp}{end}==")) })
}
