//! The calls that move an Elastic IP, and their dry run.

use super::{addresses, refusal::may_be_taken};
use crate::{
    check::CheckItem,
    cloud::aws::{clients::As, identity::Identity, rehearsal::dry_run, session::Session},
    error::{Code, Error, Result},
    fate::Cause,
    net::retry::Kind,
    vip::Write,
};
use futures_util::future::join_all;

/// One EC2 call of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Puts the Elastic IP on this member's interface, and takes it from any other.
    Associate {
        /// `eipalloc-…`.
        allocation: String,
        /// The private address that the Elastic IP goes on.
        private: String,
        /// Whether the look showed it there.
        was_here: bool,
    },
    /// The same, after a read of where the Elastic IP is.
    FindAndAssociate {
        /// `eipalloc-…`.
        allocation: String,
        /// The private address that the Elastic IP goes on.
        private: String,
        /// Whether to write where the read shows the Elastic IP in place.
        write: Write,
    },
    /// Takes the Elastic IP off this member's interface.
    Disassociate {
        /// `eipalloc-…`.
        allocation: String,
        /// `eipassoc-…`. Its id changes whenever the address moves, so we never disassociate somebody else's address.
        association: String,
    },
}

const ASSOCIATE: &str = "ec2:AssociateAddress";
const DISASSOCIATE: &str = "ec2:DisassociateAddress";

/// Asks EC2 whether it would allow this member to take the Elastic IPs.
pub async fn rehearse(session: &Session, interface: &str) -> Vec<CheckItem> {
    let allocations = session.vips.iter().filter_map(|vip| vip.public_ip.as_deref());
    let of_one = async |allocation: &str| {
        let send = async |ec2: aws_sdk_ec2::Client| {
            let call = ec2.associate_address().dry_run(true).allocation_id(allocation).network_interface_id(interface);
            call.allow_reassociation(true).send().await
        };
        dry_run(session, As::Member, ASSOCIATE, allocation, send).await
    };
    join_all(allocations.map(of_one)).await
}

impl Change {
    /// The call and the target, for the report.
    pub fn describe(&self) -> (&'static str, &str) {
        match self {
            Change::Associate { allocation, .. } | Change::FindAndAssociate { allocation, .. } => {
                (ASSOCIATE, allocation)
            }
            Change::Disassociate { allocation, .. } => (DISASSOCIATE, allocation),
        }
    }

    /// What it is called among all that a takeover writes.
    pub fn key(&self) -> Option<String> {
        match self {
            Change::Associate { allocation, .. } | Change::FindAndAssociate { allocation, .. } => {
                Some(allocation.clone())
            }
            Change::Disassociate { .. } => None,
        }
    }

    /// Makes the change, for this member.
    ///
    /// # Errors
    /// EC2's, or why the Elastic IP may not be taken. To disassociate an address that has left is a success.
    pub async fn apply(&self, session: &Session, identity: &Identity) -> Result<()> {
        let (call, target) = self.describe();
        match self {
            Change::Associate { allocation, private, was_here } => {
                associate(session, identity, allocation, private, *was_here).await
            }
            Change::FindAndAssociate { allocation, private, write } => {
                let addresses = Box::pin(addresses::read(session, identity)).await??;
                let known = may_be_taken(session, identity, &addresses, allocation, private)?;
                let is_here = known.is_on(identity) && known.private.as_ref() == Some(private);
                if is_here && *write == Write::IfNeeded {
                    return Ok(());
                }
                associate(session, identity, allocation, private, is_here).await
            }
            Change::Disassociate { association, .. } => {
                let send = async |ec2: aws_sdk_ec2::Client| {
                    ec2.disassociate_address().association_id(association).send().await
                };
                match session.call(As::Member, Kind::Change, call, target, send).await {
                    Err(error) if error.cloud_code.as_deref() == Some("InvalidAssociationID.NotFound") => Ok(()),
                    other => other.map(drop),
                }
            }
        }
    }
}

async fn associate(
    session: &Session,
    identity: &Identity,
    allocation: &str,
    private: &str,
    was_here: bool,
) -> Result<()> {
    let send = async |ec2: aws_sdk_ec2::Client| {
        let call = ec2.associate_address().allocation_id(allocation).network_interface_id(&identity.interface);
        call.private_ip_address(private).allow_reassociation(true).send().await
    };
    match session.call(As::Member, Kind::Change, ASSOCIATE, allocation, send).await {
        Err(error) if is_not_assigned(&error) => Err(error.with(|details| {
            details.code = Code::Conflict;
            details.fate = details.fate.because(Cause::Race);
            details.remedy = "another member took the private address meanwhile; call again".into();
        })),
        // The look before showed it, so the next look decides ("Eventual consistency in the Amazon EC2 API").
        Err(error) if error.cloud_code.as_deref() == Some("InvalidAllocationID.NotFound") => {
            Err(error.with(|details| {
                details.code = Code::Conflict;
                details.fate = details.fate.because(Cause::Race);
                details.remedy =
                "EC2 had shown this Elastic IP a moment before; call again, and see that nobody returned it to Amazon"
                    .into();
            }))
        }
        sent => {
            let made = sent.map(drop);
            session.note_written(allocation, was_here, &made);
            made
        }
    }
}

/// Whether EC2 misses a private address on the interface: somebody took it away after the look. EC2 has no code of its own for
/// that, so the words have to tell.
pub fn is_not_assigned(error: &Error) -> bool {
    error.cloud_code.as_deref() == Some("InvalidParameterValue") && error.message.contains("not assigned")
}
