//! A thousand schedules over all mechanisms, one that is replayed, and those that showed a violation once.

use std::env;

use simulation::many::many;
use simulation::{Recipe, Run, carry_out, oracle::judge};

/// The same with AWS among the mechanisms.
#[rustfmt::skip]
const MENDED_WITH_AWS: [u64; 85] = [
    // What a metadata service said that is none became part of a path, or of a comparison.
    1_837, 10_113, 39_473,
    // A release that found everything gone, or met what was gone already, said that the VIP was still here.
    9_688, 17_177,
    // The Elastic IP met a private address that another member had taken meanwhile.
    19_680,
    // No retry where a public address was left with nobody, or where an operation had ended just before the question.
    28_752, 39_102, 53_570, 38_313, 41_922,
    // A call fought for the VIP: nobody had seen the end of its own operation, or a later look showed nobody.
    120_501, 130_903, 147_882, 190_947,
    // The end of an operation that only its `Location` told was not understood, or what the oracle took for a fight.
    290_499, 337_773, 371_081, 386_192,
    // No retry although two members were passing a range to and fro, or although reads may have been old.
    262_877, 292_900, 434_694, 252_142, 297_849, 287_987, 326_948, 256,
    // No retry where one part might have come although another one could not, or where a part came during a release.
    100_123, 203_035, 124_613, 130_980,
    // No retry where the operation of a member that might not be read kept a range in use.
    113_208, 146_812,
    // What the oracle took for a fight, for untrue or for late, and was not.
    4_142, 17_280, 27_543, 59_611, 72_014, 93_132, 95_116, 337_253, 325_472, 381_876, 707_445,
    // A status believed two equal looks that were both old; a takeover made again what another member had taken and given up.
    285_007, 293_433, 307_083, 351_145, 359_737, 402_679, 449_759, 339_081, 361_793,
    // A call believed what the operation of an earlier call, or of another member, took away a moment later.
    36_893, 114_559,
    // A part that another member took while the call waited for the other route of its table was taken back.
    25_784, 53_059, 66_312, 83_320, 118_460, 147_314,
    272_888, 287_447, 292_113, 318_074, 347_123, 427_188, 432_992, 451_603, 489_595,
    // No retry where a later look could not read a member that the list had shown.
    316_965, 556_995,
    // A call took a route back: the earlier delete of its own old one had ended as another member's.
    357_767, 529_211,
    // A call took a public address back that had been here all along, until another member took it.
    252_277, 470_702,
    // No retry although an operation of this call would bring the public address, or another one had kept a range in use.
    378_458, 433_823, 297_530,
    // A repeat was advised because of a call that stood in no step.
    357_581,
    // No retry although only the time was missing for a look that could be trusted, and everything was shown here.
    21_219, 28_608, 33_609, 249_088,
    // A throttled question about an operation that takes the range away was taken for its end.
    157_431,
];

/// Seeds on Azure or GCP that showed a violation once.
#[rustfmt::skip]
const MENDED: [u64; 32] = [
    // A call fought for the VIP: a look that showed nobody in between, an operation that the peer's write had cancelled.
    40, 560,
    // A part that was not read was told as with nobody, as undone, as released.
    447, 763, 125, 4_832, 31_845, 4_371,
    // A body without anything in it counted as a list without entries.
    2_869,
    // What Azure was still updating counted as something that cannot receive.
    1_843,
    // No retry after the response of something that was not the cloud.
    29, 328, 886, 908, 943, 7_640,
    // No retry where an operation of somebody else was under way, or had done already what this call wanted.
    2_250, 3_995, 11_022, 21_996,
    // No retry after a status whose reads were made at different moments, or during an operation.
    1_038, 2_623, 21_935,
    // No retry although no read had shown what came of a change, or of a conflict.
    273, 1_667, 2_407, 8_341,
    // No retry where the other member's operation had kept a range in use until it failed.
    268_040,
    // A public address counted as here, or as nowhere, by its own word alone, although the interfaces said more.
    14_216, 24_137,
    // Another member's interface that may not be read counted as this one's, which only had not answered.
    15_807,
    // A status that waited for a second look.
    17_533,
];

/// How many schedules a test run has.
const COUNT: u64 = 1_000;

#[test]
fn every_promise_holds_under_every_schedule() {
    let count = env::var("SIMULATION_COUNT").map_or(COUNT, |text| text.parse().expect("a number"));
    let harvest = many(0..count);
    println!("{}", harvest.tally);
    assert_eq!(harvest.tally.runs as u64, count);
    // About 7 in 1,000: most calls are finished, or have taken nothing that they must remember.
    assert!(harvest.tally.handed_on > 0, "no repeat was given what the call before it had to say");
    if let Some(complaint) = harvest.complaint() {
        panic!("{complaint}");
    }
}

/// Prints the run of `SIMULATION_SEED` request by request, and fails if it breaks a promise.
#[test]
fn replay() {
    let seed = env::var("SIMULATION_SEED").unwrap_or_else(|_| "0".into());
    let schedule = seed.parse::<Recipe>().expect("a seed, as 125 or 125-3,7").schedule();
    println!("{schedule:#?}");
    let run = carry_out(schedule, true);
    run.trace.iter().for_each(|line| println!("{line}"));
    let violations = judge(&run);
    violations.iter().for_each(|found| println!("{}: {}", found.kind, found.what));
    assert!(violations.is_empty(), "seed {seed}");
}

#[test]
fn what_was_mended_stays_mended() {
    let mended = MENDED.map(Recipe::without_aws).into_iter();
    // Such a seed may have chosen a mechanism that every build has.
    let is_built_in = |recipe: &Recipe| cfg!(feature = "aws") || !recipe.schedule().setup.mechanism.is_aws();
    let with_aws = MENDED_WITH_AWS.map(|seed| Recipe { aws: true, ..Recipe::whole(seed) });
    let with_aws = with_aws.into_iter().filter(is_built_in);
    for recipe in mended.chain(with_aws) {
        let found = judge(&carry_out(recipe.schedule(), false));
        assert!(found.is_empty(), "{recipe} shows a violation again: {found:?}");
    }
}

/// The page about two members tells these schedules: its words must stay true.
#[test]
fn the_nights_of_the_page_are_told_as_they_were() {
    let page = include_str!("../../../docs/semantics.md");
    let nights = [
        (Recipe { aws: true, ..Recipe::whole(688) }, vec!["B lost", "A moved"]),
        (Recipe::without_aws(2_250), vec!["A stranded", "B moved"]),
        (Recipe { aws: true, ..Recipe::whole(1_992) }, vec!["B unverified"]),
    ];
    for (recipe, told) in nights.into_iter().filter(|(recipe, _)| !recipe.aws || cfg!(feature = "aws")) {
        assert!(page.contains(&format!("SIMULATION_SEED={recipe} ")), "{recipe}");
        let run = carry_out(recipe.schedule(), false);
        let ended = run.calls.iter().map(|call| format!("{} {}", ["A", "B"][call.member], call.outcome()));
        let ended: Vec<String> = ended.collect();
        // In this order, whatever else there was.
        let mut rest = ended.iter();
        assert!(told.iter().all(|told| rest.any(|ended| ended == told)), "{recipe}: {ended:?}");
    }
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let words = |run: &Run| (run.trace.clone(), format!("{:?}", run.history));
    for seed in 0..40 {
        let run = || carry_out(Recipe::whole(seed).schedule(), true);
        assert_eq!(words(&run()), words(&run()), "seed {seed}");
    }
}
