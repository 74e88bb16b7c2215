//! Name look-ups on the calling thread. The HTTP stack's own resolver would run getaddrinfo on a second thread. The host forbids
//! that, and a dead name server would keep the thread alive past the call.

use super::near;
use hickory_resolver::{TokioResolver, config::LookupIpStrategy};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::{
    collections::BTreeSet,
    fmt,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, OnceLock},
    time::Duration,
};

/// Asks the name servers of /etc/resolv.conf, after /etc/hosts. Lives for one call, since both files may change.
#[derive(Clone, Default)]
pub struct Resolver(Arc<Shared>);

#[derive(Default)]
struct Shared {
    system: OnceLock<TokioResolver>,
    /// The names that no answer has come for, also where nobody waits for it any longer.
    asking: Mutex<BTreeSet<String>>,
}

/// Why a name leads nowhere.
#[derive(Debug)]
pub struct Unresolved(String);

impl fmt::Display for Unresolved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unresolved {}

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Resolver")
    }
}

/// One question to one name server; the connect time-out bounds the whole look-up.
const QUESTION: Duration = Duration::from_secs(1);

impl Resolver {
    /// Whether a look-up of this name was begun and no answer has come.
    pub fn is_asking(&self, name: &str) -> bool {
        self.0.asking.lock().is_ok_and(|asking| asking.contains(name))
    }

    async fn look_up(&self, name: &str) -> Result<Vec<SocketAddr>, Unresolved> {
        let system = self.system()?;
        self.note(|asking| asking.insert(name.to_owned()));
        let found = system.lookup_ip(name).await;
        self.note(|asking| asking.remove(name));
        match found {
            Ok(found) => usable(name, found.iter()),
            Err(error) if error.is_nx_domain() => Err(Unresolved(format!("the name {name} does not exist (NXDOMAIN)"))),
            Err(error) if error.is_no_records_found() => Err(Unresolved(format!("the name {name} has no address"))),
            Err(error) => Err(Unresolved(format!("no name server answered for {name}: {error}"))),
        }
    }

    fn note(&self, change: impl FnOnce(&mut BTreeSet<String>) -> bool) {
        if let Ok(mut asking) = self.0.asking.lock() {
            change(&mut asking);
        }
    }

    fn system(&self) -> Result<&TokioResolver, Unresolved> {
        if let Some(resolver) = self.0.system.get() {
            return Ok(resolver);
        }
        let unusable = |error| Unresolved(format!("/etc/resolv.conf names no usable name server: {error}"));
        // Without a readable /etc/resolv.conf this fails: a hospital's look-ups do not silently go to a public resolver.
        let mut builder = TokioResolver::builder_tokio().map_err(unusable)?;
        let options = builder.options_mut();
        options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
        options.timeout = QUESTION;
        options.attempts = 2;
        let built = builder.build().map_err(unusable)?;
        Ok(self.0.system.get_or_init(|| built))
    }
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let resolver = self.clone();
        Box::pin(async move {
            let addresses = resolver.look_up(name.as_str()).await?;
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

/// A name that plain http may go to leads to near addresses only: no name server can send tokens elsewhere in the clear.
fn usable(name: &str, found: impl Iterator<Item = IpAddr>) -> Result<Vec<SocketAddr>, Unresolved> {
    let has_to_be_near = near::is_near_name(name);
    let kept = found.filter(|ip| !has_to_be_near || near::is_near(*ip));
    let addresses: Vec<SocketAddr> = kept.map(|ip| SocketAddr::new(ip, 0)).collect();
    if addresses.is_empty() {
        return Err(Unresolved(format!("the name {name} leads to no address that plain http may go to")));
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
            assert_eq!(of(name, &ips).ok(), Some(1), "{name}");
            assert!(of(name, &ips[..1]).is_err(), "{name}");
        }
        assert_eq!(of("ec2.eu-west-1.amazonaws.com", &ips).ok(), Some(3));
    }
}
