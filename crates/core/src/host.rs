//! What the operating system knows: the addresses of this machine, its boot clock, random numbers. Changes nothing.

use ipnet::IpNet;
use nix::{
    ifaddrs::getifaddrs,
    sys::socket::{AddressFamily, SockaddrLike, SockaddrStorage},
    time::{ClockId, clock_gettime},
};
use std::{
    io::ErrorKind,
    net::{IpAddr, UdpSocket},
    time::Duration,
};

/// One address that the operating system carries. `label` is what `ip address` shows at the line's end: `eth0:1` for a
/// labelled address, else the interface's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalAddress {
    /// The label, or the interface's name.
    pub label: String,
    /// The address with its prefix.
    pub address: IpNet,
}

/// One interface's hardware address, lower case with colons.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalDevice {
    /// The interface's name.
    pub name: String,
    /// The hardware address.
    pub mac: String,
}

/// What this machine has.
#[derive(Debug, Clone, Default)]
pub struct LocalNetwork {
    /// All addresses, also those of loopback.
    pub addresses: Vec<LocalAddress>,
    /// All interfaces with a hardware address.
    pub devices: Vec<LocalDevice>,
    /// Whether packets for an address are accepted, although perhaps no interface carries it.
    pub accepts: Accepts,
}

/// Whether the operating system accepts packets for an address; `None` where it does not tell.
#[derive(Debug, Clone, Copy)]
pub struct Accepts(pub fn(IpAddr) -> Option<bool>);

impl Default for Accepts {
    fn default() -> Self {
        Accepts(|_| Some(true))
    }
}

/// Whether the operating system accepts packets for an address: it lets a socket have any address of its table `local`, be it
/// on an interface or in a range that a route alone names (`ip(7)`). Nothing is sent, and the socket is closed at once. Where
/// `net.ipv4.ip_nonlocal_bind` is set, it lets a socket have any address, and tells nothing; nor does any other trouble with the
/// socket.
pub fn accepts_packets_for(address: IpAddr) -> Option<bool> {
    match UdpSocket::bind((address, 0)) {
        Ok(_) if binds_to_anything(address) => None,
        Ok(_) => Some(true),
        Err(error) if error.kind() == ErrorKind::AddrNotAvailable => Some(false),
        Err(_) => None,
    }
}

fn binds_to_anything(address: IpAddr) -> bool {
    let family = if address.is_ipv4() { "ipv4" } else { "ipv6" };
    std::fs::read_to_string(format!("/proc/sys/net/{family}/ip_nonlocal_bind")).is_ok_and(|text| text.trim() != "0")
}

/// All addresses and devices by `getifaddrs(3)`.
///
/// # Errors
/// What the operating system said.
pub fn local_network() -> std::io::Result<LocalNetwork> {
    let mut network = LocalNetwork { accepts: Accepts(accepts_packets_for), ..LocalNetwork::default() };
    for entry in getifaddrs()? {
        let Some(address) = entry.address else { continue };
        if let Some(mac) = address.as_link_addr().and_then(|link| link.addr()) {
            let mac = mac.map(|byte| format!("{byte:02x}")).join(":");
            network.devices.push(LocalDevice { name: entry.interface_name, mac });
        } else if let Some(ip) = ip_of(&address) {
            let mask = entry.netmask.as_ref().and_then(ip_of);
            let prefix = mask.and_then(|mask| ipnet::ip_mask_to_prefix(mask).ok());
            let address = match prefix {
                Some(prefix) => IpNet::new(ip, prefix).unwrap_or_else(|_| IpNet::from(ip)),
                None => IpNet::from(ip),
            };
            network.addresses.push(LocalAddress { label: entry.interface_name, address });
        }
    }
    Ok(network)
}

/// Time since the machine started, counted on while it is suspended (`CLOCK_BOOTTIME`).
pub fn boot_time() -> Duration {
    // The clock exists on every Linux that IRIS runs on; without it a pause would go unnoticed, and no more than that.
    clock_gettime(ClockId::CLOCK_BOOTTIME).map_or(Duration::ZERO, Duration::from)
}

/// A number from the kernel's random generator, asked anew each time, so that two forks of one process get different ones.
///
/// # Panics
/// When the kernel has none, as the standard library's hash maps do. TLS could not work either.
#[allow(clippy::panic, reason = "the callout contains it, and its report says what was changed by then")]
pub fn random() -> u64 {
    getrandom::u64().unwrap_or_else(|error| panic!("failed to generate random data: {error}"))
}

fn ip_of(address: &SockaddrStorage) -> Option<IpAddr> {
    match address.family()? {
        AddressFamily::Inet => Some(IpAddr::V4(address.as_sockaddr_in()?.ip())),
        AddressFamily::Inet6 => Some(IpAddr::V6(address.as_sockaddr_in6()?.ip())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loopback_address_is_seen_with_its_prefix() {
        let network = local_network().expect("getifaddrs");
        let loopback = LocalAddress { label: "lo".into(), address: "127.0.0.1/8".parse().expect("literal") };
        assert!(network.addresses.contains(&loopback), "{:?}", network.addresses);
    }

    #[test]
    fn an_address_is_accepted_that_only_the_table_of_local_routes_knows() {
        // All of 127.0.0.0/8 is there, and the interface carries one address of it.
        let network = local_network().expect("getifaddrs");
        let accepts = |address: &str| (network.accepts.0)(address.parse().expect("an address"));
        assert_eq!((accepts("127.0.0.1"), accepts("127.8.0.9")), (Some(true), Some(true)));
        // TEST-NET-3.
        assert_eq!(accepts("203.0.113.77"), Some(false));
    }

    #[test]
    fn the_boot_clock_runs() {
        assert!(boot_time() > Duration::ZERO);
    }
}
