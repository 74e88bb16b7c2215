//! Twins of the structures in InterSystems' `iris-cdzf.h` (2018), as "Using the Callout Gateway" describes them.

use std::ffi::{c_char, c_int};

/// `ZF_SUCCESS`: the output argument is the result of `$ZF`.
pub const ZF_SUCCESS: c_int = 0;
/// `ZF_FAILURE`: IRIS raises `<FUNCTION>` and the output is lost.
pub const ZF_FAILURE: c_int = 1;

/// A counted 8-bit string (linkages `1b` and `1B`): its length, then that many bytes. No NUL ends it.
#[repr(C)]
pub struct mirrorvip_string {
    /// Number of bytes in `data`.
    pub len: u16,
    /// The first of the bytes.
    pub data: [u8; 1],
}

/// One entry of the function table (`struct zfestr`).
#[repr(C)]
pub struct mirrorvip_entry {
    /// The name in a `$ZF` call.
    pub name: *const c_char,
    /// The linkage string.
    pub linkage: *const c_char,
    /// The function; its arguments follow the linkage.
    pub function: Option<unsafe extern "C" fn() -> c_int>,
}

// SAFETY: the table is constant; its pointers lead to constants of this library.
unsafe impl Sync for mirrorvip_entry {}

/// The functions that IRIS offers a callout library on Linux, in their order. On Windows the three about signals are
/// absent.
#[repr(C)]
pub struct mirrorvip_callbacks {
    /// `ZFSTRSIZE`: the longest string that a `$ZF` call can return.
    pub string_size: Option<unsafe extern "C" fn() -> c_int>,
    /// `ZFERROR`: not used.
    pub error: Option<unsafe extern "C" fn(c_int, c_int) -> c_int>,
    /// `IRISMGRDIRA`: writes the manager's directory as 8-bit text.
    pub manager_directory: Option<unsafe extern "C" fn(c_int, *mut c_char) -> c_int>,
    /// `IRISMGRDIRW`: not used.
    pub manager_directory_wide: Option<unsafe extern "C" fn(c_int, *mut u16) -> c_int>,
    /// `SIGRTCHK`: 1 when somebody wants this process to end.
    pub check_signal: Option<unsafe extern "C" fn() -> c_int>,
    /// `SIGRTCLR`: to be called once before a wait.
    pub clear_signal: Option<unsafe extern "C" fn() -> c_int>,
    /// `DZFALARM`: not used.
    pub alarm: Option<unsafe extern "C" fn() -> c_int>,
    /// `ZFRESJOB`: not used.
    pub reserve_job: Option<unsafe extern "C" fn() -> c_int>,
    /// `IRISMGRDIRH`: not used.
    pub manager_directory_long: Option<unsafe extern "C" fn(c_int, *mut i32) -> c_int>,
}

const POINTER: usize = size_of::<usize>();
const _: () = {
    assert!(size_of::<mirrorvip_entry>() == 3 * POINTER);
    assert!(std::mem::offset_of!(mirrorvip_entry, linkage) == POINTER);
    assert!(std::mem::offset_of!(mirrorvip_entry, function) == 2 * POINTER);
    assert!(size_of::<mirrorvip_callbacks>() == 9 * POINTER);
    assert!(std::mem::offset_of!(mirrorvip_callbacks, manager_directory) == 2 * POINTER);
    assert!(std::mem::offset_of!(mirrorvip_callbacks, check_signal) == 4 * POINTER);
    assert!(std::mem::offset_of!(mirrorvip_callbacks, clear_signal) == 5 * POINTER);
    assert!(std::mem::offset_of!(mirrorvip_string, data) == 2);
};
