//! A takeover that nobody has confirmed: the watch goes on with it, as long as this member is the primary.

use super::{
    site::{Site, Sources, acquires, doubtful, reasons, report, shipped, times, told, with},
    watch::{run_task, watch_for},
};
use objectscript_engine::{Answer, Callouts, IrisError, Mirror, Role, Scripted};
use serde_json::json;
use std::{cell::RefCell, rc::Rc};

/// A primary whose hook has failed for good, and whose watch sees this.
fn failed(sources: &Sources, library: &Scripted) -> Site {
    let mut site = Site::new(sources).library(library);
    site.hook("NotifyBecomePrimary^ZMIRROR");
    assert_eq!((site.iris.queued_jobs(), site.lines().len()), (0, 1));
    site
}

fn sees(acquired: &[String], outcome: &str) -> Scripted {
    acquires(acquired).answers("Status", &report(outcome, false)).answers("Check", &report("ready", false))
}

/// A permission that somebody mends in the night, a cloud that is away for a quarter of an hour.
#[test]
fn the_watch_goes_on_with_it_ever_more_seldom_and_says_so_once() {
    goes_on(&shipped());
}

pub fn goes_on(sources: &Sources) {
    for outcome in ["held_elsewhere", "split", "unknown"] {
        let library = sees(&[report("not_moved", false)], outcome);
        let mut site = failed(sources, &library);
        watch_for(&mut site, 60);
        let expected = [0.0, 60.0, 180.0, 420.0, 900.0, 1500.0, 2100.0, 2700.0, 3300.0];
        assert_eq!(times(&library), expected, "{outcome}");
        let lines = told(&site);
        assert_eq!(lines.len(), 2, "{lines:?}");
        let act = if outcome == "unknown" { "; call again" } else { "" };
        assert!(
            lines[1].starts_with(&format!("1 the takeover is not finished: VIP {outcome}{act}; still trying")),
            "{lines:?}"
        );
    }
    // What nobody holds is taken at each look.
    let library = sees(&[report("stranded", false)], "unheld");
    let mut site = failed(sources, &library);
    watch_for(&mut site, 5);
    assert_eq!(times(&library), [0.0, 0.0, 60.0, 120.0, 180.0, 240.0]);
    // A library that does not load is no end of it either.
    let library = sees(&[report("not_moved", false), report("moved", false)], "held_elsewhere").refuses_loads(3);
    let mut site = failed(sources, &library);
    watch_for(&mut site, 3);
    assert!(told(&site).contains(&"2 VIP not_moved; call again".to_owned()), "{:?}", told(&site));
    watch_for(&mut site, 1);
    assert_eq!(told(&site).last().map(String::as_str), Some("0 VIP moved"));
}

/// The repeats of a hook end after a while, or with the first report that no repeat can help.
#[test]
fn it_goes_on_where_the_repeats_of_the_hook_have_ended() {
    after_the_repeats(&shipped());
}

pub fn after_the_repeats(sources: &Sources) {
    for last in [report("not_moved", true), report("not_moved", false)] {
        let library = sees(&[report("not_moved", true), last], "held_elsewhere");
        let mut site = Site::new(sources).library(&library);
        site.hook("NotifyBecomePrimary^ZMIRROR");
        site.run_jobs();
        let (calls, end) = (times(&library).len(), site.iris.now());
        // Not at once: the hook's process has just called.
        run_task(&mut site);
        assert_eq!(times(&library).len(), calls);
        site.pass(60);
        run_task(&mut site);
        assert_eq!(times(&library).last(), Some(&(end + 60.0)));
    }
}

#[test]
fn it_ends_with_a_vip_that_is_seen_here_or_a_member_that_is_primary_no_more() {
    ends(&shipped());
}

pub fn ends(sources: &Sources) {
    let refused = || report("not_moved", false);
    // An Acquire of the watch, or of a person.
    for (outcome, by_a_person) in [("moved", false), ("already_held", false), ("moved", true)] {
        let library = sees(&[refused(), refused(), report(outcome, false)], "held_elsewhere");
        let mut site = failed(sources, &library);
        watch_for(&mut site, 2);
        if by_a_person {
            site.call_from_user("Acquire", "");
        } else {
            watch_for(&mut site, 2);
        }
        let lines = told(&site);
        assert_eq!((lines.len(), lines[2].as_str()), (3, format!("0 VIP {outcome}").as_str()), "{lines:?}");
        // What comes after that is drift.
        watch_for(&mut site, 20);
        assert_eq!(times(&library).len(), 3);
        assert!(told(&site)[3].starts_with("2 drift: "), "{:?}", told(&site));
    }
    // Somebody else has moved it here.
    let library = sees(&[refused()], "held_elsewhere").answers("Status", &report("held", false));
    let mut site = failed(sources, &library);
    watch_for(&mut site, 10);
    assert_eq!(told(&site)[2..], ["0 the takeover is finished: VIP held".to_owned()]);
    // Trouble may pass, and nothing is asked for meanwhile.
    let library = sees(&[refused(), report("moved", false)], "held_elsewhere");
    let mut site = failed(sources, &library);
    run_task(&mut site);
    site.iris.set_mirror(Mirror { status: Some("Primary,Trouble".into()), ..Mirror::member(Role::Primary) });
    watch_for(&mut site, 5);
    assert_eq!((times(&library).len(), site.lines().len()), (1, 2));
    site.iris.set_mirror(Mirror::member(Role::Primary));
    watch_for(&mut site, 1);
    assert_eq!(told(&site)[2..], ["0 VIP moved".to_owned()]);
    // IRIS is asked again just before the call.
    let library = sees(&[refused()], "unheld");
    let mut site = failed(sources, &library);
    let asked = site.iris.calls_of("IsPrimary");
    site.iris.set_mirror_at_call("IsPrimary", asked + 2, Mirror::member(Role::Backup));
    run_task(&mut site);
    assert_eq!(times(&library).len(), 1);
    // A member that is not the primary any more says so once, and has nothing left to go on with.
    watch_for(&mut site, 3);
    let lines = told(&site);
    assert!(lines.len() == 3 && lines[2].starts_with("1 stopped trying to finish the takeover: "), "{lines:?}");
    site.iris.set_mirror(Mirror::member(Role::Primary));
    run_task(&mut site);
    assert!(told(&site)[3].starts_with("2 drift: "), "{:?}", told(&site));
}

#[test]
fn a_hook_that_is_skipped_begins_nothing() {
    skipped(&shipped());
}

pub fn skipped(sources: &Sources) {
    let library = sees(&[report("skipped", false)], "held_elsewhere");
    let mut site = Site::new(sources).library(&library);
    site.hook("CheckBecomePrimaryOK^ZMIRROR");
    watch_for(&mut site, 5);
    assert_eq!(times(&library).len(), 1);
}

#[test]
fn it_goes_on_unless_the_configuration_says_never() {
    never(&shipped());
}

pub fn never(sources: &Sources) {
    let library = sees(&[report("not_moved", false)], "held_elsewhere");
    let mut site = failed(sources, &library).configured(json!({ "repairDrift": "never" }));
    watch_for(&mut site, 20);
    assert_eq!(times(&library).len(), 1);
    assert!(told(&site)[1].contains("left there, as `repairDrift` says"), "{:?}", told(&site));
}

/// What a member knows belongs to its term as primary, and to one start of IRIS, whose clock begins anew.
#[test]
fn nothing_outlives_a_term_as_primary() {
    one_term(&shipped());
}

pub fn one_term(sources: &Sources) {
    // An unfinished takeover of before a restart, on an instance whose hook has not run yet.
    let library = sees(&[report("not_moved", false)], "held_elsewhere");
    let mut site = failed(sources, &library);
    watch_for(&mut site, 30);
    let calls = times(&library).len();
    site.iris.restart();
    watch_for(&mut site, 20);
    assert_eq!(times(&library).len(), calls);
    assert!(told(&site).last().is_some_and(|line| line.starts_with("2 drift: ")), "{:?}", told(&site));
    // A drift of before a restart is told again.
    let drifts = |site: &Site| told(site).iter().filter(|line| line.starts_with("2 drift: ")).count();
    assert_eq!(drifts(&site), 1);
    site.iris.restart();
    watch_for(&mut site, 2);
    assert_eq!(drifts(&site), 2);
    // A new term begins with its hook, though the watch has not come by between the two.
    let library = acquires(&[report("moved", false)])
        .answers("Status", &report("held_elsewhere", false))
        .answers("Status", &report("held", false));
    let mut site = Site::new(sources).library(&library);
    run_task(&mut site);
    site.hook("NotifyBecomePrimary^ZMIRROR");
    run_task(&mut site);
    assert_eq!(told(&site).len(), 2, "nothing is over that was of this term: {:?}", told(&site));
    // Nor does it wait for what was unfinished in the one before, or taken back in it.
    let library = sees(&[report("not_moved", false)], "held_elsewhere");
    let mut site = failed(sources, &library);
    watch_for(&mut site, 30);
    site.hook("NotifyBecomePrimary^ZMIRROR");
    let begun = site.iris.now();
    watch_for(&mut site, 2);
    assert_eq!(times(&library).last(), Some(&(begun + 60.0)));
    assert_eq!(told(&site).iter().filter(|line| line.starts_with("1 the takeover is not finished")).count(), 2);
    let library = sees(&[report("moved", false)], "held_elsewhere");
    let mut site = Site::new(sources).library(&library).configured(json!({ "repairDrift": "always" }));
    watch_for(&mut site, 2);
    site.hook("NotifyBecomePrimary^ZMIRROR");
    watch_for(&mut site, 2);
    assert_eq!(times(&library), [0.0, 120.0, 120.0]);
}

/// What another member wins when this one takes it is not tried again each minute.
#[test]
fn a_lost_vip_is_not_raced_for_each_minute() {
    lost_is_no_race(&shipped());
}

pub fn lost_is_no_race(sources: &Sources) {
    let library = sees(&[doubtful("lost", 0)], "unheld");
    let mut site = Site::new(sources).library(&library);
    watch_for(&mut site, 180);
    assert_eq!(times(&library), [0, 11, 32, 73, 154].map(|minute| f64::from(minute) * 60.0));
    let severities: Vec<u8> = site.lines().iter().map(|(severity, _)| *severity).collect();
    assert_eq!(severities, [2, 1], "{:?}", site.lines());
    // Of a takeover as well.
    let library = sees(&[report("not_moved", false), doubtful("lost", 0)], "unheld");
    let mut site = failed(sources, &library);
    watch_for(&mut site, 30);
    assert_eq!(times(&library), [0.0, 0.0, 120.0, 360.0, 840.0, 1440.0]);
}

#[test]
fn a_pause_that_a_report_asks_for_is_kept_by_the_watch_too() {
    waits_as_asked(&shipped());
}

pub fn waits_as_asked(sources: &Sources) {
    let later = with(&report("not_moved", true), json!({ "retryAfterSeconds": 300 }));
    let library = sees(std::slice::from_ref(&later), "unheld");
    let mut site = Site::new(sources).library(&library);
    watch_for(&mut site, 10);
    assert_eq!(times(&library), [0.0, 300.0]);
    let later = with(&later, json!({ "retry": false }));
    let library = sees(&[later], "held_elsewhere");
    let mut site = failed(sources, &library);
    watch_for(&mut site, 11);
    assert_eq!(times(&library), [0.0, 300.0, 600.0]);
}

#[test]
fn what_cannot_be_stored_keeps_nobody_from_going_on() {
    let library = sees(&[report("not_moved", false)], "held_elsewhere");
    let mut site = failed(&shipped(), &library);
    site.iris.fail_every("set ^ZMIRRORVIP", IrisError::system("<FILEFULL>"));
    watch_for(&mut site, 3);
    assert_eq!(reasons(&library), ["NotifyBecomePrimary", "task", "task"]);
}

/// One cloud for two members. Each Acquire takes the VIP; while they still fight, it ends `lost`.
#[derive(Clone)]
struct Shared {
    member: usize,
    world: Rc<RefCell<World>>,
}

#[derive(Default)]
struct World {
    holder: usize,
    lost: usize,
    moves: Vec<usize>,
}

impl Callouts for Shared {
    fn load(&mut self, _: &str) -> Result<u32, String> {
        Ok(1)
    }

    fn function(&mut self, _: u32, name: &str) -> Option<u32> {
        ["Acquire", "Status"].iter().position(|known| *known == name).map(|place| place as u32 + 1)
    }

    fn call(&mut self, _: u32, function: u32, _: &[String]) -> Result<Answer, String> {
        let world = &mut *self.world.borrow_mut();
        if function == 2 {
            let outcome = if world.holder == self.member { "held" } else { "held_elsewhere" };
            return Ok(report(outcome, false).into());
        }
        world.moves.push(self.member);
        if world.lost > 0 {
            world.lost -= 1;
            world.holder = 3 - self.member;
            return Ok(doubtful("lost", 0).into());
        }
        world.holder = self.member;
        Ok(report("moved", false).into())
    }

    fn unload(&mut self, _: u32) {}
}

/// Both believe to be the primary: they do not take the VIP from each other for ever.
#[test]
fn two_members_that_both_believe_to_be_primary_come_to_an_end() {
    for (lost, policy, most) in
        [(0, "unheld", 2), (1, "unheld", 3), (6, "unheld", 9), (0, "always", 12), (6, "always", 18)]
    {
        let world = Rc::new(RefCell::new(World { lost, ..World::default() }));
        let mut sites = [1, 2].map(|member| {
            let mut site = Site::new(&shipped()).configured(json!({ "repairDrift": policy }));
            site.iris.set_callouts(Shared { member, world: world.clone() });
            site
        });
        for site in &mut sites {
            site.hook("NotifyBecomePrimary^ZMIRROR");
        }
        for site in &mut sites {
            site.run_jobs();
        }
        for _ in 0..180 {
            for site in &mut sites {
                watch_for(site, 1);
            }
        }
        let world = world.borrow();
        assert!(world.moves.len() <= most, "{lost} {policy}: {:?}", world.moves);
        assert!(world.holder != 0);
    }
}
