//! Whether the operating system accepts packets for the VIP, asked of a real one: each test runs itself again in a network of its own.

use super::member::Stage;
use crate::common::{
    Calls, assert_outcome,
    own_network::{self, ip},
    say_not_tested,
};
use serde_json::{Value, json};
use simulation::cloud::{Mechanism, Start};
use std::fs;

macro_rules! of_each {
    ($($name:ident: $mechanism:ident;)*) => {
        $(#[test] fn $name() {
            let test = concat!("conformance::local::", stringify!($name));
            own_network::run(test, "whether packets for the VIP are accepted", || inside(Mechanism::$mechanism));
        })*
    };
}

of_each! {
    aws_route: AwsRoute;
    aws_secondary_ip: AwsSecondaryIp;
    azure_ip_config: AzureIpConfig;
    azure_route: AzureRoute;
    gcp_alias_ip: GcpAliasIp;
    gcp_route: GcpRoute;
}

/// The severity of a status, and what it warns of; and the item of a check.
fn asked(stage: &Stage) -> ((Value, String), (String, String)) {
    let status = stage.b().status();
    assert_outcome(&status, "held");
    let check = stage.b().check();
    let items = check["checks"].as_array().expect("items");
    let item = items.iter().find(|item| item["name"] == "vipNotLocal").expect("an item");
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    ((status["severity"].clone(), status["warnings"].to_string()), (text(&item["result"]), text(&item["message"])))
}

fn inside(mechanism: Mechanism) {
    const ANY: &str = "/proc/sys/net/ipv4/ip_nonlocal_bind";
    ip("link set lo up");
    let stage = Stage::of(mechanism, Start::Second);
    let vip = stage.vip();
    // A container has another network than its machine, and the machine may well accept them.
    let ((severity, warnings), (result, message)) = asked(&stage);
    assert_eq!((severity, result.as_str()), (json!(0), "skipped"), "{message}");
    assert!(!warnings.contains("vipNotLocal") && message.contains("container"), "{warnings} {message}");

    ip(&format!("address add {}/32 dev lo", stage.address()));
    let ((severity, warnings), (result, _)) = asked(&stage);
    assert_eq!((severity, result.as_str()), (json!(2), "warning"), "{warnings}");
    assert!(warnings.contains(&format!("does not accept packets for {vip}, and drops them")), "{warnings}");

    // A route is as good as an address.
    ip(&format!("route add to local {vip} dev lo"));
    let ((severity, warnings), (result, message)) = asked(&stage);
    assert_eq!((severity, result.as_str()), (json!(0), "ok"), "{warnings} {message}");
    ip(&format!("route del to local {vip} dev lo"));
    assert_eq!(asked(&stage).1.0, "warning");

    if let Err(why) = fs::write(ANY, "1") {
        return say_not_tested(&format!("a system that binds to any address: {ANY}: {why}"));
    }
    let ((severity, _), (result, message)) = asked(&stage);
    assert_eq!((severity, result.as_str()), (json!(0), "skipped"), "{message}");
    assert!(message.contains("ip_nonlocal_bind"), "{message}");
    ip(&format!("address add {vip} dev lo"));
    assert_eq!(asked(&stage).1.0, "ok");
}
