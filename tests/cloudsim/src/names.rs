//! What the names of all clouds have in common: how paths carry them, and how ids follow from them.

use std::hash::Hasher;

use fnv::FnvHasher;
use percent_encoding::percent_decode_str;

/// Undoes percent encoding of one part of a path, in which a plus sign is itself.
pub(crate) fn decode(part: &str) -> String {
    percent_decode_str(part).decode_utf8_lossy().into_owned()
}

/// A stable number for ids that follow from other names.
pub(crate) fn digest(parts: &[&str]) -> u64 {
    let mut hasher = FnvHasher::default();
    for part in parts {
        hasher.write(part.as_bytes());
        hasher.write_u8(0);
    }
    hasher.finish()
}
