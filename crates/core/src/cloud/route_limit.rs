//! A route table without room for the VIP's route. The write that would tell comes on the night of the failover.

use crate::{
    check::{CheckItem, CheckName, Verdict},
    vip::Vip,
};

/// How many routes a table may have.
pub struct Limit {
    /// Whose limit that is.
    pub cloud: &'static str,
    /// Routes of one table, where nobody has raised it.
    pub routes: usize,
    /// How it is raised.
    pub raise: &'static str,
}

impl Limit {
    /// A warning about a table with this many routes that has none for the VIP. No more than a warning, since nothing that this
    /// library reads tells whether somebody has raised the limit.
    pub fn warning(&self, table: &str, routes: usize, vip: &Vip) -> Option<CheckItem> {
        let Limit { cloud, routes: most, raise } = self;
        let message = format!(
            "{table} has {routes} routes and none for {vip}; {cloud} allows {most} in a table unless that was raised, and would refuse the one of the VIP"
        );
        let remedy = format!("take a route out that nobody needs, or {raise}");
        (routes >= *most).then(|| CheckItem::new(CheckName::RouteLimit, Verdict::Warning, message, remedy))
    }
}
