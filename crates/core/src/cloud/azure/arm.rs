//! Azure Resource Manager: authenticated GET, PUT and DELETE of whole resources as untyped JSON, and the operations that a
//! change becomes. A change sends the body of a read with its own edits: a PUT resets every field that it lacks.
//!
//! Source: "Track asynchronous Azure operations" (Microsoft Learn): `Azure-AsyncOperation` first, else `Location` (202 while
//! it runs), else `properties.provisioningState`. We ignore `Retry-After` of a running operation: `operation::pace` says why.

use super::{error::explain, id::Id, token};
use crate::{
    cloud::{
        operation::{failed, pace, still_running, unseen},
        peers::share_of,
    },
    deadline::Deadline,
    error::{Code, Error, Result},
    fate::Fate,
    journal::Journal,
    net::{
        bearer::{Bearer, Tokens, json_of, send},
        retry::{Caller, Kind},
        secret::Secret,
        transport::{Client, Request, Response},
    },
};
use http::Method;
use serde_json::Value;
use std::time::Duration;
use tokio::time::Instant;
use url::Url;

/// "Network interfaces", "Virtual Machines" and "Permissions" of the REST API reference.
const NETWORK_VERSION: &str = "2024-05-01";
const COMPUTE_VERSION: &str = "2024-07-01";
const AUTHORIZATION_VERSION: &str = "2022-04-01";

/// The part of the call's time that the last read of an operation keeps for itself.
const LAST_LOOK: Duration = Duration::from_millis(500);
/// The bound on a read of an operation that has no other: longer than any call.
const LONGEST_LOOK: Duration = Duration::from_secs(600);

/// The bound on the pages of a list: an identity has a few roles.
const MOST_PAGES: usize = 100;

/// Stands for a version: write only if there is no such resource yet.
pub const ANYTHING_NEW: &str = "";

/// The way to Resource Manager, with a token.
pub struct Arm {
    http: Client,
    /// The URL that every request begins with, without a slash at the end.
    endpoint: String,
    bearer: Bearer<Identity>,
}

/// Where tokens come from, and which service accepts them.
struct Identity {
    metadata_http: Client,
    metadata: Option<String>,
    client_id: Option<String>,
    audience: String,
}

impl Tokens for Identity {
    async fn fetch(&self, caller: &Caller) -> Result<Secret> {
        let client_id = self.client_id.as_deref();
        token::get(&self.metadata_http, self.metadata.as_deref(), client_id, &self.audience, caller).await
    }
}

/// The name of this service in errors.
pub const NAME: &str = "Resource Manager";

/// Where Resource Manager is, and as whom we call. The session learns both before the first call.
pub struct Door {
    /// The client for Resource Manager.
    pub http: Client,
    /// The client for the identity service.
    pub metadata_http: Client,
    /// The configured endpoint of the identity service; `None`: Azure's own.
    pub metadata: Option<String>,
    /// The client id of a user-assigned identity; `None`: the system-assigned one.
    pub client_id: Option<String>,
    /// Resource Manager's URL, without a slash at the end.
    pub endpoint: String,
    /// The resource that the token is for.
    pub audience: String,
}

/// An accepted change: done already, or an operation to wait for.
pub struct Accepted {
    watched: Watched,
    id: Id,
    kind: &'static str,
}

enum Watched {
    Nothing,
    Operation(String),
    Location(String),
    Resource,
}

enum State {
    Running,
    Done,
    /// It failed, or Azure cancelled it.
    Failed(Error),
}

impl Arm {
    /// The way to Resource Manager. Sends nothing.
    pub fn new(door: Door, caller: Caller) -> Self {
        let Door { http, metadata_http, metadata, client_id, endpoint, audience } = door;
        let identity = Identity { metadata_http, metadata, client_id, audience };
        Arm { http, endpoint, bearer: Bearer::new(identity, caller) }
    }

    /// The end of the call.
    pub fn deadline(&self) -> &Deadline {
        self.bearer.deadline()
    }

    /// Gets a token, unless there is one already.
    ///
    /// # Errors
    /// `unauthenticated` when the VM has no such identity, `unavailable` when the identity service does not answer.
    pub async fn prepare(&self) -> Result<()> {
        self.bearer.prepare().await
    }

    /// Reads a resource.
    ///
    /// # Errors
    /// Resource Manager's own, by their meaning; `unexpected` when the response is no resource.
    pub async fn get(&self, id: &Id) -> Result<Value> {
        self.get_by(self.bearer.caller(), id).await
    }

    async fn get_by(&self, caller: &Caller, id: &Id) -> Result<Value> {
        self.read(caller, &format!("arm:GET {}", id.kind()), &id.shown(), &self.url(id), is_resource).await
    }

    /// Reads a resource that may be in a lost zone. The read has a share of the call's time.
    ///
    /// # Errors
    /// Those of [`Arm::get`]; `unavailable` when the share is over.
    pub async fn get_share_of(&self, id: &Id) -> Result<Value> {
        let call = format!("arm:GET {} on {}", id.kind(), id.name());
        share_of(self.bearer.caller(), &call, async |caller: Caller| self.get_by(&caller, id).await).await
    }

    /// What this identity may do with a resource, an entry for each of its roles ("Permissions - List For Resource").
    ///
    /// # Errors
    /// Those of [`Arm::get`]; `unexpected` for a list without an end.
    pub async fn permissions(&self, id: &Id) -> Result<Vec<Value>> {
        let place = format!("{}/providers/Microsoft.Authorization/permissions", id.as_str());
        let mut url = format!("{}{place}?api-version={AUTHORIZATION_VERSION}", self.endpoint);
        let mut roles = Vec::new();
        for _ in 0..MOST_PAGES {
            let mut page = self.read(self.bearer.caller(), "arm:GET permissions", &id.shown(), &url, is_list).await?;
            if let Some(entries) = page.get_mut("value").and_then(Value::as_array_mut) {
                roles.append(entries);
            }
            match page.get("nextLink").and_then(Value::as_str) {
                Some(next) => url = self.at_home(next)?,
                None => return Ok(roles),
            }
        }
        Err(Error::impostor(format!("the permissions on {} have more than {MOST_PAGES} pages", id.shown()), NAME))
    }

    /// Reads a body of the expected form. Nobody may mistake another body for an empty resource.
    async fn read(
        &self,
        caller: &Caller,
        call: &str,
        target: &str,
        url: &str,
        has_form: impl Fn(&Value) -> bool,
    ) -> Result<Value> {
        self.bearer
            .call_by(caller, Kind::Read, call, target, async |token| {
                let body = read_json(Kind::Read, &self.send(Kind::Read, Method::GET, url, token, None, None).await?)?;
                if has_form(&body) {
                    return Ok(body);
                }
                Err(Error::impostor("unexpected response body", NAME))
            })
            .await
    }

    /// Replaces a resource. With `version` Azure refuses the write if somebody has changed the resource since.
    ///
    /// # Errors
    /// Resource Manager's own, by their meaning; `ambiguous` when no answer says what became of the write.
    pub async fn put(&self, id: &Id, body: &Value, version: Option<&str>) -> Result<Accepted> {
        let call = format!("arm:PUT {}", id.kind());
        self.bearer
            .call(Kind::Change, &call, &id.shown(), async |token| {
                let answer = self.send(Kind::Change, Method::PUT, &self.url(id), token, Some(body), version).await?;
                let body = read_json(Kind::Change, &answer)?;
                let accepted = Accepted::new(&answer, &body, id, "PUT");
                if matches!(accepted.watched, Watched::Nothing) && !is_resource(&body) {
                    let message = format!("the answer ({}) is neither the resource nor an operation", answer.status);
                    return Err(Error::impostor_in_doubt(message, NAME));
                }
                Ok(accepted)
            })
            .await
    }

    /// Deletes a resource. With `version` Azure refuses if somebody has changed the resource since. A resource that does not
    /// exist counts as deleted.
    ///
    /// # Errors
    /// Those of [`Arm::put`].
    pub async fn delete(&self, id: &Id, version: Option<&str>) -> Result<Accepted> {
        let call = format!("arm:DELETE {}", id.kind());
        self.bearer
            .call(Kind::Change, &call, &id.shown(), async |token| {
                let answer = self.send(Kind::Change, Method::DELETE, &self.url(id), token, None, version).await?;
                if answer.status != 204 && answer.status != 404 {
                    read_json(Kind::Change, &answer)?;
                }
                Ok(Accepted::new(&answer, &Value::Null, id, "DELETE"))
            })
            .await
    }

    /// Waits until an operation ends, at most for `bound`. Reads the operation at once and then at our pace.
    ///
    /// # Errors
    /// The operation's own code and message when it failed; `ambiguous` when the time ran out before the end.
    pub async fn finish(&self, mut accepted: Accepted, bound: Option<Duration>) -> Result<()> {
        let begun = Instant::now();
        let mut looks = 0;
        let result = self.watch(&mut accepted, begun, bound, &mut looks).await;
        if looks > 0 {
            let call = format!("arm:{} operation", accepted.kind);
            self.bearer.record_looks(&call, &accepted.id.shown(), looks, begun, &result);
        }
        result
    }

    async fn watch(
        &self,
        accepted: &mut Accepted,
        begun: Instant,
        bound: Option<Duration>,
        looks: &mut u32,
    ) -> Result<()> {
        let what = format!("the operation of {} {}", accepted.kind, accepted.id.shown());
        let mut wait = Duration::ZERO;
        loop {
            let left = bound.map_or(Duration::MAX, |bound| bound.saturating_sub(begun.elapsed()));
            if let Watched::Nothing = accepted.watched {
                return Ok(());
            }
            // The last read comes just before the end of the time.
            let last = self.deadline().remaining().min(left).saturating_sub(LAST_LOOK);
            if wait > last && !last.is_zero() {
                wait = last;
            }
            if wait >= left {
                return Err(still_running(&what, begun.elapsed()));
            }
            self.deadline().sleep(wait).await.map_err(|stop| stop.with_fate(Fate::InDoubt))?;
            *looks += 1;
            let look = match self.look_within(accepted, left.saturating_sub(wait), &what, begun).await {
                // A role on single resources may not read operations; the resource shows the operation's end as well.
                Err(error) if error.code == Code::Denied && !matches!(accepted.watched, Watched::Resource) => {
                    accepted.watched = Watched::Resource;
                    self.look_within(accepted, left.saturating_sub(wait), &what, begun).await
                }
                look => look,
            };
            match look.map_err(unseen)? {
                State::Done => return Ok(()),
                State::Failed(error) => {
                    return Err(failed(error, &what, format!("arm:{} {}", accepted.kind, accepted.id.kind())));
                }
                State::Running => {}
            }
            wait = pace(begun.elapsed());
        }
    }

    /// Reads the operation once. The bound ends a read without an answer.
    async fn look_within(&self, accepted: &Accepted, left: Duration, what: &str, begun: Instant) -> Result<State> {
        let look = tokio::time::timeout(left.min(LONGEST_LOOK), self.look(accepted)).await;
        look.unwrap_or_else(|_| Err(still_running(what, begun.elapsed())))
    }

    async fn look(&self, accepted: &Accepted) -> Result<State> {
        // The journal reports all reads of one operation as one step.
        let caller = self.bearer.caller().with_journal(Journal::default());
        let url = match &accepted.watched {
            Watched::Operation(url) | Watched::Location(url) => self.at_home(url)?,
            Watched::Resource | Watched::Nothing => self.url(&accepted.id),
        };
        let call = format!("arm:{} operation", accepted.kind);
        let attempt = async |token: &Secret| {
            let answer = self.send(Kind::Read, Method::GET, &url, token, None, None).await?;
            if let (Watched::Location(_), 202) = (&accepted.watched, answer.status) {
                return Ok(State::Running);
            }
            if answer.status == 204 {
                return Ok(State::Done);
            }
            let body = read_json(Kind::Read, &answer)?;
            let state = match &accepted.watched {
                Watched::Operation(_) => body.get("status"),
                _ => body.pointer("/properties/provisioningState"),
            };
            match state.and_then(Value::as_str) {
                Some("Succeeded") => Ok(State::Done),
                Some("Failed" | "Canceled") => Ok(State::Failed(super::error::of_operation(&body))),
                None if matches!(accepted.watched, Watched::Location(_)) => Ok(State::Done),
                _ => Ok(State::Running),
            }
        };
        self.bearer.call_by(&caller, Kind::Read, &call, &accepted.id.shown(), attempt).await
    }

    fn url(&self, id: &Id) -> String {
        let version = if id.kind() == "virtualMachines" { COMPUTE_VERSION } else { NETWORK_VERSION };
        format!("{}{}?api-version={version}", self.endpoint, id.as_str())
    }

    /// An operation's URL, moved to the configured endpoint: we send the token to no other host, whatever an answer says.
    fn at_home(&self, url: &str) -> Result<String> {
        let parsed = Url::parse(url).map_err(|_| {
            Error::new(Code::Unexpected, "an operation's URL could not be read", "report this with the request's id")
        })?;
        let query = parsed.query().map(|query| format!("?{query}")).unwrap_or_default();
        Ok(format!("{}{}{query}", self.endpoint, parsed.path()))
    }

    async fn send(
        &self,
        kind: Kind,
        method: Method,
        url: &str,
        token: &Secret,
        body: Option<&Value>,
        version: Option<&str>,
    ) -> Result<Response> {
        let mut request = Request::new(method, url)?;
        if let Some(body) = body {
            request = request.json(body);
        }
        request = match version {
            Some(ANYTHING_NEW) => request.header("if-none-match", "*")?,
            Some(version) => request.header("if-match", version)?,
            None => request,
        };
        send(kind, &self.http, request, token).await
    }
}

impl Accepted {
    fn new(answer: &Response, body: &Value, id: &Id, kind: &'static str) -> Self {
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

    /// The operation of an earlier call: the resource's own state shows its end.
    pub fn running(id: &Id) -> Self {
        Accepted { watched: Watched::Resource, id: id.clone(), kind: "earlier" }
    }
}

/// Every resource of Resource Manager has properties.
fn is_resource(body: &Value) -> bool {
    body.get("properties").is_some_and(Value::is_object)
}

fn is_list(body: &Value) -> bool {
    body.get("value").is_some_and(Value::is_array)
}

fn read_json(kind: Kind, answer: &Response) -> Result<Value> {
    if answer.is_success() {
        return json_of(kind, answer, NAME);
    }
    let request = answer.header("x-ms-request-id").map(str::to_owned);
    Err(explain(answer.status, &answer.body, answer.retry_after(), request))
}
