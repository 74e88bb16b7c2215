//! Random changes of inputs that are good.

pub struct Mutator<'s> {
    random: fastrand::Rng,
    seeds: &'s [Vec<u8>],
}

/// What parsers stumble over.
const WORDS: &[&[u8]] = &[
    b"null",
    b"[]",
    b"{}",
    b"\"\"",
    b"-1",
    b"18446744073709551616",
    b"1e999",
    b"true",
    b"\xff\xfe",
    b"\0",
    b"\r\n",
    b"\r\n\r\n",
    b"\\u0000",
    b"\\ud800",
    b"</item>",
    b"<item>",
    b"<![CDATA[",
    b"&#0;",
    b"&x;",
    b"HTTP/1.1 200 OK\r\n",
    b"HTTP/1.1 999 \r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Content-Encoding: gzip\r\n",
    b"Retry-After: -1\r\n",
    b"Retry-After: 99999999999\r\n",
    b"Location: http://127.0.0.1:1/\r\n",
    b"0.0.0.0/0",
    b"::/0",
    b"/33",
    b"../",
    b"\x1e",
    b"[[[[[[[[[[[[[[[[",
    b"{\"a\":{\"a\":",
];

impl<'s> Mutator<'s> {
    pub fn new(seed: u64, seeds: &'s [Vec<u8>]) -> Self {
        Mutator { random: fastrand::Rng::with_seed(seed), seeds }
    }

    fn number(&mut self, below: usize) -> usize {
        self.random.usize(..below.max(1))
    }

    pub fn next(&mut self) -> Vec<u8> {
        let seed = self.number(self.seeds.len());
        let mut bytes = self.seeds[seed].clone();
        for _ in 0..=self.number(4) {
            self.change(&mut bytes);
        }
        bytes
    }

    fn change(&mut self, bytes: &mut Vec<u8>) {
        let from = self.number(bytes.len() + 1);
        let to = (from + self.number(40)).min(bytes.len());
        match self.number(8) {
            0 => drop(bytes.drain(from..to)),
            1 => bytes.truncate(from),
            2 => {
                if let Some(byte) = bytes.get_mut(from) {
                    *byte ^= 1 << self.number(8);
                }
            }
            3 => {
                let piece = bytes[from..to].to_vec();
                let at = self.number(bytes.len() + 1);
                drop(bytes.splice(at..at, piece));
            }
            4 => {
                let other = self.number(self.seeds.len());
                let other = &self.seeds[other];
                let at = self.number(other.len() + 1);
                let end = (at + self.number(200)).min(other.len());
                let piece = other[at..end].to_vec();
                drop(bytes.splice(from..to, piece));
            }
            // In place of a whole value, so that what is around it can still be read.
            5 | 6 => {
                let word = WORDS[self.number(WORDS.len())];
                let (from, to) = value_at(bytes, from);
                drop(bytes.splice(from..to, word.iter().copied()));
            }
            _ => {
                let word = WORDS[self.number(WORDS.len())];
                drop(bytes.splice(from..from, word.iter().copied()));
            }
        }
    }
}

/// The JSON or XML value around a place: up to the next of the signs that end one.
fn value_at(bytes: &[u8], at: usize) -> (usize, usize) {
    let ends = |byte: &u8| b":,{}[]<>\n ".contains(byte);
    let from = bytes[..at].iter().rposition(ends).map_or(0, |place| place + 1);
    let to = bytes[at..].iter().position(ends).map_or(bytes.len(), |place| at + place);
    (from, to.max(from))
}
