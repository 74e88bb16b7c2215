//! What every simulated cloud is: a world, a listener for each of its endpoints, and one for the metadata of each VM.

use std::sync::Arc;

use crate::desk::Desk;
use crate::faults::Faults;
use crate::in_process::Line;
use crate::log::{Call, Log};
use crate::server::{Face, Server, Tls};

/// What the faces of one cloud share.
pub trait Stage: Send + Sync + Sized + 'static {
    /// The state of the cloud.
    type World: Clone;

    /// Sets the stage.
    fn new(world: Self::World) -> Self;
    /// The names of the VMs whose metadata is served, as [`Simulator::metadata_url`] takes them.
    fn vms(world: &Self::World) -> Vec<String>;
    /// The endpoints, in an order that is the cloud's own.
    fn endpoints(self: &Arc<Self>, scheme: &'static str) -> Vec<Arc<dyn Face>>;
    /// The metadata as this VM sees it.
    fn metadata(self: &Arc<Self>, vm: &str) -> Arc<dyn Face>;
    /// The faults that are ordered.
    fn faults(&self) -> &Arc<Faults<Self::World>>;
    /// Looks at the world or changes it from outside; after a change nothing stays hidden from reads.
    fn look<T>(&self, look: impl FnOnce(&Self::World) -> T) -> T;
    /// See [`Stage::look`].
    fn change<T>(&self, change: impl FnOnce(&mut Self::World) -> T) -> T;
}

/// How requests reach the faces.
enum Way {
    Sockets(Server),
    InProcess(Line),
}

/// A simulated cloud, on loopback or within the process; everything ends when it is dropped.
pub struct Simulator<S: Stage> {
    pub(crate) shared: Arc<S>,
    log: Log,
    way: Way,
    endpoints: usize,
    vms: Vec<String>,
    tls: Option<Tls>,
}

impl<S: Stage> Simulator<S> {
    /// Starts over plain HTTP.
    pub fn start(world: S::World) -> Self {
        Self::start_with(world, None)
    }

    /// Starts the endpoints over TLS, under an authority that nobody trusts yet; instance metadata stays plain.
    pub fn start_tls(world: S::World) -> Self {
        Self::start_with(world, Some(Tls::fresh()))
    }

    /// The same, with certificates of one's own.
    pub fn start_tls_with(world: S::World, tls: Tls) -> Self {
        Self::start_with(world, Some(tls))
    }

    /// Starts without thread and socket; [`Simulator::line`] is the way to it. All times follow the clock of the runtime
    /// that this is called in.
    pub fn in_process(world: S::World) -> Self {
        let open = |faces: Faces, faults: &Arc<_>, log: &Log| {
            Way::InProcess(Line::new(
                faces.into_iter().map(|(face, _)| Desk::new(face, Arc::clone(faults), log.clone())),
            ))
        };
        Self::of(world, None, open)
    }

    fn start_with(world: S::World, tls: Option<Tls>) -> Self {
        Self::of(world, tls, |faces, faults, log| Way::Sockets(Server::start(faces, Arc::clone(faults), log.clone())))
    }

    fn of(world: S::World, tls: Option<Tls>, open: impl FnOnce(Faces, &Arc<Faults<S::World>>, &Log) -> Way) -> Self {
        let vms = S::vms(&world);
        let shared = Arc::new(S::new(world));
        let log = Log::new();
        let endpoints = shared.endpoints(scheme(tls.is_some()));
        let number = endpoints.len();
        let endpoints = endpoints.into_iter().map(|face| (face, tls.clone()));
        let metadata = vms.iter().map(|vm| (shared.metadata(vm), None));
        let way = open(endpoints.chain(metadata).collect(), shared.faults(), &log);
        Self { shared, log, way, endpoints: number, vms, tls }
    }

    /// The way to a simulator that was started in process.
    ///
    /// # Panics
    /// If it was started on sockets.
    pub fn line(&self) -> &Line {
        match &self.way {
            Way::InProcess(line) => line,
            Way::Sockets(_) => panic!("the simulator was started on sockets"),
        }
    }

    /// Where an endpoint is, by its place among them.
    pub(crate) fn endpoint_url(&self, place: usize) -> String {
        self.url(place, self.tls.is_some())
    }

    /// The metadata endpoint as this VM sees it.
    ///
    /// # Panics
    /// If there was no such VM when the simulator was started.
    pub fn metadata_url(&self, vm: &str) -> String {
        let at = self.vms.iter().position(|known| known == vm);
        let at = at.unwrap_or_else(|| panic!("{vm} was not there at the start"));
        self.url(self.endpoints + at, false)
    }

    fn url(&self, face: usize, tls: bool) -> String {
        let server = match &self.way {
            Way::Sockets(server) => server,
            Way::InProcess(_) => return Line::url(face),
        };
        let port = server.addresses()[face].port();
        // The certificate is for the name.
        let host = if tls { "localhost" } else { "127.0.0.1" };
        format!("{}://{host}:{port}", scheme(tls))
    }

    /// The authority to trust, of a simulator that speaks TLS.
    ///
    /// # Panics
    /// If it does not.
    pub fn ca_pem(&self) -> String {
        self.tls.as_ref().expect("the simulator was started with TLS").ca_pem().into()
    }

    /// A copy of the world as it is.
    pub fn world(&self) -> S::World {
        self.shared.look(S::World::clone)
    }

    /// Looks at the world as it is, without a copy.
    pub fn look<T>(&self, look: impl FnOnce(&S::World) -> T) -> T {
        self.shared.look(look)
    }

    /// Changes the world from outside, visible to all reads at once.
    pub fn change<T>(&self, change: impl FnOnce(&mut S::World) -> T) -> T {
        self.shared.change(change)
    }

    /// The faults.
    pub fn faults(&self) -> &Faults<S::World> {
        self.shared.faults()
    }

    /// All calls so far, in order of arrival.
    pub fn log(&self) -> Vec<Call> {
        self.log.calls()
    }

    /// TLS handshakes that succeeded so far.
    pub fn handshakes(&self) -> usize {
        match &self.way {
            Way::Sockets(server) => server.handshakes(),
            Way::InProcess(_) => 0,
        }
    }

    /// Forgets the calls so far.
    pub fn clear_log(&self) {
        self.log.clear();
    }
}

type Faces = Vec<(Arc<dyn Face>, Option<Tls>)>;

fn scheme(tls: bool) -> &'static str {
    if tls { "https" } else { "http" }
}
