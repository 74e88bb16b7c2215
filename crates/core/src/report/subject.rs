//! What a report is about.

/// What a call was about, known before it begins.
#[derive(Debug, Clone, Default)]
pub struct Subject {
    pub action: &'static str,
    pub reason: String,
    pub cloud: Option<&'static str>,
    pub mechanism: Option<&'static str>,
    /// The VIPs as configured, for the summary.
    pub vips: String,
}
