//! One call from beginning to end: a runtime of its own on the calling thread, and the host's view of time and signals.
//! Nothing is kept between calls, so a fork between two of them finds nothing to break.

use crate::{abi::mirrorvip_callbacks, sigpipe};
use mirrorvip_core::{
    command::{Call, Surroundings},
    deadline::Watch,
    error::{Code, Error},
    host,
    report::Report,
};
use std::{
    ffi::{OsStr, c_char},
    os::unix::ffi::OsStrExt,
    path::PathBuf,
    time::{Duration, SystemTime},
};

/// The longest string that a callout may return whatever the host says.
const LONGEST_RESULT: usize = 32_767;

/// What the host offers; each function may be absent.
#[derive(Clone, Copy)]
pub struct Host(Option<&'static mirrorvip_callbacks>);

impl Host {
    /// # Safety
    /// `table` is null or points at the host's callback table, which stays as long as the process lives.
    pub unsafe fn new(table: *const mirrorvip_callbacks) -> Self {
        // SAFETY: the caller vouches for the table and for its life.
        Host(unsafe { table.as_ref() })
    }

    /// How many bytes a result may have. A host that says none, or less, gets none; one that says nothing has the
    /// documented default.
    pub fn bound(self) -> usize {
        let told = self.0.and_then(|table| table.string_size).map(|ask| {
            // SAFETY: the host's own function, called on the host's thread.
            unsafe { ask() }
        });
        told.map_or(LONGEST_RESULT, |told| usize::try_from(told).unwrap_or(0).min(LONGEST_RESULT))
    }

    fn begin_wait(self) {
        if let Some(clear) = self.0.and_then(|table| table.clear_signal) {
            // SAFETY: the host's own function, called on the host's thread.
            sigpipe::outside(|| unsafe { clear() });
        }
    }
}

impl Watch for Host {
    fn termination_requested(&self) -> bool {
        let check = self.0.and_then(|table| table.check_signal);
        // SAFETY: the host's own function, called on the host's thread.
        check.is_some_and(|check| sigpipe::outside(|| unsafe { check() }) == 1)
    }

    fn boot_time(&self) -> Duration {
        host::boot_time()
    }

    fn boot_clock(&self) -> Option<fn() -> Duration> {
        Some(host::boot_time)
    }

    fn wall_clock(&self) -> SystemTime {
        SystemTime::now()
    }

    fn random(&self) -> u64 {
        host::random()
    }
}

impl Surroundings for Host {
    fn manager_directory(&self) -> Option<PathBuf> {
        let ask = self.0?.manager_directory?;
        let mut buffer = [0_u8; 4096];
        let room = i32::try_from(buffer.len()).ok()?.checked_sub(1)?;
        // SAFETY: the buffer is one byte longer than what the host is told, so that it stays terminated.
        sigpipe::outside(|| unsafe { ask(room, buffer.as_mut_ptr().cast::<c_char>()) });
        let text = buffer.split(|byte| *byte == 0).next().filter(|text| !text.is_empty())?;
        Some(PathBuf::from(OsStr::from_bytes(text)))
    }

    fn watch(&self) -> Box<dyn Watch> {
        Box::new(*self)
    }
}

/// Carries out one request and words its report.
pub fn run(call: &mut Call, request: &[u8], host: Host) -> Report {
    sigpipe::raise();
    let report = run_shielded(call, request, host);
    sigpipe::lower();
    report
}

fn run_shielded(call: &mut Call, request: &[u8], host: Host) -> Report {
    host.begin_wait();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .on_thread_park(sigpipe::lower)
        .on_thread_unpark(sigpipe::raise)
        .build();
    match runtime {
        Ok(runtime) => {
            let report = runtime.block_on(Box::pin(call.run(request, &host)));
            // Connections that are still open end here, with everything else.
            drop(runtime);
            report
        }
        Err(error) => call.broken_off(Error::new(
            Code::Internal,
            format!("no runtime: {error}"),
            "see whether the process may open more files",
        )),
    }
}
