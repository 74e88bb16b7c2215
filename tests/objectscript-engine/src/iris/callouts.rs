//! What stands behind `$ZF`: the real library, or one that a test makes up.

use irishost::{Host, Library};
use std::{collections::BTreeMap, path::PathBuf};

/// What a callout gives, and how long that took in the instance's own time.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    pub text: String,
    pub seconds: f64,
}

impl<T: Into<String>> From<T> for Answer {
    fn from(text: T) -> Self {
        Self { text: text.into(), seconds: 0.0 }
    }
}

/// How `$ZF(-4)` says that there is no such library or function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    Error(&'static str),
    /// 0 in place of a number.
    Zero,
}

/// One process's dynamic linker and the libraries in it.
pub trait Callouts {
    /// # Errors
    /// Why not: `<DYNAMIC LIBRARY LOAD>`.
    fn load(&mut self, path: &str) -> Result<u32, String>;

    /// The number of a function by its name; `None` where there is none.
    fn function(&mut self, library: u32, name: &str) -> Option<u32>;

    /// # Errors
    /// Whatever makes it fail: `<FUNCTION>`.
    fn call(&mut self, library: u32, function: u32, arguments: &[String]) -> Result<Answer, String>;

    /// Takes the library out of memory. An unknown one is no error.
    fn unload(&mut self, library: u32);

    /// What the instance's clock shows before a call.
    fn clock(&mut self, _seconds: f64) {}
}

/// The library that was built, called as IRIS calls it.
pub struct RealLibrary {
    host: Host,
    /// The path that a routine asks for, and the file that is loaded instead.
    instead: BTreeMap<String, PathBuf>,
    loaded: BTreeMap<u32, (String, usize, Library)>,
    next: u32,
}

impl RealLibrary {
    /// `manager_directory` is what the library hears from its host; IRIS's own ends with a slash.
    pub fn new(manager_directory: impl Into<PathBuf>) -> Self {
        let host = Host { manager_directory: manager_directory.into(), ..Host::default() };
        Self { host, instead: BTreeMap::new(), loaded: BTreeMap::new(), next: 1 }
    }

    /// Loads `file` where a routine asks for `path`, so that no test has to copy a large file.
    #[must_use]
    pub fn standing_at(mut self, path: impl Into<String>, file: impl Into<PathBuf>) -> Self {
        self.instead.insert(path.into(), file.into());
        self
    }
}

impl Callouts for RealLibrary {
    fn load(&mut self, path: &str) -> Result<u32, String> {
        if let Some((id, (_, count, _))) = self.loaded.iter_mut().find(|(_, (known, ..))| known == path) {
            *count += 1;
            return Ok(*id);
        }
        let file = self.instead.get(path).cloned().unwrap_or_else(|| path.into());
        let library = Library::load_with(file, self.host.clone()).map_err(|why| why.to_string())?;
        let id = self.next;
        self.next += 1;
        self.loaded.insert(id, (path.to_owned(), 1, library));
        Ok(id)
    }

    fn function(&mut self, library: u32, name: &str) -> Option<u32> {
        let (_, _, library) = self.loaded.get(&library)?;
        let place = library.names().iter().position(|(known, _)| known == name)?;
        u32::try_from(place + 1).ok()
    }

    fn call(&mut self, library: u32, function: u32, arguments: &[String]) -> Result<Answer, String> {
        let (_, _, library) = self.loaded.get(&library).ok_or("the library is not loaded")?;
        // Eight-bit linkages carry one byte for each character, and a question mark for what is wider.
        let narrow =
            |text: &String| text.chars().map(|c| u8::try_from(u32::from(c)).unwrap_or(b'?')).collect::<Vec<_>>();
        let request = match arguments {
            [] => None,
            [request] => Some(narrow(request)),
            _ => return Err("more than one input is not supported by this host".into()),
        };
        let function = usize::try_from(function).map_err(|why| why.to_string())?;
        let result = library.zf5(function, request.as_deref());
        match result.error() {
            None => Ok(result.bytes.iter().map(|byte| char::from(*byte)).collect::<String>().into()),
            Some(error) => Err(result.refusal.unwrap_or_else(|| error.into())),
        }
    }

    fn unload(&mut self, library: u32) {
        if let Some((_, count, _)) = self.loaded.get_mut(&library) {
            *count -= 1;
            if *count == 0 {
                self.loaded.remove(&library);
            }
        }
    }
}

/// A file that cannot be loaded, whatever its name.
pub struct NoLibrary;

impl Callouts for NoLibrary {
    fn load(&mut self, path: &str) -> Result<u32, String> {
        Err(format!("{path}: cannot open shared object file"))
    }

    fn function(&mut self, _: u32, _: &str) -> Option<u32> {
        None
    }

    fn call(&mut self, _: u32, _: u32, _: &[String]) -> Result<Answer, String> {
        Err("no library is loaded".into())
    }

    fn unload(&mut self, _: u32) {}
}
