//! One instance: what its processes share.

use super::{
    callouts::{Callouts, Missing},
    errors::IrisError,
    mirror::Mirror,
};
use crate::{
    library::Natives,
    source::ast::{Class, Routine},
    value::{Node, Object, Value},
};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    path::{Component, Path, PathBuf},
    rc::Rc,
};

/// 1 January 2026, 00:00:00 UTC, in seconds since 1970.
const START: f64 = 1_767_225_600.0;
/// 1 January 1970 in days of `$horolog`, which begins with 31 December 1840.
pub const EPOCH_DAY: u32 = 47_117;

/// A line of messages.log.
#[derive(Debug, Clone, PartialEq)]
pub struct ConsoleLine {
    pub text: String,
    /// 0 to 3; from 2 on, the line reaches alerts.log.
    pub severity: u8,
    pub event: String,
    /// Seconds since the instance began.
    pub at: f64,
    pub process: u32,
}

#[derive(Default)]
pub struct Namespace {
    pub globals: BTreeMap<String, Node>,
    pub routines: BTreeMap<String, Rc<Routine>>,
    pub classes: BTreeMap<String, Rc<Class>>,
}

/// A process that JOB has asked for, and that has not run yet.
pub struct Job {
    pub process: u32,
    pub namespace: String,
    pub username: String,
    pub roles: String,
    pub start: Start,
    pub arguments: Vec<Option<Value>>,
}

pub enum Start {
    Label { label: String, routine: String, namespace: String },
    Method { class: String, method: String },
}

/// Who holds a lock, how often, and until when if nobody of ours does.
pub struct Holder {
    pub process: u32,
    pub count: u32,
    pub until: Option<f64>,
}

/// The name that everything goes by which can be ordered to fail.
pub const ANYTHING: &str = "anything";

/// What a test has ordered to happen at a call.
#[derive(Default)]
pub struct Orders {
    pub failures: Vec<(String, Nth, IrisError)>,
    /// What the mirror becomes, just before a call with this name and number.
    pub mirrors: Vec<(String, u32, Mirror)>,
    pub counts: BTreeMap<String, u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nth {
    Call(u32),
    Every,
}

pub struct World {
    pub root: PathBuf,
    pub allowed: Vec<PathBuf>,
    /// What `ManagerDirectory()` answers.
    pub manager_directory: String,
    /// Seconds since the instance began.
    pub now: f64,
    /// When IRIS was started last: `$zhorolog` counts from there.
    pub started: f64,
    pub namespaces: BTreeMap<String, Namespace>,
    pub console: Vec<ConsoleLine>,
    pub mirror: Mirror,
    /// What the mirror becomes, and when; in order of time.
    pub schedule: Vec<(f64, Mirror)>,
    pub locks: BTreeMap<String, Vec<Holder>>,
    pub jobs: VecDeque<Job>,
    /// How many more JOB commands find no free process.
    pub refused_jobs: u32,
    pub next_process: u32,
    pub callouts: Box<dyn Callouts>,
    /// What `$ZF(-4,1)` does with a file that does not load, and `$ZF(-4,3)` with a name that the library does not have.
    pub missing_library: Missing,
    pub missing_function: Missing,
    pub system_index: BTreeMap<i64, String>,
    pub natives: Rc<Natives>,
    /// Stored objects by class, such as tasks.
    pub stored: BTreeMap<String, Vec<(i64, Object)>>,
    pub orders: Orders,
    pub version: String,
    /// Routines in %SYS of which there is intermediate code alone.
    pub intermediate: BTreeSet<String>,
    pub step_limit: u64,
}

impl World {
    pub fn advance(&mut self, seconds: f64) {
        self.now += seconds.max(0.0);
        while self.schedule.first().is_some_and(|(at, _)| *at <= self.now) {
            self.mirror = self.schedule.remove(0).1;
        }
    }

    /// Days and seconds, as in `$horolog`.
    pub fn horolog(&self) -> (f64, f64) {
        let seconds = START + self.now;
        let days = (seconds / 86_400.0).floor();
        (days + f64::from(EPOCH_DAY), seconds - days * 86_400.0)
    }

    /// The error that is ordered for this call. Each name that the call goes by has a count of its own.
    pub fn ordered(&mut self, names: &[&str]) -> Option<IrisError> {
        let mut found = None;
        for name in names.iter().chain(&[ANYTHING]) {
            let name = name.to_ascii_lowercase();
            let count = self.orders.counts.entry(name.clone()).or_insert(0);
            *count += 1;
            let is_due = |wanted: &str, nth: Nth| *wanted == name && (nth == Nth::Every || nth == Nth::Call(*count));
            if let Some((.., mirror)) = self.orders.mirrors.iter().find(|(name, nth, _)| is_due(name, Nth::Call(*nth)))
            {
                self.mirror = mirror.clone();
            }
            let failure = self.orders.failures.iter().find(|(name, nth, _)| is_due(name, *nth));
            found = found.or_else(|| failure.map(|(.., error)| error.clone()));
        }
        found
    }

    pub fn namespace(&mut self, name: &str) -> &mut Namespace {
        self.namespaces.entry(name.to_owned()).or_default()
    }

    /// Names that begin with `%` belong to every namespace.
    pub fn home<'n>(namespace: &'n str, name: &str) -> &'n str {
        if name.starts_with('%') { "%SYS" } else { namespace }
    }

    pub fn routine(&self, namespace: &str, name: &str) -> Option<Rc<Routine>> {
        self.namespaces.get(Self::home(namespace, name))?.routines.get(name).cloned()
    }

    pub fn class(&self, namespace: &str, name: &str) -> Option<Rc<Class>> {
        self.namespaces.get(Self::home(namespace, name))?.classes.get(name).cloned()
    }

    /// A file that the code under test may touch. Whatever is elsewhere belongs to the machine that runs the test.
    pub fn path(&self, text: &str) -> Result<PathBuf, String> {
        let mut path = PathBuf::new();
        for part in self.root.join(text).components() {
            match part {
                Component::ParentDir => drop(path.pop()),
                Component::CurDir => {}
                other => path.push(other),
            }
        }
        let within = |root: &PathBuf| path.starts_with(root);
        if within(&self.root) || self.allowed.iter().any(within) {
            return Ok(path);
        }
        Err(format!("{} is outside of the instance: Iris::allow lets it in", path.display()))
    }

    pub fn allow(&mut self, path: &Path) {
        self.allowed.push(path.to_owned());
    }
}
