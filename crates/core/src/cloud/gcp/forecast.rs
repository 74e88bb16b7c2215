//! What Google would refuse this member, by its own word on the service account's permissions. Google would say so only once a
//! running peer has given the VIP up, and then nobody has it: so what lacks a permission here is taken off no running peer.
//!
//! Only a plan that would take something asks. A question that is not answered soon, or that fails, says nothing: the move goes on.

use super::{
    path::Path,
    rehearsal::{self, Asked, forbidden, lacking},
    session::{Connection, Session},
};
use crate::{
    cloud::peers::share,
    error::{Error, Result},
};
use futures_util::future::{join, join_all};
use std::{
    cell::{Cell, RefCell},
    collections::BTreeSet,
    time::Duration,
};

/// The most that a move waits for all answers, as for the lists of earlier operations beside them.
const LONGEST_WAIT: Duration = Duration::from_millis(300);

/// The same where one says that a permission is missing: then the move is about to end in any case.
const LONGEST_CONFIRMATION: Duration = Duration::from_secs(1);

type Rights = &'static [&'static str];

/// What the call does with the plan, as far as it matters here.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Plans {
    /// It makes no plan that takes anything, or Check asks by itself.
    #[default]
    Nothing,
    /// It makes the changes.
    Changes,
    /// It lists them.
    ToTell,
}

/// What this call has learned.
#[derive(Debug, Default)]
pub struct Forecast {
    plans: Cell<Plans>,
    asked: RefCell<BTreeSet<Path>>,
    lacks: RefCell<Vec<(&'static str, Path)>>,
    /// Why the access scopes allow no change. Only a dry run asks: nothing leaves a peer without that scope.
    scopes: RefCell<Option<Error>>,
}

impl Forecast {
    /// The call makes changes.
    pub fn of_changes(&self) {
        self.plans.set(Plans::Changes);
    }

    /// The call tells what it would change. It is ok only where the changes would be made.
    pub fn of_a_dry_run(&self) {
        self.plans.set(Plans::ToTell);
    }

    pub fn is_of_a_dry_run(&self) -> bool {
        self.plans.get() == Plans::ToTell
    }

    pub fn is_wanted(&self) -> bool {
        self.plans.get() != Plans::Nothing
    }

    /// Asks for the permissions that this call has not asked for yet, side by side.
    pub async fn ask(&self, session: &Session, connection: &Connection, wanted: Asked) {
        let new: Asked = wanted.into_iter().filter(|(path, _)| self.asked.borrow_mut().insert(path.clone())).collect();
        let compute = &connection.compute;
        let once = compute.bearer.caller().at_most(1);
        let found: RefCell<Vec<(Path, Rights)>> = RefCell::default();
        let ask = async |(path, wanted): (Path, Rights)| {
            if lacking(compute, &once, &path, wanted).await.is_ok_and(|missing| !missing.is_empty()) {
                found.borrow_mut().push((path, wanted));
            }
        };
        let bound = if self.is_of_a_dry_run() { share(compute.deadline()) } else { LONGEST_WAIT };
        let asked = join(join_all(new.into_iter().map(ask)), self.ask_for_scopes(session));
        // Ignore the time-out: what was not answered is not known.
        let _elapsed = tokio::time::timeout(bound, asked).await;
        // An empty answer means that nothing is allowed, and may be anybody's: only the same answer once more counts.
        let confirm = async |(path, wanted): (Path, Rights)| {
            let missing = lacking(compute, &once, &path, wanted).await.unwrap_or_default();
            self.lacks.borrow_mut().extend(missing.into_iter().map(|right| (right, path.clone())));
        };
        let confirmed = join_all(found.take().into_iter().map(confirm));
        let _elapsed = tokio::time::timeout(LONGEST_CONFIRMATION, confirmed).await;
    }

    /// Asks whether the access scopes allow changes, in a dry run.
    pub async fn ask_for_scopes(&self, session: &Session) {
        if self.is_of_a_dry_run() && self.scopes.borrow().is_none() {
            let item = rehearsal::scopes(session).await;
            self.scopes.replace(item.error);
        }
    }

    /// Whether the access scopes allow changes, as far as a dry run knows.
    ///
    /// # Errors
    /// What they leave out.
    pub fn allow_changes(&self) -> Result<()> {
        self.scopes.borrow().clone().map_or(Ok(()), Err)
    }

    /// Whether a change may be planned that needs these permissions and takes `what` off its place. Where it takes nothing, there is
    /// nothing to lose, and Google decides.
    ///
    /// # Errors
    /// `denied` where a permission is missing.
    pub fn allow(&self, rights: &[&str], takes: Option<&str>) -> Result<()> {
        if takes.is_none() && !self.is_of_a_dry_run() {
            return Ok(());
        }
        self.allow_changes()?;
        let lacks = self.lacks.borrow();
        let Some((_, path)) = lacks.iter().find(|(right, _)| rights.contains(right)) else { return Ok(()) };
        let missing: Vec<&str> =
            lacks.iter().filter(|(right, on)| on == path && rights.contains(right)).map(|(right, _)| *right).collect();
        let error = forbidden(path, &missing);
        Err(match takes {
            Some(takes) => error.with(|details| details.message = format!("{}: {takes}", details.message)),
            None => error,
        })
    }
}
