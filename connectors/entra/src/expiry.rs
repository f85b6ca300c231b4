//! When the client secret ends, where the app registration may be read: a token with `Application.Read.All` (which
//! `assigned_to` needs anyway) sees the registration's own secrets with their ends, each with the first three
//! characters of its value as a hint, by which ours is recognised.
//!
//! Source: Microsoft Graph, resource type `passwordCredential`.

use jiff::Timestamp;
use serde_json::Value as Json;

use crate::api::{Api, Query};
use crate::settings::EntraSettings;
use rollcall_kit::rest::Interface as _;

/// What the secret is called, and when it ends; nothing if there is none, or if that cannot be seen.
pub(crate) async fn secret_ends(settings: &EntraSettings, api: &Api) -> Vec<(String, Timestamp)> {
    let (Some(client_id), Some(place)) = (&settings.client_id, &settings.client_secret) else { return Vec::new() };
    let Ok(secret) = place.resolve() else { return Vec::new() };
    let filter = format!("appId eq '{}'", client_id.trim().replace('\'', "''"));
    let query = Query {
        collection: "app registration",
        path: &["applications"],
        parameters: &[("$filter", &filter), ("$select", "passwordCredentials")],
    };
    let credentials = match api.one(&query).await {
        Ok(found) => found.and_then(|body| body.pointer("/value/0/passwordCredentials").cloned()),
        Err(error) => {
            tracing::debug!(%error, "when the client secret ends may not be seen");
            None
        }
    };
    let credentials = credentials.as_ref().and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
    let end = end_of(credentials, secret.expose());
    end.map(|end| ("the client secret of the app registration".to_owned(), end)).into_iter().collect()
}

/// The end of the secret that begins as its hint says. Where several begin alike, the last one counts: a warning that
/// comes late is better than one that no renewal ends.
fn end_of(credentials: &[Json], secret: &str) -> Option<Timestamp> {
    let ours = credentials.iter().filter(|each| {
        let hint = each["hint"].as_str().unwrap_or_default();
        !hint.is_empty() && secret.starts_with(hint)
    });
    ours.filter_map(|each| each["endDateTime"].as_str()?.parse().ok()).max()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn ours_is_the_secret_that_begins_as_its_hint_says() {
        let credentials = [
            json!({ "hint": "hun", "endDateTime": "2027-01-15T00:00:00Z" }),
            json!({ "hint": "xyz", "endDateTime": "2026-12-01T00:00:00Z" }),
            json!({ "hint": null, "endDateTime": "2026-11-30T00:00:00Z" }),
            json!({ "hint": "hun", "endDateTime": "2027-03-01T00:00:00Z" }),
        ];
        assert_eq!(end_of(&credentials, "hunter2"), Some("2027-03-01T00:00:00Z".parse().unwrap()));
        assert_eq!(end_of(&credentials, "other"), None);
        assert_eq!(end_of(&[], "hunter2"), None);
    }
}
