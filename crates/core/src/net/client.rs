//! The real network behind the seam: HTTP over sockets, for a cloud's API and for its metadata service.
//!
//! A client lives for one call: no connection, descriptor or task survives it. TLS verification cannot be turned off.
//! No redirect is followed, so that no token reaches another host.

use super::{
    dns::Resolver,
    held_back,
    settings::Http,
    transport::{Client, Destination, Network, Request, Response, Sending, Sent, Transport, Trouble},
    unreachable::{Way, words},
};
use crate::error::{Code, Error, REPORT_IT, Result};
use reqwest::{ClientBuilder, NoProxy, Proxy, redirect};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};
use std::{sync::Arc, time::Duration};

/// Elements of XML, or values of JSON: parsed, the smallest of them take fifty times the room that they have in an answer.
/// A hundred route tables with a thousand routes each have fewer.
const MOST_PARTS: usize = 1_500_000;

/// How long the metadata service may take to accept a connection: it does so in a millisecond, or never.
const METADATA_CONNECT: Duration = Duration::from_secs(1);

/// The network that this machine is in.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sockets;

impl Network for Sockets {
    fn client(&self, to: Destination<'_>, http: &Http) -> Result<Client> {
        match to {
            Destination::Api { endpoint } => for_api(http, endpoint),
            Destination::Metadata { endpoint } => for_metadata(http, endpoint),
        }
    }
}

/// A pool of connections, which ends with the call.
#[derive(Debug)]
struct Connections {
    client: reqwest::Client,
    way: Way,
}

/// For the cloud's API: through the configured proxy, trusting the operating system's roots and the configured bundle.
fn for_api(http: &Http, endpoint: Option<&str>) -> Result<Client> {
    let names = Resolver::default();
    let mut builder = base(roots(http, endpoint)?, &names)?.connect_timeout(http.connect_timeout);
    if let Some(url) = &http.proxy {
        // Plain http goes to loopback and link-local addresses only, which are never behind a proxy.
        let proxy = Proxy::https(url.as_str()).map_err(|error| {
            Error::new(
                Code::InvalidConfig,
                format!("the proxy cannot be used: {}", words(&error.without_url())),
                "correct `http.proxy` or HTTPS_PROXY",
            )
        })?;
        builder = builder.proxy(proxy.no_proxy(http.no_proxy.as_deref().and_then(NoProxy::from_string)));
    }
    finish(builder, Way::configured(names, http))
}

/// For the metadata service: never through a proxy, and impatient.
fn for_metadata(http: &Http, endpoint: Option<&str>) -> Result<Client> {
    let roots = roots(http, endpoint.or(Some("http://link-local")))?;
    let names = Resolver::default();
    let builder = base(roots, &names)?.connect_timeout(METADATA_CONNECT);
    finish(builder, Way::direct(names, METADATA_CONNECT))
}

fn base(roots: RootCertStore, names: &Resolver) -> Result<ClientBuilder> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut tls = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| internal(&error))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .dns_resolver(names.clone())
        .redirect(redirect::Policy::none())
        .referer(false)
        .no_proxy()
        .user_agent(concat!("mirrorvip/", env!("CARGO_PKG_VERSION"))))
}

fn finish(builder: ClientBuilder, way: Way) -> Result<Client> {
    builder.build().map(|client| Client::new(Connections { client, way })).map_err(|error| internal(&error))
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
    Error::new(Code::Internal, format!("the HTTP client could not be set up: {}", words(error)), REPORT_IT)
}

impl Transport for Connections {
    fn send<'a>(&'a self, request: Request, largest: usize) -> Sending<'a> {
        Box::pin(async move {
            let Request { method, url, headers, body, pulse } = request;
            let trouble = |error: reqwest::Error| self.way.trouble(&error.without_url(), &url);
            let mut wire = reqwest::Request::new(method, url.clone());
            *wire.headers_mut() = headers;
            if !body.is_empty() {
                *wire.body_mut() = Some(match pulse {
                    Some(pulse) => reqwest::Body::wrap(held_back::Body::new(body, pulse)),
                    None => body.into(),
                });
            }
            let mut response = self.client.execute(wire).await.map_err(trouble)?;
            let (status, headers) = (response.status().as_u16(), std::mem::take(response.headers_mut()));
            Ok(Response { status, headers, body: read_body(response, largest, trouble).await? })
        })
    }
}

/// The whole body, but not more than `largest` bytes, nor more parts than memory has room for. We never request compression, so
/// no body is unpacked.
async fn read_body(
    mut response: reqwest::Response,
    largest: usize,
    trouble: impl Fn(reqwest::Error) -> Trouble,
) -> std::result::Result<Vec<u8>, Trouble> {
    let refused = |message: String| Trouble {
        sent: Sent::Maybe,
        code: Code::Unexpected,
        message,
        remedy: "something else answers at the endpoint; look for a proxy, and at `endpoints` in the configuration",
    };
    let too_large = || refused(format!("the answer is larger than {largest} bytes"));
    // Trust an announced length only where it is too large; never reserve memory for it.
    if response.content_length().is_some_and(|length| length > largest as u64) {
        return Err(too_large());
    }
    let (mut body, mut parts) = (Vec::new(), 0);
    while let Some(chunk) = response.chunk().await.map_err(&trouble)? {
        if body.len() + chunk.len() > largest {
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
