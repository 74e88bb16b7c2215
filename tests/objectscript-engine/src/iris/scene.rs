//! What a test prepares, orders and looks at.

use super::{
    FIRST, Iris,
    callouts::{Callouts, Missing},
    errors::IrisError,
    mirror::Mirror,
    process::Device,
    world::{ConsoleLine, Holder, Nth},
};
use crate::{
    library::{Natives, SENSORS},
    value::{Key, Node, Value},
};
use std::{path::Path, rc::Rc};

impl Iris {
    pub fn console(&self) -> &[ConsoleLine] {
        &self.world.console
    }

    /// A value of a global in %SYS; subscripts that look like numbers are numbers.
    pub fn global(&self, name: &str, subscripts: &[&str]) -> Option<String> {
        let node = self.world.namespaces.get("%SYS")?.globals.get(name)?;
        node.get(&keys(subscripts)).map(|value| value.to_text().to_string())
    }

    pub fn set_global(&mut self, name: &str, subscripts: &[&str], value: &str) {
        let global: &mut Node = self.world.namespace("%SYS").globals.entry(name.to_owned()).or_default();
        global.set(&keys(subscripts), Value::from(value));
    }

    pub fn set_mirror(&mut self, mirror: Mirror) {
        self.world.mirror = mirror;
    }

    /// The mirror becomes this just before a call, such as the second of `IsPrimary`. For names, see [`Iris::fail_next`].
    pub fn set_mirror_at_call(&mut self, name: &str, number: u32, mirror: Mirror) {
        self.world.orders.mirrors.push((name.to_ascii_lowercase(), number, mirror));
    }

    /// The mirror becomes this once the instance is so many seconds old.
    pub fn set_mirror_at(&mut self, seconds: f64, mirror: Mirror) {
        self.world.schedule.push((seconds, mirror));
        self.world.schedule.sort_by(|(a, _), (b, _)| a.total_cmp(b));
    }

    /// IRIS stops and starts: locks and jobs are gone, and `$zhorolog` begins anew. Globals stay.
    pub fn restart(&mut self) {
        self.world.started = self.world.now;
        self.world.locks.clear();
        self.world.jobs.clear();
    }

    /// Seconds since the instance began; HANG and waiting make them pass.
    pub fn now(&self) -> f64 {
        self.world.now
    }

    pub fn set_callouts(&mut self, callouts: impl Callouts + 'static) {
        self.world.callouts = Box::new(callouts);
    }

    /// How `$ZF(-4)` says that a library does not load, and that a function is not there.
    pub fn set_missing(&mut self, library: Missing, function: Missing) {
        (self.world.missing_library, self.world.missing_function) = (library, function);
    }

    /// The next call raises this error. The name is that of a method (`WriteToConsoleLog`, or with its class and a dot),
    /// of a function (`$zf`, `$zf(-4,1)`), of a command (`job`, `write`, `lock`, `hang`), what is done to a global (`get`,
    /// `set`, `kill`, `merge`, also with its name: `set ^X`), `set $namespace`; or [`crate::ANYTHING`] of these.
    pub fn fail_next(&mut self, name: &str, error: IrisError) {
        let done = self.world.orders.counts.get(&name.to_ascii_lowercase()).copied().unwrap_or(0);
        self.fail_nth(name, done + 1, error);
    }

    /// The call with this number, counted from 1 and from the beginning, raises the error.
    pub fn fail_nth(&mut self, name: &str, number: u32, error: IrisError) {
        self.world.orders.failures.push((name.to_ascii_lowercase(), Nth::Call(number), error));
    }

    pub fn fail_every(&mut self, name: &str, error: IrisError) {
        self.world.orders.failures.push((name.to_ascii_lowercase(), Nth::Every, error));
    }

    /// How often something was called that can be ordered to fail.
    pub fn calls_of(&self, name: &str) -> u32 {
        self.world.orders.counts.get(&name.to_ascii_lowercase()).copied().unwrap_or(0)
    }

    /// What a run has left behind in the first process: locks, libraries, public variables. A hook leaves nothing.
    pub fn leftovers(&self) -> Vec<String> {
        let process = &self.processes[&FIRST];
        let held = |holders: &[Holder]| holders.iter().any(|holder| holder.process == FIRST);
        let locks =
            self.world.locks.iter().filter(|(_, holders)| held(holders)).map(|(name, _)| format!("lock {name}"));
        let libraries = process.all_libraries().into_iter().map(|library| format!("library {library}"));
        let set = process.public.iter().filter(|(_, variable)| variable.borrow().data() != 0);
        locks.chain(libraries).chain(set.map(|(name, _)| format!("variable {name}"))).collect()
    }

    /// The text of a routine in %SYS, without its header.
    pub fn routine(&self, name: &str) -> Option<String> {
        self.world.routine("%SYS", name).map(|routine| routine.text.clone())
    }

    /// A routine in %SYS of which there is intermediate code and no source, as older sites have them. It cannot be run here.
    pub fn add_intermediate(&mut self, name: &str) {
        self.world.intermediate.insert(name.into());
    }

    /// Somebody else holds a lock, such as `^A("b")`: for so many seconds, or for good.
    pub fn hold_lock(&mut self, name: &str, seconds: Option<f64>) {
        let holder = Holder { process: 0, count: 1, until: seconds.map(|seconds| self.world.now + seconds) };
        self.world.locks.entry(format!("|%SYS|{name}")).or_default().push(holder);
    }

    /// Failures that were ordered and never came, because too few calls were made: a test that wants them looks here.
    pub fn unmet_orders(&self) -> Vec<String> {
        let unmet = self.world.orders.failures.iter().filter(|(name, nth, _)| match nth {
            Nth::Call(number) => self.calls_of(name) < *number,
            Nth::Every => self.calls_of(name) == 0,
        });
        unmet.map(|(name, nth, error)| format!("{name} {nth:?} {}", error.name)).collect()
    }

    pub fn set_device(&mut self, process: u32, device: Device) {
        self.processes.get_mut(&process).expect("a process that is there").device = device;
    }

    pub fn set_namespace(&mut self, namespace: &str) {
        self.world.namespace(namespace);
        self.processes.get_mut(&FIRST).expect("the first process").namespace = namespace.into();
    }

    /// What `$system.Util.ManagerDirectory()` answers, where it is not the root with a slash.
    pub fn set_manager_directory(&mut self, text: &str) {
        self.world.manager_directory = text.into();
    }

    /// The code may read and write there too.
    pub fn allow(&mut self, directory: impl AsRef<Path>) {
        self.world.allow(directory.as_ref());
    }

    /// More class methods, methods and classes; see [`Natives`].
    ///
    /// # Panics
    /// If it is called while code runs.
    pub fn natives(&mut self) -> &mut Natives {
        Rc::get_mut(&mut self.world.natives).expect("no code runs")
    }

    pub fn set_step_limit(&mut self, steps: u64) {
        self.world.step_limit = steps;
    }

    pub fn set_version(&mut self, text: &str) {
        self.world.version = text.into();
    }

    /// What monitor classes have reported: names, values and labels.
    pub fn sensors(&self) -> Vec<(String, String, String)> {
        let sensors = self.world.stored.get(SENSORS).map(Vec::as_slice).unwrap_or_default();
        sensors.iter().map(|(_, sensor)| (sensor.text("Name"), sensor.text("Value"), sensor.text("Label"))).collect()
    }

    /// Gives each stored object of a class this property, as a person does in the Portal.
    pub fn set_stored(&mut self, class: &str, property: &str, value: &str) {
        for (_, object) in self.world.stored.get(class).into_iter().flatten() {
            object.set_property(property, Value::from(value));
        }
    }

    /// Stored objects of a class, such as `%SYS.Task`: their identifiers and a property of each.
    pub fn stored(&self, class: &str, property: &str) -> Vec<(i64, String)> {
        let objects = self.world.stored.get(class).map(Vec::as_slice).unwrap_or_default();
        objects.iter().map(|(id, object)| (*id, object.text(property))).collect()
    }
}

fn keys(subscripts: &[&str]) -> Vec<Key> {
    subscripts.iter().filter_map(|subscript| Key::new(&Value::from(*subscript))).collect()
}
