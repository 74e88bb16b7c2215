//! The only reads and writes of the host's memory.

use super::abi::mirrorvip_string;
use std::ptr::{addr_of, addr_of_mut, copy_nonoverlapping};

/// The bytes of an input argument; `None` for a null pointer.
///
/// # Safety
/// `string` is null or points at a length and that many readable bytes.
pub unsafe fn read(string: *const mirrorvip_string) -> Option<Vec<u8>> {
    if string.is_null() {
        return None;
    }
    // SAFETY: not null, so the caller vouches for a length. It need not be aligned.
    let length = unsafe { addr_of!((*string).len).read_unaligned() };
    let mut bytes = vec![0; usize::from(length)];
    // SAFETY: the caller vouches for that many bytes behind the length; the vector has just that size.
    unsafe { copy_nonoverlapping(addr_of!((*string).data).cast::<u8>(), bytes.as_mut_ptr(), bytes.len()) };
    Some(bytes)
}

/// Writes an output argument. The caller has made sure that it fits the host's buffer; more than a length can say is
/// refused.
///
/// # Safety
/// `string` is null or points at a writable length followed by at least `bytes.len()` writable bytes.
pub unsafe fn write(string: *mut mirrorvip_string, bytes: &[u8]) -> bool {
    let Ok(length) = u16::try_from(bytes.len()) else { return false };
    if string.is_null() {
        return false;
    }
    // SAFETY: not null, so the caller vouches for the length and that many bytes behind it.
    unsafe {
        copy_nonoverlapping(bytes.as_ptr(), addr_of_mut!((*string).data).cast::<u8>(), bytes.len());
        addr_of_mut!((*string).len).write_unaligned(length);
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A buffer as the host lays it out: a length, then room.
    fn buffer(bytes: &[u8], room: usize) -> Vec<u8> {
        let mut buffer = u16::try_from(bytes.len()).expect("short").to_ne_bytes().to_vec();
        buffer.extend_from_slice(bytes);
        buffer.resize(2 + room, 0xee);
        buffer
    }

    #[test]
    fn what_is_written_is_what_is_read() {
        let mut host = buffer(b"", 16);
        // SAFETY: the buffer has room for sixteen bytes behind its length.
        assert!(unsafe { write(host.as_mut_ptr().cast(), b"hello") });
        // SAFETY: as above.
        assert_eq!(unsafe { read(host.as_ptr().cast()) }.as_deref(), Some(b"hello".as_slice()));
        assert_eq!(&host[7..], [0xee; 11], "nothing beyond the text was touched");
    }

    #[test]
    fn null_is_nothing_to_read_and_no_place_to_write() {
        // SAFETY: null is allowed.
        assert!(unsafe { read(std::ptr::null()) }.is_none());
        // SAFETY: null is allowed.
        assert!(!unsafe { write(std::ptr::null_mut(), b"x") });
    }
}
