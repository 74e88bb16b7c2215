//! A request goes in, a report comes out. The one place that wires configuration, host, engine and clouds together; it always
//! reports, whatever happened.

mod mechanisms;
mod request;
mod surroundings;
mod vips;
mod work;

pub use mechanisms::version;
pub use request::{Action, LONGEST_REQUEST};
pub use surroundings::Surroundings;

use crate::{
    check::{CheckItem, CheckName, Verdict},
    config::{self, Config, access, source},
    deadline::Deadline,
    error::{Code, Error, REPORT_IT, Result, one_line},
    fate::Fate,
    journal::Journal,
    outcome::Outcome,
    report::{Report, Subject},
    takeover::{Findings, Mode},
};
use request::{Reason, Source};
use std::{path::Path, time::Duration};
use tokio::time::Instant;
use work::Work;

/// One call and what it has found so far. A panic on the way does not lose it.
pub struct Call {
    action: Action,
    begun: Instant,
    journal: Journal,
    subject: Subject,
    /// Warnings about files that others can write, for every report: the writer of such a file decides where the VIP goes.
    exposed: Vec<CheckItem>,
}

impl Call {
    /// A call that has not begun.
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

    /// The journal of its requests to the cloud. It can be read while the call runs.
    pub fn journal(&self) -> Journal {
        self.journal.clone()
    }

    /// Carries out one request.
    pub async fn run(&mut self, request: &[u8], surroundings: &impl Surroundings) -> Report {
        let (mut findings, advice) = match self.prepare(request, surroundings) {
            Ok(work) => self.carry_out(&work).await,
            Err(error) => (Findings::failed(self.action.unable(), error), Vec::new()),
        };
        if self.action == Action::Check {
            // A check that could not even begin failed for its configuration.
            if let (None, Some(error)) = (&findings.checks, &findings.error) {
                let configuration = CheckItem::failed(CheckName::Configuration, error);
                findings.add_checks([configuration]);
            }
            findings.add_checks(self.exposed.clone());
        }
        self.report(findings, &advice)
    }

    /// The report of a call that a fault cut short. No read followed, so a report after the first change leaves the outcome
    /// open.
    pub fn broken_off(&self, error: Error) -> Report {
        let changed = self.journal.has_changes();
        let outcome = match self.action {
            Action::Acquire if changed => Outcome::Unverified,
            action => action.unable(),
        };
        let error = if changed { error.with_fate(Fate::InDoubt) } else { error };
        self.report(Findings { changed, ..Findings::failed(outcome, error) }, &[])
    }

    fn prepare(&mut self, request: &[u8], surroundings: &impl Surroundings) -> Result<Work> {
        // The time runs from here, with the largest total until the configuration names the real one.
        let watch = surroundings.watch();
        let deadline = Deadline::new(Duration::from_secs(*config::DEADLINE_SECONDS.end()), watch);
        let (request, source) = request::read(request, surroundings)?;
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
        let usual = if reason.is_hook() { config.deadline.min(config.hook) } else { config.deadline };
        let total = request.deadline_seconds.map_or(usual, Duration::from_secs);
        let local = surroundings.local_network().map_err(|error| {
            Error::new(
                Code::Internal,
                format!("the local interfaces could not be listed: {error}"),
                "report this with the operating system's version",
            )
        })?;
        let vips = vips::resolve(&config, &local, &origin)?;
        self.subject.vips = vips::shown(&vips);
        let mode = if request.dry_run.unwrap_or_default() { Mode::DryRun } else { Mode::Real };
        Ok(Work {
            action: self.action,
            journal: self.journal.clone(),
            resume: request.resume.unwrap_or_default(),
            config,
            vips,
            local,
            reason,
            mode,
            deadline: deadline.with_total(total),
            network: surroundings.network(),
        })
    }

    async fn carry_out(&mut self, work: &Work) -> (Findings, Vec<CheckItem>) {
        self.subject.cloud = Some(work.config.cloud);
        self.subject.mechanism = Some(work.config.block.mechanism());
        match mechanisms::of(&work.config) {
            Some(mechanism) => (mechanism.carry_out)(work).await,
            None => (Findings::failed(self.action.unable(), not_in_the_table(&work.config)), Vec::new()),
        }
    }

    fn report(&self, mut findings: Findings, advice: &[CheckItem]) -> Report {
        findings.remarks.extend(self.exposed.iter().cloned());
        let elapsed_ms = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        Report::new(&self.subject, findings, advice, &self.journal, elapsed_ms)
    }
}

fn not_in_the_table(config: &Config) -> Error {
    Error::new(
        Code::Internal,
        format!("the mechanism {} of {} is not built in", config.block.mechanism(), config.cloud),
        REPORT_IT,
    )
}

/// The warning about a file that others can write. The owner of the folder `iris` is the owner of IRIS.
fn exposed(what: &str, path: &Path, iris: Option<&Path>) -> Option<CheckItem> {
    let access::Exposed { place, mode, who, remedy } = access::look(path, iris)?;
    let through = if place == path { String::new() } else { format!(" through {}", place.display()) };
    let message = format!("{who} can replace {what} {}{through} (mode {mode:04o})", path.display());
    Some(CheckItem::new(CheckName::ConfigWritable, Verdict::Warning, one_line(&message), one_line(&remedy)))
}
