//! What the names of all clouds have in common.

use percent_encoding::percent_decode_str;

/// Undoes percent encoding of one part of a path, in which a plus sign is itself.
pub(crate) fn decode(part: &str) -> String {
    percent_decode_str(part).decode_utf8_lossy().into_owned()
}
