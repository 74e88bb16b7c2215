//! Whether Google would allow the changes: it reports which permissions of a list the caller has on a resource ("Method:
//! instances.testIamPermissions" and its neighbours).

use super::{
    compute::{Compute, not_understood},
    path::Path,
    session::{Connection, Session},
};
use crate::{
    check::{CheckItem, CheckName, Verdict},
    error::{Code, Error, Result},
    net::retry::Caller,
};
use futures_util::future::{join, join_all};
use serde_json::{Value, json};

/// Resources, each with the permissions that the changes need on it.
pub type Asked = Vec<(Path, &'static [&'static str])>;

/// Asks for the access scopes and all permissions, side by side.
pub async fn rehearse(session: &Session, asked: Asked) -> Vec<CheckItem> {
    let Connection { compute, operations, .. } = match session.connect().await {
        Ok(connection) => connection,
        Err(error) => return vec![CheckItem::failed(CheckName::Permissions, &error)],
    };
    let permissions = join_all(asked.into_iter().map(|(path, wanted)| permissions(compute, path, wanted)));
    let (scopes, mut items) = join(scopes(session), permissions).await;
    items.insert(0, scopes);
    items.extend(operations.unlisted());
    items
}

async fn permissions(compute: &Compute, path: Path, wanted: &'static [&'static str]) -> CheckItem {
    let name = CheckName::Permission.of(&path);
    match lacking(compute, compute.bearer.caller(), &path, wanted).await {
        Ok(missing) if missing.is_empty() => {
            CheckItem::ok(name, format!("the service account has {}", wanted.join(", ")))
        }
        Ok(missing) => CheckItem::failed(name, &forbidden(&path, &missing)),
        Err(error) => {
            let message = format!("what the service account may do there is not known: {}", error.message);
            CheckItem::new(name, Verdict::Skipped, message, error.remedy.clone())
        }
    }
}

/// Those of the permissions that the service account does not have on this resource.
///
/// # Errors
/// What Google answers: then nobody knows.
pub async fn lacking(
    compute: &Compute,
    caller: &Caller,
    path: &Path,
    wanted: &'static [&'static str],
) -> Result<Vec<&'static str>> {
    let kind = path.as_str().rsplit('/').nth(1).unwrap_or_default();
    let call = format!("{kind}.testIamPermissions");
    let answer = compute.ask(caller, &call, path, "testIamPermissions", &json!({ "permissions": wanted })).await?;
    let granted = granted(&answer).ok_or_else(|| not_understood(&answer))?;
    Ok(wanted.iter().filter(|permission| !granted.contains(permission)).copied().collect())
}

/// The permissions in an answer, which has nothing else; no field at all where there are none. Anything else is no answer of Google:
/// read as one, it would mean that nothing is allowed.
fn granted(answer: &Value) -> Option<Vec<&str>> {
    let fields = answer.as_object()?;
    if fields.is_empty() {
        return Some(Vec::new());
    }
    let list = fields.get("permissions").filter(|_| fields.len() == 1)?.as_array()?;
    list.iter().map(Value::as_str).collect()
}

/// The error of what Google would refuse for want of these permissions.
pub fn forbidden(path: &Path, missing: &[&str]) -> Error {
    Error::new(
        Code::Denied,
        format!("the service account lacks {} on {}", missing.join(", "), path.as_str()),
        "give it a role with these permissions (docs/install-gcp.md has the whole role)",
    )
}

/// Whether the VM's access scopes, which limit every role, include Compute Engine.
pub async fn scopes(session: &Session) -> CheckItem {
    const NAME: CheckName = CheckName::Scopes;
    match session.metadata.scopes(&session.caller).await {
        Ok(scopes) if scopes.iter().any(|scope| scope.ends_with("/cloud-platform") || scope.ends_with("/compute")) => {
            CheckItem::ok(NAME, "the VM's access scopes allow changes")
        }
        Ok(scopes) => {
            let error = Error::new(
                Code::Denied,
                format!("the VM's access scopes leave Compute Engine out: {}", scopes.join(" ")),
                "stop the VM, gcloud compute instances set-service-account --scopes=cloud-platform, start it",
            );
            CheckItem::failed(NAME, &error)
        }
        Err(error) => CheckItem::new(NAME, Verdict::Skipped, error.message.clone(), error.remedy.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::granted;
    use serde_json::json;

    #[test]
    fn only_googles_own_answer_says_what_is_missing() {
        assert_eq!(granted(&json!({})), Some(Vec::new()));
        assert_eq!(
            granted(&json!({ "permissions": ["compute.subnetworks.use"] })),
            Some(vec!["compute.subnetworks.use"])
        );
        for odd in [
            json!(null),
            json!([]),
            json!("x"),
            json!({ "items": [] }),
            json!({ "permissions": "x" }),
            json!({ "error": {} }),
        ] {
            assert_eq!(granted(&odd), None, "{odd}");
        }
    }
}
