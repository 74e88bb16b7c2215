//! The table of Google's errors: what a status, a name and a phrase mean for us, on whose word, and what to do. The first row that
//! fits counts. A name is the reason of an answer or of one of its details, or the code of an operation. Whether a repeat may help
//! follows from our code.

use crate::{
    cloud::remedies::{LOOK_IT_UP, LOOK_WHO_USES},
    error::Code,
};

/// One row.
#[derive(Debug)]
pub struct Meaning {
    /// HTTP statuses; empty for any, or none.
    statuses: &'static [u16],
    /// Google's names, with `*` at an end for any rest; empty for any, or none.
    names: &'static [&'static str],
    /// What the message says, in lower case; empty for anything.
    phrase: &'static str,
    pub code: Code,
    pub remedy: &'static str,
    /// Where Google, or somebody who met it, says so.
    #[cfg_attr(not(test), allow(dead_code, reason = "for the reader, and a test sees that each row has one"))]
    source: &'static str,
}

/// Stands in a remedy for the permission that the message may name.
pub const NAMED: &str = "the permission that the message names";
const PERMISSION: &str =
    "give this VM's service account the permission that the message names (docs/install-gcp.md has the whole role)";
const REFUSED: &str =
    "the message says why Google refuses this; ask the administrator of the project or the organisation";
const SCOPE: &str = "the VM's access scopes leave Compute Engine out, whatever roles its service account has: stop the VM, give it \
    the scope cloud-platform (gcloud compute instances set-service-account --scopes=cloud-platform), start it";
const SWITCHED_OFF: &str = "switch the Compute Engine API on in the project (gcloud services enable compute.googleapis.com), \
    and wait a few minutes";
const PERIMETER: &str = "the administrator of the organisation has to let this VM through its VPC Service Controls; the message has the number of the \
    refusal in their log";
const QUOTA: &str = "raise the quota of the project, or remove what is no longer used";
const SPACE: &str = "free an address of the subnet's range that is full, or make that larger (gcloud compute networks subnets \
    expand-ip-range; a secondary range cannot grow, so choose another one in `subnetworkRange`)";
const THROTTLED: &str = "call again in a minute; look who else calls Compute Engine so often in this project";
const BUSY: &str = "call again in a minute; look who else changes this resource so often";
const PASSES: &str = "Google says that this passes; call again, and look at status.cloud.google.com if it does not";
const NOT_READY: &str = "call again; another change of the same resource is under way, or its VM starts or stops";
const EXISTS: &str = "somebody has made it already; call again, and look at who if it happens every time";
const NAME: &str = "correct the name, the zone or the project in the configuration";
const VALUE: &str = "correct the value that the message names, where it stands in the configuration";
const HIDES: &str = "choose an address that is in no subnet of the network, and that Google has not reserved for one";
const DOMAIN: &str = "verify the domain of the PTR record for this VM's service account";
const IDENTITY: &str = "see that the VM has a service account and that its clock is right";
const BILLING: &str = "enable billing for the project, or see that its account is in order";

const API_ERRORS: &str = "Troubleshooting API errors (Compute Engine)";
const CODES: &str = "codes as in the discovery document and in F5Networks/f5-google-gdm-templates#78";
const REPORTS: &str = "as quoted in public reports";

/// A row, in the order of its fields.
const fn row(
    statuses: &'static [u16],
    names: &'static [&'static str],
    phrase: &'static str,
    code: Code,
    remedy: &'static str,
    source: &'static str,
) -> Meaning {
    Meaning { statuses, names, phrase, code, remedy, source }
}

/// The rows.
pub static MEANINGS: [Meaning; 35] = [
    row(&[401], &[], "", Code::Unauthenticated, IDENTITY, API_ERRORS),
    // Over the status, since an answer may have it as well as an operation.
    row(
        &[],
        &["IP_SPACE_EXHAUSTED*"],
        "",
        Code::LimitExceeded,
        SPACE,
        "GoogleCloudPlatform/cluster-toolkit#2389, Privatehive/gcp-hosted-github-runner#7",
    ),
    // 403: the status says nothing, the name and the words do.
    row(&[], &["accessNotConfigured", "SERVICE_DISABLED"], "", Code::Denied, SWITCHED_OFF, "hashicorp/terraform#19912"),
    row(
        &[],
        &["insufficientPermissions", "ACCESS_TOKEN_SCOPE_INSUFFICIENT"],
        "",
        Code::Denied,
        SCOPE,
        "Authenticate workloads to Google APIs using service accounts",
    ),
    row(
        &[403, 429],
        &["rateLimitExceeded", "userRateLimitExceeded", "dailyLimitExceeded", "RATE_LIMIT_EXCEEDED"],
        "",
        Code::Throttled,
        THROTTLED,
        "Rate quotas (Compute Engine)",
    ),
    row(&[429], &[], "", Code::Throttled, THROTTLED, API_ERRORS),
    // In an operation, whatever its status.
    row(&[], &["RESOURCE_OPERATION_RATE_EXCEEDED"], "", Code::Throttled, BUSY, CODES),
    row(&[403], &["SECURITY_POLICY_VIOLATED"], "", Code::Denied, PERIMETER, "Troubleshooting VPC Service Controls"),
    row(&[403], &[], "organization's policy", Code::Denied, PERIMETER, "Troubleshooting VPC Service Controls"),
    row(&[403], &["quotaExceeded"], "", Code::LimitExceeded, QUOTA, API_ERRORS),
    row(&[403, 413], &[], "quota '", Code::LimitExceeded, QUOTA, REPORTS),
    row(&[403], &["BILLING_DISABLED", "billingNotEnabled"], "", Code::Denied, BILLING, "google.api.ErrorReason"),
    row(&[403], &[], "billing", Code::Denied, BILLING, REPORTS),
    row(&[], &["PERMISSIONS_ERROR", "FORBIDDEN"], "permission", Code::Denied, PERMISSION, CODES),
    row(&[], &["PERMISSIONS_ERROR", "FORBIDDEN"], "", Code::Denied, REFUSED, CODES),
    row(&[], &["*QUOTA*", "*LIMIT_EXCEEDED"], "", Code::LimitExceeded, QUOTA, CODES),
    // What passes.
    row(
        &[],
        &["resourceNotReady", "RESOURCE_NOT_READY"],
        "",
        Code::Unavailable,
        NOT_READY,
        "terraform-google-modules/terraform-google-network#365, GoogleCloudPlatform/magic-modules#13881",
    ),
    row(&[400], &[], "is not ready", Code::Unavailable, NOT_READY, "GoogleCloudPlatform/magic-modules#13881"),
    row(
        &[],
        &["INTERNAL*", "BACKEND_ERROR", "SERVICE_UNAVAILABLE", "ZONE_RESOURCE_POOL_EXHAUSTED*"],
        "",
        Code::Unavailable,
        PASSES,
        CODES,
    ),
    // A 403 that no name explains.
    row(&[403], &[], "permission", Code::Denied, PERMISSION, API_ERRORS),
    row(&[403], &[], "", Code::Denied, REFUSED, API_ERRORS),
    // What is in the way.
    row(
        &[],
        &["resourceInUseByAnotherResource", "*IN_USE_BY_ANOTHER_RESOURCE"],
        "",
        Code::Conflict,
        LOOK_WHO_USES,
        "F5Networks/f5-google-gdm-templates#78",
    ),
    row(&[], &["alreadyExists", "RESOURCE_ALREADY_EXISTS"], "", Code::Conflict, EXISTS, API_ERRORS),
    row(&[409], &[], "", Code::Conflict, LOOK_WHO_USES, API_ERRORS),
    row(&[400], &[], "already in-use", Code::Conflict, LOOK_WHO_USES, "public Terraform reports"),
    row(&[400], &[], "already being used", Code::Conflict, LOOK_WHO_USES, "hashicorp/terraform#18998"),
    row(&[], &[], "at most one access config", Code::Conflict, LOOK_WHO_USES, "doitintl/kubeip#59"),
    // What is wrong in the configuration.
    row(&[404], &[], "", Code::NotFound, NAME, API_ERRORS),
    row(&[], &["*RESOURCE_NOT_FOUND"], "", Code::NotFound, NAME, CODES),
    row(&[400], &[], "unknown zone", Code::NotFound, NAME, REPORTS),
    row(&[400], &[], "ptr domain", Code::InvalidConfig, DOMAIN, "hashicorp/terraform-provider-google#12204"),
    row(
        &[],
        &[],
        "hides the address space",
        Code::InvalidConfig,
        HIDES,
        "SUSE/ha-sap-terraform-deployments#655, rimusz/gke-haproxy-lb#4",
    ),
    row(&[], &["invalid", "INVALID*"], "", Code::InvalidConfig, VALUE, API_ERRORS),
    row(&[400], &[], "invalid value for field", Code::InvalidConfig, VALUE, API_ERRORS),
    row(&[408, 500, 502, 503, 504], &[], "", Code::Unavailable, PASSES, API_ERRORS),
];

/// For what stands in no row.
static UNKNOWN: Meaning = row(&[], &[], "", Code::Unexpected, LOOK_IT_UP, API_ERRORS);
/// For a server that fails in a way without a row.
static FAILED: Meaning = row(&[], &[], "", Code::Unavailable, PASSES, API_ERRORS);

/// What an error means that has this status, these names and this message.
pub fn meaning(status: Option<u16>, names: &[&str], message: &str) -> &'static Meaning {
    let message = message.to_ascii_lowercase();
    let row = MEANINGS.iter().find(|row| row.fits(status, names, &message));
    row.unwrap_or(if status.is_some_and(|status| status >= 500) { &FAILED } else { &UNKNOWN })
}

impl Meaning {
    fn fits(&self, status: Option<u16>, names: &[&str], message: &str) -> bool {
        (self.statuses.is_empty() || status.is_some_and(|status| self.statuses.contains(&status)))
            && (self.names.is_empty()
                || self.names.iter().any(|pattern| names.iter().any(|name| is_like(pattern, name))))
            && message.contains(self.phrase)
    }
}

fn is_like(pattern: &str, name: &str) -> bool {
    match (pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
        (Some(rest), Some(_)) => name.contains(rest.trim_end_matches('*')),
        (Some(end), None) => name.ends_with(end),
        (None, Some(start)) => name.starts_with(start),
        (None, None) => name == pattern,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An error for each row, in the order of the rows.
    const EXAMPLES: [(u16, &str, &str); 35] = [
        (401, "authError", "Invalid Credentials"),
        (0, "IP_SPACE_EXHAUSTED_WITH_DETAILS", "IP space of 'projects/p/regions/r/subnetworks/s' is exhausted."),
        (403, "accessNotConfigured", "Compute Engine API has not been used in project 1 before or it is disabled."),
        (403, "insufficientPermissions", "Request had insufficient authentication scopes."),
        (403, "rateLimitExceeded", "Quota exceeded for quota metric 'Queries' and limit 'Queries per minute'"),
        (429, "", "Resource has been exhausted"),
        (
            403,
            "RESOURCE_OPERATION_RATE_EXCEEDED",
            "Operation rate exceeded for resource 'projects/p/zones/z/instances/i'",
        ),
        (403, "SECURITY_POLICY_VIOLATED", "Request is prohibited."),
        (403, "forbidden", "Request is prohibited by organization's policy. vpcServiceControlsUniqueIdentifier: x"),
        (403, "quotaExceeded", "Quota 'ROUTES' exceeded. Limit: 250.0"),
        (403, "", "Quota 'ROUTES' exceeded. Limit: 250.0"),
        (403, "BILLING_DISABLED", "No."),
        (403, "forbidden", "This API method requires billing to be enabled."),
        (0, "PERMISSIONS_ERROR", "Required 'compute.addresses.use' permission for 'a'"),
        (0, "FORBIDDEN", "No."),
        (0, "QUOTA_EXCEEDED", "Quota 'ALIASES' exceeded."),
        (400, "resourceNotReady", "The resource 'projects/p/zones/z/instances/i' is not ready"),
        (400, "badRequest", "The resource 'projects/p/zones/z/instances/i' is not ready"),
        (0, "INTERNAL_ERROR", "Internal error. Please try again."),
        (403, "forbidden", "Required 'compute.instances.get' permission for 'projects/p'"),
        (403, "forbidden", "No."),
        (0, "IP_IN_USE_BY_ANOTHER_RESOURCE", "IP '10.0.0.250/32' is already being used by another resource."),
        (409, "alreadyExists", "The resource 'projects/p/global/routes/vip' already exists"),
        (409, "conflict", "No."),
        (400, "badRequest", "External IP address is already in-use."),
        (400, "badRequest", "IP '10.0.0.250' is already being used by another resource."),
        (400, "badRequest", "At most one access config currently supported."),
        (404, "notFound", "The resource 'projects/p/regions/r/addresses/a' was not found"),
        (0, "RESOURCE_NOT_FOUND", "The resource 'x' was not found"),
        (400, "invalid", "Invalid value for field 'zone': 'z'. Unknown zone."),
        (
            400,
            "invalid",
            "Please verify ownership of the PTR domain at https://www.google.com/webmasters/verification.",
        ),
        (400, "invalid", "Destination range 10.0.0.250/32 hides the address space of the network (10.0.0.0/24)."),
        (400, "invalid", "Invalid value for field 'x': 'y'."),
        (400, "badRequest", "Invalid value for field 'x': 'y'."),
        (503, "backendError", "Backend Error"),
    ];

    #[test]
    fn every_row_is_met_and_has_a_source_and_a_remedy() {
        for (row, (status, name, message)) in MEANINGS.iter().zip(EXAMPLES) {
            let status = Some(status).filter(|status| *status > 0);
            let met = meaning(status, &[name], message);
            assert!(std::ptr::eq(met, row), "{status:?} {name} {message}: {met:?}, not {row:?}");
            assert!(!row.source.is_empty() && row.remedy.len() > 20, "{row:?}");
        }
    }

    #[test]
    fn the_same_is_meant_by_every_name_that_google_gives_it() {
        let of = |name: &str| meaning(Some(400), &[name], "m").code;
        assert_eq!(
            (of("IP_SPACE_EXHAUSTED"), of("EXTERNAL_RESOURCE_NOT_FOUND")),
            (Code::LimitExceeded, Code::NotFound)
        );
        assert_eq!(of("ZONE_RESOURCE_POOL_EXHAUSTED_WITH_DETAILS"), Code::Unavailable);
        assert_eq!(meaning(Some(403), &["IP_SPACE_EXHAUSTED"], "m").code, Code::LimitExceeded);
    }

    #[test]
    fn what_stands_in_no_row_claims_no_cause() {
        let unknown = meaning(Some(400), &["failedPrecondition"], "This cannot be done now.");
        assert_eq!((unknown.code, unknown.remedy), (Code::Unexpected, UNKNOWN.remedy));
        assert_eq!(meaning(Some(599), &[], "").code, Code::Unavailable);
    }
}
