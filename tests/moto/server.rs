//! moto's server, and the script that speaks boto3 to it.

use crate::python::{self, Packages, Script};
use serde_json::Value;
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::Path,
    process::{Child, Command, Stdio},
    sync::{
        OnceLock,
        mpsc::{self, RecvTimeoutError},
    },
    thread,
    time::{Duration, Instant},
};

const MOTO: Packages =
    Packages { name: "moto", requirements: concat!(env!("CARGO_MANIFEST_DIR"), "/tests/moto/requirements.txt") };
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/moto/world.py");
/// The first start after an installation also compiles all of moto.
const START: Duration = Duration::from_secs(60);

/// moto, and beside it one Python that speaks boto3. Both end when their standard input closes.
pub struct Server {
    url: String,
    boto3: Script,
    _moto: Child,
}

/// The one server of all tests here, started by the first of them; `None` only where there is no Python, which was said.
pub fn server() -> Option<&'static Server> {
    static SERVER: OnceLock<Result<Option<Server>, String>> = OnceLock::new();
    let started = SERVER.get_or_init(|| MOTO.python()?.map(|python| Server::start(&python)).transpose());
    started.as_ref().unwrap_or_else(|why| panic!("{why}")).as_ref()
}

impl Server {
    fn start(python: &Path) -> Result<Self, String> {
        let mut command = script(python, &["serve"]);
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        let mut moto = python::spawn(command)?;
        let started = ready(&mut moto).and_then(|url| Ok((Script::start(script(python, &["answer", &url]))?, url)));
        match started {
            Ok((boto3, url)) => Ok(Server { url, boto3, _moto: moto }),
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
        self.boto3.ask(question).unwrap_or_else(|error| panic!("boto3 on {error}"))
    }
}

fn script(python: &Path, arguments: &[&str]) -> Command {
    let mut command = python::script(python, SCRIPT, &["AWS_"]);
    command.args(arguments);
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
