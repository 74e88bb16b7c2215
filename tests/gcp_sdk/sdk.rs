//! The vendor's client for Python, in a virtual environment of its own, and the script that drives it.

use crate::python::{self, Packages, Script};
use cloudsim::gcp::Simulator;
use serde_json::{Value, json};
use std::sync::OnceLock;

const PACKAGES: Packages =
    Packages { name: "gcp-sdk", requirements: concat!(env!("CARGO_MANIFEST_DIR"), "/tests/gcp_sdk/requirements.txt") };
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/gcp_sdk/move.py");

pub struct Sdk(Script);

/// One Python for all tests here, started by the first of them; `None` only where there is no Python, which was said.
pub fn client() -> Option<&'static Sdk> {
    static STARTED: OnceLock<Result<Option<Sdk>, String>> = OnceLock::new();
    let started = STARTED.get_or_init(|| {
        let Some(python) = PACKAGES.python()? else { return Ok(None) };
        // The credentials look at these to find out where they are.
        let settings = ["GOOGLE_", "GCLOUD_", "CLOUDSDK_", "GCE_", "NO_GCE_", "APPENGINE_"];
        let mut command = python::script(&python, SCRIPT, &settings);
        // Nor do they take an account that gcloud has set up here, or the certificates of a VM that this may run on.
        command.env("CLOUDSDK_CONFIG", "/nonexistent");
        command.env("GOOGLE_API_USE_CLIENT_CERTIFICATE", "false").env("GCE_METADATA_MTLS_MODE", "none");
        Ok(Some(Sdk(Script::start(command)?)))
    });
    started.as_ref().unwrap_or_else(|why| panic!("{why}")).as_ref()
}

impl Sdk {
    /// Does something as this VM: see the script.
    ///
    /// # Panics
    /// With what went wrong there.
    #[track_caller]
    pub fn ask(&self, action: &str, sim: &Simulator, vm: &str, rest: Value) -> Value {
        self.attempt(action, sim, vm, rest).unwrap_or_else(|error| panic!("the client on {error}"))
    }

    /// The same, where it may fail.
    pub fn attempt(&self, action: &str, sim: &Simulator, vm: &str, rest: Value) -> Result<Value, String> {
        let place = json!({ "compute": sim.compute_url(), "metadata": sim.metadata_url(vm) });
        self.0.act(action, place, &rest)
    }

    /// What the client's model of this kind makes of a body, and would send of it.
    ///
    /// # Panics
    /// If it does not know a field.
    #[track_caller]
    pub fn describe(&self, kind: &str, body: &Value) -> Value {
        let said = self.0.act("describe", Value::Null, &json!([kind, body]));
        said.unwrap_or_else(|error| panic!("the client on {error}"))
    }
}
