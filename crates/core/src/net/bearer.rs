//! Calls that carry a bearer token. The token is fetched once, and renewed once when the cloud refuses it.

use super::{
    retry::{Caller, Kind, lost},
    secret::Secret,
    transport::{Client, LARGEST_RESOURCE, Request, Response},
};
use crate::{
    deadline::Deadline,
    error::{Error, Result},
    journal::Step,
};
use serde_json::Value;
use tokio::{sync::Mutex, time::Instant};

/// Where tokens come from.
#[allow(async_fn_in_trait)] // One thread: nothing here needs to be Send.
pub trait Tokens {
    /// Fetches a new token.
    ///
    /// # Errors
    /// `unauthenticated` where this machine has no identity, or why the service did not give a token.
    async fn fetch(&self, caller: &Caller) -> Result<Secret>;
}

/// Makes calls with one token.
pub struct Bearer<T> {
    tokens: T,
    caller: Caller,
    token: Mutex<Option<Secret>>,
}

impl<T: Tokens> Bearer<T> {
    /// Calls with tokens from this source, made by this caller.
    pub fn new(tokens: T, caller: Caller) -> Self {
        Bearer { tokens, caller, token: Mutex::new(None) }
    }

    /// The same calls, with a token that was fetched already.
    pub fn with_token(self, token: Secret) -> Self {
        self.caller.journal().hide(token.reveal());
        Bearer { token: Mutex::new(Some(token)), ..self }
    }

    /// Who makes the calls.
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// The time by which they have to end.
    pub fn deadline(&self) -> &Deadline {
        self.caller.deadline()
    }

    /// A token before it is needed, so that the first call does not wait for it.
    pub async fn prepare(&self) -> Result<()> {
        self.token().await.map(drop)
    }

    /// Makes a call as this identity. Fails as [`Caller::call`] does, and where there is no token.
    pub async fn call<A>(
        &self,
        kind: Kind,
        call: &str,
        target: &str,
        attempt: impl AsyncFn(&Secret) -> Result<A>,
    ) -> Result<A> {
        self.call_by(&self.caller, kind, call, target, attempt).await
    }

    /// The same, by a caller that notes its steps elsewhere or has a policy of its own.
    pub async fn call_by<A>(
        &self,
        caller: &Caller,
        kind: Kind,
        call: &str,
        target: &str,
        attempt: impl AsyncFn(&Secret) -> Result<A>,
    ) -> Result<A> {
        let mut renewed = false;
        loop {
            let token = self.token().await?;
            match caller.call(kind, call, target, async || attempt(&token).await).await {
                Err(error) if error.http_status == Some(401) && !renewed => {
                    renewed = true;
                    let mut place = self.token.lock().await;
                    if place.as_ref() == Some(&token) {
                        *place = None;
                    }
                }
                answer => return answer,
            }
        }
    }

    async fn token(&self) -> Result<Secret> {
        let mut place = self.deadline().guard(self.token.lock()).await?;
        if let Some(token) = &*place {
            return Ok(token.clone());
        }
        let token = self.tokens.fetch(&self.caller).await?;
        self.caller.journal().hide(token.reveal());
        *place = Some(token.clone());
        Ok(token)
    }

    /// Notes all polls of one operation as a single step.
    pub fn record_looks<A>(&self, call: &str, target: &str, looks: u32, begun: Instant, result: &Result<A>) {
        self.caller.journal().record(Step::of(call, target, looks, begun.elapsed(), result));
    }
}

/// Sends a request in the name of the token's owner and reads the response, whatever its status.
///
/// # Errors
/// `unavailable` when it certainly was not carried out, or only reads; `unexpected` for a read whose answer is too large;
/// `ambiguous` for a change that may have been made.
pub async fn send(kind: Kind, http: &Client, request: Request, token: &Secret) -> Result<Response> {
    let response = http.send(request.bearer(token)?, LARGEST_RESOURCE).await.map_err(|trouble| lost(kind, &trouble))?;
    Ok(Response { body: without(response.body, token.reveal()), ..response })
}

/// Removes the token from a response that echoes it, before anything cuts the text: `redact.rs` would not recognise a short piece.
fn without(body: Vec<u8>, token: &str) -> Vec<u8> {
    let echoes = !token.is_empty() && body.windows(token.len()).any(|window| window == token.as_bytes());
    if echoes { String::from_utf8_lossy(&body).replace(token, "(not shown)").into_bytes() } else { body }
}

/// The body of a successful response; empty is null.
///
/// # Errors
/// When it is no JSON: something else has answered, and a change is in doubt.
pub fn json_of(kind: Kind, response: &Response, of: &str) -> Result<Value> {
    if response.body.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_slice(&response.body).map_err(|_| {
        let message = format!("the answer ({}) is no JSON", response.status);
        let error = match kind {
            Kind::Change => Error::impostor_in_doubt(message, of),
            Kind::Read => Error::impostor(message, of),
        };
        error.with(|details| details.http_status = Some(response.status))
    })
}
