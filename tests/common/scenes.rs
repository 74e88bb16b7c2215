//! The scenes of the three articles: a member that holds the VIP, another one that comes to take it, and the configuration that
//! both have.

use super::Scene;
use cloudsim::{Call, Fault, Rule, Simulator, Stage, aws, azure, gcp};
use serde_json::{Value, json};

/// Outside the VPC, with a route in each table.
pub const OVERLAY_VIP: &str = "192.168.255.10/32";

impl Scene for aws::Simulator {
    const MEMBERS: [&'static str; 2] = [aws::MEMBER_A, aws::MEMBER_B];

    fn config(&self, vm: &str) -> Value {
        let endpoints = json!({ "ec2": self.ec2_url(), "sts": self.sts_url(), "metadata": self.metadata_url(vm) });
        json!({ "cloud": "aws", "vip": OVERLAY_VIP, "aws": { "endpoints": endpoints } })
    }
}

impl Scene for azure::Simulator {
    const MEMBERS: [&'static str; 2] = [azure::VM_A, azure::VM_B];

    fn config(&self, vm: &str) -> Value {
        let endpoints = json!({ "management": self.management_url(), "metadata": self.metadata_url(vm) });
        json!({
            "cloud": "azure", "vip": azure::VIP,
            "azure": { "resourceGroup": azure::RESOURCE_GROUP, "nics": [azure::NIC_A, azure::NIC_B], "endpoints": endpoints },
        })
    }
}

impl Scene for gcp::Simulator {
    const MEMBERS: [&'static str; 2] = [gcp::VM_A, gcp::VM_B];

    fn config(&self, vm: &str) -> Value {
        let endpoints = json!({ "compute": self.compute_url(), "metadata": self.metadata_url(vm) });
        json!({ "cloud": "gcp", "vip": gcp::VIP, "gcp": { "instances": [gcp::VM_A, gcp::VM_B], "endpoints": endpoints } })
    }
}

/// What every simulator does, whatever its cloud.
pub trait Simulated {
    fn on(&self, rule: Rule<'_>);
    fn clear_faults(&self);
    fn log(&self) -> Vec<Call>;
}

impl<S: Stage> Simulated for Simulator<S> {
    fn on(&self, rule: Rule<'_>) {
        self.faults().on(rule);
    }

    fn clear_faults(&self) {
        self.faults().clear();
    }

    fn log(&self) -> Vec<Call> {
        self.log()
    }
}

/// A cloud in which the first member holds the VIP.
pub trait Cloud: Scene + Simulated + Sized {
    /// The face of the API, without metadata and identity.
    const API: &'static str;

    fn start_held() -> Self;
    /// 0 or 1, the member that every part is with.
    fn holder(&self) -> Option<usize>;
    /// Takes the VIP off everybody.
    fn drop_vip(&self);
    /// Gives the VIP to the first member.
    fn give_to_first(&self);
    fn deny_changes(&self);

    /// Every call of the cloud's API is answered with "later".
    fn be_away(&self) {
        let fault = Fault::error(503, "ServiceUnavailable", "try later");
        self.on(Rule { face: Self::API, action: None, target: None, skip: 0, times: usize::MAX, fault });
    }

    fn come_back(&self) {
        self.clear_faults();
    }
}

impl Cloud for aws::Simulator {
    const API: &'static str = "ec2";

    fn start_held() -> Self {
        Self::start(aws::World::overlay(2).held(OVERLAY_VIP, aws::ENI_A))
    }

    fn holder(&self) -> Option<usize> {
        let world = self.world();
        let holds = |n: usize| world.holder(&aws::World::table_id(n), OVERLAY_VIP);
        let first = holds(1).filter(|first| holds(2).as_ref() == Some(first))?;
        [aws::ENI_A, aws::ENI_B].iter().position(|eni| first == *eni)
    }

    fn drop_vip(&self) {
        self.change(|world| (1..=2).for_each(|n| world.remove_route(&aws::World::table_id(n), OVERLAY_VIP)));
    }

    fn give_to_first(&self) {
        self.change(|world| (1..=2).for_each(|n| world.set_route(&aws::World::table_id(n), OVERLAY_VIP, aws::ENI_A)));
    }

    fn deny_changes(&self) {
        self.change(|world| ["ec2:ReplaceRoute", "ec2:CreateRoute"].map(|action| world.deny(aws::ROLE, action)));
    }
}

impl Cloud for azure::Simulator {
    const API: &'static str = "arm";

    fn start_held() -> Self {
        Self::start(azure::World::article())
    }

    fn holder(&self) -> Option<usize> {
        let nic = self.world().holder_of(azure::VIP)?;
        [azure::NIC_A, azure::NIC_B].iter().position(|name| nic.ends_with(name))
    }

    fn drop_vip(&self) {
        self.change(|world| [azure::NIC_A, azure::NIC_B].map(|nic| world.unplace(nic, azure::VIP_CONFIG)));
    }

    fn give_to_first(&self) {
        self.drop_vip();
        self.change(|world| world.place(azure::VIP_CONFIG, azure::VIP, azure::NIC_A));
    }

    fn deny_changes(&self) {
        self.change(|world| world.deny("*", "Microsoft.Network/networkInterfaces/write", None));
    }
}

impl Cloud for gcp::Simulator {
    const API: &'static str = "compute";

    fn start_held() -> Self {
        Self::start(gcp::World::article())
    }

    fn holder(&self) -> Option<usize> {
        let vm = self.world().holder_of(gcp::VIP)?;
        [gcp::VM_A, gcp::VM_B].iter().position(|name| vm == *name)
    }

    fn drop_vip(&self) {
        self.change(|world| world.unplace_alias(gcp::VIP));
    }

    fn give_to_first(&self) {
        self.drop_vip();
        self.change(|world| world.place_alias(gcp::VIP, gcp::VM_A, None));
    }

    fn deny_changes(&self) {
        self.change(|world| world.deny("*", "compute.instances.updateNetworkInterface", None));
    }
}
