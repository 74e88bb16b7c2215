//! What concerns a public address never delays a private one: its read goes beside the others, which wait for it a moment only.

use std::{pin::pin, time::Duration};
use tokio::time::{Instant, timeout};

/// How long the others wait at least; at most as long again as their own read took.
const SHORTEST_GRACE: Duration = Duration::from_millis(200);

/// Makes both reads side by side. `None`: the second one takes longer, and was dropped.
pub async fn beside<T, P>(private: impl Future<Output = T>, public: impl Future<Output = P>) -> (T, Option<P>) {
    let begun = Instant::now();
    let (mut private, mut public) = (pin!(private), pin!(public));
    let (private, early) = tokio::select! {
        biased;
        private = &mut private => (private, None),
        early = &mut public => (private.await, Some(early)),
    };
    match early {
        Some(public) => (private, Some(public)),
        None => (private, timeout(begun.elapsed().max(SHORTEST_GRACE), public).await.ok()),
    }
}

#[cfg(test)]
mod tests {
    use super::beside;
    use std::time::Duration;
    use tokio::time::{Instant, sleep};

    #[tokio::test(start_paused = true)]
    async fn the_private_read_waits_for_the_public_one_a_moment_only() {
        for (private, public, took, is_there) in
            [(100, 50, 100, true), (100, 290, 290, true), (100, 9_000, 300, false), (1_000, 1_900, 1_900, true)]
        {
            let read = |ms: u64| async move { sleep(Duration::from_millis(ms)).await };
            let begun = Instant::now();
            let ((), found) = beside(read(private), read(public)).await;
            let expected = (Duration::from_millis(took), is_there);
            assert_eq!((begun.elapsed(), found.is_some()), expected, "{private} ms beside {public} ms");
        }
    }
}
