//! What needs attention beside the holder: routes that lead nowhere, and routes that no longer count.

use super::{
    hop,
    plan::{View, number_of, priority},
};
use crate::{
    check::{CheckItem, CheckName, Verdict},
    cloud::gcp::vm::text,
    vip::Vip,
};
use serde_json::Value;

impl View<'_> {
    /// Warnings about the VIPs' routes.
    pub fn remarks(&self) -> Vec<CheckItem> {
        let of_vip = |vip: &Vip| {
            let routes = self.routes_of(vip);
            let best = routes.first().map(|route| priority(route));
            let (counting, late): (Vec<&Value>, Vec<&Value>) =
                routes.into_iter().partition(|route| Some(priority(route)) == best);
            let dead =
                counting.into_iter().filter(|route| self.leads_nowhere(route)).map(|route| leads_nowhere(vip, route));
            let late = late.into_iter().filter(|route| self.is_ours(route, vip)).map(|route| self.leftover(vip, route));
            dead.chain(late).collect::<Vec<_>>()
        };
        self.session.vips.iter().flat_map(of_vip).collect()
    }

    /// A route of the VIP that loses and that nobody has deleted, with the reason where this call has tried.
    fn leftover(&self, vip: &Vip, route: &Value) -> CheckItem {
        let undeleted = self.undeleted.borrow();
        let why = number_of(route).and_then(|number| undeleted.get(number));
        let remedy = match why {
            Some(error) if !error.repeat_may_help() => error.remedy.as_str(),
            _ => "call Acquire on the primary: it removes what is left over",
        };
        let why = why.map(|error| format!(": {}", error.message)).unwrap_or_default();
        CheckItem::new(
            CheckName::LeftoverRoute,
            Verdict::Warning,
            format!(
                "the route {} to {vip} still leads to {}; it does not count{why}",
                text(route, "name"),
                hop::shown(route)
            ),
            remedy.to_owned(),
        )
    }
}

/// A route that counts and whose next hop takes no packet. Its next hop looks like a holder.
fn leads_nowhere(vip: &Vip, route: &Value) -> CheckItem {
    CheckItem::new(
        CheckName::Blackhole,
        Verdict::Warning,
        format!(
            "the route {} of {vip} leads to {}, which {}",
            text(route, "name"),
            hop::shown(route),
            hop::obstacle(route).unwrap_or("takes no packet")
        ),
        "call Acquire on the primary",
    )
}
