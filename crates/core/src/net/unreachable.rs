//! Why no response came, in the words of the network: at which step, with which host and port, through which proxy.

use super::{
    dns::{Resolver, Unresolved},
    settings::Http,
    transport::{Sent, Trouble},
};
use crate::error::Code;
use http::Uri;
use hyper_util::client::proxy::matcher::Matcher;
use std::{error::Error as StdError, io, time::Duration};
use url::Url;

const NAME: &str =
    "check the name servers in /etc/resolv.conf, the DNS zone of a private endpoint, and `endpoints` for a slip";
const WAY: &str =
    "open the way to it: route, firewall or security group, NAT or private endpoint; or name a proxy in `http.proxy`";
const PROXY: &str = "check `http.proxy` or HTTPS_PROXY: its host and port, and whether the proxy runs";
const PASSWORD: &str = "write user and password into `http.proxy` (http://user:password@host:port), or have the proxy \
                        let this machine through without";
const TUNNEL: &str = "have the proxy allow CONNECT to this host and port; or name the host in `http.noProxy`, if there \
                      is a way without the proxy";
const AUTHORITY: &str =
    "if a proxy or a private endpoint has its own authority, name its certificate in `http.caBundle`";
const CLOCK: &str = "check this machine's clock (date -u), then the certificate of the endpoint";
const OTHER_HOST: &str =
    "the certificate is for another host: check `endpoints`, the DNS answer, and for a proxy that opens TLS";
const NO_TLS: &str = "something else listens there: check `endpoints` and `http.proxy`";
const BROKEN: &str = "call again; if it breaks off again, look at the proxy and the firewall on the way";

/// How a client gets to a host, as far as its errors do not say.
#[derive(Debug)]
pub struct Way {
    proxy: Option<Matcher>,
    names: Resolver,
    connect_timeout: Duration,
}

impl Way {
    /// Without a proxy.
    pub fn direct(names: Resolver, connect_timeout: Duration) -> Self {
        Way { proxy: None, names, connect_timeout }
    }

    /// Through the configured proxy. The rules for who goes past it are those of the client, which has the same matcher.
    pub fn configured(names: Resolver, http: &Http) -> Self {
        let proxy = http
            .proxy
            .as_deref()
            .map(|proxy| Matcher::builder().https(proxy).no(http.no_proxy.as_deref().unwrap_or_default()).build());
        Way { proxy, names, connect_timeout: http.connect_timeout }
    }

    /// Why this request has no response.
    pub fn trouble(&self, error: &reqwest::Error, url: &Url) -> Trouble {
        let is_unsent = error.is_connect() || error.is_builder();
        let sent = if is_unsent { Sent::No } else { Sent::Maybe };
        let target = Place::of(url);
        let proxy = self.proxy_to(url);
        let causes = causes(error);
        let (message, remedy) = if is_unsent {
            self.unconnected(&causes, error.is_timeout(), &target, proxy.as_ref())
        } else {
            (format!("{}{}: {}", target.text(), through(proxy.as_ref()), broken(&causes)), BROKEN)
        };
        Trouble { sent, code: Code::Unavailable, message, remedy }
    }

    fn proxy_to(&self, url: &Url) -> Option<Place> {
        let proxy = self.proxy.as_ref()?.intercept(&url.as_str().parse::<Uri>().ok()?)?;
        let (uri, default) = (proxy.uri(), if proxy.uri().scheme_str() == Some("https") { 443 } else { 80 });
        Some(Place { host: uri.host()?.to_owned(), port: uri.port_u16().unwrap_or(default) })
    }

    fn unconnected(
        &self,
        causes: &[&(dyn StdError + 'static)],
        took_too_long: bool,
        target: &Place,
        proxy: Option<&Place>,
    ) -> (String, &'static str) {
        let (who, on_the_way, way) = match proxy {
            Some(proxy) => (format!("proxy {}", proxy.text()), format!(" on the way to {}", target.text()), PROXY),
            None => (target.text(), String::new(), WAY),
        };
        if let Some(unresolved) = first::<Unresolved>(causes) {
            return (format!("{unresolved}{on_the_way}"), NAME);
        }
        if let Some(error) = first::<rustls::Error>(causes) {
            let (why, remedy) = tls(error);
            return (format!("TLS with {}{}: {why}", target.text(), through(proxy)), remedy);
        }
        if let Some((answer, remedy)) = causes.iter().find_map(|cause| tunnel(&cause.to_string())) {
            return (format!("{who} {answer}{on_the_way}"), remedy);
        }
        let ms = self.connect_timeout.as_millis();
        if took_too_long {
            let first = proxy.unwrap_or(target);
            return match self.names.is_asking(&first.host) {
                true => (format!("no name server answered for {} within {ms} ms{on_the_way}", first.host), NAME),
                false => (format!("{who} took no connection within {ms} ms{on_the_way}"), way),
            };
        }
        let what = match first::<io::Error>(causes).map(io::Error::kind) {
            Some(io::ErrorKind::ConnectionRefused) => format!("{who} refused the connection"),
            Some(io::ErrorKind::NetworkUnreachable | io::ErrorKind::HostUnreachable) => format!("no route to {who}"),
            Some(io::ErrorKind::ConnectionReset | io::ErrorKind::UnexpectedEof) => {
                format!("{who} closed the connection at once")
            }
            _ => format!("no connection to {who}: {}", chain(causes)),
        };
        (format!("{what}{on_the_way}"), way)
    }
}

/// A host and its port.
struct Place {
    host: String,
    port: u16,
}

impl Place {
    fn of(url: &Url) -> Self {
        let host = url.host_str().unwrap_or_default().to_owned();
        Place { host, port: url.port_or_known_default().unwrap_or_default() }
    }

    fn text(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }
}

fn through(proxy: Option<&Place>) -> String {
    proxy.map(|proxy| format!(" through proxy {}", proxy.text())).unwrap_or_default()
}

/// What the proxy said instead of opening a connection. hyper-util's error has no name outside of it, and does not tell the status.
fn tunnel(text: &str) -> Option<(&'static str, &'static str)> {
    match text.strip_prefix("tunnel error: ")? {
        "proxy authorization required" => Some(("wants a user and a password (407)", PASSWORD)),
        "unsuccessful" => Some(("refused to open a connection", TUNNEL)),
        "unexpected end of file" => Some(("closed the connection", PROXY)),
        _ => None,
    }
}

fn tls(error: &rustls::Error) -> (String, &'static str) {
    use rustls::{CertificateError as Bad, Error};
    match error {
        Error::InvalidCertificate(Bad::UnknownIssuer) => {
            ("its certificate is signed by an authority that this machine does not trust".to_owned(), AUTHORITY)
        }
        Error::InvalidCertificate(
            Bad::Expired | Bad::ExpiredContext { .. } | Bad::NotValidYet | Bad::NotValidYetContext { .. },
        ) => (error.to_string(), CLOCK),
        Error::InvalidCertificate(Bad::NotValidForName | Bad::NotValidForNameContext { .. }) => {
            (error.to_string(), OTHER_HOST)
        }
        Error::InvalidCertificate(_) => (error.to_string(), AUTHORITY),
        Error::InvalidMessage(_) => ("no TLS comes back".to_owned(), NO_TLS),
        _ => (error.to_string(), BROKEN),
    }
}

/// What ended a connection on which a request had left.
fn broken(causes: &[&(dyn StdError + 'static)]) -> String {
    match first::<io::Error>(causes).map(io::Error::kind) {
        Some(io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe) => "the connection was reset".to_owned(),
        Some(io::ErrorKind::UnexpectedEof) => "the connection ended before the answer did".to_owned(),
        _ => chain(causes),
    }
}

/// An error and what caused it, outermost first. An `io::Error` leaves out what it was made of, so that is looked for.
fn causes<'a>(error: &'a (dyn StdError + 'static)) -> Vec<&'a (dyn StdError + 'static)> {
    let mut found = vec![error];
    let mut next = error.source();
    while let Some(cause) = next {
        found.push(cause);
        let inner = cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        next = inner.map(|inner| inner as &(dyn StdError + 'static)).or_else(|| cause.source());
    }
    found
}

/// The innermost of this kind: what is outside repeats it in fewer words.
fn first<'a, E: StdError + 'static>(causes: &[&'a (dyn StdError + 'static)]) -> Option<&'a E> {
    causes.iter().rev().find_map(|cause| cause.downcast_ref())
}

/// An error with its causes, since the outermost one says little ("error sending request").
fn chain(causes: &[&(dyn StdError + 'static)]) -> String {
    let mut text = String::new();
    for cause in causes.iter().map(ToString::to_string) {
        if !text.ends_with(&cause) {
            text = if text.is_empty() { cause } else { format!("{text}: {cause}") };
        }
    }
    text
}

/// The same of any error, for what is no request.
pub fn words(error: &(dyn StdError + 'static)) -> String {
    chain(&causes(error))
}
