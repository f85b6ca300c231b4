//! The settings of a SCIM target.

use rollcall_kit::HumanDuration;
use rollcall_kit::http::HttpSettings;
use rollcall_kit::http::token::ClientCredentialsSettings;
use rollcall_kit::secret::SecretRef;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::Url;

/// A SCIM 2.0 service provider and how to speak to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScimSettings {
    /// The base URL, to which `/Users` is appended.
    pub url: Url,
    /// The base URL that the same application had before it moved to `url`, with the same accounts under the same ids.
    /// Without it, a changed `url` is another application, and what is known of the accounts of the old one is not
    /// applied to it.
    #[serde(default)]
    pub formerly: Option<Url>,
    /// Where the bearer token is.
    pub token: Option<SecretRef>,
    /// Client credentials, for targets that want OAuth 2.0 instead of a fixed token.
    pub oauth: Option<ClientCredentialsSettings>,
    /// How the connection is made.
    #[serde(default)]
    pub http: HttpSettings,
    /// How roles are told.
    #[serde(default)]
    pub roles: RoleDelivery,
    /// Which of our attributes is written to `userName`.
    #[serde(default = "email")]
    pub user_name: String,
    /// SCIM attributes by which an existing account is recognised, in order, after `externalId`.
    #[serde(default = "match_by")]
    pub match_by: Vec<String>,
    /// Whether the address may be changed in the target. It may not, unless this is true.
    #[serde(default)]
    pub mutable_email: bool,
    /// Requests in flight.
    #[serde(default = "eight")]
    pub parallel: usize,
    /// Requests a minute that the target is sent at most. Without it the pace is learnt from what the target refuses.
    pub requests_per_minute: Option<u32>,
    /// Members that one request adds or removes at most.
    #[serde(default = "hundred")]
    pub members_per_request: usize,
    /// Deletes accounts that have been inactive for so long. Without it nothing is ever deleted.
    pub delete_after: Option<HumanDuration>,
    /// Over what the directory is the authority: attributes, `active`, `roles`, or `*` for everything. An edit of these
    /// in the application is undone when it is found; every other edit stays until the directory's value changes.
    #[serde(default)]
    pub authority: Vec<String>,
    /// What becomes of a person whose account somebody deleted in the application.
    #[serde(default)]
    pub deleted: Deleted,
    /// Where the organization's own attributes go: a schema URN; without one they are sent under the enterprise
    /// extension where it has the name, and refused otherwise.
    pub custom_schema: Option<String>,
}

impl ScimSettings {
    /// Lets relative paths start at this folder.
    pub fn start_at(&mut self, folder: &std::path::Path) {
        let oauth = self.oauth.as_mut().map(|oauth| &mut oauth.client_secret);
        self.token.iter_mut().chain(oauth).for_each(|secret| secret.start_at(folder));
        self.http.start_at(folder);
    }

    /// Whether tokens and people's data would cross a network for everybody to read.
    #[must_use]
    pub fn is_clear_text(&self) -> bool {
        let loopback = match self.url.host() {
            Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
            Some(url::Host::Ipv4(address)) => address.is_loopback(),
            Some(url::Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        };
        self.url.scheme() == "http" && !loopback
    }
}

fn email() -> String {
    "email".to_owned()
}

fn match_by() -> Vec<String> {
    vec!["userName".to_owned(), "emails.value".to_owned()]
}

fn eight() -> usize {
    8
}

fn hundred() -> usize {
    100
}

/// How the target is told which roles an account has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RoleDelivery {
    /// The `roles` attribute.
    #[default]
    Roles,
    /// The `entitlements` attribute.
    Entitlements,
    /// Membership in a group named like the role.
    Groups,
}

/// What becomes of a person whose account somebody deleted in the application.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Deleted {
    /// They get a new one, if the directory still asks for it.
    #[default]
    CreateAgain,
    /// They get none until they have left and returned.
    Leave,
}
