//! The safe door: a request goes in, a report comes out. The one place that wires configuration, host, engine and clouds
//! together; it always answers, whatever happened.

use crate::{
    check::{CheckItem, CheckName, Verdict},
    cloud::Cloud,
    config::{self, Config, TakeOverIn, access, source},
    deadline::{Deadline, Watch},
    error::{Code, Error, Result, one_line},
    fate::Fate,
    host::{self, LocalNetwork},
    journal::Journal,
    net::{
        client::Sockets,
        retry::{Caller, Policy},
        transport::Network,
    },
    outcome::Outcome,
    report::{Report, Subject},
    takeover::{self, Findings, Mode},
    vip::{Vip, Write},
};
use serde::Deserialize;
use serde_json::{Value, value::RawValue};
use std::{
    path::{Path, PathBuf},
    rc::Rc,
    time::Duration,
};
use tokio::time::Instant;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    Acquire,
    Status,
    Check,
    Release,
}

impl Action {
    pub fn as_str(self) -> &'static str {
        match self {
            Action::Acquire => "acquire",
            Action::Status => "status",
            Action::Check => "check",
            Action::Release => "release",
        }
    }

    /// How this action ends when it could not begin.
    pub fn unable(self) -> Outcome {
        match self {
            Action::Acquire => Outcome::NotMoved,
            Action::Status => Outcome::Unknown,
            Action::Check => Outcome::NotReady,
            Action::Release => Outcome::NotReleased,
        }
    }
}

/// Where the request comes from, and all that differs between a machine and a simulated one.
pub trait Surroundings {
    /// The manager's directory of the IRIS instance, if the host tells it.
    fn manager_directory(&self) -> Option<PathBuf>;
    fn watch(&self) -> Box<dyn Watch>;
    /// The way to the clouds.
    fn network(&self) -> Rc<dyn Network> {
        Rc::new(Sockets)
    }
    /// The addresses and devices of this machine.
    ///
    /// # Errors
    /// What the operating system said.
    fn local_network(&self) -> std::io::Result<LocalNetwork> {
        host::local_network()
    }
}

/// The longest request, in bytes.
pub const LONGEST_REQUEST: usize = 32_767;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
enum Reason {
    NotifyBecomePrimary,
    CheckBecomePrimaryOK,
    #[serde(rename = "ZSTART")]
    ZStart,
    #[serde(rename = "ZSTOP")]
    ZStop,
    #[serde(rename = "task")]
    Task,
    #[serde(rename = "retry")]
    Retry,
    #[default]
    #[serde(rename = "terminal")]
    Terminal,
}

impl Reason {
    fn as_str(self) -> &'static str {
        match self {
            Reason::NotifyBecomePrimary => "NotifyBecomePrimary",
            Reason::CheckBecomePrimaryOK => "CheckBecomePrimaryOK",
            Reason::ZStart => "ZSTART",
            Reason::ZStop => "ZSTOP",
            Reason::Task => "task",
            Reason::Retry => "retry",
            Reason::Terminal => "terminal",
        }
    }

    /// A mirror hook, and the repeat that finishes its work, send the change even if a read says that it is not needed.
    fn write(self) -> Write {
        match self {
            Reason::NotifyBecomePrimary | Reason::CheckBecomePrimaryOK | Reason::Retry => Write::Always,
            Reason::ZStart | Reason::ZStop | Reason::Task | Reason::Terminal => Write::IfNeeded,
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Request {
    /// Kept as text: a value would have lost the keys that stand twice.
    config: Option<Box<RawValue>>,
    #[serde(default, deserialize_with = "config::word")]
    reason: Option<Reason>,
    deadline_seconds: Option<u64>,
    dry_run: Option<bool>,
}

/// One call, and what is known of it so far, which outlives a fault on the way.
pub struct Call {
    action: Action,
    begun: Instant,
    journal: Journal,
    subject: Subject,
    /// Files that others can write. A warning of every report, since whoever does decides where the VIP goes.
    exposed: Vec<CheckItem>,
}

/// All that is known before the first call to a cloud.
struct Prepared {
    config: Config,
    vips: Vec<Vip>,
    local: LocalNetwork,
    reason: Reason,
    mode: Mode,
    deadline: Deadline,
    network: Rc<dyn Network>,
}

impl Call {
    pub fn new(action: Action) -> Self {
        Call {
            action,
            begun: Instant::now(),
            journal: Journal::default(),
            subject: Subject {
                action: action.as_str(),
                reason: Reason::default().as_str().into(),
                ..Subject::default()
            },
            exposed: Vec::new(),
        }
    }

    /// Carries out one request.
    pub async fn run(&mut self, request: &[u8], surroundings: &impl Surroundings) -> Report {
        match self.prepare(request, surroundings) {
            Ok(prepared) => self.carry_out(prepared).await,
            Err(error) => {
                let mut findings = Findings::failed(self.action.unable(), error.clone());
                if self.action == Action::Check {
                    findings.add_checks([CheckItem::failed(CheckName::Configuration, &error)]);
                    findings.add_checks(self.exposed.clone());
                }
                self.report(findings, &[])
            }
        }
    }

    /// The report of a call that ended before its end. Nobody looked afterwards, so where a change had been begun it does
    /// not say that nothing was changed.
    pub fn broken_off(&self, error: Error) -> Report {
        let changed = self.journal.has_changes();
        let outcome = match self.action {
            Action::Acquire if changed => Outcome::Unverified,
            action => action.unable(),
        };
        let error = if changed { error.with_fate(Fate::InDoubt) } else { error };
        self.report(Findings { changed, ..Findings::failed(outcome, error) }, &[])
    }

    fn prepare(&mut self, request: &[u8], surroundings: &impl Surroundings) -> Result<Prepared> {
        // The time runs from here, with the largest total until the configuration has told the real one.
        let watch = surroundings.watch();
        let deadline = Deadline::new(Duration::from_secs(*config::DEADLINE_SECONDS.end()), watch);
        let (request, source) = read_request(request, surroundings)?;
        let reason = request.reason.unwrap_or_default();
        self.subject.reason = reason.as_str().to_owned();
        let exposed = |what: &str, path: &Path| exposed(what, path, surroundings.manager_directory().as_deref());
        let (text, origin) = match source {
            Source::File(path) => {
                self.exposed.extend(exposed("the configuration", &path));
                (source::read_config(&path)?, path.display().to_string())
            }
            Source::Inline(text) => (text, "the request's `config`".to_owned()),
        };
        let config = Config::parse(&text, &origin)?;
        let bundle = config.http.ca_bundle_path.as_deref();
        self.exposed.extend(bundle.and_then(|path| exposed("the certificates of `http.caBundle`", path)));
        let total = request.deadline_seconds.map_or(config.deadline, Duration::from_secs);
        let local = surroundings.local_network().map_err(|error| {
            Error::new(
                Code::Internal,
                format!("the local interfaces could not be listed: {error}"),
                "report this with the operating system's version",
            )
        })?;
        let vips = resolve(&config, &local, &origin)?;
        let names: Vec<_> = vips.iter().map(ToString::to_string).collect();
        self.subject.vips = names.join(", ");
        let mode = if request.dry_run.unwrap_or_default() { Mode::DryRun } else { Mode::Real };
        Ok(Prepared {
            config,
            vips,
            local,
            reason,
            mode,
            deadline: deadline.with_total(total),
            network: surroundings.network(),
        })
    }

    async fn carry_out(&mut self, prepared: Prepared) -> Report {
        let http = &prepared.config.http;
        let policy = Policy { attempt_timeout: http.request_timeout, most_attempts: None, longest_silence: None };
        let caller = Caller::new(prepared.deadline.clone(), self.journal.clone(), prepared.network.clone(), policy);
        let (vips, local) = (prepared.vips.clone(), prepared.local.clone());
        match &prepared.config.cloud {
            #[cfg(feature = "aws")]
            config::Cloud::Aws(block) => {
                (self.subject.cloud, self.subject.mechanism) = (Some("aws"), Some(block.mechanism.as_str()));
                self.in_cloud(crate::cloud::aws::Aws::new(block, http, vips, local, caller), &prepared).await
            }
            #[cfg(feature = "azure")]
            config::Cloud::Azure(block) => {
                (self.subject.cloud, self.subject.mechanism) = (Some("azure"), Some(block.mechanism.as_str()));
                self.in_cloud(crate::cloud::azure::Azure::new(block, http, vips, local, caller), &prepared).await
            }
            #[cfg(feature = "gcp")]
            config::Cloud::Gcp(block) => {
                (self.subject.cloud, self.subject.mechanism) = (Some("gcp"), Some(block.mechanism.as_str()));
                self.in_cloud(crate::cloud::gcp::Gcp::new(block, http, vips, local, caller), &prepared).await
            }
            #[allow(unreachable_patterns)] // without any cloud there is nothing to match
            _ => {
                drop((caller, vips, local));
                self.report(Findings::new(self.action.unable()), &[])
            }
        }
    }

    /// `cloud` as it was set up, or why it could not be.
    async fn in_cloud(&self, cloud: Result<impl Cloud>, prepared: &Prepared) -> Report {
        match cloud {
            // Boxed, here and below: a cloud's SDK makes these large, and the stack is that of a database process.
            Ok(cloud) => Box::pin(self.act(&cloud, prepared)).await,
            Err(error) => self.report(Findings::failed(self.action.unable(), error), &[]),
        }
    }

    async fn act(&self, cloud: &impl Cloud, prepared: &Prepared) -> Report {
        let Prepared { config, reason, mode, deadline, .. } = prepared;
        if self.action == Action::Acquire
            && *reason == Reason::CheckBecomePrimaryOK
            && config.take_over_in != TakeOverIn::CheckBecomePrimaryOK
        {
            return self.report(Findings::new(Outcome::Skipped), &[]);
        }
        match self.action {
            Action::Acquire => {
                let work = Box::pin(takeover::acquire(cloud, deadline, &self.journal, reason.write(), *mode));
                let (findings, advice) = beside(work, Box::pin(cloud.advice())).await;
                self.report(after_a_pause(findings, deadline), &advice)
            }
            Action::Release => {
                let findings = Box::pin(takeover::release(cloud, deadline, &self.journal, *mode)).await;
                self.report(after_a_pause(findings, deadline), &[])
            }
            Action::Status => {
                let findings = Box::pin(takeover::status(cloud)).await;
                self.report(after_a_pause(findings, deadline), &[])
            }
            Action::Check => {
                let (mut findings, advice) =
                    futures_util::future::join(Box::pin(takeover::check(cloud)), Box::pin(cloud.advice())).await;
                let configuration = CheckItem::ok(
                    CheckName::Configuration,
                    format!("{} with {} for {}", cloud.name(), cloud.mechanism(), self.subject.vips),
                );
                findings.checks.get_or_insert_default().insert(0, configuration);
                findings.add_checks(advice);
                findings.add_checks(self.exposed.clone());
                self.report(after_a_pause(findings, deadline), &[])
            }
        }
    }

    fn report(&self, mut findings: Findings, advice: &[CheckItem]) -> Report {
        findings.remarks.extend(self.exposed.iter().cloned());
        let elapsed_ms = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        Report::new(&self.subject, findings, advice, &self.journal, elapsed_ms)
    }
}

/// A time-out that a pause of the machine has caused says nothing of the cloud: the pause is the cause of the failure.
fn after_a_pause(findings: Findings, deadline: &Deadline) -> Findings {
    match (findings.outcome.is_ok(), deadline.check_for_a_pause()) {
        (false, Err(pause)) => {
            let in_doubt = findings.error.as_ref().is_some_and(|error| error.fate.is_in_doubt());
            Findings { error: Some(if in_doubt { pause.with_fate(Fate::InDoubt) } else { pause }), ..findings }
        }
        _ => findings,
    }
}

/// Runs both side by side but waits for the work alone: advice that is not there by then is left out.
async fn beside<T>(work: impl Future<Output = T>, advice: impl Future<Output = Vec<CheckItem>>) -> (T, Vec<CheckItem>) {
    let (mut work, mut advice) = (std::pin::pin!(work), std::pin::pin!(advice));
    tokio::select! {
        biased;
        done = &mut work => (done, Vec::new()),
        items = &mut advice => (work.await, items),
    }
}

enum Source {
    File(PathBuf),
    Inline(String),
}

fn read_request(bytes: &[u8], surroundings: &impl Surroundings) -> Result<(Request, Source)> {
    let invalid = |message: String, remedy: &str| Error::new(Code::InvalidRequest, message, remedy);
    if bytes.len() > LONGEST_REQUEST {
        return Err(invalid(
            format!("the request has {} bytes, more than {LONGEST_REQUEST}", bytes.len()),
            "put the configuration into a file and name its path",
        ));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        invalid(
            format!("the request is not UTF-8: byte {} is wrong", error.valid_up_to()),
            "convert it: $zconvert(text,\"O\",\"UTF8\")",
        )
    })?;
    if text.contains('\0') {
        return Err(invalid("the request contains a NUL character".into(), "name a path, or give a JSON object"));
    }
    let text = text.trim_start_matches(['\u{feff}', ' ', '\t', '\r', '\n']);
    if !text.starts_with('{') && text.contains('{') {
        // Not shown: a request that was meant as JSON may hold a proxy's password.
        return Err(invalid(
            "the request is neither a path nor a JSON object".into(),
            "name a path, or give a JSON object",
        ));
    }
    if !text.starts_with('{') {
        let source =
            if text.is_empty() { in_manager_directory(surroundings)? } else { Source::File(PathBuf::from(text)) };
        return Ok((Request::default(), source));
    }
    let request: Request = serde_json::from_str(text).map_err(|error| {
        invalid(
            format!("the request is no valid request object: {error}"),
            "its keys are config, reason, deadlineSeconds and dryRun; a configuration goes under config",
        )
    })?;
    if let Some(seconds) = request.deadline_seconds.filter(|seconds| !config::DEADLINE_SECONDS.contains(seconds)) {
        return Err(invalid(format!("`deadlineSeconds` is {seconds}, expected 1 to 600"), "correct the request"));
    }
    let source = match request.config.as_ref().map(|raw| raw.get()) {
        None | Some("null" | "\"\"") => in_manager_directory(surroundings)?,
        Some(object) if object.starts_with('{') => Source::Inline(object.to_owned()),
        Some(other) => match serde_json::from_str::<String>(other) {
            Ok(path) => Source::File(PathBuf::from(path)),
            Err(_) => {
                let kind = if other.starts_with('[') { "a list" } else { "a number or a word" };
                return Err(invalid(
                    format!("`config` is {kind}, expected a path or an object"),
                    "correct the request",
                ));
            }
        },
    };
    Ok((request, source))
}

/// The warning about a file that others can write.
/// `iris` is the folder of the manager, whose owner is IRIS's.
fn exposed(what: &str, path: &Path, iris: Option<&Path>) -> Option<CheckItem> {
    let access::Exposed { place, mode, who, remedy } = access::look(path, iris)?;
    let through = if place == path { String::new() } else { format!(" through {}", place.display()) };
    let message = format!("{who} can replace {what} {}{through} (mode {mode:04o})", path.display());
    Some(CheckItem::new(CheckName::ConfigWritable, Verdict::Warning, one_line(&message), one_line(&remedy)))
}

fn in_manager_directory(surroundings: &impl Surroundings) -> Result<Source> {
    let directory = surroundings.manager_directory().ok_or_else(|| {
        Error::new(
            Code::InvalidConfig,
            "the host does not tell its manager's directory",
            "name the configuration's path in the request",
        )
    })?;
    Ok(Source::File(source::in_manager_directory(&directory)))
}

/// Asks the operating system for the addresses that are configured by label.
fn resolve(config: &Config, local: &LocalNetwork, origin: &str) -> Result<Vec<Vip>> {
    let mut vips = Vec::new();
    for source in &config.vips {
        let address = match &source.address {
            config::Address::Literal(net) => *net,
            config::Address::Label(label) => {
                let mut found =
                    local.addresses.iter().filter(|address| address.label == *label).map(|address| address.address);
                let Some(first) = found.next() else {
                    let labels: Vec<_> = local.addresses.iter().map(|address| address.label.as_str()).collect();
                    return Err(Error::new(
                        Code::NotFound,
                        format!(
                            "{origin}: `vip` is interface:{label}, but no local address has that label; there are {}",
                            labels.join(", ")
                        ),
                        format!("add it for good: ip address add <vip>/32 dev eth0 label {label}"),
                    ));
                };
                if found.next().is_some() {
                    return Err(Error::new(
                        Code::Conflict,
                        format!("{origin}: several local addresses have the label {label}"),
                        "give the VIP a label of its own",
                    ));
                }
                config::possible(first).map_err(|expected| {
                    Error::new(
                        Code::InvalidConfig,
                        format!("{origin}: the local address under {label} is {first}, expected {expected}"),
                        "correct the address of that label",
                    )
                })?;
                first
            }
        };
        vips.push(Vip { address, public_ip: source.public_ip.clone(), name: source.name.clone() });
    }
    Ok(vips)
}

/// What `Version` answers. `commit` is that of the library's own build.
pub fn version(commit: &str) -> Value {
    #[allow(unused_mut)]
    let mut clouds = serde_json::Map::new();
    #[cfg(feature = "aws")]
    clouds.insert("aws".into(), serde_json::json!(["route", "secondaryIp"]));
    #[cfg(feature = "azure")]
    clouds.insert("azure".into(), serde_json::json!(["ipConfig", "route"]));
    #[cfg(feature = "gcp")]
    clouds.insert("gcp".into(), serde_json::json!(["aliasIp", "route"]));
    let names: Vec<_> = clouds.keys().cloned().collect();
    let version = env!("CARGO_PKG_VERSION");
    serde_json::json!({
        "name": "mirrorvip",
        "version": version,
        "commit": commit,
        "clouds": clouds,
        "ok": true,
        "summary": format!("mirrorvip {version} ({commit}) for {}", names.join(", ")),
    })
}
