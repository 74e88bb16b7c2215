//! A cloud's block of the configuration, read. Each cloud owns its settings; the configuration composes them.

use super::problem::{Mistakes, Place};
use crate::vip::VipSource;
use std::{any::Any, fmt};

/// The settings of one cloud.
pub trait Block: Any + fmt::Debug {
    /// The name of the mechanism that the block chooses.
    fn mechanism(&self) -> &'static str;

    /// Notes where the VIPs and this block do not agree.
    fn check_vips(&self, vips: &[Placed], mistakes: &mut Mistakes);
}

/// A VIP, with its place in the file.
#[derive(Debug)]
pub struct Placed {
    /// `vip`, or an item of it.
    pub at: Place,
    /// What stands there.
    pub vip: VipSource,
}
