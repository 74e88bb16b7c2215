//! All mistakes of a configuration, without a connection.

use crate::{
    exit::{self, Exit},
    output,
};
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
    let printed = match &read {
        _ if as_json => output::print(&format!("{}\n", json!({ "ok": read.is_ok(), "error": read.as_ref().err() }))),
        Ok(config) => {
            output::print(&format!("{}: a configuration for {}, without a mistake\n", path.display(), config.cloud))
        }
        Err(error) => {
            tell(error);
            Ok(())
        }
    };
    match (read, printed) {
        (Err(_), _) => Exit::Usage,
        (Ok(_), Err(_)) => Exit::NotOk,
        (Ok(_), Ok(())) => Exit::Ok,
    }
}

/// One mistake in a line.
fn tell(error: &Error) {
    output::tell(&error.message.replace("; `", ";\n`"));
    output::tell(&error.remedy);
}
