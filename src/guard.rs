//! Panic containment: a fault of this library must not become a fault of the database.

use std::{
    cell::{Cell, RefCell},
    panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook},
    sync::Once,
};

/// What panicked, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Panic {
    pub message: String,
    pub place: String,
}

thread_local! {
    /// Whether this thread is inside [`contain`].
    static INSIDE: Cell<bool> = const { Cell::new(false) };
    static LAST: RefCell<Option<Panic>> = const { RefCell::new(None) };
}

static HOOK: Once = Once::new();

/// Runs `work`. A panic is neither printed nor traced (the default hook writes to standard error, and with RUST_BACKTRACE
/// spends a tenth of a second and megabytes on it), but kept for the report.
///
/// # Errors
/// The panic's message and place.
pub fn contain<T>(work: impl FnOnce() -> T) -> Result<T, Panic> {
    HOOK.call_once(keep_instead_of_print);
    let outer = INSIDE.replace(true);
    // What the work had borrowed is given up together with the call: nothing broken is used again.
    let result = catch_unwind(AssertUnwindSafe(work));
    INSIDE.set(outer);
    result.map_err(|payload| {
        // A payload may panic when dropped; forgetting it leaks some bytes in a case that must never happen.
        std::mem::forget(payload);
        LAST.take().unwrap_or(Panic { message: "unknown".into(), place: String::new() })
    })
}

/// The hook belongs to this library's own copy of the Rust runtime; the host has none, or another one.
fn keep_instead_of_print() {
    let previous = take_hook();
    set_hook(Box::new(move |info| {
        if !INSIDE.get() {
            return previous(info);
        }
        let message = info.payload_as_str().unwrap_or("a panic without a message").to_owned();
        let place = info.location().map(|at| format!("{}:{}", at.file(), at.line())).unwrap_or_default();
        LAST.set(Some(Panic { message, place }));
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_told_with_its_message_and_place() {
        let number = 7;
        let panic = contain(|| panic!("broken {number}")).expect_err("it panics");
        assert_eq!(panic.message, "broken 7");
        assert!(panic.place.contains("guard.rs:"), "{}", panic.place);
    }

    #[test]
    fn without_a_panic_the_value_comes_through() {
        assert_eq!(contain(|| 7), Ok(7));
    }
}
