//! Whether Azure is likely to refuse the write of the own interface, by the identity's rights on it and its locks. Azure would
//! say so only once the peer has given the VIP up, and then nobody has it.
//!
//! Both lists may be old, so a forecast refuses nothing: it only changes the order of the writes. It costs a move no time: the
//! questions go beside the reads of the first look, and the look waits for the reads alone. What a write needs on the subnet
//! and on the security group, the write of the peer's interface shows first: the same identity makes it, with the same references.
//! What the own interface alone refers to, such as a security group of its own, nothing shows first. Only the read of the
//! interface names it, so those questions come after the reads, all at once, and the look waits for them a moment.

use crate::cloud::azure::{
    arm::Arm,
    id::Id,
    rehearsal::{Needs, WRITE_INTERFACE, missing, read_only},
};
use futures_util::{
    future::join,
    stream::{FuturesUnordered, StreamExt},
};
use std::{cell::RefCell, collections::BTreeSet, pin::pin, time::Duration};
use tokio::time::timeout;

/// How long a look waits at most for what is asked after its reads.
const A_MOMENT: Duration = Duration::from_secs(1);

/// The interfaces whose write is likely to be refused.
#[derive(Debug, Default)]
pub struct Forecast(RefCell<Option<BTreeSet<Id>>>);

impl Forecast {
    /// Makes the reads of a look. The first time it asks about these interfaces beside them, about all of them: which one is this
    /// VM's, only the reads show. A question that has no answer when the reads are over is dropped, and a failed one says nothing.
    pub async fn beside<T>(&self, arm: &Arm, nics: impl Iterator<Item = Id>, reads: impl Future<Output = T>) -> T {
        if self.0.borrow().is_some() {
            return reads.await;
        }
        self.0.replace(Some(BTreeSet::new()));
        let mut questions: FuturesUnordered<_> = nics.map(|id| is_refused(arm, id)).collect();
        let mut reads = pin!(reads);
        loop {
            tokio::select! {
                biased;
                Some(refused) = questions.next() => {
                    if let Some(known) = self.0.borrow_mut().as_mut() {
                        known.extend(refused);
                    }
                }
                read = &mut reads => return read,
            }
        }
    }

    /// Whether nothing has been asked yet.
    pub fn is_new(&self) -> bool {
        self.0.borrow().is_none()
    }

    /// Asks about what the write of this interface needs, and no other write shows first. A question that has no answer within a
    /// moment is dropped.
    pub async fn about(&self, arm: &Arm, own: &Id, needs: &Needs) {
        if self.is_bad(own) {
            return;
        }
        let once = arm.once();
        let mut questions: FuturesUnordered<_> = needs
            .each()
            .map(|(id, actions)| async {
                let roles = arm.permissions(&once, id).await;
                roles.is_ok_and(|roles| !missing(&roles, actions).is_empty())
            })
            .collect();
        let is_refused = async {
            while let Some(is_refused) = questions.next().await {
                if is_refused {
                    return true;
                }
            }
            false
        };
        let patience = A_MOMENT.min(arm.deadline().remaining() / 8);
        if timeout(patience, is_refused).await == Ok(true)
            && let Some(known) = self.0.borrow_mut().as_mut()
        {
            known.insert(own.clone());
        }
    }

    /// Whether the write of this interface is likely to be refused.
    pub fn is_bad(&self, id: &Id) -> bool {
        self.0.borrow().as_ref().is_some_and(|known| known.contains(id))
    }

    /// Azure has accepted a write of this interface.
    pub fn refute(&self, id: &Id) {
        if let Some(known) = self.0.borrow_mut().as_mut() {
            known.remove(id);
        }
    }
}

/// The interface, where its lists say that Azure would refuse a write of it.
async fn is_refused(arm: &Arm, id: Id) -> Option<Id> {
    let once = arm.once();
    let (roles, locks) = join(arm.permissions(&once, &id), arm.locks(&once, &id)).await;
    let lacks_the_right = roles.is_ok_and(|roles| !missing(&roles, &[WRITE_INTERFACE]).is_empty());
    let is_locked = locks.is_ok_and(|locks| read_only(&locks).is_some());
    (lacks_the_right || is_locked).then_some(id)
}
