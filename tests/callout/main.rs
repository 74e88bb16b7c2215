//! The `$ZF` interface of the built library, loaded as IRIS loads it: its table, its symbols, its two strings.
//!
//! Every mistake that a caller can make has to end in a report that names it, before anything is asked of a cloud.
//!
//! A program of its own: it changes what the host of this process says of itself, and counts the callbacks of this process.

#[path = "../common/mod.rs"]
mod common;

mod anything;
mod configuration;
mod host;
mod request;
mod table;

use cloudsim::{
    Fault, Rule,
    aws::{ENI_A, MEMBER_A, Simulator, World},
};
use common::{ACQUIRE, CHECK, RELEASE, STATUS, VERSION, assert_error, assert_outcome, call, library, merge};
use irishost::{Callbacks, Host, Library, ZF_FAILURE, ZF_SUCCESS, ZfResult};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    fs,
    os::unix::net::UnixListener,
    path::{Path, PathBuf},
    process::Command,
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

const VIP: &str = "192.168.255.10/32";

/// The longest request, and the longest report whatever the host says.
const LONGEST: usize = 32_767;

/// How each action ends when its request is refused.
const REFUSED: [(usize, &str); 4] =
    [(ACQUIRE, "not_moved"), (STATUS, "unknown"), (CHECK, "not_ready"), (RELEASE, "not_released")];

/// A complete configuration whose endpoints are the simulator's.
fn config(sim: &Simulator, overlay: &Value) -> Value {
    let mut config = json!({
        "cloud": "aws", "vip": VIP,
        "aws": { "endpoints": { "ec2": sim.ec2_url(), "sts": sim.sts_url(), "metadata": sim.metadata_url(MEMBER_A) } },
    });
    merge(&mut config, overlay);
    config
}

fn held_by_a(tables: usize) -> Simulator {
    Simulator::start(World::overlay(tables).held(VIP, ENI_A))
}

/// Loads the library for a host that says something else of itself. Its memory is shared with [`library`].
fn loaded(host: Host) -> Library {
    Library::load_with(irishost::library_path(), host).expect("the built library loads")
}

fn in_directory(directory: &Path) -> Library {
    loaded(Host { manager_directory: directory.to_owned(), ..Host::default() })
}

/// What holds for every result, whatever was asked: within the bound, printable ASCII, JSON, one line for the operator.
#[track_caller]
fn valid(result: &ZfResult, bound: usize) -> Value {
    assert_eq!(result.status, ZF_SUCCESS, "{result:?}");
    assert!(result.bytes.len() <= bound, "{} bytes, the host takes {bound}", result.bytes.len());
    assert!(result.bytes.iter().all(|byte| (b' '..=b'~').contains(byte)), "not printable ASCII: {result:?}");
    let report = result.json();
    assert!(report["ok"].is_boolean() && report["outcome"].is_string(), "{report}");
    assert!(report["severity"].is_u64() && report["retry"].is_boolean(), "{report}");
    if let Some(summary) = report["summary"].as_str() {
        assert!(!summary.is_empty() && !summary.contains(char::is_control), "not one line: {summary:?}");
    }
    report
}

/// Each action refuses this request, for this reason; that is not worth a repeat.
#[track_caller]
fn refused(library: &Library, request: &[u8], code: &str) {
    for (number, outcome) in REFUSED {
        let report = valid(&library.zf5(number, Some(request)), LONGEST);
        assert_error(&report, outcome, code);
        assert_eq!((&report["severity"], &report["retry"]), (&json!(2), &json!(false)), "{report:#}");
    }
}

#[track_caller]
fn valid_version(result: &ZfResult) -> Value {
    assert_eq!(result.status, ZF_SUCCESS);
    assert!(result.bytes.iter().all(|byte| (b' '..=b'~').contains(byte)), "{result:?}");
    result.json()
}
