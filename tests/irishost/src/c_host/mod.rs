//! The C host: a program that loads the library as IRIS does, and that can be looked at from outside.
//!
//! `tests/host/host.c` lists its commands and the form of its answers.

mod answer;

pub use answer::{CallResult, hex};

use crate::locate::profile_directory;
use std::{
    env,
    ffi::{OsStr, OsString, c_int},
    fs::{self, File},
    hash::{DefaultHasher, Hash, Hasher},
    io::{self, BufRead, BufReader, PipeWriter, Read, Seek, Write},
    os::{
        fd::{AsRawFd, OwnedFd},
        unix::process::CommandExt,
    },
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, ExitStatus, Stdio},
    sync::{
        atomic::{AtomicUsize, Ordering},
        mpsc::{self, Receiver, RecvTimeoutError},
    },
    thread,
    time::{Duration, Instant},
};

/// The descriptor that the program writes its answers to.
const RESULTS: c_int = 3;

/// How long a command may take; longer than any call that keeps its deadline.
const PATIENCE: Duration = Duration::from_secs(120);

/// How long the program may take to end once its input has.
const PATIENCE_AT_END: Duration = Duration::from_secs(30);

/// Compiles the C host, unless it is there already, and gives the program. `CC` names the compiler (default `gcc`),
/// `MIRRORVIP_HOST_FLAGS` has flags to be added, such as `-fsanitize=address`.
///
/// # Panics
/// If it does not compile; the message has what the compiler said.
pub fn build() -> PathBuf {
    build_from(&[])
}

/// [`build`], with `mirrorvip.h` from a directory: it fails if the header does not agree with what the host declares.
///
/// # Panics
/// As [`build`].
pub fn build_with_header(include_directory: &Path) -> PathBuf {
    let mut include = OsString::from("-I");
    include.push(include_directory);
    build_from(&["-DHAVE_HEADER".into(), include])
}

fn build_from(more_flags: &[OsString]) -> PathBuf {
    static BUILDS: AtomicUsize = AtomicUsize::new(0);
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../host/host.c");
    let compiler = env::var_os("CC").unwrap_or_else(|| "gcc".into());
    let flags = ["-std=gnu99", "-O1", "-g", "-Wall", "-Wextra", "-Werror"];
    let added = env::var("MIRRORVIP_HOST_FLAGS").unwrap_or_default();
    let added: Vec<&str> = added.split_whitespace().collect();

    // The header may change without the flags changing, so a program that was built with one is not used again.
    let mut hasher = DefaultHasher::new();
    let text = fs::read(&source).unwrap_or_else(|why| panic!("{}: {why}", source.display()));
    (&text, &compiler, flags, &added, more_flags).hash(&mut hasher);
    let directory = profile_directory().join("irishost");
    let program = directory.join(format!("host-{:016x}", hasher.finish()));
    if program.is_file() && more_flags.is_empty() {
        return program;
    }

    fs::create_dir_all(&directory).unwrap_or_else(|why| panic!("{}: {why}", directory.display()));
    let build = BUILDS.fetch_add(1, Ordering::Relaxed);
    let unfinished = program.with_extension(format!("{}-{build}", std::process::id()));
    let output = Command::new(&compiler)
        .args(flags)
        .args(&added)
        .args(more_flags)
        .arg(&source)
        .arg("-o")
        .arg(&unfinished)
        .arg("-ldl")
        .output()
        .unwrap_or_else(|why| panic!("the C compiler {} does not start: {why}", compiler.display()));
    assert!(output.status.success(), "the C host does not compile:\n{}", String::from_utf8_lossy(&output.stderr));
    fs::rename(&unfinished, &program).expect("both are in a directory of ours");
    program
}

/// A running C host. Dropping it kills the program; [`Host::finish`] lets it end.
#[derive(Debug)]
pub struct Host {
    child: Child,
    commands: Option<ChildStdin>,
    answers: Receiver<String>,
    stdout: File,
    stderr: File,
}

impl Host {
    /// Starts the program. The library is loaded by the command `load`, or by the first one that needs it.
    ///
    /// # Panics
    /// If the program cannot be built or started.
    pub fn spawn<K, V>(library_path: impl AsRef<Path>, extra_env: impl IntoIterator<Item = (K, V)>) -> Self
    where
        K: AsRef<OsStr>,
        V: AsRef<OsStr>,
    {
        Self::spawn_with(library_path, |command| {
            command.envs(extra_env);
        })
    }

    /// [`Host::spawn`], with a word on how the program is started: its directory, or an environment from nothing.
    ///
    /// # Panics
    /// As [`Host::spawn`].
    pub fn spawn_with(library_path: impl AsRef<Path>, adjust: impl FnOnce(&mut Command)) -> Self {
        Self::spawn_under(&[], library_path, adjust)
    }

    /// [`Host::spawn_with`], under another program that runs it, such as `valgrind` with its options.
    ///
    /// # Panics
    /// As [`Host::spawn`].
    pub fn spawn_under(runner: &[&str], library_path: impl AsRef<Path>, adjust: impl FnOnce(&mut Command)) -> Self {
        let program = build();
        let (reader, writer) = io::pipe().expect("a pipe");
        let stdout = tempfile::tempfile().expect("a temporary file");
        let stderr = tempfile::tempfile().expect("a temporary file");
        let mut command = match runner {
            [] => Command::new(&program),
            [runner, options @ ..] => {
                let mut command = Command::new(runner);
                command.args(options).arg(&program);
                command
            }
        };
        command
            .arg(library_path.as_ref())
            .stdin(Stdio::piped())
            .stdout(stdout.try_clone().expect("a file of ours"))
            .stderr(stderr.try_clone().expect("a file of ours"));
        adjust(&mut command);
        pass_as_results(&mut command, writer);
        let mut child = command.spawn().unwrap_or_else(|why| panic!("{} does not start: {why}", program.display()));
        drop(command); // and with it the pipe's writing end: only the program has it now

        let (sender, answers) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(reader).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Self { commands: child.stdin.take(), child, answers, stdout, stderr }
    }

    /// Sends one command and waits for its answer: one line without its end, or for `fork` two with `\n` between.
    ///
    /// # Panics
    /// If the program dies or takes longer than two minutes.
    pub fn command(&mut self, line: &str) -> String {
        self.command_within(PATIENCE, line)
    }

    /// [`Host::command`], with another limit.
    ///
    /// # Panics
    /// As [`Host::command`].
    pub fn command_within(&mut self, limit: Duration, line: &str) -> String {
        let until = Instant::now() + limit;
        self.send(line);
        self.receive(line, until, || ())
    }

    /// Sends a command and counts the program's threads about once a millisecond, from outside, until the answer is
    /// there. Gives the answer and the largest count. A thread that lives for less than that is only in the count of
    /// the command `threads-created`.
    ///
    /// # Panics
    /// As [`Host::command`].
    pub fn max_threads_while(&mut self, line: &str) -> (String, usize) {
        let tasks = format!("/proc/{}/task", self.pid());
        let mut most = 0;
        let until = Instant::now() + PATIENCE;
        self.send(line);
        let answer = self.receive(line, until, || {
            most = most.max(fs::read_dir(&tasks).map_or(0, Iterator::count));
        });
        (answer, most)
    }

    /// `call`, with its answer taken apart.
    ///
    /// # Panics
    /// As [`Host::command`]; or if the answer is no result.
    pub fn call(&mut self, number: usize, request: &[u8]) -> CallResult {
        let answer = self.command(&format!("call {number} {}", hex(request)));
        CallResult::parse(&answer)
    }

    /// `fork`, with its answer taken apart: the child's result and the parent's.
    ///
    /// # Panics
    /// As [`Host::call`]; the child's death is one of the answers that are no result.
    pub fn fork(&mut self, number: usize, request: &[u8]) -> (CallResult, CallResult) {
        let answer = self.command(&format!("fork {number} {}", hex(request)));
        let mut lines = answer.lines();
        let mut next = |prefix| {
            let line = lines.next().and_then(|line| line.strip_prefix(prefix));
            CallResult::parse(line.unwrap_or(&answer))
        };
        (next("child "), next("parent "))
    }

    /// The program's process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Ends the program's input and waits for its end.
    ///
    /// # Panics
    /// If it does not end within half a minute.
    pub fn finish(&mut self) -> ExitStatus {
        self.commands = None;
        let until = Instant::now() + PATIENCE_AT_END;
        loop {
            if let Some(status) = self.child.try_wait().expect("a child of ours") {
                return status;
            }
            assert!(Instant::now() < until, "the C host does not end");
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// What the program wrote to its standard output and error, once it has ended ([`Host::finish`] is part of this).
    /// It writes nothing there itself, so all of it is the library's.
    ///
    /// # Panics
    /// As [`Host::finish`].
    pub fn stdout_and_stderr(&mut self) -> (Vec<u8>, Vec<u8>) {
        self.finish();
        (contents(&mut self.stdout), contents(&mut self.stderr))
    }

    fn send(&mut self, line: &str) {
        assert!(!line.trim().is_empty() && !line.contains('\n'), "{line:?} is not one command");
        let commands = self.commands.as_mut().expect("the program has not been finished");
        if commands.write_all(format!("{line}\n").as_bytes()).is_err() {
            self.died(line, "");
        }
    }

    fn receive(&mut self, command: &str, until: Instant, mut look: impl FnMut()) -> String {
        let mut answer = String::new();
        loop {
            look();
            match self.answers.recv_timeout(Duration::from_millis(1)) {
                Ok(line) => {
                    answer.push_str(&line);
                    if !line.starts_with("child ") {
                        return answer;
                    }
                    answer.push('\n');
                }
                Err(RecvTimeoutError::Timeout) => {
                    assert!(Instant::now() < until, "the C host has not answered {command:?} in time")
                }
                Err(RecvTimeoutError::Disconnected) => self.died(command, &answer),
            }
        }
    }

    fn died(&mut self, command: &str, answer: &str) -> ! {
        let status = self.finish();
        let lines: Vec<String> = self.answers.try_iter().collect();
        let answers = format!("{answer}{}", lines.join("\n"));
        let (stdout, stderr) = (contents(&mut self.stdout), contents(&mut self.stderr));
        panic!(
            "the C host ended ({status}) instead of answering {command:?}; answers {answers:?}, stdout {:?}, stderr {:?}",
            String::from_utf8_lossy(&stdout),
            String::from_utf8_lossy(&stderr)
        )
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // It may have ended already; then neither has anything to do.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn contents(file: &mut File) -> Vec<u8> {
    let mut bytes = Vec::new();
    file.rewind().expect("a file of ours");
    file.read_to_end(&mut bytes).expect("a file of ours");
    bytes
}

/// Makes the pipe the program's descriptor 3.
fn pass_as_results(command: &mut Command, writer: PipeWriter) {
    // A descriptor that is 3 already would not be copied and so would stay close-on-exec; its clone has another number.
    let writer = OwnedFd::from(writer);
    let clone = writer.try_clone().expect("a pipe of ours");
    let (writer, _other) = match writer.as_raw_fd() {
        RESULTS => (clone, writer),
        _ => (writer, clone),
    };
    let pass = move || {
        // SAFETY: `writer` is open as long as this closure lives, and nothing in the new process has relied on
        // descriptor 3 yet: the standard library's own use of it ends with this process image.
        match unsafe { libc::dup2(writer.as_raw_fd(), RESULTS) } {
            RESULTS => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    };
    // SAFETY: between fork and exec the closure makes one system call and allocates nothing.
    unsafe { command.pre_exec(pass) };
}
