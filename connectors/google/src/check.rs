//! `check`: signs in, reads as a run would, and says in sentences what it found.

use rollcall_kit::http::token::TokenError;
use rollcall_kit::rest::Interface as _;
use rollcall_kit::{CheckFinding, Entries, ReadError, Trial};
use serde_json::Value as Json;

use crate::api::{Api, Query};
use crate::changes;
use crate::reach::USERS;
use crate::read;
use crate::settings::GoogleSettings;

/// Checks everything that can be checked without changing anything.
///
/// # Errors
///
/// If Google cannot be reached; whatever is wrong beyond that is a finding.
pub(crate) async fn check(settings: &GoogleSettings, api: &Api) -> Result<Vec<CheckFinding>, ReadError> {
    let mut findings = Vec::new();
    if settings.api()?.scheme() != "https" {
        findings.push(CheckFinding::warning("the token and everybody's data cross the network in clear text"));
    }
    match api.sign_in().await {
        Ok(scopes) => findings.push(CheckFinding::good(format!(
            "signed in to Google as {} with the scopes {}",
            api.identity,
            scopes.join(", ")
        ))),
        Err(error @ (ReadError::Unreachable { .. } | ReadError::Untrusted { .. })) => return Err(error),
        Err(error) => {
            findings.extend(refused_scopes(settings, api).await?);
            findings.push(CheckFinding::problem(error.to_string()));
            return Ok(findings);
        }
    }
    findings.extend(administrator(settings, api).await?);
    if settings.key_file.is_some() {
        findings.push(CheckFinding::warning(
            "whoever has the key file can read the whole directory until the key is deleted; on a machine of Google's, \
             keyless needs none",
        ));
    }
    match Trial::of(|entries: Entries| read::read(settings, api, entries)).await {
        Ok((trial, certificate)) => {
            findings.extend(trial.findings("map it from another attribute, or switch it off"));
            findings.extend(certificate.exceptions().iter().map(CheckFinding::warning));
            if settings.groups.is_some() && trial.groups == 0 {
                findings.push(CheckFinding::warning("not one group is read; correct groups"));
            }
        }
        Err(error @ (ReadError::Unreachable { .. } | ReadError::Untrusted { .. })) => return Err(error),
        Err(error) => findings.push(CheckFinding::problem(error.to_string())),
    }
    if settings.activity {
        findings.extend(changes::check(api).await?);
    }
    Ok(findings)
}

/// Whether the administrator is one: an ordinary user may be acted for, too, and then sees less.
async fn administrator(settings: &GoogleSettings, api: &Api) -> Result<Option<CheckFinding>, ReadError> {
    let Some(admin) = &settings.admin else { return Ok(None) };
    let path = [&USERS[..], &[admin.trim()]].concat();
    let parameters = [("fields", "id,primaryEmail,isAdmin,isDelegatedAdmin,suspended,archived")];
    let user = match api.one(&Query { collection: "users", path: &path, parameters: &parameters }).await {
        Ok(Some(user)) => user,
        Ok(None) => return Ok(Some(CheckFinding::warning(format!("{} is not found among the users", api.identity)))),
        Err(error @ (ReadError::Unreachable { .. } | ReadError::Untrusted { .. })) => return Err(error),
        Err(error) => return Ok(Some(CheckFinding::problem(error.to_string()))),
    };
    let is = |name: &str| user.get(name).and_then(Json::as_bool) == Some(true);
    let who = &api.identity;
    Ok(Some(if is("suspended") || is("archived") {
        CheckFinding::problem(format!("{who} is suspended or archived; tokens are about to end: name another one"))
    } else if is("isAdmin") {
        CheckFinding::warning(format!(
            "{who} is a super administrator; a role with Users > Read, Groups > Read and Organisational Units > Read is \
             enough, on an account of its own"
        ))
    } else if is("isDelegatedAdmin") {
        CheckFinding::good(format!("{who} has an administrator's role"))
    } else {
        CheckFinding::problem(format!(
            "{who} has no administrator's role; give the account one with Users > Read, Groups > Read and Organisational \
             Units > Read"
        ))
    }))
}

/// Google refuses a whole request for the sake of one scope and does not say which, so each is asked for alone.
async fn refused_scopes(settings: &GoogleSettings, api: &Api) -> Result<Vec<CheckFinding>, ReadError> {
    let scopes = settings.wanted_scopes();
    let mut refused = Vec::new();
    for scope in &scopes {
        let endpoint = match api.tokens.endpoint(std::slice::from_ref(scope)).await {
            Ok(endpoint) => endpoint,
            Err(_) => return Ok(Vec::new()),
        };
        match endpoint.granted_scopes().await {
            Ok(_) => {}
            Err(TokenError::Refused(_)) => refused.push(scope),
            Err(error) => return Err(api.no_token(error)),
        }
    }
    // With all of them refused it is not the scopes.
    let some = refused.len() < scopes.len();
    let sentence = |scope| {
        CheckFinding::problem(format!(
            "the scope {scope} is not delegated to the service account; add it to the entry of its client id, under \
             Security > API controls > Domain-wide delegation, spelled exactly so"
        ))
    };
    Ok(if some { refused.into_iter().map(sentence).collect() } else { Vec::new() })
}
