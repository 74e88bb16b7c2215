//! Who this member is, from the instance metadata service (IMDSv2 only).
//!
//! Source: "Use the Instance Metadata Service to access instance metadata" in the Amazon EC2 User Guide: a session token
//! by PUT, each read with that token, 401 for a token that is missing, expired or unknown.

use crate::{
    error::{Code, Error, Result},
    net::{
        metadata::{ADDRESS, POLICY, Service},
        retry::{Caller, Kind, Policy},
        secret::Secret,
        transport::{Client, Request},
    },
};
use http::Method;
use std::time::Duration;
use tokio::sync::Mutex;

const TOKEN_TTL: &str = "x-aws-ec2-metadata-token-ttl-seconds";
const TOKEN: &str = "x-aws-ec2-metadata-token";
/// Longer than any call; the service accepts 1 to 21600.
const TTL_SECONDS: &str = "900";

const REMEDY: &str = "see that the instance metadata service is enabled on this instance; in a container set \
    HttpPutResponseHopLimit to 2 (aws ec2 modify-instance-metadata-options)";
const SERVICE: Service = Service { cloud: "aws", name: "the instance metadata service", remedy: REMEDY };
/// After this time a value that was missing is asked for once more: right after the start of an instance, or after a change of its
/// instance profile, the service does not have everything yet.
const BEFORE_THE_SECOND_ASKING: Duration = Duration::from_millis(300);
/// What to do where the response cannot be the service's own.
pub const IN_ITS_PLACE: &str =
    "something between this process and 169.254.169.254 answers in its place; look for a proxy";

/// The metadata service, with the session token of this call.
pub struct Metadata {
    http: Client,
    base: String,
    caller: Caller,
    token: Mutex<Option<Secret>>,
}

enum Answer {
    Text(String),
    Absent,
    /// The service rejects the token.
    TokenRefused,
}

impl Metadata {
    /// Sets the service up; `endpoint` replaces its own address. Sends nothing.
    pub fn new(http: Client, endpoint: Option<&str>, caller: &Caller) -> Self {
        let base = endpoint.unwrap_or(ADDRESS).trim_end_matches('/').to_owned();
        Metadata { http, base, caller: caller.with_policy(POLICY), token: Mutex::new(None) }
    }

    /// Reads one value; `None` where the service has no such value (404, or an empty one), and has none a moment later.
    ///
    /// # Errors
    /// `unavailable` when the service does not answer, `denied` when it is switched off, `unauthenticated` when it
    /// refuses even a fresh token.
    pub async fn find(&self, path: &str) -> Result<Option<String>> {
        let (mut renewed, mut was_absent) = (false, false);
        loop {
            let token = self.token().await?;
            let answer = self.caller.call(Kind::Read, "imds:GET", path, async || self.get(path, &token).await).await;
            let answer = answer.map_err(|error| SERVICE.with_remedy(error))?;
            match answer {
                Answer::Text(text) => return Ok(Some(text)),
                Answer::Absent if !was_absent => {
                    was_absent = true;
                    self.caller.deadline().sleep(BEFORE_THE_SECOND_ASKING).await?;
                }
                Answer::Absent => return Ok(None),
                Answer::TokenRefused if !renewed => {
                    renewed = true;
                    self.forget(&token).await;
                }
                Answer::TokenRefused => {
                    return Err(Error::new(
                        Code::Unauthenticated,
                        format!("the metadata service refused a fresh session token for {path}"),
                        IN_ITS_PLACE,
                    ));
                }
            }
        }
    }

    /// Reads one value that only saves time or adorns the report. Tries once; a failure counts as an absent value.
    ///
    /// # Errors
    /// Only when the call has to end.
    pub async fn find_optional(&self, path: &str) -> Result<Option<String>> {
        let token = self.token().await?;
        let once = self.caller.with_policy(Policy { most_attempts: Some(1), ..POLICY });
        match once.call(Kind::Read, "imds:GET", path, async || self.get(path, &token).await).await {
            Ok(Answer::Text(text)) => Ok(Some(text)),
            Ok(Answer::Absent | Answer::TokenRefused) => Ok(None),
            Err(error) if error.ends_the_call() => Err(error),
            Err(_) => Ok(None),
        }
    }

    /// Reads one value that each instance has.
    ///
    /// # Errors
    /// As [`Metadata::find`], and `unexpected` where the service has no such value: it may have it again at the next call.
    pub async fn get_required(&self, path: &str) -> Result<String> {
        self.find(path).await?.ok_or_else(|| SERVICE.unread(format!("the metadata service has no {path}")))
    }

    /// The session token. One request serves all reads that wait for it.
    async fn token(&self) -> Result<Secret> {
        let mut place = self.caller.deadline().guard(self.token.lock()).await?;
        if let Some(token) = &*place {
            return Ok(token.clone());
        }
        let token = self.caller.call(Kind::Read, "imds:PUT", "api/token", async || self.put_token().await).await;
        let token = token.map_err(|error| SERVICE.with_remedy(error))?;
        self.caller.journal().hide(token.reveal());
        *place = Some(token.clone());
        Ok(token)
    }

    async fn forget(&self, refused: &Secret) {
        let mut place = self.token.lock().await;
        if place.as_ref() == Some(refused) {
            *place = None;
        }
    }

    async fn put_token(&self) -> Result<Secret> {
        let url = format!("{}/latest/api/token", self.base);
        let (status, body) =
            SERVICE.send(&self.http, Request::new(Method::PUT, &url)?.header(TOKEN_TTL, TTL_SECONDS)?).await?;
        match status {
            200 => text(body).map(Secret::from),
            403 => Err(Error::new(Code::Denied, "the instance metadata service is switched off (403)", REMEDY)
                .with(|details| details.http_status = Some(403))),
            _ => Err(refused(status)),
        }
    }

    async fn get(&self, path: &str, token: &Secret) -> Result<Answer> {
        let url = format!("{}/latest/{path}", self.base);
        let (status, body) = SERVICE.send(&self.http, Request::get(&url)?.header(TOKEN, token.reveal())?).await?;
        match status {
            200 => text(body).map(|text| if text.is_empty() { Answer::Absent } else { Answer::Text(text) }),
            401 => Ok(Answer::TokenRefused),
            404 => Ok(Answer::Absent),
            _ => Err(refused(status)),
        }
    }
}

fn text(body: Vec<u8>) -> Result<String> {
    let text = String::from_utf8(body).map_err(|_| SERVICE.unread("the metadata service answered no text"))?;
    // These values become parts of URLs and headers.
    let text = text.trim().to_owned();
    if text.chars().any(|character| character.is_control() && character != '\n') && !text.starts_with('{') {
        return Err(SERVICE.unread("the metadata service answered with control characters"));
    }
    Ok(text)
}

fn refused(status: u16) -> Error {
    SERVICE.refused(if status >= 500 || status == 429 { Code::Unavailable } else { Code::Unexpected }, status)
}
