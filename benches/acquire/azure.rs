//! An ip-configuration with its public address on Azure.

use crate::{CPU, Cost, LATENCY, measure, report, share};
use cloudsim::azure::{NIC_A, NIC_B, PUBLIC_IP, RESOURCE_GROUP, Simulator, VIP, VM_A, VM_B, World};
use serde_json::json;
use std::{io::Write, time::Duration};

const OPERATION: Duration = Duration::from_secs(3);
/// Metadata, token; both interfaces and the address; a write and the look at its operation, twice; the fresh look.
const ROUND_TRIPS: u32 = 9;

pub fn measure_all() {
    let plain = report("cold Acquire with public IP, no latency", acquire(31, Duration::ZERO, Duration::ZERO, false));
    let tls = report("the same over TLS, with the system's roots", acquire(31, Duration::ZERO, Duration::ZERO, true));
    let far = report("cold Acquire with public IP, 20 ms", acquire(31, LATENCY, Duration::ZERO, false));
    let slow = report("the same with operations of 3 s", acquire(5, LATENCY, OPERATION, false));
    let trips = LATENCY * ROUND_TRIPS + CPU;
    share("CPU / 40 ms", plain.cpu, CPU);
    share("CPU over TLS / 40 ms", tls.cpu, CPU);
    share("wall at 20 ms / (nine round trips + 40 ms)", far.wall, trips);
    share("with 3 s operations / (1.1 times two + round trips)", slow.wall, (2 * OPERATION).mul_f64(1.1) + trips);
}

fn acquire(runs: usize, latency: Duration, operation: Duration, tls: bool) -> Cost {
    let world = World::article_with_public_ip();
    let sim = if tls { Simulator::start_tls(world) } else { Simulator::start(world) };
    let mut bundle = tempfile::NamedTempFile::new().expect("a file");
    if tls {
        bundle.write_all(sim.ca_pem().as_bytes()).expect("write the authority");
    }
    for face in ["arm", "imds"] {
        sim.faults().latency(face, latency);
    }
    sim.operations().duration(operation);
    measure(runs, |backup| {
        let vm = if backup { VM_B } else { VM_A };
        let endpoints = json!({ "management": sim.management_url(), "metadata": sim.metadata_url(vm) });
        let http = if tls { json!({ "caBundle": bundle.path() }) } else { json!({}) };
        json!({ "cloud": "azure", "vip": VIP, "http": http, "azure": {
            "resourceGroup": RESOURCE_GROUP, "nics": [NIC_A, NIC_B], "publicIp": PUBLIC_IP, "endpoints": endpoints,
        } })
    })
}
