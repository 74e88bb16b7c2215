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

/// Who had it before: also a member whose machine had stopped, which is why the VIP moves.
pub fn earlier_name(holder: &Holder, own: Option<&str>) -> Option<String> {
    match holder {
        Holder::OtherBroken(name) => Some(name.clone()),
        holder => holder_name(holder, own),
    }
}

/// The one earlier holder, as [`common_holder`] tells the one of now.
pub fn common_earlier_holder(parts: &[Part], own: Option<&str>) -> Option<String> {
    let named = parts.iter().map(|part| match &part.holder {
        Holder::OtherBroken(name) => Part { holder: Holder::Other(name.clone()), ..part.clone() },
        _ => part.clone(),
    });
    common_holder(&named.collect::<Vec<_>>(), own)
}
