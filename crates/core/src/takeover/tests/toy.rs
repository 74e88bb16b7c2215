//! A cloud of a few lines whose every answer is under control.

use crate::{
    check::CheckItem,
    cloud::{After, Cloud, Effect, Need, Plan, Step, outsiders::Missing},
    deadline::{Deadline, Watch},
    error::{Code, Error, Result},
    journal::Journal,
    takeover::{Findings, Mode, acquire},
    vip::{Goal, Holder, Member, Part, PartId, Write},
};
use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet, VecDeque},
    rc::Rc,
    time::Duration,
};
use tokio::time::Instant;

#[derive(Default)]
pub struct Surroundings {
    pub terminate: Cell<bool>,
    pub boot: Cell<Duration>,
}

impl Watch for Rc<Surroundings> {
    fn termination_requested(&self) -> bool {
        self.terminate.get()
    }
    fn boot_time(&self) -> Duration {
        self.boot.get()
    }
    fn wall_clock(&self) -> std::time::SystemTime {
        std::time::SystemTime::UNIX_EPOCH
    }
    fn random(&self) -> u64 {
        0
    }
}

/// Parts by name; a change points one at "me". Answers to changes and stale looks are queued by the test.
#[derive(Default)]
pub struct Toy {
    pub parts: RefCell<BTreeMap<&'static str, Holder>>,
    /// What the next change of a part answers; the change is made if the answer is Ok or leaves it in doubt.
    pub answers: RefCell<BTreeMap<&'static str, VecDeque<Result<()>>>>,
    /// Looks that show an older state, before the truth is seen.
    pub stale: RefCell<VecDeque<BTreeMap<&'static str, Holder>>>,
    pub refused: RefCell<Vec<(&'static str, Error)>>,
    pub applied: RefCell<Vec<(&'static str, Duration)>>,
    pub after_apply: RefCell<Option<Hook>>,
    pub change_takes: Cell<Duration>,
    /// How much longer the next change of a part takes.
    pub slow: RefCell<BTreeMap<&'static str, Duration>>,
    /// How long the next look takes that follows the first.
    pub slow_look: Cell<Duration>,
    pub plan_error: RefCell<Option<Error>>,
    pub missing: RefCell<Vec<Missing>>,
    pub lets_go_first: Cell<bool>,
    /// A change in doubt was not made.
    pub doubt_is_right: Cell<bool>,
    /// A move is two changes: "free" takes the part off its holder, the part's own name takes it here.
    pub two_steps: Cell<bool>,
    /// A move ends with the change "tidy", which cleans up.
    pub tidies: Cell<bool>,
    pub remarks: RefCell<Vec<CheckItem>>,
    /// The operations that have succeeded, although nobody saw their end.
    pub succeeded: RefCell<BTreeSet<&'static str>>,
    /// How long the cloud takes to say what became of an operation.
    pub answers_after: Cell<Duration>,
    /// The process is asked to end when the next change has been made.
    pub stopped_by: RefCell<Option<Rc<Surroundings>>>,
    pub born: Cell<Option<Instant>>,
    /// Which of the questions `will change`, `discover`, `observe`, `complete` the engine has asked, in order.
    pub asked: RefCell<Vec<&'static str>>,
    /// Why this member is not known.
    pub unknown: RefCell<Option<Error>>,
    /// Why what could not be read could not be read.
    pub unreadable: RefCell<Option<Error>>,
    /// Why the parts are apart.
    pub absent: RefCell<Option<Error>>,
}

pub type Hook = Box<dyn Fn(&Toy)>;
pub type Looks = BTreeMap<&'static str, Holder>;

impl Toy {
    pub fn new(parts: &[(&'static str, Holder)]) -> Self {
        Toy {
            parts: RefCell::new(parts.iter().cloned().collect()),
            born: Cell::new(Some(Instant::now())),
            ..Toy::default()
        }
    }

    pub fn peer() -> Holder {
        Holder::Other("peer".into())
    }

    pub fn answer(&self, part: &'static str, answer: Result<()>) {
        self.answers.borrow_mut().entry(part).or_default().push_back(answer);
    }

    pub fn look(&self) -> Looks {
        self.stale.borrow_mut().pop_front().unwrap_or_else(|| self.parts.borrow().clone())
    }

    pub fn applied(&self) -> Vec<&'static str> {
        self.applied.borrow().iter().map(|(part, _)| *part).collect()
    }
}

/// A configured member that does not exist.
pub fn gone(name: &str) -> Missing {
    Missing { name: name.into(), similar: None }
}

pub fn id(part: &str) -> PartId {
    PartId { vip: "vip".into(), part: part.into() }
}

impl Cloud for Toy {
    type Seen = Looks;
    type Change = &'static str;
    const READS_LAG: Duration = Duration::from_secs(10);
    const LOOK_TWICE_AFTER: Duration = Duration::from_secs(3);
    const DELETES_AFTER: Duration = Duration::from_secs(3);

    fn will_change(&self) {
        self.asked.borrow_mut().push("will change");
    }
    async fn identify(&self) -> Result<Member> {
        self.unknown.borrow().clone().map_or_else(|| Ok(Member::default()), Err)
    }
    async fn discover(&self) -> Result<Looks> {
        self.asked.borrow_mut().push("discover");
        Ok(self.look())
    }
    async fn observe(&self, _: &Looks) -> Result<Looks> {
        self.asked.borrow_mut().push("observe");
        let shown = self.look();
        tokio::time::sleep(self.slow_look.take()).await;
        Ok(shown)
    }
    async fn complete(&self, seen: Looks) -> Result<Looks> {
        self.asked.borrow_mut().push("complete");
        Ok(seen)
    }
    fn unreadable(&self, _: &Looks) -> Option<Error> {
        self.unreadable.borrow().clone()
    }
    fn absent(&self, _: &Looks) -> Option<Error> {
        self.absent.borrow().clone()
    }
    fn member(&self, _: &Looks) -> Member {
        Member { interface: Some("me".into()), ..Member::default() }
    }
    fn placement(&self, seen: &Looks) -> Vec<Part> {
        seen.iter().map(|(name, holder)| Part { id: id(name), holder: holder.clone() }).collect()
    }
    fn plan(&self, seen: &Looks, goal: Goal) -> Result<Plan<&'static str>> {
        if let Some(error) = &*self.plan_error.borrow() {
            return Err(error.clone());
        }
        let refused: Vec<_> = self.refused.borrow().iter().map(|(part, error)| (id(part), error.clone())).collect();
        let wanted = |name: &str, holder: &Holder| {
            let mine = matches!(holder, Holder::ThisMember | Holder::Arriving(_));
            let wanted = match goal {
                Goal::Hold(Write::Always) => true,
                Goal::Hold(Write::IfNeeded) => !mine,
                Goal::LetGo => mine,
            };
            wanted && !refused.iter().any(|(part, _)| *part == id(name))
        };
        let steps = seen.iter().filter(|(name, holder)| wanted(name, holder));
        let steps = steps.enumerate().map(|(n, (name, _))| {
            // "z…" stands for the public address: after all others.
            let after = if name.starts_with('z') { 0..n } else { 0..0 };
            Step::new(id(name), *name).after_all(after)
        });
        let mut steps: Vec<_> = steps.collect();
        if self.two_steps.get() && seen.values().any(|holder| matches!(holder, Holder::Other(_))) {
            let parts = steps.iter().flat_map(|step| step.parts.clone()).collect();
            let free = Step { parts, change: "free", effect: Effect::Frees, after: Vec::new() };
            for step in &mut steps {
                step.after = vec![After { step: 0, need: Need::Success }];
            }
            steps.insert(0, free);
        }
        if self.tidies.get() && !steps.is_empty() {
            let (parts, after) = (steps.iter().flat_map(|step| step.parts.clone()).collect(), Vec::new());
            let tidy = Step { parts, change: "tidy", effect: Effect::Tidies, after };
            let all = 0..steps.len();
            steps.push(tidy.after_all(all));
        }
        Ok(Plan { steps, refused: refused.clone() })
    }
    async fn apply(&self, change: &&'static str) -> Result<()> {
        let longer = self.slow.borrow_mut().remove(change).unwrap_or_default();
        tokio::time::sleep(self.change_takes.get() + longer).await;
        let born = self.born.get().expect("set by new");
        self.applied.borrow_mut().push((change, born.elapsed()));
        if let Some(surroundings) = self.stopped_by.take() {
            surroundings.terminate.set(true);
        }
        let answer = self.answers.borrow_mut().get_mut(change).and_then(VecDeque::pop_front).unwrap_or(Ok(()));
        if *change == "tidy" {
            return answer;
        }
        let made =
            answer.as_ref().map_or_else(|error| error.fate.is_in_doubt() && !self.doubt_is_right.get(), |()| true);
        if made {
            let mut parts = self.parts.borrow_mut();
            if *change == "free" {
                parts.values_mut().for_each(|holder| *holder = Holder::Nobody);
                return answer;
            }
            let holder = if self.lets_go_first.get() { Holder::Nobody } else { Holder::ThisMember };
            parts.insert(change, holder);
        }
        if let Some(then) = &*self.after_apply.borrow() {
            then(self);
        }
        answer
    }
    fn describe(&self, change: &&'static str) -> (String, String) {
        ("toy:Move".into(), (*change).to_owned())
    }
    fn missing(&self, _: &Looks) -> Vec<Missing> {
        self.missing.borrow().clone()
    }
    fn remarks(&self, _: &Looks) -> Vec<CheckItem> {
        self.remarks.borrow().clone()
    }
    async fn rehearse(&self, _: &Looks) -> Vec<CheckItem> {
        Vec::new()
    }
}

/// The same cloud, where every read shows what is so.
pub struct Consistent<'a>(pub &'a Toy);

impl Cloud for Consistent<'_> {
    type Seen = Looks;
    type Change = &'static str;
    const READS_LAG: Duration = Duration::ZERO;
    const LOOK_TWICE_AFTER: Duration = Duration::ZERO;

    async fn identify(&self) -> Result<Member> {
        self.0.identify().await
    }
    async fn discover(&self) -> Result<Looks> {
        self.0.discover().await
    }
    async fn observe(&self, seen: &Looks) -> Result<Looks> {
        self.0.observe(seen).await
    }
    fn member(&self, seen: &Looks) -> Member {
        self.0.member(seen)
    }
    fn placement(&self, seen: &Looks) -> Vec<Part> {
        self.0.placement(seen)
    }
    fn plan(&self, seen: &Looks, goal: Goal) -> Result<Plan<&'static str>> {
        self.0.plan(seen, goal)
    }
    async fn apply(&self, change: &&'static str) -> Result<()> {
        self.0.apply(change).await
    }
    async fn has_succeeded(&self, operation: &str) -> Result<bool> {
        tokio::time::sleep(self.0.answers_after.get()).await;
        Ok(self.0.succeeded.borrow().contains(operation))
    }
    fn describe(&self, change: &&'static str) -> (String, String) {
        self.0.describe(change)
    }
    fn remarks(&self, seen: &Looks) -> Vec<CheckItem> {
        self.0.remarks(seen)
    }
    async fn rehearse(&self, seen: &Looks) -> Vec<CheckItem> {
        self.0.rehearse(seen).await
    }
}

pub fn deadline(seconds: u64) -> (Deadline, Rc<Surroundings>) {
    let surroundings = Rc::new(Surroundings::default());
    (Deadline::new(Duration::from_secs(seconds), Box::new(surroundings.clone())), surroundings)
}

pub async fn hold(toy: &Toy, write: Write) -> Findings {
    acquire(toy, &deadline(30).0, &Journal::default(), write, Mode::Real).await
}

pub fn failure(code: Code) -> Error {
    Error::new(code, "no", "do").with(|details| details.call = Some("toy:Move".into()))
}
