//! Credentials, from where the AWS tools look for them: environment, profile files, web identity, container, and last the
//! instance's role. We start no process, so neither SSO nor `credential_process` works.

use super::metadata::Metadata;
use crate::error::{Code, Error, Result};
use aws_config::{
    ecs::EcsCredentialsProvider, environment::EnvironmentVariableCredentialsProvider,
    profile::ProfileFileCredentialsProvider, provider_config::ProviderConfig,
    web_identity_token::WebIdentityTokenCredentialsProvider,
};
use aws_credential_types::{
    Credentials,
    provider::{ProvideCredentials, error::CredentialsError},
};
use serde::Deserialize;
use std::time::{Duration, SystemTime};

/// The source of the instance's own credentials.
pub const INSTANCE_ROLE: &str = "instance role";
const REMEDY: &str = "attach an instance profile with the role of docs/install-aws.md to this instance";

/// What the metadata service says where EC2 may not assume the profile's role, and what to do ("Troubleshoot IAM and Amazon EC2").
const NOT_TRUSTED: &str = "AssumeRoleUnauthorizedAccess";
const TRUST: &str = "let the trust policy of that role allow sts:AssumeRole to the service ec2.amazonaws.com (docs/install-aws.md has \
    the role): the instance profile is attached, but EC2 may not assume its role";

/// Reads the credentials of the first source that has any, and names the source. Skips a source that is set up wrongly,
/// since the instance's role may suffice; an error names the skipped sources.
///
/// # Errors
/// `unauthenticated` when no source has credentials; else what the metadata service reports.
pub async fn load(metadata: &Metadata, sdk: &ProviderConfig) -> Result<(&'static str, Credentials)> {
    let mut broken = Vec::new();
    let sources: [(&'static str, &dyn ProvideCredentials); 4] = [
        ("environment", &EnvironmentVariableCredentialsProvider::new()),
        ("profile", &ProfileFileCredentialsProvider::builder().configure(sdk).build()),
        ("web identity", &WebIdentityTokenCredentialsProvider::builder().configure(sdk).build()),
        ("container", &EcsCredentialsProvider::builder().configure(sdk).build()),
    ];
    for (source, provider) in sources {
        match provider.provide_credentials().await {
            Ok(found) => return Ok((source, found)),
            Err(CredentialsError::CredentialsNotLoaded(_)) => {}
            // The SDK's own words are dumps of its structures, so the error names the source alone.
            Err(_) => broken.push(source),
        }
    }
    from_instance(metadata).await.map(|found| (INSTANCE_ROLE, found)).map_err(|error| match broken.as_slice() {
        [] => error,
        names => error.with(|details| {
            let names = names.join(" and ");
            details.message = format!(
                "{}; the credentials of the {names} of the user that IRIS runs as could not be used either",
                details.message
            );
        }),
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OfInstance {
    code: Option<String>,
    access_key_id: Option<String>,
    secret_access_key: Option<String>,
    token: Option<String>,
    expiration: Option<String>,
}

async fn from_instance(metadata: &Metadata) -> Result<Credentials> {
    const PATH: &str = "meta-data/iam/security-credentials/";
    let roles = metadata.find(PATH).await?.unwrap_or_default();
    let Some(role) = roles.lines().next().filter(|role| !role.is_empty()) else {
        return Err(Error::new(
            Code::Unauthenticated,
            "this instance has no role, and no other credentials were found",
            REMEDY,
        ));
    };
    // The characters of a role's name ("IAM and AWS STS quotas"); it becomes part of a path.
    if !role.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+=,.@_-".contains(&byte)) || role == "null" {
        return Err(Error::new(Code::Unauthenticated, "the metadata service's role is no name of a role", REMEDY));
    }
    let text = metadata.get_required(&format!("{PATH}{role}")).await?;
    // No error quotes the text: the text holds the secret.
    let found: OfInstance = serde_json::from_str(&text).map_err(|_| {
        Error::new(
            Code::Unauthenticated,
            format!("the metadata service answered no credentials for the role {role}"),
            REMEDY,
        )
    })?;
    if let Some(code) = found.code.filter(|code| code != "Success") {
        return Err(Error::new(
            Code::Unauthenticated,
            format!("the metadata service has no credentials for the role {role}: {code}"),
            if code == NOT_TRUSTED { TRUST } else { REMEDY },
        ));
    }
    let expiry = found.expiration.and_then(|text| expiry(&text));
    let (Some(key), Some(secret), Some(token)) = (found.access_key_id, found.secret_access_key, found.token) else {
        return Err(Error::new(
            Code::Unauthenticated,
            format!("the metadata service answered no credentials for the role {role}"),
            REMEDY,
        ));
    };
    Ok(Credentials::new(key, secret, Some(token), expiry, INSTANCE_ROLE))
}

fn expiry(text: &str) -> Option<SystemTime> {
    use aws_smithy_types::date_time::{DateTime, Format};
    let at = DateTime::from_str(text, Format::DateTime).ok()?;
    Some(SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(at.secs()).ok()?))
}
