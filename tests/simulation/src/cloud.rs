//! What a schedule and the oracle need of a cloud.

use std::fmt::Debug;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cloudsim::{Call, Fault, Line, Rule, Simulator, Stage};
use mirrorvip_core::net::transport::Request;
use serde_json::Value;

use crate::clouds;
use crate::schedule::{FaultKind, FaultPlan, Order, Schedule};

/// The six mechanisms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mechanism {
    AwsRoute,
    AwsSecondaryIp,
    AzureIpConfig,
    AzureRoute,
    GcpAliasIp,
    GcpRoute,
}

impl Mechanism {
    /// All of them, also those that this build does not simulate.
    pub fn all() -> &'static [Mechanism] {
        use Mechanism::{AwsRoute, AwsSecondaryIp, AzureIpConfig, AzureRoute, GcpAliasIp, GcpRoute};
        const { &[AwsRoute, AwsSecondaryIp, AzureIpConfig, AzureRoute, GcpAliasIp, GcpRoute] }
    }

    /// Those that this build simulates.
    pub fn built_in() -> &'static [Mechanism] {
        if cfg!(feature = "aws") { Self::all() } else { Self::without_aws() }
    }

    /// Those that every build simulates.
    pub fn without_aws() -> &'static [Mechanism] {
        &[Mechanism::AzureIpConfig, Mechanism::AzureRoute, Mechanism::GcpAliasIp, Mechanism::GcpRoute]
    }

    pub fn is_aws(self) -> bool {
        matches!(self, Mechanism::AwsRoute | Mechanism::AwsSecondaryIp)
    }

    pub fn is_azure(self) -> bool {
        matches!(self, Mechanism::AzureIpConfig | Mechanism::AzureRoute)
    }

    /// Whether a public address may go with the VIP.
    pub fn has_public_address(self) -> bool {
        !matches!(self, Mechanism::AzureRoute | Mechanism::GcpRoute)
    }
}

/// Where the VIPs stand at the beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    First,
    Second,
    Nobody,
    /// Of two VIPs, or two route tables, one is with each member.
    Split,
    /// Of two VIPs, or two route tables, one is with the first member and one with nobody.
    HalfFree,
}

/// The layout of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setup {
    pub mechanism: Mechanism,
    /// 1 or 2.
    pub vips: usize,
    /// How many route tables lead to a VIP on AWS and Azure: 1 or 2.
    pub tables: usize,
    /// Whether a public address goes with the first VIP.
    pub public: bool,
    pub start: Start,
    /// Whether the holder's route on GCP has the last of the better numbers, so that the next one comes behind it.
    pub is_last_number: bool,
    /// What the members are configured for, if that is less than what there is.
    pub only: Option<Only>,
}

/// A configuration of one part alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Only {
    /// The place of its VIP.
    pub vip: usize,
    /// The place of its route table, where it has one.
    pub table: Option<usize>,
    /// Whether it is the public address, which needs its VIP.
    pub public: bool,
}

impl Setup {
    /// One VIP with a route to it in two tables, where there are tables, and without a public address.
    pub fn plain(mechanism: Mechanism, start: Start) -> Self {
        Setup { mechanism, vips: 1, tables: 2, public: false, start, is_last_number: false, only: None }
    }

    /// The places of the route tables that the members are configured for.
    pub fn tables_of_config(&self) -> Vec<usize> {
        match self.only.and_then(|only| only.table) {
            Some(table) => vec![table],
            None => (0..self.tables).collect(),
        }
    }

    /// Which member has the `n`th of the things that point at a holder.
    pub fn holder_of(&self, n: usize) -> Option<usize> {
        match self.start {
            Start::First => Some(0),
            Start::Second => Some(1),
            Start::Nobody => None,
            Start::Split => Some(n % 2),
            Start::HalfFree => n.is_multiple_of(2).then_some(0),
        }
    }
}

/// One thing that points at a holder, and at whom it points.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    pub name: String,
    /// Who has it: 0 and 1 are the members, [`STRANGER`] is anybody else.
    pub holders: Vec<usize>,
    /// Whether its last operation has failed, so that its holder may receive no packets.
    pub has_failed: bool,
}

/// Neither of the two members.
pub const STRANGER: usize = 9;

/// A simulated cloud with two members in it.
pub trait Cloud: Send + Sync {
    fn line(&self) -> Line;
    /// The configuration of a member.
    fn config(&self, member: usize) -> Value;
    /// The address of a member's machine that stays with it.
    fn address(&self, member: usize) -> IpAddr;
    /// What a report calls the two members as holders.
    fn names(&self) -> [&'static str; 2];
    /// Who has what, now.
    fn parts(&self) -> Vec<Part>;
    /// What is there beside the VIP that ought not to be, or is not there and ought to be. Empty when all is well.
    fn damage(&self) -> Vec<String>;
    /// Whether this request changes something at the cloud.
    fn is_change(&self, request: &Request) -> bool;
    /// Whether this request is one to the API, and not to the metadata.
    fn is_api(&self, request: &Request) -> bool {
        request.url.port().is_some_and(|port| port <= self.endpoints())
    }
    fn endpoints(&self) -> u16 {
        1
    }
    /// Sets up everything that goes wrong.
    fn order(&self, schedule: &Schedule);
    /// One more thing that goes wrong.
    fn fault(&self, rule: Rule);
    /// Takes a permission away for good: the one of this number, in the cloud's own order.
    fn deny(&self, n: u32);
    /// How many calls have met a fault.
    fn faults_met(&self) -> usize;
    /// All calls so far.
    fn log(&self) -> Vec<Call>;
    /// Ends all faults and orders, and all operations that hang. What is denied stays denied.
    fn calm(&self);
    /// A third party changes a neighbouring setting, unless the cloud is busy with it.
    fn edit(&self, n: u32);
    /// The operations that have not ended, as the URL of a poll names them.
    fn under_way(&self) -> Vec<String>;
    /// Lets an operation end now.
    fn let_end(&self, operation: &str);
}

/// What each cloud says of itself; [`Simulated`] makes a [`Cloud`] of it.
pub trait Layout: Send + Sync + 'static {
    type Stage: Stage<World: Debug + PartialEq + Send>;
    const API: &'static str;
    const METADATA: &'static str;
    const ENDPOINTS: u16 = 1;
    /// The actions that faults choose from, as the log names them.
    const ACTIONS: &'static [&'static str];
    /// Errors of reads that pass: status and code.
    const ERRORS: &'static [(u16, &'static str)];
    /// Errors of changes that pass.
    const CHANGE_ERRORS: &'static [(u16, &'static str)] = Self::ERRORS;
    /// The code of a missing permission.
    const DENIED: &'static str;
    /// Errors of the metadata that pass: status and code.
    const METADATA_ERRORS: &'static [(u16, &'static str)] =
        &[(503, "unavailable"), (500, "internal"), (429, "too many")];
    /// Responses of something that is not this cloud.
    const GARBAGE: &'static [&'static str] = &["<html>sign in to the network</html>", "", "{}", "[]", "null"];

    fn names(setup: &Setup) -> [&'static str; 2];
    /// The address of a member's machine that stays with it.
    fn address(world: &<Self::Stage as Stage>::World, member: usize) -> IpAddr;
    fn world(setup: &Setup) -> <Self::Stage as Stage>::World;
    fn config(sim: &Simulator<Self::Stage>, setup: &Setup, member: usize) -> Value;
    fn parts(world: &<Self::Stage as Stage>::World, setup: &Setup) -> Vec<Part>;
    /// The world without everything that the library may change.
    fn rest(world: &<Self::Stage as Stage>::World, setup: &Setup) -> <Self::Stage as Stage>::World;
    fn edit(world: &mut <Self::Stage as Stage>::World, n: u32);
    fn deny(world: &mut <Self::Stage as Stage>::World, n: u32);
    fn is_busy(sim: &Simulator<Self::Stage>) -> bool;
    fn order(sim: &Simulator<Self::Stage>, setup: &Setup, order: Order);
    fn clear_orders(sim: &Simulator<Self::Stage>);
    /// The operations that have not ended, where the cloud has any.
    fn under_way(_: &Simulator<Self::Stage>) -> Vec<String> {
        Vec::new()
    }
    fn let_end(_: &Simulator<Self::Stage>, _: &str) {}
    fn is_change(request: &Request) -> bool;
}

/// A running cloud.
pub struct Simulated<L: Layout> {
    setup: Setup,
    sim: Simulator<L::Stage>,
    /// The world as the third party alone would have left it.
    expected: Mutex<<L::Stage as Stage>::World>,
}

impl<L: Layout> Simulated<L> {
    /// Within this process, in the time of the runtime.
    pub fn in_process(setup: Setup) -> Self {
        Self::of(setup, Simulator::in_process)
    }

    /// On sockets, in the time of everybody.
    pub fn on_sockets(setup: Setup) -> Self {
        Self::of(setup, Simulator::start)
    }

    fn of(setup: Setup, open: fn(<L::Stage as Stage>::World) -> Simulator<L::Stage>) -> Self {
        let world = L::world(&setup);
        Self { setup, sim: open(world.clone()), expected: Mutex::new(world) }
    }

    fn expected(&self) -> MutexGuard<'_, <L::Stage as Stage>::World> {
        self.expected.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl Fn(&mut <L::Stage as Stage>::World)) {
        self.sim.change(&change);
        change(&mut self.expected());
    }

    fn plan(&self, plan: FaultPlan) {
        let action = plan.action.filter(|_| !plan.at_metadata).map(|n| L::ACTIONS[n as usize % L::ACTIONS.len()]);
        let is_read = action.is_none_or(|action| ["GET ", "Describe"].iter().any(|read| action.starts_with(read)));
        let errors = match (plan.at_metadata, is_read) {
            (true, _) => L::METADATA_ERRORS,
            (false, true) => L::ERRORS,
            (false, false) => L::CHANGE_ERRORS,
        };
        let error = |n: u32| errors[n as usize % errors.len()];
        let later = |(status, code): (u16, &str), retry_after| Fault::Error {
            status,
            code: code.into(),
            message: "later".into(),
            retry_after,
        };
        let fault = match plan.kind {
            FaultKind::Error(n, retry_after) => later(error(n), retry_after),
            FaultKind::ChangeError(n) => later(L::CHANGE_ERRORS[n as usize % L::CHANGE_ERRORS.len()], None),
            FaultKind::Denied => Fault::error(403, L::DENIED, "You may not do this."),
            FaultKind::ErrorAfter(n) => {
                let (status, code) = error(n);
                // A refusal of a call that was processed would be a lie.
                let (status, code) = if status < 500 { errors[0] } else { (status, code) };
                Fault::ErrorAfter { status, code: code.into(), message: "something broke".into() }
            }
            FaultKind::HangBefore => Fault::HangBefore,
            FaultKind::HangAfter => Fault::HangAfter,
            FaultKind::DropBefore => Fault::DropBefore,
            FaultKind::DropAfter => Fault::DropAfter,
            FaultKind::HalfBody => Fault::HalfBody,
            FaultKind::Garbage(n) => Fault::Garbage(L::GARBAGE[n as usize % L::GARBAGE.len()].into()),
            FaultKind::Redirect => Fault::Redirect { status: 302, location: "http://127.0.0.1:9/".into() },
            FaultKind::Elsewhere => {
                Fault::ElsewhereIn { header: "azure-asyncoperation".into(), host: "127.0.0.1:99".into() }
            }
            FaultKind::Delay(time) => Fault::Delay(time),
            FaultKind::Revoke => Fault::Revoke,
        };
        let face = if plan.at_metadata { L::METADATA } else { L::API };
        let rule = Rule { face, action, target: None, skip: plan.skip, times: plan.times, fault };
        if plan.alike { self.sim.faults().on_alike(rule) } else { self.sim.faults().on(rule) }
    }
}

impl<L: Layout> Cloud for Simulated<L> {
    fn line(&self) -> Line {
        self.sim.line().clone()
    }

    fn config(&self, member: usize) -> Value {
        L::config(&self.sim, &self.setup, member)
    }

    fn address(&self, member: usize) -> IpAddr {
        self.sim.look(|world| L::address(world, member))
    }

    fn names(&self) -> [&'static str; 2] {
        L::names(&self.setup)
    }

    fn parts(&self) -> Vec<Part> {
        self.sim.look(|world| L::parts(world, &self.setup))
    }

    fn damage(&self) -> Vec<String> {
        let (found, expected) =
            (self.sim.look(|world| L::rest(world, &self.setup)), L::rest(&self.expected(), &self.setup));
        if found == expected {
            return Vec::new();
        }
        let (found, expected) = (format!("{found:#?}"), format!("{expected:#?}"));
        let lines = |text: &str, sign: &str, other: &str| -> Vec<String> {
            let others: Vec<&str> = other.lines().collect();
            text.lines().filter(|line| !others.contains(line)).map(|line| format!("{sign} {}", line.trim())).collect()
        };
        let mut damage = lines(&found, "+", &expected);
        damage.extend(lines(&expected, "-", &found));
        damage.push("the world differs".into());
        damage
    }

    fn is_change(&self, request: &Request) -> bool {
        self.is_api(request) && L::is_change(request)
    }

    fn endpoints(&self) -> u16 {
        L::ENDPOINTS
    }

    fn order(&self, schedule: &Schedule) {
        schedule.faults.iter().for_each(|plan| self.plan(*plan));
        schedule.orders.iter().for_each(|order| L::order(&self.sim, &self.setup, *order));
        self.sim.faults().stale_for(schedule.stale_for);
        self.sim.faults().stale_unevenly(!schedule.seed.is_multiple_of(2));
        if let Some((capacity, per_second)) = schedule.throttle {
            self.sim.faults().throttle(capacity, per_second);
        }
        if let Some(n) = schedule.denial {
            self.deny(n);
        }
    }

    fn fault(&self, rule: Rule) {
        self.sim.faults().on(rule);
    }

    fn deny(&self, n: u32) {
        self.change(|world| L::deny(world, n));
    }

    fn log(&self) -> Vec<Call> {
        self.sim.log()
    }

    fn faults_met(&self) -> usize {
        self.sim.faults().met()
    }

    fn calm(&self) {
        self.sim.faults().clear();
        L::clear_orders(&self.sim);
    }

    fn edit(&self, n: u32) {
        // A second write during an operation would be refused by the cloud itself.
        if !L::is_busy(&self.sim) {
            self.change(|world| L::edit(world, n));
        }
    }

    fn under_way(&self) -> Vec<String> {
        L::under_way(&self.sim)
    }

    fn let_end(&self, operation: &str) {
        L::let_end(&self.sim, operation);
    }
}

/// The cloud of a setup, within this process.
pub fn start(setup: Setup) -> Arc<dyn Cloud> {
    clouds::start(setup, Way::InProcess)
}

/// The same on sockets, for a library that was built.
pub fn serve(setup: Setup) -> Arc<dyn Cloud> {
    clouds::start(setup, Way::Sockets)
}

/// How requests reach a cloud.
#[derive(Debug, Clone, Copy)]
pub enum Way {
    InProcess,
    Sockets,
}
