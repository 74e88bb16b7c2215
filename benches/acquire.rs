//! What a takeover costs above the cloud's own time. Figures of one run are to be compared with one another, not with
//! those of another machine or hour: `cargo bench --bench acquire`.

use cloudsim::aws::{ENI_A, MEMBER_A, MEMBER_B, Simulator, World};
use irishost::{Host, Library};
use nix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};
use std::{
    io::Write,
    time::{Duration, Instant},
};

const VIP: &str = "192.168.255.10/32";
const ACQUIRE: usize = 2;
const RUNS: usize = 31;
const LATENCY: Duration = Duration::from_millis(20);

struct Cost {
    cpu: Duration,
    wall: Duration,
}

fn main() {
    let plain = measure(1, Duration::ZERO, false);
    report("cold Acquire, 1 table, no latency", &plain);
    let tls = measure(1, Duration::ZERO, true);
    report("the same over TLS, with the operating system's roots", &tls);
    let one = measure(1, LATENCY, false);
    report("cold Acquire, 1 table, 20 ms to EC2", &one);
    let fifty = measure(50, LATENCY, false);
    report("cold Acquire, 50 tables, 20 ms to EC2", &fifty);
    let ratio = |a: Duration, b: Duration| a.as_secs_f64() / b.as_secs_f64();
    println!();
    println!(
        "CPU of a cold Acquire / 40 ms:               {:.2} (must be at most 1)",
        ratio(plain.cpu, Duration::from_millis(40))
    );
    println!("CPU of a cold Acquire over TLS / 40 ms:      {:.2}", ratio(tls.cpu, Duration::from_millis(40)));
    println!("wall time of 50 tables / 1 table at 20 ms:   {:.2} (must be at most 1.5)", ratio(fifty.wall, one.wall));
    println!("wall time of 1 table / three round trips:    {:.2}", ratio(one.wall, 3 * LATENCY));
}

fn report(what: &str, cost: &Cost) {
    println!(
        "{what}: {:.1} ms CPU, {:.1} ms wall (medians of {RUNS})",
        cost.cpu.as_secs_f64() * 1e3,
        cost.wall.as_secs_f64() * 1e3
    );
}

/// Medians over calls that each have a library of their own, loaded just before.
fn measure(tables: usize, latency: Duration, tls: bool) -> Cost {
    let mut world = World::overlay(tables);
    for n in 1..=tables {
        world.set_route(&World::table_id(n), VIP, ENI_A);
    }
    let sim = if tls { Simulator::start_tls(world) } else { Simulator::start(world) };
    let mut bundle = tempfile::NamedTempFile::new().expect("a file");
    if tls {
        bundle.write_all(sim.ca_pem().as_bytes()).expect("write the authority");
    }
    sim.faults().latency("ec2", latency);
    let path = irishost::library_path();
    let (mut cpu, mut wall) = (Vec::new(), Vec::new());
    for run in 0..RUNS {
        let member = if run % 2 == 0 { MEMBER_B } else { MEMBER_A };
        let endpoints = json!({ "ec2": sim.ec2_url(), "metadata": sim.metadata_url(member) });
        let http = if tls { json!({ "caBundle": bundle.path() }) } else { json!({}) };
        let config = json!({ "cloud": "aws", "vip": VIP, "http": http, "aws": { "endpoints": endpoints } });
        let request = json!({ "config": config, "reason": "NotifyBecomePrimary" }).to_string();
        let library = Library::load_copy(&path, Host::default()).expect("the built library loads");
        // The library runs on this thread alone, so this thread's time is all of it.
        let (cpu_before, begun) = (thread_cpu(), Instant::now());
        let result = library.zf5(ACQUIRE, Some(request.as_bytes()));
        wall.push(begun.elapsed());
        cpu.push(thread_cpu() - cpu_before);
        let report: Value = result.json();
        assert_eq!(report["outcome"], "moved", "{report:#}");
    }
    Cost { cpu: median(cpu), wall: median(wall) }
}

fn thread_cpu() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).expect("a clock of Linux").into()
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}
