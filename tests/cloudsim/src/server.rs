//! Puts faces on loopback ports: one thread with a runtime of its own for all faces of a simulator.
//!
//! `desk` decides what becomes of a request. Once a request has arrived it is processed even if the caller hangs up, as by a
//! real service. Dropping the server ends everything, hanging calls too.

use std::future::{Future, pending};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::connect_info::ConnectInfo;
use axum::extract::{Extension, State};
use axum::http::{HeaderName, HeaderValue, Response, StatusCode};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    date_time_ymd,
};
use tokio::sync::oneshot;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use crate::connection::{Door, Wire};
use crate::desk::{Desk, Reply};
use crate::faults::Faults;
use crate::log::Log;

/// A request that has arrived in full.
pub struct Request {
    pub method: String,
    pub path: String,
    pub query: String,
    /// Names are in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Request {
    /// The first header of this name (lower case).
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// An answer, and the error code in it for the log.
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    pub code: Option<String>,
}

impl Answer {
    /// An answer without an error code.
    pub fn new(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self { status, headers: vec![("content-type".into(), content_type.into())], body: body.into(), code: None }
    }
}

/// What a request asks for, as far as it shows before it is processed.
#[derive(Default)]
pub struct Label {
    pub face: &'static str,
    pub action: String,
    pub target: String,
    pub params: Vec<(String, String)>,
    pub principal: Option<String>,
    pub dry_run: bool,
}

impl Label {
    /// By whom the calls are counted: by the machine at its metadata, by the principal elsewhere.
    pub(crate) fn caller(&self) -> &str {
        if ["imds", "metadata"].contains(&self.face) {
            &self.target
        } else {
            self.principal.as_deref().unwrap_or_default()
        }
    }
}

/// What the answer to a call waits for.
pub type Wait = Pin<Box<dyn Future<Output = ()> + Send>>;

/// One endpoint of a cloud.
pub trait Face: Send + Sync + 'static {
    /// What the request asks for. Must not change anything.
    fn label(&self, request: &Request) -> Label;
    /// What a request that is made to wait waits for before it is processed; the other calls go on meanwhile.
    fn wait(&self, _request: &Request) -> Option<Wait> {
        None
    }
    /// Processes the request.
    fn answer(&self, request: &Request, label: &Label) -> Answer;
    /// An error in the shape that this endpoint gives to errors.
    fn refusal(&self, status: u16, code: &str, message: &str) -> Answer;
    /// The answer to a call over the limit; `None` when this endpoint has no limit per action.
    fn throttled(&self) -> Option<Answer>;
    /// The answer to a call over the rate of the whole endpoint; `None` when this endpoint has no such rate.
    fn crowded(&self) -> Option<Answer> {
        None
    }
}

/// The certificates of a server: a fresh authority and a server certificate for `localhost` and `127.0.0.1`.
#[derive(Clone)]
pub struct Tls {
    acceptor: TlsAcceptor,
    ca_pem: String,
}

impl Tls {
    /// Makes an authority that nobody trusts yet.
    ///
    /// # Panics
    /// If keys or certificates cannot be made.
    pub fn fresh() -> Self {
        Self::of(&["localhost", "127.0.0.1"], 4096)
    }

    /// The same, with a server certificate for other names, or one that was good until the end of another year.
    ///
    /// # Panics
    /// As [`Tls::fresh`].
    pub fn of(names: &[&str], last_year: i32) -> Self {
        Self::try_of(names, last_year).expect("certificates can be made")
    }

    /// The authority to trust.
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    fn try_of(names: &[&str], last_year: i32) -> Result<Self, Box<dyn std::error::Error>> {
        let mut authority = CertificateParams::default();
        authority.distinguished_name.push(DnType::CommonName, "cloudsim test authority");
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        let authority_key = KeyPair::generate()?;
        let ca_pem = authority.self_signed(&authority_key)?.pem();
        let issuer = Issuer::new(authority, authority_key);

        let mut leaf = CertificateParams::new(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>())?;
        leaf.not_after = date_time_ymd(last_year, 12, 31);
        leaf.distinguished_name.push(DnType::CommonName, "localhost");
        leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let key = KeyPair::generate()?;
        let certificate = leaf.signed_by(&key, &issuer)?;
        let private = PrivateKeyDer::try_from(key.serialize_der())?;
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], private)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { acceptor: TlsAcceptor::from(Arc::new(config)), ca_pem })
    }
}

/// The running server.
pub struct Server {
    addresses: Vec<SocketAddr>,
    handshakes: Arc<AtomicUsize>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Starts one listener per face, each on a free port of `127.0.0.1`.
    ///
    /// # Panics
    /// If there is no port or no thread to be had.
    pub fn start<W: 'static>(faces: Vec<(Arc<dyn Face>, Option<Tls>)>, faults: Arc<Faults<W>>, log: Log) -> Self {
        Self::try_start(faces, faults, log).expect("a server on loopback can be started")
    }

    /// TLS handshakes that succeeded so far.
    pub fn handshakes(&self) -> usize {
        self.handshakes.load(Ordering::Relaxed)
    }

    /// The addresses, in the order of the faces.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    fn try_start<W: 'static>(
        faces: Vec<(Arc<dyn Face>, Option<Tls>)>,
        faults: Arc<Faults<W>>,
        log: Log,
    ) -> io::Result<Self> {
        let mut addresses = Vec::new();
        let mut doors = Vec::new();
        let handshakes = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&handshakes);
        for (face, tls) in faces {
            let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
            listener.set_nonblocking(true)?;
            addresses.push(listener.local_addr()?);
            doors.push((listener, face, tls));
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::Builder::new().name("cloudsim".into()).spawn(move || {
            runtime.block_on(async move {
                for (listener, face, tls) in doors {
                    let door = tokio::net::TcpListener::from_std(listener)
                        .and_then(|listener| Door::open(listener, tls.map(|tls| tls.acceptor), Arc::clone(&counted)))
                        .expect("the listener can be used");
                    let desk = Arc::new(Desk::new(face, Arc::clone(&faults), log.clone()));
                    let router = Router::new().fallback(attend::<W>).with_state(desk);
                    let service = router.into_make_service_with_connect_info::<Wire>();
                    tokio::spawn(async move { axum::serve(door, service).await });
                }
                let _ = stopped.await;
            });
            runtime.shutdown_background();
        })?;
        Ok(Self { addresses, handshakes, stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn attend<W: 'static>(
    State(desk): State<Arc<Desk<W>>>,
    Extension(ConnectInfo(wire)): Extension<ConnectInfo<Wire>>,
    request: axum::extract::Request,
) -> Response<Body> {
    let Ok(request) = whole(request).await else {
        wire.cut_now();
        return Response::new(Body::empty());
    };
    let label = desk.label(&request);
    let entry = desk.open(&label);
    let reply = tokio::spawn(async move { desk.process(&request, &label).await }).await;
    match reply {
        Ok(Reply::Whole(answer)) => {
            entry.answered(answer.status, answer.code.clone());
            response(answer)
        }
        Ok(Reply::Half(answer)) => {
            wire.cut_in_body();
            response(answer)
        }
        Ok(Reply::Never) => pending().await,
        Ok(Reply::Nothing) | Err(_) => {
            wire.cut_now();
            Response::new(Body::empty())
        }
    }
}

async fn whole(request: axum::extract::Request) -> Result<Request, axum::Error> {
    let (head, body) = request.into_parts();
    let body = to_bytes(body, 1 << 20).await?;
    Ok(Request {
        method: head.method.as_str().into(),
        path: head.uri.path().into(),
        query: head.uri.query().unwrap_or_default().into(),
        headers: head
            .headers
            .iter()
            .map(|(name, value)| (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
            .collect(),
        body: body.to_vec(),
    })
}

fn response(answer: Answer) -> Response<Body> {
    let mut response = Response::new(Body::from(answer.body));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in answer.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}
