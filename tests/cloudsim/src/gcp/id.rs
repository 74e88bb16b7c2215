//! Links, names, ids and fingerprints as Compute Engine makes them up.

use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use base64::engine::{DecodePaddingMode, general_purpose};
use regex_lite::Regex;

use crate::names::digest;

/// Reads base64 with and without padding.
const STANDARD: GeneralPurpose = GeneralPurpose::new(&base64::alphabet::STANDARD, LENIENT);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&base64::alphabet::URL_SAFE, LENIENT);
const LENIENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);

/// `projects/p/zones/z/instances/i` of a link in any of the forms that Compute Engine takes for this project.
pub(crate) fn path(link: &str, project: &str) -> String {
    let path = match link.split_once("/compute/v1/") {
        Some((_, path)) => path,
        None => link.trim_start_matches('/'),
    };
    if path.starts_with("projects/") { path.to_owned() } else { format!("projects/{project}/{path}") }
}

/// The name at the end of a link.
pub(crate) fn name(link: &str) -> &str {
    link.rsplit('/').next().unwrap_or_default()
}

/// A name, as the description demands one.
pub(crate) fn is_name(text: &str) -> bool {
    static NAME: LazyLock<Regex> =
        LazyLock::new(|| Regex::new("^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$").expect("a regular expression"));
    NAME.is_match(text)
}

/// A UUID, but not the one of zeros.
pub(crate) fn is_request_id(text: &str) -> bool {
    let lengths: Vec<usize> = text.split('-').map(str::len).collect();
    let digits = || text.bytes().filter(|byte| *byte != b'-');
    lengths == [8, 4, 4, 4, 12] && digits().all(|byte| byte.is_ascii_hexdigit()) && digits().any(|byte| byte != b'0')
}

/// A stable id that follows from a name.
pub(crate) fn number(text: &str) -> String {
    // The first digit is never 0, as in real ids of nineteen digits.
    (1_000_000_000_000_000_000 + digest(&[text]) % 8_000_000_000_000_000_000).to_string()
}

/// The fingerprint after this one.
pub(crate) fn next_fingerprint(fingerprint: &str) -> String {
    general_purpose::STANDARD.encode(digest(&[fingerprint]).to_be_bytes())
}

/// The bytes behind base64 of either alphabet, as JSON may carry them.
pub(crate) fn bytes(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).or_else(|_| URL_SAFE.decode(text)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_come_in_several_forms() {
        let whole = "projects/p/zones/z/instances/i";
        for link in [
            "https://www.googleapis.com/compute/v1/projects/p/zones/z/instances/i",
            "https://compute.googleapis.com/compute/v1/projects/p/zones/z/instances/i",
            whole,
            "zones/z/instances/i",
        ] {
            assert_eq!((path(link, "p").as_str(), name(link)), (whole, "i"));
        }
    }

    #[test]
    fn names_and_request_ids() {
        assert!(is_name("isc-primary-001") && is_name("a"));
        for wrong in ["", "A", "1a", "a-", "-a", "a_b", "ä", "a\n", &"a".repeat(64)] {
            assert!(!is_name(wrong), "{wrong:?}");
        }
        assert!(is_request_id("7d444840-9dc0-11d1-b245-5ffdce74fad2"));
        for wrong in [
            "00000000-0000-0000-0000-000000000000",
            "7d444840",
            "7d4448409dc011d1b2455ffdce74fad2",
            "{7d444840-9dc0-11d1-b245-5ffdce74fad2}",
            "7d444840-9dc0-11d1-b2455-ffdce74fad2",
            "7d44484g-9dc0-11d1-b245-5ffdce74fad2",
        ] {
            assert!(!is_request_id(wrong), "{wrong}");
        }
    }

    #[test]
    fn fingerprints_are_bytes() {
        let fingerprint = next_fingerprint("a");
        assert_ne!(next_fingerprint(&fingerprint), fingerprint);
        assert_eq!(bytes("+/8="), bytes("-_8"));
        assert_eq!(bytes("?"), None);
    }
}
