//! When the secrets and certificates of an organization end, as far as that can be known without asking anybody.

use std::path::PathBuf;

use jiff::Timestamp;
use rollcall_kit::expiry;
use rollcall_kit::secret::SecretRef;

use crate::config::{DirectorySettings, Organization};

/// What each is, and when it ends. Secrets that do not say when, as client secrets and passwords, are not among them.
#[must_use]
pub fn secret_ends(organization: &Organization) -> Vec<(String, Timestamp)> {
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
