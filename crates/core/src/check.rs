//! The word for one finding beside the holder: an item of a preflight, or a warning of any report.

use crate::error::{Code, Error};
use serde::{Serialize, Serializer};
use std::fmt;

/// What an item is about. The spelling in the report is fixed: scripts and docs/errors.md name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckName {
    /// The configuration can be read and is possible; as a warning, it is likely to be a mistake (Azure).
    Configuration,
    /// Others can write a file that this library trusts.
    ConfigWritable,
    /// The cloud says who this member is.
    Identity,
    /// One for each resource that no permission could be found out for by itself.
    Permissions,
    /// Followed by the call and what it works on.
    Permission,
    /// The access scopes of the VM's service account (GCP).
    Scopes,
    /// Of a part that cannot move, followed by the part.
    Resources,
    /// A part that the plan leaves where it is, or whose write failed; the report's error tells of another part.
    PartRefused,
    /// A configured member that the cloud does not know, or this member where it is not configured.
    MemberMissing,
    /// A configured member that could not be asked.
    MemberUnreachable,
    /// The members' interfaces are in different groups (Azure).
    ApplicationSecurityGroups,
    /// An interface whose last operation has failed or still runs (Azure), or a holder's machine that goes down (Azure, GCP).
    ProvisioningState,
    /// What belonged to the VIP's entry on the peer and did not come along (Azure).
    LeftBehind,
    /// A public address that does not fit this machine (Azure), or that the configuration does not name (AWS).
    PublicIp,
    /// The source/destination check of this member's interface (AWS).
    SourceDestCheck,
    /// IP forwarding of this member's interfaces (Azure).
    IpForwarding,
    /// IP forwarding of this VM (GCP).
    CanIpForward,
    /// The operating system accepts packets for the VIP.
    VipNotLocal,
    /// A holder by name that takes no packet: a route that leads nowhere, or a machine that does not run.
    Blackhole,
    /// A route to a part of the VIP's range, which wins over the VIP's (AWS, Azure).
    MoreSpecificRoute,
    /// How many more addresses this member's interface may have (AWS).
    AddressLimit,
    /// A table without room for the VIP's route (AWS, Azure).
    RouteLimit,
    /// A route that no longer counts (GCP).
    LeftoverRoute,
    /// The way to the API without a public address (GCP).
    ApiAccess,
    /// A setting of the VIP's entry that does not come along.
    SettingLost,
}

impl CheckName {
    /// Every name, in the order of docs/report.md.
    pub const ALL: [CheckName; 25] = [
        CheckName::Configuration,
        CheckName::ConfigWritable,
        CheckName::Identity,
        CheckName::Permissions,
        CheckName::Permission,
        CheckName::Scopes,
        CheckName::Resources,
        CheckName::PartRefused,
        CheckName::MemberMissing,
        CheckName::MemberUnreachable,
        CheckName::ApplicationSecurityGroups,
        CheckName::ProvisioningState,
        CheckName::LeftBehind,
        CheckName::PublicIp,
        CheckName::SourceDestCheck,
        CheckName::IpForwarding,
        CheckName::CanIpForward,
        CheckName::VipNotLocal,
        CheckName::Blackhole,
        CheckName::MoreSpecificRoute,
        CheckName::AddressLimit,
        CheckName::RouteLimit,
        CheckName::LeftoverRoute,
        CheckName::ApiAccess,
        CheckName::SettingLost,
    ];

    /// As the report spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            CheckName::Configuration => "configuration",
            CheckName::ConfigWritable => "configWritable",
            CheckName::Identity => "identity",
            CheckName::Permissions => "permissions",
            CheckName::Permission => "permission",
            CheckName::Scopes => "scopes",
            CheckName::Resources => "resources",
            CheckName::PartRefused => "partRefused",
            CheckName::MemberMissing => "memberMissing",
            CheckName::MemberUnreachable => "memberUnreachable",
            CheckName::ApplicationSecurityGroups => "applicationSecurityGroups",
            CheckName::ProvisioningState => "provisioningState",
            CheckName::LeftBehind => "leftBehind",
            CheckName::PublicIp => "publicIp",
            CheckName::SourceDestCheck => "sourceDestCheck",
            CheckName::IpForwarding => "ipForwarding",
            CheckName::CanIpForward => "canIpForward",
            CheckName::VipNotLocal => "vipNotLocal",
            CheckName::Blackhole => "blackhole",
            CheckName::MoreSpecificRoute => "moreSpecificRoute",
            CheckName::AddressLimit => "addressLimit",
            CheckName::RouteLimit => "routeLimit",
            CheckName::LeftoverRoute => "leftoverRoute",
            CheckName::ApiAccess => "apiAccess",
            CheckName::SettingLost => "settingLost",
        }
    }

    /// The same of one of several: `permission ec2:ReplaceRoute rtb-1`.
    pub fn of(self, about: impl fmt::Display) -> ItemName {
        ItemName { name: self, about: Some(about.to_string()) }
    }
}

/// A name and, where there are several items of it, what this one is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemName {
    name: CheckName,
    about: Option<String>,
}

impl From<CheckName> for ItemName {
    fn from(name: CheckName) -> Self {
        ItemName { name, about: None }
    }
}

impl fmt::Display for ItemName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name.as_str())?;
        self.about.iter().try_for_each(|about| write!(f, " {about}"))
    }
}

impl Serialize for ItemName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// One line of a preflight; the same finding is a warning of an acquire.
#[derive(Debug, Clone, Serialize)]
pub struct CheckItem {
    /// What the item is about.
    pub name: ItemName,
    /// How it ended.
    pub result: Verdict,
    /// What was seen.
    pub message: String,
    /// What to do; empty where there is nothing to do.
    pub remedy: String,
    /// What made it fail, for the report's own `error`.
    #[serde(skip)]
    pub error: Option<Error>,
}

/// How an item ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// As it has to be.
    Ok,
    /// The VIP moves, but something needs attention.
    Warning,
    /// The VIP would not move.
    Failed,
    /// Not read; the message says why.
    Skipped,
}

impl CheckItem {
    /// How urgent a warning is: 1, or 2 where no packet reaches the VIP.
    pub fn severity(&self) -> u8 {
        match (self.result, self.name.name) {
            (
                Verdict::Warning,
                CheckName::SourceDestCheck | CheckName::IpForwarding | CheckName::CanIpForward | CheckName::VipNotLocal,
            ) => 2,
            (Verdict::Warning, _) => 1,
            (Verdict::Ok | Verdict::Failed | Verdict::Skipped, _) => 0,
        }
    }

    /// Whether it is an item of this name.
    pub fn is(&self, name: CheckName) -> bool {
        self.name.name == name
    }

    /// An item that is as it has to be.
    pub fn ok(name: impl Into<ItemName>, message: impl Into<String>) -> Self {
        CheckItem {
            name: name.into(),
            result: Verdict::Ok,
            message: message.into(),
            remedy: String::new(),
            error: None,
        }
    }

    /// An item with a verdict and a remedy.
    pub fn new(
        name: impl Into<ItemName>,
        result: Verdict,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        CheckItem { name: name.into(), result, message: message.into(), remedy: remedy.into(), error: None }
    }

    /// An item that failed with this error.
    pub fn failed(name: impl Into<ItemName>, error: &Error) -> Self {
        let item = CheckItem::new(name, Verdict::Failed, error.message.clone(), error.remedy.clone());
        CheckItem { error: Some(error.clone()), ..item }
    }

    /// What made it fail, for the report's own `error`.
    pub fn as_error(&self) -> Error {
        let told = || Error::new(Code::Unexpected, self.message.clone(), self.remedy.clone());
        self.error.clone().unwrap_or_else(told)
    }
}
