//! The shipped routines with the built library behind `$ZF`, through its table of callouts, and a simulated cloud behind that.

use super::{
    common::{merge, scenes::Cloud},
    site::{Site, shipped},
};
use cloudsim::{aws, azure, gcp};
use objectscript_engine::{Mirror, RealLibrary, Role};
use serde_json::{Value, json};

/// The instance on the second member, which becomes the primary.
pub fn second<C: Cloud>(cloud: &C, overlay: Value) -> Site {
    let mut configuration = cloud.config(C::MEMBERS[1]);
    merge(&mut configuration, &overlay);
    let mut site = Site::new(&shipped()).configured(configuration);
    let library = site.root.path().join("mirrorvip/libmirrorvip.so");
    let real = RealLibrary::new(format!("{}/", site.root.path().display()));
    site.iris.set_callouts(real.standing_at(library.display().to_string(), irishost::library_path()));
    site
}

fn moves_and_stays<C: Cloud>() {
    let cloud = C::start_held();
    let mut site = second(&cloud, json!({}));
    // By default this hook leaves it to the other one.
    assert_eq!(site.hook("CheckBecomePrimaryOK^ZMIRROR").as_deref(), Some("1"));
    assert_eq!((cloud.holder(), site.lines()), (Some(0), vec![]));
    assert_eq!(site.hook("NotifyBecomePrimary^ZMIRROR").as_deref(), Some("1"));
    assert_eq!(cloud.holder(), Some(1));
    let (severity, line) = site.line();
    assert!(
        severity <= 1 && line.starts_with("VIP ") && line.contains(" moved from ") && line.contains(" ms"),
        "{line}"
    );
    site.hook("NotifyBecomePrimary^ZMIRROR");
    assert!(site.lines()[1].1.contains("already, confirmed"), "{:?}", site.lines());
    assert_eq!((cloud.holder(), site.iris.queued_jobs()), (Some(1), 0));
}

fn moves_before_the_databases_open<C: Cloud>() {
    let cloud = C::start_held();
    let mut site = second(&cloud, json!({ "takeOverIn": "CheckBecomePrimaryOK" })).role(Role::Neither);
    assert_eq!(site.hook("CheckBecomePrimaryOK^ZMIRROR").as_deref(), Some("1"));
    assert_eq!(cloud.holder(), Some(1));
    let mut site = site.role(Role::Primary);
    site.hook("NotifyBecomePrimary^ZMIRROR");
    assert_eq!(cloud.holder(), Some(1));
    assert!(site.lines().len() == 2 && site.lines()[1].1.contains("already, confirmed"), "{:?}", site.lines());
}

fn denied<C: Cloud>() {
    let cloud = C::start_held();
    cloud.deny_changes();
    let mut site = second(&cloud, json!({ "takeOverIn": "CheckBecomePrimaryOK" }));
    assert_eq!(site.hook("CheckBecomePrimaryOK^ZMIRROR").as_deref(), Some("1"));
    let (severity, line) = site.line();
    assert!(severity == 2 && line.contains("did not move") && line.contains("; "), "{line}");
    assert_eq!((cloud.holder(), site.iris.queued_jobs()), (Some(0), 0), "a repeat cannot help");
}

fn no_configuration<C: Cloud>() {
    let cloud = C::start_held();
    let mut site = second(&cloud, json!({}));
    std::fs::remove_file(site.configuration()).expect("it was there");
    assert_eq!(site.hook("NotifyBecomePrimary^ZMIRROR").as_deref(), Some("1"));
    let (severity, line) = site.line();
    assert!(severity == 2 && line.contains("mirrorvip.json"), "{line}");
    std::fs::write(site.configuration(), "{ \"cloud\": ").expect("a file");
    assert_eq!(site.hook("NotifyBecomePrimary^ZMIRROR").as_deref(), Some("1"));
    assert_eq!((cloud.holder(), site.lines().len(), site.iris.queued_jobs()), (Some(0), 2, 0));
}

/// The cloud answers "later" for as long as the hook's call lasts, and then comes back.
fn repeats<C: Cloud>(still_primary: bool) {
    let cloud = C::start_held();
    cloud.be_away();
    let mut site = second(&cloud, json!({ "deadlineSeconds": 1 }));
    assert_eq!(site.hook("NotifyBecomePrimary^ZMIRROR").as_deref(), Some("1"));
    // Nobody is called as long as a process of its own goes on.
    assert_eq!((site.line().0, cloud.holder(), site.iris.queued_jobs()), (1, Some(0), 1));
    cloud.come_back();
    if !still_primary {
        site.iris.set_mirror(Mirror::member(Role::Backup));
    }
    site.run_jobs();
    assert_eq!(cloud.holder(), Some(usize::from(still_primary)), "{:?}", site.lines());
}

fn by_itself<C: Cloud>() {
    let cloud = C::start_held();
    // A clone of production starts with its configuration, as no member of any mirror.
    let mut site = second(&cloud, json!({})).role(Role::None);
    site.hook("SYSTEM^%ZSTART");
    site.run_jobs();
    site.hook("SYSTEM^%ZSTOP");
    assert_eq!((cloud.holder(), site.lines()), (Some(0), vec![]));

    let mut site = second(&cloud, json!({ "standalone": true, "releaseOnStop": true })).role(Role::None);
    site.hook("SYSTEM^%ZSTART");
    assert_eq!(cloud.holder(), Some(0));
    site.run_jobs();
    assert_eq!(cloud.holder(), Some(1), "{:?}", site.lines());
    site.hook("SYSTEM^%ZSTOP");
    assert_eq!(cloud.holder(), None, "{:?}", site.lines());

    // A member that stops, in order, leaves it where it is.
    cloud.give_to_first();
    let mut site = second(&cloud, json!({ "standalone": true, "releaseOnStop": true }));
    site.hook("NotifyBecomePrimary^ZMIRROR");
    site.hook("SYSTEM^%ZSTOP");
    assert_eq!(cloud.holder(), Some(1));
}

fn watched<C: Cloud>() {
    let cloud = C::start_held();
    let mut site = second(&cloud, json!({}));
    site.hook("NotifyBecomePrimary^ZMIRROR");
    let look = |site: &mut Site| {
        let ran = site.iris.run_method("ZMIRRORVIP.Task", "OnTask", &[]);
        site.assert_quiet(&ran);
        let lines: Vec<u8> = site.lines().iter().skip(1).map(|(severity, _)| *severity).collect();
        (cloud.holder(), lines)
    };
    assert_eq!(look(&mut site), (Some(1), vec![]));
    cloud.drop_vip();
    let (holder, lines) = look(&mut site);
    assert_eq!((holder, lines.len(), lines[0]), (Some(1), 2, 2), "{:?}", site.lines());
    cloud.give_to_first();
    let (holder, lines) = look(&mut site);
    assert_eq!((holder, lines.len()), (Some(0), 3), "left there: {:?}", site.lines());
    // A backup does not even look.
    let mut site = site.role(Role::Backup);
    cloud.drop_vip();
    assert_eq!(look(&mut site).0, None);
}

fn typed<C: Cloud>() {
    let cloud = C::start_held();
    let mut site = second(&cloud, json!({}));
    let mut typed = |label: &str| {
        let ran = site.iris.run(&format!("{label}^ZMIRRORVIP"), &[]);
        assert_eq!((&ran.error, ran.namespace.as_str()), (&None, "%SYS"), "{label}");
        ran.output
    };
    let shown = typed("Status");
    assert!(shown.contains("  outcome   held_elsewhere\n") && shown.contains("\nparts\n"), "{shown}");
    let shown = typed("Check");
    assert!(shown.contains("\nchecks\n") && shown.contains("  ok ") && shown.contains("identity"), "{shown}");
    assert_eq!(cloud.holder(), Some(0));
    let shown = typed("Acquire");
    assert!(shown.contains("  outcome   moved\n") && shown.contains(" -> "), "{shown}");
    assert_eq!(cloud.holder(), Some(1));
    let shown = typed("Last");
    assert!(shown.contains("reason: terminal") && shown.contains("\ncalls\n"), "{shown}");
    let shown = typed("Release");
    assert!(shown.contains("  outcome   released\n"), "{shown}");
    assert_eq!(cloud.holder(), None);
}

macro_rules! on {
    ($name:ident, $cloud:ty) => {
        mod $name {
            use super::*;

            #[test]
            fn the_hook_moves_the_vip_and_finds_it_there_afterwards() {
                moves_and_stays::<$cloud>();
            }

            #[test]
            fn the_other_hook_moves_it_where_it_is_chosen() {
                moves_before_the_databases_open::<$cloud>();
            }

            #[test]
            fn a_missing_permission_is_told_and_the_takeover_goes_on() {
                denied::<$cloud>();
            }

            #[test]
            fn without_a_configuration_the_takeover_goes_on() {
                no_configuration::<$cloud>();
            }

            #[test]
            fn a_cloud_that_was_away_is_asked_again_by_the_primary() {
                repeats::<$cloud>(true);
            }

            #[test]
            fn a_member_that_lost_the_primary_meanwhile_takes_nothing() {
                repeats::<$cloud>(false);
            }

            #[test]
            fn an_instance_by_itself_a_clone_and_a_member_that_stops() {
                by_itself::<$cloud>();
            }

            #[test]
            fn the_watch_repairs_what_nobody_holds() {
                watched::<$cloud>();
            }

            #[test]
            fn a_person_sees_moves_and_releases_it() {
                typed::<$cloud>();
            }
        }
    };
}

on!(on_aws, aws::Simulator);
on!(on_azure, azure::Simulator);
on!(on_gcp, gcp::Simulator);
