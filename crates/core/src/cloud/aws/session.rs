//! What one call knows beneath its mechanism: settings, VIPs, who this member is, and the one authenticated way to EC2.
//! Every mechanism calls down to the session; the session knows none of them.

use super::{
    clients::{As, Clients},
    error::{credentials_are_stale, explain},
    identity::{self, Identity},
    metadata::Metadata,
    settings::Settings,
    written::{READS_LAG, Written},
};
use crate::{
    check::{CheckItem, CheckName, Verdict},
    cloud::{
        Plan, Setup, Step,
        local::{System, add_for_good},
        operation::until_a_last_look,
    },
    deadline::Deadline,
    error::{Code, Error, Result},
    host::LocalNetwork,
    net::{
        retry::{Caller, Kind, Policy},
        transport::Destination,
    },
    vip::{Holder, Part, PartId, Vip, Write},
};
use aws_sdk_ec2::{Client as Ec2, error::SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use futures_util::future::try_join;
use serde_json::Value;
use std::time::{Duration, SystemTime};
use tokio::sync::OnceCell;

/// How long a change waits for its answer. One that has none by then would hold up the look that says whether it was made, and with
/// that its repeat: EC2 answers a change of a route within a second, and says nothing where one was lost.
const PATIENCE: Duration = Duration::from_secs(3);

/// How long a status waits before it believes that the parts are apart.
pub const LOOK_TWICE_AFTER: Duration = READS_LAG;

/// One call's settings, VIPs, identity and clients.
pub struct Session {
    /// The block `aws` of the configuration.
    pub settings: Settings,
    /// The VIPs of the configuration, each with its Elastic IP.
    pub vips: Vec<Vip>,
    local: LocalNetwork,
    caller: Caller,
    metadata: Metadata,
    clients: Clients,
    identity: OnceCell<Identity>,
    /// What this takeover has written.
    written: Written,
}

/// Keeps the failure of a read with the parts that it is about, unless the whole call has to end.
///
/// # Errors
/// Only when the call has to end.
pub fn kept_apart<T>(read: Result<T>) -> Result<Result<T>> {
    match read {
        Err(error) if error.ends_the_call() => Err(error),
        read => Ok(read),
    }
}

/// What a takeover would leave where it is, because it belongs to something else. Whoever only asks has to learn that as well.
pub fn left_behind<C>(plan: Result<Plan<C>>) -> Vec<CheckItem> {
    let refused = plan.map(|plan| plan.refused).unwrap_or_default().into_iter();
    let of_one = |(part, why): (PartId, Error)| {
        let message = format!("{part}: {}", why.message);
        CheckItem::new(CheckName::PartRefused, Verdict::Warning, message, why.remedy.clone())
    };
    refused.filter(|(_, why)| why.code == Code::Conflict).map(of_one).collect()
}

/// A look at one moment of the call's own clock, before which EC2 had accepted what an earlier call wrote.
pub struct Looked<'a> {
    /// When the look began.
    pub at: SystemTime,
    /// Where it showed each part.
    pub parts: &'a [Part],
}

impl Session {
    /// Sets the session up. Sends nothing.
    ///
    /// # Errors
    /// When the HTTP clients cannot be set up.
    pub fn new(settings: &Settings, setup: Setup<'_>) -> Result<Self> {
        let Setup { http, mut vips, local, caller, resume } = setup;
        // "Request throttling for the Amazon EC2 API": a bucket of tokens for each action.
        let caller = caller.throttled_by_action();
        let endpoint = settings.endpoints.metadata.as_deref();
        let metadata = caller.client(Destination::Metadata { endpoint }, http)?;
        let clients = Clients::new(settings, http, &caller)?;
        // `aws.publicIp` is the short form for the only VIP.
        if let (Some(first), Some(id)) = (vips.first_mut(), &settings.public_ip) {
            first.public_ip = Some(id.clone());
        }
        Ok(Session {
            settings: settings.clone(),
            vips,
            local,
            metadata: Metadata::new(metadata, endpoint, &caller),
            caller,
            clients,
            identity: OnceCell::new(),
            written: Written::of_request(resume),
        })
    }

    /// The deadline of the call.
    pub fn deadline(&self) -> &Deadline {
        self.caller.deadline()
    }

    /// Who this member is. The first use reads identity and credentials side by side; later uses ask nobody.
    ///
    /// # Errors
    /// What the metadata service or the credential chain reports.
    pub async fn identity(&self) -> Result<&Identity> {
        self.identity
            .get_or_try_init(async || {
                let wants_ipv6 = self.vips.iter().any(|vip| vip.address.addr().is_ipv6());
                let identity = identity::read(&self.metadata, &self.settings, &self.local, wants_ipv6);
                let base = self.clients.load_credentials(&self.metadata, self.settings.region.clone());
                let (identity, base) = try_join(Box::pin(identity), Box::pin(base)).await?;
                self.clients.use_credentials(&identity, base);
                Ok(identity)
            })
            .await
    }

    /// The type of this instance, for example `m7i.large`.
    ///
    /// # Errors
    /// What the metadata service reports.
    pub async fn instance_type(&self) -> Result<String> {
        self.metadata.get_required("meta-data/instance-type").await
    }

    /// Makes one EC2 call; `call` and `target` name the call in the report. Renews the credentials once, if EC2 reports
    /// them as expired.
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
        let caller = match kind {
            Kind::Read => self.caller.clone(),
            Kind::Change => self.caller.until(until_a_last_look(self.deadline())).patient_for(PATIENCE),
        };
        self.call_by(&caller, who, kind, call, target, send).await
    }

    /// Makes a change that may wait long for its turn, and asks before each attempt whether it is still right. `None`: it was not,
    /// and nothing was sent then.
    ///
    /// # Errors
    /// As [`Session::call`], and those of the question.
    pub async fn change_if<O, E>(
        &self,
        who: As,
        call: &str,
        target: &str,
        is_right: impl AsyncFn() -> Result<bool>,
        send: impl AsyncFn(Ec2) -> std::result::Result<O, SdkError<E, HttpResponse>>,
    ) -> Result<Option<O>>
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        let caller = self.caller.until(until_a_last_look(self.deadline())).patient_for(PATIENCE);
        self.with_good_credentials(who, async |identity| {
            let client = Box::pin(self.clients.of(who, identity, &caller)).await?;
            let attempt = async || match Box::pin(is_right()).await? {
                true => send(client.clone()).await.map(Some).map_err(|error| explain(Kind::Change, call, error)),
                false => Ok(None),
            };
            Box::pin(caller.call(Kind::Change, call, target, attempt)).await
        })
        .await
    }

    /// A caller for reads that nothing goes on without: they may take all the time there is.
    pub fn patient(&self) -> Caller {
        self.caller.clone()
    }

    /// A caller for reads that take about this time at most. Half of the time without an answer is one attempt; after the time the
    /// last failure is the error.
    pub fn within(&self, time: Duration) -> Caller {
        self.caller.within(time)
    }

    /// A caller for reads that no decision needs. It tries once, so that such a read never slows the move down.
    pub fn once(&self) -> Caller {
        self.caller.with_policy(Policy {
            attempt_timeout: Duration::from_secs(3),
            most_attempts: Some(1),
            longest_silence: None,
        })
    }

    /// Whether an Elastic IP goes with any of the VIPs.
    pub fn has_public_ip(&self) -> bool {
        self.vips.iter().any(|vip| vip.public_ip.is_some())
    }

    /// Makes a read of this member's by such a caller.
    ///
    /// # Errors
    /// As [`Session::call`].
    pub async fn read_by<O, E>(
        &self,
        caller: &Caller,
        call: &str,
        target: &str,
        send: impl AsyncFn(Ec2) -> std::result::Result<O, SdkError<E, HttpResponse>>,
    ) -> Result<O>
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        self.call_by(caller, As::Member, Kind::Read, call, target, send).await
    }

    /// Makes a call by such a caller.
    ///
    /// # Errors
    /// As [`Session::call`].
    pub async fn call_by<O, E>(
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
        self.with_good_credentials(who, async |identity| {
            let client = Box::pin(self.clients.of(who, identity, caller)).await?;
            let attempt = async || send(client.clone()).await.map_err(|error| explain(kind, call, error));
            // Boxed: the SDK's futures are large, and they lie deep in ours.
            Box::pin(caller.call(kind, call, target, attempt)).await
        })
        .await
    }

    /// Assumes the role of `roleArn`, where the configuration names one: a check tells of its refusal as of this member's identity.
    ///
    /// # Errors
    /// What STS answers.
    pub async fn assume_role(&self) -> Result<()> {
        let half = self.within(self.deadline().remaining() / 2);
        self.with_good_credentials(As::RouteTableRole, async |identity| {
            Box::pin(self.clients.of(As::RouteTableRole, identity, &half)).await.map(drop)
        })
        .await
    }

    /// Makes an attempt, and once more with renewed credentials where AWS reports them as expired.
    async fn with_good_credentials<T>(&self, who: As, attempt: impl AsyncFn(&Identity) -> Result<T>) -> Result<T> {
        let identity = self.identity().await?;
        let mut renewed = false;
        loop {
            match attempt(identity).await {
                Err(error) if credentials_are_stale(&error) && !renewed => {
                    renewed = true;
                    let base = self.clients.load_credentials(&self.metadata, Some(identity.region.clone())).await?;
                    self.clients.use_credentials(identity, base);
                }
                answer => return answer.map_err(|error| self.clients.name_principal(who, error)),
            }
        }
    }

    /// Whether a part with this holder is written. `key` names it among all that this takeover writes.
    pub fn is_wanted(&self, write: Write, holder: &Holder, key: &str) -> bool {
        let is_settled = *holder == Holder::ThisMember && self.written.is_settled(key, self.deadline().wall_clock());
        write.is_wanted(holder) && !is_settled
    }

    /// Notes the end of a write for the next call of the same takeover. `was_here`: a read had shown the part here.
    pub fn note_written(&self, key: &str, was_here: bool, made: &Result<()>) {
        if made.is_ok() {
            self.written.note(key, was_here, self.deadline().wall_clock());
        }
    }

    /// Parts that a plan would take from a member which took them after this takeover had brought them here: this takeover wrote them
    /// longer ago than a read can be old. `key` names what a step writes.
    pub fn taken_since<C>(
        &self,
        plan: Result<Plan<C>>,
        looked: &Looked<'_>,
        key: impl Fn(&C) -> Option<String>,
    ) -> Vec<PartId> {
        let is_elsewhere = |id: &PartId| looked.parts.iter().any(|part| part.id == *id && part.holder.is_elsewhere());
        let steps = plan.map(|plan| plan.steps).unwrap_or_default().into_iter();
        let is_old = |step: &Step<C>| key(&step.change).is_some_and(|key| self.written.is_settled(&key, looked.at));
        steps.filter(is_old).flat_map(|step| step.parts).filter(is_elsewhere).collect()
    }

    /// Another member may have acted meanwhile: what was written before says nothing any more.
    pub fn forget_writes(&self) {
        self.written.forget();
    }

    /// What the next call of the same takeover must not forget.
    pub fn resume(&self) -> Option<Value> {
        self.written.resume()
    }

    /// Whether this call may take from the holder: the holder is in `aws.members`, or is an interface that is attached to
    /// no instance and so serves nobody (`active` is false). An empty `aws.members` lists everybody.
    pub fn is_member(&self, interface: &str, instance: Option<&str>, active: bool) -> bool {
        let members = &self.settings.members;
        let listed = |id: &str| members.iter().any(|member| member == id);
        members.is_empty() || listed(interface) || instance.is_some_and(listed) || (instance.is_none() && !active)
    }

    /// The refusal to take something from a holder not in `aws.members`.
    pub fn stranger(&self, what: &str, holder: &str) -> Error {
        Error::new(
            Code::Conflict,
            format!("{what} is held by {holder}, which is not in `aws.members`"),
            "find out who this is; add it to `aws.members` if it belongs to this mirror",
        )
    }

    /// What keeps traffic or a later move away from this member, with either mechanism.
    pub fn remarks(&self, identity: &Identity) -> Vec<CheckItem> {
        let vips: Vec<&Vip> = self.vips.iter().collect();
        let mut items = vec![System::new(&self.local, identity.primary_address).item(&vips, add_for_good)];
        let Identity { instance, interface, .. } = identity;
        let members = &self.settings.members;
        if !members.is_empty() && !members.iter().any(|member| member == instance || member == interface) {
            items.push(CheckItem::new(
                CheckName::MemberMissing,
                Verdict::Warning,
                format!("this member ({instance}, {interface}) is not in `aws.members`: no other member could take the VIP from it"),
                "add it to `aws.members` on every member",
            ));
        }
        items
    }
}
