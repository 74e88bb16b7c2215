//! What a report calls a holder.

use crate::vip::{Holder, Part};

/// The one holder, or `None` when parts disagree or nobody holds them.
pub fn common_holder(parts: &[Part], own: Option<&str>) -> Option<String> {
    if parts.iter().any(|part| matches!(part.holder, Holder::Several { .. })) {
        return None;
    }
    let mut names = parts.iter().map(|part| holder_name(&part.holder, own));
    let first = names.next()??;
    names.all(|name| name.as_deref() == Some(&first)).then_some(first)
}

pub fn holder_name(holder: &Holder, own: Option<&str>) -> Option<String> {
    match holder {
        Holder::ThisMember | Holder::Arriving(_) | Holder::ThisMemberBroken(_) => {
            Some(own.unwrap_or("this member").to_owned())
        }
        Holder::Other(names) | Holder::Several { names, .. } => Some(names.clone()),
        Holder::OtherBroken(_) | Holder::Nobody | Holder::NotHere | Holder::Unknown => None,
    }
}

/// The parts of the first look, where a member whose machine has stopped counts as their holder: the VIP moves because of that.
pub fn as_held(before: &[Part]) -> Vec<Part> {
    let named = before.iter().map(|part| match &part.holder {
        Holder::OtherBroken(name) => Part { holder: Holder::Other(name.clone()), ..part.clone() },
        _ => part.clone(),
    });
    named.collect()
}
