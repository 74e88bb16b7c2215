//! The sixty-second demonstration: a mirror of two members on a simulated cloud. The old primary's machine stops, the new
//! primary's `NotifyBecomePrimary` calls `Acquire` in the built library, loaded by dlopen and called through its table
//! exactly as IRIS does it, and the VIP moves.
//!
//! Ends with exit status 0 only if the world and the report agree.

use clap::{Parser, ValueEnum};
use cloudsim::aws::{ENI_A, ENI_B, MEMBER_A, MEMBER_B, Simulator, World};
use irishost::Library;
use serde_json::{Value, json};
use std::{process::ExitCode, time::Duration};

/// Plays a mirror failover on a simulated cloud.
#[derive(Parser)]
struct Options {
    /// The cloud to simulate.
    #[arg(long, value_enum, default_value = "aws")]
    cloud: CloudName,
    /// Round-trip time to the cloud's API, in milliseconds.
    #[arg(long, default_value_t = 20)]
    latency_ms: u64,
    /// Route tables that carry the VIP.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=200))]
    tables: u64,
    /// Print the library's report instead of the timeline.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum CloudName {
    Aws,
}

const VIP: &str = "192.168.255.10/32";
/// The position of `Acquire` in the function table.
const ACQUIRE: usize = 2;

fn main() -> ExitCode {
    let options = Options::parse();
    let agreed = match options.cloud {
        CloudName::Aws => on_aws(&options),
    };
    if agreed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn on_aws(options: &Options) -> bool {
    let tables: Vec<String> = (1..=options.tables).map(|n| World::table_id(n as usize)).collect();
    let sim = Simulator::start(World::overlay(tables.len()));
    let holders = || tables.iter().map(|table| sim.world().holder(table, VIP)).collect::<Vec<_>>();
    let library = match Library::load(irishost::library_path()) {
        Ok(library) => library,
        Err(error) => {
            eprintln!("the built library cannot be loaded: {error}");
            return false;
        }
    };
    let acquire = |member: &str| -> Value {
        let endpoints = json!({ "ec2": sim.ec2_url(), "metadata": sim.metadata_url(member) });
        let config = json!({ "cloud": "aws", "vip": VIP, "aws": { "routeTables": "all", "endpoints": endpoints } });
        let request = json!({ "config": config, "reason": "NotifyBecomePrimary" });
        library.zf5(ACQUIRE, Some(request.to_string().as_bytes())).json()
    };

    let first = acquire(MEMBER_A);
    sim.change(|world| world.stop_instance(MEMBER_A));
    sim.faults().latency("ec2", Duration::from_millis(options.latency_ms));
    let before = holders();
    let report = acquire(MEMBER_B);
    let after = holders();

    let in_world = first["outcome"] == "moved"
        && before.iter().all(|holder| holder.as_deref() == Some(ENI_A))
        && after.iter().all(|holder| holder.as_deref() == Some(ENI_B));
    let in_report = report["outcome"] == "moved" && report["holderBefore"] == ENI_A && report["holder"] == ENI_B;
    let agreed = in_world && in_report;
    if options.json {
        println!("{report:#}");
        return agreed;
    }
    println!(
        "Simulated AWS, {} ms to the EC2 endpoint, {} route tables. VIP {VIP}.\n",
        options.latency_ms,
        tables.len()
    );
    println!("  before  {} on {ENI_A} ({MEMBER_A}, the old primary; its machine has stopped)", counted(&before, ENI_A));
    println!("  event   {MEMBER_B} becomes primary: NotifyBecomePrimary^ZMIRROR calls Acquire by $ZF");
    for step in report["steps"].as_array().into_iter().flatten() {
        let text = |key: &str| step[key].as_str().unwrap_or_default().to_owned();
        // The hardware address in the middle of a metadata path says nothing here.
        let target = text("target");
        let target = target.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
        println!("          {:>5} ms  {:<30} {:<8} {target}", step["ms"], text("call"), text("result"));
    }
    println!("  after   {} on {ENI_B} ({MEMBER_B}, the new primary)\n", counted(&after, ENI_B));
    println!("  messages.log, severity {}: {}", report["severity"], report["summary"].as_str().unwrap_or_default());
    for warning in report["warnings"].as_array().into_iter().flatten() {
        println!(
            "  warning {}: {}",
            warning["code"].as_str().unwrap_or_default(),
            warning["message"].as_str().unwrap_or_default()
        );
    }
    println!(
        "\n{}: {} ms in all, each step verified in the simulated world.",
        if agreed { "Done" } else { "FAILED" },
        report["elapsedMs"]
    );
    if !agreed {
        eprintln!("the report and the world do not agree: {report:#}");
    }
    agreed
}

fn counted(holders: &[Option<String>], interface: &str) -> String {
    let there = holders.iter().filter(|holder| holder.as_deref() == Some(interface)).count();
    format!("{there} of {} routes", holders.len())
}
