//! The table of functions that IRIS hands to the library, and the state behind it.

use crate::library::Host;
use std::{
    cell::RefCell,
    ffi::{c_char, c_int, c_ushort},
    os::unix::ffi::OsStrExt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Instant,
};

/// `wchar_t` on Linux.
type WideChar = i32;

/// The callback table (`struct IrisCallbackTab`) as IRIS has it on Linux.
#[repr(C)]
#[derive(Debug)]
pub struct CallbackTable {
    /// The longest string that a `$ZF` call can return.
    pub zfstrsize: extern "C" fn() -> c_int,
    /// Reports an error as though from within IRIS.
    pub zferror: extern "C" fn(c_int, c_int) -> c_int,
    /// The manager's directory, in 8-bit characters.
    pub irismgrdira: extern "C" fn(c_int, *mut c_char) -> c_int,
    /// The manager's directory, in UTF-16.
    pub irismgrdirw: extern "C" fn(c_int, *mut c_ushort) -> c_int,
    /// Has a signal come in? 1: SIGINT or SIGTERM.
    pub sigrtchk: extern "C" fn() -> c_int,
    /// Forgets earlier signals.
    pub sigrtclr: extern "C" fn() -> c_int,
    /// Sets another handler for SIGALRM.
    pub dzfalarm: extern "C" fn() -> c_int,
    /// Undocumented.
    pub zfresjob: extern "C" fn() -> c_int,
    /// The manager's directory, in `wchar_t`.
    pub irismgrdirh: extern "C" fn(c_int, *mut WideChar) -> c_int,
}

pub(crate) static TABLE: CallbackTable =
    CallbackTable { zfstrsize, zferror, irismgrdira, irismgrdirw, sigrtchk, sigrtclr, dzfalarm, zfresjob, irismgrdirh };

/// Stands for IRIS's table of Callin functions: there, and of no use to a library that keeps to counted strings.
pub(crate) static CALLIN_FUNCTIONS: [usize; 256] = [0; 256];

/// One use of a callback.
#[derive(Debug, Clone, Copy)]
pub struct CallbackCall {
    /// The callback's name in `iris-cdzf.h`.
    pub name: &'static str,
    /// When it was called.
    pub at: Instant,
    /// Whether that was during a call of the library and on the calling thread. Anything else is a breach: the
    /// library called IRIS when it had no business to, or from a second thread.
    pub in_call: bool,
}

static TERMINATION: AtomicBool = AtomicBool::new(false);
static QUIET_ANSWERS: AtomicUsize = AtomicUsize::new(0);
static LOG: Mutex<Vec<CallbackCall>> = Mutex::new(Vec::new());
static EXCLUSIVE: Mutex<()> = Mutex::new(());

thread_local! {
    /// The host whose call runs on this thread.
    static CURRENT: RefCell<Option<Arc<Host>>> = const { RefCell::new(None) };
}

/// From now on, `SIGRTCHK` answers 1 (somebody wants this process to end), or no longer does.
pub fn request_termination(requested: bool) {
    TERMINATION.store(requested, Ordering::SeqCst);
}

/// When `SIGRTCHK` was called, in order, since the last [`reset`].
pub fn sigrtchk_calls() -> Vec<Instant> {
    let log = lock(&LOG);
    let checks = log.iter().filter(|call| call.name == "SIGRTCHK");
    checks.map(|call| call.at).collect()
}

/// Every use of a callback, in order, since the last [`reset`].
pub fn callback_log() -> Vec<CallbackCall> {
    lock(&LOG).clone()
}

/// Back to the beginning: nobody wants the process to end, and no callback was used.
pub fn reset() {
    request_termination(false);
    lock(&LOG).clear();
}

/// Waits until no other test holds the process's shared state, takes it and resets it. It is free again when the guard
/// is dropped.
pub fn exclusive() -> MutexGuard<'static, ()> {
    let guard = lock(&EXCLUSIVE);
    reset();
    guard
}

/// Runs `call` with `host` behind the callbacks of this thread.
pub(crate) fn with_host<T>(host: &Arc<Host>, call: impl FnOnce() -> T) -> T {
    struct Restore(Option<Arc<Host>>);
    impl Drop for Restore {
        fn drop(&mut self) {
            CURRENT.set(self.0.take());
        }
    }
    let _restore = Restore(CURRENT.replace(Some(Arc::clone(host))));
    call()
}

/// The lock, also after a test that held it has failed.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Writes the call into the log and gives the host that answers it: outside of a call, or on a thread that the library
/// made, a default one.
fn called(name: &'static str) -> Arc<Host> {
    let host = CURRENT.with_borrow(Option::clone);
    lock(&LOG).push(CallbackCall { name, at: Instant::now(), in_call: host.is_some() });
    host.unwrap_or_default()
}

extern "C" fn zfstrsize() -> c_int {
    called("ZFSTRSIZE").zf_string_size
}

extern "C" fn zferror(_number: c_int, _mode: c_int) -> c_int {
    called("ZFERROR");
    0
}

extern "C" fn irismgrdira(length: c_int, buffer: *mut c_char) -> c_int {
    let host = called("IRISMGRDIRA");
    let bytes = host.manager_directory.as_os_str().as_bytes();
    let text: Vec<c_char> = bytes.iter().map(|byte| byte.cast_signed() as c_char).collect();
    deliver(&text, length, buffer)
}

extern "C" fn irismgrdirw(length: c_int, buffer: *mut c_ushort) -> c_int {
    let host = called("IRISMGRDIRW");
    let text = host.manager_directory.to_string_lossy();
    deliver(&text.encode_utf16().collect::<Vec<_>>(), length, buffer)
}

extern "C" fn irismgrdirh(length: c_int, buffer: *mut WideChar) -> c_int {
    let host = called("IRISMGRDIRH");
    let text = host.manager_directory.to_string_lossy();
    let text: Vec<WideChar> = text.chars().map(|character| u32::from(character).cast_signed()).collect();
    deliver(&text, length, buffer)
}

extern "C" fn sigrtchk() -> c_int {
    called("SIGRTCHK");
    if TERMINATION.load(Ordering::SeqCst) {
        return 1;
    }
    // "Not a signal" and "another signal" in turn: neither asks for an end.
    match QUIET_ANSWERS.fetch_add(1, Ordering::SeqCst) % 2 {
        0 => -1,
        _ => 0,
    }
}

extern "C" fn sigrtclr() -> c_int {
    called("SIGRTCLR");
    0
}

extern "C" fn dzfalarm() -> c_int {
    called("DZFALARM");
    0
}

extern "C" fn zfresjob() -> c_int {
    called("ZFRESJOB");
    0
}

/// Writes a directory as far as there is room, ends it with a null and returns its length without that. How IRIS does
/// it is not documented.
fn deliver<T: Copy + Default>(text: &[T], length: c_int, buffer: *mut T) -> c_int {
    let room = usize::try_from(length).unwrap_or(0);
    if room == 0 || buffer.is_null() {
        return 0;
    }
    let count = text.len().min(room - 1);
    // SAFETY: the library says that `length` elements may be written at `buffer`, and `count` < `length`.
    unsafe {
        buffer.copy_from_nonoverlapping(text.as_ptr(), count);
        buffer.add(count).write(T::default());
    }
    c_int::try_from(count).expect("less than `length`")
}
