//! What the tests that ask a third party share: a Python with its packages, made here, and a script in it that answers.

use serde_json::Value;
use std::{
    env, fs,
    io::{BufRead, BufReader, ErrorKind, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::Mutex,
    thread,
};

/// A third party, as Python packages.
pub struct Packages {
    /// Names the environment, and the part of the tests that does not run without it.
    pub name: &'static str,
    /// The file with the packages, each pinned.
    pub requirements: &'static str,
}

/// A script that answers questions, one in a line: to start one for each would take most of the time.
///
/// It ends when its standard input closes, and that closes however this process ends: a static is never dropped, and a
/// killed test drops nothing.
pub struct Script(Mutex<Pipes>);

struct Pipes {
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Packages {
    /// The Python of an environment that holds exactly these packages; `None` only where there is no Python, which was
    /// said.
    pub fn python(&self) -> Result<Option<PathBuf>, String> {
        if let Some(why) = python_is_missing()? {
            self.say_that_nothing_ran(&why);
            return Ok(None);
        }
        self.environment().map(Some)
    }

    fn say_that_nothing_ran(&self, why: &str) {
        let part = self.name.to_uppercase();
        let text =
            format!("\n{part} PART DID NOT RUN: {why}; install python3 and python3-venv to have these tests run\n\n");
        // Written past the macros: cargo captures only those, and shows what it captured only of tests that fail.
        let _ = std::io::stderr().write_all(text.as_bytes());
    }

    /// It is made where it does not stand yet, stands half made, or stands with other requirements.
    fn environment(&self) -> Result<PathBuf, String> {
        let place = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let home = place.join(format!("{}-venv", self.name));
        let (stamp, python) = (home.join("requirements.stamp"), home.join("bin/python"));
        let read = |path: &Path| fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()));
        let wanted = read(Path::new(self.requirements))?;
        // Other test processes wait here; a lock ends with its process, so a killed one leaves nothing behind. An
        // environment knows its own path, so it is made in its place and not renamed into it.
        let lock = fs::File::create(place.join(format!("{}-venv.lock", self.name)));
        let lock = lock.map_err(|error| format!("the lock: {error}"))?;
        lock.lock().map_err(|error| format!("the lock: {error}"))?;
        // The Python behind it may have gone with an upgrade of the machine.
        let runs = || Command::new(&python).args(["-c", ""]).output().is_ok_and(|done| done.status.success());
        if read(&stamp).is_ok_and(|made_for| made_for == wanted) && runs() {
            return Ok(python);
        }
        match fs::remove_dir_all(&home) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(format!("{}: {error}", home.display())),
            _ => {}
        }
        // What works on the environment holds the lock too, as its standard input: pip outlives a test that is killed.
        let locked = || lock.try_clone().map_err(|error| format!("the lock: {error}"));
        let mut venv = Command::new("python3");
        venv.args(["-m", "venv"]).arg(&home).stdin(locked()?);
        done(&mut venv, "on Debian, `python3 -m venv` needs python3-venv")?;
        let mut pip = Command::new(&python);
        pip.args(["-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check"]);
        pip.args(["-r", self.requirements]).stdin(locked()?);
        done(&mut pip, "the packages come from the package index that pip is set up for")?;
        // Last: whatever stopped before this left no stamp.
        fs::write(&stamp, wanted).map_err(|error| format!("{}: {error}", stamp.display()))?;
        Ok(python)
    }
}

impl Script {
    pub fn start(mut command: Command) -> Result<Self, String> {
        command.stdout(Stdio::piped());
        let mut process = spawn(command)?;
        let (questions, answers) = (process.stdin.take(), process.stdout.take());
        // Ends by itself once the pipes are closed.
        thread::spawn(move || process.wait());
        let (questions, answers) = (questions.ok_or("no pipe")?, BufReader::new(answers.ok_or("no pipe")?));
        Ok(Script(Mutex::new(Pipes { questions, answers })))
    }

    /// The answer to a question, or what went wrong there. Nothing panics while the pipes are held, so that one test that
    /// fails does not fail the others that share the script.
    pub fn ask(&self, question: &Value) -> Result<Value, String> {
        let said = self
            .0
            .lock()
            .expect("the way to the script")
            .exchange(question)
            .map_err(|error| format!("{question}: {error}"))?;
        match said["error"].as_str() {
            None => Ok(said["answer"].clone()),
            Some(error) => Err(format!("{question}: {error}")),
        }
    }

    /// The answer to a question that is made of an action, where and as whom, and what the action takes.
    #[allow(dead_code)] // moto's script takes another form.
    pub fn act(&self, action: &str, place: Value, rest: &Value) -> Result<Value, String> {
        let mut question = vec![Value::from(action), place];
        question.extend(rest.as_array().expect("a list").iter().cloned());
        self.ask(&question.into())
    }
}

impl Pipes {
    fn exchange(&mut self, question: &Value) -> std::io::Result<Value> {
        writeln!(self.questions, "{question}")?;
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        Ok(serde_json::from_str(&line)?)
    }
}

/// A script that speaks to simulators and to nobody else, whatever account this machine is set up for: without the
/// variables that begin so, and without a proxy.
pub fn script(python: &Path, file: &str, settings: &[&str]) -> Command {
    let mut command = Command::new(python);
    for (name, _) in env::vars_os() {
        if settings.iter().any(|start| name.to_string_lossy().starts_with(start)) {
            command.env_remove(name);
        }
    }
    // `-B`: the script lies among the sources, where no compiled copy of it belongs.
    command.env("NO_PROXY", "*").env("no_proxy", "*").arg("-B").arg(file);
    command
}

pub fn spawn(mut command: Command) -> Result<Child, String> {
    command.stdin(Stdio::piped()).spawn().map_err(|error| format!("{command:?}: {error}"))
}

/// Why there is no Python, if there is none. A Python that is there and does not work is a failure instead.
fn python_is_missing() -> Result<Option<String>, String> {
    match Command::new("python3").arg("--version").output() {
        // Debian keeps in python3-venv what `venv` needs to put pip into an environment.
        Ok(done) if done.status.success() => {
            let whole = Command::new("python3").args(["-c", "import ensurepip, venv"]).output();
            let whole = whole.is_ok_and(|done| done.status.success());
            Ok((!whole).then(|| "this python3 has no venv".into()))
        }
        Ok(done) => Err(format!("python3 --version: {}\n{}", done.status, String::from_utf8_lossy(&done.stderr))),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Some("there is no python3 in PATH".into())),
        Err(error) => Err(format!("python3: {error}")),
    }
}

fn done(command: &mut Command, hint: &str) -> Result<(), String> {
    let done = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    if done.status.success() {
        return Ok(());
    }
    let (said, also) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    Err(format!("{command:?}: {} ({hint})\n{said}{also}", done.status))
}
