//! Name look-ups on the calling thread. The HTTP stack's own resolver would run getaddrinfo on a second thread, which the
//! host forbids and which a dead name server keeps alive past the call.

use hickory_resolver::{TokioResolver, config::LookupIpStrategy};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::{
    net::SocketAddr,
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
            let addresses: Vec<SocketAddr> = found.iter().map(|ip| SocketAddr::new(ip, 0)).collect();
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}
