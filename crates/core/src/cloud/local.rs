//! Whether the operating system of this machine accepts packets for the VIPs. It drops what comes for an address that it does not
//! have, and the cloud notices nothing of that.

use crate::{
    check::{CheckItem, CheckName, Verdict},
    host::LocalNetwork,
    vip::Vip,
};
use std::net::IpAddr;

const NAME: CheckName = CheckName::VipNotLocal;

/// The operating system that this process asks.
pub struct System<'a> {
    network: &'a LocalNetwork,
    /// Whether it is that of the machine, which has one of these addresses. A container may have a network of its own.
    is_the_machines: bool,
}

/// What the operating system says of one VIP.
enum Says {
    /// It accepts packets for this address of the VIP.
    Accepts(IpAddr),
    Drops,
    /// It would let a socket have any address.
    Nothing,
}

impl<'a> System<'a> {
    /// `own`: the addresses of this member that do not move, as the cloud tells them; none where nobody knows one.
    pub fn new(network: &'a LocalNetwork, own: impl IntoIterator<Item = IpAddr>) -> Self {
        let mut own = own.into_iter().peekable();
        let is_known = own.peek().is_some();
        let is_there = |own: IpAddr| network.addresses.iter().any(|known| known.address.addr() == own);
        System { network, is_the_machines: !is_known || own.any(is_there) }
    }

    /// Whether packets for any of these are dropped, as far as the operating system can tell.
    pub fn drops(&self, vips: &[&Vip]) -> bool {
        self.is_the_machines && vips.iter().any(|vip| matches!(self.says(vip), Says::Drops))
    }

    /// The item about these VIPs. `remedy` is that for one whose packets are dropped.
    pub fn item(&self, vips: &[&Vip], remedy: impl Fn(&Vip) -> String) -> CheckItem {
        if !self.is_the_machines {
            let message = "not looked at: this process is not in the network of the machine, as in a container with its own network";
            return CheckItem::new(
                NAME,
                Verdict::Skipped,
                message,
                "look on the machine itself: ip route ls table local",
            );
        }
        let said: Vec<_> = vips.iter().map(|vip| (*vip, self.says(vip))).collect();
        let dropped: Vec<&Vip> =
            said.iter().filter(|(_, says)| matches!(says, Says::Drops)).map(|(vip, _)| *vip).collect();
        if !dropped.is_empty() {
            let all: Vec<_> = dropped.iter().map(ToString::to_string).collect();
            let message =
                format!("the operating system does not accept packets for {}, and drops them", all.join(", "));
            let mut remedies: Vec<String> = dropped.iter().map(|vip| remedy(vip)).collect();
            remedies.dedup();
            return CheckItem::new(NAME, Verdict::Warning, message, remedies.join("; "));
        }
        if let Some((vip, _)) = said.iter().find(|(_, says)| matches!(says, Says::Nothing)) {
            let message =
                format!("not known: no interface carries {vip}, and net.ipv4.ip_nonlocal_bind hides the rest");
            return CheckItem::new(NAME, Verdict::Skipped, message, "look: ip route ls table local");
        }
        let accepted = said.iter().filter_map(|(vip, says)| match says {
            Says::Accepts(address) if vip.is_one_address() => Some(address.to_string()),
            Says::Accepts(address) => Some(format!("{address} of {}", vip.destination())),
            Says::Drops | Says::Nothing => None,
        });
        let accepted: Vec<_> = accepted.collect();
        CheckItem::ok(NAME, format!("the operating system accepts packets for {}", accepted.join(", ")))
    }

    fn says(&self, vip: &Vip) -> Says {
        let is_the_vips = |address: &IpAddr| vip.destination().contains(address);
        let carried = self.network.addresses.iter().map(|known| known.address.addr()).find(is_the_vips);
        let address = carried.unwrap_or_else(|| vip.address.addr());
        match (carried, (self.network.accepts.0)(address)) {
            (Some(_), _) | (None, Some(true)) => Says::Accepts(address),
            (None, Some(false)) => Says::Drops,
            (None, None) => Says::Nothing,
        }
    }
}

/// For a VIP whose address stands on every member all the time.
pub fn add_for_good(vip: &Vip) -> String {
    format!(
        "`ip address add {vip} dev eth0 label eth0:1` on every member, and the same in its network configuration for the next restart"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::{Accepts, LocalAddress};

    fn network(accepts: fn(IpAddr) -> Option<bool>, addresses: &[&str]) -> LocalNetwork {
        let address = |text: &&str| LocalAddress { label: "eth0".into(), address: text.parse().expect("an address") };
        LocalNetwork {
            addresses: addresses.iter().map(address).collect(),
            accepts: Accepts(accepts),
            ..LocalNetwork::default()
        }
    }

    fn item(network: &LocalNetwork, own: &[&str], vip: &str) -> (Verdict, String) {
        let vip = Vip { address: vip.parse().expect("an address"), public_ip: None, name: None };
        let own = own.iter().map(|text| text.parse().expect("an address"));
        let item = System::new(network, own).item(&[&vip], |vip| format!("add {vip}"));
        (item.result, item.message + "; " + &item.remedy)
    }

    #[test]
    fn each_vip_that_is_dropped_has_its_own_command() {
        let vip = |text: &str| Vip { address: text.parse().expect("an address"), public_ip: None, name: None };
        let vips = [vip("10.1.0.254/32"), vip("10.1.0.253/32")];
        let drops = network(|_| Some(false), &["10.0.0.5/24"]);
        let own = ["10.0.0.5".parse().expect("an address")];
        let item = System::new(&drops, own).item(&vips.each_ref(), |vip| format!("add {vip}"));
        assert_eq!(item.remedy, "add 10.1.0.254/32; add 10.1.0.253/32");
    }

    #[test]
    fn what_the_operating_system_says_of_a_vip() {
        const OWN: &str = "10.0.0.5/24";
        let told = |accepts: fn(IpAddr) -> Option<bool>, carried: &[&str], vip: &str| {
            item(&network(accepts, &[&[OWN], carried].concat()), &["10.0.0.5"], vip)
        };
        let (drops, accepts, says_nothing) = (|_| Some(false), |_| Some(true), |_| None);
        let is = |(verdict, text): (Verdict, String), expected: Verdict, part: &str| {
            assert!(verdict == expected && text.contains(part), "{verdict:?} {text}");
        };
        is(told(drops, &[], "10.1.0.254/32"), Verdict::Warning, "for 10.1.0.254/32, and drops them; add 10.1.0.254/32");
        is(told(drops, &["10.1.0.254/32"], "10.1.0.254/32"), Verdict::Ok, "accepts packets for 10.1.0.254; ");
        // A route of the table `local` is as good as an address.
        is(told(accepts, &[], "10.1.0.254/32"), Verdict::Ok, "accepts packets for 10.1.0.254; ");
        is(told(drops, &["10.8.0.9/32"], "10.8.0.8/29"), Verdict::Ok, "for 10.8.0.9 of 10.8.0.8/29");
        is(told(says_nothing, &[], "10.1.0.254/32"), Verdict::Skipped, "ip_nonlocal_bind");
        is(told(says_nothing, &["10.1.0.254/32"], "10.1.0.254/32"), Verdict::Ok, "accepts");
        // A container with a network of its own: nobody is warned of what the host does well.
        let container = network(drops, &["172.17.0.2/16"]);
        is(item(&container, &["10.0.0.5"], "10.1.0.254/32"), Verdict::Skipped, "not in the network of the machine");
        is(item(&container, &[], "10.1.0.254/32"), Verdict::Warning, "drops them");
    }
}
