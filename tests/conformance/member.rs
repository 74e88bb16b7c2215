//! A mechanism in a simulated cloud, and its two members: what a scene has to know of them.

use crate::common::{Calls, call_with, merge};
use serde_json::{Value, json};
use simulation::cloud::{Cloud, Mechanism, Setup, Start, serve};
use std::{net::IpAddr, sync::Arc};

/// What a scene has to know of a mechanism beside its layout in `tests/simulation`.
struct Way {
    /// The changes that take the VIP from the other member, and that give it up, as the simulator's log names them.
    taking: &'static str,
    giving: &'static str,
    /// All changes of a takeover, in their order.
    takeover: &'static [&'static str],
    /// The place of the permission to take it, among those that the layout can withdraw.
    permission: u32,
}

const PATCH: &str = "PATCH updateNetworkInterface";

fn way(mechanism: Mechanism) -> Way {
    let (taking, giving, takeover, permission): (_, _, &[_], _) = match mechanism {
        // One for each of the two tables.
        Mechanism::AwsRoute => ("ReplaceRoute", "DeleteRoute", &["ReplaceRoute"; 2], 0),
        Mechanism::AwsSecondaryIp => {
            ("AssignPrivateIpAddresses", "UnassignPrivateIpAddresses", &["AssignPrivateIpAddresses"], 5)
        }
        // One for each of the two interfaces.
        Mechanism::AzureIpConfig => {
            ("PUT networkInterfaces", "PUT networkInterfaces", &["PUT networkInterfaces"; 2], 0)
        }
        Mechanism::AzureRoute => ("PUT routes", "DELETE routes", &["PUT routes"; 2], 2),
        Mechanism::GcpAliasIp => (PATCH, PATCH, &[PATCH; 2], 0),
        Mechanism::GcpRoute => ("POST routes", "DELETE routes", &["POST routes", "DELETE routes"], 3),
    };
    Way { taking, giving, takeover, permission }
}

/// A cloud with both members in it.
pub struct Stage {
    cloud: Arc<dyn Cloud>,
    way: Way,
}

/// One of the two, to be asked.
pub struct Member<'a> {
    cloud: &'a dyn Cloud,
    number: usize,
    overlay: Value,
}

impl Stage {
    pub fn of(mechanism: Mechanism, start: Start) -> Self {
        Self::with(Setup::plain(mechanism, start))
    }

    pub fn with(setup: Setup) -> Self {
        Self { cloud: serve(setup), way: way(setup.mechanism) }
    }

    pub fn a(&self) -> Member<'_> {
        Member { cloud: &*self.cloud, number: 0, overlay: json!({}) }
    }

    pub fn b(&self) -> Member<'_> {
        Member { cloud: &*self.cloud, number: 1, overlay: json!({}) }
    }

    /// What reports call the two members.
    pub fn names(&self) -> [&'static str; 2] {
        self.cloud.names()
    }

    /// The VIP, with its prefix.
    pub fn vip(&self) -> String {
        let config = self.cloud.config(1);
        let vip = config["vip"][0]["address"].as_str().expect("an address");
        if vip.contains('/') { vip.to_owned() } else { format!("{vip}/32") }
    }

    /// The address of the second member's machine that stays with it.
    pub fn address(&self) -> IpAddr {
        self.cloud.address(1)
    }

    pub fn taking(&self) -> &'static str {
        self.way.taking
    }

    pub fn giving(&self) -> &'static str {
        self.way.giving
    }

    /// Every call of this action goes wrong in this way.
    pub fn always(&self, action: &str, fault: cloudsim::Fault) {
        self.cloud.fault(cloudsim::Rule::always("*", action, fault));
    }

    /// All changes of a takeover, in their order.
    pub fn takeover(&self) -> &'static [&'static str] {
        self.way.takeover
    }

    pub fn forbid_taking(&self) {
        self.cloud.deny(self.way.permission);
    }

    /// All changes that the cloud was asked for so far, each with what it is about. To ask again under the `requestId` of the first
    /// attempt is to ask for no other one.
    pub fn changes(&self) -> Vec<(String, String)> {
        let is_read = |action: &str| {
            let asks = ["/wait", " testIamPermissions"];
            ["GET ", "Describe"].iter().any(|read| action.starts_with(read))
                || asks.iter().any(|end| action.ends_with(end))
        };
        let calls = self.cloud.log().into_iter().filter(|call| ["ec2", "arm", "compute"].contains(&call.face.as_str()));
        let mut seen = Vec::new();
        let mut is_new = |call: &cloudsim::Call| {
            let id = call.params.iter().find(|(name, _)| name == "requestId").cloned();
            let is_new = id.is_none() || !seen.contains(&id);
            seen.push(id);
            is_new
        };
        let changes = calls.filter(|call| !is_read(&call.action) && is_new(call));
        changes.map(|call| (call.action, call.target)).collect()
    }

    /// Every part is with these, and everything else is as it was.
    #[track_caller]
    pub fn assert_held_by(&self, holders: &[usize]) {
        let parts = self.cloud.parts();
        assert!(!parts.is_empty() && parts.iter().all(|part| part.holders == holders), "{holders:?}: {parts:?}");
        assert_eq!(self.cloud.damage(), [""; 0]);
    }
}

impl Member<'_> {
    pub fn with(mut self, overlay: Value) -> Self {
        merge(&mut self.overlay, &overlay);
        self
    }
}

impl Calls for Member<'_> {
    fn call(&self, number: usize, request: Value) -> Value {
        call_with(number, self.cloud.config(self.number), &self.overlay, &request)
    }
}
