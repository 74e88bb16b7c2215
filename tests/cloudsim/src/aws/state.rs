//! What the faces share: the world, what reads do not see yet, keys and metadata tokens.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::credentials::KeyRing;
use super::world::World;
use crate::faults::Faults;
use crate::stale::{Stale, Staleness};

pub struct Shared {
    state: Mutex<State>,
    pub(crate) faults: Arc<Faults<World>>,
}

impl Shared {
    pub(crate) fn new(world: World) -> Self {
        let state = State { world, stale: Stale::new(), keys: KeyRing::new(), tokens: Vec::new(), counter: 0 };
        Self { state: Mutex::new(state), faults: Arc::new(Faults::new()) }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(crate) struct State {
    pub(crate) world: World,
    stale: Stale<World>,
    pub(crate) keys: KeyRing,
    tokens: Vec<Token>,
    counter: u64,
}

/// A token of the metadata service.
struct Token {
    value: String,
    instance: String,
    generation: u64,
    expires: Instant,
}

impl State {
    /// A number that was not given out before.
    pub(crate) fn next(&mut self) -> u64 {
        self.counter += 1;
        self.counter
    }

    /// Changes the world from outside: nothing stays hidden.
    pub(crate) fn change<T>(&mut self, change: impl FnOnce(&mut World) -> T) -> T {
        self.stale.clear();
        change(&mut self.world)
    }

    /// Applies a write, or nothing of it; it may stay hidden from reads for a while.
    pub(crate) fn write<T, E>(
        &mut self,
        staleness: Staleness,
        write: impl FnOnce(&mut World) -> Result<T, E>,
    ) -> Result<T, E> {
        let before = self.world.clone();
        let result = write(&mut self.world);
        if result.is_err() {
            self.world = before;
        } else {
            self.stale.hide(before, staleness);
        }
        result
    }

    /// The world as a read sees it.
    pub(crate) fn read(&mut self) -> &World {
        self.stale.read(&self.world)
    }

    pub(crate) fn issue_token(&mut self, instance: &str, generation: u64, ttl: Duration) -> String {
        let value = format!("AQAEA-{instance}-{:08}==", self.next());
        let expires = Instant::now() + ttl;
        self.tokens.push(Token { value: value.clone(), instance: instance.into(), generation, expires });
        value
    }

    pub(crate) fn is_valid_token(&self, value: &str, instance: &str, generation: u64) -> bool {
        self.tokens.iter().any(|token| {
            token.value == value
                && token.instance == instance
                && token.generation == generation
                && token.expires > Instant::now()
        })
    }
}
