//! Keeps SIGPIPE from the host while this library's code runs.
//!
//! Writing to a connection that the other side has closed raises SIGPIPE unless each write asks otherwise, and vectored
//! writes of the standard library do not ask. The signal goes to the writing thread itself and at once, so it is enough
//! to hold it back on this thread while our code runs, and to take it away before the old mask returns. The shield is down
//! while the thread waits, so that nothing of the host's is held back for any length of time.

use std::{cell::RefCell, mem::MaybeUninit};

thread_local! {
    static RAISED: RefCell<Option<Shield>> = const { RefCell::new(None) };
}

struct Shield {
    old_mask: libc::sigset_t,
    /// A SIGPIPE that was waiting before us belongs to the host.
    was_pending: bool,
}

/// Our code is about to run on this thread.
pub fn raise() {
    RAISED.with(|raised| {
        let mut raised = raised.borrow_mut();
        if raised.is_none() {
            *raised = Shield::raise();
        }
    });
}

/// Our code stops running on this thread, for a wait or for good.
pub fn lower() {
    RAISED.with(|raised| drop(raised.borrow_mut().take()));
}

/// Runs what is the host's with the host's own mask.
pub fn outside<T>(work: impl FnOnce() -> T) -> T {
    let raised = RAISED.with(|raised| raised.borrow_mut().take()).is_some();
    let result = work();
    if raised {
        raise();
    }
    result
}

impl Shield {
    fn raise() -> Option<Shield> {
        let was_pending = pipe_is_pending();
        let mut old_mask = MaybeUninit::uninit();
        // SAFETY: both sets are valid; the call changes the mask of this thread alone.
        let status = unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &only_pipe(), old_mask.as_mut_ptr()) };
        // SAFETY: a status of zero means that the old mask was written.
        (status == 0).then(|| Shield { old_mask: unsafe { old_mask.assume_init() }, was_pending })
    }
}

impl Drop for Shield {
    fn drop(&mut self) {
        if !self.was_pending && pipe_is_pending() {
            let at_once = libc::timespec { tv_sec: 0, tv_nsec: 0 };
            // SAFETY: a valid set and time; takes one waiting SIGPIPE away, which our own write has caused.
            unsafe { libc::sigtimedwait(&only_pipe(), std::ptr::null_mut(), &at_once) };
        }
        // SAFETY: puts back the mask that `raise` has read.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &self.old_mask, std::ptr::null_mut()) };
    }
}

fn only_pipe() -> libc::sigset_t {
    let mut set = MaybeUninit::uninit();
    // SAFETY: sigemptyset initialises the set before sigaddset reads it.
    unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        libc::sigaddset(set.as_mut_ptr(), libc::SIGPIPE);
        set.assume_init()
    }
}

fn pipe_is_pending() -> bool {
    let mut set = MaybeUninit::uninit();
    // SAFETY: sigpending initialises the set when it returns zero.
    unsafe { libc::sigpending(set.as_mut_ptr()) == 0 && libc::sigismember(set.as_ptr(), libc::SIGPIPE) == 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mask() -> libc::sigset_t {
        let mut set = MaybeUninit::uninit();
        // SAFETY: reads the mask of this thread into the set.
        unsafe {
            libc::pthread_sigmask(libc::SIG_BLOCK, std::ptr::null(), set.as_mut_ptr());
            set.assume_init()
        }
    }

    fn blocks_pipe() -> bool {
        // SAFETY: the set was initialised.
        unsafe { libc::sigismember(&mask(), libc::SIGPIPE) == 1 }
    }

    #[test]
    #[cfg_attr(miri, ignore = "Miri knows no signals")]
    fn a_broken_pipe_leaves_no_signal_and_no_mask_behind() {
        raise();
        raise();
        assert!(blocks_pipe());
        // SAFETY: raises SIGPIPE on this very thread, as a write to a closed connection does.
        unsafe { libc::pthread_kill(libc::pthread_self(), libc::SIGPIPE) };
        assert!(pipe_is_pending());
        lower();
        assert!(!blocks_pipe());
        assert!(!pipe_is_pending());
        lower();
    }
}
