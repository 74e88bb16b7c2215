//! The way to a simulator without a socket: a request goes in, and what would have come over the wire comes out.
//!
//! Each face has a URL all the same, `http://127.0.0.1:N`, where N counts the faces from 1: nobody connects to it.

use std::future::{Future, pending};
use std::pin::Pin;
use std::sync::Arc;

use crate::desk::{Desk, Reply};
use crate::server::{Answer, Request};

/// What reaches the caller. A call that is never answered has a future that never ends.
pub enum Delivery {
    /// The whole answer.
    Whole(Answer),
    /// The head of the answer and half of its body; then the connection breaks off.
    Half(Answer),
    /// The connection is closed without an answer.
    Nothing,
}

/// A request in transit. Spawn the exchange where the end of the caller must not cancel it.
pub type Exchange = Pin<Box<dyn Future<Output = Delivery> + Send>>;

/// The way to all faces of one simulator; clones share it.
#[derive(Clone)]
pub struct Line(Arc<Vec<Arc<dyn Attendant>>>);

impl Line {
    pub(crate) fn new<W: 'static>(desks: impl Iterator<Item = Desk<W>>) -> Self {
        Self(Arc::new(desks.map(|desk| Arc::new(desk) as Arc<dyn Attendant>).collect()))
    }

    /// Brings a request to the face at this port of 127.0.0.1; `None` is a port where nobody listens.
    pub fn exchange(&self, port: u16, request: Request) -> Option<Exchange> {
        let place = usize::from(port).checked_sub(FIRST_PORT)?;
        Some(Arc::clone(self.0.get(place)?).attend(request))
    }

    pub(crate) fn url(face: usize) -> String {
        format!("http://127.0.0.1:{}", face + FIRST_PORT)
    }
}

const FIRST_PORT: usize = 1;

/// A [`Desk`], whatever its world.
trait Attendant: Send + Sync {
    fn attend(self: Arc<Self>, request: Request) -> Exchange;
}

impl<W: 'static> Attendant for Desk<W> {
    fn attend(self: Arc<Self>, request: Request) -> Exchange {
        Box::pin(async move {
            let label = self.label(&request);
            let entry = self.open(&label);
            match self.process(&request, &label).await {
                Reply::Whole(answer) => {
                    entry.answered(answer.status, answer.code.clone());
                    Delivery::Whole(answer)
                }
                Reply::Half(answer) => Delivery::Half(answer),
                Reply::Nothing => Delivery::Nothing,
                Reply::Never => pending().await,
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faults::{Fault, Rule};
    use crate::gcp;
    use std::time::Duration;
    use tokio::time::{Instant, timeout};

    fn ask(line: &Line, port: u16) -> Option<Exchange> {
        let headers = vec![("metadata-flavor".into(), "Google".into())];
        let path = "/computeMetadata/v1/instance/name".into();
        line.exchange(port, Request { method: "GET".into(), path, query: String::new(), headers, body: Vec::new() })
    }

    fn status(delivery: &Delivery) -> Option<u16> {
        match delivery {
            Delivery::Whole(answer) => Some(answer.status),
            Delivery::Half(_) | Delivery::Nothing => None,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_is_answered_in_virtual_time_and_logged() {
        let sim = gcp::Simulator::in_process(gcp::World::article());
        assert_eq!(sim.metadata_url(gcp::VM_A), "http://127.0.0.1:2");
        sim.faults().latency("metadata", Duration::from_secs(100));
        let begun = Instant::now();
        let Delivery::Whole(answer) = ask(sim.line(), 2).expect("a face").await else { panic!("no whole answer") };
        assert_eq!((answer.status, answer.body.as_slice()), (200, gcp::VM_A.as_bytes()));
        assert_eq!(begun.elapsed(), Duration::from_secs(100));
        let log = sim.log();
        assert_eq!((log.len(), log[0].status, log[0].ended), (1, 200, Some(Duration::from_secs(100))));
        assert!(ask(sim.line(), 0).is_none() && ask(sim.line(), 4).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn each_fault_reaches_the_caller() {
        for (fault, expected, _) in crate::testing::faults(Fault::error(503, "unavailable", "later")) {
            let sim = gcp::Simulator::in_process(gcp::World::article());
            sim.faults().on(Rule::nth("metadata", 0, fault.clone()));
            let asked = timeout(Duration::from_secs(60), ask(sim.line(), 3).expect("a face")).await;
            assert_eq!(asked.ok().as_ref().and_then(status), expected, "{fault:?}");
        }
    }
}
