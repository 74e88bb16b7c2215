//! A VPC in moto with the two members of a mirror, each with an instance metadata service of its own, and what boto3 says
//! of it afterwards.

use super::{
    common::{self, assert_outcome, call, merge},
    server::{Server, server},
};
use cloudsim::aws::{Credentials, Imds, ImdsIdentity};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime},
};

pub const VIP: &str = "192.168.255.10/32";
/// The account that moto takes unknown keys for, those of our metadata services among them.
pub const MEMBERS_ACCOUNT: &str = "123456789012";

pub struct Scene {
    server: &'static Server,
    account: String,
    overlay: Value,
    pub ids: Value,
    pub a: Member,
    pub b: Member,
}

pub struct Member {
    imds: Imds,
    config: Value,
    pub instance: String,
    pub eni: String,
    pub private_ip: String,
}

impl Scene {
    /// Two zones, as in the documentation; `None` where there is no Python.
    pub fn two_zones() -> Option<Self> {
        Self::new(two_zones(), MEMBERS_ACCOUNT)
    }

    /// A scene of its own, in the account that is to own the VPC.
    pub fn new(layout: Value, account: &str) -> Option<Self> {
        let server = server()?;
        let ids = server.ask(&json!(["scene", account, layout]));
        let (a, b) = (Member::new(&ids, 0, server), Member::new(&ids, 1, server));
        Some(Scene { server, account: account.into(), overlay: json!({}), ids, a, b })
    }

    /// The same configuration for both members, as it has to be.
    pub fn configure(&mut self, overlay: Value) {
        merge(&mut self.overlay, &overlay);
        for member in [&mut self.a, &mut self.b] {
            merge(&mut member.config, &overlay);
        }
    }

    pub fn id(&self, name: &str) -> String {
        text(&self.ids[name])
    }

    /// What boto3 reads.
    pub fn dump(&self) -> Dump {
        Dump(self.server.ask(&json!(["dump", self.account, self.id("vpc")])))
    }

    /// The article's own way of taking the VIP, by boto3.
    pub fn article(&self, member: &Member, vip: &str) {
        self.server.ask(&json!(["article", self.account, member.instance, vip]));
    }

    /// Both members say who holds the VIP, and say the same.
    #[track_caller]
    pub fn assert_held_by(&self, holder: Option<&Member>) {
        for member in [&self.a, &self.b] {
            let report = member.status();
            let expected = match holder {
                None => "unheld",
                Some(holder) if holder.eni == member.eni => "held",
                Some(_) => "held_elsewhere",
            };
            assert_outcome(&report, expected);
            assert_eq!(report["holder"], json!(holder.map(|holder| &holder.eni)), "{report:#}");
        }
    }
}

pub fn two_zones() -> Value {
    json!({ "vpc": "10.0.0.0/16", "subnets": ["10.0.1.0/24", "10.0.2.0/24"], "members": [0, 1] })
}

impl Member {
    fn new(ids: &Value, number: usize, server: &Server) -> Self {
        let own = &ids["members"][number];
        let imds = Imds::start(ImdsIdentity {
            instance: text(&own["instance"]),
            region: text(&ids["region"]),
            az: text(&own["az"]),
            mac: text(&own["mac"]),
            eni: text(&own["eni"]),
            vpc: text(&ids["vpc"]),
            subnet: text(&own["subnet"]),
            private_ip: text(&own["privateIp"]).parse().expect("an address"),
            subnet_cidr: text(&own["subnetCidr"]).parse().expect("a range"),
            vpc_cidrs: vec![text(&ids["vpcCidr"]).parse().expect("a range")],
            role: "mirrorvip".into(),
            credentials: Credentials {
                access_key: format!("ASIAMOTO{number}"),
                secret: "secret".into(),
                token: Some("token".into()),
                expires: SystemTime::now() + Duration::from_secs(6 * 3600),
            },
        });
        let endpoints = json!({ "ec2": server.url(), "sts": server.url(), "metadata": imds.url() });
        Member {
            imds,
            config: json!({ "cloud": "aws", "vip": VIP, "aws": { "endpoints": endpoints } }),
            instance: text(&own["instance"]),
            eni: text(&own["eni"]),
            private_ip: text(&own["privateIp"]),
        }
    }

    pub fn call(&self, number: usize, request: Value) -> Value {
        let mut whole = json!({ "config": self.config });
        merge(&mut whole, &request);
        let report = call(number, &whole);
        assert!(!self.imds.log().is_empty(), "the member was somebody else: {report:#}");
        report
    }

    /// As the mirror does when this member has become primary.
    pub fn hook(&self) -> Value {
        self.call(common::ACQUIRE, json!({ "reason": "NotifyBecomePrimary" }))
    }

    pub fn status(&self) -> Value {
        self.call(common::STATUS, json!({}))
    }

    pub fn release(&self) -> Value {
        self.call(common::RELEASE, json!({}))
    }
}

/// What boto3 read of one scene.
#[derive(Debug, Clone, PartialEq)]
pub struct Dump(pub Value);

impl Dump {
    /// The routes for one destination, whole, by table.
    pub fn routes(&self, destination: &str) -> BTreeMap<String, Vec<Value>> {
        let mut found = BTreeMap::new();
        for table in list(&self.0["tables"]) {
            let routes = list(&table["Routes"]).iter().filter(|route| leads_to(route, destination));
            let routes: Vec<_> = routes.cloned().collect();
            if !routes.is_empty() {
                found.insert(text(&table["RouteTableId"]), routes);
            }
        }
        found
    }

    /// Exactly these tables have a route for the destination: one, to that interface and to nothing beside it.
    #[track_caller]
    pub fn assert_routes(&self, destination: &str, expected: &[(&str, &Member)]) {
        let route = |member: &Member| {
            json!({
                "DestinationCidrBlock": destination,
                "NetworkInterfaceId": member.eni,
                "Origin": "CreateRoute",
                "State": "active",
            })
        };
        let expected = expected.iter().map(|(table, member)| ((*table).to_owned(), vec![route(member)])).collect();
        assert_eq!(self.routes(destination), expected);
    }

    pub fn without_routes(mut self, destination: &str) -> Self {
        for table in items(&mut self.0["tables"]) {
            items(&mut table["Routes"]).retain(|route| !leads_to(route, destination));
        }
        self
    }

    pub fn address(&self, allocation: &str) -> Value {
        let found = list(&self.0["addresses"]).iter().find(|address| address["AllocationId"] == allocation);
        found.expect("the Elastic IP").clone()
    }

    /// Without where an Elastic IP is. The addresses' own side of it is the truth; an interface's shows it too.
    pub fn without_association(mut self, allocation: &str) -> Self {
        for address in items(&mut self.0["addresses"]).iter_mut().filter(|found| found["AllocationId"] == allocation) {
            for name in
                ["AssociationId", "InstanceId", "NetworkInterfaceId", "NetworkInterfaceOwnerId", "PrivateIpAddress"]
            {
                fields(address).remove(name);
            }
        }
        for interface in items(&mut self.0["interfaces"]) {
            remove_association(interface, allocation);
            items(&mut interface["PrivateIpAddresses"])
                .iter_mut()
                .for_each(|address| remove_association(address, allocation));
        }
        self
    }

    /// The interfaces that carry a secondary address.
    pub fn carriers(&self, address: &str) -> Vec<String> {
        let secondary = json!({ "Primary": false, "PrivateIpAddress": address });
        let carry = list(&self.0["interfaces"])
            .iter()
            .filter(|interface| list(&interface["PrivateIpAddresses"]).contains(&secondary));
        carry.map(|interface| text(&interface["NetworkInterfaceId"])).collect()
    }

    pub fn without_secondary(mut self, address: &str) -> Self {
        for interface in items(&mut self.0["interfaces"]) {
            items(&mut interface["PrivateIpAddresses"])
                .retain(|found| found["Primary"] == true || found["PrivateIpAddress"] != address);
        }
        self
    }
}

fn remove_association(of: &mut Value, allocation: &str) {
    if of["Association"]["AllocationId"] == allocation {
        fields(of).remove("Association");
    }
}

fn leads_to(route: &Value, destination: &str) -> bool {
    route["DestinationCidrBlock"] == destination
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

fn list(value: &Value) -> &Vec<Value> {
    value.as_array().unwrap_or_else(|| panic!("no list: {value}"))
}

fn items(value: &mut Value) -> &mut Vec<Value> {
    value.as_array_mut().expect("a list")
}

fn fields(value: &mut Value) -> &mut serde_json::Map<String, Value> {
    value.as_object_mut().expect("an object")
}
