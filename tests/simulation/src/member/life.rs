//! The life of a call: it is polled as long as its process lives and its machine runs.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Sleep, sleep};

use super::{Machine, lock};
use crate::schedule::{Blow, Trigger};

/// A call that a blow may hit; `None` when the process was killed.
pub struct Life<F> {
    call: Option<Pin<Box<F>>>,
    machine: Machine,
    /// Until a blow that waits for a time.
    blow: Option<Pin<Box<Sleep>>>,
    /// Until the machine runs again, and how long it will have stood still by then.
    still: Option<(Pin<Box<Sleep>>, Duration)>,
}

impl<F: Future> Life<F> {
    pub fn new(machine: &Machine, call: F) -> Self {
        let blow = match lock(&machine.state).call.blow {
            Some((Trigger::After(time), _)) => Some(Box::pin(sleep(time))),
            _ => None,
        };
        Self { call: Some(Box::pin(call)), machine: machine.clone(), blow, still: None }
    }

    /// Lets the blow that is due fall. Returns whether the process is dead.
    fn fall(&mut self, blow: Blow) -> bool {
        let now = self.machine.scene.now();
        self.machine.scene.tell(|| format!("{} {blow:?}", self.machine.name()));
        let mut state = lock(&self.machine.state);
        state.call.fallen = Some((now, blow));
        let mut stand_still = |time: Duration| {
            state.call.stood_still += time;
            self.still = Some((Box::pin(sleep(time)), time));
        };
        match blow {
            Blow::Kill => return true,
            Blow::Terminate => {}
            Blow::Freeze(time) | Blow::Stall(time) => stand_still(time),
            Blow::Suspend(time) => {
                stand_still(Duration::from_millis(1));
                state.slept += time;
            }
        }
        false
    }
}

impl<F: Future> Future for Life<F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        loop {
            if let Some((still, _)) = &mut this.still {
                ready!(still.as_mut().poll(context));
                this.still = None;
                this.machine.scene.tell(|| format!("{} runs again", this.machine.name()));
            }
            if let Some(blow) = &mut this.blow
                && blow.as_mut().poll(context).is_ready()
            {
                this.blow = None;
                lock(&this.machine.state).call.trip(|trigger| matches!(trigger, Trigger::After(_)));
            }
            let due = lock(&this.machine.state).call.due.take();
            if let Some(blow) = due {
                if this.fall(blow) {
                    // Dropped at the await at which it stands.
                    this.call = None;
                    return Poll::Ready(None);
                }
                continue;
            }
            let Some(call) = &mut this.call else { return Poll::Ready(None) };
            if let Poll::Ready(done) = call.as_mut().poll(context) {
                return Poll::Ready(Some(done));
            }
            if lock(&this.machine.state).call.due.is_none() {
                return Poll::Pending;
            }
        }
    }
}
