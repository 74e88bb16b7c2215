//! What the tests of each simulator share: one exchange over a real connection, and what each fault means.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

use crate::faults::Fault;

/// An answer as it came over the wire.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) text: String,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or(Value::Null)
    }

    /// The value of a header, whatever the case of its name.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.into_iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

/// One exchange on a connection of its own; `None` when no whole answer comes within two seconds. Without a body there is
/// no `content-length` either.
pub(crate) fn exchange(url: &str, method: &str, headers: &[(&str, &str)], body: Option<&str>) -> Option<Reply> {
    let rest = url.strip_prefix("http://").unwrap();
    let (host, path) = rest.split_once('/').unwrap();
    let mut stream = TcpStream::connect(host).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
    let mut request = format!("{method} /{path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n");
    for (name, value) in headers {
        request += &format!("{name}: {value}\r\n");
    }
    if let Some(body) = body {
        request += &format!("content-length: {}\r\n", body.len());
    }
    request += &format!("\r\n{}", body.unwrap_or_default());
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok()?;
    let answer = String::from_utf8(answer).unwrap();
    let (head, text) = answer.split_once("\r\n\r\n")?;
    let reply = Reply { status: head[9..12].parse().ok()?, head: head.into(), text: text.into() };
    let announced: usize = reply.header("content-length").unwrap_or("0").parse().ok()?;
    (method == "HEAD" || text.len() >= announced).then_some(reply)
}

/// Each fault, the status that the caller sees, and whether the call was processed. `error` is one with 503.
pub(crate) fn faults(error: Fault) -> [(Fault, Option<u16>, bool); 9] {
    [
        (error, Some(503), false),
        (Fault::HangBefore, None, false),
        (Fault::HangAfter, None, true),
        (Fault::DropBefore, None, false),
        (Fault::DropAfter, None, true),
        (Fault::HalfBody, None, true),
        (Fault::ErrorAfter { status: 503, code: "Unavailable".into(), message: "m".into() }, Some(503), true),
        (Fault::Garbage("<html>".into()), Some(200), true),
        (Fault::Delay(Duration::from_millis(20)), Some(200), true),
    ]
}
