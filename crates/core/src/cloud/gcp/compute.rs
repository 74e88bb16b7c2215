//! The Compute Engine API: authenticated reads and changes of untyped JSON.
//!
//! Source: "Method: instances.updateNetworkInterface" and its neighbours (Compute Engine API reference, v1). Each change
//! carries a `requestId`: the server makes the change once, however often it receives it.

use super::{
    error::{self, Bound},
    metadata::Metadata,
    path::Path,
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
use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    rc::Rc,
    time::Duration,
};
use tokio::time::Instant;

/// The API at one endpoint.
pub struct Compute {
    http: Client,
    /// When an answer came for the last time.
    heard: Cell<Instant>,
    /// Why the last answer to a read of each resource, by its path, was none, where Google throttles it.
    throttled: RefCell<BTreeMap<Path, Error>>,
    /// The URL before `/compute/v1/`, without a slash at the end.
    endpoint: String,
    pub bearer: Bearer<ServiceAccount>,
}

/// The source of tokens: the VM's service account.
pub struct ServiceAccount(Rc<Metadata>);

impl Tokens for ServiceAccount {
    async fn fetch(&self, caller: &Caller) -> Result<Secret> {
        self.0.token(caller).await
    }
}

/// One change, ready to send.
pub struct Order<'a> {
    /// The API's own name of the method, for example `instances.addAccessConfig`.
    pub call: &'static str,
    pub method: Method,
    /// The resource that it changes.
    pub on: &'a Path,
    /// The path of the request, below `/compute/v1/`.
    pub to: String,
    pub query: Vec<(&'static str, String)>,
    pub body: Option<Value>,
}

/// The service's name in errors.
pub const NAME: &str = "Compute Engine";

const PARTIAL: &str = "returnPartialSuccess";

/// The zones that a list over all zones covers.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Zones {
    All,
    ThatAnswer,
}

/// The most pages that we read of one list. The filters of this library select a few names.
const MOST_PAGES: usize = 100;

impl Compute {
    /// `token`: that of the service account, which comes while the metadata server tells the endpoint.
    pub fn new(http: Client, endpoint: &str, metadata: Rc<Metadata>, caller: Caller, token: Secret) -> Self {
        let endpoint = endpoint.trim_end_matches('/');
        Compute {
            http,
            heard: Cell::new(Instant::now()),
            throttled: RefCell::default(),
            endpoint: endpoint.strip_suffix("/compute/v1").unwrap_or(endpoint).to_owned(),
            bearer: Bearer::new(ServiceAccount(metadata), caller).with_token(token),
        }
    }

    /// The deadline of the call.
    pub fn deadline(&self) -> &Deadline {
        self.bearer.deadline()
    }

    /// Fetches the token.
    ///
    /// # Errors
    /// `unauthenticated` without a service account.
    pub async fn prepare(&self) -> Result<()> {
        self.bearer.prepare().await
    }

    /// Reads one resource.
    ///
    /// # Errors
    /// What Compute Engine answers; `unexpected` for a body that is no resource.
    pub async fn get(&self, call: &str, path: &Path) -> Result<Value> {
        self.get_by(self.bearer.caller(), call, path).await
    }

    async fn get_by(&self, caller: &Caller, call: &str, path: &Path) -> Result<Value> {
        let is_resource = |body: &Value| !is_error(body) && body.as_object().is_some_and(|fields| !fields.is_empty());
        let attempt = async |token: &Secret| {
            let request = Request::get(&self.url(path.as_str()))?;
            let answer = match self.send(Kind::Read, request, token).await {
                Ok(answer) => read_json(&answer).and_then(|body| of_form(body, is_resource)),
                Err(error) => Err(error),
            };
            let mut throttled = self.throttled.borrow_mut();
            match &answer {
                Err(error) if error.code == Code::Throttled => drop(throttled.insert(path.clone(), error.clone())),
                _ => drop(throttled.remove(path)),
            }
            answer
        };
        // Google may throttle the reads of one resource: the others do not wait for that.
        let caller = caller.at_its_own_pace();
        self.bearer.call_by(&caller, Kind::Read, &format!("compute:{call}"), path.name(), attempt).await
    }

    /// That Google throttles the reads of this resource, if it said so last.
    pub fn throttles(&self, path: &Path) -> Option<Error> {
        self.throttled.borrow().get(path).cloned()
    }

    /// Reads a resource whose zone may be lost: the read takes half of the time that is left, at most.
    ///
    /// # Errors
    /// As [`Compute::get`]; `unavailable` when the share of the time is over.
    pub async fn get_share_of(&self, call: &str, path: &Path) -> Result<Value> {
        let name = format!("compute:{call} on {path}");
        share_of(self.bearer.caller(), &name, async |caller: Caller| self.get_by(&caller, call, path).await).await
    }

    /// Reads a resource that the call can do without, within this time. A read without an answer is a step of the report as well.
    ///
    /// # Errors
    /// As [`Compute::get`]; `unavailable` when the time is over.
    pub async fn get_within(&self, bound: Duration, call: &str, path: &Path) -> Result<Value> {
        let begun = Instant::now();
        let Ok(answer) = tokio::time::timeout(bound, self.get(call, path)).await else {
            return Err(Self::silence(&format!("compute:{call}"), path.name(), begun));
        };
        answer
    }

    /// What to say of a call that was not waited for any longer. It is a step already.
    pub fn silence(call: &str, target: &str, begun: Instant) -> Error {
        let message = format!("{call} on {target}: no answer within {} ms", begun.elapsed().as_millis());
        Error::new(Code::Unavailable, message, "nothing depends on this call; look at what else is slow")
    }

    /// Reads one page of a plain list. An empty page has no `items`.
    ///
    /// # Errors
    /// What Compute Engine answers; `unexpected` for a body that is no list.
    pub async fn list(&self, call: &str, target: &str, path: &str, filter: &str, page: &str) -> Result<Value> {
        let query = page_of(filter, page);
        let is_list = |body: &Value| {
            let is_list = match body.get("kind").and_then(Value::as_str) {
                Some(kind) => kind.ends_with("List"),
                // An empty object says nothing of the resources that there are.
                None => body.get("items").is_some(),
            };
            is_list && !is_error(body) && body.get("items").is_none_or(Value::is_array)
        };
        self.read(self.bearer.caller(), call, target, path, &query, is_list).await
    }

    /// Reads any path with a query, and rejects a body without the expected form.
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
            of_form(read_json(&self.send(Kind::Read, request, token).await?)?, &has_form)
        };
        self.bearer.call_by(caller, Kind::Read, &format!("compute:{call}"), target, attempt).await
    }

    /// Reads one page of a list over all zones. After a first failure it leaves out the zones that do not answer
    /// (`returnPartialSuccess`): the loss of one of them may have caused this takeover. Once a server has refused the
    /// parameter, it asks without.
    ///
    /// # Errors
    /// What Compute Engine answers; `unexpected` for a body that is no list.
    pub async fn aggregated(&self, project: &str, names: &str, filter: &str, page: &str) -> Result<Value> {
        let (tried, is_unknown) = (Cell::new(false), Cell::new(false));
        let url = self.url(&format!("projects/{project}/aggregated/instances"));
        let ask = async |zones: Zones, token: &Secret| {
            let mut query = page_of(filter, page);
            if zones == Zones::ThatAnswer {
                query.push((PARTIAL, "true"));
            }
            self.send(Kind::Read, Request::get(&url)?.query(&query), token).await
        };
        let attempt = async |token: &Secret| {
            let zones = if tried.replace(true) && !is_unknown.get() { Zones::ThatAnswer } else { Zones::All };
            let mut answer = ask(zones, token).await?;
            // The discovery document (20261106) no longer has the parameter.
            if answer.status == 400 && String::from_utf8_lossy(&answer.body).contains(PARTIAL) {
                is_unknown.set(true);
                answer = ask(Zones::All, token).await?;
            }
            // Every zone has its entry, even a zone without results.
            of_form(read_json(&answer)?, |body| body.get("items").is_some_and(Value::is_object))
        };
        self.bearer.call(Kind::Read, "compute:instances.aggregatedList", names, attempt).await
    }

    /// Reads one page of the list of all VMs. Asks once: nothing depends on it.
    ///
    /// # Errors
    /// As [`Compute::aggregated`].
    pub async fn aggregated_once(&self, project: &str, names: &str, page: &str) -> Result<Value> {
        let path = format!("projects/{project}/aggregated/instances");
        let has_form = |body: &Value| body.get("items").is_some_and(Value::is_object);
        let once = self.bearer.caller().at_most(1);
        self.read(&once, "instances.aggregatedList", names, &path, &page_of("", page), has_form).await
    }

    /// Sends a question that needs a body and changes nothing, such as `testIamPermissions`.
    ///
    /// # Errors
    /// What Compute Engine answers.
    pub async fn ask(&self, caller: &Caller, call: &str, path: &Path, verb: &str, body: &Value) -> Result<Value> {
        let url = self.url(&format!("{}/{verb}", path.as_str()));
        let attempt = async |token: &Secret| {
            let request = Request::new(Method::POST, &url)?.json(body);
            read_json(&self.send(Kind::Read, request, token).await?)
        };
        self.bearer.call_by(caller, Kind::Read, &format!("compute:{call}"), path.name(), attempt).await
    }

    /// Sends a change and returns the answer, which describes the operation. After a lost answer it sends the change once
    /// more where time allows: the server makes a change once under one `requestId`.
    ///
    /// # Errors
    /// What Compute Engine answers; `ambiguous` when the answer is lost.
    pub async fn change(&self, caller: &Caller, order: &Order<'_>) -> Result<Value> {
        let Order { call, method, on, to, query, body } = order;
        let mut query = query.clone();
        query.push(("requestId", request_id(self.deadline())));
        let url = self.url(to);
        let bound = Bound::of(body.as_ref());
        let attempt = async |token: &Secret| {
            let request = Request::new(method.clone(), &url)?.query(&query);
            let request = match body {
                Some(body) => request.json(body),
                // Google's front end refuses a request that has neither a body nor a length.
                None => request.header("content-length", "0")?,
            };
            answer_of(Kind::Change, &self.send(Kind::Change, request, token).await?, bound)
        };
        let begun = Instant::now();
        let name = format!("compute:{call}");
        let mut answer = self.bearer.call_by(caller, Kind::Change, &name, on.name(), &attempt).await;
        if answer.as_ref().is_err_and(|error| error.fate.is_in_doubt() && error.code == Code::Ambiguous)
            && begun.elapsed() < self.deadline().remaining() / 2
        {
            answer = self.bearer.call_by(caller, Kind::Change, &name, on.name(), &attempt).await.map_err(|error| {
                // Google may have made the change of the first request, whatever became of the second.
                error.with_fate(Fate::InDoubt)
            });
        }
        answer
    }

    /// Sends one request, and notes when an answer came.
    ///
    /// # Errors
    /// As [`bearer::send`](crate::net::bearer::send).
    pub async fn send(&self, kind: Kind, request: Request, token: &Secret) -> Result<Response> {
        let answer = send(kind, &self.http, request, token).await;
        if answer.is_ok() {
            self.heard.set(Instant::now());
        }
        answer
    }

    /// How long ago the last answer came.
    pub fn silent_for(&self) -> Duration {
        self.heard.get().elapsed()
    }

    /// The URL of a path.
    pub fn url(&self, path: &str) -> String {
        format!("{}/compute/v1/{path}", self.endpoint)
    }
}

/// A name that no other request has: a UUID, version 4 ("Method: instances.updateNetworkInterface").
fn request_id(deadline: &Deadline) -> String {
    let bytes = (u128::from(deadline.random()) << 64 | u128::from(deadline.random())).to_be_bytes();
    uuid::Builder::from_random_bytes(bytes).into_uuid().to_string()
}

/// The query for one page of a list, which may be filtered; the first page has no token.
fn page_of<'a>(filter: &'a str, token: &'a str) -> Vec<(&'static str, &'a str)> {
    let mut query = Vec::new();
    if !filter.is_empty() {
        query.push(("filter", filter));
    }
    if !token.is_empty() {
        query.push(("pageToken", token));
    }
    query
}

/// Reads a list page by page and hands each page on. `read` gets the token of the page, empty for the first.
///
/// # Errors
/// Those of `read`; `unexpected` for more than a hundred pages.
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

/// Rejects an unexpected body. Read as something empty, it would mean that nobody holds the VIP.
fn of_form(body: Value, has_form: impl Fn(&Value) -> bool) -> Result<Value> {
    if has_form(&body) {
        return Ok(body);
    }
    Err(not_understood(&body))
}

/// Whether the body holds an error. Under a status of success, Compute Engine did not send it.
fn is_error(body: &Value) -> bool {
    body.get("error").is_some()
}

/// The error for an unexpected response body.
pub fn not_understood(body: &Value) -> Error {
    let shown: String = body.to_string().chars().take(100).collect();
    Error::impostor(format!("the answer is not understood: {shown}"), NAME)
}

/// The body of an answer to a read.
///
/// # Errors
/// The meaning of the answer's error; `unexpected` for a body that is no JSON.
pub fn read_json(answer: &Response) -> Result<Value> {
    answer_of(Kind::Read, answer, Bound::ToNothing)
}

fn answer_of(kind: Kind, answer: &Response, bound: Bound) -> Result<Value> {
    if answer.is_success() {
        return json_of(kind, answer, NAME);
    }
    Err(error::explain(answer.status, &answer.body, answer.retry_after(), bound))
}
