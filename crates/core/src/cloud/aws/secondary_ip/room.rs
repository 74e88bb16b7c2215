//! Whether this member's interface takes the VIPs: the type of an instance bounds the private addresses of an interface, and no quota
//! raises that ("Maximum IP addresses per network interface", EC2 User Guide). A move tells only when it is too late.

use super::seen::Seen;
use crate::{
    check::{CheckItem, CheckName, Verdict},
    cloud::aws::{
        error::NO_MORE_ADDRESSES,
        interface::{self, Interface},
        session::Session,
    },
    error::{Code, Error, Result},
};
use futures_util::future::try_join;

const CALL: &str = "ec2:DescribeInstanceTypes";

/// Asks EC2 how many addresses the interface may have, where a VIP would be one more.
pub async fn check(session: &Session, seen: &Seen) -> Option<CheckItem> {
    let here = |id: &str| id == seen.identity.interface;
    let is_new = |address| !seen.holder(address).is_some_and(|(holder, _)| here(&holder.id));
    let new = session.vips.iter().filter(|vip| is_new(vip.address.addr())).count();
    if new == 0 {
        return None;
    }
    let own = async {
        let filter = ("network-interface-id", vec![seen.identity.interface.clone()]);
        interface::find(session, &[filter]).await
    };
    let (name, found) = (CheckName::AddressLimit, Box::pin(try_join(own, limit(session))).await);
    match found {
        Ok((own, (kind, Some(most)))) => {
            let own = own.iter().find(|found| here(&found.id))?;
            Some(match fits(own, &kind, new, most) {
                Ok(said) => CheckItem::ok(name, said),
                Err(error) => CheckItem::failed(name, &error),
            })
        }
        Ok((_, (kind, None))) => {
            Some(CheckItem::new(name, Verdict::Skipped, format!("{CALL} told no limit of {kind}"), ""))
        }
        Err(error) => Some(CheckItem::new(
            name,
            Verdict::Skipped,
            format!("not looked at: {}", error.message),
            error.remedy.clone(),
        )),
    }
}

fn fits(own: &Interface, kind: &str, new: usize, most: usize) -> Result<String> {
    let has = own.addresses.len();
    let what = format!("{} has {has} of the {most} private addresses that an interface of {kind} may have", own.id);
    if has + new <= most {
        return Ok(what);
    }
    Err(Error::new(Code::LimitExceeded, format!("{what}, and the VIPs are {new} more"), NO_MORE_ADDRESSES))
}

/// The type of this instance, and how many IPv4 addresses one of its interfaces may have.
async fn limit(session: &Session) -> Result<(String, Option<usize>)> {
    let kind = session.instance_type().await?;
    let answer = session
        .read_by(&session.once(), CALL, &kind, async |ec2| {
            ec2.describe_instance_types().instance_types(kind.as_str().into()).send().await
        })
        .await?;
    let most = answer.instance_types().iter().find_map(|known| known.network_info()?.ipv4_addresses_per_interface());
    Ok((kind, most.and_then(|most| usize::try_from(most).ok())))
}
