//! An alias range, alone and with its public address, on GCP.

use crate::{CPU, Cost, LATENCY, measure, report, share};
use cloudsim::gcp::{PUBLIC_IP, Simulator, VIP, VM_A, VM_B, World};
use serde_json::json;
use std::{io::Write, time::Duration};

const OPERATION: Duration = Duration::from_secs(3);
/// Metadata and token; the members; a write and the wait for its operation, twice; the fresh look; one to spare.
const ROUND_TRIPS: u32 = 8;

pub fn measure_all() {
    let none = Duration::ZERO;
    let plain = report("cold private Acquire, no latency", acquire(31, none, none, false, false));
    let tls = report("the same over TLS, with the system's roots", acquire(31, none, none, false, true));
    let far = report("cold private Acquire, 20 ms", acquire(31, LATENCY, none, false, false));
    let slow = report("private and public, operations of 3 s", acquire(5, LATENCY, OPERATION, true, false));
    share("CPU / 40 ms", plain.cpu, CPU);
    share("CPU over TLS / 40 ms", tls.cpu, CPU);
    share("wall at 20 ms / (eight round trips + 40 ms)", far.wall, LATENCY * ROUND_TRIPS + CPU);
    share("with 3 s operations / 1.15 times three operations", slow.wall, (3 * OPERATION).mul_f64(1.15));
}

fn acquire(runs: usize, latency: Duration, operation: Duration, public: bool, tls: bool) -> Cost {
    let world = if public { World::article_with_public_ip() } else { World::article() };
    let sim = if tls { Simulator::start_tls(world) } else { Simulator::start(world) };
    let mut bundle = tempfile::NamedTempFile::new().expect("a file");
    if tls {
        bundle.write_all(sim.ca_pem().as_bytes()).expect("write the authority");
    }
    for face in ["compute", "metadata"] {
        sim.faults().latency(face, latency);
    }
    sim.operations().duration(operation);
    measure(runs, |backup| {
        let vm = if backup { VM_B } else { VM_A };
        let endpoints = json!({ "compute": sim.compute_url(), "metadata": sim.metadata_url(vm) });
        let http = if tls { json!({ "caBundle": bundle.path() }) } else { json!({}) };
        let public_ip = public.then_some(PUBLIC_IP);
        json!({ "cloud": "gcp", "vip": VIP, "http": http, "gcp": {
            "instances": [VM_A, VM_B], "publicIp": public_ip, "endpoints": endpoints,
        } })
    })
}
