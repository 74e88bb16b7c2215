//! What Status, Check and a dry run report of a takeover's plan, beside the parts that it would refuse.

use super::{
    fits::{has_as_primary, primary_address},
    left_behind::gives_way,
    plan::Planner,
};
use crate::{
    check::{CheckItem, CheckName, Verdict},
    cloud::azure::{id::Id, nic::public_of},
    vip::Vip,
};

impl Planner<'_> {
    /// The VIPs that nobody can move, since an interface has them as its own.
    pub fn primaries(&self) -> Vec<CheckItem> {
        let of_one = |vip: &Vip| {
            let nic = self.seen.members.nics.iter().find(|nic| has_as_primary(nic, vip))?;
            let error = primary_address(vip.address.addr(), nic);
            Some(CheckItem::new(CheckName::PartRefused, Verdict::Warning, error.message.clone(), error.remedy.clone()))
        };
        self.session.vips.iter().filter_map(of_one).collect()
    }

    /// Public addresses of the VIPs' entries on peers that would give way to configured ones.
    pub fn other_publics(&self) -> Vec<CheckItem> {
        let of_one = |vip: &Vip| {
            let configured = self.public_id(vip)?;
            let entry = self.seen.members.peers().find_map(|peer| peer.entry_with(vip.address.addr()))?;
            let is_asked_for = |id: &Id| {
                self.session.vips.iter().filter_map(|vip| self.public_id(vip)).any(|known| known.same(id.as_str()))
            };
            let other = public_of(entry).filter(|other| !is_asked_for(other))?;
            let why = gives_way(&configured);
            let message = format!("{} of the entry of {vip} would not come along: {}", other.as_str(), why.message);
            Some(CheckItem::new(CheckName::LeftBehind, Verdict::Warning, message, why.remedy.clone()))
        };
        self.session.vips.iter().filter_map(of_one).collect()
    }
}
