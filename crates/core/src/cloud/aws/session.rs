//! One authenticated way to EC2 for the length of one call: identity, credentials, the SDK's client, and how its calls
//! are made. The SDK's own repeats and time-outs are off; `net::retry` has them for every cloud alike.

use super::{
    connector::Connector,
    credentials,
    error::{credentials_are_stale, explain},
    identity::{self, Identity},
    metadata::Metadata,
};
use crate::{
    config::aws::Aws as Config,
    deadline::Deadline,
    error::{Code, Error, Result},
    host::LocalNetwork,
    net::{
        metadata::CONNECT,
        retry::{Caller, Kind, Policy},
        settings::Http,
        transport::Destination,
    },
};
use aws_config::{
    BehaviorVersion, Region, SdkConfig, provider_config::ProviderConfig, retry::RetryConfig, timeout::TimeoutConfig,
};
use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_sdk_ec2::{Client as Ec2, config::StalledStreamProtectionConfig, error::SdkError};
use aws_smithy_async::{
    rt::sleep::{SharedAsyncSleep, TokioSleep},
    time::{SharedTimeSource, TimeSource},
};
use aws_smithy_runtime_api::client::{http::SharedHttpClient, orchestrator::HttpResponse};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use std::{
    cell::{Cell, RefCell},
    time::{Duration, SystemTime},
};
use tokio::{sync::OnceCell, time::Instant};

pub struct Session {
    config: Config,
    local: LocalNetwork,
    metadata: Metadata,
    caller: Caller,
    connector: Connector,
    start: OnceCell<Identity>,
    clients: RefCell<Option<Clients>>,
    /// Where the credentials came from, for messages.
    source: Cell<&'static str>,
}

/// The SDK's clients, each with its credentials.
#[derive(Clone)]
struct Clients {
    own: Ec2,
    /// Of the configured role, which may belong to the account that owns the network.
    route_tables: Ec2,
}

/// Whose credentials a call is made with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum As {
    Member,
    /// The configured `roleArn`, or the member where there is none. Only the route tables are asked and changed so:
    /// interfaces and Elastic IPs belong to this member's own account.
    RouteTableRole,
}

impl Session {
    pub fn new(config: &Config, http: &Http, local: &LocalNetwork, caller: Caller) -> Result<Self> {
        let endpoints = &config.endpoints;
        let metadata = endpoints.metadata.as_deref();
        let metadata_http =
            caller.client(Destination::Metadata { endpoint: metadata, connect_timeout: CONNECT }, http)?;
        // With a role to assume there are two API hosts; the roots are needed if either is https.
        let plain = endpoints.ec2.as_deref().filter(|url| {
            url.starts_with("http:")
                && (config.role_arn.is_none() || endpoints.sts.as_deref().is_some_and(|sts| sts.starts_with("http:")))
        });
        let api = caller.client(Destination::Api { endpoint: plain }, http)?;
        Ok(Session {
            metadata: Metadata::new(metadata_http, metadata, &caller),
            caller,
            config: config.clone(),
            local: local.clone(),
            connector: Connector(api),
            start: OnceCell::new(),
            clients: RefCell::new(None),
            source: Cell::new(credentials::INSTANCE_ROLE),
        })
    }

    pub fn deadline(&self) -> &Deadline {
        self.caller.deadline()
    }

    /// Who this member is. Asked once, together with the credentials.
    ///
    /// # Errors
    /// What the metadata service or the credential chain said.
    pub async fn identity(&self) -> Result<&Identity> {
        self.start
            .get_or_try_init(async || {
                let identity = identity::read(&self.metadata, &self.config, &self.local);
                let base = self.base_credentials(self.config.region.clone());
                let (identity, base) = futures_util::future::try_join(Box::pin(identity), Box::pin(base)).await?;
                self.use_credentials(&identity, base).await?;
                Ok(identity)
            })
            .await
    }

    /// One EC2 call. Credentials that EC2 calls expired are renewed once.
    ///
    /// # Errors
    /// EC2's, explained.
    pub async fn call<O, E>(
        &self,
        who: As,
        kind: Kind,
        call: &str,
        target: &str,
        send: impl AsyncFn(Ec2) -> std::result::Result<O, SdkError<E, HttpResponse>>,
    ) -> Result<O>
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        self.call_by(&self.caller, who, kind, call, target, send).await
    }

    /// A read that decides nothing: tried once, so that it cannot slow down what matters.
    ///
    /// # Errors
    /// As [`Session::call`].
    pub async fn call_once<O, E>(
        &self,
        call: &str,
        target: &str,
        send: impl AsyncFn(Ec2) -> std::result::Result<O, SdkError<E, HttpResponse>>,
    ) -> Result<O>
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        let once = self.caller.with_policy(Policy {
            attempt_timeout: Duration::from_secs(3),
            most_attempts: Some(1),
            longest_silence: None,
        });
        self.call_by(&once, As::Member, Kind::Read, call, target, send).await
    }

    async fn call_by<O, E>(
        &self,
        caller: &Caller,
        who: As,
        kind: Kind,
        call: &str,
        target: &str,
        send: impl AsyncFn(Ec2) -> std::result::Result<O, SdkError<E, HttpResponse>>,
    ) -> Result<O>
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        let identity = self.identity().await?;
        let mut renewed = false;
        loop {
            let client = self.client(who);
            let attempt = async || match &client {
                Some(client) => send(client.clone()).await.map_err(|error| explain(kind, call, error)),
                None => Err(Error::new(Code::Internal, "no EC2 client", "report this")),
            };
            // Boxed: the SDK's futures are large, and they lie deep in ours.
            match Box::pin(caller.call(kind, call, target, attempt)).await {
                Err(error) if credentials_are_stale(&error) && !renewed => {
                    renewed = true;
                    let base = self.base_credentials(Some(identity.region.clone())).await?;
                    self.use_credentials(identity, base).await?;
                }
                answer => return answer.map_err(|error| self.name_source(error)),
            }
        }
    }

    /// Credentials that an administrator forgot somewhere go before the instance's role: whose were refused has to be told.
    fn name_source(&self, error: Error) -> Error {
        let source = self.source.get();
        let refused = matches!(error.code, Code::Unauthenticated | Code::Denied);
        if !refused || source == credentials::INSTANCE_ROLE {
            return error;
        }
        error.with(|details| details.message = format!("{} (credentials from: {source})", details.message))
    }

    fn client(&self, who: As) -> Option<Ec2> {
        let clients = self.clients.borrow().clone()?;
        Some(match who {
            As::Member => clients.own,
            As::RouteTableRole => clients.route_tables,
        })
    }

    async fn base_credentials(&self, region: Option<String>) -> Result<Credentials> {
        let sdk = ProviderConfig::empty()
            .with_http_client(self.connector.clone())
            .with_sleep_impl(TokioSleep::new())
            .with_time_source(self.clock())
            .with_region(region.map(Region::new));
        let (source, found) = self.caller.deadline().guard(credentials::load(&self.metadata, &sdk)).await??;
        self.source.set(source);
        Ok(found)
    }

    async fn use_credentials(&self, identity: &Identity, base: Credentials) -> Result<()> {
        let endpoint = self.config.endpoints.ec2.as_deref();
        let own = Ec2::new(&self.sdk(identity, base.clone(), endpoint));
        let route_tables = match &self.config.role_arn {
            Some(role) => Ec2::new(&self.sdk(identity, self.assume(role, identity, base).await?, endpoint)),
            None => own.clone(),
        };
        *self.clients.borrow_mut() = Some(Clients { own, route_tables });
        Ok(())
    }

    async fn assume(&self, role: &str, identity: &Identity, base: Credentials) -> Result<Credentials> {
        const CALL: &str = "sts:AssumeRole";
        let sts = aws_sdk_sts::Client::new(&self.sdk(identity, base, self.config.endpoints.sts.as_deref()));
        let attempt = async || {
            let answer = sts
                .assume_role()
                .role_arn(role)
                .role_session_name(format!("mirrorvip-{}", identity.instance))
                .send()
                .await;
            answer.map_err(|error| explain(Kind::Read, CALL, error))
        };
        let answer = Box::pin(self.caller.call(Kind::Read, CALL, role, attempt)).await?;
        let found = answer.credentials.ok_or_else(|| {
            Error::new(Code::Unexpected, format!("{CALL} on {role}: the answer holds no credentials"), "report this")
        })?;
        Ok(Credentials::new(
            found.access_key_id,
            found.secret_access_key,
            Some(found.session_token),
            None,
            "assumed role",
        ))
    }

    fn clock(&self) -> Clock {
        Clock { read: self.caller.deadline().wall_clock(), at: Instant::now() }
    }

    fn sdk(&self, identity: &Identity, credentials: Credentials, endpoint: Option<&str>) -> SdkConfig {
        for secret in [Some(credentials.secret_access_key()), credentials.session_token()].into_iter().flatten() {
            self.caller.journal().hide(secret);
        }
        let mut sdk = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .http_client(SharedHttpClient::new(self.connector.clone()))
            .region(Region::new(identity.region.clone()))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
            .time_source(SharedTimeSource::new(self.clock()))
            .retry_config(RetryConfig::disabled())
            .timeout_config(TimeoutConfig::disabled())
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
        sdk.set_endpoint_url(endpoint.map(str::to_owned));
        sdk.build()
    }
}

/// The date of the SDK's signatures: read once from the call's own clock, which need not be the system's, and counted on from
/// there. A pause of the machine does not count, but no call outlives one.
#[derive(Debug)]
struct Clock {
    read: SystemTime,
    at: Instant,
}

impl TimeSource for Clock {
    fn now(&self) -> SystemTime {
        self.read + self.at.elapsed()
    }
}
