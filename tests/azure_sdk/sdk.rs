//! The vendor's SDKs for Python, each in a virtual environment of its own, and the script that drives them.

use crate::python::{self, Packages, Script};
use cloudsim::azure::{SUBSCRIPTION, Simulator};
use serde_json::{Value, json};
use std::sync::OnceLock;

const PRESENT: Packages = Packages {
    name: "azure-sdk",
    requirements: concat!(env!("CARGO_MANIFEST_DIR"), "/tests/azure_sdk/requirements.txt"),
};
const TYPED: Packages = Packages {
    name: "azure-sdk-typed",
    requirements: concat!(env!("CARGO_MANIFEST_DIR"), "/tests/azure_sdk/requirements-typed.txt"),
};
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/azure_sdk/move.py");

pub struct Sdk(Script);

type Started = OnceLock<Result<Option<Sdk>, String>>;

/// The SDK as it is today; `None` only where there is no Python, which was said.
pub fn present() -> Option<&'static Sdk> {
    static STARTED: Started = OnceLock::new();
    start(&STARTED, &PRESENT)
}

/// The SDK of the library's version of the API; its models know their properties and nothing else.
pub fn typed() -> Option<&'static Sdk> {
    static STARTED: Started = OnceLock::new();
    start(&STARTED, &TYPED)
}

/// One Python for all tests here, started by the first of them.
fn start(started: &'static Started, packages: &Packages) -> Option<&'static Sdk> {
    let started = started.get_or_init(|| {
        let Some(python) = packages.python()? else { return Ok(None) };
        // The credential looks at these to find out where it is.
        let settings = ["AZURE_", "MSI_", "IDENTITY_", "IMDS_"];
        let script = Script::start(python::script(&python, SCRIPT, &settings))?;
        Ok(Some(Sdk(script)))
    });
    started.as_ref().unwrap_or_else(|why| panic!("{why}")).as_ref()
}

impl Sdk {
    /// Does something with the identity of this machine: see the script.
    ///
    /// # Panics
    /// With what went wrong there.
    #[track_caller]
    pub fn ask(&self, action: &str, sim: &Simulator, vm: &str, group: &str, rest: Value) -> Value {
        let place = json!({
            "management": sim.management_url(),
            "metadata": sim.metadata_url(vm),
            "subscription": SUBSCRIPTION,
            "group": group,
        });
        self.question(action, place, rest)
    }

    /// What the models of this kind make of a body.
    #[track_caller]
    pub fn describe(&self, kind: &str, body: &Value) -> Value {
        self.question("describe", Value::Null, json!([kind, body]))
    }

    #[track_caller]
    fn question(&self, action: &str, place: Value, rest: Value) -> Value {
        self.0.act(action, place, &rest).unwrap_or_else(|error| panic!("the SDK on {error}"))
    }
}
