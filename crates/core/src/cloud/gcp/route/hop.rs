//! Where a route leads, and whether a packet arrives there.

use crate::cloud::gcp::vm::text;
use serde_json::Value;

/// The VM or the address that a route leads to. `None` for any other next hop.
pub fn name(route: &Value) -> Option<&str> {
    let instance = text(route, "nextHopInstance").rsplit('/').next().filter(|name| !name.is_empty());
    instance.or(Some(text(route, "nextHopIp")).filter(|ip| !ip.is_empty()))
}

/// Next hops that no member is, and what they are (`Route` in the discovery document, 20261106).
const OTHERS: [(&str, &str); 7] = [
    ("nextHopGateway", "the gateway"),
    ("nextHopIlb", "the load balancer"),
    ("nextHopVpnTunnel", "the VPN tunnel"),
    ("nextHopInterconnectAttachment", "the interconnect attachment"),
    ("nextHopPeering", "the peering"),
    ("nextHopHub", "the hub"),
    ("nextHopNetwork", "the network"),
];

/// Where a route leads, in words: a VM and an address by their names, anything else with what it is.
pub fn shown(route: &Value) -> String {
    let other = || {
        let (key, kind) = OTHERS.iter().find(|(key, _)| !text(route, key).is_empty())?;
        Some(format!("{kind} {}", text(route, key).rsplit('/').next().unwrap_or_default()))
    };
    name(route).map(str::to_owned).or_else(other).unwrap_or_else(|| "something else".to_owned())
}

/// Why no packet arrives where a route leads, by Google's own warnings about it (`Route.warnings` in the discovery document,
/// 20261106). Google says nothing of a next hop that works.
pub fn obstacle(route: &Value) -> Option<&'static str> {
    codes(route).find_map(|code| KINDS.iter().find(|(known, _)| *known == code).map(|(_, meaning)| *meaning))
}

/// Whether the VM that a route leads to does not exist any more, or no VM has the address.
pub fn is_gone(route: &Value) -> bool {
    codes(route).any(|code| code == NOT_FOUND || code == NOT_ASSIGNED)
}

fn codes(route: &Value) -> impl Iterator<Item = &str> {
    let warnings = route.get("warnings").and_then(Value::as_array).into_iter().flatten();
    warnings.map(|warning| text(warning, "code"))
}

const NOT_FOUND: &str = "NEXT_HOP_INSTANCE_NOT_FOUND";
const NOT_ASSIGNED: &str = "NEXT_HOP_ADDRESS_NOT_ASSIGNED";
const KINDS: [(&str, &str); 5] = [
    ("NEXT_HOP_NOT_RUNNING", "does not run"),
    (NOT_FOUND, "does not exist"),
    (NOT_ASSIGNED, "is no VM's address"),
    ("NEXT_HOP_INSTANCE_NOT_ON_NETWORK", "is not in the route's network"),
    ("NEXT_HOP_CANNOT_IP_FORWARD", "has IP forwarding off"),
];

#[cfg(test)]
mod tests {
    use super::{name, obstacle, shown};
    use serde_json::json;

    #[test]
    fn only_a_warning_about_the_next_hop_keeps_packets_away() {
        let route =
            |code: &str| json!({ "nextHopInstance": "projects/p/zones/z/instances/a", "warnings": [{ "code": code }] });
        assert_eq!((name(&route("")), obstacle(&route("NEXT_HOP_NOT_RUNNING"))), (Some("a"), Some("does not run")));
        assert_eq!((obstacle(&route("DEPRECATED_RESOURCE_USED")), obstacle(&json!({}))), (None, None));
    }

    #[test]
    fn a_next_hop_that_is_no_machine_is_named_with_what_it_is() {
        for (key, value, expected) in [
            ("nextHopInstance", "projects/p/zones/z/instances/a", "a"),
            ("nextHopIp", "10.0.0.4", "10.0.0.4"),
            (
                "nextHopGateway",
                "projects/p/global/gateways/default-internet-gateway",
                "the gateway default-internet-gateway",
            ),
            ("nextHopIlb", "projects/p/regions/r/forwardingRules/front", "the load balancer front"),
            ("nextHopIlb", "10.0.0.9", "the load balancer 10.0.0.9"),
            ("nextHopVpnTunnel", "projects/p/regions/r/vpnTunnels/t", "the VPN tunnel t"),
            ("nextHopMed", "7", "something else"),
        ] {
            assert_eq!(shown(&json!({ key: value })), expected);
        }
    }
}
