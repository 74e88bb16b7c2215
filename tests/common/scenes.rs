//! The scenes of the three articles: a member that holds the VIP, another one that comes to take it, and the configuration that
//! both have.

use super::Scene;
use cloudsim::{aws, azure, gcp};
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
