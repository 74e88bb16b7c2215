//! `DescribeSubnets` and `DescribeVpcs`.

use ipnet::IpNet;

use super::describe::{self, Filters, Ids};
use super::{Action, Query, Run, unchecked};
use crate::aws::error::Result;
use crate::aws::params::{Filter, Schema};
use crate::aws::world::{Subnet, Vpc, World};
use crate::aws::xml::Xml;

const PAGED: &[&str] = &["DryRun", "MaxResults", "NextToken"];

pub(super) const ACTIONS: &[Action] = &[
    Action {
        name: "DescribeSubnets",
        schema: Schema { scalars: PAGED, lists: &["SubnetId"], filters: true },
        resources: &[],
        check: unchecked,
        run: Run::Read(describe_subnets),
    },
    Action {
        name: "DescribeVpcs",
        schema: Schema { scalars: PAGED, lists: &["VpcId"], filters: true },
        resources: &[],
        check: unchecked,
        run: Run::Read(describe_vpcs),
    },
];

const SUBNETS: Ids = Ids { parameter: "SubnetId", not_found: "InvalidSubnetID.NotFound", noun: "subnet" };
const VPCS: Ids = Ids { parameter: "VpcId", not_found: "InvalidVpcID.NotFound", noun: "vpc" };

fn describe_subnets(world: &World, query: &Query) -> Result<Xml> {
    let filters = Filters::<&Subnet> {
        known: &["availability-zone", "availabilityZone", "cidr", "cidr-block", "cidrBlock", "subnet-id", "vpc-id"],
        accepts: |subnet: &&Subnet, filter: &Filter| match filter.name.as_str() {
            "availability-zone" | "availabilityZone" => filter.accepts(&subnet.az),
            "subnet-id" => filter.accepts(&subnet.id),
            "vpc-id" => filter.accepts(&subnet.vpc),
            _ => filter.accepts(subnet.cidr.to_string()),
        },
    };
    let all = world.subnets.iter().map(|subnet| (subnet.id.as_str(), subnet));
    let page = describe::page(query, &SUBNETS, 1000, describe::select(query, &SUBNETS, &filters, all)?)?;
    let mut xml = Xml::default();
    xml.set("subnetSet", page.items, |xml, subnet| {
        xml.text("subnetId", &subnet.id).text("state", "available").text("vpcId", &subnet.vpc);
        xml.text("ownerId", &world.account).text("cidrBlock", subnet.cidr);
        xml.text("availableIpAddressCount", world.available_ips(subnet)).text("availabilityZone", &subnet.az);
        xml.text("defaultForAz", false).text("mapPublicIpOnLaunch", false).text("ipv6Native", false);
        xml.set("ipv6CidrBlockAssociationSet", subnet.ipv6_cidr, |xml, cidr| {
            xml.text("ipv6CidrBlock", cidr).text("associationId", format!("subnet-cidr-assoc-{}", &subnet.id[7..]));
            xml.element("ipv6CidrBlockState", |xml| {
                xml.text("state", "associated");
            });
        });
    });
    xml.maybe("nextToken", page.next);
    Ok(xml)
}

fn describe_vpcs(world: &World, query: &Query) -> Result<Xml> {
    let filters = Filters::<&Vpc> {
        known: &["cidr", "cidr-block-association.cidr-block", "owner-id", "vpc-id"],
        accepts: |vpc: &&Vpc, filter: &Filter| match filter.name.as_str() {
            "cidr" => filter.accepts_any(v4_cidrs(vpc).take(1)),
            "cidr-block-association.cidr-block" => filter.accepts_any(v4_cidrs(vpc)),
            "owner-id" => filter.accepts(&vpc.owner),
            _ => filter.accepts(&vpc.id),
        },
    };
    let all = world.vpcs.iter().map(|vpc| (vpc.id.as_str(), vpc));
    let page = describe::page(query, &VPCS, 1000, describe::select(query, &VPCS, &filters, all)?)?;
    let mut xml = Xml::default();
    xml.set("vpcSet", page.items, |xml, vpc| {
        xml.text("vpcId", &vpc.id).text("ownerId", &vpc.owner).text("state", "available");
        xml.maybe("cidrBlock", v4_cidrs(vpc).next());
        xml.set("cidrBlockAssociationSet", v4_cidrs(vpc), |xml, cidr| {
            xml.text("cidrBlock", cidr).text("associationId", format!("vpc-cidr-assoc-{}", &vpc.id[4..]));
            xml.element("cidrBlockState", |xml| {
                xml.text("state", "associated");
            });
        });
        let v6 = vpc.cidrs.iter().filter(|cidr| matches!(cidr, IpNet::V6(_)));
        xml.set("ipv6CidrBlockAssociationSet", v6, |xml, cidr| {
            xml.text("ipv6CidrBlock", cidr).text("associationId", format!("vpc-cidr-assoc-{}", &vpc.id[4..]));
            xml.element("ipv6CidrBlockState", |xml| {
                xml.text("state", "associated");
            });
        });
        xml.text("instanceTenancy", "default").text("isDefault", false);
    });
    xml.maybe("nextToken", page.next);
    Ok(xml)
}

fn v4_cidrs(vpc: &Vpc) -> impl Iterator<Item = String> + '_ {
    vpc.cidrs.iter().filter(|cidr| matches!(cidr, IpNet::V4(_))).map(ToString::to_string)
}
