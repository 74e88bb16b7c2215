//! What a network interface becomes by a write: all of the body, none of what was there before, save what only Azure
//! writes. A setting that is left out falls back to its default
//! (<https://github.com/Azure/azure-rest-api-specs/issues/11948>); a field that nobody here knows is kept as it came.

use serde_json::{Map, Value, json};

use super::super::error::{ArmError, Result};
use super::super::id;
use super::super::world::{World, ip_configs};

const TYPE: &str = "Microsoft.Network/networkInterfaces";

/// Properties that are Azure's own: what a caller sends is ignored.
const READ_ONLY: [&str; 9] = [
    "provisioningState",
    "resourceGuid",
    "macAddress",
    "virtualMachine",
    "primary",
    "hostedWorkloads",
    "tapConfigurations",
    "vnetEncryptionSupported",
    "allowPort25Out",
];

/// The network interface after the write, before addresses and states are settled.
pub(super) fn of(world: &World, old: Option<&Value>, body: &Value, id: &str, name: &str) -> Result<Value> {
    check_location(world, old, body, id, name)?;
    let empty = Map::new();
    let sent = body["properties"].as_object().unwrap_or(&empty);
    let mut properties = Map::new();
    for (field, default) in defaults() {
        properties.insert(field.into(), sent.get(field).filter(|value| !value.is_null()).cloned().unwrap_or(default));
    }
    for (field, value) in sent {
        if !READ_ONLY.contains(&field.as_str()) && !value.is_null() {
            properties.insert(field.clone(), value.clone());
        }
    }
    let known = old.map(|old| &old["properties"]);
    for field in READ_ONLY {
        if let Some(value) = known.and_then(|known| known.get(field)) {
            properties.insert(field.into(), value.clone());
        }
    }
    if old.is_none() {
        properties.insert("resourceGuid".into(), id::guid(&[id]).into());
        properties.insert("macAddress".into(), "".into());
    }
    properties.insert("dnsSettings".into(), dns(known, sent.get("dnsSettings")));
    properties.insert("ipConfigurations".into(), configurations(body, id, name, world.most_ip_configs)?);
    if let Some(group) = sent.get("networkSecurityGroup").and_then(|group| group["id"].as_str()) {
        properties.insert("networkSecurityGroup".into(), json!({ "id": group }));
    }

    let mut nic = Map::new();
    let old_name = old.and_then(|old| old["name"].as_str()).unwrap_or(name);
    nic.insert("name".into(), old_name.into());
    nic.insert("id".into(), id.into());
    nic.insert("etag".into(), old.map_or_else(|| id::next_etag(id).into(), |old| old["etag"].clone()));
    nic.insert("type".into(), TYPE.into());
    nic.insert("location".into(), world.location.as_str().into());
    nic.insert("kind".into(), "Regular".into());
    let own = ["name", "id", "etag", "type", "location", "kind", "properties"];
    for (field, value) in body.as_object().unwrap_or(&empty) {
        if !own.contains(&field.as_str()) && !value.is_null() {
            nic.insert(field.clone(), value.clone());
        }
    }
    nic.insert("properties".into(), properties.into());
    Ok(nic.into())
}

/// Settings and what they are when nobody says.
fn defaults() -> [(&'static str, Value); 6] {
    [
        ("enableAcceleratedNetworking", false.into()),
        ("enableIPForwarding", false.into()),
        ("disableTcpStateTracking", false.into()),
        ("nicType", "Standard".into()),
        ("auxiliaryMode", "None".into()),
        ("auxiliarySku", "None".into()),
    ]
}

fn check_location(world: &World, old: Option<&Value>, body: &Value, id: &str, name: &str) -> Result<()> {
    let squeezed = |text: &str| text.replace(' ', "").to_lowercase();
    let Some(location) = body["location"].as_str().filter(|location| !location.is_empty()) else {
        let message = "The location property is required for this definition.";
        return Err(ArmError::bad("LocationRequired", message));
    };
    if squeezed(location) == squeezed(&world.location) {
        return Ok(());
    }
    let message = match old {
        Some(_) => format!(
            "The resource '{name}' already exists in location '{}'. A resource with the same name cannot be created in \
             location '{location}'. Please select a new resource name.",
            world.location
        ),
        None => format!("The simulator has no location '{location}' for {id}."),
    };
    Err(ArmError::new(409, "InvalidResourceLocation", message))
}

/// DNS servers are the caller's, the suffix is Azure's.
fn dns(known: Option<&Value>, sent: Option<&Value>) -> Value {
    let mut dns = sent.and_then(Value::as_object).cloned().unwrap_or_default();
    let servers = dns.get("dnsServers").filter(|servers| servers.is_array()).cloned().unwrap_or_else(|| json!([]));
    dns.remove("internalDomainNameSuffix");
    dns.insert("appliedDnsServers".into(), servers.clone());
    dns.insert("dnsServers".into(), servers);
    if let Some(suffix) = known.and_then(|known| known["dnsSettings"].get("internalDomainNameSuffix")) {
        dns.insert("internalDomainNameSuffix".into(), suffix.clone());
    }
    dns.into()
}

fn configurations(body: &Value, id: &str, nic: &str, most: Option<usize>) -> Result<Value> {
    let sent = ip_configs(body);
    if sent.is_empty() {
        let message = format!("Network interface {nic} must have one or more IP configurations.");
        return Err(ArmError::bad("InvalidIPConfigCount", message));
    }
    if let Some(most) = most.filter(|most| sent.len() > *most) {
        let message = format!("Network interface {id} has reached the limit of {most} IP configurations.");
        return Err(ArmError::bad("IpConfigurationsLimitReached", message));
    }
    let mut names: Vec<String> = Vec::new();
    let mut configs = Vec::new();
    for config in sent {
        let Some(name) = config["name"].as_str().filter(|name| !name.is_empty()) else {
            return Err(ArmError::bad("InvalidRequestFormat", "Cannot parse the request.").detail(
                "MissingJsonReferenceId",
                format!("Value for reference id is missing in {id}/ipConfigurations."),
            ));
        };
        if names.contains(&name.to_lowercase()) {
            let message = format!("Resource {id} has two child resources with the same name ({name}).");
            return Err(ArmError::bad("DuplicateResourceName", message));
        }
        names.push(name.to_lowercase());
        configs.push(configuration(config, id, name));
    }
    let primaries = configs.iter().filter(|config| config["properties"]["primary"] == true).count();
    if let [only] = configs.as_mut_slice() {
        only["properties"]["primary"] = true.into();
    } else if primaries != 1 {
        // The text for none is as in Azure/azure-sdk-for-go#259; the one for several is ours.
        let how = if primaries == 0 {
            "specifies multiple IPConfigurations but none of the IPConfigurations is specified as Primary."
        } else {
            "specifies multiple IPConfigurations as Primary."
        };
        let message = format!("Network Interface {nic} {how}");
        return Err(ArmError::bad("NetworkInterfaceMustHaveOneOneIPConfigAsPrimary", message));
    }
    Ok(configs.into())
}

fn configuration(sent: &Value, id: &str, name: &str) -> Value {
    let mut properties = Map::new();
    properties.insert("provisioningState".into(), "Updating".into());
    properties.insert("privateIPAllocationMethod".into(), "Dynamic".into());
    properties.insert("primary".into(), false.into());
    properties.insert("privateIPAddressVersion".into(), "IPv4".into());
    for (field, value) in sent["properties"].as_object().into_iter().flatten() {
        if field != "provisioningState" && field != "privateLinkConnectionProperties" && !value.is_null() {
            properties.insert(field.clone(), value.clone());
        }
    }
    // A reference is shown as one, whatever was sent along with it.
    for field in ["subnet", "publicIPAddress"] {
        if let Some(id) = sent["properties"][field]["id"].as_str() {
            properties.insert(field.into(), json!({ "id": id }));
        }
    }
    json!({
        "name": name,
        "id": format!("{id}/ipConfigurations/{name}"),
        "etag": "",
        "type": "Microsoft.Network/networkInterfaces/ipConfigurations",
        "properties": properties,
    })
}
