//! The STS endpoint: `AssumeRole` and `GetCallerIdentity`.

use std::sync::Arc;
use std::time::Duration;

use super::error::{AwsError, Result};
use super::params::{Params, Schema, pairs, peek};
use super::sigv4::{self, Service};
use super::state::Shared;
use super::xml::Xml;
use crate::clock;
use crate::server::{Answer, Face, Label, Request};

const VERSION: &str = "2011-06-15";
const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";

/// The STS face.
pub(crate) struct Sts {
    shared: Arc<Shared>,
}

impl Sts {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    fn respond(&self, request: &Request, action: &str) -> Result<String> {
        let mut state = self.shared.lock();
        let state = &mut *state;
        let key = sigv4::verify(request, Service::Sts, &state.world.region, &state.keys)?;
        let (role, principal) = (key.role.clone(), key.principal(&state.world.account));
        let pairs = pairs(request);
        if peek(&pairs, "Version") != Some(VERSION) {
            return Err(AwsError::bad("InvalidAction", format!("Could not find operation {action} for this version")));
        }
        let schema = match action {
            "AssumeRole" => {
                Schema { scalars: &["RoleArn", "RoleSessionName", "DurationSeconds"], lists: &[], filters: false }
            }
            "GetCallerIdentity" => Schema { scalars: &[], lists: &[], filters: false },
            _ => {
                let message = format!("Could not find operation {action} for version {VERSION}");
                return Err(AwsError::bad("InvalidAction", message));
            }
        };
        let params = Params::parse(&pairs, &schema)?;
        self.shared.faults.run_before(action, &mut state.world);
        let mut result = Xml::default();
        if action == "GetCallerIdentity" {
            let id = format!("AROASIMULATED:{}", principal.rsplit('/').next().unwrap_or_default());
            result.text("Arn", &principal).text("UserId", id).text("Account", &state.world.account);
        } else {
            let request = AssumeRole::parse(&params)?;
            let target = request.permitted_role(&state.world, &role, &principal)?;
            let credentials = state.keys.issue(&target, request.session, request.lifetime);
            result.element("Credentials", |xml| {
                xml.text("AccessKeyId", &credentials.access_key).text("SecretAccessKey", &credentials.secret);
                xml.maybe("SessionToken", credentials.token.as_ref());
                xml.text("Expiration", clock::iso(credentials.expires));
            });
            result.element("AssumedRoleUser", |xml| {
                xml.text("AssumedRoleId", format!("AROASIMULATED:{}", request.session));
                let account = &state.world.account;
                xml.text("Arn", format!("arn:aws:sts::{account}:assumed-role/{target}/{}", request.session));
            });
        }
        self.shared.faults.run_after(action, &mut state.world);
        let mut body = Xml::default();
        body.element(&format!("{action}Result"), |xml| *xml = std::mem::take(xml).then(result));
        body.element("ResponseMetadata", |xml| {
            xml.text("RequestId", format!("00000000-0000-4000-8000-{:012x}", state.next()));
        });
        Ok(body.document(&format!("{action}Response"), Some(NAMESPACE)))
    }
}

struct AssumeRole<'a> {
    arn: &'a str,
    session: &'a str,
    lifetime: Duration,
}

impl<'a> AssumeRole<'a> {
    fn parse(params: &'a Params) -> Result<Self> {
        let failed = |what: String| AwsError::bad("ValidationError", format!("1 validation error detected: {what}"));
        let required = |name: &str| {
            params.get(name).ok_or_else(|| {
                failed(format!("Value null at '{name}' failed to satisfy constraint: Member must not be null"))
            })
        };
        let arn = required("RoleArn")?;
        let session = required("RoleSessionName")?;
        let well_formed = (2..=64).contains(&session.len())
            && session.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_=,.@-".contains(&byte));
        if !well_formed {
            return Err(failed(format!("Value '{session}' at 'roleSessionName' failed to satisfy constraint")));
        }
        let seconds = match params.get("DurationSeconds") {
            None => 3600,
            Some(text) => text.parse().ok().filter(|seconds| (900..=43_200).contains(seconds)).ok_or_else(|| {
                failed(format!("Value '{text}' at 'durationSeconds' failed to satisfy constraint: 900 to 43200"))
            })?,
        };
        Ok(Self { arn, session, lifetime: Duration::from_secs(seconds) })
    }

    /// The name of the role, if this caller may assume it. A role that is not there is refused in the same words.
    fn permitted_role(&self, world: &super::World, caller: &str, principal: &str) -> Result<String> {
        let name = self.arn.strip_prefix(&format!("arn:aws:iam::{}:role/", world.account));
        let resource = [self.arn.to_owned()];
        let permitted = name.filter(|name| {
            let listed = world.roles.get(caller).is_some_and(|role| role.assumable.iter().any(|known| known == name));
            listed && world.roles.contains_key(*name) && world.is_allowed(caller, "sts:AssumeRole", &resource)
        });
        permitted.map(ToOwned::to_owned).ok_or_else(|| {
            let message =
                format!("User: {principal} is not authorized to perform: sts:AssumeRole on resource: {}", self.arn);
            AwsError::new(403, "AccessDenied", message)
        })
    }
}

impl Face for Sts {
    fn label(&self, request: &Request) -> Label {
        let mut params = pairs(request);
        let state = self.shared.lock();
        let key = sigv4::presented_key(request).and_then(|key| state.keys.find(key));
        let action = peek(&params, "Action").unwrap_or_default().to_owned();
        let target = peek(&params, "RoleArn").unwrap_or_default().to_owned();
        params.retain(|(name, _)| name != "Action" && name != "Version");
        Label {
            face: "sts",
            action,
            target,
            principal: key.map(|key| key.principal(&state.world.account)),
            params,
            dry_run: false,
        }
    }

    fn answer(&self, request: &Request, label: &Label) -> Answer {
        match self.respond(request, &label.action) {
            Ok(body) => Answer::new(200, "text/xml", body),
            Err(error) => self.refusal(error.status, &error.code, &error.message),
        }
    }

    fn refusal(&self, status: u16, code: &str, message: &str) -> Answer {
        let mut body = Xml::default();
        body.element("Error", |xml| {
            let kind = if status < 500 { "Sender" } else { "Receiver" };
            xml.text("Type", kind).text("Code", code).text("Message", message);
        });
        body.text("RequestId", format!("00000000-0000-4000-8000-{:012x}", self.shared.lock().next()));
        let answer = Answer::new(status, "text/xml", body.document("ErrorResponse", Some(NAMESPACE)));
        Answer { code: Some(code.into()), ..answer }
    }

    fn throttled(&self) -> Option<Answer> {
        None
    }
}
