//! The metadata service (version 2) as one instance sees it.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use ipnet::{IpNet, Ipv4Net};
use serde_json::json;

use super::credentials::Credentials;
use super::scenery::{INSTANCE_TYPE, instance_types};
use super::state::{Shared, State};
use super::world::{Attachment, Instance, InstanceState, Interface, MissingRoute, Role, Subnet, Vpc, World};
use crate::clock;
use crate::faults::Faults;
use crate::log::{Call, Log};
use crate::server::{Answer, Face, Label, Request, Server};

const TOKEN_PATH: &str = "/latest/api/token";
const TTL_HEADER: &str = "x-aws-ec2-metadata-token-ttl-seconds";

/// The metadata of one instance.
pub(crate) struct ImdsFace {
    shared: Arc<Shared>,
    instance: String,
}

impl ImdsFace {
    pub(crate) fn new(shared: Arc<Shared>, instance: &str) -> Self {
        Self { shared, instance: instance.into() }
    }

    fn token(&self, request: &Request) -> Answer {
        if request.header("x-forwarded-for").is_some() {
            return failed(403);
        }
        let ttl = request.header(TTL_HEADER).and_then(|text| text.parse::<u64>().ok());
        let Some(ttl) = ttl.filter(|ttl| (1..=21_600).contains(ttl)) else {
            return failed(400);
        };
        let generation = self.shared.faults.token_generation();
        let token = self.shared.lock().issue_token(&self.instance, generation, Duration::from_secs(ttl));
        let mut answer = plain(token);
        answer.headers.push((TTL_HEADER.into(), ttl.to_string()));
        answer
    }

    fn is_admitted(&self, request: &Request) -> bool {
        let generation = self.shared.faults.token_generation();
        request
            .header("x-aws-ec2-metadata-token")
            .is_some_and(|token| self.shared.lock().is_valid_token(token, &self.instance, generation))
    }

    fn document(&self, path: &str) -> Option<String> {
        let mut state = self.shared.lock();
        let instance = state.world.instance(&self.instance)?.clone();
        let path = path.strip_prefix("/latest/")?;
        if path == "dynamic/instance-identity/document" {
            return Some(identity_document(&state.world, &instance));
        }
        let path = path.strip_prefix("meta-data/")?;
        if let Some(rest) = path.strip_prefix("iam/security-credentials") {
            return credentials(&mut state, &instance, rest);
        }
        let world = &state.world;
        if let Some(rest) = path.strip_prefix("network/interfaces/macs") {
            return of_macs(world, &instance, rest);
        }
        match path {
            "instance-id" => Some(instance.id),
            "instance-type" => Some(instance.instance_type),
            "mac" => Some(interfaces(world, &instance).first()?.mac.clone()),
            "local-ipv4" => Some(interfaces(world, &instance).first()?.primary_private_ip.to_string()),
            "placement/region" => Some(world.region.clone()),
            "placement/availability-zone" => Some(instance.az),
            _ => None,
        }
    }

    fn respond(&self, request: &Request, label: &Label) -> Answer {
        let faults = &self.shared.faults;
        if faults.is_imds_disabled() {
            return failed(403);
        }
        faults.run_before(&label.action, &mut self.shared.lock().world);
        let answer = match (request.method.as_str(), request.path.as_str()) {
            ("PUT", TOKEN_PATH) => self.token(request),
            ("GET" | "HEAD", _) if !self.is_admitted(request) => failed(401),
            ("GET" | "HEAD", path) => self.document(path).map_or_else(|| failed(404), plain),
            _ => failed(405),
        };
        faults.run_after(&label.action, &mut self.shared.lock().world);
        answer
    }
}

impl Face for ImdsFace {
    fn label(&self, request: &Request) -> Label {
        Label {
            face: "imds",
            action: format!("{} {}", request.method, request.path),
            target: self.instance.clone(),
            ..Label::default()
        }
    }

    fn answer(&self, request: &Request, label: &Label) -> Answer {
        let mut answer = self.respond(request, label);
        // As in answers that users show.
        answer.headers.push(("server".into(), "EC2ws".into()));
        answer
    }

    fn refusal(&self, status: u16, code: &str, message: &str) -> Answer {
        Answer { code: Some(code.into()), ..Answer::new(status, "text/plain", message) }
    }

    fn throttled(&self) -> Option<Answer> {
        None
    }
}

/// What a metadata service that stands alone tells about its instance.
#[derive(Clone, Debug, PartialEq)]
pub struct ImdsIdentity {
    pub instance: String,
    pub region: String,
    pub az: String,
    pub mac: String,
    pub eni: String,
    pub vpc: String,
    pub subnet: String,
    pub private_ip: Ipv4Addr,
    pub subnet_cidr: Ipv4Net,
    pub vpc_cidrs: Vec<IpNet>,
    pub role: String,
    pub credentials: Credentials,
}

/// A metadata service by itself, to stand in front of another EC2 emulator.
pub struct Imds {
    shared: Arc<Shared>,
    log: Log,
    server: Server,
}

impl Imds {
    /// Starts the service of one instance.
    pub fn start(identity: ImdsIdentity) -> Self {
        let instance = identity.instance.clone();
        let (role, credentials) = (identity.role.clone(), identity.credentials.clone());
        let shared = Arc::new(Shared::new(world_of(identity)));
        shared.lock().keys.add(&role, &instance, credentials);
        let log = Log::new();
        let face: Arc<dyn Face> = Arc::new(ImdsFace::new(Arc::clone(&shared), &instance));
        let server = Server::start(vec![(face, None)], Arc::clone(&shared.faults), log.clone());
        Self { shared, log, server }
    }

    /// The endpoint.
    pub fn url(&self) -> String {
        format!("http://{}", self.server.addresses()[0])
    }

    /// The faults.
    pub fn faults(&self) -> &Faults<World> {
        &self.shared.faults
    }

    /// All calls so far, in order of arrival.
    pub fn log(&self) -> Vec<Call> {
        self.log.calls()
    }
}

fn world_of(identity: ImdsIdentity) -> World {
    World {
        region: identity.region,
        account: super::ACCOUNT.into(),
        vpcs: vec![Vpc { id: identity.vpc.clone(), cidrs: identity.vpc_cidrs, owner: super::ACCOUNT.into() }],
        subnets: vec![Subnet {
            id: identity.subnet.clone(),
            vpc: identity.vpc.clone(),
            az: identity.az.clone(),
            cidr: identity.subnet_cidr,
            ipv6_cidr: None,
        }],
        interfaces: vec![Interface {
            lent: None,
            id: identity.eni,
            vpc: identity.vpc,
            subnet: identity.subnet,
            az: identity.az.clone(),
            mac: identity.mac,
            primary_private_ip: identity.private_ip,
            secondary_private_ips: Vec::new(),
            ipv6: Vec::new(),
            source_dest_check: false,
            attachment: Some(Attachment {
                instance: identity.instance.clone(),
                device_index: 0,
                status: "attached".into(),
            }),
            requester_managed: false,
            status: "in-use".into(),
        }],
        instances: vec![Instance {
            id: identity.instance,
            instance_type: INSTANCE_TYPE.into(),
            state: InstanceState::Running,
            az: identity.az,
            role: Some(identity.role.clone()),
            listed: true,
        }],
        route_tables: Vec::new(),
        addresses: Vec::new(),
        roles: [(identity.role, Role::default())].into(),
        route_quota: 50,
        instance_types: instance_types(),
        missing_route: MissingRoute::default(),
    }
}

/// The interfaces of an instance in the order of their device indexes.
fn interfaces<'w>(world: &'w World, instance: &Instance) -> Vec<&'w Interface> {
    let mut interfaces: Vec<_> = world.interfaces.iter().filter(|interface| interface.is_of(&instance.id)).collect();
    interfaces.sort_by_key(|interface| interface.attachment.as_ref().map(|attachment| attachment.device_index));
    interfaces
}

fn of_macs(world: &World, instance: &Instance, rest: &str) -> Option<String> {
    let interfaces = interfaces(world, instance);
    let rest = rest.trim_start_matches('/');
    if rest.is_empty() {
        return Some(lines(interfaces.iter().map(|interface| format!("{}/", interface.mac))));
    }
    let (mac, key) = rest.split_once('/')?;
    let interface = interfaces.into_iter().find(|interface| interface.mac == mac)?;
    let vpc = world.vpc(&interface.vpc)?;
    let subnet = world.subnet(&interface.subnet)?;
    let of_family = |v6: bool| vpc.cidrs.iter().filter(move |cidr| matches!(cidr, IpNet::V6(_)) == v6);
    let text = match key {
        "device-number" => interface.attachment.as_ref()?.device_index.to_string(),
        "interface-id" => interface.id.clone(),
        "ipv6s" => lines(&interface.ipv6),
        "local-ipv4s" => lines(interface.private_ips()),
        "mac" => interface.mac.clone(),
        "owner-id" => world.account.clone(),
        "subnet-id" => interface.subnet.clone(),
        "subnet-ipv4-cidr-block" => subnet.cidr.to_string(),
        "subnet-ipv6-cidr-blocks" => lines(subnet.ipv6_cidr),
        "vpc-id" => interface.vpc.clone(),
        "vpc-ipv4-cidr-block" => of_family(false).next()?.to_string(),
        "vpc-ipv4-cidr-blocks" => lines(of_family(false)),
        "vpc-ipv6-cidr-blocks" => lines(of_family(true)),
        _ => return None,
    };
    Some(text).filter(|text| !text.is_empty())
}

fn credentials(state: &mut State, instance: &Instance, rest: &str) -> Option<String> {
    let role = instance.role.as_ref()?;
    match rest.trim_start_matches('/') {
        "" => Some(role.clone()),
        asked if asked == role => {
            let credentials = state.keys.of_instance(role, &instance.id);
            let document = json!({
                "Code": "Success",
                "LastUpdated": clock::iso(clock::now()),
                "Type": "AWS-HMAC",
                "AccessKeyId": credentials.access_key,
                "SecretAccessKey": credentials.secret,
                "Token": credentials.token.unwrap_or_default(),
                "Expiration": clock::iso(credentials.expires),
            });
            Some(format!("{document:#}"))
        }
        _ => None,
    }
}

fn identity_document(world: &World, instance: &Instance) -> String {
    let private_ip = interfaces(world, instance).first().map(|interface| interface.primary_private_ip.to_string());
    let document = json!({
        "accountId": world.account,
        "architecture": "x86_64",
        "availabilityZone": instance.az,
        "imageId": "ami-00000000000000001",
        "instanceId": instance.id,
        "instanceType": instance.instance_type,
        "privateIp": private_ip,
        "region": world.region,
        "version": "2017-09-30",
    });
    format!("{document:#}")
}

fn lines<T: ToString>(entries: impl IntoIterator<Item = T>) -> String {
    entries.into_iter().map(|entry| entry.to_string()).collect::<Vec<_>>().join("\n")
}

fn plain(text: String) -> Answer {
    Answer::new(200, "text/plain", text)
}

fn failed(status: u16) -> Answer {
    let title = match status {
        400 => "400 - Bad Request",
        401 => "401 - Unauthorized",
        403 => "403 - Forbidden",
        404 => "404 - Not Found",
        _ => "405 - Method Not Allowed",
    };
    let page = format!(
        "<?xml version=\"1.0\" encoding=\"iso-8859-1\"?>\n<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>\n"
    );
    Answer::new(status, "text/html", page)
}
