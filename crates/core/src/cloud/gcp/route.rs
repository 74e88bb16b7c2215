//! The mechanism `route`: the VIP is a static route whose next hop is the holder's VM. A route is a global resource, so a
//! takeover does not depend on the other member's zone.
//!
//! A route cannot change. Of several routes to one destination the lowest priority number wins, so a takeover adds a better
//! route under a second name and deletes the old one afterwards: the VIP always has a route. Where no better number is
//! left, the takeover adds the new route behind the old one; the new route wins once the old one is gone.
//! Sources: "Routes" (VPC documentation), "Method: routes.insert".

mod hop;
mod ours;
mod plan;
mod remarks;

use super::{
    compute::{Order, all_pages},
    forecast::Forecast,
    members,
    operation::{Begun, Operations, Patience},
    path::Path,
    ranges,
    rehearsal::{self, Asked},
    session::{Connection, Session},
    settings::Settings,
    vm::{Vm, text},
};
use crate::{
    check::{CheckItem, CheckName, Verdict},
    cloud::{Cloud, Mechanism, Plan, Setup, local::add_for_good},
    error::{Code, Error, Result},
    fate::{Cause, Fate},
    vip::{Goal, Member, Part, Vip},
};
use futures_util::future::join;
use http::Method;
use plan::{Change, Seen, View, names_of, number_of};
use serde_json::Value;
use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    time::Duration,
};
use tokio::{sync::OnceCell, time::timeout};

/// The mechanism for one call.
pub struct Route {
    session: Session,
    forecast: Forecast,
    /// Why this call could not delete a route, by the number of the route.
    undeleted: RefCell<BTreeMap<String, Error>>,
    /// The addresses of all members, once they are read; `None` where one of them is not known.
    members: OnceCell<Option<Vec<String>>>,
    /// Whether this VM forwards packets, once that is read.
    forwarding: OnceCell<CheckItem>,
    /// Whether a look of this call has waited for that already.
    has_waited: Cell<bool>,
    /// Whether this call gives the VIP up: then nobody has to receive here.
    gives_up: Cell<bool>,
}

/// How long a look waits for the members. They say whether a route may be taken, and one of them may be in a lost zone.
const LONGEST_LOOK: Duration = Duration::from_secs(2);

/// How long a look that shows a VIP here waits for the read of this VM: whether it forwards matters only beside the holder.
const LONGEST_WAIT: Duration = Duration::from_millis(500);

/// Who deleted a route.
enum Deleted {
    Now,
    /// It was not there any more.
    Earlier,
}

/// The permission that a takeover needs on each route ("Compute Engine IAM roles and permissions"). It needs more of them
/// on the project or the network, which Google lets nobody ask for.
const ON_A_ROUTE: [&str; 1] = ["compute.routes.delete"];

impl Route {
    /// Reads the routes and, where a VIP might cover one, the network's subnets.
    async fn look(&self) -> Result<Seen> {
        let Connection { here, compute, operations } = self.session.connect().await?;
        let network = here.network(&self.session.settings)?;
        let terms = self.session.vips.iter().flat_map(|vip| {
            let [first, second] = names_of(&self.session, vip);
            [
                format!("(destRange = \"{}\")", vip.destination()),
                format!("(name = \"{first}\")"),
                format!("(name = \"{second}\")"),
            ]
        });
        let filter = terms.collect::<Vec<_>>().join(" OR ");
        let path = format!("projects/{}/global/routes", network.project);
        operations.forget_ended(|path| path.scope().ends_with("/global")).await;
        let mut routes = Vec::new();
        let read = async |token: &str| compute.list("routes.list", &network.name, &path, &filter, token).await;
        let pages = all_pages(read, |mut page| {
            if let Some(items) = page.get_mut("items").and_then(Value::as_array_mut) {
                routes.append(items);
            }
        });
        let scope = format!("projects/{}/global", network.project);
        // A route that this call could not delete may be on its way out all the same: another member cleans up as well.
        let listed = async {
            if !self.undeleted.borrow().is_empty() {
                // Ignore the error: the journal has it, and the call does without.
                let _listed = operations.list_anew(&scope).await;
            }
        };
        let reads = join(operations.note_running_beside([scope.clone()], pages), listed);
        let ((read, ()), ()) = join(reads, self.forecast.ask_for_scopes(&self.session)).await;
        read?;
        let wide = self.session.vips.iter().any(|vip| ranges::must_be_read(vip.destination()));
        let ranges = if wide { ranges::look(compute, &network.path()).await } else { Ok(Vec::new()) };
        let leaves = |route: &&Value| number_of(route).is_some_and(|number| operations.deletes(number));
        let leaving = routes.iter().filter(leaves).map(|route| text(route, "name").to_owned()).collect();
        let names = self.session.vips.iter().flat_map(|vip| names_of(&self.session, vip));
        let coming = names.filter(|name| {
            let path = Path::global(&network.project, "routes", name);
            operations.changes_of_others(&path).contains(&"routes.insert")
        });
        let coming = coming.collect();
        let mut seen = Seen { here: here.clone(), network, routes, leaving, coming, ranges, members: None };
        if self.view(&seen).leads_to_an_address() {
            seen.members = self.addresses().await;
        }
        // Only once: what does not answer soon may not answer at all.
        if self.holds(&seen) && !self.gives_up.get() && !self.has_waited.replace(true) {
            // Ignore the time-out: without an answer there is nothing to report.
            let _elapsed = timeout(LONGEST_WAIT, self.forwarding()).await;
        }
        Ok(seen)
    }

    /// Whether this look shows any VIP here.
    fn holds(&self, seen: &Seen) -> bool {
        self.view(seen).placement().iter().any(|part| part.holder.is_here())
    }

    /// Whether this VM forwards packets. Read once for each call.
    async fn forwarding(&self) -> Option<&CheckItem> {
        let read = async || Ok::<_, Error>(forwarding(self.session.connect().await?).await);
        self.forwarding.get_or_try_init(read).await.ok()
    }

    /// The addresses of all members: a route may name its next hop by one, as in a Shared VPC. `None` where not every listed VM could
    /// be read in time: the address may be that one's, or that of a VM that is gone. One call reads them once.
    async fn addresses(&self) -> Option<Vec<String>> {
        let instances = &self.session.settings.instances;
        if instances.is_empty() {
            return None;
        }
        let read = self.members.get_or_init(async || {
            let connection = self.session.connect().await.ok()?;
            let patience = LONGEST_LOOK.min(self.session.caller.deadline().remaining() / 4);
            let known = members::Known::default();
            let members = timeout(patience, known.look(instances, connection, |_| false)).await.ok()?.ok()?;
            let all = members.missing.is_empty() && members.silent.is_empty();
            let interfaces = members.vms.iter().flat_map(Vm::interfaces);
            all.then(|| interfaces.map(|interface| text(interface, "networkIP").to_owned()).collect())
        });
        read.await.clone()
    }

    /// Deletes the route of this number, and no route that has the same name by now. By the discovery document (20261106) a
    /// path may have a number in the place of a name; where a server does not know that, the name has to do.
    async fn delete(
        &self,
        operations: &Operations,
        path: &Path,
        number: Option<&str>,
        patience: Patience,
    ) -> Result<()> {
        let delete = async |to: String, to_number: bool| {
            let order =
                Order { call: "routes.delete", method: Method::DELETE, on: path, to, query: Vec::new(), body: None };
            match operations.carry_out(order, patience).await {
                // Somebody has deleted it already.
                Err(error) if error.code == Code::NotFound => Ok(Deleted::Earlier),
                // An earlier delete has ended, mostly of this very route: then the route to this member counts from there on.
                Err(error) if error.fate == Fate::AcceptedThenFailed(Cause::Race) && to_number => Ok(Deleted::Earlier),
                // A server that takes names alone may find the number wrong.
                Err(error) if error.code == Code::InvalidConfig && to_number => Ok(Deleted::Earlier),
                ended => ended.map(|_| Deleted::Now),
            }
        };
        let Some(number) = number else { return delete(path.as_str().to_owned(), false).await.map(drop) };
        match delete(format!("{}/routes/{number}", path.scope()), true).await? {
            Deleted::Now => return Ok(()),
            Deleted::Earlier => {}
        }
        let seen = self.look().await?;
        let is_it = |route: &Value| text(route, "name") == path.name() && number_of(route) == Some(number);
        if seen.routes.iter().any(is_it) { delete(path.as_str().to_owned(), false).await.map(drop) } else { Ok(()) }
    }

    fn view<'a>(&'a self, seen: &'a Seen) -> View<'a> {
        View { session: &self.session, seen, undeleted: &self.undeleted }
    }
}

impl Mechanism for Route {
    const CLOUD: &'static str = "gcp";
    const NAME: &'static str = "route";
    type Settings = Settings;

    fn new(settings: &Settings, setup: Setup<'_>) -> Result<Self> {
        Ok(Route {
            session: Session::new(settings, setup)?,
            forecast: Forecast::default(),
            undeleted: RefCell::default(),
            members: OnceCell::new(),
            forwarding: OnceCell::new(),
            has_waited: Cell::default(),
            gives_up: Cell::default(),
        })
    }
}

impl Cloud for Route {
    type Seen = Seen;
    type Change = Change;

    /// Once an operation has ended, reads show what it did.
    const READS_LAG: Duration = Duration::ZERO;
    const LOOK_TWICE_AFTER: Duration = Duration::ZERO;

    fn will_change(&self) {
        self.gives_up.set(true);
    }

    fn will_take(&self) {
        self.gives_up.set(false);
    }

    fn will_plan(&self) {
        self.forecast.of_a_dry_run();
    }

    async fn identify(&self) -> Result<Member> {
        self.session.identify().await
    }

    async fn discover(&self) -> Result<Seen> {
        self.look().await
    }

    async fn observe(&self, _: &Seen) -> Result<Seen> {
        self.look().await
    }

    fn member(&self, seen: &Seen) -> Member {
        self.session.member(&seen.here)
    }

    fn placement(&self, seen: &Seen) -> Vec<Part> {
        self.view(seen).placement()
    }

    fn plan(&self, seen: &Seen, goal: Goal) -> Result<Plan<Change>> {
        let plan = self.view(seen).plan(goal)?;
        if !plan.steps.is_empty() {
            self.forecast.allow_changes()?;
        }
        Ok(plan)
    }

    async fn apply(&self, change: &Change) -> Result<()> {
        let Connection { operations, .. } = self.session.connect().await?;
        match change {
            Change::Insert { project, body } => {
                let path = Path::global(project, "routes", text(body, "name"));
                let order = Order {
                    call: "routes.insert",
                    method: Method::POST,
                    on: &path,
                    to: format!("projects/{project}/global/routes"),
                    query: Vec::new(),
                    body: Some(body.clone()),
                };
                match operations.carry_out(order, Patience::Full).await {
                    Ok(Begun::Now) => Ok(()),
                    // Another member may have deleted the route since, so what the plan would delete next needs a fresh read.
                    Ok(Begun::Earlier) => Err(ended_meanwhile(&path)),
                    // Google lists a route only when the operation that makes it is over.
                    Err(error) => Err(operations.let_others_end(&[path], error).await),
                }
            }
            Change::Delete { path, number, patience, in_favour_of } => {
                if let Some(stays) = in_favour_of {
                    // Another member may be cleaning up at this moment. Without the list the call goes on: the look tells.
                    let _listed = operations.list_anew(path.scope()).await;
                    if operations.deletes(stays) {
                        return Err(taken_meanwhile(path));
                    }
                }
                let deleted = self.delete(operations, path, number.as_deref(), *patience).await;
                if let (Some(number), Err(error)) = (number, &deleted) {
                    self.undeleted.borrow_mut().insert(number.clone(), error.clone());
                }
                deleted
            }
        }
    }

    async fn has_succeeded(&self, operation: &str) -> Result<bool> {
        self.session.connect().await?.operations.has_succeeded(operation).await
    }

    fn describe(&self, change: &Change) -> (String, String) {
        let (call, target) = match change {
            Change::Insert { body, .. } => ("compute:routes.insert", text(body, "name")),
            Change::Delete { path, .. } => ("compute:routes.delete", path.name()),
        };
        (call.to_owned(), target.to_owned())
    }

    fn absent(&self, _: &Seen) -> Option<Error> {
        self.session.while_a_change_runs()
    }

    fn remarks(&self, seen: &Seen) -> Vec<CheckItem> {
        let vips: Vec<&Vip> = self.session.vips.iter().collect();
        let mut items = vec![self.session.system(&seen.here).item(&vips, add_for_good)];
        items.extend(self.view(seen).remarks());
        items.extend(self.forwarding.get().filter(|_| self.holds(seen)).cloned());
        items
    }

    /// Begins the read that the looks and the check tell of, so that a look which shows the VIP here has it already.
    async fn advice(&self) -> Vec<CheckItem> {
        self.forwarding().await;
        Vec::new()
    }

    async fn rehearse(&self, seen: &Seen) -> Vec<CheckItem> {
        let asked: Asked = seen.paths().map(|path| (path, &ON_A_ROUTE[..])).collect();
        let mut items = rehearsal::rehearse(&self.session, asked).await;
        items.push(untested());
        // Beside the holder it is a remark of the look.
        let forwarding = self.forwarding().await.filter(|_| !self.holds(seen));
        items.extend(forwarding.cloned());
        items
    }
}

/// `testIamPermissions` is a method of a resource that exists, and of no network (Compute Engine API reference, v1).
fn untested() -> CheckItem {
    CheckItem::new(
        CheckName::Permission.of("compute.routes.create"),
        Verdict::Skipped,
        "Google tests no permission on a route that is yet to be inserted: compute.routes.create, compute.networks.updatePolicy",
        "compare the service account's role with docs/install-gcp.md, and move the VIP once on purpose",
    )
}

/// The insert of an earlier round has succeeded. The route had been in force, whatever became of it since.
fn ended_meanwhile(path: &Path) -> Error {
    Error::new(Code::Conflict, format!("routes.insert on {path}: an earlier attempt had to end first"), "call again")
        .with_fate(Fate::AcceptedThenFailed(Cause::Superseded))
}

/// Deleting the old route as well would leave the VIP with nobody.
fn taken_meanwhile(path: &Path) -> Error {
    let message = format!("routes.delete on {path} not sent: the route that is to win is being deleted");
    Error::new(Code::Conflict, message, "call again").with_fate(Fate::Refused(Cause::Race))
}

/// Whether the VM may take and send packets for addresses that are not its own ("Enable IP forwarding for VMs").
async fn forwarding(connection: &Connection) -> CheckItem {
    const NAME: CheckName = CheckName::CanIpForward;
    let Connection { here, compute, .. } = connection;
    match compute.get("instances.get", &here.path()).await {
        Ok(body) if body.get("canIpForward") == Some(&Value::Bool(true)) => CheckItem::ok(NAME, "IP forwarding is on"),
        Ok(_) => CheckItem::new(
            NAME,
            Verdict::Warning,
            format!("IP forwarding of {} is off: Google drops packets for the VIP before they arrive", here.name),
            "export the VM (gcloud compute instances export), set canIpForward: true, and update it from the file with \
             --most-disruptive-allowed-action=RESTART",
        ),
        Err(error) => {
            CheckItem::new(NAME, Verdict::Skipped, format!("not looked at: {}", error.message), error.remedy.clone())
        }
    }
}
