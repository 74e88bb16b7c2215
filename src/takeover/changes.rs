//! Making the changes of a plan: side by side where they do not wait for one another, and remembering of each part what
//! was sent and what came of it.

use super::{Made, wants_another_look};
use crate::{
    cloud::{Cloud, Step},
    deadline::Deadline,
    error::{Code, Error},
    vip::{Part, PartId},
};
use futures_util::stream::{FuturesUnordered, StreamExt};
use std::collections::BTreeMap;
use tokio::time::Instant;

/// What became of a part's change.
#[derive(Debug, Clone)]
pub enum Progress {
    Done {
        at: Instant,
    },
    /// Sent, and the answer was lost.
    Maybe(Error),
    /// Not made.
    Failed(Error),
}

/// All that this call did so far.
pub struct Changes {
    by_part: BTreeMap<PartId, Progress>,
    last_seen: Vec<Part>,
    sent: bool,
}

impl Changes {
    pub fn new(before: Vec<Part>) -> Self {
        Changes { by_part: BTreeMap::new(), last_seen: before, sent: false }
    }

    pub fn of(&self, part: &PartId) -> Option<&Progress> {
        self.by_part.get(part)
    }

    /// The first thing that went wrong, in the order of the parts.
    pub fn first_error(&self) -> Option<Error> {
        // A part that will not move says more than one whose answer was lost.
        let failed = self.by_part.values().find_map(|progress| match progress {
            Progress::Failed(error) => Some(error.clone()),
            _ => None,
        });
        failed.or_else(|| {
            self.by_part.values().find_map(|progress| match progress {
                Progress::Maybe(error) => Some(error.clone()),
                _ => None,
            })
        })
    }

    pub fn any_sent(&self) -> bool {
        self.sent
    }

    pub fn last_seen(&self) -> &[Part] {
        &self.last_seen
    }

    pub fn saw(&mut self, parts: &[Part]) {
        self.last_seen = parts.to_vec();
    }

    pub fn want_another_look(&self) -> bool {
        self.by_part.values().any(|progress| match progress {
            Progress::Maybe(_) => true,
            Progress::Failed(error) => wants_another_look(error) && error.call.is_some(),
            Progress::Done { .. } => false,
        })
    }

    /// Forgets what a new look and a new plan will decide again.
    pub fn look_again(&mut self, parts: &[Part]) {
        self.saw(parts);
        self.by_part.retain(|_, progress| match progress {
            Progress::Done { .. } | Progress::Maybe(_) => true,
            Progress::Failed(error) => !wants_another_look(error),
        });
        // A change whose answer was lost, and that the fresh look shows in place, was made.
        for part in parts {
            if let Some(progress) = self.by_part.get_mut(&part.id)
                && matches!(progress, Progress::Maybe(_))
                && part.holder == crate::vip::Holder::ThisMember
            {
                *progress = Progress::Done { at: Instant::now() };
            }
        }
    }

    pub fn note_refused(&mut self, refused: Vec<(PartId, Error)>) {
        for (part, error) in refused {
            self.by_part.insert(part, Progress::Failed(error));
        }
    }

    /// Makes all steps. Each starts as soon as those it waits for are over; none starts without time for its answer.
    pub async fn make<C: Cloud>(&mut self, cloud: &C, deadline: &Deadline, steps: Vec<Step<C::Change>>) {
        let mut over = vec![false; steps.len()];
        let mut started = vec![false; steps.len()];
        let mut running = FuturesUnordered::new();
        loop {
            for (n, step) in steps.iter().enumerate() {
                let ready = step.after.iter().all(|earlier| over.get(*earlier).copied().unwrap_or(true));
                if let (true, Some(begun @ false)) = (ready, started.get_mut(n)) {
                    *begun = true;
                    running.push(async move { (n, make_one(cloud, deadline, &step.change).await) });
                }
            }
            let Some((n, made)) = running.next().await else { break };
            if let Some(flag) = over.get_mut(n) {
                *flag = true;
            }
            if let Some(step) = steps.get(n) {
                self.note(&step.part, made);
            }
        }
    }

    fn note(&mut self, part: &PartId, made: Made) {
        let progress = match made {
            Ok(()) => Progress::Done { at: Instant::now() },
            Err(error) if error.maybe_done => Progress::Maybe(error),
            Err(error) => Progress::Failed(error),
        };
        self.sent |= !matches!(progress, Progress::Failed(_));
        // What was certainly done in an earlier round stays done, whatever a later attempt says.
        if !(matches!(self.by_part.get(part), Some(Progress::Done { .. })) && matches!(progress, Progress::Failed(_))) {
            self.by_part.insert(part.clone(), progress);
        }
    }
}

async fn make_one<C: Cloud>(cloud: &C, deadline: &Deadline, change: &C::Change) -> Made {
    deadline.check()?;
    if !deadline.fits_a_round_trip() {
        let (call, target) = cloud.describe(change);
        return Err(Error::new(
            Code::Deadline,
            format!("{call} on {target} was not started: too little time was left for its answer"),
            "call again; if this happens every time, raise `deadlineSeconds`",
        ));
    }
    cloud.apply(change).await
}
