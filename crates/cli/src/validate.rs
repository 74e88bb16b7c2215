//! All mistakes of a configuration, without a connection.

use crate::exit::{self, Exit};
use anstream::{eprintln, println};
use mirrorvip_core::{
    config::{Config, source},
    error::Error,
};
use serde_json::json;
use std::path::Path;

/// Reads the file as every call does.
pub fn run(path: &Path, as_json: bool) -> Exit {
    let path = match std::path::absolute(path) {
        Ok(path) => path,
        Err(error) => return exit::failed(&error),
    };
    let read = source::read_config(&path).and_then(|text| Config::parse(&text, &path.display().to_string()));
    match &read {
        _ if as_json => println!("{}", json!({ "ok": read.is_ok(), "error": read.as_ref().err() })),
        Ok(config) => println!("{}: a configuration for {}, without a mistake", path.display(), config.cloud),
        Err(error) => tell(error),
    }
    if read.is_ok() { Exit::Ok } else { Exit::Usage }
}

/// One mistake in a line.
fn tell(error: &Error) {
    eprintln!("{}", error.message.replace("; `", ";\n`"));
    eprintln!("{}", error.remedy);
}
