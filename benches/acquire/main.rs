//! What a takeover costs above the cloud's own time. Figures of one run are to be compared with one another, not with
//! those of another machine or hour: `cargo bench --bench acquire`, or with the name of one cloud after `--`.

mod aws;
mod azure;
mod gcp;

use irishost::{Host, Library};
use nix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const ACQUIRE: usize = mirrorvip_callouts::Callout::Acquire.number();
const LATENCY: Duration = Duration::from_millis(20);
/// What a cold call may spend on the processor.
const CPU: Duration = Duration::from_millis(40);

#[derive(Clone, Copy)]
pub struct Cost {
    cpu: Duration,
    wall: Duration,
}

fn main() {
    let wanted = std::env::args().nth(1).filter(|word| !word.starts_with('-'));
    let clouds: [(&str, fn()); 3] =
        [("aws", aws::measure_all), ("azure", azure::measure_all), ("gcp", gcp::measure_all)];
    for (name, measure_all) in clouds {
        if wanted.as_deref().is_none_or(|wanted| wanted == name) {
            println!("{name}");
            measure_all();
            println!();
        }
    }
}

/// Medians over cold calls: each has a library of its own, loaded just before. `config` is asked for the member whose turn
/// it is, the backup first, so that every call moves the VIP.
fn measure(runs: usize, config: impl Fn(bool) -> Value) -> Cost {
    let path = irishost::library_path();
    let (mut cpu, mut wall) = (Vec::new(), Vec::new());
    for run in 0..runs {
        let request = json!({ "config": config(run % 2 == 0), "reason": "NotifyBecomePrimary" }).to_string();
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

fn report(what: &str, cost: Cost) -> Cost {
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    println!("  {what:<56} {:>7.1} ms CPU {:>9.1} ms wall", ms(cost.cpu), ms(cost.wall));
    cost
}

/// A cost as a part of what it may be.
fn share(what: &str, cost: Duration, bound: Duration) {
    println!("  {what:<56} {:>7.2} (must be at most 1)", cost.as_secs_f64() / bound.as_secs_f64());
}

fn thread_cpu() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).expect("a clock of Linux").into()
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}
