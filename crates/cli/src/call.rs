//! One call of the core, and what a shell is to it: it names no manager's directory, and SIGINT or SIGTERM end the call.

use crate::{
    exit::{self, Exit},
    options::CallOptions,
    output, progress, show,
};
use mirrorvip_core::{
    command::{Action, Call, Surroundings},
    deadline::Watch,
    host,
    report::Report,
};
use serde_json::{Value, json};
use signal_hook::{
    consts::{SIGINT, SIGTERM},
    flag,
};
use std::{
    io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::sleep,
    time::{Duration, Instant, SystemTime},
};
use tokio::runtime;

/// Between two calls, where the report does not ask for more.
const BETWEEN: Duration = Duration::from_secs(2);

/// What only some calls take.
#[derive(Default)]
pub struct Extra {
    pub dry_run: bool,
    /// In seconds.
    pub retry_for: u64,
}

/// Makes the call, shows its report and says how it went.
pub fn run(action: Action, options: &CallOptions, extra: &Extra) -> Exit {
    let shell = match Shell::new() {
        Ok(shell) => shell,
        Err(error) => return exit::failed(&error),
    };
    let path = match std::path::absolute(&options.config) {
        Ok(path) => path,
        Err(error) => return exit::failed(&error),
    };
    let begun = Instant::now();
    let mut resume = None;
    loop {
        let report = match shell.call(action, &request(&path, options, extra, resume.as_ref())) {
            Ok(report) => report,
            Err(error) => return exit::failed(&error),
        };
        let pause = report.retry_after_seconds.map_or(BETWEEN, Duration::from_secs).max(BETWEEN);
        let has_time = begun.elapsed() + pause < Duration::from_secs(extra.retry_for);
        let is_last = report.ok || !report.retry || report.ask_first || !has_time || shell.is_asked_to_end();
        match (options.json, is_last) {
            // Whoever reads JSON reads one object.
            (true, false) => {}
            // Where it cannot be printed, the status tells how the call ended all the same.
            (true, true) => drop(output::print(&show::json(&report))),
            (false, _) => drop(output::print(&show::person(&report))),
        }
        if is_last {
            return Exit::of(&report);
        }
        output::tell(&format!("once more in {} s", pause.as_secs()));
        shell.wait(pause);
        resume = report.resume;
    }
}

fn request(path: &Path, options: &CallOptions, extra: &Extra, resume: Option<&Value>) -> Value {
    let mut request = json!({ "config": path, "reason": "terminal", "dryRun": extra.dry_run });
    if let Some(seconds) = options.deadline {
        request["deadlineSeconds"] = seconds.into();
    }
    if let Some(resume) = resume {
        request["resume"] = resume.clone();
    }
    request
}

/// This process.
#[derive(Clone)]
pub struct Shell {
    ends: Arc<AtomicBool>,
}

impl Shell {
    pub fn new() -> io::Result<Self> {
        let ends = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            // Whoever insists gets the end at once.
            flag::register_conditional_default(signal, Arc::clone(&ends))?;
            flag::register(signal, Arc::clone(&ends))?;
        }
        Ok(Shell { ends })
    }

    pub fn is_asked_to_end(&self) -> bool {
        self.ends.load(Ordering::Relaxed)
    }

    /// Waits, unless this process is asked to end. Only the flag says so, so it is looked at again and again.
    fn wait(&self, time: Duration) {
        let begun = Instant::now();
        while begun.elapsed() < time && !self.is_asked_to_end() {
            sleep(Duration::from_millis(50));
        }
    }

    fn call(&self, action: Action, request: &Value) -> io::Result<Report> {
        let runtime = runtime::Builder::new_current_thread().enable_io().enable_time().build()?;
        let mut call = Call::new(action);
        let journal = call.journal();
        let request = request.to_string();
        Ok(runtime.block_on(progress::beside(&journal, Box::pin(call.run(request.as_bytes(), self)))))
    }
}

impl Watch for Shell {
    fn termination_requested(&self) -> bool {
        self.is_asked_to_end()
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

impl Surroundings for Shell {
    fn manager_directory(&self) -> Option<PathBuf> {
        None
    }

    fn watch(&self) -> Box<dyn Watch> {
        Box::new(self.clone())
    }
}
