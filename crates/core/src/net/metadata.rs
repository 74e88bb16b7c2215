//! What the instance metadata services of the clouds have in common: where they are, how long they may take, and what an
//! error reports when they do not answer.

use super::{
    retry::{Caller, Policy},
    transport::{Client, LARGEST_METADATA, Request, Trouble},
};
use crate::error::{Code, Error, Result};
use http::HeaderMap;
use std::time::Duration;

/// All three clouds use this link-local address ("Use the Instance Metadata Service to access instance metadata", EC2;
/// "Azure Instance Metadata Service for virtual machines"; "View and query VM metadata", Compute Engine).
pub const ADDRESS: &str = "http://169.254.169.254";

/// The service answers from the host below the VM. A service that is silent for seconds stays silent, most often because
/// of what stands between: a container's network, a firewall, a hop limit.
pub const POLICY: Policy = Policy {
    attempt_timeout: Duration::from_millis(1_500),
    most_attempts: None,
    longest_silence: Some(Duration::from_secs(3)),
};

/// The same for a service that may take long: a question without an answer after a second is asked once more beside the first one,
/// and the first one counts for two seconds more.
const PATIENT: Policy = Policy { attempt_timeout: Duration::from_secs(2), ..POLICY };
const ASKS_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// A caller for such a service.
pub fn patient(caller: &Caller) -> Caller {
    caller.with_policy(PATIENT).asking_again_after(ASKS_AGAIN_AFTER)
}

/// One cloud's service, as messages call it.
pub struct Service {
    /// The cloud that it belongs to, as the configuration spells it.
    pub cloud: &'static str,
    /// `the instance metadata service`
    pub name: &'static str,
    /// What to do when it does not answer.
    pub remedy: &'static str,
}

/// By which header of an answer a cloud's service is known, and what machine it serves: the cloud, the header, how its value begins.
///
/// Sources: "View and query VM metadata" (Compute Engine: `Metadata-Flavor: Google` in each response); answers that users show, with
/// `Server: Metadata Server for VM`, `Server: EC2ws` and `Server: IMDS/150.870.65.1103`.
const SIGNATURES: [(&str, &str, &str, &str); 4] = [
    ("gcp", "metadata-flavor", "Google", "a Compute Engine VM"),
    ("gcp", "server", "Metadata Server for VM", "a Compute Engine VM"),
    ("aws", "server", "EC2ws", "an EC2 instance"),
    ("azure", "server", "IMDS/", "an Azure VM"),
];

/// The cloud whose service has answered, and what machine this is then.
fn signature(headers: &HeaderMap) -> Option<(&'static str, &'static str)> {
    let carries = |(_, header, begin, _): &&(&str, &str, &str, &str)| {
        headers.get_all(*header).iter().any(|value| value.as_bytes().starts_with(begin.as_bytes()))
    };
    SIGNATURES.iter().find(carries).map(|(cloud, _, _, machine)| (*cloud, *machine))
}

impl Service {
    /// Sends a request and reads the answer to its end.
    ///
    /// # Errors
    /// `unavailable` when no response came, `unexpected` when it is too large, `invalid_config` when another cloud's service refuses.
    pub async fn send(&self, http: &Client, request: Request) -> Result<(u16, Vec<u8>)> {
        let response = http.send(request, LARGEST_METADATA).await.map_err(|trouble| self.unreachable(&trouble))?;
        if !response.is_success()
            && let Some((cloud, machine)) = signature(&response.headers).filter(|(cloud, _)| *cloud != self.cloud)
        {
            return Err(self.of_another_cloud(cloud, machine, response.status));
        }
        Ok((response.status, response.body))
    }

    fn of_another_cloud(&self, cloud: &str, machine: &str, status: u16) -> Error {
        let own = self.cloud;
        let message =
            format!("this is {machine}, as its metadata service says (HTTP {status}), but `cloud` is {own:?}");
        let remedy = format!("write \"cloud\": {cloud:?} and a block `{cloud}` into the configuration of every member");
        Error::new(Code::InvalidConfig, message, remedy)
    }

    fn unreachable(&self, trouble: &Trouble) -> Error {
        match trouble.code {
            Code::Unavailable => {
                Error::new(Code::Unavailable, format!("{} cannot be reached: {trouble}", self.name), self.remedy)
            }
            _ => trouble.of_no_change().with(|details| details.message = format!("{}: {trouble}", self.name)),
        }
    }

    /// An error for this status. One that the service never gives may be that of something else.
    pub fn refused(&self, code: Code, status: u16) -> Error {
        let message = format!("{} answered {status}", self.name);
        let error =
            if code == Code::Unexpected { self.unread(message) } else { Error::new(code, message, self.remedy) };
        error.with(|details| details.http_status = Some(status))
    }

    /// An error for a response that the service cannot have given; the next one may be its own.
    pub fn unread(&self, message: impl Into<String>) -> Error {
        Error::new(Code::Unexpected, message, self.remedy).passing()
    }

    /// Replaces the general remedy for a slow endpoint by the one for this service, which is silent for reasons of its own.
    pub fn with_remedy(&self, error: Error) -> Error {
        if error.code != Code::Unavailable {
            return error;
        }
        error.with(|details| details.remedy = self.remedy.into())
    }
}
