//! The errors of Resource Manager and of the network provider by their meaning: one row for each, with the source of the fact
//! above it. The first row that fits decides, so a narrow row stands above a wide one.

use crate::{
    cloud::remedies::{LOOK_IT_UP, LOOK_WHO_USES},
    error::Code,
    fate::{Cause, Fate},
};

/// What Azure said: the error itself, then its details.
pub struct Said {
    /// The status of the answer; `None` for the end of an operation.
    pub status: Option<u16>,
    /// `code` and `message` of the error and of each of its details.
    pub errors: Vec<(String, String)>,
}

/// One meaning.
pub struct Row {
    on: On,
    /// The error's name, or that of a detail. A star at the end or at the beginning stands for any characters.
    name: &'static str,
    /// What a message says as well, in any case; empty where the name says enough.
    phrase: &'static str,
    /// Our code, which says whether a repeat may help.
    pub code: Code,
    /// What became of the change, where that is not just a refusal.
    pub fate: Fate,
    /// Whether a `Retry-After` counts. A lock is free as soon as the other operation ends, whatever Azure guesses.
    pub waits_as_told: bool,
    remedy: Remedy,
}

#[derive(PartialEq)]
enum On {
    Answer,
    Operation,
    Either,
}

enum Remedy {
    Text(&'static str),
    /// A remedy that names what the messages name.
    Of(fn(&Said) -> String),
}

impl Row {
    const fn new(on: On, name: &'static str, phrase: &'static str, code: Code, remedy: Remedy) -> Self {
        Row { on, name, phrase, code, fate: Fate::NotSent, waits_as_told: true, remedy }
    }

    const fn because(mut self, cause: Cause) -> Self {
        self.fate = Fate::Refused(cause);
        self
    }

    const fn lock(on: On, name: &'static str) -> Self {
        let row = Row::new(on, name, "", Code::Unavailable, Remedy::Text(LOCK)).because(Cause::UnderWay);
        Row { waits_as_told: false, ..row }
    }

    /// The error or the detail that makes this row fit.
    fn fits<'a>(&self, said: &'a Said) -> Option<&'a str> {
        let on_operation = said.status.is_none();
        if self.on == if on_operation { On::Answer } else { On::Operation } {
            return None;
        }
        let has_phrase = |message: &String| message.to_ascii_lowercase().contains(&self.phrase.to_ascii_lowercase());
        if !said.errors.iter().any(|(_, message)| has_phrase(message)) {
            return None;
        }
        said.errors.iter().map(|(name, _)| name.as_str()).find(|name| names(self.name, name))
    }

    /// What to do.
    pub fn remedy(&self, said: &Said) -> String {
        match self.remedy {
            Remedy::Text(text) => text.to_owned(),
            Remedy::Of(make) => make(said),
        }
    }
}

/// The row that fits, and the name that made it fit.
pub fn find(said: &Said) -> Option<(&'static Row, &str)> {
    ROWS.iter().find_map(|row| Some((row, row.fits(said)?)))
}

fn names(pattern: &str, name: &str) -> bool {
    match (pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
        (Some(end), _) => name.ends_with(end),
        (_, Some(start)) => name.starts_with(start),
        _ => name == pattern,
    }
}

/// The remedy of a lost race.
pub const RACE: &str = "somebody else changes the same resource at the same time; call again";
const LOCK: &str = "another operation is under way on the same resource; call again when it is over, and look in the \
    resource's activity log for who began it if this goes on";
const ADDRESS: &str = "correct the address or the name in the configuration";
const PASSES: &str = "Azure says that this passes; call again, and look at Azure Service Health if it does not";
const QUOTA: &str = "raise the quota of the subscription, or remove what is no longer used";
const ENABLE: &str = "Azure takes no change in a subscription that is disabled: its owner has to enable it again (\"Reactivate a \
    disabled Azure subscription\")";
const GROUP_GOES: &str = "find out who deletes that resource group with all that is in it (the subscription's activity log tells); \
    Azure takes no other change there; if it is meant, take the group's interfaces out of `azure.nics` on every member";
const DIRECTORY: &str = "the subscription belongs to another directory than this VM's identity: correct `azure.subscriptionId`; \
    after a move of the subscription, make the VM's identity anew and give it the role again";

static ROWS: &[Row] = {
    use On::{Answer, Either, Operation};
    use Remedy::{Of, Text};
    &[
        // terraform-azure-bigip-module#63, bosh-azure-cpi-release#121; both spellings were seen.
        Row::new(Either, "PrivateIPAddressIsAllocated", "", Code::Conflict, Text(LOOK_WHO_USES)),
        Row::new(Either, "PrivateIPAddressInUse", "", Code::Conflict, Text(LOOK_WHO_USES)),
        Row::new(Either, "PublicIPAddressIsAllocated", "", Code::Conflict, Text(LOOK_WHO_USES)),
        // MicrosoftLearning/AZ-100-MicrosoftAzureInfrastructureDeployment#15.
        Row::new(Either, "PublicIPAddressInUse", "", Code::Conflict, Text(LOOK_WHO_USES)),
        // kubernetes-sigs/cloud-provider-azure#425: the detail is `PreconditionFailedEtagMismatch`.
        Row::new(Answer, "PreconditionFailed", "", Code::Conflict, Text(RACE)).because(Cause::Race),
        // Azure/azure-cli#21156. It is the name of the error or of its only detail. A newer change won: the engine has to
        // read its result before it decides anything.
        Row::new(Either, "CanceledAndSupersededDueToAnotherOperation", "", Code::Conflict, Text(RACE))
            .because(Cause::Superseded),
        // The same report: "Operation execution has been preempted by a more recent operation."
        Row::new(Either, "OperationPreempted", "", Code::Conflict, Text(RACE)).because(Cause::Superseded),
        // Azure/aks-engine#336, kubernetes/kubernetes#65025: no repeat mends a resource in the state Failed.
        Row::new(Either, "ReferencedResourceNotProvisioned", "is in Failed state", Code::Unexpected, Of(put_again)),
        // hashicorp/terraform#7986: `RetryableError` with this detail, while a resource that the body names is updated.
        Row {
            waits_as_told: false,
            ..Row::new(Either, "ReferencedResourceNotProvisioned", "", Code::Unavailable, Of(wait_for))
                .because(Cause::UnderWay)
        },
        // kubernetes/kubernetes#88151 (`RetryableError` with this detail, "can be retried in 11 seconds"); "Understand how Azure
        // Resource Manager throttles requests": a 429, and no quota.
        Row::lock(Either, "RetryableErrorDueToAnotherOperation"),
        // microsoft/AzureTRE#2222.
        Row::lock(Either, "AnotherOperationInProgress"),
        Row::new(Either, "RetryableError*", "", Code::Unavailable, Text(PASSES)),
        // sassoftware/viya4-iac-azure#140, hashicorp/terraform-provider-azurerm#6669: "… is not allowed on VM '…' since the VM
        // is marked for deletion. You can only retry the Delete operation (or wait for an ongoing one to complete)."
        Row::new(Either, "OperationNotAllowed", "marked for deletion", Code::Unavailable, Of(until_deleted)),
        // "Resolve errors for resource quotas": "… exceeding approved … quota".
        Row::new(Either, "OperationNotAllowed", "quota", Code::LimitExceeded, Text(QUOTA)),
        Row::new(Either, "OperationNotAllowed", "", Code::Unavailable, Text(PASSES)),
        // Azure/azure-powershell#14460: "An internal execution error occurred. Retry later."
        Row::new(Operation, "InternalExecutionError", "", Code::Unavailable, Text(PASSES)),
        Row::new(Operation, "InternalServerError", "", Code::Unavailable, Text(PASSES)),
        // Azure/azure-sdk-for-java#2560: 409, "… because following scope(s) are locked: '…'. Please remove the lock …".
        Row::new(Either, "ScopeLocked", "", Code::Denied, Of(unlock)),
        // Azure-Samples/azuresandbox#196, microsoft/vscode-apimanagement#348.
        Row::new(
            Either,
            "RequestDisallowedByPolicy",
            "",
            Code::Denied,
            Text("ask for an exemption from the policy that the message names, or for a change of it"),
        ),
        // "Understand Azure deny assignments": "… has permission to perform action '…' …; however, the access is denied because of
        // the deny assignment with name '…'". "Troubleshoot Automanage" and the messages name who makes them.
        Row::new(Either, "*AuthorizationFailed", "deny assignment", Code::Denied, Of(excluded)),
        Row::new(Either, "DenyAssignmentAuthorizationFailed", "", Code::Denied, Of(excluded)),
        // "Resolve errors for resource provider registration", with all of these names; a 409 or a 404.
        Row::new(Either, "*SubscriptionRegistration", "", Code::Denied, Of(register)),
        Row::new(Either, "InvalidSubscriptionRegistrationState", "", Code::Denied, Of(register)),
        Row::new(Either, "SubscriptionNotRegistered", "", Code::Denied, Of(register)),
        Row::new(Either, "MissingRegistrationForLocation", "", Code::Denied, Of(register)),
        Row::new(Either, "NoRegisteredProviderFound", "", Code::Denied, Of(register)),
        // "Reactivate a disabled Azure subscription": "The subscription '…' is disabled and therefore marked as read only"; a 409.
        Row::new(Either, "*DisabledSubscription", "", Code::Denied, Text(ENABLE)),
        // "Common error codes for Azure Resource Manager": "Wait for deletion to complete", which is no hope for what is in it.
        Row::new(Either, "ResourceGroupBeingDeleted", "", Code::Denied, Text(GROUP_GOES)),
        // The same list; "Transfer an Azure subscription to a different Microsoft Entra directory".
        Row::new(Answer, "InvalidAuthenticationTokenTenant", "", Code::Unauthenticated, Text(DIRECTORY)),
        // kubernetes-sigs/cloud-provider-azure#1999: the right on what the body refers to.
        Row::new(Either, "LinkedAuthorizationFailed", "", Code::Denied, Of(linked_right)),
        // "Troubleshoot Azure RBAC"; Azure/CloudShell#561 (text).
        Row::new(Either, "AuthorizationFailed", "", Code::Denied, Of(right)),
        // "Common error codes for Azure Resource Manager".
        Row::new(
            Answer,
            "SubscriptionNotFound",
            "",
            Code::NotFound,
            Text(
                "correct `azure.subscriptionId`, or the subscription in the id; one of another directory or another Azure cloud is not found either",
            ),
        ),
        Row::new(
            Answer,
            "ResourceGroupNotFound",
            "",
            Code::NotFound,
            Text("correct `azure.resourceGroup`, or the resource group in the id"),
        ),
        // scylladb/scylla-cluster-tests#7388 has `NotFound` of an interface that was deleted beside it.
        Row::new(
            Operation,
            "*NotFound",
            "",
            Code::NotFound,
            Text(
                "look whether somebody deletes that resource; take it out of the configuration if it is gone for good",
            ),
        ),
        // hashicorp/terraform-provider-azurerm#4225 and #15265; "Azure Virtual Network FAQ".
        Row::new(Either, "PrivateIPAddressNotIn*", "", Code::InvalidConfig, Text(ADDRESS)),
        Row::new(Either, "PrivateIPAddressInReservedRange", "", Code::InvalidConfig, Text(ADDRESS)),
        // MicrosoftDocs/azure-docs#81734: "Resource … referenced by resource … was not found." Most of what an interface refers to
        // stands in no configuration of ours.
        Row::new(Either, "InvalidResourceReference", "", Code::InvalidConfig, Of(restore)),
        Row::new(Either, "InvalidRequestFormat", "", Code::InvalidConfig, Text(ADDRESS)),
        Row::new(Either, "InvalidResourceName", "", Code::InvalidConfig, Text(ADDRESS)),
        // fortinet/azure-templates#43, MicrosoftDocs/azure-docs#64801.
        Row::new(
            Either,
            "ComputeResourceZoneConstraintDoesNotMatchPublicIPAddressZoneConstraint",
            "",
            Code::InvalidConfig,
            Text(
                "choose a public address of SKU Standard in all zones (docs/install-azure.md has the command): the zones of one that exists cannot be changed",
            ),
        ),
        // microsoft/MCW-SAP-NetWeaver-on-Azure#15, MicrosoftDocs/azure-docs#112083.
        Row::new(
            Either,
            "DifferentSkuLoadBalancersAndPublicIPAddressNotAllowed",
            "",
            Code::InvalidConfig,
            Text("give all public addresses and load balancers of the members' machines one SKU, Standard"),
        ),
        // Azure/azure-cli#21551, hashicorp/terraform-provider-azurerm#5591.
        Row::new(
            Either,
            "AllIpConfigurationsOnANicMustBelongToTheSameApplicationSecurityGroups",
            "",
            Code::InvalidConfig,
            Text("put all ip-configurations of that interface into the same application security groups"),
        ),
        // "Azure subscription and service limits, quotas, and constraints".
        Row::new(Either, "*LimitReached", "", Code::LimitExceeded, Text(QUOTA)),
        Row::new(Either, "*QuotaExceeded", "", Code::LimitExceeded, Text(QUOTA)),
        Row::new(
            Either,
            "SubnetIsFull",
            "",
            Code::LimitExceeded,
            Text("remove an ip-configuration of the subnet that is no longer used, or make the subnet larger"),
        ),
    ]
};

/// The code of an answer that no row knows.
pub const fn by_status(status: u16) -> Code {
    match status {
        401 => Code::Unauthenticated,
        403 => Code::Denied,
        404 => Code::NotFound,
        409 => Code::Unavailable,
        412 => Code::Conflict,
        429 => Code::Throttled,
        408 | 500..=599 => Code::Unavailable,
        _ => Code::Unexpected,
    }
}

/// What to do about an error that no row knows.
pub const fn by_code(code: Code) -> &'static str {
    match code {
        Code::Denied => {
            "give this VM's identity the action that the message names (docs/install-azure.md has the whole role)"
        }
        Code::Unauthenticated => "see that the identity is assigned to this VM and that the VM's clock is right",
        Code::NotFound => "correct the name, the resource group or the subscription in the configuration",
        Code::Conflict => LOOK_WHO_USES,
        Code::InvalidConfig => ADDRESS,
        Code::LimitExceeded => QUOTA,
        Code::Throttled => "too many calls with this identity or in this subscription; call again",
        Code::Unavailable => PASSES,
        _ => LOOK_IT_UP,
    }
}

/// The text between two others in any of the messages.
fn between<'a>(said: &'a Said, start: &str, end: char) -> Option<&'a str> {
    said.errors.iter().find_map(|(_, message)| {
        let (_, rest) = message.split_once(start)?;
        rest.split(end).next().map(str::trim).filter(|text| !text.is_empty())
    })
}

fn put_again(said: &Said) -> String {
    let failed = between(said, "because resource ", ' ').unwrap_or("the resource that the message names");
    // An ip-configuration or a subnet is written with what it belongs to.
    let whole: Vec<&str> = failed.split('/').take(9).collect();
    let whole = whole.join("/");
    format!(
        "put {whole} again as it is, for example `az resource update --ids {whole}` (\"Troubleshoot Azure \
        Microsoft.Network failed provisioning state\"), then call again: the state Failed does not pass by itself"
    )
}

fn wait_for(said: &Said) -> String {
    let busy = between(said, "because resource ", ' ').unwrap_or("the resource that the message names");
    format!("Azure still changes {busy}; call again when that is over")
}

fn until_deleted(said: &Said) -> String {
    let machine = between(said, "on VM '", '\'').map_or_else(|| "that VM".to_owned(), |name| format!("the VM {name}"));
    format!(
        "{machine} is being deleted: call again when it is gone, and take its interface out of `azure.nics` on every \
        member; if it is to stay gone for long, consider the mechanism `route`, which does not touch the other member"
    )
}

fn unlock(said: &Said) -> String {
    remove_lock(between(said, "are locked: '", '\'').unwrap_or("the scope that the message names"))
}

/// What to do about a lock of a scope.
pub fn remove_lock(scope: &str) -> String {
    format!(
        "remove the lock on {scope} (`az lock list --resource {scope}` shows it), or set a lock of the kind CanNotDelete"
    )
}

/// The action that the identity lacks, and where it lacks it.
pub fn lacking(said: &Said) -> Option<(&str, &str)> {
    lacking_there(said).or_else(|| lacking_on_a_link(said))
}

fn lacking_there(said: &Said) -> Option<(&str, &str)> {
    Some((between(said, "perform action '", '\'')?, between(said, "over scope '", '\'')?))
}

/// Both spellings were seen: kubernetes-sigs/cloud-provider-azure#1999, Azure/karpenter-provider-azure#944.
fn lacking_on_a_link(said: &Said) -> Option<(&str, &str)> {
    let spellings = ["not have permission to perform action(s) '", "not have permission to perform action '"];
    let action = spellings.iter().find_map(|start| between(said, start, '\''))?;
    Some((action, between(said, "linked scope(s) '", '\'')?))
}

fn right(said: &Said) -> String {
    match lacking_there(said) {
        Some((action, scope)) => format!(
            "give this VM's identity the action {action} on {scope} (docs/install-azure.md has the whole role); a new \
             assignment takes up to ten minutes"
        ),
        None => by_code(Code::Denied).to_owned(),
    }
}

fn excluded(said: &Said) -> String {
    let assignment = between(said, "deny assignment with name '", '\'').unwrap_or("that the message names");
    format!(
        "no role helps against the deny assignment {assignment}: whatever made it (a deployment stack, a managed application, a \
        blueprint) has to exclude this VM's identity from it, or its administrator has to"
    )
}

fn register(said: &Said) -> String {
    let namespace = between(said, "namespace '", '\'').unwrap_or("Microsoft.Network");
    format!(
        "register {namespace} in the subscription (`az provider register --namespace {namespace}`), and wait a few minutes"
    )
}

fn restore(said: &Said) -> String {
    let lost = between(said, "Resource ", ' ').filter(|id| id.starts_with('/'));
    match (lost, between(said, "referenced by resource ", ' ')) {
        (Some(lost), Some(by)) => format!(
            "{lost} is gone or in another region: make it again, or take it off {by}; where the configuration names it, \
            correct it there"
        ),
        _ => "correct the id that the message names: in the configuration, or on the interface that refers to it"
            .to_owned(),
    }
}

fn linked_right(said: &Said) -> String {
    match lacking_on_a_link(said) {
        Some((action, scope)) => format!(
            "give this VM's identity the action {action} on {scope}, which the interface refers to (docs/install-azure.md \
             has the whole role)"
        ),
        None => {
            "give this VM's identity the join action that the message names (docs/install-azure.md has the whole role)"
                .to_owned()
        }
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
