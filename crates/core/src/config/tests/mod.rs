//! Which blocks are accepted, and how mistakes in them are reported.

#[cfg(feature = "aws")]
mod aws;
#[cfg(feature = "azure")]
mod azure;
#[cfg(feature = "gcp")]
mod gcp;
#[cfg(all(feature = "azure", feature = "gcp"))]
mod mistakes;
#[cfg(all(feature = "azure", feature = "gcp"))]
mod schema;

use super::Config;
use crate::error::Code;

fn refused(text: &str) -> String {
    let error = Config::parse(text, "mirrorvip.json").expect_err(text);
    assert_eq!(error.code, Code::InvalidConfig, "{error}");
    error.message.clone()
}

fn accepted(text: &str) -> Config {
    Config::parse(text, "mirrorvip.json").unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[cfg(any(feature = "azure", feature = "gcp"))]
/// Mistakes in the block of another cloud: the block's text, the VIP's, and what the message has to carry.
fn assert_mistakes(cloud: &str, table: &[(&str, &str, [&str; 3])]) {
    for (vip, block, wanted) in table {
        let message = refused(&format!(r#"{{"cloud":"{cloud}","vip":{vip},"{cloud}":{block}}}"#));
        for wanted in wanted {
            assert!(message.contains(wanted), "{vip} {block}\n  said: {message}\n  lacks: {wanted}");
        }
    }
}

#[cfg(any(feature = "azure", feature = "gcp"))]
/// The same of what is accepted.
fn assert_accepted(cloud: &str, table: &[(&str, &str)]) {
    for (vip, block) in table {
        accepted(&format!(r#"{{"cloud":"{cloud}","vip":{vip},"{cloud}":{block}}}"#));
    }
}
