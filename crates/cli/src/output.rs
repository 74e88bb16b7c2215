//! What is printed. Colour goes to a terminal alone, and `NO_COLOR` is heeded. That nobody reads it is no failure of a call.

use crate::exit::Exit;
use std::{
    fmt::Display,
    io::{self, Write},
};

/// Prints to standard output, and says on standard error where that does not work: whatever was done is done all the same.
///
/// # Errors
/// Where it does not work for another reason than a reader that has seen enough, such as `head`.
pub fn print(text: &str) -> io::Result<()> {
    let written = {
        let mut out = anstream::stdout().lock();
        out.write_all(text.as_bytes()).and_then(|()| out.flush())
    };
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            tell(&format!("standard output: {error}"));
            Err(error)
        }
        _ => Ok(()),
    }
}

/// Prints, for a subcommand that does nothing else, and answers its exit status.
pub fn only(text: &str) -> Exit {
    print(text).map_or(Exit::NotOk, |()| Exit::Ok)
}

/// A line on standard error, after our name.
pub fn tell(text: &dyn Display) {
    let _ = writeln!(anstream::stderr().lock(), "mirrorvip: {text}");
}
