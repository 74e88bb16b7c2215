//! The AWS SDK's clients of EC2 for one call, each with its credentials. The SDK's own retries and time-outs are off:
//! `net::retry` retries in the same way for every cloud.

use super::{
    connector::Connector,
    credentials,
    error::{OWN_ROLE, explain},
    identity::Identity,
    metadata::Metadata,
    settings::{Endpoints, Settings},
};
use crate::{
    error::{Code, Error, Result},
    net::{
        retry::{Caller, Kind},
        settings::Http,
        transport::Destination,
    },
};
use aws_config::{
    BehaviorVersion, Region, SdkConfig, provider_config::ProviderConfig, retry::RetryConfig, timeout::TimeoutConfig,
};
use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_sdk_ec2::{Client as Ec2, config::StalledStreamProtectionConfig};
use aws_smithy_async::{
    rt::sleep::{SharedAsyncSleep, TokioSleep},
    time::{SharedTimeSource, TimeSource},
};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::SystemTime,
};
use tokio::{sync::OnceCell, time::Instant};

const ASSUME: &str = "sts:AssumeRole";

/// The clients of one call.
pub struct Clients {
    caller: Caller,
    connector: Connector,
    endpoints: Endpoints,
    role_arn: Option<String>,
    current: RefCell<Option<Pair>>,
    /// Where the credentials came from, for error messages.
    source: Cell<&'static str>,
}

#[derive(Clone)]
struct Pair {
    member: Ec2,
    base: Credentials,
    /// With the credentials of the configured role, which may belong to the account that owns the network. The role is assumed when
    /// a call needs it, so that no other call waits for STS. A refusal stays one: these credentials are not tried on it again.
    route_tables: Rc<OnceCell<Result<Ec2>>>,
}

/// Whose credentials sign a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum As {
    /// This member's own.
    Member,
    /// Those of the configured `roleArn`, or this member's own where the configuration names no role. Only calls on route
    /// tables use the role: interfaces and Elastic IPs belong to this member's own account.
    RouteTableRole,
}

impl Clients {
    /// Sets up the way to the API. Sends nothing; there is no client before [`Clients::use_credentials`].
    ///
    /// # Errors
    /// When the HTTP client cannot be set up.
    pub fn new(settings: &Settings, http: &Http, caller: &Caller) -> Result<Self> {
        let Settings { endpoints, role_arn, .. } = settings;
        // A role to assume brings a second API host, STS: https to either of the two hosts needs the roots.
        let plain = endpoints.ec2.as_deref().filter(|url| {
            url.starts_with("http:")
                && (role_arn.is_none() || endpoints.sts.as_deref().is_some_and(|sts| sts.starts_with("http:")))
        });
        let api = caller.client(Destination::Api { endpoint: plain }, http)?;
        Ok(Clients {
            caller: caller.clone(),
            connector: Connector(api),
            endpoints: endpoints.clone(),
            role_arn: role_arn.clone(),
            current: RefCell::new(None),
            source: Cell::new(credentials::INSTANCE_ROLE),
        })
    }

    /// The client for a call, once there are credentials. Assumes the configured role, where the call needs it and nobody has yet.
    ///
    /// # Errors
    /// What STS answers to AssumeRole.
    pub async fn of(&self, who: As, identity: &Identity, caller: &Caller) -> Result<Ec2> {
        let pair = self.current.borrow().clone();
        let Pair { member, base, route_tables } =
            pair.ok_or_else(|| Error::new(Code::Internal, "no EC2 client", "report this"))?;
        match (who, &self.role_arn) {
            (As::RouteTableRole, Some(role)) => {
                let assumed = async || match Box::pin(self.assume(role, identity, base, caller)).await {
                    Ok(credentials) => {
                        Ok(Ok(Ec2::new(&self.sdk(identity, credentials, self.endpoints.ec2.as_deref()))))
                    }
                    Err(error) if error.repeat_may_help() => Err(error),
                    Err(refusal) => Ok(Err(refusal)),
                };
                route_tables.get_or_try_init(assumed).await?.clone()
            }
            (As::Member | As::RouteTableRole, _) => Ok(member),
        }
    }

    /// Reads this member's own credentials. `region` serves the sources that call STS.
    ///
    /// # Errors
    /// What [`credentials::load`] reports, and the end of the call's time.
    pub async fn load_credentials(&self, metadata: &Metadata, region: Option<String>) -> Result<Credentials> {
        let sdk = ProviderConfig::empty()
            .with_http_client(self.connector.clone())
            .with_sleep_impl(TokioSleep::new())
            .with_time_source(self.clock())
            .with_region(region.map(Region::new));
        let (source, found) = self.caller.deadline().guard(credentials::load(metadata, &sdk)).await??;
        self.source.set(source);
        Ok(found)
    }

    /// Makes the clients with these credentials.
    pub fn use_credentials(&self, identity: &Identity, base: Credentials) {
        let member = Ec2::new(&self.sdk(identity, base.clone(), self.endpoints.ec2.as_deref()));
        *self.current.borrow_mut() = Some(Pair { member, base, route_tables: Rc::default() });
    }

    /// Names the principal that an error refuses, where it is not the instance's role: that of `roleArn`, or the one whose credentials
    /// an administrator forgot on the machine, where they win over the instance's role.
    pub fn name_principal(&self, who: As, error: Error) -> Error {
        if !matches!(error.code, Code::Unauthenticated | Code::Denied) {
            return error;
        }
        let source = self.source.get();
        let is_assumed = who == As::RouteTableRole && error.call.as_deref() != Some(ASSUME);
        match &self.role_arn {
            Some(role) if is_assumed => error.with(|details| {
                details.remedy = details.remedy.replace(OWN_ROLE, &format!("the role {role} (`aws.roleArn`)"));
            }),
            _ if source == credentials::INSTANCE_ROLE => error,
            _ => error.with(|details| {
                details.message = format!("{} (credentials from: {source})", details.message);
                let remedy = details.remedy.replace(OWN_ROLE, "the principal that the message names");
                details.remedy = format!(
                    "take the credentials of the {source} away from the user that IRIS runs as, so that the instance's role counts; or, if they are meant, {remedy}"
                );
            }),
        }
    }

    async fn assume(&self, role: &str, identity: &Identity, base: Credentials, caller: &Caller) -> Result<Credentials> {
        const CALL: &str = ASSUME;
        let sts = aws_sdk_sts::Client::new(&self.sdk(identity, base, self.endpoints.sts.as_deref()));
        let attempt = async || {
            let answer = sts
                .assume_role()
                .role_arn(role)
                .role_session_name(format!("mirrorvip-{}", identity.instance))
                .send()
                .await;
            answer.map_err(|error| explain(Kind::Read, CALL, error))
        };
        let answer = Box::pin(caller.call(Kind::Read, CALL, role, attempt)).await?;
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

/// The date of the SDK's signatures: read once from the call's own clock, which may differ from the system's, and advanced
/// from there. This clock stands still while the machine is paused; no call outlives a pause.
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
