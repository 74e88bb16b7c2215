//! An instance, as a test sees it.

pub mod callouts;
pub mod errors;
mod locks;
pub mod mirror;
pub mod process;
mod scene;
pub mod scripted;
pub(crate) mod tasks;
pub mod world;

use crate::{
    library::{Natives, full_name},
    run::{Given, Run},
    source::{self, Fault},
    value::Value,
};
use callouts::{Missing, NoLibrary};
use errors::{IrisError, Outcome, Stop};
use mirror::Mirror;
use process::{Device, Process};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    path::Path,
    rc::Rc,
};
use world::{Orders, Start, World};

/// How a run ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Ran {
    /// `None` if it gave none.
    pub value: Option<String>,
    pub output: String,
    /// What no TRY caught.
    pub error: Option<IrisError>,
    /// Where the process was after it.
    pub namespace: String,
}

/// One instance of IRIS, with one process for the test to run code in, and those that JOB starts.
pub struct Iris {
    pub(crate) world: World,
    processes: BTreeMap<u32, Process>,
}

/// Jobs that start one another for good are a loop without an end as well.
const MOST_JOBS: usize = 1000;

/// The process that [`Iris::run`] runs in.
pub const FIRST: u32 = 1000;

impl Iris {
    /// With `root` as its manager's directory: the only place where the code can read and write files.
    pub fn new(root: impl AsRef<Path>) -> Self {
        let root = root.as_ref().to_owned();
        let manager_directory = format!("{}/", root.display().to_string().trim_end_matches('/'));
        let mut world = World {
            root,
            allowed: Vec::new(),
            manager_directory,
            now: 0.0,
            started: 0.0,
            namespaces: BTreeMap::new(),
            console: Vec::new(),
            mirror: Mirror::none(),
            schedule: Vec::new(),
            locks: BTreeMap::new(),
            jobs: VecDeque::new(),
            refused_jobs: 0,
            next_process: FIRST + 1,
            callouts: Box::new(NoLibrary),
            missing_library: Missing::Error("<DYNAMIC LIBRARY LOAD>"),
            missing_function: Missing::Error("<ILLEGAL VALUE>"),
            system_index: BTreeMap::new(),
            natives: Rc::new(Natives::standard()),
            stored: BTreeMap::new(),
            orders: Orders::default(),
            intermediate: BTreeSet::new(),
            version: "IRIS for UNIX (Ubuntu Server LTS for x86-64 Containers) 2024.1 (Build 267_2U)".into(),
            step_limit: 1_000_000,
        };
        for name in ["%SYS", "USER"] {
            world.namespace(name);
        }
        Self { world, processes: BTreeMap::from([(FIRST, Process::new(FIRST))]) }
    }

    /// Compiles a routine or class into %SYS. The name says which: `.mac` or `.cls`.
    ///
    /// # Panics
    /// If it cannot be compiled, or the engine does not know something in it.
    pub fn load(&mut self, file: &str, text: &str) {
        self.load_in("%SYS", file, text);
    }

    /// [`Iris::load`] into another namespace.
    ///
    /// # Panics
    /// As [`Iris::load`].
    pub fn load_in(&mut self, namespace: &str, file: &str, text: &str) {
        if let Err(Fault::Compile(why) | Fault::Unsupported(why)) = self.world.compile(namespace, file, text) {
            panic!("{why}");
        }
    }

    /// Runs `label^routine`, or `class:method`, with a value for each argument. In the first process, in the namespace
    /// that is left from the run before.
    ///
    /// # Panics
    /// If the engine does not know something that the code does, or the code does not end.
    pub fn run(&mut self, what: &str, arguments: &[&str]) -> Ran {
        self.try_run(what, arguments).unwrap_or_else(|why| panic!("{why}"))
    }

    /// # Errors
    /// What the engine does not know.
    pub fn try_run(&mut self, what: &str, arguments: &[&str]) -> Result<Ran, String> {
        self.run_in(FIRST, what, arguments)
    }

    /// [`Iris::try_run`] in a process that [`Iris::new_process`] or JOB has started.
    ///
    /// # Errors
    /// As [`Iris::try_run`].
    pub fn run_in(&mut self, process: u32, what: &str, arguments: &[&str]) -> Result<Ran, String> {
        let given = arguments.iter().map(|text| Given::Value(Value::from(*text))).collect();
        let process = self.processes.get_mut(&process).expect("a process that is there");
        let mut run = Run::new(&mut self.world, process);
        let outcome = match what.split_once(':') {
            Some((class, method)) => run.class_method(class, method, given),
            None => {
                let (label, routine) = what.split_once('^').expect("label^routine or class:method");
                let namespace = run.process.namespace.clone();
                run.start(label, routine, &namespace, given)
            }
        };
        finish(process, outcome)
    }

    /// Runs a method of a new object of a class, without arguments for its `%OnNew`.
    ///
    /// # Panics
    /// As [`Iris::run`]; or if there is no such object.
    pub fn run_method(&mut self, class: &str, method: &str, arguments: &[&str]) -> Ran {
        let given = arguments.iter().map(|text| Given::Value(Value::from(*text))).collect();
        let process = self.processes.get_mut(&FIRST).expect("the first process");
        let mut run = Run::new(&mut self.world, process);
        let outcome = run.class_method(class, "%New", Vec::new()).and_then(|object| {
            let object = object.as_ref().and_then(Value::object).expect("%New gives an object");
            run.send(Some(object), class, class, method, given)
        });
        finish(process, outcome).unwrap_or_else(|why| panic!("{why}"))
    }

    /// A process more, in %SYS, with a terminal.
    pub fn new_process(&mut self) -> u32 {
        let number = self.world.next_process;
        self.world.next_process += 1;
        self.processes.insert(number, Process::new(number));
        number
    }

    /// Ends a process as HALT does: its locks are gone, and with its memory what it had loaded.
    pub fn end_process(&mut self, process: u32) {
        if let Some(process) = self.processes.remove(&process) {
            end(&mut self.world, &process);
        }
    }

    /// Runs what JOB has queued, one after another, and what these queue in their turn.
    ///
    /// # Panics
    /// As [`Iris::run`].
    pub fn run_jobs(&mut self) -> Vec<Ran> {
        let mut ran = Vec::new();
        while let Some(job) = self.world.jobs.pop_front() {
            let mut process = Process::new(job.process);
            process.device = Device::Null;
            (process.namespace, process.username, process.roles) = (job.namespace, job.username, job.roles);
            let given = job.arguments.into_iter().map(|value| value.map_or(Given::Omitted, Given::Value)).collect();
            let mut run = Run::new(&mut self.world, &mut process);
            let outcome = match job.start {
                Start::Label { label, routine, namespace } => run.start(&label, &routine, &namespace, given),
                Start::Method { class, method } => run.class_method(&class, &method, given),
            };
            ran.push(finish(&mut process, outcome).unwrap_or_else(|why| panic!("{why}")));
            end(&mut self.world, &process);
            assert!(ran.len() < MOST_JOBS, "{MOST_JOBS} jobs ran, and there is no end of them");
        }
        ran
    }

    /// How many processes wait for [`Iris::run_jobs`].
    pub fn queued_jobs(&self) -> usize {
        self.world.jobs.len()
    }

    /// The next JOB commands find no free process, and wait until their time is out.
    pub fn refuse_jobs(&mut self, how_many: u32) {
        self.world.refused_jobs = how_many;
    }
}

impl World {
    pub(crate) fn compile(&mut self, namespace: &str, file: &str, text: &str) -> Result<String, Fault> {
        if file.to_ascii_lowercase().ends_with(".cls") {
            let class = source::class(file, text)?;
            let name = class.name.clone();
            let is_known =
                |parent: &String| self.class(namespace, parent).is_some() || self.natives.has_class(&full_name(parent));
            if let Some(parent) = class.extends.iter().find(|parent| !is_known(parent)) {
                return Err(Fault::Unsupported(format!("{file}: the class {parent} that {name} extends is not known")));
            }
            self.namespace(Self::home(namespace, &name)).classes.insert(name.clone(), Rc::new(class));
            return Ok(name);
        }
        let routine = source::routine(file, text)?;
        let name = routine.name.clone();
        self.namespace(Self::home(namespace, &name)).routines.insert(name.clone(), Rc::new(routine));
        Ok(name)
    }
}

fn finish(process: &mut Process, outcome: Outcome<Option<Value>>) -> Result<Ran, String> {
    process.column = 0;
    let output = std::mem::take(&mut process.output);
    let mut ran = Ran { value: None, output, error: None, namespace: process.namespace.clone() };
    match outcome {
        Ok(value) => ran.value = value.map(|value| value.to_text().to_string()),
        Err(Stop::Halt) => {}
        Err(Stop::Error(object)) => ran.error = Some(IrisError::of(&object)),
        Err(Stop::Refusal(why)) => return Err(why),
    }
    Ok(ran)
}

fn end(world: &mut World, process: &Process) {
    world.unlock_all(process.number);
    for library in process.all_libraries() {
        world.callouts.unload(library);
    }
}
