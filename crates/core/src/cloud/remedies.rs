//! What all clouds say in the same words.

/// An address that somebody else uses.
pub const LOOK_WHO_USES: &str = "look at who uses the address now";
/// An answer whose meaning nobody here knows.
pub const LOOK_IT_UP: &str = "look at the message and at the documentation of this call";
/// A member that is not where the VIP is.
pub const ELSEWHERE: &str = "a member elsewhere (disaster recovery) cannot hold this VIP";
/// What a VIP does not need that is no larger than an address, after another remedy.
pub const OR_ONE_ADDRESS: &str = "; or use one address (/32)";
/// A route that wins over the VIP's.
pub const TAKE_THE_ROUTE_OUT: &str = "take that route out of the table, or choose another VIP";
/// Of a public address in the configuration of the mechanism `route`, as "expected" goes on.
pub const NO_PUBLIC_ADDRESS: &str = "nothing: a route carries no public address";
/// Of one beside several VIPs, likewise.
pub const IN_THE_ITEM: &str = "nothing here: name the public address in the VIP's own item";
/// Of a name beside several VIPs, likewise.
pub const A_NAME_FOR_EACH: &str = "a name of its own for each of several VIPs";
