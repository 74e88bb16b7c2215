//! An example for each row of the table.

use super::*;

/// A row for each meaning: call, error, HTTP status, message, then the code, words of the remedy, and whether it may pass.
#[test]
fn an_error_is_what_the_documentation_says() {
    const REPLACE: &str = "ec2:ReplaceRoute";
    const ASSOCIATE: &str = "ec2:AssociateAddress";
    const ASSIGN: &str = "ec2:AssignPrivateIpAddresses";
    const ASSUME: &str = "sts:AssumeRole";
    let not_yours = "You do not have permission to access the specified resource.";
    let pending = "The pending instance 'i-1' is not in a valid state for this operation";
    let denied = |by: &str| format!("User: u is not authorized to perform: ec2:ReplaceRoute on resource: r {by}");
    let not_your_own = "The address '203.0.113.1' does not belong to you.";
    let shared = "You do not have permission to perform this operation on a shared VPC.";
    let (fixed, reserved) = ("[10.0.1.201] assigned, but move is not allowed.", "Subnet IP address reservation");
    let outside = "Address does not fall within the subnet's address range";
    for (call, name, status, message, code, words, passes) in [
        (ASSIGN, "InvalidParameterValue", 400, fixed.into(), Code::Conflict, "who uses", false),
        (ASSIGN, "InvalidParameterValue", 400, reserved.into(), Code::InvalidConfig, "reservations", false),
        (ASSIGN, "InvalidParameterValue", 400, outside.into(), Code::InvalidConfig, "inside", false),
        (ASSOCIATE, "AuthFailure", 400, not_your_own.into(), Code::InvalidConfig, "another account's", false),
        (REPLACE, "UnauthorizedOperation", 403, shared.into(), Code::Denied, "`aws.roleArn`", false),
        (ASSUME, "RegionDisabledException", 403, String::new(), Code::Denied, "activate AWS STS", false),
        (ASSUME, "ValidationError", 400, String::new(), Code::InvalidConfig, "`aws.roleArn`", false),
        (ASSOCIATE, "OperationNotPermitted", 400, String::new(), Code::Denied, "an AWS service", false),
        (ASSOCIATE, "InvalidAddress.Locked", 400, String::new(), Code::Denied, "AWS Support", false),
        (ASSOCIATE, "Gateway.NotAttached", 400, String::new(), Code::InvalidConfig, "internet gateway", false),
        // No name: a proxy's page.
        (REPLACE, "", 403, String::new(), Code::Unexpected, "login page", true),
        (REPLACE, "", 407, String::new(), Code::Unexpected, "`http.proxy`", true),
        (REPLACE, "AccountDisabled", 400, String::new(), Code::Denied, "AWS Support", false),
        (REPLACE, "InvalidRoute.InvalidState", 400, String::new(), Code::Conflict, "delete it there", false),
        (REPLACE, "RequestThrottledException", 400, String::new(), Code::Throttled, "too many calls", false),
        (REPLACE, "RetryableError", 400, String::new(), Code::Unavailable, "passes", false),
        (ASSIGN, "PrivateIpAddressLimitExceeded", 400, String::new(), Code::LimitExceeded, "instance type", false),
        (ASSIGN, "InsufficientFreeAddressesInSubnet", 400, String::new(), Code::LimitExceeded, "subnet", false),
        (ASSIGN, "Resource.AlreadyAssigned", 400, String::new(), Code::Conflict, "who uses", false),
        (REPLACE, "UnauthorizedOperation", 403, denied(""), Code::Denied, "allow ec2:ReplaceRoute to", false),
        (
            REPLACE,
            "UnauthorizedOperation",
            403,
            denied("with an explicit deny in a service control policy"),
            Code::Denied,
            "service control policy",
            false,
        ),
        (
            REPLACE,
            "UnauthorizedOperation",
            403,
            denied("with an explicit deny in a resource control policy"),
            Code::Denied,
            "resource control policy",
            false,
        ),
        (
            REPLACE,
            "UnauthorizedOperation",
            403,
            denied("because no VPC endpoint policy allows the ec2:ReplaceRoute action"),
            Code::Denied,
            "policy of the VPC endpoint",
            false,
        ),
        (
            REPLACE,
            "UnauthorizedOperation",
            403,
            denied("because no permissions boundary allows the ec2:ReplaceRoute action"),
            Code::Denied,
            "permissions boundary",
            false,
        ),
        (
            REPLACE,
            "AccessDenied",
            403,
            denied("because no session policy allows the action"),
            Code::Denied,
            "session policy",
            false,
        ),
        (
            REPLACE,
            "AccessDeniedException",
            403,
            denied("with an explicit deny in an identity-based policy"),
            Code::Denied,
            "explicit deny",
            false,
        ),
        (ASSUME, "AccessDenied", 403, denied(""), Code::Denied, "trust policy", false),
        (ASSOCIATE, "AuthFailure", 403, not_yours.into(), Code::Denied, "`publicIp`", true),
        (REPLACE, "AuthFailure", 401, not_yours.into(), Code::Unauthenticated, "instance profile", false),
        (REPLACE, "OptInRequired", 403, String::new(), Code::Denied, "AWS Support", false),
        (REPLACE, "RequestExpired", 400, String::new(), Code::Unauthenticated, "clock", false),
        (REPLACE, "RequestLimitExceeded", 503, String::new(), Code::Throttled, "too many calls", false),
        (REPLACE, "", 429, String::new(), Code::Throttled, "too many calls", false),
        (REPLACE, "InvalidRouteTableID.NotFound", 400, String::new(), Code::NotFound, "correct the id", false),
        (REPLACE, "InvalidRouteTableId.Malformed", 400, String::new(), Code::InvalidConfig, "correct the id", false),
        (REPLACE, "InvalidNetworkInterfaceID.NotFound", 400, String::new(), Code::Unavailable, "detached", false),
        (ASSOCIATE, "InvalidInstanceID", 400, pending.into(), Code::Unavailable, "passes", false),
        (REPLACE, "RouteLimitExceeded", 400, String::new(), Code::LimitExceeded, "Service Quotas", false),
        (REPLACE, "RouteAlreadyExists", 400, String::new(), Code::Conflict, "who uses", false),
        (REPLACE, "IncorrectState", 400, String::new(), Code::Unavailable, "passes", false),
        (REPLACE, "InternalError", 500, String::new(), Code::Unavailable, "AWS says that this passes", false),
        (REPLACE, "", 502, String::new(), Code::Unavailable, "in place of AWS", false),
        (REPLACE, "SomethingNew", 400, String::new(), Code::Unexpected, "documentation", false),
        (REPLACE, "", 404, String::new(), Code::Unexpected, "login page", true),
    ] {
        let (found, remedy, may_pass) = meaning(call, name, status, &message);
        assert_eq!((found, may_pass), (code, passes), "{call} {name} {status} {message}");
        assert!(remedy.contains(words), "{call} {name} {message}: {remedy}");
    }
}
