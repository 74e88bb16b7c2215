//! The real network with a counter at the seam.

use mirrorvip_core::{
    command::{Action, Call, Surroundings},
    deadline::Watch,
    error::Result,
    host,
    net::{
        client::Sockets,
        settings::Http,
        transport::{Client, Destination, Network, Request, Sending, Transport},
    },
};
use serde_json::Value;
use std::{
    path::PathBuf,
    rc::Rc,
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

/// What passed the seam in one call.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Traffic {
    pub requests: usize,
    /// Requests in sequence: each began after the one before it had ended.
    pub in_sequence: usize,
    /// The length of all requests as text: method, URL, headers and body.
    pub bytes_sent: usize,
    /// The length of all responses as text: headers and body.
    pub bytes_received: usize,
    /// The longest sequence that has ended so far.
    ended: usize,
}

/// Carries out an acquire through the core, as a hook of this member asks for it.
pub fn acquire(config: &Value) -> (Value, Traffic) {
    let counter = Counter::default();
    let request = serde_json::json!({ "reason": "NotifyBecomePrimary", "config": config }).to_string();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let report = runtime.block_on(Box::pin(Call::new(Action::Acquire).run(request.as_bytes(), &counter)));
    let report = serde_json::from_str(&report.render(32_767).expect("room for it")).expect("a report is JSON");
    let traffic = *counter.0.lock().expect("nobody panicked");
    (report, traffic)
}

#[derive(Debug, Clone, Default)]
struct Counter(Arc<Mutex<Traffic>>);

impl Watch for Counter {
    fn termination_requested(&self) -> bool {
        false
    }

    fn boot_time(&self) -> Duration {
        host::boot_time()
    }

    fn wall_clock(&self) -> SystemTime {
        SystemTime::now()
    }

    fn random(&self) -> u64 {
        host::random()
    }
}

impl Surroundings for Counter {
    fn manager_directory(&self) -> Option<PathBuf> {
        None
    }

    fn watch(&self) -> Box<dyn Watch> {
        Box::new(self.clone())
    }

    fn network(&self) -> Rc<dyn Network> {
        Rc::new(self.clone())
    }
}

impl Network for Counter {
    fn client(&self, to: Destination<'_>, http: &Http) -> Result<Client> {
        Ok(Client::new(Counted { inner: Sockets.client(to, http)?, traffic: self.0.clone() }))
    }
}

#[derive(Debug)]
struct Counted {
    inner: Client,
    traffic: Arc<Mutex<Traffic>>,
}

impl Transport for Counted {
    fn send<'a>(&'a self, request: Request, largest: usize) -> Sending<'a> {
        Box::pin(async move {
            let headers = |map: &http::HeaderMap| {
                map.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum::<usize>()
            };
            let place = {
                let mut traffic = self.traffic.lock().expect("nobody panicked");
                traffic.requests += 1;
                traffic.bytes_sent += request.method.as_str().len()
                    + request.url.as_str().len()
                    + headers(&request.headers)
                    + request.body.len();
                traffic.ended + 1
            };
            let response = self.inner.send(request, largest).await;
            let mut traffic = self.traffic.lock().expect("nobody panicked");
            traffic.ended = traffic.ended.max(place);
            traffic.in_sequence = traffic.in_sequence.max(place);
            if let Ok(response) = &response {
                traffic.bytes_received += headers(&response.headers) + response.body.len();
            }
            response
        })
    }
}
