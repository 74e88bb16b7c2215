//! Who holds a VIP, by the target of its route.

use super::tables::Target;
use crate::{cloud::aws::identity::Identity, vip::Holder};

/// Why a route that leads to this member does not work.
pub const OWN_BLACKHOLE: &str =
    "blackhole: the interface is detached, or EC2 does not see this instance run, as just after its start";

/// The holder of a route with this target.
pub fn holder(target: Option<&Target>, identity: &Identity) -> Holder {
    match target {
        None | Some(Target::Gone) => Holder::Nobody,
        Some(Target::Interface { id, instance, active }) => {
            let here = *id == identity.interface || (instance.as_deref() == Some(id) && *id == identity.instance);
            match (here, active) {
                (true, true) => Holder::ThisMember,
                (true, false) => Holder::ThisMemberBroken(OWN_BLACKHOLE.into()),
                (false, true) => Holder::Other(identity.holder_name(id, instance.as_deref())),
                // Its interface is gone or its instance does not run, so no packet arrives there.
                (false, false) => Holder::OtherBroken(identity.holder_name(id, instance.as_deref())),
            }
        }
        Some(Target::Provided) => Holder::Other("a route of AWS".into()),
        Some(Target::Foreign(id)) => Holder::Other(id.clone()),
    }
}
