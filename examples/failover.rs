//! The sixty-second demonstration: a mirror of two members on a simulated cloud. The old primary's machine stops, the new
//! primary's `NotifyBecomePrimary` calls `Acquire` in the built library, loaded by dlopen and called through its table
//! exactly as IRIS does it, and the VIP moves.
//!
//! Ends with exit status 0 only if the world and the report agree.

use clap::{Parser, ValueEnum};
use cloudsim::{aws, azure, gcp};
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
    /// Azure and GCP: move a public address together with the VIP.
    #[arg(long)]
    public_ip: bool,
    /// Azure and GCP: how long the cloud takes for one change of an interface, in milliseconds.
    #[arg(long, default_value_t = 1_000)]
    operation_ms: u64,
    /// Print the library's report instead of the timeline.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum CloudName {
    Aws,
    Azure,
    Gcp,
    /// One after another.
    All,
}

const ACQUIRE: usize = mirrorvip_callouts::Callout::Acquire.number();

fn main() -> ExitCode {
    let options = Options::parse();
    let library = match Library::load(irishost::library_path()) {
        Ok(library) => library,
        Err(error) => {
            eprintln!("the built library cannot be loaded: {error}");
            return ExitCode::FAILURE;
        }
    };
    let scenes: &[fn(&Options, &Library) -> Scene] = match options.cloud {
        CloudName::Aws => &[on_aws],
        CloudName::Azure => &[on_azure],
        CloudName::Gcp => &[on_gcp],
        CloudName::All => &[on_aws, on_azure, on_gcp],
    };
    let mut all_agreed = true;
    for (n, scene) in scenes.iter().enumerate() {
        if n > 0 && !options.json {
            println!();
        }
        // Each is played to its end, whatever the one before came to.
        all_agreed &= scene(&options, &library).play(options.json);
    }
    if all_agreed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// One failover: what the world showed before and after, and what the library reported.
struct Scene {
    title: String,
    old: (&'static str, &'static str),
    new: (&'static str, &'static str),
    before: Vec<Option<String>>,
    after: Vec<Option<String>>,
    report: Value,
}

fn acquire(library: &Library, config: &Value) -> Value {
    let request = json!({ "config": config, "reason": "NotifyBecomePrimary" });
    library.zf5(ACQUIRE, Some(request.to_string().as_bytes())).json()
}

fn on_aws(options: &Options, library: &Library) -> Scene {
    const VIP: &str = "192.168.255.10/32";
    let tables: Vec<String> = (1..=options.tables).map(|n| aws::World::table_id(n as usize)).collect();
    let sim = aws::Simulator::start(aws::World::overlay(tables.len()));
    let holders = || tables.iter().map(|table| sim.world().holder(table, VIP)).collect::<Vec<_>>();
    let config = |member: &str| {
        let endpoints = json!({ "ec2": sim.ec2_url(), "metadata": sim.metadata_url(member) });
        json!({ "cloud": "aws", "vip": VIP, "aws": { "routeTables": "all", "endpoints": endpoints } })
    };
    acquire(library, &config(aws::MEMBER_A));
    sim.change(|world| world.stop_instance(aws::MEMBER_A));
    sim.faults().latency("ec2", Duration::from_millis(options.latency_ms));
    let before = holders();
    let report = acquire(library, &config(aws::MEMBER_B));
    Scene {
        title: format!("Simulated AWS, {} ms to EC2, {} route tables. VIP {VIP}.", options.latency_ms, tables.len()),
        old: (aws::MEMBER_A, aws::ENI_A),
        new: (aws::MEMBER_B, aws::ENI_B),
        before,
        after: holders(),
        report,
    }
}

fn on_azure(options: &Options, library: &Library) -> Scene {
    let world = if options.public_ip { azure::World::article_with_public_ip() } else { azure::World::article() };
    let sim = azure::Simulator::start(world);
    let holders = || {
        let world = sim.world();
        let public = options.public_ip.then(|| world.public_holder_of(azure::PUBLIC_IP));
        std::iter::once(world.holder_of(azure::VIP)).chain(public).collect::<Vec<_>>()
    };
    sim.change(|world| world.stop_vm(azure::VM_A));
    sim.faults().latency("arm", Duration::from_millis(options.latency_ms));
    sim.operations().duration(Duration::from_millis(options.operation_ms));
    let before = holders();
    let endpoints = json!({ "management": sim.management_url(), "metadata": sim.metadata_url(azure::VM_B) });
    let mut block = json!({ "nics": [azure::NIC_A, azure::NIC_B], "endpoints": endpoints });
    if options.public_ip {
        block["publicIp"] = azure::PUBLIC_IP.into();
    }
    let report = acquire(library, &json!({ "cloud": "azure", "vip": azure::VIP, "azure": block }));
    let public =
        if options.public_ip { format!(" with the public address {}", azure::PUBLIC_IP) } else { String::new() };
    Scene {
        title: format!(
            "Simulated Azure, {} ms to Resource Manager, {} ms for a change. VIP {}{public}.",
            options.latency_ms,
            options.operation_ms,
            azure::VIP
        ),
        old: (azure::VM_A, azure::NIC_A),
        new: (azure::VM_B, azure::NIC_B),
        before,
        after: holders(),
        report,
    }
}

fn on_gcp(options: &Options, library: &Library) -> Scene {
    let world = if options.public_ip { gcp::World::article_with_public_ip() } else { gcp::World::article() };
    let sim = gcp::Simulator::start(world);
    let holders = || {
        let world = sim.world();
        let public = options.public_ip.then(|| world.public_holder_of(gcp::PUBLIC_IP));
        std::iter::once(world.holder_of(gcp::VIP)).chain(public).collect::<Vec<_>>()
    };
    sim.change(|world| world.stop_instance(gcp::VM_A));
    sim.faults().latency("compute", Duration::from_millis(options.latency_ms));
    sim.operations().duration(Duration::from_millis(options.operation_ms));
    let before = holders();
    let endpoints = json!({ "compute": sim.compute_url(), "metadata": sim.metadata_url(gcp::VM_B) });
    let mut block = json!({ "instances": [gcp::VM_A, gcp::VM_B], "endpoints": endpoints });
    if options.public_ip {
        block["publicIp"] = gcp::PUBLIC_IP.into();
    }
    let report = acquire(library, &json!({ "cloud": "gcp", "vip": gcp::VIP, "gcp": block }));
    let public = if options.public_ip { format!(" with the public address {}", gcp::PUBLIC_IP) } else { String::new() };
    Scene {
        title: format!(
            "Simulated GCP, {} ms to Compute Engine, {} ms for a change. VIP {}{public}.",
            options.latency_ms,
            options.operation_ms,
            gcp::VIP
        ),
        old: (gcp::ZONE_A, gcp::VM_A),
        new: (gcp::ZONE_B, gcp::VM_B),
        before,
        after: holders(),
        report,
    }
}

impl Scene {
    /// Shows what happened, and whether world and report agree.
    fn play(&self, as_json: bool) -> bool {
        let Scene { title, old, new, before, after, report } = self;
        let in_world = before.iter().all(|holder| holder.as_deref() == Some(old.1))
            && after.iter().all(|holder| holder.as_deref() == Some(new.1));
        let in_report = report["outcome"] == "moved" && report["holderBefore"] == old.1 && report["holder"] == new.1;
        let agreed = in_world && in_report;
        if as_json {
            println!("{report:#}");
            return agreed;
        }
        println!("{title}\n");
        println!(
            "  before  {} on {} ({}, the old primary; its machine has stopped)",
            counted(before, old.1),
            old.1,
            old.0
        );
        let member = report["member"]["instance"].as_str().unwrap_or(new.0);
        println!("  event   {member} becomes primary: NotifyBecomePrimary^ZMIRROR calls Acquire by $ZF");
        for step in report["steps"].as_array().into_iter().flatten() {
            let text = |key: &str| step[key].as_str().unwrap_or_default().to_owned();
            // The hardware address in the middle of a metadata path says nothing here.
            let target = text("target");
            let target = target.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
            println!("          {:>5} ms  {:<40} {:<8} {target}", step["ms"], text("call"), text("result"));
        }
        println!("  after   {} on {} ({}, the new primary)\n", counted(after, new.1), new.1, new.0);
        println!("  messages.log, severity {}: {}", report["severity"], report["summary"].as_str().unwrap_or_default());
        for warning in report["warnings"].as_array().into_iter().flatten() {
            let text = |key: &str| warning[key].as_str().unwrap_or_default();
            println!("  warning {}: {}", text("code"), text("message"));
        }
        let end = if agreed { "Done" } else { "FAILED" };
        println!("\n{end}: {} ms in all, each step verified in the simulated world.", report["elapsedMs"]);
        if !agreed {
            eprintln!("the report and the world do not agree: {report:#}");
        }
        agreed
    }
}

fn counted(holders: &[Option<String>], interface: &str) -> String {
    let there = holders.iter().filter(|holder| holder.as_deref() == Some(interface)).count();
    format!("{there} of {} parts", holders.len())
}
