//! `DescribeInstanceTypes`.

use super::describe::{self, Filters, Ids};
use super::{Action, Query, Run, unchecked};
use crate::aws::error::Result;
use crate::aws::params::{Filter, Schema};
use crate::aws::world::World;
use crate::aws::xml::Xml;

pub(super) const ACTIONS: &[Action] = &[Action {
    name: "DescribeInstanceTypes",
    schema: Schema { scalars: &["DryRun", "MaxResults", "NextToken"], lists: &["InstanceType"], filters: true },
    resources: &[],
    check: unchecked,
    run: Run::Read(describe_instance_types),
}];

const TYPES: Ids = Ids { parameter: "InstanceType", not_found: "InvalidInstanceType", noun: "instance type" };

fn describe_instance_types(world: &World, query: &Query) -> Result<Xml> {
    let filters = Filters::<(&str, usize)> {
        known: &["instance-type"],
        accepts: |(name, _): &(&str, usize), filter: &Filter| filter.accepts(name),
    };
    let all = world.instance_types.iter().map(|(name, most)| (name.as_str(), (name.as_str(), *most)));
    let page = describe::page(query, &TYPES, 100, describe::select(query, &TYPES, &filters, all)?)?;
    let mut xml = Xml::default();
    xml.set("instanceTypeSet", page.items, |xml, (name, most)| {
        xml.text("instanceType", name);
        xml.element("networkInfo", |xml| {
            xml.text("ipv4AddressesPerInterface", most).text("ipv6AddressesPerInterface", most);
        });
    });
    xml.maybe("nextToken", page.next);
    Ok(xml)
}
