//! Where plain http may go: to this machine and to the link-local addresses of the metadata services. Anywhere else it would
//! carry tokens and signatures in the clear.

use std::net::{IpAddr, Ipv6Addr};
use url::{Host, Url};

/// Addresses of metadata services that are not link-local: EC2's over IPv6 and that of the credentials of EKS pods
/// ("Use IMDS", "EKS Pod Identity"), Compute Engine's for machines with IPv6 alone ("View and query VM metadata").
const METADATA: [Ipv6Addr; 3] = [
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254),
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23),
    Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254),
];

/// Names that plain http may go to. Whatever name server answers, they lead to near addresses only (`net/dns.rs`).
const NAMES: [&str; 3] = ["localhost", "metadata.google.internal", "metadata"];

/// Whether an address is this machine's own, link-local, or that of a metadata service.
pub fn is_near(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_loopback() || ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unicast_link_local() || METADATA.contains(&ip),
    }
}

/// Whether a name has to lead to a near address.
pub fn is_near_name(name: &str) -> bool {
    NAMES.contains(&name.trim_end_matches('.').to_ascii_lowercase().as_str())
}

/// Whether a request to this URL is either encrypted or stays near.
pub fn may_be_sent(url: &Url) -> bool {
    match (url.scheme(), url.host()) {
        ("https", Some(_)) => true,
        ("http", Some(Host::Ipv4(ip))) => is_near(ip.into()),
        ("http", Some(Host::Ipv6(ip))) => is_near(ip.into()),
        ("http", Some(Host::Domain(name))) => is_near_name(name),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_near_and_is_not_gets_nothing_in_the_clear() {
        for url in [
            "http://10.0.0.1/",
            "http://127.0.0.1.example.com/",
            "http://169.254.169.254.example.com/",
            "http://localhost.example.com/",
            "http://metadata.example.com/",
            "http://[fd00:ec2::255]/",
            "http://[fd00::1]/",
            // An IPv4 address inside an IPv6 one is sent as IPv4.
            "http://[::ffff:10.0.0.1]/",
            "http://2130706434.example.com/",
            "http://0.0.0.0/",
            "ftp://127.0.0.1/",
            "file:///etc/passwd",
        ] {
            assert!(!may_be_sent(&Url::parse(url).expect(url)), "{url}");
        }
        for url in [
            "http://127.0.0.1:5000/",
            "http://127.1/",
            "http://[::1]/",
            "http://[fe80::1]/",
            "http://169.254.170.2/v2/credentials",
            "http://[fd00:ec2::254]/",
            "http://[fd00:ec2::23]/",
            "http://[fd20:ce::254]/",
            "http://LOCALHOST/",
            "http://metadata.google.internal./",
            "https://10.0.0.1/",
        ] {
            assert!(may_be_sent(&Url::parse(url).expect(url)), "{url}");
        }
    }
}
