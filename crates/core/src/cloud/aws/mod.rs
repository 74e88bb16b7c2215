//! AWS: a VIP is an entry in route tables that points at a network interface, or a secondary private address of an
//! interface; an Elastic IP can follow it.
//!
//! One look is one round trip: tables, subnets, interfaces and addresses are asked for side by side. ReplaceRoute is one
//! atomic call at the Region's endpoint, so nothing in a lost zone has to answer.

mod connector;
mod credentials;
mod error;
mod identity;
mod interface;
mod metadata;
mod public_ip;
mod rehearsal;
mod route;
mod secondary_ip;
mod session;
mod tables;

use super::{Cloud, Plan, local_address};
use crate::{
    check::{CheckItem, CheckName, Verdict},
    config::aws::{Aws as Config, Mechanism},
    error::{Code, Error, Result},
    host::LocalNetwork,
    net::retry::Caller,
    net::settings::Http,
    vip::{Goal, Holder, Member, Part, Vip},
};
use futures_util::future::try_join;
use identity::Identity;
use ipnet::IpNet;
use session::Session;
use std::{net::IpAddr, time::Duration};

pub struct Aws {
    config: Config,
    vips: Vec<Vip>,
    local: LocalNetwork,
    session: Session,
}

/// All that a look brought.
#[derive(Debug, Clone)]
pub struct Seen {
    identity: Identity,
    private: Private,
    /// Or why the Elastic IPs could not be read, which does not keep the private addresses back.
    addresses: Result<public_ip::Seen>,
}

#[derive(Debug, Clone)]
enum Private {
    Routes(tables::Seen),
    Secondary(secondary_ip::Seen),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Points a destination at this member's interface; `exists` is what the look showed.
    PointRoute {
        table: String,
        destination: IpNet,
        exists: bool,
    },
    DeleteRoute {
        table: String,
        destination: IpNet,
    },
    AssignAddress {
        address: IpAddr,
    },
    UnassignAddress {
        address: IpAddr,
    },
    AssociateAddress {
        allocation: String,
        private: String,
    },
    DisassociateAddress {
        allocation: String,
        association: String,
    },
}

impl Aws {
    /// # Errors
    /// When the HTTP clients cannot be set up.
    pub fn new(config: &Config, http: &Http, vips: Vec<Vip>, local: LocalNetwork, caller: Caller) -> Result<Self> {
        let session = Session::new(config, http, &local, caller)?;
        let mut vips = vips;
        // `aws.publicIp` is the short form for the only VIP.
        if let (Some(first), Some(id)) = (vips.first_mut(), &config.public_ip) {
            first.public_ip = Some(id.clone());
        }
        Ok(Aws { config: config.clone(), vips, local, session })
    }

    async fn look(&self, identity: &Identity) -> Result<Seen> {
        let private = async {
            Ok(match self.config.mechanism {
                Mechanism::Route => {
                    Private::Routes(tables::look(&self.session, &self.config, &self.vips, identity).await?)
                }
                Mechanism::SecondaryIp => {
                    Private::Secondary(secondary_ip::look(&self.session, &self.vips, identity).await?)
                }
            })
        };
        let (private, addresses) =
            try_join(private, public_ip::look_bounded(&self.session, &self.vips, identity)).await?;
        Ok(Seen { identity: identity.clone(), private, addresses })
    }

    fn private_parts(&self, seen: &Seen) -> Vec<Part> {
        match &seen.private {
            Private::Routes(routes) => route::placement(routes, &self.vips, &seen.identity),
            Private::Secondary(holders) => secondary_ip::placement(holders, &self.vips, &seen.identity),
        }
    }

    /// Refuses a holder that is none of the configured members. An interface that is attached to nothing holds nothing.
    fn is_member(&self, interface: &str, instance: Option<&str>, active: bool) -> bool {
        let members = &self.config.members;
        let listed = |id: &str| members.iter().any(|member| member == id);
        members.is_empty() || listed(interface) || instance.is_some_and(listed) || (instance.is_none() && !active)
    }

    fn stranger(&self, what: &str, holder: &str) -> Error {
        Error::new(
            Code::Conflict,
            format!("{what} is held by {holder}, which is not in `aws.members`"),
            "find out who this is; add it to `aws.members` if it belongs to this mirror",
        )
    }
}

impl Cloud for Aws {
    type Seen = Seen;
    type Change = Change;

    /// "Eventual consistency in the Amazon EC2 API" names no bound and speaks of seconds; a read that still shows the old
    /// holder after this long is taken for the truth.
    const READS_LAG: Duration = Duration::from_secs(10);

    /// DeleteRoute and UnassignPrivateIpAddresses take no condition.
    const LOOK_TWICE_AFTER: Duration = Duration::from_secs(3);

    fn name(&self) -> &'static str {
        "aws"
    }

    fn mechanism(&self) -> &'static str {
        self.config.mechanism.as_str()
    }

    async fn identify(&self) -> Result<Member> {
        self.session.identity().await.map(as_member)
    }

    async fn discover(&self) -> Result<Seen> {
        let identity = self.session.identity().await?;
        self.look(identity).await
    }

    async fn observe(&self, seen: &Seen) -> Result<Seen> {
        let private = async {
            Ok(match &seen.private {
                Private::Routes(_) => Private::Routes(
                    tables::look_again(&self.session, &self.config, &seen.identity, &seen.private).await?,
                ),
                Private::Secondary(_) => {
                    Private::Secondary(secondary_ip::look(&self.session, &self.vips, &seen.identity).await?)
                }
            })
        };
        let (private, addresses) =
            try_join(private, public_ip::look_bounded(&self.session, &self.vips, &seen.identity)).await?;
        Ok(Seen { private, addresses, ..seen.clone() })
    }

    fn member(&self, seen: &Seen) -> Member {
        as_member(&seen.identity)
    }

    fn placement(&self, seen: &Seen) -> Vec<Part> {
        let mut parts = self.private_parts(seen);
        parts.extend(public_ip::placement(self, seen));
        parts
    }

    fn plan(&self, seen: &Seen, goal: Goal) -> Result<Plan<Change>> {
        let mut plan = match &seen.private {
            Private::Routes(routes) => route::plan(self, routes, seen, goal)?,
            Private::Secondary(holders) => secondary_ip::plan(self, holders, seen, goal)?,
        };
        // Private goes first: whoever is inside must not wait for a public address.
        let after: Vec<usize> = (0..plan.steps.len()).collect();
        public_ip::plan(self, seen, goal, &after, &mut plan);
        Ok(plan)
    }

    async fn apply(&self, change: &Change) -> Result<()> {
        let interface = &self.session.identity().await?.interface;
        match change {
            Change::PointRoute { table, destination, exists } => {
                route::point(&self.session, table, *destination, interface, *exists).await
            }
            Change::DeleteRoute { table, destination } => route::delete(&self.session, table, *destination).await,
            Change::AssignAddress { address } => secondary_ip::assign(&self.session, interface, *address).await,
            Change::UnassignAddress { address } => secondary_ip::unassign(&self.session, interface, *address).await,
            Change::AssociateAddress { allocation, private } => {
                public_ip::associate(&self.session, allocation, interface, private).await
            }
            Change::DisassociateAddress { allocation, association } => {
                public_ip::disassociate(&self.session, allocation, association).await
            }
        }
    }

    fn describe(&self, change: &Change) -> (String, String) {
        let (call, target) = match change {
            Change::PointRoute { table, exists: true, .. } => ("ec2:ReplaceRoute", table.clone()),
            Change::PointRoute { table, exists: false, .. } => ("ec2:CreateRoute", table.clone()),
            Change::DeleteRoute { table, .. } => ("ec2:DeleteRoute", table.clone()),
            Change::AssignAddress { address } => ("ec2:AssignPrivateIpAddresses", address.to_string()),
            Change::UnassignAddress { address } => ("ec2:UnassignPrivateIpAddresses", address.to_string()),
            Change::AssociateAddress { allocation, .. } => ("ec2:AssociateAddress", allocation.clone()),
            Change::DisassociateAddress { allocation, .. } => ("ec2:DisassociateAddress", allocation.clone()),
        };
        (call.to_owned(), target)
    }

    /// A route names its holder, so a holder that `aws.members` misspells is a stranger, and never nobody.
    fn missing(&self, _: &Seen) -> Vec<String> {
        Vec::new()
    }

    fn remarks(&self, seen: &Seen) -> Vec<CheckItem> {
        let mut items = vec![local_address(&self.vips, &self.local)];
        let Identity { instance, interface, .. } = &seen.identity;
        let members = &self.config.members;
        if !members.is_empty() && !members.iter().any(|member| member == instance || member == interface) {
            items.push(CheckItem::new(
                CheckName::MemberMissing,
                Verdict::Warning,
                format!("this member ({instance}, {interface}) is not in `aws.members`: no other member could take the VIP from it"),
                "add it to `aws.members` on every member",
            ));
        }
        if let Private::Routes(routes) = &seen.private {
            items.extend(route::blackholes(routes, &self.vips));
        }
        items
    }

    async fn advice(&self) -> Vec<CheckItem> {
        match self.config.mechanism {
            Mechanism::Route => vec![interface::source_dest_check(&self.session).await],
            Mechanism::SecondaryIp => Vec::new(),
        }
    }

    async fn rehearse(&self, seen: &Seen) -> Vec<CheckItem> {
        rehearsal::all(self, seen).await
    }
}

fn as_member(identity: &Identity) -> Member {
    let Identity { instance, interface, zone, .. } = identity;
    Member { instance: Some(instance.clone()), interface: Some(interface.clone()), zone: zone.clone(), holds_as: None }
}

/// Whether a part needs a change to reach the goal of holding.
fn wants_write(holder: &Holder, write: crate::vip::Write) -> bool {
    write == crate::vip::Write::Always || *holder != Holder::ThisMember
}
