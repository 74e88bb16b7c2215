//! The only reads and writes of the host's memory.

use crate::abi::mirrorvip_string;
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

    /// Each buffer is as large as it has to be and lies at an odd address, so that a byte too many, and an access that needs
    /// alignment, is outside of it or undefined: Miri sees both.
    #[test]
    fn not_a_byte_beyond_is_touched_whatever_the_length_and_the_alignment() {
        for length in (0..64).chain([255, 256, 4_095, 65_535]) {
            let text = vec![b'x'; length];
            let mut host = vec![0xee; 1];
            host.extend(buffer(&text, length));
            // SAFETY: behind the first byte lies a length, and that many bytes.
            assert_eq!(unsafe { read(host[1..].as_ptr().cast()) }.as_deref(), Some(text.as_slice()), "{length}");
            host[1..].fill(0);
            // SAFETY: as above.
            assert!(unsafe { write(host[1..].as_mut_ptr().cast(), &text) });
            assert_eq!((host[0], &host[3..]), (0xee, text.as_slice()), "{length}");
        }
        let mut host = buffer(b"as it was", 16);
        // SAFETY: nothing is written: a length cannot say as much.
        assert!(!unsafe { write(host.as_mut_ptr().cast(), &vec![0; 65_536]) });
        assert_eq!(host, buffer(b"as it was", 16));
    }
}
