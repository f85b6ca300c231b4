//! When the secrets and certificates of an organization end, as far as they say so themselves or the directory tells.

use std::path::PathBuf;

use jiff::Timestamp;
use rollcall_kit::expiry;
use rollcall_kit::secret::SecretRef;

use super::build;
use crate::config::{DirectorySettings, Organization};

/// What each is, and when it ends. Secrets of which nobody tells, as passwords, are not among them.
pub async fn secret_ends(organization: &Organization) -> Vec<(String, Timestamp)> {
    let (ours, directory) = (organization.clone(), organization.directory.clone());
    let local = tokio::task::spawn_blocking(move || local_ends(&ours)).await;
    let told = match build::connector(&directory) {
        Ok(connector) => connector.secret_ends().await,
        // The next run says what is wrong with it.
        Err(_) => Vec::new(),
    };
    local.unwrap_or_default().into_iter().chain(told).collect()
}

/// What files and tokens say themselves.
fn local_ends(organization: &Organization) -> Vec<(String, Timestamp)> {
    let target = &organization.target;
    let mut certificates: Vec<(&str, Option<&PathBuf>)> =
        vec![("the client certificate for the target", target.http.client_certificate.as_ref())];
    match &organization.directory {
        DirectorySettings::Entra(settings) => {
            certificates.push(("the certificate of the app registration", settings.certificate.as_ref()));
            certificates.push(("the client certificate for the directory", settings.http.client_certificate.as_ref()));
        }
        DirectorySettings::Okta(settings) => {
            certificates.push(("the client certificate for the directory", settings.http.client_certificate.as_ref()));
        }
        _ => {}
    }
    let certificates = certificates.into_iter().filter_map(|(what, path)| Some((what, expiry::of_certificate(path?)?)));
    let tokens = [("the token of the target", target.token.as_ref())];
    let ends_of = |place: &SecretRef| expiry::of_token(&place.resolve().ok()?);
    let tokens = tokens.into_iter().filter_map(|(what, place)| Some((what, ends_of(place?)?)));
    certificates.chain(tokens).map(|(what, end)| (what.to_owned(), end)).collect()
}
