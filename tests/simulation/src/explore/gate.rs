//! Where requests wait until the search lets the cloud process them, one at a time.
//!
//! The gate decides when neither member can go on by itself: each waits here, waits for an operation, or has ended its call.
//! Until then virtual time goes on, so that a member that pauses between two attempts gets here first. Requests to the metadata
//! and polls of an operation pass at once: they change nothing, and a poll tells only whether the operation has ended. So do questions
//! about rights and locks, whose answer nothing in a run changes.
//!
//! A request that had its answer from the very same state of the cloud gets it again: it is a repeat, and no step. Its member
//! waits for a change, so the other one goes first; repeats pass when neither member has anything else to send.

use std::collections::HashMap;
use std::future::Future;
use std::mem::take;
use std::sync::Mutex;
use std::time::Duration;

use mirrorvip_core::net::transport::Request;
use tokio::sync::{Notify, oneshot};
use tokio::time::sleep;

use super::search::{Ending, Move, Script, Step};
use crate::member::{Scene, lock};

/// After this long nothing is left that happens at the same moment.
const MOMENT: Duration = Duration::from_millis(1);

/// A request that reaches the gate.
pub struct Arrival {
    member: usize,
    kind: Kind,
    /// All that the answer depends on, beside the state of the cloud.
    words: String,
}

enum Kind {
    /// Of the machine itself.
    Local,
    /// A look at the operation of this name.
    Poll(String),
    Look,
    Change,
}

impl Arrival {
    pub fn of(request: &Request, member: usize, scene: &Scene) -> Self {
        let path = request.url.path();
        let operation = path.split_once("/operations/").and_then(|(_, rest)| rest.split('/').next());
        let kind = match operation.filter(|name| !name.is_empty()) {
            _ if !scene.cloud.is_api(request) || is_about_rights(path) => Kind::Local,
            Some(name) => Kind::Poll(name.to_owned()),
            None if scene.cloud.is_change(request) => Kind::Change,
            None => Kind::Look,
        };
        let condition = request.headers.get(http::header::IF_MATCH);
        let body = String::from_utf8_lossy(&request.body);
        Arrival { member, kind, words: format!("{} {} {condition:?} {body}", request.method, request.url) }
    }
}

/// Nothing in a run changes what Azure answers to these, so their place among the others means nothing.
fn is_about_rights(path: &str) -> bool {
    path.contains("/providers/Microsoft.Authorization/")
}

/// A request that was let through.
pub struct Pass {
    /// Nothing for a repeat.
    step: Option<Step>,
    member: usize,
    is_change: bool,
    words: String,
}

/// The gate of one run.
pub struct Gate {
    state: Mutex<State>,
    stirred: Notify,
}

struct State {
    script: Script,
    is_open: bool,
    /// The search knows how this run goes on.
    is_known: bool,
    members: [Member; 2],
    waiting: Vec<Waiting>,
    /// Operations that end after the next request of the member who did not begin them, with the member who did.
    ending_next: Vec<(String, usize)>,
    under_way: Vec<String>,
    /// Counts what has changed the cloud.
    version: usize,
}

#[derive(Default)]
struct Member {
    /// How many of its requests were no repeats.
    counted: usize,
    /// The version of the cloud that answered a request last.
    answered: HashMap<String, usize>,
    /// The operation that it looked at last, unless another request came after that.
    polls: Option<String>,
    has_left: bool,
}

struct Waiting {
    member: usize,
    is_look: bool,
    words: String,
    /// Its place among the requests of the member, once it was no repeat.
    step: Option<Step>,
    released: oneshot::Sender<Option<Step>>,
}

impl Waiting {
    fn is_gone(&self) -> bool {
        self.released.is_closed()
    }
}

enum Turn {
    /// A request goes on its way.
    Released,
    /// Somebody is on the way to the gate.
    NotYet,
    /// The run has ended here.
    Known,
}

impl Gate {
    pub fn new(script: Script) -> Self {
        let state = State {
            script,
            is_open: false,
            is_known: false,
            members: Default::default(),
            waiting: Vec::new(),
            ending_next: Vec::new(),
            under_way: Vec::new(),
            version: 0,
        };
        Gate { state: Mutex::new(state), stirred: Notify::new() }
    }

    /// The script, with what the run chose.
    pub fn script<T>(&self, look: impl FnOnce(&mut Script) -> T) -> T {
        look(&mut lock(&self.state).script)
    }

    /// Runs the calls of both members; `None` where the search knows how the run goes on.
    pub async fn attend(&self, scene: &Scene, calls: impl Future<Output = ()>) -> Option<()> {
        tokio::select! {
            biased;
            () = calls => {}
            () = self.let_through(scene) => return None,
        }
        let mut state = lock(&self.state);
        state.is_open = true;
        // What nobody waits for any more arrives all the same.
        state.waiting.clear();
        Some(())
    }

    async fn let_through(&self, scene: &Scene) {
        loop {
            self.stirred.notified().await;
            loop {
                sleep(MOMENT).await;
                match self.turn(scene) {
                    Turn::Released => {}
                    Turn::NotYet => break,
                    Turn::Known => return,
                }
            }
        }
    }

    /// The call of this member has ended.
    pub fn leave(&self, member: usize) {
        lock(&self.state).members[member].has_left = true;
        self.stirred.notify_one();
    }

    /// Waits until the request may be processed. Returns `None` if the search does not order this request.
    pub async fn pass(&self, arrival: Arrival, home: &mut oneshot::Sender<impl Sized>, scene: &Scene) -> Option<Pass> {
        let (released, release) = oneshot::channel();
        let Arrival { member, kind, words } = arrival;
        let is_look = {
            let mut state = lock(&self.state);
            self.stirred.notify_one();
            let is_look = match kind {
                _ if state.is_open => return None,
                Kind::Local => return None,
                Kind::Poll(name) => {
                    state.members[member].polls = Some(name);
                    return None;
                }
                Kind::Look => true,
                Kind::Change => false,
            };
            state.members[member].polls = None;
            state.waiting.push(Waiting { member, is_look, words: words.clone(), step: None, released });
            is_look
        };
        let step = tokio::select! {
            // A dropped sender is an open gate.
            step = release => step.ok()?,
            // Nobody waits for the answer of this look.
            () = home.closed(), if is_look => return None,
        };
        scene.tell(|| format!("{} passes", step.map_or("a repeat".into(), |step| step.to_string())));
        Some(Pass { step, member, is_change: !is_look, words })
    }

    /// The cloud has processed a request: decides when its operation ends, and ends those that waited for this request.
    pub fn processed(&self, pass: Pass, is_accepted: bool, scene: &Scene) {
        let Pass { step: Some(step), member, is_change, words } = pass else { return };
        let mut state = lock(&self.state);
        let before = std::mem::replace(&mut state.under_way, scene.cloud.under_way());
        let new = state.under_way.iter().find(|name| !before.contains(name)).filter(|_| is_change).cloned();
        state.version += usize::from(is_change && is_accepted);
        let version = state.version;
        state.members[member].answered.insert(words, version);
        state.end_those(|owner| owner != member, scene);
        if let Some(new) = new.filter(|_| !state.is_open) {
            let moves = Ending::ALL.map(|ending| Move { step: Step { ending: Some(ending), ..step }, is_look: false });
            let chosen = state.script.choose(&moves);
            scene.tell(|| format!("{} is decided", chosen.map_or("nothing".into(), |step| step.to_string())));
            match chosen.map(|step| step.ending) {
                None => state.is_known = true,
                Some(Some(Ending::Now)) => state.end(&new, scene),
                Some(Some(Ending::Next)) => state.ending_next.push((new, step.member)),
                Some(_) => {}
            }
        }
        self.stirred.notify_one();
    }

    fn turn(&self, scene: &Scene) -> Turn {
        let state = &mut *lock(&self.state);
        if state.is_known {
            return Turn::Known;
        }
        // A look whose member goes on without it: the order that has it earlier is run as well.
        let (gone, waiting): (Vec<_>, Vec<_>) = take(&mut state.waiting).into_iter().partition(Waiting::is_gone);
        state.waiting = waiting;
        if gone.iter().filter_map(|gone| gone.step).any(|step| state.script.is_asleep(step)) {
            return Turn::Known;
        }
        state.under_way = scene.cloud.under_way();
        let has_left = [state.members[0].has_left, state.members[1].has_left];
        state.end_those(|owner| has_left[1 - owner], scene);
        if !(state.is_at_rest(0) && state.is_at_rest(1)) {
            return Turn::NotYet;
        }
        let moves = state.moves();
        if moves.is_empty() {
            return state.let_time_pass(scene);
        }
        let Some(step) = state.script.choose(&moves) else { return Turn::Known };
        state.release(|waiting| waiting.step == Some(step));
        Turn::Released
    }
}

impl State {
    /// Whether nothing more comes of this member by itself.
    fn is_at_rest(&self, number: usize) -> bool {
        let member = &self.members[number];
        let is_under_way = |polled: &String| self.under_way.iter().any(|name| name.eq_ignore_ascii_case(polled));
        member.has_left
            || member.polls.as_ref().is_some_and(is_under_way)
            || self.waiting.iter().any(|waiting| waiting.member == number)
    }

    /// What may pass now. A repeat may not: a member that has had this very answer from this very cloud waits for a change.
    fn moves(&mut self) -> Vec<Move> {
        let mut moves = Vec::new();
        for waiting in &mut self.waiting {
            let member = &mut self.members[waiting.member];
            if waiting.step.is_none() && member.answered.get(&waiting.words) != Some(&self.version) {
                waiting.step = Some(Step { member: waiting.member, ordinal: member.counted, ending: None });
                member.counted += 1;
            }
            let ends_something = self.ending_next.iter().any(|(_, owner)| *owner != waiting.member);
            moves.extend(waiting.step.map(|step| Move { step, is_look: waiting.is_look && !ends_something }));
        }
        moves
    }

    /// Both members wait for a change, or for an operation.
    fn let_time_pass(&mut self, scene: &Scene) -> Turn {
        if !self.ending_next.is_empty() {
            let (first, _) = self.ending_next.remove(0);
            self.end(&first, scene);
            return Turn::NotYet;
        }
        match self.release(|_| true) {
            0 => Turn::NotYet,
            _ => Turn::Released,
        }
    }

    fn release(&mut self, is_meant: impl Fn(&Waiting) -> bool) -> usize {
        let (released, kept): (Vec<_>, Vec<_>) =
            take(&mut self.waiting).into_iter().partition(|waiting| is_meant(waiting));
        self.waiting = kept;
        released.into_iter().filter_map(|waiting| waiting.released.send(waiting.step).ok()).count()
    }

    fn end_those(&mut self, is_due: impl Fn(usize) -> bool, scene: &Scene) {
        let (due, later): (Vec<_>, Vec<_>) =
            take(&mut self.ending_next).into_iter().partition(|(_, owner)| is_due(*owner));
        self.ending_next = later;
        due.iter().for_each(|(name, _)| self.end(name, scene));
    }

    fn end(&mut self, operation: &str, scene: &Scene) {
        scene.tell(|| format!("operation {operation} ends"));
        scene.cloud.let_end(operation);
        scene.look();
        self.version += 1;
        self.under_way = scene.cloud.under_way();
    }
}
