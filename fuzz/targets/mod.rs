//! What is fuzzed: each takes bytes that nobody means well with, and must neither panic, nor hang, nor answer with anything but
//! a report.

#![allow(dead_code, reason = "each program has a target of its own")]

pub mod server;

use mirrorvip_core::{
    command::{Action, Call, Surroundings},
    config::Config,
    deadline::Watch,
    report::Report,
};
use serde_json::{Value, json};
use server::Server;
use std::{
    path::PathBuf,
    sync::OnceLock,
    time::{Duration, Instant, SystemTime},
};

/// The longest text that a host takes.
const BOUND: usize = 32_767;

/// What a takeover takes here, several times over.
const ENOUGH: Duration = Duration::from_millis(150);

/// A host that knows nothing, and whose process is to end after this time.
struct Nowhere {
    begun: Instant,
    ends_after: Duration,
}

impl Watch for Nowhere {
    fn termination_requested(&self) -> bool {
        self.begun.elapsed() >= self.ends_after
    }

    fn boot_time(&self) -> Duration {
        Duration::ZERO
    }

    fn wall_clock(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH
    }

    fn random(&self) -> u64 {
        4
    }
}

impl Surroundings for Nowhere {
    fn manager_directory(&self) -> Option<PathBuf> {
        None
    }

    fn watch(&self) -> Box<dyn Watch> {
        Box::new(Nowhere { begun: self.begun, ends_after: self.ends_after })
    }
}

fn run(action: Action, request: &[u8], ends_after: Duration) -> Report {
    let nowhere = Nowhere { begun: Instant::now(), ends_after };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(Box::pin(Call::new(action).run(request, &nowhere)))
}

/// Whatever happened, there is a report that a script can read, and it keeps each bound.
fn check(report: &Report) {
    for bound in [BOUND, 1_000, 120] {
        let Some(text) = report.render(bound) else { continue };
        assert!(text.len() <= bound && text.is_ascii() && !text.contains(['\n', '\r']), "{text}");
        let read: Value = serde_json::from_str(&text).expect("JSON");
        assert!(read["ok"].is_boolean() && read["outcome"].is_string(), "{text}");
    }
    assert!(!report.summary.is_empty());
    assert_eq!(report.error.is_some(), !report.ok, "{report:?}");
}

/// The string that a routine hands over. The process is to end, so that nothing leaves the machine, whatever it names.
pub fn request(bytes: &[u8]) {
    for action in [Action::Acquire, Action::Status, Action::Check, Action::Release] {
        check(&run(action, bytes, Duration::ZERO));
    }
}

/// The text of mirrorvip.json.
pub fn configuration(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Err(error) = Config::parse(&text, "mirrorvip.json") {
        assert!(!error.message.is_empty() && !error.remedy.is_empty());
        assert!(error.message.contains("mirrorvip.json"), "{error}");
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cloud {
    Aws,
    Azure,
    Gcp,
}

impl Cloud {
    /// As the articles have it, with everything at one address.
    pub fn config(self, url: &str) -> Value {
        match self {
            Cloud::Aws => json!({
                "cloud": "aws", "vip": "192.168.255.10/32",
                "aws": { "endpoints": { "ec2": url, "sts": url, "metadata": url } },
            }),
            Cloud::Azure => json!({
                "cloud": "azure", "vip": "10.0.0.254",
                "azure": {
                    "resourceGroup": "rg", "nics": ["mirrora290_z1", "mirrorb280_z2"], "publicIp": "my_vip_ip",
                    "endpoints": { "management": url, "metadata": url },
                },
            }),
            Cloud::Gcp => json!({
                "cloud": "gcp", "vip": "10.0.0.250/32",
                "gcp": {
                    "instances": ["isc-primary-001", "isc-backup-001"], "publicIp": "isc-mirror",
                    "endpoints": { "compute": url, "metadata": url },
                },
            }),
        }
    }
}

/// Answers of a cloud and its metadata service, as [`server::Answers`] has them.
pub fn answers(cloud: Cloud, bytes: &[u8]) {
    // One for all: threads and ports are not given back as fast as they are asked for.
    static SERVER: OnceLock<Server> = OnceLock::new();
    let server = SERVER.get_or_init(Server::start);
    server.play(bytes);
    let request = json!({
        "config": cloud.config(&server.url()), "deadlineSeconds": 10, "reason": "NotifyBecomePrimary",
    });
    let begun = Instant::now();
    // What leads to repeats would otherwise go on until the deadline, and nothing new would come of it.
    let report = run(Action::Acquire, request.to_string().as_bytes(), ENOUGH);
    assert!(begun.elapsed() < ENOUGH + Duration::from_secs(2), "{:?}", begun.elapsed());
    check(&report);
}
