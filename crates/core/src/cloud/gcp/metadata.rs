//! Who this VM is, and a token for its service account, from the metadata server.
//!
//! Sources: "View and query VM metadata" (Compute Engine documentation): the header `Metadata-Flavor: Google`, no proxy;
//! "Authenticate workloads to Google APIs using service accounts" for tokens.

use crate::{
    error::{Code, Error, Result},
    net::{
        metadata::{ADDRESS, Service, patient},
        retry::{Caller, Kind},
        secret::Secret,
        transport::{Client, Request},
    },
};
use serde::{Deserialize, de::DeserializeOwned};

pub const REMEDY: &str = "see that this is a Compute Engine VM and that the user IRIS runs as reaches 169.254.169.254 \
    (containers, hardened images and proxies often prevent it)";
const SERVICE: Service = Service { cloud: "gcp", name: "the metadata server", remedy: REMEDY };

/// The metadata server. Requests go to its address, which needs no look-up: `metadata.google.internal` names the same server.
pub struct Metadata {
    http: Client,
    base: String,
}

/// What the metadata server says about this VM.
#[derive(Debug, Clone)]
pub struct Instance {
    pub project: String,
    pub name: String,
    /// `projects/<number>/zones/<zone>`
    pub zone: String,
    pub interfaces: Vec<Interface>,
    /// The domain of the cloud's APIs: `googleapis.com`, or a sovereign cloud's own.
    pub universe: String,
}

/// One interface of this VM.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Interface {
    #[serde(default)]
    pub ip: String,
    #[serde(default)]
    pub subnetmask: String,
    /// `projects/<number>/networks/<name>`
    #[serde(default)]
    pub network: String,
}

#[derive(Deserialize)]
struct Token {
    access_token: Secret,
}

const DEFAULT_UNIVERSE: &str = "googleapis.com";

impl Metadata {
    pub fn new(http: Client, endpoint: Option<&str>) -> Self {
        Metadata { http, base: endpoint.unwrap_or(ADDRESS).trim_end_matches('/').to_owned() }
    }

    /// Reads everything that says who this VM is, side by side.
    ///
    /// # Errors
    /// When the server does not answer, or answers with something that is no name.
    pub async fn instance(&self, caller: &Caller) -> Result<Instance> {
        let universe = async {
            match self.text(caller, "universe/universe-domain").await {
                Ok(text) => Ok(text),
                // An older server does not know the path.
                Err(error) if error.code == Code::NotFound => Ok(DEFAULT_UNIVERSE.to_owned()),
                Err(error) => Err(error),
            }
        };
        let (project, name, zone, interfaces, universe) = tokio::try_join!(
            self.text(caller, "project/project-id"),
            self.text(caller, "instance/name"),
            self.text(caller, "instance/zone"),
            self.json::<Vec<Interface>>(caller, "instance/network-interfaces/?recursive=true"),
            universe,
        )?;
        for (what, text) in [("project/project-id", &project), ("instance/name", &name), ("instance/zone", &zone)] {
            if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.:/".contains(&byte)) {
                return Err(unexpected(what, "it is no name"));
            }
        }
        if interfaces.is_empty() {
            return Err(unexpected("instance/network-interfaces", "every VM has an interface"));
        }
        Ok(Instance { project, name, zone, interfaces, universe })
    }

    /// The alias ranges of one interface as the server reports them to the VM's own software.
    ///
    /// # Errors
    /// When the server does not answer, or knows no such list: an interface without alias ranges has an empty one
    /// (`"ipAliases":[]` in what users show of their VMs).
    pub async fn aliases(&self, caller: &Caller, interface: usize) -> Result<Vec<String>> {
        let path = format!("instance/network-interfaces/{interface}/ip-aliases/?recursive=true");
        self.json(caller, &path).await
    }

    /// The access scopes of the service account's tokens.
    ///
    /// # Errors
    /// When the server does not answer, or the VM has no service account.
    pub async fn scopes(&self, caller: &Caller) -> Result<Vec<String>> {
        let text = self.text(caller, "instance/service-accounts/default/scopes").await?;
        Ok(text.split_whitespace().map(str::to_owned).collect())
    }

    /// A token of the VM's service account.
    ///
    /// # Errors
    /// `unauthenticated` when the VM has no service account.
    pub async fn token(&self, caller: &Caller) -> Result<Secret> {
        let answer: Result<Token> = self.json(caller, "instance/service-accounts/default/token").await;
        answer.map(|token| token.access_token).map_err(|error| match error.code {
            Code::NotFound => Error::new(
                Code::Unauthenticated,
                "this VM has no service account (the metadata server answered 404)",
                "give the VM a service account with the role of docs/install-gcp.md and the access scope cloud-platform",
            )
            .with(|details| details.http_status = Some(404)),
            _ => error,
        })
    }

    async fn json<T: DeserializeOwned>(&self, caller: &Caller, path: &str) -> Result<T> {
        // The error does not quote the body, which may hold a token.
        let body = self.get(caller, path).await?;
        serde_json::from_slice(&body).map_err(|error| unexpected(path, &format!("{:?} error", error.classify())))
    }

    async fn text(&self, caller: &Caller, path: &str) -> Result<String> {
        let body = self.get(caller, path).await?;
        let text = String::from_utf8(body).map_err(|_| unexpected(path, "it is no text"))?;
        match text.trim() {
            // What serves JSON in the place of the metadata server may say so.
            "null" => Err(unexpected(path, "it is null")),
            text => Ok(text.to_owned()),
        }
    }

    async fn get(&self, caller: &Caller, path: &str) -> Result<Vec<u8>> {
        let url = format!("{}/computeMetadata/v1/{path}", self.base);
        let attempt = async || {
            let (status, body) =
                SERVICE.send(&self.http, Request::get(&url)?.header("metadata-flavor", "Google")?).await?;
            match status {
                200 => Ok(body),
                404 => Err(SERVICE.refused(Code::NotFound, status)),
                429 | 500..=599 => Err(SERVICE.refused(Code::Unavailable, status)),
                _ => Err(SERVICE.refused(Code::Unexpected, status)),
            }
        };
        let target = path.split('?').next().unwrap_or(path);
        let answer = patient(caller).call(Kind::Read, "metadata:GET", target, attempt).await;
        answer.map_err(|error| SERVICE.with_remedy(error))
    }
}

fn unexpected(path: &str, why: &str) -> Error {
    SERVICE.unread(format!("the metadata {path} could not be read: {why}"))
}
