//! Name look-ups on the calling thread. The HTTP stack's own resolver would run getaddrinfo on a second thread. The host forbids
//! that, and a dead name server would keep the thread alive past the call.

use super::near;
use hickory_resolver::{TokioResolver, config::LookupIpStrategy};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::{
    net::{IpAddr, SocketAddr},
    sync::{Arc, OnceLock},
    time::Duration,
};

/// Asks the name servers of /etc/resolv.conf, after /etc/hosts. Lives for one call, since both files may change.
#[derive(Clone, Default)]
pub struct Resolver(Arc<OnceLock<TokioResolver>>);

/// One question to one name server; the connect time-out bounds the whole look-up.
const QUESTION: Duration = Duration::from_secs(1);

impl Resolver {
    fn system(&self) -> Result<&TokioResolver, Box<dyn std::error::Error + Send + Sync>> {
        if let Some(resolver) = self.0.get() {
            return Ok(resolver);
        }
        // Without a readable /etc/resolv.conf this fails: a hospital's look-ups do not silently go to a public resolver.
        let mut builder = TokioResolver::builder_tokio()?;
        let options = builder.options_mut();
        options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
        options.timeout = QUESTION;
        options.attempts = 2;
        let built = builder.build()?;
        Ok(self.0.get_or_init(|| built))
    }
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let resolver = self.clone();
        Box::pin(async move {
            let found = resolver.system()?.lookup_ip(name.as_str()).await?;
            let addresses = usable(name.as_str(), found.iter())?;
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

/// A name that plain http may go to leads to near addresses only: no name server can send tokens elsewhere in the clear.
fn usable(name: &str, found: impl Iterator<Item = IpAddr>) -> Result<Vec<SocketAddr>, String> {
    let has_to_be_near = near::is_near_name(name);
    let kept = found.filter(|ip| !has_to_be_near || near::is_near(*ip));
    let addresses: Vec<SocketAddr> = kept.map(|ip| SocketAddr::new(ip, 0)).collect();
    if addresses.is_empty() {
        return Err(format!("{name} leads to no address that may be used"));
    }
    Ok(addresses)
}

#[cfg(test)]
mod tests {
    use super::usable;

    #[test]
    fn a_name_server_cannot_move_the_metadata_service() {
        let ips = ["10.0.0.1", "169.254.169.254", "2001:db8::1"].map(|text| text.parse().expect(text));
        let of = |name: &str, ips: &[std::net::IpAddr]| usable(name, ips.iter().copied()).map(|found| found.len());
        for name in ["metadata.google.internal", "Metadata.Google.Internal.", "localhost", "metadata"] {
            assert_eq!(of(name, &ips), Ok(1), "{name}");
            assert!(of(name, &ips[..1]).is_err(), "{name}");
        }
        assert_eq!(of("ec2.eu-west-1.amazonaws.com", &ips), Ok(3));
    }
}
