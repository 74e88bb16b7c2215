//! The configuration: one file, identical on all members. A [`Config`] is complete and possible: reading refuses every mistake
//! before any call, and names its place in the file, what stood there and what was expected.
//!
//! Each cloud reads its own block (`cloud/*/settings.rs`); this module composes them. It reads the file and the environment.

pub mod access;
pub mod source;
mod vip;

pub use crate::cloud::problem::word;
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
        problem::{self, Place, Problem},
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
    /// The hook that takes over.
    pub take_over_in: TakeOverIn,
    /// How the network is reached.
    pub http: Http,
}

type Read = fn(&Value) -> std::result::Result<Rc<dyn Block>, Problem>;

/// The clouds that are built in, each with how its block is read.
const CLOUDS: &[(&str, Read)] = &[
    #[cfg(feature = "aws")]
    ("aws", |block| Ok(Rc::new(Aws::read(block)?))),
    #[cfg(feature = "azure")]
    ("azure", |block| Ok(Rc::new(Azure::read(block)?))),
    #[cfg(feature = "gcp")]
    ("gcp", |block| Ok(Rc::new(Gcp::read(block)?.with_metadata_host(source::metadata_host())?))),
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

/// What the ObjectScript side reads; checked here so that a mistake shows at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
enum RepairDrift {
    Never,
    #[default]
    Unheld,
    Always,
}

/// `deadlineSeconds`, in a configuration and in a request.
pub const DEADLINE_SECONDS: std::ops::RangeInclusive<u64> = 1..=600;
const DEFAULT_DEADLINE_SECONDS: u64 = 20;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Raw {
    cloud: String,
    vip: Value,
    deadline_seconds: Option<u64>,
    give_up_after_seconds: Option<u64>,
    #[serde(default, deserialize_with = "problem::word")]
    take_over_in: Option<TakeOverIn>,
    #[serde(rename = "standalone")]
    _standalone: Option<bool>,
    #[serde(rename = "releaseOnStop")]
    _release_on_stop: Option<bool>,
    #[serde(rename = "repairDrift", default, deserialize_with = "problem::word")]
    _repair_drift: Option<RepairDrift>,
    #[serde(default)]
    http: Option<RawHttp>,
    aws: Option<Value>,
    azure: Option<Value>,
    gcp: Option<Value>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
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
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        // The shape first, from the text itself: a key that stands twice would be lost in a map.
        let raw: Raw = problem::read_text(text).map_err(|problem| problem.into_error(origin))?;
        let refused = |problem: Problem| problem.into_error(origin);
        let block = raw.block().map_err(refused)?;
        let Some((cloud, read)) = CLOUDS.iter().find(|(name, _)| *name == raw.cloud) else {
            return Err(not_built_in(&raw.cloud, origin));
        };
        let block = read(required(block, cloud).map_err(refused)?).map_err(refused)?;
        let config = raw.finish(cloud, block).map_err(refused)?;
        config.block.check_vips(&config.vips).map_err(refused)?;
        Ok(config)
    }
}

fn not_built_in(cloud: &str, origin: &str) -> Error {
    Error::new(
        Code::Unsupported,
        format!("{origin}: `cloud` is {cloud:?}, which this build does not contain"),
        "call Version to see the clouds that are built in, and install a build that has this one",
    )
}

fn required<'a>(block: Option<&'a Value>, cloud: &str) -> std::result::Result<&'a Value, Problem> {
    block.ok_or_else(|| Problem::missing(cloud, format!("a block with the settings for {cloud}")))
}

impl Raw {
    /// The block of the named cloud. A block for another cloud is a mistake: it would look configured and do nothing.
    fn block(&self) -> std::result::Result<Option<&Value>, Problem> {
        const CLOUDS: &str = "\"aws\", \"azure\" or \"gcp\"";
        let blocks = [("aws", &self.aws), ("azure", &self.azure), ("gcp", &self.gcp)];
        if !blocks.iter().any(|(name, _)| *name == self.cloud) {
            return Err(Problem::new("cloud", &Value::from(self.cloud.as_str()), CLOUDS));
        }
        let mut own = None;
        for (name, block) in blocks {
            match block {
                Some(block) if name == self.cloud => own = Some(block),
                Some(block) => {
                    let expected = format!("no such block, because `cloud` is {:?}", self.cloud);
                    return Err(Problem::new(name, block, expected));
                }
                None => {}
            }
        }
        Ok(own)
    }

    fn finish(self, cloud: &'static str, block: Rc<dyn Block>) -> std::result::Result<Config, Problem> {
        let root = Place::root();
        let deadline_seconds = self.deadline_seconds.unwrap_or(DEFAULT_DEADLINE_SECONDS);
        let give_up_after = self.give_up_after_seconds.unwrap_or(600);
        root.key("deadlineSeconds").within(deadline_seconds, DEADLINE_SECONDS, "seconds")?;
        root.key("giveUpAfterSeconds").within(give_up_after, 0..=86_400, "seconds")?;
        Ok(Config {
            cloud,
            block,
            vips: vip::read(&self.vip)?,
            deadline: Duration::from_secs(deadline_seconds),
            take_over_in: self.take_over_in.unwrap_or_default(),
            http: self.http.unwrap_or_default().finish(&root.key("http"))?,
        })
    }
}

impl RawHttp {
    fn finish(self, at: &Place) -> std::result::Result<Http, Problem> {
        let connect_ms = self.connect_timeout_ms.unwrap_or(2_000);
        let request_ms = self.request_timeout_ms.unwrap_or(10_000);
        at.key("connectTimeoutMs").within(connect_ms, 50..=60_000, "milliseconds")?;
        at.key("requestTimeoutMs").within(request_ms, 50..=600_000, "milliseconds")?;
        if let Some(proxy) = &self.proxy {
            at.key("proxy").proxy(proxy)?;
        }
        let ca_bundle = match &self.ca_bundle {
            Some(path) => Some(source::ca_bundle(path).map_err(|found| {
                Problem::new(
                    at.key("caBundle").to_string(),
                    &Value::from(path.as_str()),
                    format!("a readable PEM file ({found})"),
                )
            })?),
            None => None,
        };
        let environment = source::proxy_environment();
        Ok(Http {
            proxy: self.proxy.or(environment.proxy),
            no_proxy: self.no_proxy.or(environment.no_proxy),
            ca_bundle,
            ca_bundle_path: self.ca_bundle.map(PathBuf::from),
            connect_timeout: Duration::from_millis(connect_ms),
            request_timeout: Duration::from_millis(request_ms),
        })
    }
}

#[cfg(test)]
mod tests;
