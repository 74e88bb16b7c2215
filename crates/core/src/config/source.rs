//! Where the configuration comes from: files and the environment.

use crate::error::{Code, Error, Result};
use std::{
    fs::OpenOptions,
    io::Read,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

/// The name that is looked for in the manager's directory.
pub const FILE_NAME: &str = "mirrorvip.json";
/// A configuration has some hundred bytes; a megabyte is a wrong file.
const LARGEST: u64 = 1 << 20;

/// The configuration's text.
///
/// # Errors
/// `invalid_config` that names the file and what the operating system said.
pub fn read_config(path: &Path) -> Result<String> {
    let bytes = read(path).map_err(|cause| {
        Error::new(
            Code::InvalidConfig,
            format!("could not read the configuration {}: {cause}", path.display()),
            "put the file there, readable by the user that IRIS runs as, or name another path in the request",
        )
    })?;
    String::from_utf8(bytes).map_err(|error| {
        Error::new(
            Code::InvalidConfig,
            format!(
                "the configuration {} is not UTF-8: byte {} is wrong",
                path.display(),
                error.utf8_error().valid_up_to()
            ),
            "save the file as UTF-8",
        )
    })
}

/// `mirrorvip.json` in the directory that IRIS names.
pub fn in_manager_directory(directory: &Path) -> PathBuf {
    directory.join(FILE_NAME)
}

/// A file of trusted certificates, with at least one in it.
pub fn ca_bundle(path: &str) -> std::result::Result<Vec<u8>, String> {
    let pem = read(Path::new(path))?;
    use rustls::pki_types::{CertificateDer, pem::PemObject};
    let certificates: std::result::Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    match certificates {
        Ok(list) if !list.is_empty() => Ok(pem),
        Ok(_) => Err("it holds no certificate".into()),
        Err(error) => Err(error.to_string()),
    }
}

/// The proxy that the environment names.
#[derive(Default)]
pub struct ProxyEnvironment {
    /// The proxy's URL.
    pub proxy: Option<String>,
    /// The hosts that are reached without it.
    pub no_proxy: Option<String>,
}

/// What `HTTPS_PROXY` and `NO_PROXY` say, as curl and the vendors' tools read them.
pub fn proxy_environment() -> ProxyEnvironment {
    let first =
        |names: &[&str]| names.iter().find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()));
    ProxyEnvironment {
        proxy: first(&["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"]),
        no_proxy: first(&["NO_PROXY", "no_proxy"]),
    }
}

/// Where Google's own clients look for the metadata server, if it is not where it always is.
#[cfg(feature = "gcp")]
pub fn metadata_host() -> Option<String> {
    std::env::var("GCE_METADATA_HOST").ok().filter(|host| !host.is_empty())
}

fn read(path: &Path) -> std::result::Result<Vec<u8>, String> {
    // Without O_NONBLOCK a named pipe at that path would hold the database process for ever.
    let mut options = OpenOptions::new();
    options.read(true).custom_flags(libc::O_NONBLOCK);
    let mut file = options.open(path).map_err(|error| error.to_string())?;
    let metadata = file.metadata().map_err(|error| error.to_string())?;
    if !metadata.is_file() {
        return Err("it is not a regular file".into());
    }
    if metadata.len() > LARGEST {
        return Err(format!("it has {} bytes, more than {LARGEST}", metadata.len()));
    }
    let mut bytes = Vec::new();
    Read::by_ref(&mut file).take(LARGEST).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    Ok(bytes)
}
