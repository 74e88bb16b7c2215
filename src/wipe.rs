//! Memory that is given back holds nothing: every buffer of this library is overwritten before it is freed. Tokens and keys
//! pass through buffers of the HTTP stack and of the vendors' crates, few of which clean up after themselves, and the
//! process that would keep the remains for weeks, and dump them into a core, is the database.
//!
//! Only this library's own allocations pass here; the host's never do.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    ptr,
    sync::atomic::{Ordering, compiler_fence},
};

struct Wiping;

#[global_allocator]
static ALLOCATOR: Wiping = Wiping;

// SAFETY: memory comes from and goes back to `System` under the layout that it was asked for with.
unsafe impl GlobalAlloc for Wiping {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promises are handed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promises are handed on.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, start: *mut u8, layout: Layout) {
        // SAFETY: the caller owns `layout.size()` bytes from `start` and gives them up.
        unsafe {
            wipe(start, layout.size());
            System.dealloc(start, layout);
        }
    }

    // The system's own `realloc` would leave the old place as it is.
    unsafe fn realloc(&self, start: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller promises that the size is not 0 and, rounded up to the alignment, no overflow.
        let new = unsafe { System.alloc(Layout::from_size_align_unchecked(size, layout.align())) };
        if !new.is_null() {
            // SAFETY: both places are at least this long, and they are two; the old one is given up by the caller.
            unsafe {
                ptr::copy_nonoverlapping(start, new, layout.size().min(size));
                self.dealloc(start, layout);
            }
        }
        new
    }
}

/// Writes zeros that no optimiser takes away, as nobody reads them: volatile, and word by word, because a byte at a time
/// would be felt with an answer of megabytes.
///
/// # Safety
/// `length` bytes from `start` may be written.
unsafe fn wipe(start: *mut u8, length: usize) {
    const WORD: usize = size_of::<u64>();
    let head = start.align_offset(WORD).min(length);
    let words = (length - head) / WORD;
    // SAFETY: the parts are within `length`, and the words are aligned.
    unsafe {
        for at in 0..head {
            start.add(at).write_volatile(0);
        }
        let middle = start.add(head).cast::<u64>();
        for at in 0..words {
            middle.add(at).write_volatile(0);
        }
        for at in head + words * WORD..length {
            start.add(at).write_volatile(0);
        }
    }
    compiler_fence(Ordering::SeqCst);
}

#[cfg(test)]
mod tests {
    use super::wipe;

    #[test]
    fn exactly_what_is_given_up_is_overwritten() {
        for (from, length) in [(0, 0), (0, 1), (1, 3), (3, 5), (0, 8), (7, 9), (1, 22), (5, 27)] {
            let mut place = [0xaa_u8; 40];
            // SAFETY: within the array.
            unsafe { wipe(place.as_mut_ptr().add(from), length) };
            for (at, byte) in place.iter().enumerate() {
                let wiped = (from..from + length).contains(&at);
                assert_eq!(*byte == 0, wiped, "{from}+{length} at {at}");
            }
        }
    }
}
