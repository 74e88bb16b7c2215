//! Tokens of this VM's managed identity, by azure_identity with our own HTTP client under it: no second thread, no proxy,
//! and the metadata host that is configured. No other credential is tried; those of the CLI start processes.

use super::metadata;
use crate::{
    error::{Code, Error, Result},
    net::{
        client::{Client, read_body},
        retry::{Caller, Kind, Policy},
    },
};
use azure_core::{
    credentials::TokenCredential,
    error::ErrorKind,
    http::{AsyncRawResponse, ClientOptions, HttpClient, Request, RetryOptions, Transport, headers::Headers},
};
use azure_identity::{ManagedIdentityCredential, ManagedIdentityCredentialOptions, UserAssignedId};
use std::{sync::Arc, time::Duration};

const CALL: &str = "imds:token";
/// The identity service answers in some ten milliseconds; a fresh or busy one is asked again.
const POLICY: Policy = Policy {
    attempt_timeout: Duration::from_secs(4),
    most_attempts: None,
    longest_silence: Some(Duration::from_secs(6)),
};

/// A token for `resource`, which is the management endpoint of the VM's cloud.
///
/// # Errors
/// `unauthenticated` when the VM has no such identity, `unavailable` when the service does not answer.
pub async fn get(
    http: &Client,
    endpoint: Option<&str>,
    client_id: Option<&str>,
    resource: &str,
    caller: &Caller,
) -> Result<String> {
    let scope = format!("{resource}/.default");
    let attempt = async || {
        let credential = credential(http, endpoint, client_id)?;
        let token = credential.get_token(&[&scope], None).await.map_err(|error| explain(&error, client_id))?;
        Ok(token.token.secret().to_owned())
    };
    caller.with_policy(POLICY).call(Kind::Read, CALL, client_id.unwrap_or("system-assigned identity"), attempt).await
}

/// Made anew for each attempt, because it keeps what it was given.
fn credential(
    http: &Client,
    endpoint: Option<&str>,
    client_id: Option<&str>,
) -> Result<Arc<ManagedIdentityCredential>> {
    let endpoint = endpoint.unwrap_or(metadata::ADDRESS).trim_end_matches('/').to_owned();
    let transport = Transport::new(Arc::new(Door { http: http.clone(), endpoint }));
    let client_options =
        ClientOptions { transport: Some(transport), retry: RetryOptions::none(), ..ClientOptions::default() };
    let user_assigned_id = client_id.map(|id| UserAssignedId::ClientId(id.to_owned()));
    let options = ManagedIdentityCredentialOptions { user_assigned_id, client_options };
    ManagedIdentityCredential::new(Some(options)).map_err(|error| {
        Error::new(Code::Unauthenticated, format!("the managed identity cannot be used: {error}"), "see that IRIS runs on an Azure VM, without the environment of another Azure service (IDENTITY_ENDPOINT, MSI_ENDPOINT)")
    })
}

/// Our HTTP client, as azure_core wants it.
#[derive(Debug)]
struct Door {
    http: Client,
    endpoint: String,
}

#[async_trait::async_trait]
impl HttpClient for Door {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        let io = |error: Box<dyn std::error::Error + Send + Sync>| azure_core::Error::new(ErrorKind::Io, error);
        // azure_identity's metadata host is a constant; the path and the query are kept.
        let url = format!("{}{}", self.endpoint, request.path_and_query());
        let mut call = self.http.get(url);
        for (name, value) in request.headers().iter() {
            call = call.header(name.as_str(), value.as_str());
        }
        let response = call.send().await.map_err(|error| io(Box::new(error.without_url())))?;
        let status = response.status().as_u16();
        let mut headers = Headers::new();
        for (name, value) in response.headers() {
            if let Ok(value) = value.to_str() {
                headers.insert(name.as_str().to_owned(), value.to_owned());
            }
        }
        let body = read_body(response).await.map_err(|trouble| io(Box::new(trouble)))?;
        Ok(AsyncRawResponse::from_bytes(status.into(), headers, body))
    }
}

/// azure_identity wraps the answer's error into one of its own.
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

fn explain(error: &azure_core::Error, client_id: Option<&str>) -> Error {
    let status = http_status(error);
    let identity =
        client_id.map_or("no system-assigned identity".to_owned(), |id| format!("no identity with the client id {id}"));
    match status {
        Some(400) => Error::new(
            Code::Unauthenticated,
            format!("this VM has {identity} (the identity service answered 400)"),
            "assign the identity of docs/install-azure.md to this VM; with several user-assigned ones set `azure.clientId`",
        ),
        Some(404 | 410 | 429 | 500..=599) => {
            Error::new(Code::Unavailable, format!("the identity service answered {}", status.unwrap_or_default()), metadata::REMEDY)
        }
        Some(status) => Error::new(Code::Unauthenticated, format!("the identity service answered {status}"), metadata::REMEDY),
        None => Error::new(Code::Unavailable, format!("the identity service gave no token: {error}"), metadata::REMEDY),
    }
    .with(|details| details.http_status = status)
}
