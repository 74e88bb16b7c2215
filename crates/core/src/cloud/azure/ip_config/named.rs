//! What the message of a refusal names.

use crate::cloud::azure::id::Id;
use std::net::IpAddr;

/// Whether a message names a resource, or something in it.
pub fn names_resource(message: &str, id: &Id) -> bool {
    message.match_indices("/subscriptions/").any(|(at, _)| message.get(at..).is_some_and(|rest| begins_with(rest, id)))
}

/// The resources that a message names, each with the text that follows it. The path of an operation does not count.
pub fn named_resources(message: &str) -> Vec<&str> {
    let all = message.match_indices("/subscriptions/").filter_map(|(at, _)| message.get(at..));
    let words =
        all.map(|rest| rest.split(|end: char| end.is_whitespace() || matches!(end, '\'' | '"' | ',' | ')' | '?')));
    let words = words.filter_map(|mut words| words.next());
    words.filter(|word| !word.contains("/locations/") && word.contains("/providers/")).collect()
}

/// Whether a message is about a resource: it names it, or what it is within.
pub fn concerns(message: &str, id: &Id) -> bool {
    names_resource(message, id)
        || named_resources(message).iter().any(|named| {
            let named = named.trim_end_matches(['.', ':', ';', '/']);
            let head = id.as_str().get(..named.len());
            let rest = id.as_str().get(named.len()..);
            head.is_some_and(|head| head.eq_ignore_ascii_case(named)) && rest.is_some_and(|rest| rest.starts_with('/'))
        })
}

/// Whether a text begins with the id of a resource.
pub fn begins_with(text: &str, id: &Id) -> bool {
    let Some((head, rest)) = text.split_at_checked(id.as_str().len()) else { return false };
    id.same(head) && !rest.starts_with(|next: char| next.is_alphanumeric() || matches!(next, '_' | '-'))
}

/// Whether a message names an address.
pub fn names_address(message: &str, address: IpAddr) -> bool {
    let outside = |character: char| !(character.is_ascii_hexdigit() || matches!(character, '.' | ':'));
    message.split(outside).any(|word| word.trim_matches(['.', ':']).parse() == Ok(address))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_names_an_address_or_a_resource_only_as_a_whole() {
        let message = "IP configuration /subscriptions/s/resourceGroups/rg/providers/Microsoft.Network/networkInterfaces/\
            nic-1/ipConfigurations/x is using the private IP address 10.0.0.25 which is already allocated.";
        let id = |name: &str| Id::new("s", "RG", "networkInterfaces", name);
        assert!(names_address(message, "10.0.0.25".parse().expect("an address")));
        assert!(!names_address(message, "10.0.0.2".parse().expect("an address")));
        let pool = id("nic-1").child("ipConfigurations", "x").child("pools", "p");
        assert!(concerns(message, &pool) && !concerns(message, &id("nic-10").child("pools", "p")));
        assert!(named_resources("look at https://x/subscriptions/s/providers/P/locations/l/operations/o.").is_empty());
        assert!(names_resource(message, &id("nic-1")) && !names_resource(message, &id("nic")));
        assert!(!names_resource(id("nic-10").as_str(), &id("nic-1")));
    }
}
