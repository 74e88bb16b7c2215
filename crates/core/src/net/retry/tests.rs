//! The retry policy in stopped time.

use super::*;
use crate::{deadline::Watch, net::client::Sockets};
use std::cell::{Cell, RefCell};

/// Delays by this number.
struct Quiet(Instant, u64);

impl Watch for Quiet {
    fn termination_requested(&self) -> bool {
        false
    }
    fn boot_time(&self) -> Duration {
        self.0.elapsed()
    }
    fn wall_clock(&self) -> std::time::SystemTime {
        std::time::SystemTime::UNIX_EPOCH
    }
    fn random(&self) -> u64 {
        self.1
    }
}

fn caller(seconds: u64) -> Caller {
    let deadline = Deadline::new(Duration::from_secs(seconds), Box::new(Quiet(Instant::now(), 7)));
    Caller::new(
        deadline,
        Journal::default(),
        Rc::new(Sockets),
        Policy { attempt_timeout: Duration::from_secs(5), most_attempts: None, longest_silence: None },
    )
}

fn failure(code: Code) -> Error {
    Error::new(code, "no", "wait")
}

#[tokio::test(start_paused = true)]
async fn a_passing_fault_is_repeated_and_counted() {
    let caller = caller(20);
    let left = Cell::new(2);
    let result = caller
        .call(Kind::Read, "x:Get", "t", async || match left.replace(left.get() - 1) {
            0 => Ok(7),
            _ => Err(failure(Code::Unavailable)),
        })
        .await;
    assert_eq!(result.expect("third attempt"), 7);
    assert_eq!(caller.journal().steps()[0].attempts, 3);
}

#[tokio::test(start_paused = true)]
async fn a_final_fault_is_not_repeated() {
    let caller = caller(20);
    let result = caller.call(Kind::Change, "x:Put", "t", async || Err::<(), _>(failure(Code::Denied))).await;
    assert_eq!(result.expect_err("denied").code, Code::Denied);
    assert_eq!(caller.journal().steps()[0].attempts, 1);
}

#[tokio::test(start_paused = true)]
async fn retry_after_is_obeyed() {
    let caller = caller(20);
    let times = RefCell::new(Vec::new());
    let _ = caller
        .call(Kind::Read, "x:Get", "t", async || {
            times.borrow_mut().push(Instant::now());
            match times.borrow().len() {
                1 => Err(failure(Code::Throttled).with(|d| d.retry_after = Some(Duration::from_secs(7)))),
                _ => Ok(()),
            }
        })
        .await;
    let times = times.borrow();
    assert!(times[1] - times[0] >= Duration::from_secs(7), "{:?}", times[1] - times[0]);
}

#[tokio::test(start_paused = true)]
async fn retry_after_past_the_deadline_ends_the_call_at_once() {
    let caller = caller(5);
    let begun = Instant::now();
    let result = caller
        .call(Kind::Read, "x:Get", "t", async || {
            Err::<(), _>(failure(Code::Throttled).with(|d| d.retry_after = Some(Duration::from_secs(60))))
        })
        .await;
    assert_eq!(result.expect_err("throttled").code, Code::Throttled);
    assert!(begun.elapsed() < Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn a_change_without_an_answer_is_ambiguous_and_a_read_is_not() {
    let caller = caller(7);
    let change = caller.call(Kind::Change, "x:Put", "t", async || std::future::pending::<Result<()>>().await).await;
    let change = change.expect_err("no answer");
    assert_eq!((change.code, change.fate), (Code::Ambiguous, Fate::InDoubt));
    let read = caller.call(Kind::Read, "x:Get", "t", async || std::future::pending::<Result<()>>().await).await;
    let read = read.expect_err("no answer");
    assert_eq!((read.code, read.fate), (Code::Deadline, Fate::NotSent));
}

/// The default hook has ten seconds, and a request may take as long.
#[tokio::test(start_paused = true)]
async fn one_lost_answer_of_a_read_is_not_all_that_there_is() {
    let caller =
        Caller { policy: Policy { attempt_timeout: Duration::from_secs(10), ..caller(10).policy }, ..caller(10) };
    let attempts = Cell::new(0);
    let read = async || {
        attempts.set(attempts.get() + 1);
        if attempts.get() == 1 { std::future::pending().await } else { Ok(attempts.get()) }
    };
    assert_eq!(caller.call(Kind::Read, "x:Get", "t", read).await.expect("the second attempt"), 2);
}

#[tokio::test(start_paused = true)]
async fn throttled_calls_slow_down_together() {
    let caller = caller(60);
    let begun = Instant::now();
    // A bucket of 10 that refills with 5 a second.
    let spent = Cell::new(0_u32);
    let one = async || {
        let refilled = u32::try_from(begun.elapsed().as_millis() / 200).expect("small");
        if spent.get() >= 10 + refilled {
            return Err(failure(Code::Throttled));
        }
        spent.set(spent.get() + 1);
        Ok(())
    };
    let calls = (0..60).map(|_| caller.call(Kind::Change, "x:Put", "t", one));
    let results = futures_util::future::join_all(calls).await;
    assert!(results.iter().all(Result::is_ok));
    let attempts: u32 = caller.journal().steps().iter().map(|step| step.attempts).sum();
    // The bucket alone needs 10 s for 50 more; nobody hammers it meanwhile.
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    assert!(attempts < 150, "{attempts} attempts for 60 calls");
}

/// On an API whose every answer takes six of the call's twenty seconds, a share of ten is enough for one read.
#[tokio::test(start_paused = true)]
async fn a_slow_answer_counts_although_it_was_asked_for_again() {
    let policy = Policy { attempt_timeout: Duration::from_secs(10), ..caller(20).policy };
    let caller = Caller { policy, ..caller(20) };
    let begun = Instant::now();
    let asked = Cell::new(0);
    let read = async || {
        asked.set(asked.get() + 1);
        tokio::time::sleep(Duration::from_secs(6)).await;
        Ok(())
    };
    let share = caller.within(Duration::from_secs(10));
    share.call(Kind::Read, "x:Get", "t", read).await.expect("the first answer");
    assert_eq!((begun.elapsed(), asked.get()), (Duration::from_secs(6), 2));
    assert_eq!(caller.journal().steps()[0].attempts, 2);
}

#[tokio::test(start_paused = true)]
async fn the_second_answer_counts_where_the_first_one_fails_late() {
    let caller =
        Caller { policy: Policy { attempt_timeout: Duration::from_secs(10), ..caller(20).policy }, ..caller(20) };
    let asked = Cell::new(0);
    let read = async || {
        asked.set(asked.get() + 1);
        let is_first = asked.get() == 1;
        tokio::time::sleep(Duration::from_secs(6)).await;
        if is_first { Err(failure(Code::Unavailable)) } else { Ok(asked.get()) }
    };
    let answer = caller.within(Duration::from_secs(18)).call(Kind::Read, "x:Get", "t", read).await;
    assert_eq!(answer.expect("the second answer"), 2);
}

/// Its own time cut the read off, so a longer `http.requestTimeoutMs` would not help.
#[tokio::test(start_paused = true)]
async fn a_read_ends_with_its_share_and_says_so() {
    let caller =
        Caller { policy: Policy { attempt_timeout: Duration::from_secs(10), ..caller(20).policy }, ..caller(20) };
    let begun = Instant::now();
    let share = caller.within(Duration::from_secs(4));
    let read = share.call(Kind::Read, "x:Get", "t", async || std::future::pending::<Result<()>>().await).await;
    assert_eq!(read.expect_err("no answer").remedy, SILENT);
    assert_eq!(begun.elapsed(), Duration::from_secs(4));
    assert_eq!(caller.journal().steps().len(), 1);

    let policy = Policy { attempt_timeout: Duration::from_secs(2), most_attempts: Some(1), ..caller.policy };
    let configured = Caller { policy, limit: policy.attempt_timeout, ..caller.clone() };
    // A policy may have a shorter limit of its own.
    for (caller, remedy) in [(configured, LIMIT_TOO_SHORT), (caller.with_policy(policy), CUT_SHORT)] {
        let read = caller.call(Kind::Read, "x:Get", "t", async || std::future::pending::<Result<()>>().await);
        assert_eq!(read.await.expect_err("no answer").remedy, remedy);
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_nobody_waits_for_is_a_step_all_the_same() {
    let caller = caller(20);
    let silence = async || std::future::pending::<Result<()>>().await;
    for kind in [Kind::Read, Kind::Change] {
        assert!(timeout(Duration::from_secs(1), caller.call(kind, "x:Get", "t", silence)).await.is_err());
    }
    caller.call(Kind::Read, "x:Get", "t", async || Ok(())).await.expect("an answer");
    let told: Vec<_> = caller.journal().steps().iter().map(|step| (step.result.clone(), step.ms)).collect();
    assert_eq!(told, [("not_awaited".into(), 1000), ("ambiguous".into(), 1000), ("ok".into(), 0)]);
}

/// However the delays fall, a call that is refused for half of its time has an answer in the other half.
#[tokio::test(start_paused = true)]
async fn a_call_that_is_refused_for_half_of_its_time_does_not_give_up() {
    for seed in 0..50 {
        for (kind, code) in
            [(Kind::Read, Code::Throttled), (Kind::Change, Code::Throttled), (Kind::Read, Code::Unavailable)]
        {
            let begun = Instant::now();
            let deadline = Deadline::new(Duration::from_secs(10), Box::new(Quiet(begun, seed)));
            let caller = Caller { deadline, ..caller(10) };
            let attempt = async || if begun.elapsed().as_secs() < 5 { Err(failure(code)) } else { Ok(()) };
            let answer = caller.call(kind, "x:Do", "t", attempt).await;
            assert!(answer.is_ok() && begun.elapsed().as_secs() < 8, "{seed}: {kind:?} {answer:?}");
            let attempts = caller.journal().steps()[0].attempts;
            assert!(attempts < 12, "{attempts} attempts");
        }
    }
}

/// The cloud throttles all reads for a while: those that follow one another then come as fast as its bucket fills.
#[tokio::test(start_paused = true)]
async fn once_the_cloud_answers_again_the_reads_are_fast_again() {
    let (caller, begun) = (caller(10), Instant::now());
    let attempt = async || match begun.elapsed().as_millis() < 3_500 {
        true => Err(failure(Code::Throttled)),
        false => Ok(()),
    };
    let calls = (0..4).map(|_| caller.call(Kind::Read, "x:Get", "t", attempt));
    assert!(futures_util::future::join_all(calls).await.iter().all(Result::is_ok));
    assert!(begun.elapsed().as_millis() < 6_000, "{:?}", begun.elapsed());
    let begun = Instant::now();
    for _ in 0..5 {
        caller.call(Kind::Read, "x:Get", "t", async || Ok(())).await.expect("an answer");
    }
    assert!(begun.elapsed().as_millis() < 1_000, "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn what_answers_a_read_in_the_clouds_place_is_asked_past_once() {
    for (kind, foreign, attempts) in [(Kind::Read, 1_u32, 2), (Kind::Read, 2, 2), (Kind::Change, 1, 1)] {
        let caller = caller(20);
        let left = Cell::new(foreign);
        let answer = async || match left.replace(left.get().saturating_sub(1)) {
            0 => Ok(7),
            _ => Err(Error::impostor("a page", "the cloud")),
        };
        let result = caller.call(kind, "x:Get", "t", answer).await;
        assert_eq!(result.is_ok(), (kind, foreign) == (Kind::Read, 1), "{kind:?} {foreign}");
        assert_eq!(caller.journal().steps()[0].attempts, attempts, "{kind:?} {foreign}");
    }
}

/// A bucket of tokens, as EC2 has one for changes.
struct Bucket {
    begun: Instant,
    at_first: u32,
    spent: Cell<u32>,
}

impl Bucket {
    fn of(at_first: u32) -> Self {
        Bucket { begun: Instant::now(), at_first, spent: Cell::new(0) }
    }

    /// One more token five times a second.
    fn take(&self) -> Result<()> {
        let refilled = u32::try_from(self.begun.elapsed().as_millis() / 200).expect("small");
        if self.spent.get() >= self.at_first + refilled {
            return Err(failure(Code::Throttled));
        }
        self.spent.set(self.spent.get() + 1);
        Ok(())
    }
}

fn caller_by_chance(seconds: u64, seed: u64) -> Caller {
    let deadline = Deadline::new(Duration::from_secs(seconds), Box::new(Quiet(Instant::now(), seed)));
    Caller { deadline, ..caller(seconds) }
}

/// What was asked for first is made first, however often it was throttled: eleven tables are missing, and twenty-nine that are here
/// already are written again, just to be sure.
#[tokio::test(start_paused = true)]
async fn a_throttled_call_keeps_its_place_before_those_that_came_later() {
    for seed in 0..50 {
        let share = caller_by_chance(5, seed).until(Duration::from_secs(4));
        let bucket = Bucket::of(1);
        let one = async || {
            tokio::time::sleep(Duration::from_millis(5)).await;
            bucket.take()
        };
        let missing = (0..11).map(|_| share.call(Kind::Change, "x:Put", "missing", one));
        let missing = futures_util::future::join_all(missing);
        let later = async {
            tokio::time::sleep(Duration::from_millis(500)).await;
            futures_util::future::join_all((0..29).map(|_| share.call(Kind::Change, "x:Put", "here", one))).await
        };
        let (made, _) = futures_util::future::join(missing, later).await;
        let made = made.iter().filter(|made| made.is_ok()).count();
        assert_eq!(made, 11, "{seed}");
    }
}

/// Forty calls and a bucket that fills slowly: no token is left while anybody waits, beyond those of half a second.
#[tokio::test(start_paused = true)]
async fn no_token_is_left_while_a_call_waits() {
    for seed in 0..50 {
        let share = caller_by_chance(5, seed).until(Duration::from_secs(4));
        let bucket = Bucket::of(10);
        let one = async || {
            tokio::time::sleep(Duration::from_millis(5)).await;
            bucket.take()
        };
        let all = futures_util::future::join_all((0..40).map(|_| share.call(Kind::Change, "x:Put", "t", one))).await;
        let made = all.iter().filter(|made| made.is_ok()).count();
        // Ten at once, and five in each of the four seconds.
        assert!(made >= 28, "{seed}: {made}");
    }
}

/// Two seconds are left, and the first answer would take six.
#[tokio::test(start_paused = true)]
async fn a_read_late_in_a_call_is_asked_again_as_well() {
    let policy = Policy { attempt_timeout: Duration::from_secs(10), ..caller(2).policy };
    let caller = Caller { policy, ..caller(2) };
    let asked = Cell::new(0);
    let read = async || {
        asked.set(asked.get() + 1);
        tokio::time::sleep(Duration::from_secs(if asked.get() == 1 { 6 } else { 0 })).await;
        Ok(())
    };
    caller.call(Kind::Read, "x:Get", "t", read).await.expect("the second answer");
}

/// Nobody repeats it here: the caller looks first.
#[tokio::test(start_paused = true)]
async fn a_change_without_an_answer_is_given_up_early_and_not_repeated() {
    let policy = Policy { attempt_timeout: Duration::from_secs(10), ..caller(20).policy };
    let caller = Caller { policy, ..caller(20) }.patient_for(Duration::from_secs(3));
    let begun = Instant::now();
    let change = caller.call(Kind::Change, "x:Put", "t", async || std::future::pending::<Result<()>>().await).await;
    assert_eq!(change.expect_err("no answer").fate, Fate::InDoubt);
    assert_eq!((begun.elapsed(), caller.journal().steps()[0].attempts), (Duration::from_secs(3), 1));
}

/// The cloud counts each action for itself: one that it throttles for ever holds no other up.
#[tokio::test(start_paused = true)]
async fn an_action_that_is_throttled_for_ever_takes_turns_with_the_others() {
    for seed in 0..50 {
        let share = caller_by_chance(10, seed);
        let begun = Instant::now();
        let refused = async || Err::<(), _>(failure(Code::Throttled));
        let other = async || match begun.elapsed().is_zero() {
            true => Err(failure(Code::Throttled)),
            false => Ok(begun.elapsed()),
        };
        let first = share.call(Kind::Read, "x:List", "t", refused);
        let all = (0..5).map(|_| share.call(Kind::Read, "x:Get", "t", other));
        let (refused, all) = futures_util::future::join(first, futures_util::future::join_all(all)).await;
        assert_eq!(refused.expect_err("throttled").code, Code::Throttled);
        let last = all.into_iter().map(|answer| answer.expect("an answer")).max();
        assert!(last < Some(Duration::from_secs(4)), "{seed}: {last:?}");
    }
}

/// A turn that comes at the very end is no answer: what the cloud had said counts.
#[tokio::test(start_paused = true)]
async fn reads_that_are_throttled_to_their_end_say_so() {
    for seed in 0..50 {
        let share = caller_by_chance(10, seed).within(Duration::from_secs(2));
        let refused = async || {
            tokio::time::sleep(Duration::from_millis(30)).await;
            Err::<(), _>(failure(Code::Throttled))
        };
        let all = (0..5).map(|_| share.call(Kind::Read, "x:List", "t", refused));
        for answer in futures_util::future::join_all(all).await {
            assert_eq!(answer.expect_err("throttled").code, Code::Throttled, "{seed}");
        }
    }
}

/// What waits for somebody else's change is there soon after that has ended.
#[tokio::test(start_paused = true)]
async fn a_refused_change_whose_cause_passes_is_tried_again_at_least_every_two_seconds() {
    let caller = caller(60);
    let times = RefCell::new(Vec::new());
    let blocked = || failure(Code::Unavailable).with_fate(Fate::Refused(Cause::UnderWay));
    let _ = caller
        .call(Kind::Change, "x:Put", "t", async || {
            times.borrow_mut().push(Instant::now());
            Err::<(), _>(blocked())
        })
        .await;
    let times = times.borrow();
    let longest = times.windows(2).map(|pair| pair[1] - pair[0]).max();
    assert!(longest.is_some_and(|longest| longest <= Duration::from_secs(2)), "{longest:?}");
    assert!(times.len() > 30, "{}", times.len());
}

/// The cloud may count each resource for itself: a call that it sends away for long holds no other up.
#[tokio::test(start_paused = true)]
async fn a_call_that_is_told_to_stay_away_keeps_no_other_away() {
    for seed in 0..50 {
        let share = caller_by_chance(10, seed);
        let begun = Instant::now();
        let sent_away = async || {
            Err::<(), _>(failure(Code::Throttled).with(|details| details.retry_after = Some(Duration::from_secs(5))))
        };
        let other = async {
            let mut last = Duration::ZERO;
            for _ in 0..8 {
                tokio::time::sleep(Duration::from_millis(250)).await;
                let asked = Instant::now();
                share.call(Kind::Read, "x:Get", "other", async || Ok(())).await.expect("an answer");
                last = last.max(asked.elapsed());
            }
            last
        };
        let throttled = share.call(Kind::Read, "x:Get", "t", sent_away);
        let (throttled, waited) = futures_util::future::join(throttled, other).await;
        assert_eq!(throttled.expect_err("throttled").code, Code::Throttled);
        assert!(begun.elapsed() >= Duration::from_secs(5), "{seed}: asked again too soon");
        assert!(waited <= FIRST_DELAY, "{seed}: {waited:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_is_under_way_until_it_ends_however_it_ends() {
    let caller = caller(20);
    let journal = caller.journal();
    let names =
        || journal.under_way().into_iter().map(|call| format!("{} {}", call.call, call.target)).collect::<Vec<_>>();
    let slow = |call: &'static str| {
        caller.call(Kind::Read, call, "t", async || {
            tokio::time::sleep(Duration::from_secs(1)).await;
            Ok(())
        })
    };
    let begun = Instant::now();
    let look = async {
        tokio::time::sleep(Duration::from_millis(700)).await;
        (names(), journal.under_way()[0].since - begun)
    };
    let (one, looked) = tokio::join!(slow("x:One"), look);
    one.expect("an answer");
    assert_eq!(looked, (vec!["x:One t".to_owned()], Duration::ZERO));
    assert!(names().is_empty(), "{:?}", names());
    let cut = tokio::time::timeout(Duration::from_millis(10), async { tokio::join!(slow("x:Two"), slow("x:Three")) });
    assert!(cut.await.is_err());
    assert!(names().is_empty(), "{:?}", names());
}
