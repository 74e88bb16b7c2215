//! The command as it was built, on a shell.

mod bare_debian;
mod offline;
mod repeats;
mod simulate;
mod statuses;
mod terminal;

use serde_json::{Value, json};
use std::{
    ffi::OsStr,
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};
use tempfile::TempDir;

const PROGRAM: &str = env!("CARGO_BIN_EXE_mirrorvip");

/// What a call of the command came to.
#[derive(Debug)]
struct Ran {
    status: Option<i32>,
    out: String,
    err: String,
}

impl Ran {
    fn of(command: &mut Command) -> Ran {
        let done = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        Ran { status: done.status.code(), out: text(done.stdout), err: text(done.stderr) }
    }

    /// The one JSON object that was printed.
    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

fn mirrorvip<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Ran {
    Ran::of(Command::new(PROGRAM).args(arguments))
}

const NAME: &str = "mirrorvip.json";

/// A configuration in a file of its own.
struct Config {
    folder: TempDir,
}

impl Config {
    fn new(config: &Value) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join(NAME), config.to_string()).expect("write the configuration");
        Config { folder }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join(NAME)
    }

    fn run(&self, action: &str, more: &[&str]) -> Ran {
        Ran::of(self.command(action).args(more))
    }

    fn command(&self, action: &str) -> Command {
        let mut command = Command::new(PROGRAM);
        command.arg(action).arg("--config").arg(self.path());
        command
    }
}

/// Of a member in a simulated VPC.
fn on_aws(sim: &cloudsim::aws::Simulator, member: &str) -> Config {
    let endpoints = json!({ "ec2": sim.ec2_url(), "metadata": sim.metadata_url(member) });
    Config::new(&json!({ "cloud": "aws", "vip": VIP, "aws": { "endpoints": endpoints } }))
}

/// Outside the simulated VPC.
const VIP: &str = "192.168.255.10/32";

/// `mirrorvip simulate`, until this is dropped.
struct Simulated {
    child: Child,
    folder: TempDir,
    /// What it has said up to the first line about the holder.
    said: String,
}

impl Simulated {
    /// Starts it, by this program, and waits until the cloud is there.
    fn start(mut command: Command, arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        command.current_dir(folder.path()).arg("simulate").args(arguments);
        Simulated::wait(command, folder)
    }

    /// The same of a whole command.
    fn started(command: Command) -> Self {
        Simulated::wait(command, tempfile::tempdir().expect("a folder"))
    }

    fn wait(mut command: Command, folder: TempDir) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().expect("the command");
        let mut said = String::new();
        for line in BufReader::new(child.stdout.as_mut().expect("its output")).lines() {
            let line = line.expect("text");
            let is_last = line.starts_with("now: ");
            said.push_str(&line);
            said.push('\n');
            if is_last {
                break;
            }
        }
        Simulated { child, folder, said }
    }

    fn config(&self, name: &str) -> PathBuf {
        self.folder.path().join("mirrorvip-simulated").join(name)
    }

    fn end(&mut self) -> Option<i32> {
        let killed = Command::new("kill").arg(self.child.id().to_string()).status().expect("kill");
        assert!(killed.success());
        self.child.wait().expect("its end").code()
    }
}

impl Drop for Simulated {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Says that a part was not tested, past the capture of cargo, which shows what it captured only of tests that fail.
fn say_not_tested(why: &str) {
    let _ = std::io::Write::write_all(&mut std::io::stderr(), format!("\nNOT TESTED: {why}\n\n").as_bytes());
}

/// The top of the source tree.
fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}
