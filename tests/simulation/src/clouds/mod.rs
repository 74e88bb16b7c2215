//! The three simulated clouds as a schedule uses them.

#[cfg(feature = "aws")]
mod aws;
mod azure;
mod gcp;

use std::sync::Arc;

use cloudsim::{Simulator, Stage};
use serde_json::{Map, Value, json};

use crate::cloud::{Cloud, Layout, Mechanism, STRANGER, Setup, Simulated, Way};

/// The cloud of a setup.
pub fn start(setup: Setup, way: Way) -> Arc<dyn Cloud> {
    match setup.mechanism {
        #[cfg(feature = "aws")]
        Mechanism::AwsRoute | Mechanism::AwsSecondaryIp => open::<aws::Aws>(setup, way),
        #[cfg(not(feature = "aws"))]
        Mechanism::AwsRoute | Mechanism::AwsSecondaryIp => unreachable!("this build has no AWS"),
        Mechanism::AzureIpConfig | Mechanism::AzureRoute => open::<azure::Azure>(setup, way),
        Mechanism::GcpAliasIp | Mechanism::GcpRoute => open::<gcp::Gcp>(setup, way),
    }
}

fn open<L: Layout>(setup: Setup, way: Way) -> Arc<dyn Cloud> {
    match way {
        Way::InProcess => Arc::new(Simulated::<L>::in_process(setup)),
        Way::Sockets => Arc::new(Simulated::<L>::on_sockets(setup)),
    }
}

/// The place of a name among those of the two members.
fn who(names: [&str; 2], name: &str) -> usize {
    names.iter().position(|known| *known == name).unwrap_or(STRANGER)
}

/// Takes out all fields of these names.
fn without(value: &mut Value, names: &[&str]) {
    match value {
        Value::Object(fields) => {
            names.iter().for_each(|name| drop(fields.shift_remove(*name)));
            fields.values_mut().for_each(|value| without(value, names));
        }
        Value::Array(entries) => entries.iter_mut().for_each(|value| without(value, names)),
        _ => {}
    }
}

/// The `vip` key: the second VIP has a name of its own where the cloud wants names, the first one its public address.
fn vips(setup: &Setup, addresses: &[&str; 2], named: bool, public: Option<&str>) -> Value {
    let item = |n: usize| {
        let mut item = Map::new();
        item.insert("address".into(), json!(addresses[n]));
        if named && n > 0 {
            item.insert("name".into(), json!("vip2"));
        }
        if let Some(public) = public.filter(|_| n == 0 && setup.public && setup.only.is_none_or(|only| only.public)) {
            item.insert("publicIp".into(), json!(public));
        }
        Value::Object(item)
    };
    let is_wanted = |n: &usize| setup.only.is_none_or(|only| only.vip == *n);
    (0..setup.vips).filter(is_wanted).map(item).collect()
}

fn metadata_url<S: Stage>(sim: &Simulator<S>, vms: [&str; 2], member: usize) -> String {
    sim.metadata_url(vms[member])
}
