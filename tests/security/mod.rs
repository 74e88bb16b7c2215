//! What tokens and keys must not do, and what others must not be able to, through the built library: docs/security.md says
//! why. TLS has a file of its own, tests/tls.rs.

mod memory;
mod proxy;
mod quoted;
mod reach;
mod redirect;
mod size;
mod writable;

use crate::common;
use cloudsim::{Rule, aws, azure, gcp};
use common::{Calls, Member, scenes::Cloud};
use std::{
    io::Read,
    net::{Ipv4Addr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

/// The second member in a cloud where the first one holds the VIP, its faults, and what must stay secret there.
struct Scene<'a> {
    cloud: &'static str,
    member: &'a dyn Calls,
    fault: &'a dyn Fn(Rule),
    secrets: Vec<String>,
}

/// Plays a test in a new scene of each cloud.
fn in_each_cloud(test: impl Fn(Scene)) {
    let sim = aws::Simulator::start_held();
    let found = sim.credentials(aws::MEMBER_B);
    let secrets = vec![found.secret, found.token.expect("temporary credentials")];
    test(Scene { cloud: "aws", member: &Member::b(&sim), fault: &|rule| sim.faults().on(rule), secrets });
    let sim = azure::Simulator::start_held();
    let secrets = vec![sim.token(azure::VM_B)];
    test(Scene { cloud: "azure", member: &Member::b(&sim), fault: &|rule| sim.faults().on(rule), secrets });
    let sim = gcp::Simulator::start_held();
    let secrets = vec![sim.token(gcp::VM_B)];
    test(Scene { cloud: "gcp", member: &Member::b(&sim), fault: &|rule| sim.faults().on(rule), secrets });
}

/// Somewhere else: whatever comes there is kept, and nothing should.
struct Elsewhere {
    port: u16,
    received: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Elsewhere {
    fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let port = listener.local_addr().expect("bound").port();
        let received = Arc::new(Mutex::new(Vec::new()));
        let log = received.clone();
        thread::spawn(move || {
            for mut client in listener.incoming().flatten() {
                log.lock().expect("not poisoned").push(head(&mut client));
            }
        });
        Elsewhere { port, received }
    }

    /// What came here, connection by connection.
    fn received(&self) -> Vec<String> {
        let received = self.received.lock().expect("not poisoned");
        received.iter().map(|bytes| String::from_utf8_lossy(bytes).into_owned()).collect()
    }
}

/// What a client sends until it ends, waits, or has sent its head.
fn head(client: &mut TcpStream) -> Vec<u8> {
    let mut all = Vec::new();
    let mut some = [0; 4096];
    let _ = client.set_read_timeout(Some(Duration::from_secs(1)));
    while let Ok(count @ 1..) = client.read(&mut some) {
        all.extend_from_slice(&some[..count]);
        if all.windows(4).any(|four| four == b"\r\n\r\n") {
            break;
        }
    }
    all
}
