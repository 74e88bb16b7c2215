//! The mechanisms that are built in: one line each. Configuration, [`version`] and the wiring follow from this table.

use super::work::Work;
#[cfg(feature = "aws")]
use crate::cloud::aws;
#[cfg(feature = "azure")]
use crate::cloud::azure;
#[cfg(feature = "gcp")]
use crate::cloud::gcp;
use crate::{check::CheckItem, cloud::Mechanism, config::Config, takeover::Findings};
use serde_json::{Value, json};
use std::pin::Pin;

/// One mechanism of one cloud.
pub struct Entry {
    /// As the configuration's `cloud` names it.
    pub cloud: &'static str,
    /// As `mechanism` in the cloud's block names it.
    pub name: &'static str,
    /// Carries out a call with this mechanism.
    pub carry_out: CarryOut,
}

type CarryOut = fn(&Work) -> Pin<Box<dyn Future<Output = (Findings, Vec<CheckItem>)> + '_>>;

/// All of them, in the order of the report of `Version`.
pub const ALL: &[Entry] = &[
    #[cfg(feature = "aws")]
    entry::<aws::Route>(),
    #[cfg(feature = "aws")]
    entry::<aws::SecondaryIp>(),
    #[cfg(feature = "azure")]
    entry::<azure::IpConfig>(),
    #[cfg(feature = "azure")]
    entry::<azure::Route>(),
    #[cfg(feature = "gcp")]
    entry::<gcp::AliasIp>(),
    #[cfg(feature = "gcp")]
    entry::<gcp::Route>(),
];

const fn entry<M: Mechanism + 'static>() -> Entry {
    Entry { cloud: M::CLOUD, name: M::NAME, carry_out: |work| Box::pin(work.carry_out::<M>()) }
}

/// The mechanism that a configuration names.
pub fn of(config: &Config) -> Option<&'static Entry> {
    ALL.iter().find(|entry| entry.cloud == config.cloud && entry.name == config.block.mechanism())
}

/// What `Version` answers. `commit` is that of the library's own build.
pub fn version(commit: &str) -> Value {
    let mut clouds = serde_json::Map::new();
    for Entry { cloud, name, .. } in ALL {
        if let Some(names) = clouds.entry(*cloud).or_insert_with(|| json!([])).as_array_mut() {
            names.push(json!(name));
        }
    }
    let names: Vec<_> = clouds.keys().cloned().collect();
    let version = env!("CARGO_PKG_VERSION");
    json!({
        "name": "mirrorvip",
        "version": version,
        "commit": commit,
        "clouds": clouds,
        "ok": true,
        "summary": format!("mirrorvip {version} ({commit}) for {}", names.join(", ")),
    })
}
