//! What the faces share: the world, what reads do not see yet, tokens and operations.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use tokio::time::Instant;

use super::id;
use super::operations::{Operation, Operations, Write, begin, next_event, settle};
use super::tokens::Tokens;
use super::world::World;
use crate::clock;
use crate::faults::Faults;
use crate::stale::Stale;

pub struct Shared {
    state: Mutex<State>,
    pub(crate) faults: Arc<Faults<World>>,
    pub(crate) operations: Operations,
}

impl Shared {
    pub(crate) fn new(world: World) -> Self {
        let state = State {
            world,
            stale: Stale::new(),
            tokens: Tokens::default(),
            operations: Vec::new(),
            started: (Instant::now(), clock::now()),
        };
        Self { state: Mutex::new(state), faults: Arc::new(Faults::new()), operations: Operations::default() }
    }

    /// The state, with every operation begun and ended that is due.
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        let mut guard = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let state = &mut *guard;
        settle(&mut state.operations, &mut state.world, &mut state.stale, &self.operations);
        guard
    }

    /// Returns when the operation is over, at this time at the latest.
    pub(crate) async fn wait(&self, operation: &str, asked: Instant) {
        loop {
            let changed = self.operations.changed();
            let orders = self.operations.orders();
            let until = asked + orders.wait_limit;
            let next = {
                let state = self.lock();
                if state.operation(operation).is_none_or(Operation::is_done) || until <= Instant::now() {
                    return;
                }
                next_event(&state.operations, &orders).map_or(until, |(at, _)| at.min(until))
            };
            tokio::select! {
                () = tokio::time::sleep_until(next) => {}
                () = changed => {}
            }
        }
    }
}

pub(crate) struct State {
    pub(crate) world: World,
    stale: Stale<World>,
    pub(crate) tokens: Tokens,
    operations: Vec<Operation>,
    started: (Instant, SystemTime),
}

impl State {
    /// Changes the world from outside: nothing stays hidden.
    pub(crate) fn change<T>(&mut self, change: impl FnOnce(&mut World) -> T) -> T {
        self.stale.clear();
        change(&mut self.world)
    }

    /// The world as a read sees it.
    pub(crate) fn read(&mut self) -> &World {
        self.stale.read(&self.world)
    }

    /// Starts the operation of a write, or queues it behind one on the same target.
    pub(crate) fn begin(&mut self, write: Write, orders: &Operations) -> &Operation {
        let after = self.operations.iter().rposition(|other| !other.is_done() && other.write.path == write.path);
        let name = format!("operation-{:013}-{}", self.operations.len() + 1, id::number(&write.path));
        self.operations.push(Operation::new(name, write, after, orders));
        let place = self.operations.len() - 1;
        if after.is_none() {
            begin(&mut self.operations, place, Instant::now(), &mut self.world, &orders.orders());
        }
        &self.operations[place]
    }

    pub(crate) fn operations(&self) -> &[Operation] {
        &self.operations
    }

    pub(crate) fn let_end(&mut self, name: &str) {
        self.operations.iter_mut().filter(|operation| operation.name == name).for_each(Operation::let_end);
    }

    pub(crate) fn operation(&self, name: &str) -> Option<&Operation> {
        self.operations.iter().find(|operation| operation.name == name || operation.id == name)
    }

    /// What is not over yet on something that takes one write at a time.
    pub(crate) fn running_on(&self, path: &str) -> Option<&Operation> {
        self.operations.iter().find(|operation| !operation.is_done() && operation.write.path == path)
    }

    /// The operation that this request has started already.
    pub(crate) fn repeated(&self, user: &str, kind: &str, request_id: &str) -> Option<&Operation> {
        let is_it = |write: &Write| {
            write.user == user
                && write.kind == kind
                && write.request_id.as_deref().is_some_and(|known| known.eq_ignore_ascii_case(request_id))
        };
        self.operations.iter().find(|operation| is_it(&operation.write))
    }

    /// A moment as timestamps write it.
    pub(crate) fn timestamp(&self, moment: Instant) -> String {
        let (instant, time) = self.started;
        clock::iso(time + moment.saturating_duration_since(instant))
    }
}
