//! The mirror that the instance is a member of, or not.

/// What `$system.Mirror` answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mirror {
    pub name: String,
    pub role: Role,
    /// The items of `GetMemberStatus()`, with commas between them; where none is given, the first follows from the role.
    pub status: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Not a member of any mirror.
    None,
    Primary,
    Backup,
    /// A failover member that is neither, such as one that has just started.
    Neither,
    Async,
}

impl Mirror {
    pub fn none() -> Self {
        Self { name: String::new(), role: Role::None, status: None }
    }

    pub fn member(role: Role) -> Self {
        Self { name: "MIRROR".into(), role, status: None }
    }

    pub(crate) fn status(&self) -> String {
        let status = match self.role {
            Role::None => "Not Initialized",
            Role::Primary => "Primary",
            Role::Backup => "Backup",
            Role::Neither => "Waiting",
            Role::Async => "Connected",
        };
        self.status.clone().unwrap_or_else(|| status.into())
    }

    pub(crate) fn kind(&self) -> &'static str {
        match self.role {
            Role::None => "Not Member",
            Role::Async => "Disaster Recovery Async",
            _ => "Failover",
        }
    }
}
