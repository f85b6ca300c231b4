//! `check`: signs in, reads as a run would, and says in sentences what it found.
//!
//! The hard part is an admin role that is too narrow, because Okta answers it with less and with no error. The group
//! `Everyone` betrays it: Okta counts its members whoever asks.

use rollcall_kit::http::token::TokenError;
use rollcall_kit::rest::Interface as _;
use rollcall_kit::{CheckFinding, Entries, ReadError, Trial};
use serde_json::Value as Json;

use crate::api::{Api, Query, endpoint};
use crate::reach::application;
use crate::read;
use crate::settings::OktaSettings;

/// Checks everything that can be checked without changing anything.
///
/// # Errors
///
/// If Okta cannot be reached; whatever is wrong beyond that is a finding.
pub(crate) async fn check(settings: &OktaSettings, api: &Api) -> Result<Vec<CheckFinding>, ReadError> {
    let mut findings = Vec::new();
    if settings.url.scheme() != "https" {
        findings.push(CheckFinding::warning("the token and everybody's data cross the network in clear text"));
    }
    match api.sign_in().await {
        Ok(_) => {}
        Err(error @ (ReadError::Unreachable { .. } | ReadError::Untrusted { .. })) => return Err(error),
        Err(error) => {
            findings.extend(refused_scopes(settings, api).await?);
            findings.push(CheckFinding::problem(error.to_string()));
            return Ok(findings);
        }
    }
    findings.push(signed_in(settings, api));
    if let Some(app) = &settings.assigned_to {
        findings.push(match application(api, app).await {
            Ok(app) => assigned_to(&app),
            Err(error) => CheckFinding::problem(error.to_string()),
        });
    }
    match Trial::of(|entries: Entries| read::read(settings, api, entries)).await {
        Ok((trial, certificate)) => {
            findings.extend(trial.findings("map it from another attribute, or switch it off"));
            findings.extend(certificate.exceptions().iter().map(CheckFinding::warning));
            if settings.groups.is_some() && trial.groups == 0 {
                findings.push(CheckFinding::warning("not one group is read; correct groups"));
            }
            findings.extend(canary(settings, api, &trial).await);
        }
        Err(error @ (ReadError::Unreachable { .. } | ReadError::Untrusted { .. })) => return Err(error),
        Err(error) => findings.push(CheckFinding::problem(error.to_string())),
    }
    Ok(findings)
}

fn signed_in(settings: &OktaSettings, api: &Api) -> CheckFinding {
    match &settings.client_id {
        Some(_) => {
            let scopes = settings.wanted_scopes().join(", ");
            CheckFinding::good(format!("signed in to {} as {} with the scopes {scopes}", api.server, api.identity))
        }
        None => CheckFinding::warning(format!(
            "{} is asked with an API token: it ends with the administrator who made it, and after 30 days without use; an \
             API Services app does not",
            api.server
        )),
    }
}

fn assigned_to(app: &Json) -> CheckFinding {
    let label = app.get("label").and_then(Json::as_str).unwrap_or("without a label");
    match app.get("status").and_then(Json::as_str) {
        Some("ACTIVE") | None => CheckFinding::good(format!("users are those assigned to the application \"{label}\"")),
        Some(status) => CheckFinding::warning(format!(
            "the application \"{label}\" of assigned_to is {status}; users are still those assigned to it"
        )),
    }
}

/// Okta refuses a whole request for the sake of one scope and does not say which, so each is asked for alone.
async fn refused_scopes(settings: &OktaSettings, api: &Api) -> Result<Vec<CheckFinding>, ReadError> {
    let scopes = settings.wanted_scopes();
    let mut refused = Vec::new();
    for scope in &scopes {
        let Some(tokens) = endpoint(settings, std::slice::from_ref(scope), None)? else { return Ok(Vec::new()) };
        match tokens.missing_scopes().await {
            Ok(missing) if missing.is_empty() => {}
            Ok(_) | Err(TokenError::Refused(_)) => refused.push(scope),
            Err(error) => return Err(api.no_token(error)),
        }
    }
    // With all of them refused it is the app that is, for whatever reason.
    let some = refused.len() < scopes.len();
    let sentence = |scope| {
        CheckFinding::problem(format!(
            "the scope {scope} is not granted to {}; grant it on the app's page, under Okta API Scopes",
            api.identity
        ))
    };
    Ok(if some { refused.into_iter().map(sentence).collect() } else { Vec::new() })
}

/// Up to so many users are read for the comparison alone, where a run would not read everybody.
const COMPARED: u64 = 20_000;

/// Compares whom we are shown with the number of members that Okta itself counts in the group of everybody.
async fn canary(settings: &OktaSettings, api: &Api, trial: &Trial) -> Option<CheckFinding> {
    if !may_read_groups(settings) {
        return Some(CheckFinding::warning(format!(
            "without the scope okta.groups.read it cannot be told whether the admin role of {} is narrower than the \
             organisation; grant it, or compare the number of users yourself",
            api.identity
        )));
    }
    let parameters = [("filter", "type eq \"BUILT_IN\""), ("expand", "stats"), ("limit", "200")];
    let query = Query { collection: "groups", path: &["groups"], parameters: &parameters };
    let groups = match api.list(&query).all().await {
        Ok(groups) => groups,
        Err(error) => return Some(CheckFinding::warning(format!("the group Everyone cannot be read: {error}"))),
    };
    let everyone = groups.iter().filter(|group| group.json["type"] == "BUILT_IN");
    let Some(count) = everyone.filter_map(|group| group.json.pointer("/_embedded/stats/usersCount")?.as_u64()).max()
    else {
        return Some(CheckFinding::warning(format!(
            "{} is not shown how many members the group Everyone has, so that its role may be narrower than the \
             organisation; compare the number of users yourself",
            api.identity
        )));
    };
    let shown = match shown(settings, api, trial, count).await {
        Ok(Some(shown)) => shown,
        Ok(None) => {
            return Some(CheckFinding::warning(format!(
                "Okta counts {count} members in the group Everyone, more than are read for a comparison; compare the \
                 number of users that {} sees yourself",
                api.identity
            )));
        }
        Err(error) => return Some(CheckFinding::warning(format!("the users cannot be counted: {error}"))),
    };
    Some(if shown < count {
        CheckFinding::warning(format!(
            "Okta counts {count} members in the group Everyone and shows {shown}; the admin role of {} is narrower than the \
             organisation, and who is outside of it looks as if they had left",
            api.identity
        ))
    } else {
        CheckFinding::good(format!("the {count} members whom Okta counts in the group Everyone are all shown"))
    })
}

/// How many users we are shown, whomever a run reads; none if those are too many to be read for that.
async fn shown(settings: &OktaSettings, api: &Api, trial: &Trial, count: u64) -> Result<Option<u64>, ReadError> {
    if settings.assigned_to.is_none() && settings.members_of.is_empty() {
        return Ok(Some(trial.users));
    }
    if count > COMPARED {
        return Ok(None);
    }
    let everybody = OktaSettings { assigned_to: None, members_of: Vec::new(), groups: None, ..settings.clone() };
    let (everybody, _) = Trial::of(|entries: Entries| read::read(&everybody, api, entries)).await?;
    Ok(Some(everybody.users))
}

/// An API token has the scopes that its owner has.
fn may_read_groups(settings: &OktaSettings) -> bool {
    settings.token.is_some() || settings.wanted_scopes().iter().any(|scope| scope.starts_with("okta.groups."))
}
