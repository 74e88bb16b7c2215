//! One run: both members carry out their turns side by side, then the cloud calms down and one member alone calls again.

use std::sync::{Arc, Mutex};
use std::time::{Duration, UNIX_EPOCH};

use mirrorvip_core::command::{self, Call as CoreCall};
use serde_json::Value;
use tokio::time::{Instant, sleep, sleep_until};

use crate::cloud;
use crate::explore::Gate;
use crate::member::{Life, Machine, Scene, lock};
use crate::record::{Call, History};
use crate::schedule::{Action, Latency, Schedule, Turn};

/// Longer than any report of IRIS may be: nothing is cut.
const LONGEST_REPORT: usize = 1 << 20;
/// When every run begins, in seconds since 1970.
const BEGINNING: u64 = 1_800_000_000;
/// Every operation that was begun is over by then, and every request has arrived.
const CALM: Duration = Duration::from_secs(900);
/// How often a member may call until it must have the VIP.
const MOST_CALLS: usize = 3;

/// What happened in one run.
pub struct Run {
    pub schedule: Schedule,
    /// All calls in the order in which they ended.
    pub calls: Vec<Call>,
    /// The last call, made again by the same member alone after everything had calmed down; only of one that was not ok.
    pub repeat: Option<Call>,
    /// After that: acquires of one member until one is ok.
    pub recovery: Vec<Call>,
    pub history: History,
    /// What a report calls the two members.
    pub names: [&'static str; 2],
    /// What differs beside the VIP at the end.
    pub damage: Vec<String>,
    /// How many requests met a fault.
    pub faults_met: usize,
    pub trace: Vec<String>,
    /// Every request before the cloud calmed down, as the cloud saw it; kept with the trace.
    pub log: Vec<cloudsim::Call>,
}

/// Carries out a schedule; `traced` keeps every request in words.
///
/// # Panics
/// If the library panics.
pub fn carry_out(schedule: Schedule, traced: bool) -> Run {
    carry_out_at(None, schedule, traced).expect("only a gate ends a run")
}

/// Carries out a schedule whose requests pass a gate; `None` where the gate ended the run.
pub(crate) fn carry_out_at(gate: Option<Arc<Gate>>, schedule: Schedule, traced: bool) -> Option<Run> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().expect("a runtime");
    runtime.block_on(Box::pin(play(schedule, traced, gate)))
}

/// `None` where the gate ended the run.
async fn play(schedule: Schedule, traced: bool, gate: Option<Arc<Gate>>) -> Option<Run> {
    cloudsim::clock::set(UNIX_EPOCH + Duration::from_secs(BEGINNING));
    let scene = Arc::new(Scene {
        cloud: cloud::start(schedule.setup),
        begun: Instant::now(),
        latency: Mutex::new(schedule.latency),
        outages: Mutex::new(schedule.outages.clone()),
        history: Mutex::default(),
        trace: traced.then(Mutex::default),
        gate,
    });
    scene.look();
    scene.cloud.order(&schedule);
    let machines = [0, 1].map(|number| Machine::new(number, Arc::clone(&scene), schedule.seed));
    let calls = Mutex::new(Vec::new());
    let [first, second] = &schedule.turns;
    let acts = async {
        tokio::join!(
            take_turns(&machines[0], first, schedule.hands_on, &calls),
            take_turns(&machines[1], second, schedule.hands_on, &calls),
            edit(&scene, &schedule.edits),
        );
    };
    match &scene.gate {
        Some(gate) => gate.attend(&scene, acts).await?,
        None => acts.await,
    }
    let calls = calls.into_inner().unwrap_or_default();
    let log = if traced { scene.cloud.log() } else { Vec::new() };

    scene.tell(|| "the cloud calms down".into());
    scene.cloud.calm();
    lock(&scene.outages).clear();
    *lock(&scene.latency) = Latency { ms: (5, 5), slow_one_in: 0 };
    sleep(CALM).await;
    scene.look();

    let mut repeat = None;
    if let Some(last) = calls.last().filter(|last: &&Call| last.report.is_some() && !last.is_ok()) {
        let turn = Turn { dry_run: last.dry_run, ..Turn::quiet(last.action, last.reason, 30) };
        let resume = if schedule.hands_on { &last.resume } else { &Value::Null };
        repeat = Some(call(&machines[last.member], &turn, resume).await);
        sleep(CALM).await;
    }
    let member = machines.len() - 1 - (schedule.seed % 2) as usize;
    let mut recovery = Vec::new();
    while recovery.len() < MOST_CALLS && !recovery.last().is_some_and(Call::is_ok) {
        let turn = Turn::quiet(Action::Acquire, "NotifyBecomePrimary", 30);
        recovery.push(call(&machines[member], &turn, &Value::Null).await);
        sleep(CALM).await;
    }
    scene.look();
    let (damage, history) = (scene.cloud.damage(), std::mem::take(&mut *lock(&scene.history)));
    let trace = scene.trace.as_ref().map(|trace| lock(trace).clone()).unwrap_or_default();
    let (names, faults_met) = (scene.cloud.names(), scene.cloud.faults_met());
    Some(Run { schedule, calls, repeat, recovery, history, names, damage, faults_met, trace, log })
}

async fn edit(scene: &Scene, edits: &[(Duration, u32)]) {
    let mut edits = edits.to_vec();
    edits.sort();
    for (at, n) in edits {
        sleep_until(scene.begun + at).await;
        scene.tell(|| format!("a third party edits ({n})"));
        scene.cloud.edit(n);
        scene.look();
    }
}

async fn take_turns(machine: &Machine, turns: &[Turn], hands_on: bool, calls: &Mutex<Vec<Call>>) {
    for turn in turns {
        sleep(turn.wait).await;
        let (mut turn, mut resume) = (turn.clone(), Value::Null);
        loop {
            let ended = call(machine, &turn, &resume).await;
            let again = turn.repeats > 0 && ended.says_retry();
            let report = ended.report.clone().unwrap_or_default();
            if hands_on {
                resume.clone_from(&ended.resume);
            }
            lock(calls).push(ended);
            if !again {
                break;
            }
            sleep(Duration::from_secs(report["retryAfterSeconds"].as_u64().unwrap_or(1))).await;
            let reason = if turn.action == Action::Acquire { "retry" } else { turn.reason };
            turn = Turn { repeats: turn.repeats - 1, blow: None, reason, ..turn };
        }
    }
    if let Some(gate) = &machine.scene.gate {
        gate.leave(machine.number);
    }
}

/// One call of the library, which is given this of an earlier one.
async fn call(machine: &Machine, turn: &Turn, resume: &Value) -> Call {
    let scene = &machine.scene;
    let (name, begun) = (machine.name(), scene.now());
    machine.begin(turn.blow);
    scene.tell(|| {
        format!("{name} begins {:?} ({}, {} s), {:?}", turn.action, turn.reason, turn.deadline_seconds, turn.blow)
    });
    let action = match turn.action {
        Action::Acquire => command::Action::Acquire,
        Action::Release => command::Action::Release,
        Action::Status => command::Action::Status,
        Action::Check => command::Action::Check,
    };
    let request = turn.request(&scene.cloud.config(machine.number), resume).to_string();
    let report = Life::new(machine, async {
        let report = CoreCall::new(action).run(request.as_bytes(), machine).await;
        report.render(LONGEST_REPORT).expect("room for a report")
    })
    .await;
    let report: Option<Value> = report.map(|text| serde_json::from_str(&text).expect("a report is JSON"));
    scene.tell(|| match &report {
        Some(report) => format!("{name} ends: {} | {}", report["summary"], report["error"]),
        None => format!("{name} is dead"),
    });
    let (requests, blow, stood_still) = machine.end();
    let new = report.as_ref().map_or(Value::Null, |report| report["resume"].clone());
    Call {
        member: machine.number,
        action: turn.action,
        reason: turn.reason,
        dry_run: turn.dry_run,
        begun,
        ended: scene.now(),
        deadline: Duration::from_secs(turn.deadline_seconds),
        report,
        blow,
        stood_still,
        requests,
        was_given: !resume.is_null(),
        resume: if new.is_null() { resume.clone() } else { new },
    }
}
