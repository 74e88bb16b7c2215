//! Which types there are, and which versions of the API they have.

use super::super::error::{ArmError, Result};
use super::super::world::World;
use super::Asked;

/// The Network versions, as an answer of Azure lists them in <https://github.com/Azure/azure-cli/issues/28496> from 2018
/// on; later ones as the vendor's SDKs use them.
const NETWORK: &str = "
    2018-01-01 2018-02-01 2018-03-01 2018-04-01 2018-05-01 2018-06-01 2018-07-01 2018-08-01 2018-10-01
    2018-11-01 2018-12-01 2019-02-01 2019-04-01 2019-06-01 2019-07-01 2019-08-01 2019-09-01 2019-11-01
    2019-12-01 2020-01-01 2020-03-01 2020-04-01 2020-05-01 2020-06-01 2020-07-01 2020-08-01 2020-11-01
    2021-01-01 2021-02-01 2021-03-01 2021-04-01 2021-05-01 2021-06-01 2021-08-01 2021-12-01 2022-01-01
    2022-05-01 2022-07-01 2022-09-01 2022-11-01 2023-02-01 2023-04-01 2023-05-01 2023-06-01 2023-09-01
    2023-11-01 2024-01-01 2024-03-01 2024-05-01 2024-07-01 2024-10-01 2025-01-01 2025-03-01 2025-05-01
    2025-07-01 2025-09-01 2026-01-01 2026-03-01
";
const COMPUTE: &str = "2022-11-01 2023-03-01 2023-07-01 2023-09-01 2024-03-01 2024-07-01 2024-11-01";
const AUTHORIZATION: &str = "2015-07-01 2016-09-01 2018-07-01 2022-04-01";

/// Refuses a type or a version that is not there.
pub(super) fn check(asked: &Asked, world: &World) -> Result<()> {
    let version = asked.version.as_str();
    let namespace = asked.path.namespace.as_str();
    let kind = asked.path.kind();
    let (types, versions): (&[&str], &str) = match namespace.to_lowercase().as_str() {
        "microsoft.network" => (
            &[
                "networkinterfaces",
                "publicipaddresses",
                "virtualnetworks",
                "virtualnetworks/checkipaddressavailability",
                "virtualnetworks/subnets",
                "routetables",
                "routetables/routes",
                "locations/operations",
                "locations/operationresults",
            ],
            NETWORK,
        ),
        "microsoft.compute" => (&["virtualmachines", "virtualmachines/instanceview"], COMPUTE),
        "microsoft.authorization" => (&["permissions", "locks"], AUTHORIZATION),
        _ => {
            let message = format!("The resource namespace '{namespace}' is invalid.");
            return Err(ArmError::new(404, "InvalidResourceNamespace", message));
        }
    };
    let versions: Vec<&str> = versions.split_whitespace().collect();
    if !looks_like_a_version(version) {
        let message =
            format!("The api-version '{version}' is invalid. The supported versions are '{}'.", versions.join(","));
        return Err(ArmError::bad("InvalidApiVersionParameter", message));
    }
    if !types.contains(&kind.to_lowercase().as_str()) {
        let message = format!(
            "The resource type '{kind}' could not be found in the namespace '{namespace}' for api version '{version}'. \
             The supported api-versions are '{}'.",
            versions.join(",")
        );
        return Err(ArmError::new(404, "InvalidResourceType", message));
    }
    if versions.contains(&version) {
        return Ok(());
    }
    let message = format!(
        "No registered resource provider found for location '{0}' and API version '{version}' for type '{kind}'. The \
         supported api-versions are '{1}'. The supported locations are '{0}'.",
        world.location,
        versions.join(", ")
    );
    Err(ArmError::bad("NoRegisteredProviderFound", message))
}

/// `2024-05-01`, with `-preview` or without.
fn looks_like_a_version(text: &str) -> bool {
    let date = text.strip_suffix("-preview").unwrap_or(text);
    date.len() == 10
        && date
            .bytes()
            .enumerate()
            .all(|(at, byte)| if at == 4 || at == 7 { byte == b'-' } else { byte.is_ascii_digit() })
}
