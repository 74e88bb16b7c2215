//! The access keys that the simulated IAM has given out.

use std::time::{Duration, SystemTime};

use crate::clock;

/// A static key of the role `mirrorvip`: the secret is [`STATIC_SECRET`] and there is no token.
pub const STATIC_KEY: &str = "AKIDSTATIC";
/// The secret of [`STATIC_KEY`].
pub const STATIC_SECRET: &str = "static-secret";

/// Credentials as a caller holds them.
#[derive(Clone, Debug, PartialEq)]
pub struct Credentials {
    pub access_key: String,
    pub secret: String,
    pub token: Option<String>,
    pub expires: SystemTime,
}

#[derive(Clone, Debug)]
pub(crate) struct Key {
    pub(crate) credentials: Credentials,
    pub(crate) role: String,
    pub(crate) session: String,
    withdrawn: bool,
}

impl Key {
    pub(crate) fn is_expired(&self) -> bool {
        self.withdrawn || self.credentials.expires <= clock::now()
    }

    /// The ARN of the one who signs with this key.
    pub(crate) fn principal(&self, account: &str) -> String {
        format!("arn:aws:sts::{account}:assumed-role/{}/{}", self.role, self.session)
    }
}

/// All keys of the account.
pub(crate) struct KeyRing {
    keys: Vec<Key>,
    issued: usize,
}

impl KeyRing {
    pub(crate) fn new() -> Self {
        let mut ring = Self { keys: Vec::new(), issued: 0 };
        ring.add(
            "mirrorvip",
            "static",
            Credentials {
                access_key: STATIC_KEY.into(),
                secret: STATIC_SECRET.into(),
                token: None,
                expires: clock::now() + Duration::from_secs(10 * 365 * 86_400),
            },
        );
        ring
    }

    /// Makes these credentials known.
    pub(crate) fn add(&mut self, role: &str, session: &str, credentials: Credentials) {
        self.keys.push(Key { credentials, role: role.into(), session: session.into(), withdrawn: false });
    }

    pub(crate) fn find(&self, access_key: &str) -> Option<&Key> {
        self.keys.iter().find(|key| key.credentials.access_key == access_key)
    }

    /// New temporary credentials.
    pub(crate) fn issue(&mut self, role: &str, session: &str, lifetime: Duration) -> Credentials {
        self.issued += 1;
        let n = self.issued;
        let credentials = Credentials {
            access_key: format!("ASIASIMULATED{n:07}"),
            secret: format!("secret/of+{role}/{n}"),
            token: Some(format!("token+of/{role}/{session}/{n}==")),
            expires: clock::now() + lifetime,
        };
        self.add(role, session, credentials.clone());
        credentials
    }

    /// The credentials of an instance: the same ones until they expire or the role is another.
    pub(crate) fn of_instance(&mut self, role: &str, instance: &str) -> Credentials {
        let valid = |key: &&Key| key.role == role && key.session == instance && !key.is_expired();
        match self.keys.iter().rev().find(valid) {
            Some(key) => key.credentials.clone(),
            None => self.issue(role, instance, Duration::from_secs(6 * 3600)),
        }
    }

    /// All temporary credentials given out so far expire.
    pub(crate) fn expire(&mut self) {
        let temporary = self.keys.iter_mut().filter(|key| key.credentials.token.is_some());
        temporary.for_each(|key| key.withdrawn = true);
    }
}
