//! Everything `$ZF`: the function table, the callouts, and what IRIS's process is promised.
//!
//! [`Callout`] lists the callouts; this file adds their function pointers.

use crate::{
    abi::{ZF_FAILURE, ZF_SUCCESS, mirrorvip_callbacks, mirrorvip_entry, mirrorvip_string},
    guard,
    runtime::{self, Host},
    sigpipe, text,
};
use mirrorvip_callouts::Callout;
use mirrorvip_core::{
    command::{self, Action, Call},
    error::{Code, Error},
    report::{Report, to_ascii},
};
use std::{
    ffi::c_int,
    ptr::{null, null_mut},
    sync::atomic::{AtomicPtr, Ordering},
};

/// The host's callbacks: constant for the life of the process, so that a fork or a second load changes nothing.
static CALLBACKS: AtomicPtr<mirrorvip_callbacks> = AtomicPtr::new(null_mut());

const LAST: mirrorvip_entry = mirrorvip_entry { name: null(), linkage: null(), function: None };

static TABLE: [mirrorvip_entry; Callout::ALL.len() + 1] = [
    entry(Callout::Version),
    entry(Callout::Acquire),
    entry(Callout::Status),
    entry(Callout::Check),
    entry(Callout::Release),
    LAST,
];

/// Called by IRIS when it loads the library: takes IRIS's tables, gives ours. Either argument may be null; the second,
/// the Callin functions, is not used. The array that is returned ends with an entry of nulls and is never freed.
#[unsafe(no_mangle)]
pub extern "C" fn GetZFTable(
    callbacks: *mut mirrorvip_callbacks,
    _callin: *mut std::ffi::c_void,
) -> *const mirrorvip_entry {
    CALLBACKS.store(callbacks, Ordering::Release);
    TABLE.as_ptr()
}

/// Called by IRIS after a load. Nothing is prepared ahead of a call; always 0, no error.
#[unsafe(no_mangle)]
pub extern "C" fn ZFInit() -> c_int {
    ZF_SUCCESS
}

/// Called by IRIS before an unload. Nothing is kept between calls; always 0, no error.
#[unsafe(no_mangle)]
pub extern "C" fn ZFUnload() -> c_int {
    ZF_SUCCESS
}

/// `Version` (linkage `1B`): name, version, commit and the clouds that are built in, as one JSON object.
///
/// # Safety
/// `report` is null or has room for the host's longest `$ZF` string (`ZFSTRSIZE`, by default 32,767 bytes).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mirrorvip_version(report: *mut mirrorvip_string) -> c_int {
    let text = guard::contain(|| to_ascii(&command::version(env!("MIRRORVIP_COMMIT")).to_string())).ok();
    // SAFETY: the caller vouches for the buffer.
    unsafe { answer(report, text.filter(|text| text.len() <= host().bound())) }
}

/// `Acquire` (linkage `1b1B`): makes this member the holder of the VIP, verifies it, reports.
///
/// # Safety
/// `request` is null or a counted string; `report` is null or has room for the host's longest `$ZF` string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mirrorvip_acquire(request: *const mirrorvip_string, report: *mut mirrorvip_string) -> c_int {
    // SAFETY: the caller vouches for both.
    unsafe { call(Action::Acquire, request, report) }
}

/// `Status` (linkage `1b1B`): who holds the VIP now; reads only.
///
/// # Safety
/// As [`mirrorvip_acquire`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mirrorvip_status(request: *const mirrorvip_string, report: *mut mirrorvip_string) -> c_int {
    // SAFETY: the caller vouches for both.
    unsafe { call(Action::Status, request, report) }
}

/// `Check` (linkage `1b1B`): preflight; changes nothing.
///
/// # Safety
/// As [`mirrorvip_acquire`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mirrorvip_check(request: *const mirrorvip_string, report: *mut mirrorvip_string) -> c_int {
    // SAFETY: the caller vouches for both.
    unsafe { call(Action::Check, request, report) }
}

/// `Release` (linkage `1b1B`): gives the VIP up if this member holds it.
///
/// # Safety
/// As [`mirrorvip_acquire`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn mirrorvip_release(request: *const mirrorvip_string, report: *mut mirrorvip_string) -> c_int {
    // SAFETY: the caller vouches for both.
    unsafe { call(Action::Release, request, report) }
}

unsafe fn call(action: Action, request: *const mirrorvip_string, report: *mut mirrorvip_string) -> c_int {
    // SAFETY: the caller vouches for the request.
    let request = unsafe { text::read(request) };
    let rendered = render(action, request, runtime::run);
    // SAFETY: the caller vouches for the report's buffer, and the text keeps the host's bound.
    unsafe { answer(report, rendered) }
}

/// The report's text within the host's bound, whatever happens on the way.
fn render(
    action: Action,
    request: Option<Vec<u8>>,
    run: impl FnOnce(&mut Call, &[u8], Host) -> Report,
) -> Option<String> {
    let mut call = Call::new(action);
    let worked = guard::contain(|| match request {
        Some(request) => run(&mut call, &request, host()),
        None => call.broken_off(Error::new(Code::InvalidRequest, "the request is a null pointer", "pass a string")),
    });
    let report = worked.or_else(|panic| {
        sigpipe::lower();
        guard::contain(|| {
            let message = format!("a fault in this library: {} at {}", panic.message, panic.place);
            call.broken_off(Error::new(
                Code::Internal,
                message,
                "call Status to see where the VIP is, and report this fault",
            ))
        })
    });
    let bound = host().bound();
    guard::contain(|| report.ok().and_then(|report| report.render(bound))).ok().flatten()
}

unsafe fn answer(report: *mut mirrorvip_string, text: Option<String>) -> c_int {
    // SAFETY: the caller vouches for a buffer of the host's bound, which the text keeps.
    let written = text.is_some_and(|text| unsafe { text::write(report, text.as_bytes()) });
    if written { ZF_SUCCESS } else { ZF_FAILURE }
}

fn host() -> Host {
    // SAFETY: the pointer came from IRIS through GetZFTable, which promises it for the life of the process.
    unsafe { Host::new(CALLBACKS.load(Ordering::Acquire)) }
}

const fn entry(callout: Callout) -> mirrorvip_entry {
    let function = match callout {
        Callout::Version => version_address(),
        Callout::Acquire => callout_address(mirrorvip_acquire),
        Callout::Status => callout_address(mirrorvip_status),
        Callout::Check => callout_address(mirrorvip_check),
        Callout::Release => callout_address(mirrorvip_release),
    };
    mirrorvip_entry { name: callout.name().as_ptr(), linkage: callout.linkage().as_ptr(), function: Some(function) }
}

type Function = unsafe extern "C" fn(*const mirrorvip_string, *mut mirrorvip_string) -> c_int;

/// The table holds addresses; IRIS calls each with the arguments that its linkage string names.
const fn callout_address(function: Function) -> unsafe extern "C" fn() -> c_int {
    // SAFETY: one function pointer for another; nobody calls it by this type.
    unsafe { std::mem::transmute::<Function, unsafe extern "C" fn() -> c_int>(function) }
}

const fn version_address() -> unsafe extern "C" fn() -> c_int {
    // SAFETY: as above.
    unsafe {
        std::mem::transmute::<unsafe extern "C" fn(*mut mirrorvip_string) -> c_int, unsafe extern "C" fn() -> c_int>(
            mirrorvip_version,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    #[test]
    fn a_panic_becomes_a_report_with_its_message_and_place() {
        let text =
            render(Action::Acquire, Some(Vec::new()), |_, _, _| panic!("the {} is broken", "plan")).expect("a report");
        let report: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(report["error"]["code"], "internal");
        assert_eq!(report["outcome"], "not_moved");
        let message = report["error"]["message"].as_str().expect("text");
        assert!(message.contains("the plan is broken") && message.contains("src/table.rs:"), "{message}");
    }

    #[test]
    fn a_null_request_is_reported_and_a_null_report_is_a_failure() {
        let text = render(Action::Status, None, |_, _, _| unreachable!()).expect("a report");
        assert!(text.contains("invalid_request"));
        // SAFETY: null is allowed for both.
        assert_eq!(unsafe { mirrorvip_status(null(), null_mut()) }, ZF_FAILURE);
    }
}
