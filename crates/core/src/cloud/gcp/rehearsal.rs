//! Would the changes be allowed? Google tells which of a list of permissions the caller has on a resource
//! ("Method: instances.testIamPermissions" and its neighbours).

use super::{Body, Gcp, Seen, access_config::Address, alias_ip, compute::Compute, path::Path, vm::text};
use crate::{
    check::{CheckItem, CheckName, Verdict},
    error::{Code, Error},
};
use futures_util::future::{join, join_all};
use serde_json::{Value, json};

pub async fn all(gcp: &Gcp, compute: &Compute, seen: &Seen) -> Vec<CheckItem> {
    let permissions = async {
        let asked = match &seen.body {
            Body::AliasIp(body) => for_alias_ip(gcp, body),
            Body::Routes(body) => body.paths().map(|path| (path, &ON_A_ROUTE[..])).collect(),
        };
        join_all(asked.into_iter().map(|(path, list)| rehearse(compute, path, list))).await
    };
    let (scopes, mut items) = join(scopes(gcp), permissions).await;
    items.insert(0, scopes);
    items
}

/// "Compute Engine IAM roles and permissions", by the methods that a takeover calls. What it needs beside these, on the
/// project or the network, no resource tells.
const ON_A_VM: [&str; 4] = [
    "compute.instances.get",
    "compute.instances.updateNetworkInterface",
    "compute.instances.addAccessConfig",
    "compute.instances.deleteAccessConfig",
];
const ON_A_SUBNET: [&str; 2] = ["compute.subnetworks.use", "compute.subnetworks.useExternalIp"];
const ON_AN_ADDRESS: [&str; 2] = ["compute.addresses.get", "compute.addresses.use"];
const ON_A_ROUTE: [&str; 1] = ["compute.routes.delete"];

type Asked = Vec<(Path, &'static [&'static str])>;

fn for_alias_ip(gcp: &Gcp, seen: &alias_ip::Seen) -> Asked {
    let address = seen.address.as_ref().and_then(Address::path);
    let (on_a_vm, on_a_subnet) =
        if gcp.has_public_ip() { (&ON_A_VM[..], &ON_A_SUBNET[..]) } else { (&ON_A_VM[..2], &ON_A_SUBNET[..1]) };
    let mut asked: Asked = seen.members.vms.iter().map(|vm| (vm.path.clone(), on_a_vm)).collect();
    let interface = seen.members.own().and_then(|vm| vm.interface(gcp.config.network_interface));
    let subnet = interface.and_then(|interface| Path::from_link(text(interface, "subnetwork")));
    asked.extend(subnet.map(|path| (path, on_a_subnet)));
    asked.extend(address.map(|path| (path, &ON_AN_ADDRESS[..])));
    asked
}

async fn rehearse(compute: &Compute, path: Path, wanted: &[&str]) -> CheckItem {
    let name = CheckName::Permission.of(&path);
    let kind = path.as_str().rsplit('/').nth(1).unwrap_or_default();
    let call = format!("{kind}.testIamPermissions");
    let answer = compute.ask(&call, &path, "testIamPermissions", &json!({ "permissions": wanted })).await;
    let granted = match answer {
        Ok(answer) => answer,
        Err(error) => {
            let message = format!("what the service account may do there is not known: {}", error.message);
            return CheckItem::new(name, Verdict::Skipped, message, error.remedy.clone());
        }
    };
    let granted: Vec<&str> =
        granted.get("permissions").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    let missing: Vec<&str> = wanted.iter().filter(|permission| !granted.contains(permission)).copied().collect();
    if missing.is_empty() {
        return CheckItem::ok(name, format!("the service account has {}", wanted.join(", ")));
    }
    let error = Error::new(
        Code::Denied,
        format!("the service account lacks {} on {}", missing.join(", "), path.as_str()),
        "give it a role with these permissions (docs/install-gcp.md has the whole role)",
    );
    CheckItem::failed(name, &error)
}

/// The access scopes limit what any role gives.
async fn scopes(gcp: &Gcp) -> CheckItem {
    const NAME: CheckName = CheckName::Scopes;
    match gcp.metadata.scopes(&gcp.caller).await {
        Ok(scopes) if scopes.iter().any(|scope| scope.ends_with("/cloud-platform") || scope.ends_with("/compute")) => {
            CheckItem::ok(NAME, "the VM's access scopes allow changes")
        }
        Ok(scopes) => {
            let error = Error::new(
                Code::Denied,
                format!("the VM's access scopes leave Compute Engine out: {}", scopes.join(" ")),
                "stop the VM, gcloud compute instances set-service-account --scopes=cloud-platform, start it",
            );
            CheckItem::failed(NAME, &error)
        }
        Err(error) => CheckItem::new(NAME, Verdict::Skipped, error.message.clone(), error.remedy.clone()),
    }
}
