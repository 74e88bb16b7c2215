//! What a report is about.

/// What a call was about, known before it begins.
#[derive(Debug, Clone, Default)]
pub struct Subject {
    /// What it was asked to do.
    pub action: &'static str,
    /// Where it came from.
    pub reason: String,
    /// The cloud, once the configuration has named it.
    pub cloud: Option<&'static str>,
    /// The mechanism, likewise.
    pub mechanism: Option<&'static str>,
    /// The VIPs as configured, for the summary.
    pub vips: String,
}
