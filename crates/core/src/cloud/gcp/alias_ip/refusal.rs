//! Google's refusals of a write: which VIPs caused it.

use super::plan::private_part;
use crate::{
    cloud::gcp::{interface::Write, session::Session, vm::net},
    error::{Code, Error},
    vip::PartId,
};
use ipnet::IpNet;

/// The parts that caused Google's refusal of a write: the next plan leaves them out, so that the others get here. `freed`
/// are the parts that this call took off a peer. Google may still see those in use for a while.
pub fn parts_at_fault(
    session: &Session,
    error: &Error,
    write: Write,
    parts: &[PartId],
    freed: &[PartId],
) -> Vec<PartId> {
    let final_code = matches!(
        error.code,
        Code::Denied | Code::NotFound | Code::InvalidConfig | Code::LimitExceeded | Code::Unexpected
    );
    if write == Write::Frees {
        // This peer keeps what it has; the VIPs of the others can still move.
        return if final_code && session.vips.len() > 1 { parts.to_vec() } else { Vec::new() };
    }
    let in_use = error.code == Code::Conflict && !error.fate.is_race();
    if write != Write::Takes || !(final_code || in_use) {
        return Vec::new();
    }
    let named = |part: &&PartId| {
        let vip = session.vips.iter().find(|vip| private_part(session, vip) == **part);
        vip.is_some_and(|vip| names(&error.message, vip.destination()))
    };
    let at_fault: Vec<PartId> = parts.iter().filter(named).cloned().collect();
    let waits = |part: &PartId| in_use && freed.contains(part);
    // A right or a quota that one write lacks, the next one lacks as well.
    let may_differ = !matches!(error.code, Code::Denied | Code::LimitExceeded) && session.vips.len() > parts.len();
    if at_fault.is_empty() && (parts.len() > 1 || may_differ) {
        // The message names none. A part that nobody had is a likelier cause than one that a peer has just had.
        return parts.iter().filter(|part| !freed.contains(part)).cloned().collect();
    }
    at_fault.into_iter().filter(|part| !waits(part)).collect()
}

fn names(message: &str, range: IpNet) -> bool {
    let outside = |character: char| !(character.is_ascii_digit() || matches!(character, '.' | '/'));
    message.split(outside).any(|word| net(word.trim_matches(['.', '/'])) == Some(range))
}

#[cfg(test)]
mod tests {
    use super::names;

    #[test]
    fn a_message_names_a_range_only_as_a_whole() {
        let message = "IP_IN_USE_BY_ANOTHER_RESOURCE: IP '10.0.0.25/32' is already being used by another resource.";
        for (range, named) in [("10.0.0.25/32", true), ("10.0.0.2/32", false), ("10.0.0.250/32", false)] {
            assert_eq!(names(message, range.parse().expect("a range")), named, "{range}");
        }
        assert!(names("The address 10.0.0.25.", "10.0.0.25/32".parse().expect("a range")));
    }
}
