//! Checks the signature of a request (Signature Version 4 in the `Authorization` header).
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials as SigningCredentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;

use super::credentials::{Credentials, Key, KeyRing};
use super::error::{AwsError, Result};
use crate::clock;
use crate::server::Request;

const MAX_SKEW: Duration = Duration::from_secs(15 * 60);

/// The endpoint that checks: its name in the credential scope, and its words for what EC2 and STS name differently.
#[derive(Clone, Copy)]
pub(crate) enum Service {
    Ec2,
    Sts,
}

impl Service {
    fn name(self) -> &'static str {
        match self {
            Self::Ec2 => "ec2",
            Self::Sts => "sts",
        }
    }

    fn unknown_key(self) -> AwsError {
        match self {
            Self::Ec2 => {
                AwsError::new(401, "AuthFailure", "AWS was not able to validate the provided access credentials")
            }
            Self::Sts => {
                AwsError::new(403, "InvalidClientTokenId", "The security token included in the request is invalid.")
            }
        }
    }

    fn expired(self) -> AwsError {
        match self {
            Self::Ec2 => AwsError::bad("RequestExpired", "Request has expired."),
            Self::Sts => AwsError::new(403, "ExpiredToken", "The security token included in the request is expired"),
        }
    }

    fn skewed(self, message: String) -> AwsError {
        match self {
            Self::Ec2 => AwsError::bad("RequestExpired", message),
            Self::Sts => AwsError::new(403, "SignatureDoesNotMatch", message),
        }
    }
}

struct Authorization<'a> {
    access_key: &'a str,
    scope: [&'a str; 4],
    signed_headers: Vec<&'a str>,
    signature: &'a str,
}

/// The access key that a request presents, checked or not.
pub(crate) fn presented_key(request: &Request) -> Option<&str> {
    Authorization::parse(request.header("authorization")?).map(|authorization| authorization.access_key)
}

/// Whose key signed the request.
pub(crate) fn verify<'k>(request: &Request, service: Service, region: &str, keys: &'k KeyRing) -> Result<&'k Key> {
    let Some(header) = request.header("authorization") else {
        return Err(AwsError::new(403, "MissingAuthenticationToken", "Request is missing Authentication Token"));
    };
    let incomplete = |what: &str| AwsError::bad("IncompleteSignature", format!("Authorization header requires {what}"));
    let authorization =
        Authorization::parse(header).ok_or_else(|| incomplete("'Credential', 'SignedHeaders' and 'Signature'."))?;
    let date = request.header("x-amz-date").ok_or_else(|| incomplete("existence of an 'X-Amz-Date' header."))?;
    let time = clock::parse_basic(date).ok_or_else(|| incomplete("a well formed 'X-Amz-Date'."))?;

    let mut required = vec!["host", "x-amz-date"];
    required.extend(request.header("x-amz-security-token").map(|_| "x-amz-security-token"));
    if let Some(name) = required.into_iter().find(|name| !authorization.signed_headers.contains(name)) {
        let message = format!("'{name}' must be a 'SignedHeader' in the AWS Authorization.");
        return Err(AwsError::new(403, "SignatureDoesNotMatch", message));
    }
    authorization.check_scope(service, region, date)?;

    let key = keys.find(authorization.access_key).ok_or_else(|| service.unknown_key())?;
    if key.credentials.token.as_deref() != request.header("x-amz-security-token") {
        return Err(service.unknown_key());
    }
    let expected = signature(request, &authorization, service, &key.credentials, time)
        .ok_or_else(|| incomplete("headers that can be signed."))?;
    if expected != authorization.signature {
        return Err(AwsError::new(
            403,
            "SignatureDoesNotMatch",
            "The request signature we calculated does not match the signature you provided. Check your AWS Secret \
             Access Key and signing method. Consult the service documentation for details.",
        ));
    }
    let now = clock::now();
    let skew = now.duration_since(time).or_else(|_| time.duration_since(now)).unwrap_or_default();
    if skew > MAX_SKEW {
        return Err(service.skewed(format!("Request has expired: signed at {date}, it is {}.", clock::iso(now))));
    }
    if key.is_expired() {
        return Err(service.expired());
    }
    Ok(key)
}

impl<'a> Authorization<'a> {
    fn parse(header: &'a str) -> Option<Self> {
        let mut credential = None;
        let mut signed_headers = None;
        let mut signature = None;
        for part in header.strip_prefix("AWS4-HMAC-SHA256 ")?.split(',') {
            match part.trim().split_once('=')? {
                ("Credential", value) => credential = Some(value),
                ("SignedHeaders", value) => signed_headers = Some(value),
                ("Signature", value) => signature = Some(value),
                _ => return None,
            }
        }
        let (access_key, scope) = credential?.split_once('/')?;
        let scope: Vec<&str> = scope.split('/').collect();
        Some(Self {
            access_key,
            scope: scope.try_into().ok()?,
            signed_headers: signed_headers?.split(';').collect(),
            signature: signature?,
        })
    }

    fn check_scope(&self, service: Service, region: &str, date: &str) -> Result<()> {
        let [scope_date, scope_region, scope_service, terminator] = self.scope;
        let wrong = |message: String| match service {
            Service::Ec2 => Err(AwsError::new(401, "AuthFailure", message)),
            Service::Sts => Err(AwsError::new(403, "SignatureDoesNotMatch", message)),
        };
        if terminator != "aws4_request" {
            return wrong(format!(
                "Credential should be scoped with a valid terminator: 'aws4_request', not '{terminator}'."
            ));
        }
        if scope_service != service.name() {
            return wrong(format!("Credential should be scoped to correct service: '{}'.", service.name()));
        }
        if scope_region != region {
            return wrong(format!("Credential should be scoped to a valid region, not '{scope_region}'."));
        }
        if !date.starts_with(scope_date) || scope_date.len() != 8 {
            return wrong(format!(
                "Date in Credential scope does not match YYYYMMDD from \
                 ISO-8601 version of date from HTTP: '{scope_date}' != '{date}'."
            ));
        }
        Ok(())
    }
}

fn signature(
    request: &Request,
    authorization: &Authorization,
    service: Service,
    credentials: &Credentials,
    time: SystemTime,
) -> Option<String> {
    let identity = SigningCredentials::new(
        &credentials.access_key,
        &credentials.secret,
        credentials.token.clone(),
        None,
        "cloudsim",
    )
    .into();
    let mut settings = SigningSettings::default();
    settings.excluded_headers = None;
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(authorization.scope[1])
        .name(service.name())
        .time(time)
        .settings(settings)
        .build()
        .ok()?
        .into();
    let query = if request.query.is_empty() { String::new() } else { format!("?{}", request.query) };
    let uri = format!("http://{}{}{query}", request.header("host")?, request.path);
    let headers = request
        .headers
        .iter()
        .filter(|(name, _)| authorization.signed_headers.contains(&name.as_str()))
        .map(|(name, value)| (name.as_str(), value.as_str()));
    let signable = SignableRequest::new(&request.method, uri, headers, SignableBody::Bytes(&request.body)).ok()?;
    let (_, signature) = sign(signable, &params).ok()?.into_parts();
    Some(signature)
}
