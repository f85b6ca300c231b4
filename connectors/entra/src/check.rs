//! `check`: signs in, compares the token's permissions with what is configured, reads as a run would, and says in
//! sentences what it found.

use std::collections::BTreeSet;

use rollcall_kit::{CheckFinding, Entries, ReadError, Trial};

use crate::api::Api;
use crate::permissions::{self, HIDDEN};
use crate::reach::Reach;
use crate::read;
use crate::settings::EntraSettings;

/// Checks everything that can be checked without changing anything.
///
/// # Errors
///
/// If Entra ID or Graph cannot be reached; whatever is wrong beyond that is a finding.
pub(crate) async fn check(settings: &EntraSettings, api: &Api) -> Result<Vec<CheckFinding>, ReadError> {
    let mut findings = Vec::new();
    if settings.graph()?.scheme() != "https" || settings.login()?.scheme() != "https" {
        findings.push(CheckFinding::warning("the token and everybody's data cross the network in clear text"));
    }
    let roles = match api.sign_in().await {
        Ok(roles) => roles,
        Err(error @ (ReadError::Unreachable { .. } | ReadError::Untrusted { .. })) => return Err(error),
        Err(error) => {
            findings.push(CheckFinding::problem(error.to_string()));
            return Ok(findings);
        }
    };
    findings.push(CheckFinding::good(format!("signed in to {} as {}", api.server, api.identity)));
    match &roles {
        Some(roles) => {
            let missing = permissions(settings, api, roles);
            let some = !missing.is_empty();
            findings.extend(missing);
            if some {
                return Ok(findings);
            }
            let held: Vec<&str> = roles.iter().map(String::as_str).collect();
            findings.push(CheckFinding::good(format!("the token carries the permissions {}", held.join(", "))));
            findings.extend(too_much(roles));
        }
        None => findings.push(CheckFinding::warning(
            "the token does not say which permissions it carries, so that what it may not see cannot be named",
        )),
    }
    if settings.groups.is_some() && roles.as_ref().is_some_and(|roles| !roles.contains(HIDDEN)) {
        findings.push(CheckFinding::good(format!(
            "without {HIDDEN}, groups that hide their members are held as they are; devices, contacts and service \
             principals among members are left out anyway"
        )));
    }
    if let Some(finding) = assigned_to(settings, api).await {
        findings.push(finding);
    }
    match Trial::of(|entries: Entries| read::read(settings, api, entries)).await {
        Ok((trial, certificate)) => {
            findings.extend(trial.findings("grant the right to read it"));
            findings.extend(certificate.exceptions().iter().map(CheckFinding::warning));
            if settings.groups.is_some() && trial.groups == 0 {
                findings.push(CheckFinding::warning("not one group is read; correct groups"));
            }
            if trial.unresolved > 0 {
                findings.push(CheckFinding::good(format!(
                    "{} members of groups are no users or groups of this read: devices, contacts, guests or nested groups \
                     that are left out",
                    trial.unresolved
                )));
            }
        }
        Err(error @ (ReadError::Unreachable { .. } | ReadError::Untrusted { .. })) => return Err(error),
        Err(error) => findings.push(CheckFinding::problem(error.to_string())),
    }
    Ok(findings)
}

/// What is missing for what is configured, and what would come back without it.
fn permissions(settings: &EntraSettings, api: &Api, roles: &BTreeSet<String>) -> Vec<CheckFinding> {
    let sentence = |need: &permissions::Need| {
        CheckFinding::problem(format!(
            "the application permission {} is not granted to {}: {}; grant it with admin consent",
            need.least, api.identity, need.without
        ))
    };
    permissions::missing(settings, roles).into_iter().map(sentence).collect()
}

/// Rights to write, which nothing here ever uses.
fn too_much(roles: &BTreeSet<String>) -> Option<CheckFinding> {
    let writes: Vec<&str> = roles.iter().map(String::as_str).filter(|role| role.contains("ReadWrite")).collect();
    (!writes.is_empty()).then(|| {
        CheckFinding::warning(format!("{} lets the app write, which is never needed; take it away", writes.join(", ")))
    })
}

async fn assigned_to(settings: &EntraSettings, api: &Api) -> Option<CheckFinding> {
    settings.assigned_to.as_ref()?;
    Some(match Reach::resolve(api, settings).await {
        Ok(Reach::Assigned(app)) if app.assignment_required => CheckFinding::good(format!(
            "users are those assigned to the enterprise application \"{}\": {} themselves and those in {} groups",
            app.name,
            app.direct.len(),
            app.groups.len()
        )),
        Ok(Reach::Assigned(app)) => CheckFinding::warning(format!(
            "the enterprise application \"{}\" lets everybody sign in (assignment is not required); users are still those \
             assigned to it",
            app.name
        )),
        Ok(_) => return None,
        Err(error) => CheckFinding::problem(error.to_string()),
    })
}
