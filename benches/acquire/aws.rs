//! Route tables on AWS.

use crate::{CPU, Cost, LATENCY, measure, report, share};
use cloudsim::aws::{ENI_A, MEMBER_A, MEMBER_B, Simulator, World};
use serde_json::json;
use std::{io::Write, time::Duration};

const VIP: &str = "192.168.255.10/32";
const RUNS: usize = 31;

pub fn measure_all() {
    let plain = report("cold Acquire, 1 table, no latency", tables(1, Duration::ZERO, false));
    let tls = report("the same over TLS, with the system's roots", tables(1, Duration::ZERO, true));
    let one = report("cold Acquire, 1 table, 20 ms to EC2", tables(1, LATENCY, false));
    let fifty = report("cold Acquire, 50 tables, 20 ms to EC2", tables(50, LATENCY, false));
    share("CPU / 40 ms", plain.cpu, CPU);
    share("CPU over TLS / 40 ms", tls.cpu, CPU);
    share("50 tables / 1.5 times 1 table, at 20 ms", fifty.wall, one.wall.mul_f64(1.5));
    println!("  {:<56} {:>7.2}", "1 table at 20 ms / three round trips", one.wall.as_secs_f64() / 0.06);
}

fn tables(tables: usize, latency: Duration, tls: bool) -> Cost {
    let world = World::overlay(tables).held(VIP, ENI_A);
    let sim = if tls { Simulator::start_tls(world) } else { Simulator::start(world) };
    let mut bundle = tempfile::NamedTempFile::new().expect("a file");
    if tls {
        bundle.write_all(sim.ca_pem().as_bytes()).expect("write the authority");
    }
    sim.faults().latency("ec2", latency);
    measure(RUNS, |backup| {
        let member = if backup { MEMBER_B } else { MEMBER_A };
        let endpoints = json!({ "ec2": sim.ec2_url(), "metadata": sim.metadata_url(member) });
        let http = if tls { json!({ "caBundle": bundle.path() }) } else { json!({}) };
        json!({ "cloud": "aws", "vip": VIP, "http": http, "aws": { "endpoints": endpoints } })
    })
}
