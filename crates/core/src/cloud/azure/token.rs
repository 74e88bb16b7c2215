//! Tokens of this VM's managed identity. azure_identity asks for them through our own HTTP client: no second thread, no proxy,
//! and the configured metadata host. We try no other credential: those of the command-line tools start processes.

use super::metadata;
use crate::{
    error::{Code, Error, Result},
    net::{
        metadata::ADDRESS,
        retry::{Caller, Kind, Policy},
        secret::Secret,
        transport::{Client, LARGEST_METADATA, Request as Outgoing, Trouble},
    },
};
use azure_core::{
    credentials::TokenCredential,
    error::ErrorKind,
    http::{AsyncRawResponse, ClientOptions, HttpClient, Request, RetryOptions, Transport, headers::Headers},
};
use azure_identity::{ManagedIdentityCredential, ManagedIdentityCredentialOptions, UserAssignedId};
use http::{HeaderName, HeaderValue};
use serde::Deserialize;
use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU16, Ordering},
    },
    time::Duration,
};
use tokio::sync::Notify;

const CALL: &str = "imds:token";
/// The identity service answers in some ten milliseconds; retry a fresh or busy one.
const POLICY: Policy = Policy {
    attempt_timeout: Duration::from_secs(4),
    most_attempts: None,
    longest_silence: Some(Duration::from_secs(6)),
};

/// Gets a token for `resource`, the management endpoint of the VM's Azure cloud.
///
/// # Errors
/// `unauthenticated` when the VM has no such identity, `unavailable` when the service does not answer.
pub async fn get(
    http: &Client,
    endpoint: Option<&str>,
    client_id: Option<&str>,
    resource: &str,
    caller: &Caller,
) -> Result<Secret> {
    let scope = format!("{resource}/.default");
    let attempt = async || {
        let said = Arc::new(Said::default());
        let credential = credential(http, endpoint, client_id, said.clone())?;
        let scopes = [scope.as_str()];
        tokio::select! {
            biased;
            token = credential.get_token(&scopes, None) => match token {
                Ok(token) => Ok(Secret::from(token.token.secret().to_owned())),
                Err(error) => Err(explain(&error, client_id, &said)),
            },
            // azure_identity itself retries for more than a minute, even with its retries off. Our policy retries instead, and
            // reports what the identity service said.
            () = said.later.notified() => Err(later(&said)),
        }
    };
    caller.with_policy(POLICY).call(Kind::Read, CALL, client_id.unwrap_or("system-assigned identity"), attempt).await
}

/// A credential for one attempt, because a credential caches its token.
fn credential(
    http: &Client,
    endpoint: Option<&str>,
    client_id: Option<&str>,
    said: Arc<Said>,
) -> Result<Arc<ManagedIdentityCredential>> {
    let endpoint = endpoint.unwrap_or(ADDRESS).trim_end_matches('/').to_owned();
    let transport = Transport::new(Arc::new(Door { http: http.clone(), endpoint, said }));
    let client_options =
        ClientOptions { transport: Some(transport), retry: RetryOptions::none(), ..ClientOptions::default() };
    let user_assigned_id = client_id.map(|id| UserAssignedId::ClientId(id.to_owned()));
    let options = ManagedIdentityCredentialOptions { user_assigned_id, client_options };
    ManagedIdentityCredential::new(Some(options)).map_err(|error| {
        Error::new(Code::Unauthenticated, format!("the managed identity cannot be used: {error}"), "see that IRIS runs on an Azure VM, without the environment of another Azure service (IDENTITY_ENDPOINT, MSI_ENDPOINT)")
    })
}

/// Our HTTP client, in the form that azure_core expects.
#[derive(Debug)]
struct Door {
    http: Client,
    endpoint: String,
    said: Arc<Said>,
}

/// What the identity service last said. azure_identity does not report it.
#[derive(Debug, Default)]
struct Said {
    status: AtomicU16,
    why: OnceLock<String>,
    /// Why we could not read an answer.
    trouble: OnceLock<Trouble>,
    /// The service said "try again", or nothing.
    later: Notify,
}

#[derive(Deserialize)]
struct Refusal {
    error_description: String,
}

#[async_trait::async_trait]
impl HttpClient for Door {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        let lost = |trouble: Trouble| {
            let _ = self.said.trouble.set(trouble.clone());
            self.said.later.notify_one();
            azure_core::Error::new(ErrorKind::Io, trouble)
        };
        // azure_identity's metadata host is a constant. We replace the host and keep the path and the query.
        let url = format!("{}{}", self.endpoint, request.path_and_query());
        let unusable = |error: Error| azure_core::Error::new(ErrorKind::Io, error);
        let mut outgoing = Outgoing::get(&url).map_err(unusable)?;
        for (name, value) in request.headers().iter() {
            let pair = (HeaderName::try_from(name.as_str()), HeaderValue::try_from(value.as_str()));
            if let (Ok(name), Ok(value)) = pair {
                outgoing.headers.insert(name, value);
            }
        }
        let response = self.http.send(outgoing, LARGEST_METADATA).await.map_err(lost)?;
        let (status, body) = (response.status, response.body);
        let mut headers = Headers::new();
        for (name, value) in &response.headers {
            if let Ok(value) = value.to_str() {
                headers.insert(name.as_str().to_owned(), value.to_owned());
            }
        }
        self.said.status.store(status, Ordering::Relaxed);
        if status == 400
            && let Ok(refusal) = serde_json::from_slice::<Refusal>(&body)
        {
            let _ = self.said.why.set(refusal.error_description);
        }
        if asks_to_come_later(status) {
            self.said.later.notify_one();
        }
        Ok(AsyncRawResponse::from_bytes(status.into(), headers, body))
    }
}

/// The status of the answer. azure_identity wraps the answer's error into one of its own.
fn http_status(error: &azure_core::Error) -> Option<u16> {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(inner) = cause {
        if let Some(status) = inner.downcast_ref::<azure_core::Error>().and_then(azure_core::Error::http_status) {
            return Some(u16::from(status));
        }
        cause = inner.source();
    }
    None
}

/// Whether a later request may succeed: 404 and 410 during an update of the service, 429 above its rate ("Error handling" of
/// "How to use managed identities").
fn asks_to_come_later(status: u16) -> bool {
    matches!(status, 404 | 410 | 429 | 500..=599)
}

fn later(said: &Said) -> Error {
    if let Some(trouble) = said.trouble.get() {
        return Error::new(trouble.code, format!("the identity service gave no token: {trouble}"), metadata::REMEDY);
    }
    let status = said.status.load(Ordering::Relaxed);
    let code = if status == 429 { Code::Throttled } else { Code::Unavailable };
    Error::new(code, answered(status), metadata::remedy(status)).with(|details| details.http_status = Some(status))
}

fn answered(status: u16) -> String {
    format!("the identity service answered {status}")
}

fn explain(error: &azure_core::Error, client_id: Option<&str>, said: &Said) -> Error {
    if said.trouble.get().is_some() {
        return later(said);
    }
    let status = http_status(error);
    let why = said.why.get().map(|why| format!(": {why}")).unwrap_or_default();
    let identity =
        client_id.map_or("no system-assigned identity".to_owned(), |id| format!("no identity with the client id {id}"));
    match status {
        Some(400) => Error::new(
            Code::Unauthenticated,
            format!("this VM has {identity} that can be used (the identity service answered 400{why})"),
            "switch this VM's system-assigned identity on and give it the role, or set `azure.clientId` to a user-assigned one that has it; docs/install-azure.md has the role",
        ),
        Some(status) if asks_to_come_later(status) => return later(said),
        Some(status) => Error::new(Code::Unauthenticated, answered(status), metadata::remedy(status)),
        None => Error::new(Code::Unavailable, format!("the identity service gave no token: {error}"), metadata::REMEDY),
    }
    .with(|details| details.http_status = status)
}
