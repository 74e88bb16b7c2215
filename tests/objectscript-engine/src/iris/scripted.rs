//! A library that a test makes up: what each of its functions answers, one call after another.

use super::callouts::{Answer, Callouts};
use mirrorvip_callouts::Callout;
use std::{
    cell::RefCell,
    collections::{BTreeMap, VecDeque},
    rc::Rc,
};

/// Its functions have numbers in the order in which they were named first, as in the callout table.
///
/// ```
/// # use objectscript_engine::Scripted;
/// let library = Scripted::new(&["Version", "Acquire"])
///     .answers("Acquire", r#"{"summary": "throttled", "retry": true}"#)
///     .takes(20.0)
///     .answers("Acquire", r#"{"summary": "moved"}"#);
/// ```
///
/// The last answer of a function is given again and again; a function that has none fails, as one that returns
/// `ZF_FAILURE` does. A clone shares everything, so that a test can keep one and look at [`Scripted::calls`].
#[derive(Clone, Default)]
pub struct Scripted(Rc<RefCell<Script>>);

#[derive(Default)]
struct Script {
    functions: Vec<String>,
    answers: BTreeMap<String, VecDeque<Result<Answer, String>>>,
    /// The function whose answer was given last.
    last: String,
    refused_loads: Option<u32>,
    loads: u32,
    loaded: u32,
    calls: Vec<(String, Vec<String>)>,
    clock: f64,
    times: Vec<(String, f64)>,
}

/// There is one library, whatever its path.
const NUMBER: u32 = 1;

impl Scripted {
    pub fn new(functions: &[&str]) -> Self {
        let script =
            Script { functions: functions.iter().map(|name| (*name).to_owned()).collect(), ..Script::default() };
        Self(Rc::new(RefCell::new(script)))
    }

    /// The functions of libmirrorvip, in the order of its table.
    pub fn mirrorvip() -> Self {
        Self::new(&Callout::ALL.map(|callout| callout.name().to_str().unwrap_or_default()))
    }

    #[must_use]
    pub fn answers(self, function: &str, text: &str) -> Self {
        self.next(function, Ok(text.into()))
    }

    /// The function returns `ZF_FAILURE`.
    #[must_use]
    pub fn fails(self, function: &str) -> Self {
        self.next(function, Err("ZF_FAILURE".into()))
    }

    /// The answer that was added last comes after so many seconds.
    #[must_use]
    pub fn takes(self, seconds: f64) -> Self {
        {
            let script = &mut *self.0.borrow_mut();
            match script.answers.get_mut(&script.last).and_then(VecDeque::back_mut) {
                Some(Ok(answer)) => answer.seconds = seconds,
                _ => panic!("an answer comes first"),
            }
        }
        self
    }

    /// The first loads fail, and those after them do not.
    #[must_use]
    pub fn refuses_loads(self, how_many: u32) -> Self {
        self.0.borrow_mut().refused_loads = Some(how_many);
        self
    }

    fn next(self, function: &str, answer: Result<Answer, String>) -> Self {
        {
            let script = &mut *self.0.borrow_mut();
            assert!(script.functions.iter().any(|name| name == function), "the library has no {function}");
            script.answers.entry(function.to_owned()).or_default().push_back(answer);
            function.clone_into(&mut script.last);
        }
        self
    }

    /// Each call: the function's name and its arguments.
    pub fn calls(&self) -> Vec<(String, Vec<String>)> {
        self.0.borrow().calls.clone()
    }

    /// Each call: the function's name, and what the instance's clock showed.
    pub fn times(&self) -> Vec<(String, f64)> {
        self.0.borrow().times.clone()
    }

    /// How often it is loaded now. A routine that gives it back after each call leaves 0.
    pub fn loaded(&self) -> u32 {
        self.0.borrow().loaded
    }
}

impl Callouts for Scripted {
    fn load(&mut self, path: &str) -> Result<u32, String> {
        let script = &mut *self.0.borrow_mut();
        script.loads += 1;
        if script.refused_loads.is_some_and(|refused| script.loads <= refused) {
            return Err(format!("{path}: cannot open shared object file"));
        }
        script.loaded += 1;
        Ok(NUMBER)
    }

    fn function(&mut self, _: u32, name: &str) -> Option<u32> {
        let place = self.0.borrow().functions.iter().position(|known| known == name)?;
        u32::try_from(place + 1).ok()
    }

    fn call(&mut self, _: u32, function: u32, arguments: &[String]) -> Result<Answer, String> {
        let script = &mut *self.0.borrow_mut();
        let place = usize::try_from(function).ok().and_then(|number| number.checked_sub(1));
        let Some(name) = place.and_then(|place| script.functions.get(place)).cloned() else {
            return Err(format!("there is no function {function}"));
        };
        script.calls.push((name.clone(), arguments.to_vec()));
        script.times.push((name.clone(), script.clock));
        let Some(answers) = script.answers.get_mut(&name) else {
            return Err("ZF_FAILURE".into());
        };
        let next = if answers.len() > 1 { answers.pop_front() } else { answers.front().cloned() };
        next.expect("one answer is left")
    }

    fn clock(&mut self, seconds: f64) {
        self.0.borrow_mut().clock = seconds;
    }

    fn unload(&mut self, _: u32) {
        let script = &mut *self.0.borrow_mut();
        script.loaded = script.loaded.saturating_sub(1);
    }
}
