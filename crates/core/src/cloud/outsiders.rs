//! Who has a VIP that no configured member has: something that the configuration does not name, often a member under its right name.
//!
//! A takeover learns this from the cloud's refusal. A call that changes nothing asks, so that a Check knows what a takeover would meet,
//! and no Status calls a VIP unheld that somebody has.

use super::shape::nearest;
use crate::{
    check::{CheckItem, CheckName, Verdict},
    error::{Code, Error, Result},
};
use ipnet::IpNet;
use std::time::Duration;
use tokio::time::timeout;

const LONGEST: Duration = Duration::from_secs(2);

/// What is known of those that the configuration does not name.
#[derive(Debug, Clone, Default)]
pub struct Outsiders {
    /// The machines or interfaces of a list.
    pub found: Vec<Outsider>,
    /// The addresses that are in use, by anybody.
    pub in_use: Vec<IpNet>,
    /// What the cloud did not answer: the question, and why.
    pub unanswered: Vec<(String, Error)>,
}

/// A machine, an interface of one, or a load balancer's front end, that the configuration does not name.
#[derive(Debug, Clone)]
pub struct Outsider {
    /// Its name, in the forms in which a configuration may write it, the shortest first.
    pub names: Vec<String>,
    /// Whether it could be a member: a load balancer could not.
    pub may_be_a_member: bool,
    /// Its addresses.
    pub ranges: Vec<IpNet>,
}

/// A configured member that the cloud does not know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// Its name in the configuration.
    pub name: String,
    /// The name of one that exists and is not configured, where it is nearly the same.
    pub similar: Option<String>,
}

impl Outsiders {
    /// Who has an address of this range; `None` where nobody is known to.
    pub fn holder(&self, range: IpNet) -> Option<String> {
        let unknown = || self.in_use.iter().any(overlaps(range)).then(|| "something that is no member".to_owned());
        self.user(range).and_then(|outsider| outsider.names.first().cloned()).or_else(unknown)
    }

    fn user(&self, range: IpNet) -> Option<&Outsider> {
        self.found.iter().find(|outsider| outsider.ranges.iter().any(overlaps(range)))
    }

    /// The configured members that do not exist, each with the name that may have been meant.
    pub fn explain(&self, missing: &[String]) -> Vec<Missing> {
        let similar = |name: &String| {
            let machines = self.found.iter().filter(|outsider| outsider.may_be_a_member);
            let names = machines.flat_map(|outsider| &outsider.names).map(String::as_str);
            // A name with a zone is compared with those that have one.
            let alike = names.filter(|known| known.contains('/') == name.contains('/'));
            nearest(name, alike).map(str::to_owned)
        };
        missing.iter().map(|name| Missing { name: name.clone(), similar: similar(name) }).collect()
    }

    /// A warning for each of these ranges that no takeover would get.
    pub fn remarks<'a>(
        &'a self,
        ranges: impl Iterator<Item = IpNet> + 'a,
        missing: &'a [String],
        key: &'a str,
    ) -> impl Iterator<Item = CheckItem> + 'a {
        let refused = ranges.filter_map(move |range| self.refusal(range, missing, key));
        refused.map(|why| {
            CheckItem::new(CheckName::PartRefused, Verdict::Warning, why.message.clone(), why.remedy.clone())
        })
    }

    /// What a Check could not find out. `remedy` gives the right to ask.
    pub fn skipped(&self, remedy: &str) -> impl Iterator<Item = CheckItem> {
        self.unanswered.iter().map(move |(question, why)| {
            let message = format!("{question} is not known: {}", why.message);
            CheckItem::new(CheckName::Permission.of("addresses in use"), Verdict::Skipped, message, remedy)
        })
    }

    /// Why a takeover would not get this range. `key` is where the configuration lists the members.
    pub fn refusal(&self, range: IpNet, missing: &[String], key: &str) -> Option<Error> {
        let holder = self.holder(range)?;
        // One address is written without its length.
        let shown =
            if range.prefix_len() == range.max_prefix_len() { range.addr().to_string() } else { range.to_string() };
        let name_it = match self.explain(missing).as_slice() {
            _ if self.user(range).is_some_and(|user| !user.may_be_a_member) => None,
            [] => Some(format!("add {holder} to `{key}` on every member if it is a member's")),
            missing => Some(format!("correct `{key}` on every member, if {} is its misspelt name", names(missing))),
        };
        let name_it = name_it.map(|act| format!("{act}, or ")).unwrap_or_default();
        Some(Error::new(
            Code::Conflict,
            format!("{shown} is in use by {holder}, which `{key}` does not name, so nothing takes it from there"),
            format!("{name_it}take {shown} off it, or choose another address"),
        ))
    }
}

/// Whether a range has an address in common with this one.
fn overlaps(range: IpNet) -> impl Fn(&IpNet) -> bool {
    move |other| range.contains(other) || other.contains(&range)
}

/// Waits for an answer for a short time only: it is extra information.
///
/// # Errors
/// Those of the answer; `unavailable` when the time is over.
pub async fn within_a_moment<T>(answer: impl Future<Output = Result<T>>) -> Result<T> {
    timeout(LONGEST, answer).await.unwrap_or_else(|_elapsed| {
        let message = format!("no answer within {} s", LONGEST.as_secs());
        Err(Error::new(Code::Unavailable, message, "call again"))
    })
}

impl Missing {
    /// What to do about it; `what` is it that the configuration names under `key`.
    pub fn remedy(&self, what: &str, key: &str) -> String {
        match &self.similar {
            Some(similar) => format!(
                "write {similar} in its place in `{key}` on every member, if that is meant; otherwise remove it there"
            ),
            None => format!("correct {what} in `{key}` on every member, or remove it there"),
        }
    }

    /// What to say of it, beside its name.
    pub fn why(&self) -> String {
        match &self.similar {
            Some(similar) => format!("misspelt or deleted; similar: {similar}"),
            None => "misspelt or deleted".to_owned(),
        }
    }
}

fn names(missing: &[Missing]) -> String {
    missing.iter().map(|missing| missing.name.as_str()).collect::<Vec<_>>().join(" or ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outsiders(all: &[(&[&str], &str)]) -> Outsiders {
        let found = all.iter().map(|(names, addresses)| Outsider {
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            may_be_a_member: true,
            ranges: vec![range(addresses)],
        });
        Outsiders { found: found.collect(), ..Outsiders::default() }
    }

    fn range(text: &str) -> IpNet {
        text.parse().expect("a range")
    }

    #[test]
    fn what_was_meant_is_one_that_is_nearly_the_same() {
        let known = outsiders(&[
            (&["isc-primary-001", "zones/z-b/instances/isc-primary-001"], "10.0.0.4/32"),
            (&["web", "zones/z-b/instances/web"], "10.0.0.5/32"),
        ]);
        for (missing, similar) in [
            ("isc-primary-010", Some("isc-primary-001")),
            ("ISC_primary_001", Some("isc-primary-001")),
            ("zones/z-c/instances/isc-primary-001", Some("zones/z-b/instances/isc-primary-001")),
            ("database", None),
        ] {
            let explained = known.explain(&[missing.to_owned()]);
            assert_eq!(explained, [Missing { name: missing.into(), similar: similar.map(str::to_owned) }]);
        }
    }

    #[test]
    fn whoever_has_a_vip_is_named_where_somebody_knows_it() {
        let mut known = outsiders(&[(&["web"], "10.0.0.254/32")]);
        known.in_use.push(range("10.0.0.253/32"));
        assert_eq!(known.holder(range("10.0.0.254/32")).as_deref(), Some("web"));
        assert_eq!(known.holder(range("10.0.0.253/32")).as_deref(), Some("something that is no member"));
        assert_eq!(known.holder(range("10.0.0.252/32")), None);
        assert!(known.refusal(range("10.0.0.252/32"), &[], "azure.nics").is_none());
        // A part of a range is enough to be refused.
        assert_eq!(known.holder(range("10.0.0.240/28")).as_deref(), Some("web"));
        let error = known.refusal(range("10.0.0.254/32"), &["wep".to_owned()], "azure.nics").expect("an error");
        assert_eq!(error.code, Code::Conflict);
        assert!(error.remedy.contains("if wep is its misspelt name"), "{}", error.remedy);
    }
}
