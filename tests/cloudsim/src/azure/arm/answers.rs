//! Answers in the shapes of Resource Manager.

use serde_json::Value;

use super::super::error::ArmError;
use super::super::operations::Style;
use super::{Asked, JSON};
use crate::server::Answer;

pub(super) fn json(status: u16, body: &Value) -> Answer {
    Answer::new(status, JSON, body.to_string())
}

/// A resource, with its version in the header too.
pub(super) fn resource(status: u16, body: &Value) -> Answer {
    let mut answer = json(status, body);
    answer.headers.extend(body["etag"].as_str().map(|etag| ("etag".into(), etag.into())));
    answer
}

pub(super) fn refusal(error: &ArmError) -> Answer {
    let mut answer = json(error.status, &error.envelope());
    answer.headers.extend(error.headers.iter().cloned());
    Answer { code: Some(error.code.clone()), ..answer }
}

/// The answer to a write that goes on as this operation. The Network provider answers 200 or 201 and leaves it to the
/// header and the state to say so: <https://github.com/Azure/azure-rest-api-specs/issues/1220>,
/// <https://learn.microsoft.com/azure/azure-resource-manager/management/async-operations>.
pub(super) fn accepted(asked: &Asked, location: &str, status: u16, body: Option<&Value>, operation: &str) -> Answer {
    let url = |kind: &str| {
        let padding = if asked.orders.long_urls { format!("&c={}", "A".repeat(3800)) } else { String::new() };
        format!(
            "{}/subscriptions/{}/providers/Microsoft.Network/locations/{location}/{kind}/{operation}?api-version={}{padding}",
            asked.base, asked.path.subscription, asked.version
        )
    };
    let style = asked.orders.style;
    let mut answer = match (style, body) {
        (Style::Finished, None) => return Answer::new(200, JSON, ""),
        (Style::LocationOnly, _) | (_, None) => Answer::new(202, JSON, ""),
        (_, Some(body)) => resource(status, body),
    };
    if style == Style::AzureAsyncOperation {
        answer.headers.push(("azure-asyncoperation".into(), url("operations")));
    }
    if style == Style::AzureAsyncOperation || answer.status == 202 {
        answer.headers.push(("location".into(), url("operationResults")));
        answer.headers.extend(retry_after(asked));
    }
    answer
}

pub(super) fn retry_after(asked: &Asked) -> Option<(String, String)> {
    asked.orders.retry_after.map(|seconds| ("retry-after".into(), seconds.to_string()))
}
