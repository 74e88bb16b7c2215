//! Where a resource of Compute Engine stands, and where the operations on it are found.

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

    /// From a link in an answer, whatever its host: requests go to the configured endpoint alone.
    pub fn from_link(link: &str) -> Option<Self> {
        let at = link.find("projects/")?;
        let path = link.get(at..)?;
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:/".contains(&byte);
        (path.bytes().all(plain) && !path.contains("..")).then(|| Path(path.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or_default()
    }

    /// What stands between `projects/` and the kind: where the operations on it are found.
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
    fn a_paths_scope_is_where_its_operations_are() {
        assert_eq!(Path::zonal("p", "z", "instances", "i").scope(), "projects/p/zones/z");
        assert_eq!(Path::global("p", "routes", "r").scope(), "projects/p/global");
    }

    #[test]
    fn a_link_is_taken_without_its_host_and_only_if_it_is_a_path() {
        let link = "https://www.googleapis.com/compute/v1/projects/p/zones/z/instances/i";
        assert_eq!(Path::from_link(link), Some(Path::zonal("p", "z", "instances", "i")));
        for odd in ["projects/p/../x", "projects/p?x=1", "nowhere", "projects/p#f"] {
            assert_eq!(Path::from_link(odd), None, "{odd}");
        }
    }
}
