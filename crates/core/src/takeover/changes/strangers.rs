//! What is no member's may take a part as well: somebody puts a route of another kind in the place of ours. Nobody is lost to then, and
//! IRIS has nothing to decide. The part is left there, the others go on, and the report says what is there.

use super::{Changes, Progress};
use crate::{
    cloud::Cloud,
    error::{Code, Error},
    vip::{Goal, Part, PartId, Write},
};

impl Changes {
    /// Leaves parts to those who took them after our change, where the plan says that they are no members: such a part counts as
    /// refused, and not as lost.
    pub fn leave_to_strangers<C: Cloud>(&mut self, cloud: &C, seen: &C::Seen, goal: Goal, parts: &[Part]) {
        let is_taken = |part: &&Part| self.taken_away(part, C::READS_LAG);
        let taken: Vec<PartId> = parts.iter().filter(is_taken).map(|part| part.id.clone()).collect();
        if goal == Goal::LetGo || taken.is_empty() {
            return;
        }
        let Ok(plan) = cloud.plan(seen, Goal::Hold(Write::IfNeeded)) else { return };
        let is_final = |why: &Error| why.code == Code::Conflict && !why.repeat_may_help() && !why.fate.is_race();
        for (part, why) in plan.refused {
            if taken.contains(&part) && is_final(&why) {
                for parts in [&mut self.brought, &mut self.here, &mut self.doubted] {
                    parts.remove(&part);
                }
                self.by_part.insert(part, Progress::Refused(why));
            }
        }
    }
}
