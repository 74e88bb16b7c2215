//! DeleteRoute takes no condition, and EC2 may throttle it for long: a deletion that comes late must not take away what another member
//! has written since the look that it was planned from.

use super::{
    holders::holder,
    tables::{self, Table},
};
use crate::{
    cloud::aws::{identity::Identity, session::Session},
    error::Result,
};
use ipnet::IpNet;
use std::{cell::Cell, time::Duration};
use tokio::{sync::Mutex, time::Instant};

/// A deletion follows a look no later than this; one that comes later looks again. EC2 allows four times as many reads as changes.
const LONGEST_BLIND: Duration = Duration::from_millis(250);

/// When the tables were read, and what a read before a late deletion has shown, which serves all deletions that wait for it.
#[derive(Debug, Default)]
pub struct Fresh {
    looked: Cell<Option<Instant>>,
    again: Mutex<Option<(Instant, Vec<Table>)>>,
}

impl Fresh {
    /// Notes that a look that began then has shown the tables.
    pub fn note(&self, begun: Instant) {
        self.looked.set(Some(begun));
    }

    /// Whether the route leads to this member still, as a look shows it that has just been made.
    ///
    /// # Errors
    /// EC2's, where another look is needed.
    pub async fn is_here(
        &self,
        session: &Session,
        identity: &Identity,
        table: &str,
        destination: IpNet,
    ) -> Result<bool> {
        let is_fresh = |at: Instant| at.elapsed() <= LONGEST_BLIND;
        if self.looked.get().is_some_and(is_fresh) {
            return Ok(true);
        }
        let mut again = session.deadline().guard(self.again.lock()).await?;
        if !again.as_ref().is_some_and(|(at, _)| is_fresh(*at)) {
            let begun = Instant::now();
            *again = Some((begun, Box::pin(tables::read_again(session, identity)).await?));
        }
        let known = again.iter().flat_map(|(_, tables)| tables).find(|known| known.id == table);
        let target = known.and_then(|table| table.target(destination));
        Ok(holder(target, identity).is_here())
    }
}
