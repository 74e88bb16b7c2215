//! moto's server, in a virtual environment that is made here, and the script that speaks boto3 to it.

use serde_json::Value;
use std::{
    env, fs,
    io::{BufRead, BufReader, ErrorKind, Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::{
        Mutex, OnceLock,
        mpsc::{self, RecvTimeoutError},
    },
    thread,
    time::{Duration, Instant},
};

const REQUIREMENTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/moto/requirements.txt");
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/moto/world.py");
/// The first start after an installation also compiles all of moto.
const START: Duration = Duration::from_secs(60);

/// moto, and beside it one Python that speaks boto3: to start one for each question would take most of the time.
///
/// Both end when their standard input closes, and it closes however this process ends: a static is never dropped, and a
/// killed test drops nothing.
pub struct Server {
    url: String,
    boto3: Mutex<Boto3>,
    _moto: Child,
}

struct Boto3 {
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
}

/// The one server of all tests here, started by the first of them; `None` only where there is no Python, which was said.
pub fn server() -> Option<&'static Server> {
    static SERVER: OnceLock<Result<Option<Server>, String>> = OnceLock::new();
    let started = SERVER.get_or_init(|| {
        if let Some(why) = python_is_missing()? {
            say_that_nothing_ran(&why);
            return Ok(None);
        }
        Server::start(&virtual_environment()?).map(Some)
    });
    started.as_ref().unwrap_or_else(|why| panic!("{why}")).as_ref()
}

impl Server {
    fn start(python: &Path) -> Result<Self, String> {
        let mut command = script(python, &["serve"]);
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        let mut moto = spawn(command)?;
        let started = ready(&mut moto).and_then(|url| Ok((Boto3::start(python, &url)?, url)));
        match started {
            Ok((boto3, url)) => Ok(Server { url, boto3: Mutex::new(boto3), _moto: moto }),
            Err(why) => {
                let _ = moto.kill();
                let _ = moto.wait();
                Err(why)
            }
        }
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// What boto3 answers to a question: see the script.
    ///
    /// # Panics
    /// With what went wrong there.
    pub fn ask(&self, question: &Value) -> Value {
        // Nothing panics while this is held, so that one test that fails does not fail the others.
        let said = self.boto3.lock().expect("the way to boto3").ask(question);
        match said {
            Ok(said) if said["error"].is_null() => said["answer"].clone(),
            Ok(said) => panic!("boto3 on {question}: {}", said["error"].as_str().unwrap_or_default()),
            Err(error) => panic!("boto3 on {question}: {error}"),
        }
    }
}

impl Boto3 {
    fn start(python: &Path, url: &str) -> Result<Self, String> {
        let mut command = script(python, &["answer", url]);
        command.stdout(Stdio::piped());
        let mut process = spawn(command)?;
        let (questions, answers) = (process.stdin.take(), process.stdout.take());
        // Ends by itself once the pipes are closed.
        thread::spawn(move || process.wait());
        Ok(Boto3 { questions: questions.ok_or("no pipe")?, answers: BufReader::new(answers.ok_or("no pipe")?) })
    }

    fn ask(&mut self, question: &Value) -> std::io::Result<Value> {
        writeln!(self.questions, "{question}")?;
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        Ok(serde_json::from_str(&line)?)
    }
}

fn spawn(mut command: Command) -> Result<Child, String> {
    command.stdin(Stdio::piped()).spawn().map_err(|error| format!("{command:?}: {error}"))
}

fn script(python: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(python);
    // boto3 must speak to moto and to nobody else, whatever account this machine is set up for.
    for (name, _) in env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("AWS_")) {
        command.env_remove(name);
    }
    // `-B`: the script lies among the sources, where no compiled copy of it belongs.
    command.env("NO_PROXY", "*").env("no_proxy", "*").arg("-B").arg(SCRIPT).args(arguments);
    command
}

/// Waits until the server answers; it chooses its port itself and says it, so that no two tests can choose the same.
fn ready(process: &mut Child) -> Result<String, String> {
    let end = Instant::now() + START;
    let output = process.stderr.take().ok_or("the server has no standard error")?;
    let (sender, lines) = mpsc::channel();
    // Reads on as long as the server lives: it must never wait for a full pipe.
    thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            let _ = sender.send(line);
        }
    });
    let mut said = String::new();
    let address = loop {
        match lines.recv_timeout(end.saturating_duration_since(Instant::now())) {
            Ok(line) => {
                if let Some((_, address)) = line.split_once("Running on http://") {
                    break address.trim().to_owned();
                }
                said += &line;
                said.push('\n');
            }
            Err(RecvTimeoutError::Timeout) => return Err(format!("moto did not start within {START:?}:\n{said}")),
            Err(RecvTimeoutError::Disconnected) => return Err(format!("moto ended instead of starting:\n{said}")),
        }
    };
    loop {
        match answers(&address) {
            Ok(true) => return Ok(format!("http://{address}")),
            Ok(false) => return Err(format!("what answers on {address} is not moto")),
            Err(error) if Instant::now() >= end => return Err(format!("moto on {address}: {error}")),
            Err(_) => thread::sleep(Duration::from_millis(20)),
        }
    }
}

fn answers(address: &str) -> std::io::Result<bool> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(START))?;
    write!(stream, "GET /moto-api/ HTTP/1.0\r\nHost: {address}\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).contains("200 OK"))
}

/// Why there is no Python, if there is none. A Python that is there and does not work is a failure instead.
fn python_is_missing() -> Result<Option<String>, String> {
    match Command::new("python3").arg("--version").output() {
        Ok(done) if done.status.success() => Ok(None),
        Ok(done) => Err(format!("python3 --version: {}\n{}", done.status, String::from_utf8_lossy(&done.stderr))),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Some("there is no python3 in PATH".into())),
        Err(error) => Err(format!("python3: {error}")),
    }
}

fn say_that_nothing_ran(why: &str) {
    let text = format!("\nMOTO PART DID NOT RUN: {why}; install python3 and python3-venv to have these tests run\n\n");
    // Written past the macros: cargo captures only those, and shows what it captured only of tests that fail.
    let _ = std::io::stderr().write_all(text.as_bytes());
}

/// The Python of an environment that holds exactly the requirements. It is made where it does not stand yet, stands half
/// made, or stands with other requirements.
fn virtual_environment() -> Result<PathBuf, String> {
    let place = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let (home, stamp) = (place.join("moto-venv"), place.join("moto-venv/requirements.stamp"));
    let python = home.join("bin/python");
    let read = |path: &Path| fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()));
    let wanted = read(Path::new(REQUIREMENTS))?;
    // Other test processes wait here; a lock ends with its process, so a killed one leaves nothing behind. An environment
    // knows its own path, so it is made in its place and not renamed into it.
    let lock = fs::File::create(place.join("moto-venv.lock")).map_err(|error| format!("the lock: {error}"))?;
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
    pip.args(["-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check", "-r", REQUIREMENTS]);
    pip.stdin(locked()?);
    done(&mut pip, "the packages come from the package index that pip is set up for")?;
    // Last: whatever stopped before this left no stamp.
    fs::write(&stamp, wanted).map_err(|error| format!("{}: {error}", stamp.display()))?;
    Ok(python)
}

fn done(command: &mut Command, hint: &str) -> Result<(), String> {
    let done = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    if done.status.success() {
        return Ok(());
    }
    let (said, also) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    Err(format!("{command:?}: {} ({hint})\n{said}{also}", done.status))
}
