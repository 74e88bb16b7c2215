//! The EC2 endpoint: Query API of version 2016-11-15.
//!
//! The checks go: signature, action, parameters, permission, dry run, state of the world.

mod addresses;
mod describe;
mod instance_types;
mod interfaces;
mod networks;
mod private_ips;
mod routes;
mod tables;
mod targets;

use std::sync::Arc;

use super::error::{AwsError, Result};
use super::params::{Params, Schema, pairs, peek};
use super::sigv4::{self, Service};
use super::state::{Shared, State};
use super::world::World;
use super::xml::Xml;
use crate::server::{Answer, Face, Label, Request};

const VERSION: &str = "2016-11-15";
const NAMESPACE: &str = "http://ec2.amazonaws.com/doc/2016-11-15/";

/// The parameters that say what a call acts upon, the telling ones first.
const TARGETS: [&str; 8] = [
    "RouteTableId",
    "AllocationId",
    "AssociationId",
    "NetworkInterfaceId",
    "RouteTableId.1",
    "AllocationId.1",
    "NetworkInterfaceId.1",
    "InstanceId.1",
];

/// One action of the API.
struct Action {
    name: &'static str,
    schema: Schema,
    /// The parameters whose values a permission may be bound to.
    resources: &'static [&'static str],
    /// What can be said of the parameters alone.
    check: fn(&Params) -> Result<()>,
    run: Run,
}

enum Run {
    Read(fn(&World, &Query) -> Result<Xml>),
    Write(fn(&mut World, &Params) -> Result<Xml>),
}

/// A read: its parameters, and the page size if one is forced.
struct Query<'a> {
    action: &'static str,
    params: &'a Params,
    forced_page: Option<usize>,
}

/// The EC2 face.
pub(crate) struct Ec2 {
    shared: Arc<Shared>,
}

impl Ec2 {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    fn respond(&self, request: &Request, label: &Label) -> Result<String> {
        let mut state = self.shared.lock();
        let state = &mut *state;
        let key = sigv4::verify(request, Service::Ec2, &state.world.region, &state.keys)?;
        let (role, principal) = (key.role.clone(), key.principal(&state.world.account));
        let pairs = pairs(request);
        if request.method != "POST" || request.path != "/" {
            return Err(AwsError::bad("InvalidRequest", "This endpoint takes POST requests to / alone."));
        }
        let version = peek(&pairs, "Version").ok_or_else(|| AwsError::missing("Version"))?;
        if version != VERSION {
            let message = format!("The requested version ({version}) of service AmazonEC2 does not exist");
            return Err(AwsError::bad("NoSuchVersion", message));
        }
        if label.action.is_empty() {
            return Err(AwsError::bad("MissingAction", "The request is missing an action."));
        }
        let action = find_action(&label.action).ok_or_else(|| {
            let message = format!("The action {} is not valid for this web service.", label.action);
            AwsError::bad("InvalidAction", message)
        })?;
        let params = Params::parse(&pairs, &action.schema)?;
        let dry_run = params.flag("DryRun")?.unwrap_or(false);
        if !dry_run {
            self.shared.faults.run_before(action.name, &mut state.world);
        }
        let result = self.run(state, action, &params, &role, &principal, dry_run);
        if !dry_run {
            self.shared.faults.run_after(action.name, &mut state.world);
        }
        let mut body = Xml::default();
        body.text("requestId", request_id(state));
        Ok(body.then(result?).document(&format!("{}Response", action.name), Some(NAMESPACE)))
    }

    fn run(
        &self,
        state: &mut State,
        action: &Action,
        params: &Params,
        role: &str,
        principal: &str,
        dry_run: bool,
    ) -> Result<Xml> {
        (action.check)(params)?;
        let resources: Vec<String> =
            action.resources.iter().filter_map(|name| params.get(name)).map(Into::into).collect();
        let permission = format!("ec2:{}", action.name);
        if !state.world.is_allowed(role, &permission, &resources) {
            return Err(unauthorized(&state.world, principal, &permission, resources.first()));
        }
        if dry_run {
            let message = "Request would have succeeded, but DryRun flag is set.";
            return Err(AwsError::new(412, "DryRunOperation", message));
        }
        match action.run {
            Run::Read(read) => {
                let forced_page = self.shared.faults.forced_page_size();
                read(state.read(), &Query { action: action.name, params, forced_page })
            }
            Run::Write(write) => state.write(self.shared.faults.staleness(), |world| write(world, params)),
        }
    }
}

impl Face for Ec2 {
    fn label(&self, request: &Request) -> Label {
        let mut params = pairs(request);
        let state = self.shared.lock();
        let key = sigv4::presented_key(request).and_then(|key| state.keys.find(key));
        let action = peek(&params, "Action").unwrap_or_default().to_owned();
        let target = TARGETS.into_iter().find_map(|name| peek(&params, name)).unwrap_or_default().to_owned();
        let dry_run = peek(&params, "DryRun") == Some("true");
        params.retain(|(name, _)| name != "Action" && name != "Version");
        Label {
            face: "ec2",
            action,
            target,
            principal: key.map(|key| key.principal(&state.world.account)),
            params,
            dry_run,
        }
    }

    fn answer(&self, request: &Request, label: &Label) -> Answer {
        match self.respond(request, label) {
            Ok(body) => Answer::new(200, "text/xml;charset=UTF-8", body),
            Err(error) => self.refusal(error.status, &error.code, &error.message),
        }
    }

    fn refusal(&self, status: u16, code: &str, message: &str) -> Answer {
        let mut body = Xml::default();
        body.element("Errors", |xml| {
            xml.element("Error", |xml| {
                xml.text("Code", code).text("Message", message);
            });
        });
        let id = request_id(&mut self.shared.lock());
        body.text("RequestID", &id);
        let mut answer = Answer::new(status, "text/xml;charset=UTF-8", body.document("Response", None));
        // EC2 names the request in a header as well, which is where the SDKs look.
        answer.headers.push(("x-amzn-requestid".into(), id));
        Answer { code: Some(code.into()), ..answer }
    }

    fn throttled(&self) -> Option<Answer> {
        Some(self.refusal(503, "RequestLimitExceeded", "Request limit exceeded."))
    }
}

fn find_action(name: &str) -> Option<&'static Action> {
    let groups = [
        tables::ACTIONS,
        interfaces::ACTIONS,
        instance_types::ACTIONS,
        networks::ACTIONS,
        routes::ACTIONS,
        addresses::ACTIONS,
        private_ips::ACTIONS,
    ];
    groups.into_iter().flatten().find(|action| action.name == name)
}

/// For actions whose parameters need no more than their schema.
fn unchecked(_: &Params) -> Result<()> {
    Ok(())
}

fn request_id(state: &mut State) -> String {
    format!("00000000-0000-4000-8000-{:012x}", state.next())
}

fn unauthorized(world: &World, principal: &str, permission: &str, resource: Option<&String>) -> AwsError {
    let resource = resource.map_or("*".into(), |id| {
        let kind = match id.split('-').next() {
            Some("rtb") => "route-table",
            Some("eni") => "network-interface",
            Some("eipalloc") => "elastic-ip",
            _ => "resource",
        };
        format!("arn:aws:ec2:{}:{}:{kind}/{id}", world.region, world.account)
    });
    let message = format!(
        "You are not authorized to perform this operation. User: {principal} is not authorized to perform: \
         {permission} on resource: {resource} because no identity-based policy allows the {permission} action"
    );
    AwsError::new(403, "UnauthorizedOperation", message)
}
