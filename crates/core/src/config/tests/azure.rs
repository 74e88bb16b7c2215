//! The block of Azure.

use super::{assert_accepted, assert_mistakes};

const VIP: &str = r#""10.0.0.254""#;
const TWO: &str = r#"{"nics":["a","b"]}"#;

#[test]
fn every_mistake_names_place_found_and_expected() {
    let other = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/routeTables/t";
    assert_mistakes(
        "azure",
        &[
            (VIP, "{}", ["`azure.nics`", "0 interfaces", "at least two"]),
            (VIP, r#"{"nics":["a"]}"#, ["`azure.nics`", "1 interfaces", "at least two"]),
            (VIP, r#"{"nics":["a","a"]}"#, ["`azure.nics[1]`", "a", "already"]),
            (VIP, r#"{"nics":["a","A"]}"#, ["`azure.nics[1]`", "A", "already"]),
            (VIP, r#"{"nics":["a","b/c"]}"#, ["`azure.nics[1]`", "b/c", "name"]),
            (VIP, &format!(r#"{{"nics":["a","{other}"]}}"#), ["`azure.nics[1]`", "routeTables", "networkInterfaces"]),
            (VIP, r#"{"nics":["a","b"],"nisc":1}"#, ["`azure.nisc`", "not known", "probably `nics`"]),
            (VIP, r#"{"nics":["a","b"],"mechanism":"magic"}"#, ["`azure.mechanism`", "magic", "ipConfig"]),
            (VIP, r#"{"nics":["a","b"],"clientId":"me"}"#, ["`azure.clientId`", "me", "00000000-"]),
            (VIP, r#"{"nics":["a","b"],"subscriptionId":"mine"}"#, ["`azure.subscriptionId`", "mine", "00000000-"]),
            (VIP, r#"{"nics":["a","b"],"resourceGroup":"a/b"}"#, ["`azure.resourceGroup`", "a/b", "name"]),
            (
                VIP,
                r#"{"nics":["a","b"],"endpoints":{"management":"http://management.example.com"}}"#,
                ["`azure.endpoints.management`", "http://management", "https"],
            ),
            (VIP, r#"{"mechanism":"route"}"#, ["`azure.routeTables`", "missing", "route tables"]),
            (VIP, r#"{"mechanism":"route","routeTables":"t","publicIp":"p"}"#, ["`azure.publicIp`", "p", "no public"]),
            (r#""10.0.0.254/24""#, TWO, ["`vip`", "10.0.0.254/24", "/32"]),
            (r#"["10.0.0.5","10.0.0.6"]"#, TWO, ["`vip[1].name`", "vip", "of its own"]),
            (
                r#"[{"address":"10.0.0.5","name":"a"},{"address":"10.0.0.6","name":"b"}]"#,
                r#"{"nics":["a","b"],"publicIp":"p"}"#,
                ["`azure.publicIp`", "p", "own item"],
            ),
        ],
    );
}

#[test]
fn what_the_contract_shows_is_accepted() {
    assert_accepted(
        "azure",
        &[
            (VIP, TWO),
            (
                VIP,
                r#"{"mechanism":"ipConfig","resourceGroup":"rg","ipConfig":"vip","nics":["mirrora290_z1","mirrorb280_z2"],
                "publicIp":"my_vip_ip","routeTables":null,"routeName":"vip","subscriptionId":"auto","clientId":null,
                "endpoints":{"management":null,"metadata":null}}"#,
            ),
        ],
    );
}
