//! The calls that put a secondary address on an interface and take it off.
//!
//! Source: AssignPrivateIpAddresses and UnassignPrivateIpAddresses in the EC2 API reference.

use crate::{
    cloud::aws::{clients::As, public_ip::is_not_assigned, session::Session, written::READS_LAG},
    error::{Code, Error, Result},
    fate::Cause,
    net::retry::Kind,
};
use std::net::IpAddr;

/// Puts a secondary address on an interface.
pub const ASSIGN: &str = "ec2:AssignPrivateIpAddresses";
/// Takes one off.
pub const UNASSIGN: &str = "ec2:UnassignPrivateIpAddresses";

/// Takes the address, from whichever interface of the subnet has it.
///
/// # Errors
/// EC2's.
pub async fn assign(session: &Session, interface: &str, address: IpAddr) -> Result<()> {
    let address = address.to_string();
    let send = async |ec2: aws_sdk_ec2::Client| {
        let call = ec2.assign_private_ip_addresses().network_interface_id(interface).private_ip_addresses(&address);
        call.allow_reassignment(true).send().await
    };
    session.call(As::Member, Kind::Change, ASSIGN, &address, send).await.map(drop)
}

/// Gives the address up, and with it the Elastic IP on it ("When a secondary private IPv4 address is unassigned from a network
/// interface, any associated Elastic IP address is disassociated", Secondary IP addresses, EC2 User Guide). EC2 refuses that for an
/// address that another interface has, so nothing is taken from another member.
///
/// # Errors
/// EC2's; `conflict` where the look that showed the address here was old.
pub async fn unassign(session: &Session, interface: &str, address: IpAddr) -> Result<()> {
    let address = address.to_string();
    let send = async |ec2: aws_sdk_ec2::Client| {
        let call = ec2.unassign_private_ip_addresses();
        call.network_interface_id(interface).private_ip_addresses(&address).send().await
    };
    match session.call(As::Member, Kind::Change, UNASSIGN, &address, send).await {
        Err(error) if is_not_assigned(&error) => Err(seen_too_old(error)),
        sent => sent.map(drop),
    }
}

/// All that the look has shown may be as old, so the next one has to be one that cannot be.
fn seen_too_old(error: Error) -> Error {
    error.with(|details| {
        details.code = Code::Conflict;
        details.fate = details.fate.because(Cause::Race);
        details.retry_after = Some(READS_LAG);
        details.remedy = format!(
            "the read that showed the address here was older than its last change; call Release again in {} s, which gives up what is here then",
            READS_LAG.as_secs()
        );
    })
}
