//! Loads a callout library into this process and calls it.

use crate::{
    arguments::{self, Argument, Counted, MOST_BYTES},
    callbacks::{CALLIN_FUNCTIONS, CallbackTable, TABLE, lock, with_host},
    result::{ZF_SUCCESS, ZfResult},
};
use libloading::os::unix::{Library as Handle, RTLD_LOCAL, RTLD_NOW};
use std::{
    collections::BTreeMap,
    ffi::{CStr, c_char, c_int, c_void},
    fmt,
    path::{Path, PathBuf},
    ptr,
    sync::{Arc, Mutex},
};

/// A table that is longer than this has no end.
const MOST_FUNCTIONS: usize = 1000;

/// What IRIS tells the library about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// What `IRISMGRDIRA` and its wide twins answer. IRIS's own ends with a slash.
    pub manager_directory: PathBuf,
    /// What `ZFSTRSIZE` answers, and the room of an output.
    pub zf_string_size: i32,
    /// Whether the library gets callback tables at all.
    pub callbacks: Callbacks,
}

impl Default for Host {
    /// IRIS as installed: `/usr/irissys/mgr/` (which does not exist where tests run), 32,767, tables present.
    fn default() -> Self {
        Self {
            manager_directory: PathBuf::from("/usr/irissys/mgr/"),
            zf_string_size: 32_767,
            callbacks: Callbacks::Present,
        }
    }
}

/// What `GetZFTable` is called with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Callbacks {
    /// Pointers to tables, as in IRIS.
    Present,
    /// Null pointers, as in a host that is less than IRIS.
    Null,
}

/// Why a library could not be loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadError(String);

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for LoadError {}

/// A loaded callout library.
///
/// IRIS loads a library once per process, and so does this: while one `Library` for a file lives, another one for the
/// same file shares its memory. `ZFInit` runs with the first, `ZFUnload` with the end of the last, `GetZFTable` each
/// time, so that a second `Library` with other [`Callbacks`] changes them for the first one as well. For memory of its
/// own there is [`Library::load_copy`].
pub struct Library {
    functions: Vec<Function>,
    host: Arc<Host>,
    /// The file as the registry knows it.
    file: PathBuf,
    /// Empty only while it is being dropped.
    handle: Option<Handle>,
    /// Removed after the library is closed.
    _copy: Option<tempfile::TempPath>,
}

/// `struct zfestr`.
#[repr(C)]
struct RawEntry {
    name: *const c_char,
    linkage: *const c_char,
    function: Option<Entry>,
}

type Entry = unsafe extern "C" fn();
type GetZfTable = unsafe extern "C" fn(*const CallbackTable, *const c_void) -> *const RawEntry;
type Lifecycle = unsafe extern "C" fn() -> c_int;

struct Function {
    name: String,
    linkage: String,
    entry: Entry,
}

/// How many [`Library`] values there are for a file.
static LOADED: Mutex<BTreeMap<PathBuf, usize>> = Mutex::new(BTreeMap::new());

impl Library {
    /// Loads as IRIS does: `dlopen`, `GetZFTable` with callback tables, `ZFInit` if it is exported.
    ///
    /// # Errors
    /// What is missing or wrong in the library; or that `ZFInit` returned another value than 0.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, LoadError> {
        Self::load_with(path, Host::default())
    }

    /// [`Library::load`], with a host that says something else of itself.
    ///
    /// # Errors
    /// As [`Library::load`].
    pub fn load_with(path: impl AsRef<Path>, host: Host) -> Result<Self, LoadError> {
        Self::open(path.as_ref(), host, None)
    }

    /// [`Library::load_with`], from a copy of the file: a library with memory of its own, whatever else is loaded.
    ///
    /// # Errors
    /// As [`Library::load`]; or that the file could not be copied.
    pub fn load_copy(path: impl AsRef<Path>, host: Host) -> Result<Self, LoadError> {
        let path = path.as_ref();
        let failed = |why| LoadError(format!("{} could not be copied: {why}", path.display()));
        let copy =
            tempfile::Builder::new().prefix("irishost-").suffix(".so").tempfile().map_err(failed)?.into_temp_path();
        std::fs::copy(path, &copy).map_err(failed)?;
        let file = copy.to_path_buf();
        Self::open(&file, host, Some(copy))
    }

    fn open(path: &Path, host: Host, copy: Option<tempfile::TempPath>) -> Result<Self, LoadError> {
        let failed = |why: String| LoadError(format!("{}: {why}", path.display()));
        let file = path.canonicalize().map_err(|why| failed(format!("cannot be found: {why}")))?;
        let host = Arc::new(host);
        let mut loaded = lock(&LOADED);
        // SAFETY: the library under test is trusted to run its initialisers; that it may be loaded is its purpose.
        let handle =
            unsafe { Handle::open(Some(&file), RTLD_NOW | RTLD_LOCAL) }.map_err(|why| failed(why.to_string()))?;
        let functions = with_host(&host, || read_table(&handle, host.callbacks)).map_err(failed)?;
        if !loaded.contains_key(&file)
            && let Some(result) = with_host(&host, || lifecycle(&handle, c"ZFInit"))
            && result != 0
        {
            return Err(failed(format!("ZFInit returned {result}")));
        }
        *loaded.entry(file.clone()).or_insert(0) += 1;
        Ok(Self { functions, host, file, handle: Some(handle), _copy: copy })
    }

    /// The functions' names and linkages in the order of the table.
    pub fn names(&self) -> Vec<(String, String)> {
        let pairs = self.functions.iter();
        pairs.map(|function| (function.name.clone(), function.linkage.clone())).collect()
    }

    /// Calls as `$ZF(-5)` and `$ZF(-6)` do, by the function's number from 1.
    ///
    /// The argument is marshalled after the linkage: a `1b` input is the request. A `1B` output has room for exactly
    /// `zf_string_size` bytes (IRIS takes the larger of that and the output argument's own input, and an output-only
    /// argument has none); it is empty at first.
    ///
    /// The host refuses ([`ZfResult::refusal`]) an unknown number, a request for a function that takes none, a missing
    /// one, one of more than 65,535 bytes, and a linkage that has other letters.
    ///
    /// # Panics
    /// If the function wrote outside of its output or into its input.
    pub fn zf5(&self, number: usize, request: Option<&[u8]>) -> ZfResult {
        let function = number.checked_sub(1).and_then(|index| self.functions.get(index));
        match function {
            Some(function) => self.call(function, request),
            None => ZfResult::refused(format!("there is no function number {number}")),
        }
    }

    /// Calls as `$ZF(-3)` does, by the function's name, which is case-sensitive. Otherwise [`Library::zf5`].
    ///
    /// # Panics
    /// As [`Library::zf5`].
    pub fn zf3(&self, name: &str, request: Option<&[u8]>) -> ZfResult {
        match self.functions.iter().find(|function| function.name == name) {
            Some(function) => self.call(function, request),
            None => ZfResult::refused(format!("there is no function named {name:?}")),
        }
    }

    fn call(&self, function: &Function, request: Option<&[u8]>) -> ZfResult {
        let mut arguments = match self.marshal(&function.linkage, request) {
            Ok(arguments) => arguments,
            Err(why) => return ZfResult::refused(format!("{}: {why}", function.name)),
        };
        let pointers: Vec<_> = arguments.iter_mut().map(Counted::pointer).collect();
        // SAFETY: the linkage, which `marshal` followed, is the library's word on what the function takes; the buffers
        // live until after the call.
        let status = with_host(&self.host, || unsafe { invoke(function.entry, &pointers) });
        let mut outputs = Vec::new();
        for argument in &arguments {
            match argument.examine() {
                Ok(output) => outputs.extend(output),
                Err(why) => panic!("{} breaks IRIS's memory: {why}", function.name),
            }
        }
        let bytes = match status {
            ZF_SUCCESS => outputs.join(&b','),
            _ => Vec::new(),
        };
        ZfResult { status, bytes, refusal: None }
    }

    fn marshal(&self, linkage: &str, request: Option<&[u8]>) -> Result<Vec<Counted>, String> {
        let letters = arguments::parse(linkage)?;
        let inputs = letters.iter().filter(|letter| **letter == Argument::Input);
        let (inputs, given) = (inputs.count(), usize::from(request.is_some()));
        if inputs != given {
            return Err(format!("it takes {inputs} inputs, not {given}"));
        }
        if letters.len() > MOST_ARGUMENTS {
            return Err(format!("this host passes at most {MOST_ARGUMENTS} arguments"));
        }
        let request = request.unwrap_or_default();
        if request.len() > MOST_BYTES {
            return Err(format!("an input of {} bytes is too long", request.len()));
        }
        let room = usize::try_from(self.host.zf_string_size).unwrap_or(0);
        let marshalled = letters.into_iter().map(|letter| match letter {
            Argument::Input => Counted::input(request),
            Argument::Output => Counted::output(room),
        });
        Ok(marshalled.collect())
    }
}

impl fmt::Debug for Library {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Library").field("file", &self.file).field("names", &self.names()).finish_non_exhaustive()
    }
}

impl Drop for Library {
    fn drop(&mut self) {
        let mut loaded = lock(&LOADED);
        let Some(handle) = self.handle.take() else {
            return;
        };
        let left = loaded.get(&self.file).map_or(0, |count| count - 1);
        if left == 0 {
            loaded.remove(&self.file);
            with_host(&self.host, || lifecycle(&handle, c"ZFUnload"));
        } else {
            loaded.insert(self.file.clone(), left);
        }
        // Nothing hangs on whether the library really leaves memory: one with thread-local destructors may not.
        let _ = handle.close();
    }
}

/// Calls `ZFInit` or `ZFUnload`, if it is exported.
fn lifecycle(handle: &Handle, name: &CStr) -> Option<c_int> {
    // SAFETY: the callout interface gives both symbols this signature.
    let function = unsafe { handle.get::<Lifecycle>(name) }.ok()?;
    // SAFETY: they take nothing, and IRIS calls them at these moments.
    Some(unsafe { function() })
}

/// Calls `GetZFTable` and copies the table.
fn read_table(handle: &Handle, callbacks: Callbacks) -> Result<Vec<Function>, String> {
    // SAFETY: the callout interface gives the symbol this signature.
    let get_table = unsafe { handle.get::<GetZfTable>(c"GetZFTable") }
        .map_err(|why| format!("GetZFTable is not exported: {why}"))?;
    let (callbacks, functions): (*const CallbackTable, *const c_void) = match callbacks {
        Callbacks::Present => (&TABLE, ptr::from_ref(&CALLIN_FUNCTIONS).cast()),
        Callbacks::Null => (ptr::null(), ptr::null()),
    };
    // SAFETY: both tables are statics and so live as long as the process, which is what the interface asks for.
    let mut entry = unsafe { get_table(callbacks, functions) };
    if entry.is_null() {
        return Err("GetZFTable returned null".to_owned());
    }
    let mut table = Vec::new();
    while table.len() < MOST_FUNCTIONS {
        // SAFETY: entries follow each other up to one of three nulls, which has not come yet.
        let raw = unsafe { &*entry };
        match (raw.name.is_null(), raw.linkage.is_null(), raw.function) {
            (true, true, None) => return Ok(table),
            (false, false, Some(function)) => {
                table.push(Function { name: text(raw.name)?, linkage: text(raw.linkage)?, entry: function })
            }
            _ => return Err(format!("entry {} is partly null", table.len() + 1)),
        }
        // SAFETY: this entry was not the last one.
        entry = unsafe { entry.add(1) };
    }
    Err("the table has no end".to_owned())
}

fn text(pointer: *const c_char) -> Result<String, String> {
    // SAFETY: the table's strings end with a null and stay where they are while the library is loaded.
    let bytes = unsafe { CStr::from_ptr(pointer) };
    match bytes.to_str() {
        Ok(text) if text.is_ascii() => Ok(text.to_owned()),
        _ => Err(format!("{bytes:?} in the table is not ASCII")),
    }
}

const MOST_ARGUMENTS: usize = 3;

/// Calls a function of the table.
///
/// # Safety
/// The function takes exactly these pointers, and what they point to is laid out as it expects.
unsafe fn invoke(entry: Entry, pointers: &[*mut c_void]) -> c_int {
    type P = *mut c_void;
    // SAFETY: the caller vouches for the signature; C passes every object pointer alike.
    unsafe {
        match *pointers {
            [] => std::mem::transmute::<Entry, unsafe extern "C" fn() -> c_int>(entry)(),
            [a] => std::mem::transmute::<Entry, unsafe extern "C" fn(P) -> c_int>(entry)(a),
            [a, b] => std::mem::transmute::<Entry, unsafe extern "C" fn(P, P) -> c_int>(entry)(a, b),
            [a, b, c] => std::mem::transmute::<Entry, unsafe extern "C" fn(P, P, P) -> c_int>(entry)(a, b, c),
            _ => unreachable!("`marshal` refuses more than {MOST_ARGUMENTS} arguments"),
        }
    }
}
