//! The access tokens that the metadata gives out and Compute Engine believes.

use std::time::{Duration, SystemTime};

use crate::clock;

/// One access token.
#[derive(Clone, Debug)]
pub(crate) struct Token {
    pub(crate) value: String,
    /// The e-mail address of the service account.
    pub(crate) identity: String,
    /// The access scopes that the machine had when it was given out.
    pub(crate) scopes: Vec<String>,
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

    /// How long it is still good.
    pub(crate) fn left(&self) -> Duration {
        self.expires.duration_since(clock::now()).unwrap_or_default()
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

    /// The token of a service account with these scopes: the same one until it is nearly over. The metadata keeps a token
    /// until five minutes before it expires.
    /// <https://cloud.google.com/compute/docs/access/authenticate-workloads#applications>
    pub(crate) fn of(&mut self, identity: &str, scopes: &[String], lifetime: Duration, generation: u64) -> Token {
        let reserve = Duration::from_secs(300).min(lifetime / 2);
        let good = |token: &&Token| {
            token.identity == identity
                && token.scopes == scopes
                && token.is_of(generation)
                && !token.withdrawn
                && token.left() > reserve
        };
        if let Some(token) = self.issued.iter().rev().find(good) {
            return token.clone();
        }
        let token = Token {
            value: format!("ya29.c.simulated-{:06}-{}", self.issued.len(), identity.replace(['@', '.'], "-")),
            identity: identity.into(),
            scopes: scopes.to_vec(),
            expires: clock::now() + lifetime,
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
