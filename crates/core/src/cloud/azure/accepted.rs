//! What the answer to a change says: that it is done, or which operation to wait for.
//!
//! Source: "Track asynchronous Azure operations" (Microsoft Learn): `Azure-AsyncOperation` first, else `Location`, else
//! `properties.provisioningState`.

use super::id::Id;
use crate::net::transport::Response;
use serde_json::Value;

/// Marks the URL of a `Location`, which answers in another way than the URL of an operation.
const LOCATION: &str = "location ";

/// An accepted change: done already, or an operation to wait for.
pub struct Accepted {
    /// What shows the end.
    pub watched: Watched,
    /// The resource.
    pub id: Id,
    /// The method of the change.
    pub kind: &'static str,
}

/// What shows the end of a change.
pub enum Watched {
    /// The change is done.
    Nothing,
    /// The URL of its operation.
    Operation(String),
    /// A URL that answers 202 while it goes on.
    Location(String),
    /// The state of the resource itself.
    Resource,
}

impl Accepted {
    /// What the response to a change says about its operation.
    pub fn new(answer: &Response, body: &Value, id: &Id, kind: &'static str) -> Self {
        let text = |name: &str| answer.header(name).map(str::to_owned);
        let state = body.pointer("/properties/provisioningState").and_then(Value::as_str);
        // The network provider answers 200 or 201 while its operation runs: the headers count, the status does not.
        let watched = match (text("azure-asyncoperation"), text("location")) {
            (Some(url), _) => Watched::Operation(url),
            (None, Some(url)) if answer.status == 202 => Watched::Location(url),
            _ if state.is_some_and(|state| state != "Succeeded") => Watched::Resource,
            _ => Watched::Nothing,
        };
        Accepted { watched, id: id.clone(), kind }
    }

    /// Whether nothing is left to wait for.
    pub fn is_done(&self) -> bool {
        matches!(self.watched, Watched::Nothing)
    }

    /// What names its operation; [`Accepted::of_operation`] reads it.
    pub fn operation(&self) -> Option<String> {
        match &self.watched {
            Watched::Operation(url) => Some(url.clone()),
            Watched::Location(url) => Some(format!("{LOCATION}{url}")),
            Watched::Resource | Watched::Nothing => None,
        }
    }

    /// The change that has this operation.
    pub fn of_operation(operation: &str) -> Self {
        let watched = match operation.strip_prefix(LOCATION) {
            Some(url) => Watched::Location(url.to_owned()),
            None => Watched::Operation(operation.to_owned()),
        };
        Accepted { watched, id: Id::from_text(operation), kind: "unseen" }
    }

    /// The operation of an earlier call: the resource's own state shows its end.
    pub fn running(id: &Id) -> Self {
        Accepted { watched: Watched::Resource, id: id.clone(), kind: "earlier" }
    }
}
