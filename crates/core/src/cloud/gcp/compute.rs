//! The Compute Engine API: authenticated reads and changes of untyped JSON.
//!
//! Source: "Method: instances.updateNetworkInterface" and its neighbours (Compute Engine API reference, v1). A change carries a
//! `requestId`, under which the server makes it once, however often it is sent.

use super::{
    error::{self, Bound},
    metadata::Metadata,
    path::Path,
    running::{Operation, Running, name_of},
};
use crate::{
    cloud::peers::share_of,
    deadline::Deadline,
    error::{Code, Error, Result},
    fate::Fate,
    net::{
        bearer::{Bearer, Tokens, json_of, send},
        retry::{Caller, Kind},
        secret::Secret,
        transport::{Client, Request, Response},
    },
};
use http::Method;
use serde_json::Value;
use std::{cell::Cell, rc::Rc};
use tokio::time::Instant;

pub struct Compute {
    pub http: Client,
    /// Where requests go, without a slash at the end.
    endpoint: String,
    pub bearer: Bearer<ServiceAccount>,
    pub running: Running,
}

pub struct ServiceAccount(Rc<Metadata>);

impl Tokens for ServiceAccount {
    async fn fetch(&self, caller: &Caller) -> Result<Secret> {
        self.0.token(caller).await
    }
}

/// One change, ready to be sent.
pub struct Order<'a> {
    /// The API's own name of the method, for example `instances.addAccessConfig`.
    pub call: &'static str,
    pub method: Method,
    /// What it works on.
    pub on: &'a Path,
    /// The path to send it to, below [`Order::on`] or beside it.
    pub to: String,
    pub query: Vec<(&'static str, String)>,
    pub body: Option<Value>,
}

/// As errors name it.
const NAME: &str = "Compute Engine";

const PARTIAL: &str = "returnPartialSuccess";

/// The zones that a list over all of them is asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Zones {
    All,
    ThatAnswer,
}

/// A bound on the pages of a list that was filtered down to a few names.
const MOST_PAGES: usize = 100;

impl Compute {
    pub fn new(http: Client, endpoint: &str, metadata: Rc<Metadata>, caller: Caller) -> Self {
        let endpoint = endpoint.trim_end_matches('/');
        Compute {
            http,
            endpoint: endpoint.strip_suffix("/compute/v1").unwrap_or(endpoint).to_owned(),
            bearer: Bearer::new(ServiceAccount(metadata), caller),
            running: Running::default(),
        }
    }

    pub fn deadline(&self) -> &Deadline {
        self.bearer.deadline()
    }

    pub async fn prepare(&self) -> Result<()> {
        self.bearer.prepare().await
    }

    pub async fn get(&self, call: &str, path: &Path) -> Result<Value> {
        self.get_by(self.bearer.caller(), call, path).await
    }

    async fn get_by(&self, caller: &Caller, call: &str, path: &Path) -> Result<Value> {
        let is_resource = |body: &Value| !is_error(body) && body.as_object().is_some_and(|fields| !fields.is_empty());
        self.read(caller, call, path.name(), path.as_str(), &[], is_resource).await
    }

    /// The same of what may be in a zone that is lost.
    pub async fn get_share_of(&self, call: &str, path: &Path) -> Result<Value> {
        let name = format!("compute:{call} on {path}");
        share_of(self.bearer.caller(), &name, async |caller: Caller| self.get_by(&caller, call, path).await).await
    }

    /// One page of a plain list. One without results has no `items`.
    pub async fn list(&self, call: &str, target: &str, path: &str, filter: &str, page: &str) -> Result<Value> {
        let query = page_of(filter, page);
        let is_list = |body: &Value| {
            let kind = body.get("kind").and_then(Value::as_str);
            let of_lists = kind.is_none_or(|kind| kind.ends_with("List"));
            body.is_object() && !is_error(body) && of_lists && body.get("items").is_none_or(Value::is_array)
        };
        self.read(self.bearer.caller(), call, target, path, &query, is_list).await
    }

    /// Reads from any path, with a query, what has the expected form.
    async fn read(
        &self,
        caller: &Caller,
        call: &str,
        target: &str,
        path: &str,
        query: &[(&str, &str)],
        has_form: impl Fn(&Value) -> bool,
    ) -> Result<Value> {
        let attempt = async |token: &Secret| {
            let request = Request::get(&self.url(path))?.query(query);
            of_form(read_json(&send(Kind::Read, &self.http, request, token).await?)?, &has_form)
        };
        self.bearer.call_by(caller, Kind::Read, &format!("compute:{call}"), target, attempt).await
    }

    /// One page of a list over all zones. After a first failure it is asked for again without the zones that do not answer
    /// (`returnPartialSuccess`), because one of them may be the very reason for this takeover. A server that refuses the
    /// parameter is asked without it from then on.
    pub async fn aggregated(&self, project: &str, names: &str, filter: &str, page: &str) -> Result<Value> {
        let (tried, is_unknown) = (Cell::new(false), Cell::new(false));
        let url = self.url(&format!("projects/{project}/aggregated/instances"));
        let ask = async |zones: Zones, token: &Secret| {
            let mut query = page_of(filter, page);
            if zones == Zones::ThatAnswer {
                query.push((PARTIAL, "true"));
            }
            send(Kind::Read, &self.http, Request::get(&url)?.query(&query), token).await
        };
        let attempt = async |token: &Secret| {
            let zones = if tried.replace(true) && !is_unknown.get() { Zones::ThatAnswer } else { Zones::All };
            let mut answer = ask(zones, token).await?;
            // The discovery document (20261106) has lost the parameter.
            if answer.status == 400 && String::from_utf8_lossy(&answer.body).contains(PARTIAL) {
                is_unknown.set(true);
                answer = ask(Zones::All, token).await?;
            }
            // Every zone has its entry, also one without results.
            of_form(read_json(&answer)?, |body| body.get("items").is_some_and(Value::is_object))
        };
        self.bearer.call(Kind::Read, "compute:instances.aggregatedList", names, attempt).await
    }

    /// What a body asks for and changes nothing, such as `testIamPermissions`.
    pub async fn ask(&self, call: &str, path: &Path, verb: &str, body: &Value) -> Result<Value> {
        let url = self.url(&format!("{}/{verb}", path.as_str()));
        let attempt = async |token: &Secret| {
            let request = Request::new(Method::POST, &url)?.json(body);
            read_json(&send(Kind::Read, &self.http, request, token).await?)
        };
        self.bearer.call(Kind::Read, &format!("compute:{call}"), path.name(), attempt).await
    }

    /// Sends a change. A lost answer is asked for once more where time allows: under the same `requestId` nothing happens
    /// twice.
    pub async fn change(&self, order: Order<'_>) -> Result<Operation> {
        let Order { call, method, on, to, mut query, body } = order;
        query.push(("requestId", request_id(self.deadline())));
        let url = self.url(&to);
        let bound = Bound::of(body.as_ref());
        let attempt = async |token: &Secret| {
            let request = Request::new(method.clone(), &url)?.query(&query);
            let request = match &body {
                Some(body) => request.json(body),
                // Google's front end refuses an empty body without a length.
                None => request.header("content-length", "0")?,
            };
            answer_of(Kind::Change, &send(Kind::Change, &self.http, request, token).await?, bound)
        };
        let begun = Instant::now();
        let name = format!("compute:{call}");
        let mut answer = self.bearer.call(Kind::Change, &name, on.name(), &attempt).await;
        if answer.as_ref().is_err_and(|error| error.fate.is_in_doubt() && error.code == Code::Ambiguous)
            && begun.elapsed() < self.deadline().remaining() / 2
        {
            answer = self.bearer.call(Kind::Change, &name, on.name(), &attempt).await.map_err(|error| {
                // The first one may have been carried out, whatever became of the second.
                error.with_fate(Fate::InDoubt)
            });
        }
        let body = answer?;
        let Some(operation) = name_of(&body) else {
            return Err(Error::impostor_in_doubt(format!("{name} on {on}: the answer is no operation"), NAME));
        };
        let path = format!("{}/operations/{operation}", on.scope());
        Ok(Operation { path, body, call, on: on.name().to_owned(), bound, is_earlier: false })
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}/compute/v1/{path}", self.endpoint)
    }
}

/// A name that no other request has, as "Method: instances.updateNetworkInterface" wants it: a UUID, version 4.
fn request_id(deadline: &Deadline) -> String {
    let bytes = (u128::from(deadline.random()) << 64 | u128::from(deadline.random())).to_be_bytes();
    uuid::Builder::from_random_bytes(bytes).into_uuid().to_string()
}

/// The query for one page of a filtered list; the first one has no token.
fn page_of<'a>(filter: &'a str, token: &'a str) -> Vec<(&'static str, &'a str)> {
    let mut query = vec![("filter", filter)];
    if !token.is_empty() {
        query.push(("pageToken", token));
    }
    query
}

/// Hands on page after page of a list; `read` gets the token of the page that it is to read, the first one an empty one.
pub async fn all_pages(read: impl AsyncFn(&str) -> Result<Value>, mut page: impl FnMut(Value)) -> Result<()> {
    let mut token = String::new();
    for _ in 0..MOST_PAGES {
        let answer = read(&token).await?;
        let next = answer.get("nextPageToken").and_then(Value::as_str).unwrap_or_default().to_owned();
        page(answer);
        if next.is_empty() {
            return Ok(());
        }
        token = next;
    }
    Err(Error::impostor(format!("a list of {NAME} has more than {MOST_PAGES} pages"), NAME))
}

/// What is not as it should be must not be read as something empty: nobody would hold the VIP then.
fn of_form(body: Value, has_form: impl Fn(&Value) -> bool) -> Result<Value> {
    if has_form(&body) {
        return Ok(body);
    }
    Err(not_understood(&body))
}

/// Under a status of success it is no answer of Compute Engine.
fn is_error(body: &Value) -> bool {
    body.get("error").is_some()
}

pub fn not_understood(body: &Value) -> Error {
    let shown: String = body.to_string().chars().take(100).collect();
    Error::impostor(format!("the answer is not understood: {shown}"), NAME)
}

pub fn read_json(answer: &Response) -> Result<Value> {
    answer_of(Kind::Read, answer, Bound::ToNothing)
}

fn answer_of(kind: Kind, answer: &Response, bound: Bound) -> Result<Value> {
    if answer.is_success() {
        return json_of(kind, answer, NAME);
    }
    Err(error::explain(answer.status, &answer.body, answer.retry_after(), bound))
}
