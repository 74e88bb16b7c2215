//! The access tokens that the metadata gives out and Resource Manager believes.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::clock;

/// One access token.
#[derive(Clone, Debug)]
pub(crate) struct Token {
    pub(crate) value: String,
    /// A client id, or the name of a machine for its own identity.
    pub(crate) identity: String,
    pub(crate) resource: String,
    pub(crate) issued: SystemTime,
    pub(crate) expires: SystemTime,
    generation: u64,
    withdrawn: bool,
}

impl Token {
    pub(crate) fn is_expired(&self) -> bool {
        self.withdrawn || self.expires <= clock::now()
    }

    pub(crate) fn is_of(&self, generation: u64) -> bool {
        self.generation == generation
    }
}

/// All tokens given out.
#[derive(Default)]
pub(crate) struct Tokens {
    issued: Vec<Token>,
}

impl Tokens {
    pub(crate) fn find(&self, value: &str) -> Option<&Token> {
        self.issued.iter().find(|token| token.value == value)
    }

    /// The token of an identity for a resource: the same one until it is no longer good.
    pub(crate) fn of(&mut self, identity: &str, resource: &str, lifetime: Duration, generation: u64) -> Token {
        let audience = |text: &str| text.trim_end_matches('/').to_owned();
        let good = |token: &&Token| {
            token.identity == identity
                && audience(&token.resource) == audience(resource)
                && token.is_of(generation)
                && !token.is_expired()
        };
        if let Some(token) = self.issued.iter().rev().find(good) {
            return token.clone();
        }
        let n = self.issued.len();
        let issued = clock::now();
        let token = Token {
            value: format!("eyJ0eXAiOiJKV1QiLCJhbGciOiJub25lIn0.simulated-{identity}-{n:06}.unsigned"),
            identity: identity.into(),
            resource: resource.into(),
            issued,
            expires: issued + lifetime,
            generation,
            withdrawn: false,
        };
        self.issued.push(token.clone());
        token
    }

    /// All tokens given out so far expire.
    pub(crate) fn expire(&mut self) {
        self.issued.iter_mut().for_each(|token| token.withdrawn = true);
    }
}

/// Seconds since 1970, as the metadata writes times.
pub(crate) fn unix(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}
