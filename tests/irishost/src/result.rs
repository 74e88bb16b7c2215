//! What a `$ZF` call gives back.

use std::fmt;

/// The function did what it was asked, or wrote a report that says why not.
pub const ZF_SUCCESS: i32 = 0;
/// The call could not be understood at all: ObjectScript sees `<FUNCTION>`, and no result.
pub const ZF_FAILURE: i32 = 1;

/// The outcome of one `$ZF` call.
#[derive(Clone, PartialEq, Eq)]
pub struct ZfResult {
    /// What the function returned: [`ZF_SUCCESS`] or [`ZF_FAILURE`]. [`ZF_FAILURE`] too if the function was not reached.
    pub status: i32,
    /// The value of the `$ZF` call: the outputs, joined with commas. Empty on a failure, which loses the result.
    pub bytes: Vec<u8>,
    /// Why the host raised the error itself and never reached the library: an unknown function, or arguments that do
    /// not fit the linkage.
    pub refusal: Option<String>,
}

impl ZfResult {
    pub(crate) fn refused(why: String) -> Self {
        Self { status: ZF_FAILURE, bytes: Vec::new(), refusal: Some(why) }
    }

    /// The error that ObjectScript would see: `Some("<FUNCTION>")` unless the status is [`ZF_SUCCESS`].
    pub fn error(&self) -> Option<&'static str> {
        (self.status != ZF_SUCCESS).then_some("<FUNCTION>")
    }

    /// The result as text.
    ///
    /// # Panics
    /// If the call failed, or the result is not UTF-8.
    pub fn text(&self) -> &str {
        assert!(self.error().is_none(), "the call failed: {self:?}");
        std::str::from_utf8(&self.bytes).unwrap_or_else(|why| panic!("the result is not UTF-8: {why}: {self:?}"))
    }

    /// The result as JSON.
    ///
    /// # Panics
    /// If the call failed, or the result is not JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(self.text()).unwrap_or_else(|why| panic!("the result is not JSON: {why}: {self:?}"))
    }
}

impl fmt::Debug for ZfResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ZfResult")
            .field("status", &self.status)
            .field("bytes", &String::from_utf8_lossy(&self.bytes))
            .field("refusal", &self.refusal)
            .finish()
    }
}
