//! Resource ids, versions and other names that Azure makes up.

use crate::names::{decode, digest};

/// A path below the endpoint, taken apart. Names in it are told apart without regard to case.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Path {
    pub(crate) subscription: String,
    pub(crate) group: Option<String>,
    pub(crate) namespace: String,
    /// Types and names in turn; the name of the last is missing in a list.
    pub(crate) segments: Vec<(String, Option<String>)>,
    /// The path of the resource that a further `providers` segment speaks about.
    pub(crate) about: Option<Box<Path>>,
}

impl Path {
    pub(crate) fn parse(path: &str) -> Option<Self> {
        let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
        let (first, rest) = parts.split_first()?;
        let (subscription, mut rest) = rest.split_first()?;
        if !first.eq_ignore_ascii_case("subscriptions") {
            return None;
        }
        let mut parsed = Self { subscription: decode(subscription), ..Self::default() };
        if let [word, group, after @ ..] = rest
            && word.eq_ignore_ascii_case("resourceGroups")
        {
            parsed.group = Some(decode(group));
            rest = after;
        }
        parsed.provider(rest)
    }

    fn provider(mut self, rest: &[&str]) -> Option<Self> {
        let [word, namespace, types @ ..] = rest else {
            return rest.is_empty().then_some(self);
        };
        if !word.eq_ignore_ascii_case("providers") {
            return None;
        }
        self.namespace = decode(namespace);
        if let Some(at) = types.iter().position(|part| part.eq_ignore_ascii_case("providers")) {
            let (own, further) = types.split_at(at);
            self.segments = pairs(own);
            let about = Self { subscription: self.subscription.clone(), group: self.group.clone(), ..Self::default() };
            let about = Self { about: Some(Box::new(self)), ..about };
            return about.provider(further);
        }
        self.segments = pairs(types);
        Some(self)
    }

    /// `networkInterfaces`, `routeTables/routes`.
    pub(crate) fn kind(&self) -> String {
        self.segments.iter().map(|(kind, _)| kind.as_str()).collect::<Vec<_>>().join("/")
    }

    /// `rt1/vip`; nothing for a list.
    pub(crate) fn name(&self) -> String {
        let names: Vec<&str> = self.segments.iter().filter_map(|(_, name)| name.as_deref()).collect();
        if self.is_list() { String::new() } else { names.join("/") }
    }

    pub(crate) fn is_list(&self) -> bool {
        self.segments.last().is_some_and(|(_, name)| name.is_none())
    }

    /// The name at this depth.
    pub(crate) fn name_at(&self, depth: usize) -> &str {
        self.segments.get(depth).and_then(|(_, name)| name.as_deref()).unwrap_or_default()
    }
}

fn pairs(parts: &[&str]) -> Vec<(String, Option<String>)> {
    parts.chunks(2).map(|pair| (decode(pair[0]), pair.get(1).map(|name| decode(name)))).collect()
}

/// Whether a scope is this resource or something in it; both in lower case.
pub(crate) fn is_within(scope: &str, resource: &str) -> bool {
    scope.strip_prefix(resource).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// A stable id that follows from other names.
pub(crate) fn guid(parts: &[&str]) -> String {
    let hash = digest(parts);
    let (high, low) = (hash >> 32, hash & 0xffff_ffff);
    format!("{high:08x}-{:04x}-4{:03x}-8{:03x}-{:04x}{low:08x}", low >> 16, low & 0xfff, high & 0xfff, high >> 16)
}

/// The version after this one.
pub(crate) fn next_etag(etag: &str) -> String {
    format!("W/\"{}\"", guid(&["etag", etag]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_come_apart() {
        let path =
            Path::parse("/Subscriptions/s/resourcegroups/rg/providers/Microsoft.Network/routeTables/rt1/routes/v%20ip");
        let path = path.unwrap();
        assert_eq!((path.kind().as_str(), path.name().as_str()), ("routeTables/routes", "rt1/v ip"));
        assert_eq!((path.group.as_deref(), path.name_at(0)), (Some("rg"), "rt1"));
        // A percent sign that begins no code stands for itself.
        let signs = Path::parse("/subscriptions/s/providers/N/t/100%25%+4%").unwrap();
        assert_eq!(signs.name(), "100%%+4%");
        let list = Path::parse("/subscriptions/s/providers/Microsoft.Network/networkInterfaces").unwrap();
        assert!(list.is_list() && list.group.is_none());
        let about = Path::parse("/subscriptions/s/resourceGroups/rg/providers/A/b/c/providers/D/permissions").unwrap();
        assert_eq!((about.namespace.as_str(), about.kind().as_str()), ("D", "permissions"));
        assert_eq!(about.about.unwrap().name(), "c");
        for wrong in ["/", "/tenants", "/subscriptions/s/resourceGroups/rg/other/A"] {
            assert_eq!(Path::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn guids_look_like_guids() {
        let guid = guid(&["a"]);
        let lengths: Vec<usize> = guid.split('-').map(str::len).collect();
        assert_eq!(lengths, [8, 4, 4, 4, 12]);
        assert_ne!(next_etag("a"), next_etag("b"));
    }
}
