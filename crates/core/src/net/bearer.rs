//! Calls that carry a bearer token, which is fetched once and renewed once when it is refused; and how their requests are
//! sent.

use super::{
    client::{self, LARGEST_RESOURCE, Sent, Trouble, read_body},
    retry::{Caller, Kind},
    secret::Secret,
};
use crate::{
    deadline::Deadline,
    error::{Code, Error, Result},
    journal::Step,
};
use reqwest::{RequestBuilder, header::HeaderMap};
use serde_json::Value;
use std::time::Duration;
use tokio::{sync::Mutex, time::Instant};

/// Where tokens come from.
#[allow(async_fn_in_trait)] // One thread: nothing here needs to be Send.
pub trait Tokens {
    async fn fetch(&self, caller: &Caller) -> Result<Secret>;
}

pub struct Bearer<T> {
    tokens: T,
    caller: Caller,
    token: Mutex<Option<Secret>>,
}

/// An answer, read to its end.
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl<T: Tokens> Bearer<T> {
    pub fn new(tokens: T, caller: Caller) -> Self {
        Bearer { tokens, caller, token: Mutex::new(None) }
    }

    pub fn caller(&self) -> &Caller {
        &self.caller
    }

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

    /// Notes all looks at one operation as a single step.
    pub fn record_looks<A>(&self, call: String, target: &str, looks: u32, begun: Instant, result: &Result<A>) {
        self.caller.journal().record(Step {
            call,
            target: target.to_owned(),
            attempts: looks,
            ms: u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
            result: match result {
                Ok(_) => "ok".into(),
                Err(error) if error.fate.is_in_doubt() => Code::Ambiguous.as_str().into(),
                Err(error) => error.code.as_str().into(),
            },
        });
    }
}

/// Sends a request as the owner of the token and reads its answer, whatever the status.
///
/// # Errors
/// `unavailable` when it certainly was not carried out, or only reads; `unexpected` for a read whose answer is too large;
/// `ambiguous` for a change that may have been made.
pub async fn send(kind: Kind, request: RequestBuilder, token: &Secret) -> Result<Answer> {
    let lost = |trouble: Trouble| match (kind, trouble.sent) {
        (Kind::Change, Sent::Maybe) => trouble.of_a_lost_answer(),
        _ => trouble.of_no_change(),
    };
    let response = client::send(request.bearer_auth(token.reveal())).await.map_err(lost)?;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let body = read_body(response, LARGEST_RESOURCE).await.map_err(lost)?;
    Ok(Answer { status, headers, body: without(body, token.reveal()) })
}

/// An answer that echoes the token must not bring it into a report. Here because a text that is cut later may keep a piece of it
/// that is too short for `redact.rs` to know it by.
fn without(body: Vec<u8>, token: &str) -> Vec<u8> {
    let echoes = !token.is_empty() && body.windows(token.len()).any(|window| window == token.as_bytes());
    if echoes { String::from_utf8_lossy(&body).replace(token, "(not shown)").into_bytes() } else { body }
}

impl Answer {
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// How long the cloud asks to stay away, in seconds; a date is not one of its forms here.
    pub fn retry_after(&self) -> Option<Duration> {
        self.header("retry-after")?.trim().parse().ok().map(Duration::from_secs)
    }

    /// The body of a success.
    ///
    /// # Errors
    /// When it is no JSON: something else has answered, and what became of a change is not known.
    pub fn json(&self, kind: Kind, of: &str) -> Result<Value> {
        if self.body.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&self.body).map_err(|_| {
            let message = format!("the answer ({}) is no JSON", self.status);
            let error = match kind {
                Kind::Change => Error::impostor_in_doubt(message, of),
                Kind::Read => Error::impostor(message, of),
            };
            error.with(|details| details.http_status = Some(self.status))
        })
    }
}
