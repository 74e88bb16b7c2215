//! An instance of a site that has set mirrorvip up.

use objectscript_engine::{Iris, Mirror, Ran, Role, Scripted};
use serde_json::{Value, json};
use std::{collections::BTreeMap, fs, path::Path};
use tempfile::TempDir;

/// The text of each file below `objectscript/`, by its path there.
pub type Sources = BTreeMap<String, String>;

/// A test that spoilt sources have to fail.
pub type Check = fn(&Sources);

pub fn shipped() -> Sources {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("objectscript");
    let mut sources = Sources::new();
    for folder in ["", "ZMIRRORVIP"] {
        for entry in fs::read_dir(root.join(folder)).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_file() {
                let name = path.strip_prefix(&root).expect("below it").display().to_string();
                sources.insert(name, fs::read_to_string(&path).expect("text"));
            }
        }
    }
    sources
}

pub struct Site {
    pub iris: Iris,
    pub root: TempDir,
}

impl Site {
    /// The primary of a mirror, with everything in place but the library.
    pub fn new(sources: &Sources) -> Self {
        let site = Site::bare(|iris| {
            // Classes call routines, and not the other way round.
            for (name, text) in sources {
                iris.load(name, text);
            }
        });
        site.configured(json!({ "cloud": "aws", "vip": "192.168.255.10/32" })).role(Role::Primary)
    }

    /// An instance without a configuration, and with no more than what this loads.
    pub fn bare(load: impl FnOnce(&mut Iris)) -> Self {
        let root = tempfile::tempdir().expect("a folder");
        let mut iris = Iris::new(root.path());
        load(&mut iris);
        Site { iris, root }
    }

    pub fn library(mut self, library: &Scripted) -> Self {
        self.iris.set_callouts(library.clone());
        self
    }

    pub fn configured(self, configuration: Value) -> Self {
        fs::write(self.configuration(), configuration.to_string()).expect("a file");
        self
    }

    pub fn configuration(&self) -> std::path::PathBuf {
        self.root.path().join("mirrorvip.json")
    }

    pub fn role(mut self, role: Role) -> Self {
        self.iris.set_mirror(if role == Role::None { Mirror::none() } else { Mirror::member(role) });
        self
    }

    /// Runs what IRIS itself calls, in whose process nothing may be left, written or thrown.
    #[track_caller]
    pub fn hook(&mut self, what: &str) -> Option<String> {
        let ran = self.iris.run(what, &[]);
        self.assert_quiet(&ran);
        ran.value
    }

    #[track_caller]
    pub fn assert_quiet(&self, ran: &Ran) {
        assert_eq!((&ran.error, ran.output.as_str(), ran.namespace.as_str()), (&None, "", "%SYS"));
        assert_eq!(self.iris.leftovers(), Vec::<String>::new());
    }

    /// Lets time go by.
    pub fn pass(&mut self, seconds: u32) {
        self.iris.load("PASS.mac", "ROUTINE PASS [Type=MAC]\nTime(seconds) public {\n    hang seconds\n}\n");
        self.iris.run("Time^PASS", &[&seconds.to_string()]);
    }

    /// Runs an entry of ZMIRRORVIP, with its arguments, from the namespace USER; the value is the namespace afterwards.
    pub fn call_from_user(&mut self, entry: &str, arguments: &str) -> Ran {
        let probe = format!(
            "ROUTINE probe\nCall() public {{\n    do {entry}^|\"%SYS\"|ZMIRRORVIP{arguments}\n    return $namespace\n}}\n"
        );
        self.iris.load_in("USER", "probe.mac", &probe);
        self.iris.set_namespace("USER");
        let ran = self.iris.run("Call^probe", &[]);
        self.iris.set_namespace("%SYS");
        assert_eq!((ran.value.as_deref(), &ran.error), (Some("USER"), &None), "{entry}: {}", ran.output);
        ran
    }

    /// Runs what was started by JOB, to its end.
    #[track_caller]
    pub fn run_jobs(&mut self) -> usize {
        let ran = self.iris.run_jobs();
        for one in &ran {
            self.assert_quiet(one);
        }
        ran.len()
    }

    /// messages.log: severities and texts, each of which names its sender.
    #[track_caller]
    pub fn lines(&self) -> Vec<(u8, String)> {
        let lines = self.iris.console().iter();
        lines
            .map(|line| {
                let text = line.text.strip_prefix("mirrorvip: ").unwrap_or_else(|| panic!("whose line? {}", line.text));
                assert!(!text.contains(['\n', '\r', '{']) && text.chars().count() <= 250, "{text}");
                (line.severity, text.to_owned())
            })
            .collect()
    }

    /// The only line.
    #[track_caller]
    pub fn line(&self) -> (u8, String) {
        let lines = self.lines();
        assert_eq!(lines.len(), 1, "{lines:?}");
        lines[0].clone()
    }

    pub fn node(&self, subscripts: &[&str]) -> Option<String> {
        self.iris.global("ZMIRRORVIP", subscripts)
    }
}

/// A report as the library makes it, shortened.
pub fn report(outcome: &str, retry: bool) -> String {
    let ok = ["moved", "already_held", "held", "held_elsewhere", "unheld", "released", "not_held", "skipped", "ready"];
    let ok = ok.contains(&outcome);
    let severity = match outcome {
        "unheld" => 1,
        _ if ok => 0,
        _ => 2,
    };
    let error = (!ok).then(|| json!({ "code": "unavailable", "message": "no answer", "remedy": "call again" }));
    // A VIP that is split is looked at by the watch alone, which says itself what comes next.
    let act = if ok || outcome == "split" { "" } else { "; call again" };
    json!({
        "ok": ok, "action": "acquire", "outcome": outcome, "summary": format!("VIP {outcome}{act}"), "severity": severity,
        "retry": retry, "reason": "terminal", "elapsedMs": 143, "error": error, "version": "0.1.0", "commit": "abc",
    })
    .to_string()
}

/// A report with other members besides, or in their place.
pub fn with(report: &str, others: Value) -> String {
    let mut report: Value = serde_json::from_str(report).expect("JSON");
    super::common::merge(&mut report, &others);
    report.to_string()
}

/// A report that leaves it to IRIS whether a repeat is right: of the outcome `lost`, or of a call that was `interrupted`.
pub fn doubtful(name: &str, seconds: u32) -> String {
    let outcome = if name == "lost" { "lost" } else { "unverified" };
    let seconds = if seconds == 0 { Value::Null } else { seconds.into() };
    let error = json!({ "code": if name == "lost" { "conflict" } else { name }, "message": "?", "remedy": "ask IRIS" });
    with(
        &report(outcome, true),
        json!({ "severity": 1, "askFirst": true, "retryAfterSeconds": seconds, "error": error }),
    )
}

/// Answers all calls of Acquire, one after another, and the last one again and again.
pub fn acquires(reports: &[String]) -> Scripted {
    reports.iter().fold(Scripted::mirrorvip(), |library, report| library.answers("Acquire", report))
}

/// When Acquire was called.
pub fn times(library: &Scripted) -> Vec<f64> {
    library.times().into_iter().filter(|(function, _)| function == "Acquire").map(|(_, at)| at).collect()
}

/// What Acquire was called with.
pub fn reasons(library: &Scripted) -> Vec<String> {
    let calls = library.calls();
    let requests = calls.iter().filter(|(function, _)| function == "Acquire").map(|(_, arguments)| &arguments[0]);
    requests
        .map(|request| {
            let request: Value = serde_json::from_str(request).expect("JSON");
            request["reason"].as_str().expect("a reason").to_owned()
        })
        .collect()
}

/// The lines in messages.log, each after its severity.
#[track_caller]
pub fn told(site: &Site) -> Vec<String> {
    site.lines().into_iter().map(|(severity, line)| format!("{severity} {line}")).collect()
}
