//! What the simulated AWS promises, asked over real connections.

mod access;
mod addresses;
mod failures;
mod metadata;
mod reads;
mod routes;

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials as SigningCredentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;

use super::{STATIC_KEY, STATIC_SECRET, Simulator};
use crate::testing;

const VIP: &str = "192.168.255.10/32";
const TABLE: &str = super::MAIN_TABLE;

/// An answer as it came over the wire.
#[derive(Debug)]
struct Reply {
    status: u16,
    head: String,
    body: String,
}

impl Reply {
    /// The text of the first element of this name.
    fn text(&self, element: &str) -> &str {
        between(&self.body, &format!("<{element}>"), &format!("</{element}>")).unwrap_or_default()
    }

    fn outcome(&self) -> (u16, &str) {
        (self.status, self.text("Code"))
    }
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(start)?;
    Some(rest.split_once(end)?.0)
}

/// How a request is signed.
#[derive(Clone)]
struct Signer {
    key: String,
    secret: String,
    token: Option<String>,
    region: &'static str,
    service: &'static str,
    time: SystemTime,
}

impl Default for Signer {
    fn default() -> Self {
        Self {
            key: STATIC_KEY.into(),
            secret: STATIC_SECRET.into(),
            token: None,
            region: super::REGION,
            service: "ec2",
            time: SystemTime::now(),
        }
    }
}

impl Signer {
    /// The headers of a signed request.
    fn headers(&self, url: &str, body: &str) -> Vec<(String, String)> {
        let identity = SigningCredentials::new(&self.key, &self.secret, self.token.clone(), None, "test").into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(self.region)
            .name(self.service)
            .time(self.time)
            .settings(SigningSettings::default())
            .build()
            .unwrap()
            .into();
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        let body = SignableBody::Bytes(body.as_bytes());
        let request = SignableRequest::new("POST", format!("{url}/"), headers.into_iter(), body).unwrap();
        let (instructions, _) = sign(request, &params).unwrap().into_parts();
        let signed = instructions.headers().map(|(name, value)| (name.to_owned(), value.to_owned()));
        signed.chain([(headers[0].0.to_owned(), headers[0].1.to_owned())]).collect()
    }

    fn post(&self, url: &str, body: &str) -> Option<Reply> {
        exchange(url, "POST", "/", &self.headers(url, body), body)
    }
}

/// One exchange on a connection of its own; see [`testing::exchange`].
fn exchange(url: &str, method: &str, path: &str, headers: &[(String, String)], body: &str) -> Option<Reply> {
    let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let reply = testing::exchange(&format!("{url}{path}"), method, &headers, Some(body))?;
    Some(Reply { status: reply.status, head: reply.head.to_lowercase(), body: reply.text })
}

fn form(action: &str, version: &str, params: &[(&str, &str)]) -> String {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("Action", action).append_pair("Version", version).extend_pairs(params);
    form.finish()
}

fn try_ec2(sim: &Simulator, action: &str, params: &[(&str, &str)]) -> Option<Reply> {
    Signer::default().post(&sim.ec2_url(), &form(action, "2016-11-15", params))
}

fn ec2(sim: &Simulator, action: &str, params: &[(&str, &str)]) -> Reply {
    try_ec2(sim, action, params).expect("an answer")
}

fn sts(sim: &Simulator, params: &[(&str, &str)]) -> Reply {
    let signer = Signer { service: "sts", ..Signer::default() };
    signer.post(&sim.sts_url(), &form("AssumeRole", "2011-06-15", params)).expect("an answer")
}
