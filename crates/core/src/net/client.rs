//! HTTP clients for a cloud's API and for its metadata service, and what went wrong on the way.
//!
//! A client lives for one call: no connection, descriptor or task survives it. TLS verification cannot be turned off.
//! No redirect is followed, so that no token reaches another host.

use super::{dns::Resolver, near, settings::Http};
use crate::error::{Code, Error, Result};
use reqwest::{ClientBuilder, NoProxy, Proxy, Request, RequestBuilder, Response, header::HeaderMap, redirect};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};
use std::{fmt, sync::Arc, time::Duration};

pub use reqwest::Client;

/// A larger answer is none. EC2 tells a hundred route tables at once, with a thousand routes each at the most.
pub const LARGEST_OF_EC2: usize = 32 << 20;
/// Azure's and Google's answers tell single resources, up to 32 of them at once. The largest is a VM with 512 KiB of
/// metadata of its own.
pub const LARGEST_RESOURCE: usize = 16 << 20;
/// What the metadata services are asked for has some thousand bytes.
pub const LARGEST_METADATA: usize = 1 << 20;

/// Elements of XML, or values of JSON: parsed, the smallest of them take fifty times the room that they have in an answer.
/// A hundred route tables with a thousand routes each have fewer.
const MOST_PARTS: usize = 1_500_000;

/// Headers that nobody is to see: not in a debugging output, and not in the table by which HTTP/2 compresses headers.
const SECRET_HEADERS: [&str; 3] = ["authorization", "x-amz-security-token", "x-aws-ec2-metadata-token"];

/// For the cloud's API: through the configured proxy, trusting the operating system's roots and the configured bundle.
///
/// # Errors
/// `invalid_config` for an unusable bundle or proxy, `internal` when the TLS stack cannot be set up.
pub fn for_api(http: &Http, endpoint: Option<&str>) -> Result<Client> {
    let mut builder = base(roots(http, endpoint)?)?.connect_timeout(http.connect_timeout);
    if let Some(url) = &http.proxy {
        // Plain http goes to loopback and link-local addresses only, which are never behind a proxy.
        let proxy = Proxy::https(url.as_str()).map_err(|error| {
            Error::new(
                Code::InvalidConfig,
                format!("the proxy cannot be used: {}", chain(&error.without_url())),
                "correct `http.proxy` or HTTPS_PROXY",
            )
        })?;
        builder = builder.proxy(proxy.no_proxy(http.no_proxy.as_deref().and_then(NoProxy::from_string)));
    }
    finish(builder)
}

/// For the metadata service: never through a proxy, and impatient, since it answers in a millisecond or not at all.
///
/// # Errors
/// As [`for_api`].
pub fn for_metadata(http: &Http, endpoint: Option<&str>, connect_timeout: Duration) -> Result<Client> {
    let roots = roots(http, endpoint.or(Some("http://link-local")))?;
    finish(base(roots)?.connect_timeout(connect_timeout))
}

fn base(roots: RootCertStore) -> Result<ClientBuilder> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut tls = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| internal(&error))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Client::builder()
        .tls_backend_preconfigured(tls)
        .dns_resolver(Resolver::default())
        .redirect(redirect::Policy::none())
        .referer(false)
        .no_proxy()
        .user_agent(concat!("mirrorvip/", env!("CARGO_PKG_VERSION"))))
}

fn finish(builder: ClientBuilder) -> Result<Client> {
    builder.build().map_err(|error| internal(&error))
}

/// Reading the operating system's roots costs some milliseconds of CPU, and a plain http endpoint has no use for them.
fn roots(http: &Http, endpoint: Option<&str>) -> Result<RootCertStore> {
    let mut store = RootCertStore::empty();
    if endpoint.is_some_and(|url| url.starts_with("http:")) {
        return Ok(store);
    }
    let found = rustls_native_certs::load_native_certs();
    let (usable, _) = store.add_parsable_certificates(found.certs);
    let extra = http.ca_bundle.as_deref().unwrap_or_default();
    for certificate in CertificateDer::pem_slice_iter(extra) {
        let added = certificate
            .map_err(|error| error.to_string())
            .and_then(|der| store.add(der).map_err(|error| error.to_string()));
        added.map_err(|cause| {
            Error::new(
                Code::InvalidConfig,
                format!("`http.caBundle` holds an unusable certificate: {cause}"),
                "export the authority's certificate again, as PEM",
            )
        })?;
    }
    if usable == 0 && store.is_empty() {
        let cause = found.errors.first().map(ToString::to_string).unwrap_or_default();
        return Err(Error::new(
            Code::InvalidConfig,
            format!("the operating system offers no trusted certificate authority {cause}"),
            "install the distribution's package ca-certificates, or set `http.caBundle`",
        ));
    }
    Ok(store)
}

fn internal(error: &(dyn std::error::Error + 'static)) -> Error {
    Error::new(
        Code::Internal,
        format!("the HTTP client could not be set up: {}", chain(error)),
        "report this with the library's version",
    )
}

/// Sends a request, unless it would be in the clear to somewhere else.
///
/// # Errors
/// The connection's trouble.
pub async fn send(request: RequestBuilder) -> std::result::Result<Response, Trouble> {
    let (client, request) = request.build_split();
    execute(&client, request.map_err(Trouble::from_reqwest)?).await
}

/// The same, of a request that somebody else has made. Everything that this library sends passes here.
///
/// # Errors
/// The connection's trouble.
pub async fn execute(client: &Client, mut request: Request) -> std::result::Result<Response, Trouble> {
    if !near::may_be_sent(request.url()) {
        return Err(Trouble {
            sent: Sent::No,
            code: Code::InvalidConfig,
            message: format!("{} may not be reached over plain http", request.url().host_str().unwrap_or("this host")),
            remedy: "use https; plain http goes to loopback and link-local addresses only",
        });
    }
    hide(request.headers_mut());
    client.execute(request).await.map_err(Trouble::from_reqwest)
}

fn hide(headers: &mut HeaderMap) {
    for name in SECRET_HEADERS {
        if let Some(value) = headers.get_mut(name) {
            value.set_sensitive(true);
        }
    }
}

/// Why no usable answer came, and whether the request may have reached the cloud all the same.
#[derive(Debug, Clone)]
pub struct Trouble {
    pub sent: Sent,
    pub code: Code,
    pub message: String,
    pub remedy: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    No,
    Maybe,
}

impl Trouble {
    pub fn from_reqwest(error: reqwest::Error) -> Self {
        let sent = if error.is_connect() || error.is_builder() { Sent::No } else { Sent::Maybe };
        let error = error.without_url();
        let message = chain(&error);
        let remedy = if message.contains("certificate") {
            "if a proxy or a private endpoint has its own authority, name its certificate in `http.caBundle`"
        } else {
            "check that this machine reaches the endpoint: DNS, routes, security groups, proxy"
        };
        Trouble { sent, code: Code::Unavailable, message, remedy }
    }

    /// As an error of a change that the cloud may have received.
    pub fn of_a_lost_answer(&self) -> Error {
        Error::in_doubt(format!("the answer was lost: {}", self.message), self.remedy)
    }

    /// As an error of a call that only reads, or whose change certainly did not start.
    pub fn of_no_change(&self) -> Error {
        Error::new(self.code, self.message.clone(), self.remedy)
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Trouble {}

/// The whole body, but not more than `most` bytes, nor more parts than could be kept. No answer is unpacked: none is asked for in a compressed form.
///
/// # Errors
/// The connection's trouble, `unexpected` for a body that is larger; the request had been sent.
pub async fn read_body(mut response: Response, most: usize) -> std::result::Result<Vec<u8>, Trouble> {
    let refused = |message: String| Trouble {
        sent: Sent::Maybe,
        code: Code::Unexpected,
        message,
        remedy: "something else answers at the endpoint; look for a proxy, and at `endpoints` in the configuration",
    };
    let too_large = || refused(format!("the answer is larger than {most} bytes"));
    // What is announced is believed only where it is too much: nothing is set aside for it.
    if response.content_length().is_some_and(|length| length > most as u64) {
        return Err(too_large());
    }
    let (mut body, mut parts) = (Vec::new(), 0);
    while let Some(chunk) = response.chunk().await.map_err(Trouble::from_reqwest)? {
        if body.len() + chunk.len() > most {
            return Err(too_large());
        }
        parts += chunk.iter().filter(|byte| matches!(byte, b'<' | b'{' | b'[' | b',')).count();
        if parts > MOST_PARTS {
            return Err(refused(format!("the answer has more than {MOST_PARTS} parts")));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// An error with its causes, since the outermost one says little ("error sending request").
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.ends_with(&inner_text) {
            text = format!("{text}: {inner_text}");
        }
        cause = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Outer(std::io::Error);

    impl fmt::Display for Outer {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("sending failed")
        }
    }

    impl std::error::Error for Outer {
        fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
            Some(&self.0)
        }
    }

    #[test]
    fn what_carries_a_secret_is_not_printed() {
        let mut headers = HeaderMap::new();
        for name in SECRET_HEADERS {
            headers.insert(name, "Bearer ya29.c.secret".parse().expect("a value"));
        }
        hide(&mut headers);
        let text = format!("{headers:?}");
        assert!(!text.contains("secret") && SECRET_HEADERS.iter().all(|name| text.contains(name)), "{text}");
    }

    #[test]
    fn the_innermost_cause_is_told() {
        assert_eq!(chain(&Outer(std::io::Error::other("connection refused"))), "sending failed: connection refused");
    }
}
