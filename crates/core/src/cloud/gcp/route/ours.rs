//! Whose a route is. A route of the VIP's name may be anybody's; one that leads to a member is the VIP's.

use super::{
    hop,
    plan::{View, is_tagged, route_name},
};
use crate::{
    cloud::gcp::{settings::second_name, vm::text},
    vip::Vip,
};
use serde_json::Value;

impl View<'_> {
    /// Whether the route belongs to this VIP: because it leads to a member, or by its name, where it leads to no other machine.
    pub fn is_ours(&self, route: &Value, vip: &Vip) -> bool {
        let (name, ours) = (text(route, "name"), route_name(self.session, vip));
        let is_named = name == ours || name == second_name(ours);
        hop::name(route).is_some()
            && !is_tagged(route)
            && (self.leads_here(route) || self.leads_to_a_member(route) || is_named && !self.leads_to_a_stranger(route))
    }

    fn leads_to_a_member(&self, route: &Value) -> bool {
        let (instance, ip) = (text(route, "nextHopInstance"), text(route, "nextHopIp"));
        if instance.is_empty() {
            return self.seen.members.iter().flatten().any(|member| member == ip);
        }
        self.session.settings.instances.iter().any(|member| {
            let zone = member.zone.as_ref().map(|zone| format!("/zones/{zone}"));
            instance.ends_with(&format!("{}/instances/{}", zone.unwrap_or_default(), member.name))
        })
    }

    /// Whether the next hop is a VM that exists and is no member, or the address of one. Without a list of members nobody knows that
    /// of a VM, and where one of them could not be read not of an address: it may be that one's.
    fn leads_to_a_stranger(&self, route: &Value) -> bool {
        let is_known = match text(route, "nextHopInstance") {
            "" => self.seen.members.is_some(),
            _ => !self.session.settings.instances.is_empty(),
        };
        is_known && !self.leads_to_a_member(route) && !hop::is_gone(route)
    }

    /// Whether any route of the VIPs leads to an address that is not this VM's.
    pub fn leads_to_an_address(&self) -> bool {
        let mut routes = self.session.vips.iter().flat_map(|vip| self.routes_of(vip));
        routes.any(|route| !text(route, "nextHopIp").is_empty() && !self.leads_here(route))
    }
}
