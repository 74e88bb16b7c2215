//! The seam to the network: a request goes in, and a response or the reason for its absence comes out. Every byte to a cloud
//! passes [`Client::send`], also those of the AWS SDK and of azure_identity. Behind the seam stands `net/client.rs`, or a
//! simulated cloud without a socket.

use super::{near, secret::Secret, settings::Http};
use crate::{
    deadline::Pulse,
    error::{Code, Error, Result},
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, header::CONTENT_TYPE};
use serde_json::Value;
use std::{fmt, future::Future, pin::Pin, sync::Arc, time::Duration};
use url::Url;

/// The largest response of EC2, in bytes. EC2 lists a hundred route tables at once, with a thousand routes each at the most.
pub const LARGEST_OF_EC2: usize = 32 << 20;
/// The largest response of Azure and Google, in bytes. They return single resources, up to 32 of them at once; the largest is
/// a VM with 512 KiB of metadata of its own.
pub const LARGEST_RESOURCE: usize = 16 << 20;
/// The largest response of a metadata service, in bytes. What this library requests there has some thousand bytes.
pub const LARGEST_METADATA: usize = 1 << 20;

/// Headers that nobody may see: not in a debugging output, and not in the table by which HTTP/2 compresses headers.
const SECRET_HEADERS: [&str; 3] = ["authorization", "x-amz-security-token", "x-aws-ec2-metadata-token"];

/// The way to the network, and all that decides it.
pub trait Network {
    /// A client for one service, for the length of one call.
    ///
    /// # Errors
    /// `invalid_config` for an unusable bundle or proxy, `internal` when the TLS stack cannot be set up.
    fn client(&self, to: Destination<'_>, http: &Http) -> Result<Client>;
}

/// What a client is for.
#[derive(Debug, Clone, Copy)]
pub enum Destination<'a> {
    /// A cloud's API, through the configured proxy.
    Api {
        /// The configured endpoint.
        endpoint: Option<&'a str>,
    },
    /// The metadata service: never through a proxy.
    Metadata {
        /// The configured endpoint.
        endpoint: Option<&'a str>,
    },
}

/// Sends requests. An implementation neither follows redirects nor repeats: `net/retry.rs` repeats.
pub trait Transport: fmt::Debug + Send + Sync {
    /// Sends one request and reads the response to its end, but not more than `largest` bytes of its body.
    fn send<'a>(&'a self, request: Request, largest: usize) -> Sending<'a>;
}

/// A request on its way.
pub type Sending<'a> = Pin<Box<dyn Future<Output = std::result::Result<Response, Trouble>> + Send + 'a>>;

/// A way to one service. Clones share it.
#[derive(Debug, Clone)]
pub struct Client {
    transport: Arc<dyn Transport>,
    pulse: Option<Arc<Pulse>>,
}

impl Client {
    /// A client over this transport.
    pub fn new(transport: impl Transport + 'static) -> Self {
        Client { transport: Arc::new(transport), pulse: None }
    }

    /// The same client, whose requests leave only while this call goes on.
    pub fn with_pulse(self, pulse: Arc<Pulse>) -> Self {
        Client { pulse: Some(pulse), ..self }
    }

    /// Sends a request, unless it would be in the clear to somewhere else.
    ///
    /// # Errors
    /// The connection's trouble.
    pub async fn send(&self, mut request: Request, largest: usize) -> std::result::Result<Response, Trouble> {
        if !near::may_be_sent(&request.url) {
            let host = request.url.host_str().unwrap_or("this host");
            return Err(Trouble {
                sent: Sent::No,
                code: Code::InvalidConfig,
                message: format!("{host} may not be reached over plain http"),
                remedy: "use https; plain http goes to loopback and link-local addresses only",
            });
        }
        hide(&mut request.headers);
        // A client behind this one, as in a transport that counts, has no pulse of its own.
        if self.pulse.is_some() {
            request.pulse.clone_from(&self.pulse);
        }
        self.transport.send(request, largest).await
    }
}

fn hide(headers: &mut HeaderMap) {
    for name in SECRET_HEADERS {
        if let Some(value) = headers.get_mut(name) {
            value.set_sensitive(true);
        }
    }
}

/// One request, with its whole body.
pub struct Request {
    /// The method.
    pub method: Method,
    /// Where it goes.
    pub url: Url,
    /// The headers, without those that the connection adds.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Vec<u8>,
    /// The call that it belongs to: the transport sends nothing of it once that has stopped.
    pub pulse: Option<Arc<Pulse>>,
}

impl Request {
    /// A request without headers and body.
    ///
    /// # Errors
    /// `unavailable` when the text, which may come from a cloud, is no URL.
    pub fn new(method: Method, url: &str) -> Result<Self> {
        let url = Url::parse(url).map_err(|error| unbuildable(format!("its URL is no URL: {error}")))?;
        Ok(Request { method, url, headers: HeaderMap::new(), body: Vec::new(), pulse: None })
    }

    /// A GET.
    ///
    /// # Errors
    /// As [`Request::new`].
    pub fn get(url: &str) -> Result<Self> {
        Request::new(Method::GET, url)
    }

    /// Adds parameters to the URL's query.
    pub fn query<K: AsRef<str>, V: AsRef<str>>(mut self, pairs: &[(K, V)]) -> Self {
        if !pairs.is_empty() {
            self.url.query_pairs_mut().extend_pairs(pairs);
        }
        self
    }

    /// Sets a header.
    ///
    /// # Errors
    /// `unavailable` when the value, which may come from a cloud, holds bytes that no header may hold: the next response may be good.
    pub fn header(mut self, name: &'static str, value: &str) -> Result<Self> {
        // The value may be a secret, so the error does not quote it.
        let value = HeaderValue::try_from(value)
            .map_err(|_| unbuildable(format!("its header {name} would hold bytes that no header may hold")))?;
        self.headers.insert(HeaderName::from_static(name), value);
        Ok(self)
    }

    /// Sets the body.
    pub fn json(mut self, body: &Value) -> Self {
        self.body = body.to_string().into_bytes();
        self.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        self
    }

    /// Makes the request in the name of this token's owner.
    ///
    /// # Errors
    /// As [`Request::header`].
    pub fn bearer(self, token: &Secret) -> Result<Self> {
        self.header("authorization", &format!("Bearer {}", token.reveal()))
    }
}

fn unbuildable(why: String) -> Error {
    Error::new(
        Code::Unavailable,
        format!("the request was not sent, because {why}"),
        "look at the configuration's `endpoints`, and for a proxy that changes responses",
    )
}

/// A response, read to its end.
#[derive(Debug)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Vec<u8>,
}

impl Response {
    /// Whether the status is one of success.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// A header's text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// How long the cloud asks to stay away, in seconds; a date is not one of its forms here.
    pub fn retry_after(&self) -> Option<Duration> {
        self.header("retry-after")?.trim().parse().ok().map(Duration::from_secs)
    }
}

/// Why no usable response came, and whether the cloud may have received the request.
#[derive(Debug, Clone)]
pub struct Trouble {
    /// Whether the request may have left.
    pub sent: Sent,
    /// What it means to a call that changes nothing.
    pub code: Code,
    /// What the connection reported.
    pub message: String,
    /// What to do about it.
    pub remedy: &'static str,
}

/// Whether a request left this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// It certainly did not.
    No,
    /// It may have, and the cloud may have carried it out.
    Maybe,
}

impl Trouble {
    /// As an error of a change that the cloud may have received.
    pub fn of_a_lost_answer(&self) -> Error {
        Error::in_doubt(format!("the answer was lost: {}", self.message), self.remedy)
    }

    /// As an error of a call that only reads, or whose change certainly did not start.
    pub fn of_no_change(&self) -> Error {
        let error = Error::new(self.code, self.message.clone(), self.remedy);
        if self.code == Code::Unexpected { error.passing() } else { error }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Trouble {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_debugging_output_shows_no_secret_header() {
        let mut headers = HeaderMap::new();
        for name in SECRET_HEADERS {
            headers.insert(name, "Bearer ya29.c.secret".parse().expect("a value"));
        }
        hide(&mut headers);
        let text = format!("{headers:?}");
        assert!(!text.contains("secret") && SECRET_HEADERS.iter().all(|name| text.contains(name)), "{text}");
    }
}
