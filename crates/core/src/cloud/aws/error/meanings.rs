//! The table of EC2's and STS's errors: what a name, a call and a phrase mean for us, and what to do. The first row that fits counts.
//!
//! Source, unless a row names another: "Error codes for the Amazon EC2 API" (errors-overview) and "Common Errors" of the STS API
//! reference.

use crate::{cloud::remedies::LOOK_WHO_USES, error::Code};

/// What the remedies call the principal of the calls.
pub const OWN_ROLE: &str = "this instance's role";

/// What one error of EC2 or STS means.
struct Meaning {
    /// The names of the error, or their common end where one begins with `*`.
    names: &'static [&'static str],
    /// The calls that it is about; empty: all.
    calls: &'static [&'static str],
    /// What the message has to say; empty: anything.
    says: &'static str,
    code: Code,
    /// What to do; `{call}` stands for the call.
    remedy: &'static str,
    /// Whether a repeat may help although the code says nothing of that.
    passes: bool,
}

impl Meaning {
    const fn of(names: &'static [&'static str], code: Code, remedy: &'static str) -> Self {
        Meaning { names, calls: &[], says: "", code, remedy, passes: false }
    }

    fn fits(&self, name: &str, call: &str, message: &str) -> bool {
        let is_named = |known: &&str| match known.strip_prefix('*') {
            Some(end) => name.ends_with(end),
            None => name == *known,
        };
        self.names.iter().any(is_named)
            && (self.calls.is_empty() || self.calls.contains(&call))
            && message.contains(self.says)
    }
}

/// "UnauthorizedOperation" is EC2's name ("Error codes for the Amazon EC2 API"), the others are common to all services.
const NOT_AUTHORIZED: &[&str] = &["UnauthorizedOperation", "AccessDenied", "AccessDeniedException"];

/// A refusal whose message names the kind of policy ("Troubleshoot access denied error messages", IAM User Guide: "with an
/// explicit deny in a … policy", "because no … policy allows the … action").
const fn of_policy(says: &'static str, remedy: &'static str) -> Meaning {
    Meaning { says, ..Meaning::of(NOT_AUTHORIZED, Code::Denied, remedy) }
}

/// Every error that is more than its HTTP status; the first that fits counts.
const MEANINGS: &[Meaning] = &[
    of_policy(
        "service control policy",
        "a service control policy of the organization forbids {call}; no policy of this instance's role can allow it: ask the administrator of the organization",
    ),
    of_policy(
        "resource control policy",
        "a resource control policy of the organization forbids {call}; ask the administrator of the organization",
    ),
    of_policy(
        "VPC endpoint policy",
        "allow {call} in the policy of the VPC endpoint that leads to this service; the role's own policy is not what refuses it",
    ),
    // "You do not have permission to perform this operation on a shared VPC." ("Share your VPC subnets with other accounts": a
    // participant changes no route table.)
    of_policy(
        "shared VPC",
        "in a shared VPC the owner's account alone may do this: name a role of that account in `aws.roleArn`",
    ),
    of_policy("permissions boundary", "allow {call} in the permissions boundary of this instance's role"),
    of_policy("session policy", "allow {call} in the session policy that these credentials were issued with"),
    of_policy(
        "explicit deny in an identity-based policy",
        "take the explicit deny of {call} out of the policies of this instance's role; an allow beside it changes nothing",
    ),
    // Of the two sides of AssumeRole the message names this one alone ("AssumeRole", STS API reference).
    Meaning {
        calls: &["sts:AssumeRole"],
        ..Meaning::of(
            NOT_AUTHORIZED,
            Code::Denied,
            "allow sts:AssumeRole on that role to this instance's role, and name this instance's role as a principal in that role's trust policy",
        )
    },
    Meaning::of(
        NOT_AUTHORIZED,
        Code::Denied,
        "allow {call} to this instance's role (docs/install-aws.md has the whole policy)",
    ),
    // "AuthFailure: … you don't have permission to associate an Elastic IP address" ("Error codes"): the credentials are good.
    // People met it for a moment on an address of their own (AndrewGuenther/fck-nat#122).
    Meaning {
        calls: &["ec2:AssociateAddress", "ec2:DisassociateAddress"],
        says: "permission",
        passes: true,
        ..Meaning::of(
            &["AuthFailure"],
            Code::Denied,
            "see that the Elastic IP of `publicIp` belongs to this account and Region, and is in no transfer to another account",
        )
    },
    // The same meaning in older words (flexera-public/right_aws#113): "The address '…' does not belong to you."
    Meaning {
        calls: &["ec2:AssociateAddress", "ec2:DisassociateAddress"],
        says: "belong to you",
        ..Meaning::of(
            &["AuthFailure"],
            Code::InvalidConfig,
            "the Elastic IP of `publicIp` is another account's or another Region's: name one of this account and Region (`aws ec2 describe-addresses` lists them)",
        )
    },
    // turbot/steampipe-plugin-aws#1510, "Manage AWS STS in an AWS Region"; the STS API reference says `RegionDisabled`.
    Meaning::of(
        &["RegionDisabledException", "RegionDisabled"],
        Code::Denied,
        "activate AWS STS in this Region for the account that the message names (IAM console, account settings)",
    ),
    Meaning::of(
        &["OperationNotPermitted"],
        Code::Denied,
        "what the message names is managed by an AWS service or belongs to another account, so no policy of this instance's role allows {call}: take it out of the configuration; for another account's route tables, name a role of that account in `aws.roleArn`",
    ),
    // "A reverse DNS record may be associated with the Elastic IP address."
    Meaning::of(
        &["InvalidAddress.Locked"],
        Code::Denied,
        "ask AWS Support to unlock this Elastic IP, or configure another one; AWS has locked it, mostly for its reverse DNS record",
    ),
    Meaning::of(
        &["OptInRequired", "Blocked", "PendingVerification", "AccountDisabled"],
        Code::Denied,
        "AWS has not enabled this account or Region for the service; AWS Support says why",
    ),
    Meaning::of(
        &[
            "AuthFailure",
            "InvalidClientTokenId",
            "SignatureDoesNotMatch",
            "ExpiredToken",
            "ExpiredTokenException",
            "RequestExpired",
            "InvalidSecurity.RequestHasExpired",
            "MissingAuthenticationToken",
            "IncompleteSignature",
            "UnrecognizedClientException",
        ],
        Code::Unauthenticated,
        "see that the instance has a role (instance profile) and that its clock is right",
    ),
    Meaning::of(
        &[
            "RequestLimitExceeded",
            "EC2ThrottledException",
            "Throttling",
            "ThrottlingException",
            "ThrottledException",
            "TooManyRequestsException",
            "RequestThrottled",
            "RequestThrottledException",
            "Client.RequestLimitExceeded",
            "SlowDown",
            "BandwidthLimitExceeded",
            "PriorRequestNotComplete",
        ],
        Code::Throttled,
        TOO_MANY_CALLS,
    ),
    Meaning::of(
        &[
            "RouteAlreadyExists",
            "InvalidIPAddress.InUse",
            "Resource.AlreadyAssociated",
            "Resource.AlreadyAssigned",
            "InvalidPrivateIpAddress.InUse",
        ],
        Code::Conflict,
        "look at who uses the address or route now",
    ),
    Meaning::of(
        &["InvalidRoute.InvalidState"],
        Code::Conflict,
        "EC2 calls the route of the VIP that stands in that table invalid: delete it there (`aws ec2 delete-route`), then call again",
    ),
    // "[10.0.1.201] assigned, but move is not allowed": its interface does not let it go.
    Meaning { says: "move is not allowed", ..Meaning::of(&["InvalidParameterValue"], Code::Conflict, LOOK_WHO_USES) },
    // "Subnet CIDR reservations" (VPC user guide); the other is "Address does not fall within the subnet's address range".
    Meaning { says: "eservation", ..Meaning::of(&["InvalidParameterValue"], Code::InvalidConfig, OTHER_ADDRESS) },
    Meaning {
        says: "does not fall within the subnet",
        ..Meaning::of(&["InvalidParameterValue"], Code::InvalidConfig, OTHER_ADDRESS)
    },
    // The resource is changing into a state in which the call works.
    Meaning::of(
        &[
            "IncorrectState",
            "IncorrectInstanceState",
            "InvalidState",
            "InternalError",
            "InternalFailure",
            "Unavailable",
            "ServiceUnavailable",
            "RequestTimeout",
            "RequestTimeoutException",
            "RetryableError",
        ],
        Code::Unavailable,
        IT_PASSES,
    ),
    // "The pending instance … is not in a valid state for this operation" (hashicorp/terraform-provider-aws#3072).
    Meaning { says: "not in a valid state", ..Meaning::of(&["InvalidInstanceID"], Code::Unavailable, IT_PASSES) },
    // These name this member's own interface, which the metadata service has shown: EC2's answer is older ("Eventual consistency in the
    // Amazon EC2 API").
    Meaning {
        calls: &[
            "ec2:ReplaceRoute",
            "ec2:CreateRoute",
            "ec2:AssociateAddress",
            "ec2:AssignPrivateIpAddresses",
            "ec2:UnassignPrivateIpAddresses",
        ],
        ..Meaning::of(
            &["InvalidNetworkInterfaceID.NotFound", "InvalidNetworkInterfaceId.NotFound"],
            Code::Unavailable,
            "EC2 does not know this member's own network interface yet; call again, and see that it was not detached",
        )
    },
    Meaning::of(
        &["*.NotFound"],
        Code::NotFound,
        "correct the id in the configuration, and see that it is in this Region and VPC",
    ),
    // "… for that type of instance."
    Meaning::of(&["PrivateIpAddressLimitExceeded"], Code::LimitExceeded, NO_MORE_ADDRESSES),
    Meaning::of(
        &["InsufficientFreeAddressesInSubnet"],
        Code::LimitExceeded,
        "free addresses in the subnet: it has none left",
    ),
    Meaning::of(
        &["*LimitExceeded"],
        Code::LimitExceeded,
        "raise the quota in Service Quotas, or remove what is no longer used",
    ),
    Meaning::of(
        &["Gateway.NotAttached"],
        Code::InvalidConfig,
        "attach an internet gateway to the VPC, or take `publicIp` out of the configuration: no Elastic IP works without one",
    ),
    // "Value '…' at 'roleArn' failed to satisfy constraint".
    Meaning {
        calls: &["sts:AssumeRole"],
        ..Meaning::of(&["ValidationError"], Code::InvalidConfig, "correct `aws.roleArn`")
    },
    Meaning::of(&["*.Malformed"], Code::InvalidConfig, "correct the id in the configuration"),
];

/// The limit of an instance type.
pub const NO_MORE_ADDRESSES: &str = "this instance type lets an interface have no more private addresses, and no quota changes that: take addresses off the interface that nobody needs, or choose a larger instance type";
const OTHER_ADDRESS: &str = "choose a VIP inside the members' subnet and outside its CIDR reservations";
const TOO_MANY_CALLS: &str = "too many calls in this account and Region; call again, and look who else calls EC2";
/// What to do about an error that no row knows.
pub const UNKNOWN: &str = "look at the message and at the AWS documentation of this call";
const NOT_AWS: &str = "something between this machine and AWS answers in its place; look for a proxy or a login page (`http.proxy`, `aws.endpoints`)";
const NOT_AWS_PASSES: &str = "a proxy or a load balancer on the way answers in place of AWS, which names its errors; call again, and look at it if it does not pass (`http.proxy`, `aws.endpoints`)";
const IT_PASSES: &str = "AWS says that this passes; call again, and look at the AWS Health Dashboard if it does not";

/// The code, the remedy, and whether a repeat may help although the code says nothing of that.
pub fn meaning(call: &str, name: &str, status: u16, message: &str) -> (Code, String, bool) {
    if let Some(known) = MEANINGS.iter().find(|known| known.fits(name, call, message)) {
        return (known.code, known.remedy.replace("{call}", call), known.passes);
    }
    // EC2 names each of its errors: where there is no name, something else has answered.
    match (status, name.is_empty()) {
        (429, _) => (Code::Throttled, TOO_MANY_CALLS.into(), false),
        (500.., true) => (Code::Unavailable, NOT_AWS_PASSES.into(), false),
        (500.., false) => (Code::Unavailable, IT_PASSES.into(), false),
        (_, true) => (Code::Unexpected, NOT_AWS.into(), true),
        (_, false) => (Code::Unexpected, UNKNOWN.into(), false),
    }
}

#[cfg(test)]
mod tests;
