//! Azure Resource Manager: authenticated GET, PUT and DELETE of whole resources as untyped JSON. A change sends the body of a
//! read with its own edits: a PUT resets every field that it lacks.

use super::{accepted::Accepted, error::explain, id::Id, token};
use crate::{
    cloud::peers::share_of,
    deadline::Deadline,
    error::{Code, Error, Result},
    net::{
        bearer::{Bearer, Tokens, json_of, send},
        retry::{Caller, Kind},
        secret::Secret,
        transport::{Client, Request, Response},
    },
};
use http::Method;
use serde_json::Value;
use std::{cell::RefCell, net::IpAddr, time::Duration};
use url::Url;

/// "Network interfaces", "Virtual Machines" and "Permissions" of the REST API reference.
const NETWORK_VERSION: &str = "2024-05-01";
const COMPUTE_VERSION: &str = "2024-07-01";
const LOCKS_VERSION: &str = "2016-09-01";
const AUTHORIZATION_VERSION: &str = "2022-04-01";

/// The bound on the pages of a list: an identity has a few roles.
const MOST_PAGES: usize = 100;

/// Stands for a version: write only if there is no such resource yet.
pub const ANYTHING_NEW: &str = "";

/// The way to Resource Manager, with a token.
pub struct Arm {
    http: Client,
    /// The URL that every request begins with, without a slash at the end.
    endpoint: String,
    pub(super) bearer: Bearer<Identity>,
    /// Why this identity may not read operations.
    pub(super) untracked: RefCell<Option<Error>>,
}

/// Where tokens come from, and which service accepts them.
pub(super) struct Identity {
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

/// What to do where a resource that is in no member's zone, or this member's own, does not answer.
pub const SILENT: &str = "call again; look at Azure Service Health, and at the way to Resource Manager, if it goes on";

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

impl Arm {
    /// The way to Resource Manager. Sends nothing.
    pub fn new(door: Door, caller: Caller) -> Self {
        let Door { http, metadata_http, metadata, client_id, endpoint, audience } = door;
        let identity = Identity { metadata_http, metadata, client_id, audience };
        Arm { http, endpoint, bearer: Bearer::new(identity, caller), untracked: RefCell::default() }
    }

    /// The same way, with a token that was fetched already.
    pub fn with_token(self, token: Secret) -> Self {
        Arm { bearer: self.bearer.with_token(token), ..self }
    }

    /// The end of the call.
    pub fn deadline(&self) -> &Deadline {
        self.bearer.deadline()
    }

    /// Makes calls until the end of the call.
    pub fn caller(&self) -> &Caller {
        self.bearer.caller()
    }

    /// Asks once. A failure is not repeated, and slows nothing else down.
    pub fn once(&self) -> Caller {
        self.bearer.caller().at_most(1)
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

    /// The same, with as many attempts and as much time as this caller has.
    ///
    /// # Errors
    /// Those of [`Arm::get`].
    pub async fn get_by(&self, caller: &Caller, id: &Id) -> Result<Value> {
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

    /// The state of a machine. Asks once: nothing depends on it.
    ///
    /// # Errors
    /// Those of [`Arm::get`].
    pub async fn instance_view(&self, vm: &Id) -> Result<Value> {
        let url = format!("{}{}/instanceView?api-version={COMPUTE_VERSION}", self.endpoint, vm.as_str());
        let has_form = |body: &Value| body.get("statuses").is_some_and(Value::is_array);
        self.read(&self.once(), "arm:GET instanceView", &vm.shown(), &url, has_form).await
    }

    /// What this identity may do with a resource, an entry for each of its roles ("Permissions - List For Resource").
    ///
    /// # Errors
    /// Those of [`Arm::get`]; `unexpected` for a list without an end.
    pub async fn permissions(&self, caller: &Caller, id: &Id) -> Result<Vec<Value>> {
        self.list_of(caller, id, "permissions", AUTHORIZATION_VERSION).await
    }

    /// The locks of a resource and of its resource group ("Management Locks - List By Scope"; which scopes that covers, the
    /// documentation of Azure's Java library says, `ManagementLocks.listForResource`).
    ///
    /// # Errors
    /// Those of [`Arm::permissions`].
    pub async fn locks(&self, caller: &Caller, id: &Id) -> Result<Vec<Value>> {
        self.list_of(caller, id, "locks", LOCKS_VERSION).await
    }

    /// A list that the authorization provider has of a resource.
    async fn list_of(&self, caller: &Caller, id: &Id, what: &str, version: &str) -> Result<Vec<Value>> {
        let place = format!("{}/providers/Microsoft.Authorization/{what}", id.as_str());
        let url = format!("{}{place}?api-version={version}", self.endpoint);
        self.all_pages(caller, what, &id.shown(), url).await
    }

    /// All resources of this one's type in its resource group ("Network Interfaces - List").
    ///
    /// # Errors
    /// Those of [`Arm::permissions`].
    pub async fn siblings(&self, caller: &Caller, id: &Id) -> Result<Vec<Value>> {
        let url = format!("{}{}?api-version={NETWORK_VERSION}", self.endpoint, id.siblings());
        self.all_pages(caller, id.kind(), id.group(), url).await
    }

    /// Whether nobody in this virtual network has the address ("Virtual Networks - Check IP Address Availability").
    ///
    /// # Errors
    /// Those of [`Arm::get`].
    pub async fn is_free(&self, caller: &Caller, network: &Id, address: IpAddr) -> Result<bool> {
        const QUESTION: &str = "CheckIPAddressAvailability";
        let asked = format!("{QUESTION}?ipAddress={address}&api-version={NETWORK_VERSION}");
        let url = format!("{}{}/{asked}", self.endpoint, network.as_str());
        let free = |body: &Value| body.get("available").and_then(Value::as_bool);
        let call = format!("arm:GET {QUESTION}");
        let body = self.read(caller, &call, &network.shown(), &url, |body| free(body).is_some()).await?;
        Ok(free(&body).unwrap_or_default())
    }

    async fn all_pages(&self, caller: &Caller, what: &str, target: &str, mut url: String) -> Result<Vec<Value>> {
        let (call, mut all) = (format!("arm:GET {what}"), Vec::new());
        for _ in 0..MOST_PAGES {
            let mut page = self.read(caller, &call, target, &url, is_list).await?;
            if let Some(entries) = page.get_mut("value").and_then(Value::as_array_mut) {
                all.append(entries);
            }
            match page.get("nextLink").and_then(Value::as_str) {
                Some(next) => url = self.at_home(next)?,
                None => return Ok(all),
            }
        }
        Err(Error::impostor(format!("the {what} on {target} have more than {MOST_PAGES} pages"), NAME))
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
                let answer = self.send(Kind::Read, Method::GET, url, token, None, None).await?;
                let body = read_json(Kind::Read, &answer)?;
                if has_form(&body) {
                    return Ok(body);
                }
                Err(Error::impostor("unexpected response body", NAME))
            })
            .await
    }

    /// The caller of a write that has no more of the call's time than `share`, however often Azure says "try again".
    pub fn caller_within(&self, share: Option<Duration>) -> Caller {
        let caller = self.bearer.caller();
        share.map_or_else(|| caller.clone(), |share| caller.within(share))
    }

    /// Replaces a resource. With `version` Azure refuses the write if somebody has changed the resource since.
    ///
    /// # Errors
    /// Resource Manager's own, by their meaning; `ambiguous` when no answer says what became of the write.
    pub async fn put(&self, caller: &Caller, id: &Id, body: &Value, version: Option<&str>) -> Result<Accepted> {
        self.put_judged(caller, id, body, version, |error| error).await
    }

    /// The same. `judge` sees each refusal before it is decided whether the write is sent again.
    ///
    /// # Errors
    /// Those of [`Arm::put`], as judged.
    pub async fn put_judged(
        &self,
        caller: &Caller,
        id: &Id,
        body: &Value,
        version: Option<&str>,
        judge: impl Fn(Error) -> Error,
    ) -> Result<Accepted> {
        let call = format!("arm:PUT {}", id.kind());
        self.bearer
            .call_by(caller, Kind::Change, &call, &id.shown(), async |token| {
                let answer = self.send(Kind::Change, Method::PUT, &self.url(id), token, Some(body), version).await?;
                let body = read_json(Kind::Change, &answer).map_err(&judge)?;
                let accepted = Accepted::new(&answer, &body, id, "PUT");
                if accepted.is_done() && !is_resource(&body) {
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
    pub async fn delete(&self, caller: &Caller, id: &Id, version: Option<&str>) -> Result<Accepted> {
        let call = format!("arm:DELETE {}", id.kind());
        self.bearer
            .call_by(caller, Kind::Change, &call, &id.shown(), async |token| {
                let answer = self.send(Kind::Change, Method::DELETE, &self.url(id), token, None, version).await?;
                if answer.status != 204 && answer.status != 404 {
                    read_json(Kind::Change, &answer)?;
                }
                Ok(Accepted::new(&answer, &Value::Null, id, "DELETE"))
            })
            .await
    }

    pub(super) fn url(&self, id: &Id) -> String {
        let version = if id.kind() == "virtualMachines" { COMPUTE_VERSION } else { NETWORK_VERSION };
        format!("{}{}?api-version={version}", self.endpoint, id.as_str())
    }

    /// An operation's URL, moved to the configured endpoint: we send the token to no other host, whatever an answer says.
    pub(super) fn at_home(&self, url: &str) -> Result<String> {
        let parsed = Url::parse(url).map_err(|_| {
            Error::new(Code::Unexpected, "an operation's URL could not be read", "report this with the request's id")
        })?;
        let query = parsed.query().map(|query| format!("?{query}")).unwrap_or_default();
        Ok(format!("{}{}{query}", self.endpoint, parsed.path()))
    }

    pub(super) async fn send(
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

/// Every resource of Resource Manager has properties.
fn is_resource(body: &Value) -> bool {
    body.get("properties").is_some_and(Value::is_object)
}

fn is_list(body: &Value) -> bool {
    body.get("value").is_some_and(Value::is_array)
}

pub(super) fn read_json(kind: Kind, answer: &Response) -> Result<Value> {
    if answer.is_success() {
        return json_of(kind, answer, NAME);
    }
    let request = answer.header("x-ms-request-id").map(str::to_owned);
    Err(explain(answer.status, &answer.body, answer.retry_after(), request))
}
