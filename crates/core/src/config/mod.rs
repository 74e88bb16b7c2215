//! The configuration: one file, identical on all members. A [`Config`] is complete and possible: reading refuses all mistakes at
//! once, before any call, and names of each its place in the file, what stood there and what was expected.
//!
//! Each cloud reads its own block (`cloud/*/settings.rs`); this module composes them. It reads the file and the environment.

pub mod access;
mod keys;
pub mod schema;
pub mod source;
mod text;
mod vip;

use keys::ALL_CLOUDS;
pub use keys::DEADLINE_SECONDS;
pub use vip::possible;

#[cfg(feature = "aws")]
use crate::cloud::aws::settings::Settings as Aws;
#[cfg(feature = "azure")]
use crate::cloud::azure::settings::Settings as Azure;
#[cfg(feature = "gcp")]
use crate::cloud::gcp::settings::Settings as Gcp;
use crate::{
    cloud::{
        block::Block,
        problem::{Mistakes, Place, Problem, read_value},
    },
    error::{Code, Error, Result},
    net::settings::Http,
    vip::VipSource,
};
use serde::Deserialize;
use serde_json::Value;
use std::{path::PathBuf, rc::Rc, time::Duration};

/// A configuration, read and checked.
#[derive(Debug, Clone)]
pub struct Config {
    /// The cloud's name.
    pub cloud: &'static str,
    /// The block that is named after it.
    pub block: Rc<dyn Block>,
    /// The VIPs, in the order of the file.
    pub vips: Vec<VipSource>,
    /// Bounds one call.
    pub deadline: Duration,
    /// Bounds the call of a mirror hook, where that is shorter.
    pub hook: Duration,
    /// The hook that takes over.
    pub take_over_in: TakeOverIn,
    /// How the network is reached.
    pub http: Http,
}

type Read = fn(&Value, &mut Mistakes) -> Rc<dyn Block>;

/// The clouds that are built in, each with how its block is read.
const CLOUDS: &[(&str, Read)] = &[
    #[cfg(feature = "aws")]
    ("aws", |block, mistakes| Rc::new(Aws::read(block, mistakes))),
    #[cfg(feature = "azure")]
    ("azure", |block, mistakes| Rc::new(Azure::read(block, mistakes))),
    #[cfg(feature = "gcp")]
    ("gcp", |block, mistakes| {
        Rc::new(Gcp::read(block, mistakes).with_metadata_host(source::metadata_host(), mistakes))
    }),
];

/// The hook of the mirror that takes over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
pub enum TakeOverIn {
    /// `NotifyBecomePrimary^ZMIRROR`.
    #[default]
    NotifyBecomePrimary,
    /// `CheckBecomePrimaryOK^ZMIRROR`.
    CheckBecomePrimaryOK,
}

/// What the library itself reads; `standalone`, `releaseOnStop`, `repairDrift` and `giveUpAfterSeconds` are for the routines.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Raw {
    deadline_seconds: Option<u64>,
    hook_seconds: Option<u64>,
    #[serde(default)]
    take_over_in: TakeOverIn,
    #[serde(default)]
    http: RawHttp,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct RawHttp {
    proxy: Option<String>,
    no_proxy: Option<String>,
    ca_bundle: Option<String>,
    connect_timeout_ms: Option<u64>,
    request_timeout_ms: Option<u64>,
}

impl Config {
    /// Reads a configuration from its text; `origin` names it in messages.
    ///
    /// # Errors
    /// `invalid_config` for a mistake, `unsupported` for a cloud that is not built in.
    pub fn parse(text: &str, origin: &str) -> Result<Config> {
        let mut mistakes = Mistakes::default();
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let read = text::read(text, &mut mistakes);
        let mut whole = mistakes.take(read.map(Some)).unwrap_or_default();
        let cloud = whole.get("cloud").and_then(Value::as_str).unwrap_or_default().to_owned();
        if ALL_CLOUDS.contains(&cloud.as_str()) && !CLOUDS.iter().any(|(name, _)| *name == cloud) {
            return Err(not_built_in(&cloud, origin));
        }
        if whole.is_object() {
            keys::FILE.check(&mut whole, &Place::root(), &mut mistakes);
        }
        let config = read_whole(&whole, &mut mistakes);
        mistakes.unless_any(origin, config)
    }
}

/// What can be read of the file. `None` where the cloud is not known; there is a mistake then.
fn read_whole(whole: &Value, mistakes: &mut Mistakes) -> Option<Config> {
    let raw: Raw = mistakes.take(read_value(whole, &Place::root()).map(Some))?;
    let vips = whole.get("vip").map(|value| vip::read(value, mistakes)).unwrap_or_default();
    let http = raw.http.finish(&Place::root().key("http"), mistakes);
    let named = whole.get("cloud")?.as_str()?;
    let (cloud, read) = CLOUDS.iter().find(|(name, _)| *name == named)?;
    // A block for another cloud would look configured and do nothing.
    for other in ALL_CLOUDS.iter().filter(|other| *other != cloud) {
        if let Some(block) = whole.get(other) {
            mistakes.add(Problem::new(*other, block, format!("no such block, because `cloud` is {cloud:?}")));
        }
    }
    let Some(block) = whole.get(cloud) else {
        mistakes.add(Problem::missing(*cloud, format!("an object with the settings for {cloud}")));
        return None;
    };
    let block = read(block, mistakes);
    block.check_vips(&vips, mistakes);
    Some(Config {
        cloud,
        block,
        vips: vips.into_iter().map(|placed| placed.vip).collect(),
        deadline: Duration::from_secs(raw.deadline_seconds.unwrap_or(keys::DEFAULT_DEADLINE_SECONDS)),
        hook: Duration::from_secs(raw.hook_seconds.unwrap_or(keys::DEFAULT_HOOK_SECONDS)),
        take_over_in: raw.take_over_in,
        http,
    })
}

fn not_built_in(cloud: &str, origin: &str) -> Error {
    Error::new(
        Code::Unsupported,
        format!("{origin}: `cloud` is {cloud:?}, which this build does not contain"),
        "call Version to see the clouds that are built in, and install a build that has this one",
    )
}

impl RawHttp {
    fn finish(self, at: &Place, mistakes: &mut Mistakes) -> Http {
        mistakes.take(self.proxy.as_ref().map_or(Ok(()), |proxy| at.key("proxy").proxy(proxy)));
        let ca_bundle = self.ca_bundle.as_ref().and_then(|path| {
            let read = source::ca_bundle(path).map(Some);
            let at = at.key("caBundle");
            mistakes.take(read.map_err(|found| at.problem(path.as_str(), format!("a readable PEM file ({found})"))))
        });
        let environment = source::proxy_environment();
        Http {
            proxy: self.proxy.or(environment.proxy),
            no_proxy: self.no_proxy.or(environment.no_proxy),
            ca_bundle,
            ca_bundle_path: self.ca_bundle.map(PathBuf::from),
            connect_timeout: Duration::from_millis(self.connect_timeout_ms.unwrap_or(keys::DEFAULT_CONNECT_TIMEOUT_MS)),
            request_timeout: Duration::from_millis(self.request_timeout_ms.unwrap_or(keys::DEFAULT_REQUEST_TIMEOUT_MS)),
        }
    }
}

#[cfg(test)]
mod tests;
