//! What a look at the tables shows beside the holder, and what keeps packets away from the VIP.

use super::{
    holders::OWN_BLACKHOLE,
    tables::{Table, Target},
};
use crate::{
    check::{CheckItem, CheckName, Verdict},
    cloud::{aws::identity::Identity, remedies::TAKE_THE_ROUTE_OUT, route_limit::Limit},
    vip::Vip,
};

/// The routes whose interface is gone or whose instance does not run. The target of such a route looks like a holder.
pub fn blackholes(vips: &[Vip], tables: &[Table], identity: &Identity) -> Vec<CheckItem> {
    let mut items = Vec::new();
    for (vip, table) in in_each_table(vips, tables) {
        let Some(Target::Interface { id, active: false, .. }) = table.target(vip.destination()) else { continue };
        let (what, remedy) = if *id == identity.interface {
            let what = format!("this member's own interface {id}, and EC2 calls it a {OWN_BLACKHOLE}");
            (what, format!("see that {id} is attached to this instance; call Status again in a minute if it is"))
        } else {
            (format!("{id}, which does not work (blackhole)"), "call Acquire on the primary".to_owned())
        };
        let message = format!("the route of {vip} in {} leads to {what}", table.id);
        items.push(CheckItem::new(CheckName::Blackhole, Verdict::Warning, message, remedy));
    }
    items
}

/// The routes that win over the VIP's for a part of its range, unless they are a VIP's themselves.
pub fn more_specific(vips: &[Vip], tables: &[Table]) -> Vec<CheckItem> {
    let mut items = Vec::new();
    for (vip, table) in in_each_table(vips, tables) {
        for (known, target) in table.more_specific(vip.destination()) {
            if vips.iter().any(|other| other.destination() == *known) {
                continue;
            }
            let message = format!(
                "{} leads {known} to {target}, which is more specific than the route of {vip} and wins: no packet for {known} reaches the VIP's holder",
                table.id
            );
            items.push(CheckItem::new(CheckName::MoreSpecificRoute, Verdict::Warning, message, TAKE_THE_ROUTE_OUT));
        }
    }
    items
}

/// "Amazon VPC quotas": routes per route table, each of IPv4 and IPv6; propagated ones do not count.
const LIMIT: Limit = Limit {
    cloud: "AWS",
    routes: 50,
    raise: "have the quota \"Routes per route table\" raised (Service Quotas, Amazon VPC)",
};

/// The tables that have as many routes as AWS allows, and none for a VIP.
pub fn full(vips: &[Vip], tables: &[Table]) -> Vec<CheckItem> {
    let without = in_each_table(vips, tables).filter(|(vip, table)| table.target(vip.destination()).is_none());
    without.filter_map(|(vip, table)| LIMIT.warning(&table.id, table.counted(vip.destination()), vip)).collect()
}

fn in_each_table<'a>(vips: &'a [Vip], tables: &'a [Table]) -> impl Iterator<Item = (&'a Vip, &'a Table)> {
    vips.iter().flat_map(move |vip| tables.iter().map(move |table| (vip, table)))
}
