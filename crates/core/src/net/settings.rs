//! How the network is reached: what the configuration says under `http`.

use std::{fmt, path::PathBuf, time::Duration};

/// How a cloud is reached over HTTP. The metadata service is never reached through a proxy.
#[derive(Clone)]
pub struct Http {
    /// The proxy's URL.
    pub proxy: Option<String>,
    /// The hosts that are reached without the proxy.
    pub no_proxy: Option<String>,
    /// PEM certificates that are trusted beside the operating system's.
    pub ca_bundle: Option<Vec<u8>>,
    /// Where those came from.
    pub ca_bundle_path: Option<PathBuf>,
    /// How long a connection may take.
    pub connect_timeout: Duration,
    /// How long one attempt may take.
    pub request_timeout: Duration,
}

/// Without the proxy, whose URL may carry a password.
impl fmt::Debug for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Http").field("has_proxy", &self.proxy.is_some()).finish_non_exhaustive()
    }
}
