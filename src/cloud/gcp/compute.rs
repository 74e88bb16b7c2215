//! The Compute Engine API: authenticated reads and changes of untyped JSON, and the operations that a change becomes.
//!
//! Sources: "Method: instances.updateNetworkInterface" and its neighbours (Compute Engine API reference, v1); "Handling API
//! responses": an operation that is `DONE` and has an `error` failed. A change carries a `requestId`, under which the server
//! makes it once, however often it is sent.

use super::{error, metadata::Metadata};
use crate::{
    cloud::operation::{failed, pace, still_running, unseen},
    deadline::Deadline,
    error::{Code, Error, Result},
    journal::Journal,
    net::{
        bearer::{Answer, Bearer, Tokens, send},
        client::Client,
        retry::{Caller, Kind, Policy},
    },
};
use reqwest::Method;
use serde_json::Value;
use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    fmt,
    rc::Rc,
    time::Duration,
};
use tokio::time::Instant;

pub struct Compute {
    http: Client,
    /// Where requests go, without a slash at the end.
    endpoint: String,
    bearer: Bearer<ServiceAccount>,
}

struct ServiceAccount(Rc<Metadata>);

impl Tokens for ServiceAccount {
    async fn fetch(&self, caller: &Caller) -> Result<String> {
        self.0.token(caller).await
    }
}

/// A resource by its path below `/compute/v1/`, for example `projects/p/zones/z/instances/i`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Path(String);

impl Path {
    pub fn zonal(project: &str, zone: &str, kind: &str, name: &str) -> Self {
        Path(format!("projects/{project}/zones/{zone}/{kind}/{name}"))
    }

    pub fn regional(project: &str, region: &str, kind: &str, name: &str) -> Self {
        Path(format!("projects/{project}/regions/{region}/{kind}/{name}"))
    }

    pub fn global(project: &str, kind: &str, name: &str) -> Self {
        Path(format!("projects/{project}/global/{kind}/{name}"))
    }

    /// From a link in an answer, whatever its host: requests go to the configured endpoint alone.
    pub fn from_link(link: &str) -> Option<Self> {
        let at = link.find("projects/")?;
        let path = link.get(at..)?;
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:/".contains(&byte);
        (path.bytes().all(plain) && !path.contains("..")).then(|| Path(path.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or_default()
    }

    /// What stands between `projects/` and the kind: where the operations on it are found.
    fn scope(&self) -> &str {
        let mut ends = self.0.match_indices('/').map(|(at, _)| at);
        let parts = if self.0.split('/').nth(2) == Some("global") { 3 } else { 4 };
        ends.nth(parts - 1).and_then(|end| self.0.get(..end)).unwrap_or(&self.0)
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One change, ready to be sent.
pub struct Request<'a> {
    /// The API's own name of the method, for example `instances.addAccessConfig`.
    pub call: &'static str,
    pub method: Method,
    /// What it works on.
    pub on: &'a Path,
    /// The path to send it to, below [`Request::on`] or beside it.
    pub to: String,
    pub query: Vec<(&'static str, String)>,
    pub body: Option<Value>,
}

/// What a change became.
pub struct Operation {
    path: String,
    body: Value,
    call: &'static str,
    on: String,
}

/// Operations on peers that were still running when they were last looked at.
pub type Pending = RefCell<BTreeMap<(&'static str, Path), Operation>>;

/// What a `wait` may take of its server's two minutes, and a plain look.
const LONGEST_WAIT: Duration = Duration::from_secs(10);
const SHORTEST_LOOK: Duration = Duration::from_secs(1);
/// A bound on the pages of a list that was filtered down to a few names.
const MOST_PAGES: usize = 100;
/// Longer than any call.
const NO_BOUND: Duration = Duration::from_secs(600);

impl Compute {
    pub fn new(http: Client, endpoint: &str, metadata: Rc<Metadata>, caller: Caller) -> Self {
        let endpoint = endpoint.trim_end_matches('/');
        Compute {
            http,
            endpoint: endpoint.strip_suffix("/compute/v1").unwrap_or(endpoint).to_owned(),
            bearer: Bearer::new(ServiceAccount(metadata), caller),
        }
    }

    pub fn deadline(&self) -> &Deadline {
        self.bearer.deadline()
    }

    pub async fn prepare(&self) -> Result<()> {
        self.bearer.prepare().await
    }

    pub async fn get(&self, call: &str, path: &Path) -> Result<Value> {
        self.read(call, path.name(), path.as_str(), &[]).await
    }

    /// Reads from any path, with a query.
    pub async fn read(&self, call: &str, target: &str, path: &str, query: &[(&str, &str)]) -> Result<Value> {
        let attempt = async |token: &str| {
            let request = self.http.get(self.url(path)).query(query);
            read_json(Kind::Read, &send(Kind::Read, request, token).await?)
        };
        self.bearer.call(Kind::Read, &format!("compute:{call}"), target, attempt).await
    }

    /// One page of a list over all zones. After a first failure it is asked for again without the zones that do not answer
    /// (`returnPartialSuccess`), because one of them may be the very reason for this takeover.
    pub async fn aggregated(&self, project: &str, names: &str, filter: &str, page: &str) -> Result<Value> {
        let tried = Cell::new(false);
        let attempt = async |token: &str| {
            let mut query = vec![("filter", filter)];
            if !page.is_empty() {
                query.push(("pageToken", page));
            }
            if tried.replace(true) {
                query.push(("returnPartialSuccess", "true"));
            }
            let url = self.url(&format!("projects/{project}/aggregated/instances"));
            let answer = send(Kind::Read, self.http.get(url).query(&query), token).await?;
            read_json(Kind::Read, &answer)
        };
        self.bearer.call(Kind::Read, "compute:instances.aggregatedList", names, attempt).await
    }

    /// What a body asks for and changes nothing, such as `testIamPermissions`.
    pub async fn ask(&self, call: &str, path: &Path, verb: &str, body: &Value) -> Result<Value> {
        let url = self.url(&format!("{}/{verb}", path.as_str()));
        let attempt = async |token: &str| {
            let request = self.http.post(&url).json(body);
            read_json(Kind::Read, &send(Kind::Read, request, token).await?)
        };
        self.bearer.call(Kind::Read, &format!("compute:{call}"), path.name(), attempt).await
    }

    /// Sends a change. A lost answer is asked for once more where time allows: under the same `requestId` nothing happens
    /// twice.
    async fn change(&self, request: Request<'_>) -> Result<Operation> {
        let Request { call, method, on, to, mut query, body } = request;
        query.push(("requestId", uuid::Uuid::new_v4().to_string()));
        let url = self.url(&to);
        let attempt = async |token: &str| {
            let mut request = self.http.request(method.clone(), &url).query(&query);
            request = match &body {
                Some(body) => request.json(body),
                // Without a length of its own a body that is empty is refused on the way.
                None => request.header("Content-Length", "0"),
            };
            read_json(Kind::Change, &send(Kind::Change, request, token).await?)
        };
        let begun = Instant::now();
        let name = format!("compute:{call}");
        let mut answer = self.bearer.call(Kind::Change, &name, on.name(), &attempt).await;
        if answer.as_ref().is_err_and(|error| error.code == Code::Ambiguous)
            && begun.elapsed() < self.deadline().remaining() / 2
        {
            answer = self.bearer.call(Kind::Change, &name, on.name(), &attempt).await.map_err(|error| {
                // The first one may have been carried out, whatever became of the second.
                error.with(|details| details.maybe_done = true)
            });
        }
        let body = answer?;
        let operation = body.get("name").and_then(Value::as_str).unwrap_or_default();
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if operation.is_empty() || !operation.bytes().all(plain) {
            return Err(Error::new(
                Code::Ambiguous,
                format!("{name} on {on}: the answer is no operation"),
                "something between this machine and Compute Engine answers in its place; look for a proxy",
            )
            .with(|details| details.maybe_done = true));
        }
        let path = format!("{}/operations/{operation}", on.scope());
        Ok(Operation { path, body, call, on: on.name().to_owned() })
    }

    /// Sends a change and waits until its operation is over.
    pub async fn carry_out(&self, request: Request<'_>) -> Result<()> {
        let mut operation = self.change(request).await?;
        self.finish(&mut operation, None).await
    }

    /// Sends a change to a peer and waits for it, but not longer than `bound`. An operation that outlasts the wait is kept in
    /// `pending`: the next attempt waits for it instead of beginning another one.
    pub async fn change_within(&self, request: Request<'_>, bound: Duration, pending: &Pending) -> Result<()> {
        let key = (request.call, request.on.clone());
        let kept = pending.borrow_mut().remove(&key);
        let mut operation = match kept {
            Some(operation) => operation,
            None => self.change(request).await?,
        };
        let ended = self.finish(&mut operation, Some(bound)).await;
        if ended.as_ref().is_err_and(|error| error.maybe_done) {
            pending.borrow_mut().insert(key, operation);
        }
        ended
    }

    /// Waits until an operation is over, but not longer than `bound`. The server itself waits ("zoneOperations.wait": at most
    /// two minutes, best effort); where it answers early, it is asked again.
    ///
    /// # Errors
    /// The operation's own code and message when it failed; `ambiguous` when time ran out over it.
    async fn finish(&self, operation: &mut Operation, bound: Option<Duration>) -> Result<()> {
        let begun = Instant::now();
        let mut looks = 0;
        let result = self.watch(operation, begun, bound, &mut looks).await;
        if looks > 0 {
            let scope = if operation.path.contains("/global/") { "globalOperations" } else { "zoneOperations" };
            self.bearer.record_looks(format!("compute:{scope}.wait"), &operation.on, looks, begun, &result);
        }
        result
    }

    async fn watch(
        &self,
        operation: &mut Operation,
        begun: Instant,
        bound: Option<Duration>,
        looks: &mut u32,
    ) -> Result<()> {
        let what = format!("the operation of {} on {}", operation.call, operation.on);
        let mut by_waiting = true;
        loop {
            if operation.body.get("status").and_then(Value::as_str) == Some("DONE") {
                return match error::of_operation(&operation.body) {
                    None => Ok(()),
                    Some(error) => Err(failed(error, &what, format!("compute:{}", operation.call))),
                };
            }
            let left = bound.map_or(NO_BOUND, |bound| bound.saturating_sub(begun.elapsed()));
            if left.is_zero() {
                return Err(still_running(&what, begun.elapsed()));
            }
            let asked = Instant::now();
            *looks += 1;
            let mut pause = Duration::ZERO;
            // A wait that hangs, or is cut off on the way, must not hide that the operation is over: the next look is a plain one.
            let left = left.min(self.deadline().remaining());
            let longest = if by_waiting { (left / 2).clamp(SHORTEST_LOOK, LONGEST_WAIT) } else { LONGEST_WAIT };
            match self.look(operation, by_waiting, longest.min(left)).await {
                Ok(body) => operation.body = body,
                Err(error) => match error.code {
                    // The time ran out in which the server waited with us; or it has other things to do.
                    Code::Unavailable | Code::Throttled => {
                        pause = error.retry_after.unwrap_or_default();
                        by_waiting = !by_waiting;
                    }
                    // Not every door to the API lets this one call through; looking may still be possible.
                    Code::Deadline | Code::Interrupted | Code::Unauthenticated => return Err(unseen(error)),
                    _ if by_waiting => by_waiting = false,
                    _ => return Err(unseen(error)),
                },
            }
            // Where the server did not wait, we do.
            let pace = pace(begun.elapsed()).max(pause);
            let done = operation.body.get("status").and_then(Value::as_str) == Some("DONE");
            if !done && asked.elapsed() < pace {
                let wait = (pace - asked.elapsed()).min(left);
                self.deadline().sleep(wait).await.map_err(|stop| stop.with(|details| details.maybe_done = true))?;
            }
        }
    }

    async fn look(&self, operation: &Operation, by_waiting: bool, longest: Duration) -> Result<Value> {
        // The single looks are told as one step, and are repeated by `watch` alone.
        let policy = Policy { attempt_timeout: longest, most_attempts: Some(1), longest_silence: None };
        let caller = self.bearer.caller().with_policy(policy).with_journal(Journal::default());
        let attempt = async |token: &str| {
            let request = if by_waiting {
                self.http.post(self.url(&format!("{}/wait", operation.path))).header("Content-Length", "0")
            } else {
                self.http.get(self.url(&operation.path))
            };
            read_json(Kind::Read, &send(Kind::Read, request, token).await?)
        };
        self.bearer.call_by(&caller, Kind::Read, "compute:operations.wait", &operation.on, attempt).await
    }

    fn url(&self, path: &str) -> String {
        format!("{}/compute/v1/{path}", self.endpoint)
    }
}

/// Hands on page after page of a list; `read` gets the token of the page that it is to read, the first one an empty one.
pub async fn all_pages(read: impl AsyncFn(&str) -> Result<Value>, mut page: impl FnMut(Value)) -> Result<()> {
    let mut token = String::new();
    for _ in 0..MOST_PAGES {
        let answer = read(&token).await?;
        let next = answer.get("nextPageToken").and_then(Value::as_str).unwrap_or_default().to_owned();
        page(answer);
        if next.is_empty() {
            break;
        }
        token = next;
    }
    Ok(())
}

fn read_json(kind: Kind, answer: &Answer) -> Result<Value> {
    if answer.is_success() {
        return answer.json(kind, "Compute Engine");
    }
    Err(error::explain(answer.status, &answer.body, answer.retry_after()))
}

#[cfg(test)]
mod tests {
    use super::Path;

    #[test]
    fn a_paths_scope_is_where_its_operations_are() {
        assert_eq!(Path::zonal("p", "z", "instances", "i").scope(), "projects/p/zones/z");
        assert_eq!(Path::global("p", "routes", "r").scope(), "projects/p/global");
    }

    #[test]
    fn a_link_is_taken_without_its_host_and_only_if_it_is_a_path() {
        let link = "https://www.googleapis.com/compute/v1/projects/p/zones/z/instances/i";
        assert_eq!(Path::from_link(link), Some(Path::zonal("p", "z", "instances", "i")));
        for odd in ["projects/p/../x", "projects/p?x=1", "nowhere", "projects/p#f"] {
            assert_eq!(Path::from_link(odd), None, "{odd}");
        }
    }
}
