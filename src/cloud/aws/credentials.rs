//! Credentials, from where the AWS tools look for them, but without any process: environment, profile files, web
//! identity, container, and last the instance's role. No SSO, no `credential_process`.

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

const REMEDY: &str = "attach an instance profile with the role of docs/install-aws.md to this instance";

/// The first source that has any.
///
/// # Errors
/// `unauthenticated` when none has, or when one is set up wrongly.
pub async fn load(metadata: &Metadata, sdk: &ProviderConfig) -> Result<Credentials> {
    if let Some(found) = from("environment", &EnvironmentVariableCredentialsProvider::new()).await? {
        return Ok(found);
    }
    if let Some(found) = from("profile", &ProfileFileCredentialsProvider::builder().configure(sdk).build()).await? {
        return Ok(found);
    }
    if let Some(found) =
        from("web identity", &WebIdentityTokenCredentialsProvider::builder().configure(sdk).build()).await?
    {
        return Ok(found);
    }
    if let Some(found) = from("container", &EcsCredentialsProvider::builder().configure(sdk).build()).await? {
        return Ok(found);
    }
    from_instance(metadata).await
}

async fn from(source: &str, provider: &impl ProvideCredentials) -> Result<Option<Credentials>> {
    match provider.provide_credentials().await {
        Ok(found) => Ok(Some(found)),
        Err(CredentialsError::CredentialsNotLoaded(_)) => Ok(None),
        Err(error) => Err(Error::new(
            Code::Unauthenticated,
            format!("credentials from the {source}: {}", aws_smithy_types::error::display::DisplayErrorContext(&error)),
            "correct or remove these credentials of the user that IRIS runs as; the instance's role needs none",
        )),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OfInstance {
    code: Option<String>,
    access_key_id: String,
    secret_access_key: String,
    token: String,
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
    let text = metadata.get_required(&format!("{PATH}{role}")).await?;
    // The text itself is never shown: it holds the secret.
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
            REMEDY,
        ));
    }
    let expiry = found.expiration.and_then(|text| expiry(&text));
    Ok(Credentials::new(found.access_key_id, found.secret_access_key, Some(found.token), expiry, "instance role"))
}

fn expiry(text: &str) -> Option<SystemTime> {
    use aws_smithy_types::date_time::{DateTime, Format};
    let at = DateTime::from_str(text, Format::DateTime).ok()?;
    Some(SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(at.secs()).ok()?))
}
