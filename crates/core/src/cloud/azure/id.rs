//! The id of a resource: `/subscriptions/…/resourceGroups/…/providers/Microsoft.Network/<kind>/<name>`.

/// A resource by its full id.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id(String);

impl Id {
    /// The id of a resource of the network provider.
    pub fn new(subscription: &str, group: &str, kind: &str, name: &str) -> Self {
        Id(format!("/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.Network/{kind}/{name}"))
    }

    /// The id that Resource Manager or the configuration has written.
    pub fn from_text(text: &str) -> Self {
        Id(text.trim_end_matches('/').to_owned())
    }

    /// The id of a resource within this one.
    pub fn child(&self, kind: &str, name: &str) -> Self {
        Id(format!("{}/{kind}/{name}", self.0))
    }

    /// The id as a path, without a slash at the end.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The resource's own name.
    pub fn name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or_default()
    }

    /// The path of all resources of its type in its resource group.
    pub fn siblings(&self) -> &str {
        self.0.rsplit_once('/').map_or(&self.0, |(all, _)| all)
    }

    /// The resource group; empty for an id without one.
    pub fn group(&self) -> &str {
        self.0.split('/').nth(4).unwrap_or_default()
    }

    /// The name that a report shows: that of a child together with its parent's.
    pub fn shown(&self) -> String {
        match (self.kind(), self.0.rsplit('/').nth(2)) {
            ("routes", Some(table)) => format!("{table}/{}", self.name()),
            _ => self.name().to_owned(),
        }
    }

    /// Its name behind its type, where the name alone does not tell what it is: `subnets/default`.
    pub fn typed(&self) -> String {
        format!("{}/{}", self.kind(), self.name())
    }

    /// The type's last part, for example `networkInterfaces`.
    pub fn kind(&self) -> &str {
        self.0.rsplit('/').nth(1).unwrap_or_default()
    }

    /// Whether two ids name the same resource. Resource Manager ignores the case of ids.
    pub fn same(&self, other: &str) -> bool {
        self.0.eq_ignore_ascii_case(other.trim_end_matches('/'))
    }
}
