//! Arguments as IRIS lays them out: a linkage read into its letters, and counted strings between watched margins.

use std::ffi::c_void;

/// The most that a counted string holds: its length is an `unsigned short`.
pub(crate) const MOST_BYTES: usize = 65_535;

/// Watched 16-bit units in front of a counted string and behind it.
const UNITS_BEFORE: usize = 32;
const UNITS_BEHIND: usize = 2048;

/// One argument of a function: the letters `1b` and `1B`, which may be written `b` and `B`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Argument {
    Input,
    Output,
}

/// Reads a linkage string.
pub(crate) fn parse(linkage: &str) -> Result<Vec<Argument>, String> {
    let mut arguments = Vec::new();
    let mut letters = linkage.chars().peekable();
    while letters.peek().is_some() {
        letters.next_if_eq(&'1');
        arguments.push(match letters.next() {
            Some('b') => Argument::Input,
            Some('B') => Argument::Output,
            _ => return Err(format!("this host cannot marshal the linkage {linkage:?}")),
        });
    }
    Ok(arguments)
}

/// A counted string (`struct zarray`) in memory that shows where it was written to.
///
/// In units of 16 bits: a margin, the length, the data (an odd byte at the end belongs to the margin), a margin.
pub(crate) struct Counted {
    units: Vec<u16>,
    before: Vec<u8>,
    capacity: usize,
    argument: Argument,
}

impl Counted {
    /// An input of exactly these bytes.
    ///
    /// # Panics
    /// If there are more than [`MOST_BYTES`] of them.
    pub(crate) fn input(bytes: &[u8]) -> Self {
        assert!(bytes.len() <= MOST_BYTES);
        Self::new(bytes, bytes.len(), Argument::Input)
    }

    /// An empty output with room for `capacity` bytes.
    pub(crate) fn output(capacity: usize) -> Self {
        Self::new(&[], capacity.min(MOST_BYTES), Argument::Output)
    }

    fn new(bytes: &[u8], capacity: usize, argument: Argument) -> Self {
        let size = 2 * (UNITS_BEFORE + 1 + capacity.div_ceil(2) + UNITS_BEHIND);
        let mut before: Vec<u8> = (0..size).map(pattern).collect();
        let length = u16::try_from(bytes.len()).expect("checked by the callers");
        before[2 * UNITS_BEFORE..][..2].copy_from_slice(&length.to_ne_bytes());
        before[2 * UNITS_BEFORE + 2..][..bytes.len()].copy_from_slice(bytes);
        let units = before.chunks_exact(2).map(|pair| u16::from_ne_bytes([pair[0], pair[1]])).collect();
        Self { units, before, capacity, argument }
    }

    /// What the function gets.
    pub(crate) fn pointer(&mut self) -> *mut c_void {
        self.units.as_mut_ptr().wrapping_add(UNITS_BEFORE).cast()
    }

    /// Looks at the memory after a call. Gives the output's bytes, or none for an input.
    ///
    /// # Errors
    /// What the function did that would have damaged the memory of IRIS.
    pub(crate) fn examine(&self) -> Result<Option<Vec<u8>>, String> {
        let after: Vec<u8> = self.units.iter().flat_map(|unit| unit.to_ne_bytes()).collect();
        let start = 2 * UNITS_BEFORE;
        let end = start + 2 + self.capacity;
        let changed = |at: &usize| after[*at] != self.before[*at];
        if (0..start).any(|at| changed(&at)) {
            return Err("it wrote in front of an argument".to_owned());
        }
        if let Some(last) = (end..after.len()).rev().find(changed) {
            let capacity = self.capacity;
            let past = last + 1 - end;
            return Err(format!("it wrote {past} bytes past an argument's {capacity}"));
        }
        if self.argument == Argument::Input {
            return match (start..end).any(|at| changed(&at)) {
                true => Err("it changed its input".to_owned()),
                false => Ok(None),
            };
        }
        let length = usize::from(self.units[UNITS_BEFORE]);
        if length > self.capacity {
            let capacity = self.capacity;
            return Err(format!("it says that its output has {length} bytes, in room for {capacity}"));
        }
        Ok(Some(after[start + 2..][..length].to_vec()))
    }
}

/// A pattern without period that a stray write is unlikely to reproduce.
fn pattern(at: usize) -> u8 {
    (at.wrapping_mul(167).wrapping_add(13) % 251) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn linkages() {
        use Argument::{Input, Output};
        assert_eq!(parse(""), Ok(vec![]));
        assert_eq!(parse("1B"), Ok(vec![Output]));
        assert_eq!(parse("1b1B"), Ok(vec![Input, Output]));
        assert_eq!(parse("bB"), Ok(vec![Input, Output]));
        for strange in ["2b", "1", "1b1", "11b", "cC", "j"] {
            assert!(parse(strange).is_err(), "{strange}");
        }
    }

    #[test]
    fn odd_and_even_sizes_are_watched_to_the_byte() {
        for capacity in [0, 1, 2, 3, 32_767, MOST_BYTES] {
            let mut output = Counted::output(capacity);
            assert_eq!(output.examine(), Ok(Some(vec![])));
            let past = output.pointer().cast::<u8>().wrapping_add(2 + capacity);
            // SAFETY: the margin behind the data is part of the same allocation.
            unsafe { *past ^= 0xff };
            assert_eq!(output.examine(), Err(format!("it wrote 1 bytes past an argument's {capacity}")));
        }
        let mut input = Counted::input(b"abc");
        assert_eq!(input.examine(), Ok(None));
        // SAFETY: the third data byte is part of the same allocation.
        unsafe { *input.pointer().cast::<u8>().wrapping_add(4) ^= 1 };
        assert_eq!(input.examine(), Err("it changed its input".to_owned()));
    }
}
