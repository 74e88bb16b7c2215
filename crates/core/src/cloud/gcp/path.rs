//! The path of a resource in Compute Engine, and the scope that lists the operations on it.

use std::fmt;

/// A resource by its path below `/compute/v1/`, for example `projects/p/zones/z/instances/i`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Path(String);

impl Path {
    pub fn zonal(project: &str, zone: &str, kind: &str, name: &str) -> Self {
        Path(format!("projects/{project}/zones/{zone}/{kind}/{name}"))
    }

    pub fn regional(project: &str, region: &str, kind: &str, name: &str) -> Self {
        Path(format!("projects/{project}/regions/{region}/{kind}/{name}"))
    }

    pub fn global(project: &str, kind: &str, name: &str) -> Self {
        Path(format!("projects/{project}/global/{kind}/{name}"))
    }

    /// The path in a link of an answer. It drops the link's host, because requests go to the configured endpoint alone.
    pub fn from_link(link: &str) -> Option<Self> {
        let at = link.find("projects/")?;
        let path = link.get(at..)?;
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:/".contains(&byte);
        (path.bytes().all(plain) && !path.contains("..")).then(|| Path(path.to_owned()))
    }

    /// The whole path, without a slash at either end.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The resource's own name, the last segment.
    pub fn name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or_default()
    }

    /// The path up to the kind, for example `projects/p/zones/z`: Compute Engine lists the operations on the resource there.
    pub fn scope(&self) -> &str {
        let mut ends = self.0.match_indices('/').map(|(at, _)| at);
        let parts = if self.0.split('/').nth(2) == Some("global") { 3 } else { 4 };
        ends.nth(parts - 1).and_then(|end| self.0.get(..end)).unwrap_or(&self.0)
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::Path;

    #[test]
    fn a_path_knows_the_scope_of_its_operations() {
        assert_eq!(Path::zonal("p", "z", "instances", "i").scope(), "projects/p/zones/z");
        assert_eq!(Path::global("p", "routes", "r").scope(), "projects/p/global");
    }

    #[test]
    fn from_link_drops_the_host_and_rejects_what_is_no_path() {
        let link = "https://www.googleapis.com/compute/v1/projects/p/zones/z/instances/i";
        assert_eq!(Path::from_link(link), Some(Path::zonal("p", "z", "instances", "i")));
        for odd in ["projects/p/../x", "projects/p?x=1", "nowhere", "projects/p#f"] {
            assert_eq!(Path::from_link(odd), None, "{odd}");
        }
    }
}
