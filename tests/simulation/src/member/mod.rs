//! A machine as the library sees it: its clocks, its chance, its network, and the blows that hit it in the middle of a call.

mod life;
mod wire;

use std::path::PathBuf;
use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use fastrand::Rng;
use mirrorvip_core::command::Surroundings;
use mirrorvip_core::deadline::Watch;
use mirrorvip_core::error::Result;
use mirrorvip_core::host::{LocalAddress, LocalNetwork};
use mirrorvip_core::net::settings::Http;
use mirrorvip_core::net::transport::{Client, Destination, Network};
use tokio::time::Instant;

use crate::cloud::Cloud;
use crate::explore::Gate;
use crate::record::{History, Sent};
use crate::schedule::{Blow, Latency, Outage, Trigger};
pub use life::Life;
use wire::Wire;

/// What both members share.
pub struct Scene {
    pub cloud: Arc<dyn Cloud>,
    pub begun: Instant,
    pub latency: Mutex<Latency>,
    pub outages: Mutex<Vec<Outage>>,
    pub history: Mutex<History>,
    /// Every request, in words, where somebody wants to read them.
    pub trace: Option<Mutex<Vec<String>>>,
    /// Where somebody decides in which order the cloud processes requests.
    pub gate: Option<Arc<Gate>>,
}

impl Scene {
    pub fn now(&self) -> Duration {
        self.begun.elapsed()
    }

    /// Writes down who has what now.
    pub fn look(&self) {
        lock(&self.history).note(self.now(), self.cloud.parts());
    }

    /// Writes a line for a reader.
    pub fn tell(&self, line: impl FnOnce() -> String) {
        if let Some(trace) = &self.trace {
            lock(trace).push(format!("{:>9.3} s  {}", self.now().as_secs_f64(), line()));
        }
    }
}

/// A lock that a panic elsewhere does not spoil.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One machine; clones share it.
#[derive(Clone)]
pub struct Machine {
    pub number: usize,
    pub scene: Arc<Scene>,
    state: Arc<Mutex<State>>,
}

struct State {
    dice: Rng,
    /// What the clock of boot time is ahead of the other one.
    slept: Duration,
    call: CallState,
}

/// What belongs to the call that is under way.
#[derive(Default)]
struct CallState {
    number: u64,
    blow: Option<(Trigger, Blow)>,
    /// The blow that is due and has not fallen yet.
    due: Option<Blow>,
    fallen: Option<(Duration, Blow)>,
    stood_still: Duration,
    answered: usize,
    requests: Vec<Sent>,
}

impl CallState {
    /// Makes the blow due if this is what it waits for.
    fn trip(&mut self, is_it: impl Fn(Trigger) -> bool) {
        if let Some((_, blow)) = self.blow.take_if(|(trigger, _)| is_it(*trigger)) {
            self.due = Some(blow);
        }
    }

    /// For how long the call has been told to stop, if it has.
    fn since_the_blow(&self, now: Duration) -> Option<Duration> {
        match self.fallen {
            Some((at, Blow::Terminate | Blow::Freeze(_) | Blow::Suspend(_))) => Some(now - at - self.stood_still),
            _ => None,
        }
    }
}

impl Machine {
    pub fn new(number: usize, scene: Arc<Scene>, seed: u64) -> Self {
        let dice = Rng::with_seed(seed.wrapping_mul(2).wrapping_add(number as u64));
        let state = State { dice, slept: Duration::ZERO, call: CallState::default() };
        Self { number, scene, state: Arc::new(Mutex::new(state)) }
    }

    /// Begins a call, which this blow will hit.
    pub fn begin(&self, blow: Option<(Trigger, Blow)>) {
        let mut state = lock(&self.state);
        let number = state.call.number + 1;
        state.call = CallState { number, blow, ..CallState::default() };
    }

    /// What became of the call: its requests, the blow, and how long it stood still.
    pub fn end(&self) -> (Vec<Sent>, Option<(Duration, Blow)>, Duration) {
        let state = lock(&self.state);
        (state.call.requests.clone(), state.call.fallen, state.call.stood_still)
    }

    pub fn name(&self) -> char {
        if self.number == 0 { 'A' } else { 'B' }
    }
}

impl Watch for Machine {
    fn termination_requested(&self) -> bool {
        matches!(lock(&self.state).call.fallen, Some((_, Blow::Terminate)))
    }

    fn boot_time(&self) -> Duration {
        self.scene.now() + lock(&self.state).slept
    }

    fn wall_clock(&self) -> SystemTime {
        cloudsim::clock::now()
    }

    fn random(&self) -> u64 {
        lock(&self.state).dice.u64(..)
    }
}

impl Surroundings for Machine {
    fn manager_directory(&self) -> Option<PathBuf> {
        None
    }

    fn watch(&self) -> Box<dyn Watch> {
        Box::new(self.clone())
    }

    fn network(&self) -> Rc<dyn Network> {
        Rc::new(self.clone())
    }

    /// The machine has its own address without a label and accepts packets for every other one, so that nothing depends on the
    /// machine that the simulation runs on.
    fn local_network(&self) -> std::io::Result<LocalNetwork> {
        let address = LocalAddress { label: "eth0".into(), address: self.scene.cloud.address(self.number).into() };
        Ok(LocalNetwork { addresses: vec![address], ..LocalNetwork::default() })
    }
}

impl Network for Machine {
    fn client(&self, _: Destination<'_>, _: &Http) -> Result<Client> {
        Ok(Client::new(Wire(self.clone())))
    }
}
