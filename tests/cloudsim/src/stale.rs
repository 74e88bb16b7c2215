//! Reads that lag behind writes: for a number of reads or for a time they see the world as it was before a write.

use std::time::Duration;

use tokio::time::Instant;

/// How long reads do not see a write.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Staleness {
    /// For so many reads.
    pub reads: usize,
    /// For so long.
    pub time: Duration,
    /// Every second read sees it all the same: two readers ask two copies of different age.
    pub uneven: bool,
}

/// The writes that reads do not see yet, oldest first.
pub(crate) struct Stale<W> {
    hidden: Vec<HiddenWrite<W>>,
    /// How many reads there were.
    read: usize,
}

struct HiddenWrite<W> {
    before: W,
    reads: usize,
    until: Instant,
    uneven: bool,
}

impl<W> Stale<W> {
    pub(crate) fn new() -> Self {
        Self { hidden: Vec::new(), read: 0 }
    }

    /// From now on nothing is hidden.
    pub(crate) fn clear(&mut self) {
        self.hidden.clear();
    }

    /// Hides a write that was made to `before`, for so many reads or for so long.
    pub(crate) fn hide(&mut self, before: W, Staleness { reads, time, uneven }: Staleness) {
        if reads > 0 || !time.is_zero() {
            self.hidden.push(HiddenWrite { before, reads, until: Instant::now() + time, uneven });
        }
    }

    /// The world as a read sees it; a write that is hidden hides all that came later.
    pub(crate) fn read<'w>(&'w mut self, world: &'w W) -> &'w W {
        let now = Instant::now();
        self.read += 1;
        let is_of_the_younger_copy = self.read.is_multiple_of(2);
        let is_hidden = |write: &HiddenWrite<W>| write.reads > 0 || write.until > now;
        let first = self.hidden.iter().position(is_hidden).unwrap_or(self.hidden.len());
        self.hidden.drain(..first);
        for write in &mut self.hidden {
            write.reads = write.reads.saturating_sub(1);
        }
        match self.hidden.first() {
            Some(write) if !(write.uneven && is_of_the_younger_copy) => &write.before,
            _ => world,
        }
    }
}
