//! What the faces share: the world, what reads do not see yet, tokens and operations.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::operations::{Held, Operation, Operations, Style, Write, settle};
use super::tokens::Tokens;
use super::world::World;
use crate::faults::Faults;
use crate::stale::{Stale, Staleness};

pub struct Shared {
    state: Mutex<State>,
    pub(crate) faults: Arc<Faults<World>>,
    pub(crate) operations: Operations,
}

impl Shared {
    pub(crate) fn new(world: World) -> Self {
        let state = State { world, stale: Stale::new(), tokens: Tokens::default(), operations: Vec::new(), counter: 0 };
        Self { state: Mutex::new(state), faults: Arc::new(Faults::new()), operations: Operations::default() }
    }

    /// The state, with every operation ended that is due.
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        let mut guard = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let state = &mut *guard;
        settle(&mut state.operations, &mut state.world, &self.operations);
        guard
    }
}

pub(crate) struct State {
    pub(crate) world: World,
    stale: Stale<World>,
    pub(crate) tokens: Tokens,
    pub(crate) operations: Vec<Operation>,
    counter: u64,
}

impl State {
    /// An id that was not given out before.
    pub(crate) fn next_id(&mut self) -> String {
        self.counter += 1;
        super::id::guid(&["request", &self.counter.to_string()])
    }

    /// Changes the world from outside: nothing stays hidden.
    pub(crate) fn change<T>(&mut self, change: impl FnOnce(&mut World) -> T) -> T {
        self.stale.clear();
        change(&mut self.world)
    }

    /// The world as a read sees it.
    pub(crate) fn read(&mut self) -> &World {
        self.stale.read(&self.world)
    }

    /// Starts the operation of a write that was made to `before`; it may stay hidden from reads for a while.
    pub(crate) fn begin(
        &mut self,
        mut write: Write,
        before: World,
        staleness: Staleness,
        orders: &Operations,
    ) -> String {
        self.stale.hide(before, staleness);
        let id = self.next_id();
        let older = self.operations.iter_mut().filter(|older| older.is_running() && older.write.lock == write.lock);
        for older in older {
            older.supersede(&id);
            write.held.append(&mut older.write.held);
        }
        let mut operation = Operation::start(id.clone(), write, orders);
        if orders.orders().style == Style::Finished {
            operation.finish(&mut self.world);
        }
        self.operations.push(operation);
        id
    }

    pub(crate) fn operation(&self, id: &str) -> Option<&Operation> {
        self.operations.iter().find(|operation| operation.id.eq_ignore_ascii_case(id))
    }

    /// What runs on something that takes one write at a time.
    pub(crate) fn running_on(&self, lock: &str) -> Option<&Operation> {
        self.operations.iter().find(|operation| operation.is_running() && operation.write.lock == lock)
    }

    /// What operations on other network interfaces have not set free yet.
    pub(crate) fn held_by_others(&self, lock: &str) -> impl Iterator<Item = &Held> {
        let others = self.operations.iter().filter(move |operation| operation.write.lock != lock);
        others.filter(|operation| operation.is_running()).flat_map(|operation| &operation.write.held)
    }
}
