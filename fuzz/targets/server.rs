//! A server that says what it is told to, whatever it is asked.

use std::{
    io::{BufRead, BufReader, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::Duration,
};

/// Between two answers.
pub const SEPARATOR: u8 = 0x1e;

/// What it answers: each with the beginning of the request that it is for (`GET /path`) on a line before it. A request takes
/// the first unused one that is for it, then the last that was for it, then any; when none is left, the connection is closed.
#[derive(Default)]
pub struct Answers {
    unused: Vec<(String, Vec<u8>)>,
    used: Vec<(String, Vec<u8>)>,
}

impl Answers {
    pub fn read(bytes: &[u8]) -> Self {
        let unused = bytes.split(|byte| *byte == SEPARATOR).map(|entry| {
            let end = entry.iter().position(|byte| *byte == b'\n').unwrap_or(0);
            let (key, answer) = entry.split_at(end);
            (String::from_utf8_lossy(key).into_owned(), answer.get(1..).unwrap_or_default().to_vec())
        });
        Answers { unused: unused.collect(), used: Vec::new() }
    }

    /// The same form again.
    pub fn write(entries: &[(String, Vec<u8>)]) -> Vec<u8> {
        let entries: Vec<Vec<u8>> =
            entries.iter().map(|(key, answer)| [key.as_bytes(), b"\n", answer.as_slice()].concat()).collect();
        entries.join(&SEPARATOR)
    }

    fn next(&mut self, request: &str) -> Option<Vec<u8>> {
        if let Some(at) = self.unused.iter().position(|(key, _)| key == request) {
            let entry = self.unused.remove(at);
            self.used.push(entry.clone());
            return Some(entry.1);
        }
        if let Some((_, answer)) = self.used.iter().rev().find(|(key, _)| key == request) {
            return Some(answer.clone());
        }
        (!self.unused.is_empty()).then(|| self.unused.remove(0).1)
    }
}

pub struct Server {
    address: SocketAddr,
    answers: Arc<Mutex<Answers>>,
}

impl Server {
    /// # Panics
    /// If no port is free.
    pub fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let address = listener.local_addr().expect("bound");
        let answers = Arc::new(Mutex::new(Answers::default()));
        let shared = Arc::clone(&answers);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let answers = Arc::clone(&shared);
                thread::spawn(move || serve(stream, &answers));
            }
        });
        Server { address, answers }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn play(&self, bytes: &[u8]) {
        *self.answers.lock().unwrap_or_else(PoisonError::into_inner) = Answers::read(bytes);
    }
}

fn serve(stream: TcpStream, answers: &Mutex<Answers>) {
    let _ = stream.set_read_timeout(Some(Duration::from_secs(2)));
    let mut reader = BufReader::new(stream);
    let Some((request, _)) = read_request(&mut reader) else { return };
    let Some(answer) = answers.lock().unwrap_or_else(PoisonError::into_inner).next(&key(&request)) else { return };
    let _ = reader.get_mut().write_all(&with_its_length(&answer));
}

/// The head and the body of a request.
pub fn read_request(reader: &mut impl BufRead) -> Option<(String, Vec<u8>)> {
    let mut head = String::new();
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if line == "\r\n" {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        head.push_str(&line);
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    // EC2 tells its actions apart by the body.
    if let Some(action) = String::from_utf8_lossy(&body).split('&').find(|part| part.starts_with("Action=")) {
        head = format!("{action} {head}");
    }
    Some((head, body))
}

/// What a request is known by: method and path, or the action; ids of requests and operations are new each time.
pub fn key(head: &str) -> String {
    let line = head.lines().next().unwrap_or_default();
    let mut words = line.split(' ');
    let (first, second) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    if first.starts_with("Action=") {
        return first.to_owned();
    }
    let path = second.split('?').next().unwrap_or_default();
    format!("{first} {path}")
}

/// A changed body would otherwise be cut off, or waited for, and nothing behind HTTP would be reached.
fn with_its_length(answer: &[u8]) -> Vec<u8> {
    let Some(end) = answer.windows(4).position(|four| four == b"\r\n\r\n") else { return answer.to_vec() };
    let (head, body) = answer.split_at(end + 4);
    let head = String::from_utf8_lossy(head);
    let kept = head.split("\r\n").filter(|line| {
        let line = line.to_ascii_lowercase();
        !line.is_empty() && !line.starts_with("content-length:") && !line.starts_with("connection:")
    });
    let mut whole = kept.collect::<Vec<_>>().join("\r\n").into_bytes();
    whole.extend_from_slice(format!("\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len()).as_bytes());
    whole.extend_from_slice(body);
    whole
}
