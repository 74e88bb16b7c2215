//! A cloud's block of the configuration, read. Each cloud owns its settings; the configuration composes them.

use super::problem::Problem;
use crate::vip::VipSource;
use std::{any::Any, fmt};

/// The settings of one cloud.
pub trait Block: Any + fmt::Debug {
    /// The name of the mechanism that the block chooses.
    fn mechanism(&self) -> &'static str;

    /// Checks what the VIPs and this block must agree on.
    ///
    /// # Errors
    /// The first disagreement.
    fn check_vips(&self, vips: &[VipSource]) -> Result<(), Problem>;
}
