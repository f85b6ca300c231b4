//! The settings of an Okta organisation, as the configuration file spells them.

use std::collections::BTreeMap;
use std::path::Path;

use rollcall_kit::HumanDuration;
use rollcall_kit::http::HttpSettings;
use rollcall_kit::http::token::{Algorithm, Possession};
use rollcall_kit::rest;
use rollcall_kit::secret::SecretRef;
use rollcall_kit::settings::{Problem, Problems};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use url::Url;

use crate::lifecycle::Reading;

/// How to reach an Okta organisation, and what to read from it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OktaSettings {
    /// The organisation's URL, `https://acme.okta.com`, or its custom domain; not the address of the admin console.
    pub url: Url,
    /// The client id of an API Services app. It proves itself with `private_key`.
    #[serde(default)]
    pub client_id: Option<String>,
    /// Where the app's private key is: PEM or JWK, RSA or elliptic curve (P-256, P-384).
    #[serde(default)]
    pub private_key: Option<SecretRef>,
    /// The key's id at Okta (`kid`). A JWK names it itself; a PEM file needs it where the app has several keys.
    #[serde(default)]
    pub key_id: Option<String>,
    /// How assertions are signed, instead of the key's own way: RS256, RS384, RS512, ES256, ES384.
    #[serde(default)]
    pub algorithm: Option<Algorithm>,
    /// The scopes to ask for, instead of those that what is read needs.
    #[serde(default)]
    pub scopes: Option<Vec<String>>,
    /// Whether tokens are bound to a key (DPoP): `when-asked` by the app, `always`, or `never`.
    #[serde(default)]
    pub dpop: Possession,
    /// Where an API token (SSWS) is, instead of an API Services app. It has the rights of the administrator who made
    /// it, and ends with them.
    #[serde(default)]
    pub token: Option<SecretRef>,
    /// Read only users who are assigned to this application, directly or through a group: its id, `0oa…`.
    #[serde(default)]
    pub assigned_to: Option<String>,
    /// Read only members of these groups: ids (`00g…`) or exact names.
    #[serde(default)]
    pub members_of: Vec<String>,
    /// Which groups to read. Without it none is read.
    #[serde(default)]
    pub groups: Option<GroupSettings>,
    /// What a status means, where it should mean something else than it does: `PROVISIONED = "inactive"`.
    #[serde(default)]
    pub statuses: BTreeMap<String, Reading>,
    /// How much of each of the organisation's rate limits a read may use, in per cent; others use the same limits.
    #[serde(default = "half")]
    pub rate_limit_share: u8,
    /// Requests in flight. The whole organisation may have between 15 and 75.
    #[serde(default = "four")]
    pub parallel: usize,
    /// Look into the System Log for changes as well, between full reads: who was deleted, and who was assigned to the
    /// application or taken off it. Needs the scope `okta.logs.read`.
    #[serde(default)]
    pub system_log: bool,
    /// How long one whole read may take.
    #[serde(default = "six_hours")]
    pub read_timeout: HumanDuration,
    /// Users, groups and members per page.
    #[serde(default = "two_hundred")]
    pub page_size: u32,
    /// How the connection is made.
    #[serde(default)]
    pub http: HttpSettings,
}

/// Which groups to read. What several of these name is read once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct GroupSettings {
    /// Every group of the types below.
    pub all: bool,
    /// Those that are assigned to the application of `assigned_to`.
    pub assigned: bool,
    /// These: ids (`00g…`) or exact names.
    pub named: Vec<String>,
    /// Those of the types below whose names begin so.
    pub prefix: Option<String>,
    /// Those of the types below that an Okta search expression finds: `profile.name co "eng"`. The search reads an
    /// index that may lag behind by seconds.
    pub search: Option<String>,
    /// Types of groups that `all`, `prefix` and `search` take, instead of `OKTA_GROUP` and `APP_GROUP` (from Active
    /// Directory and other applications). `BUILT_IN` is the group `Everyone`.
    pub types: Option<Vec<String>>,
}

/// Okta itself keeps half of each limit from one token or app, unless it is told otherwise.
fn half() -> u8 {
    50
}

fn four() -> usize {
    4
}

fn six_hours() -> HumanDuration {
    HumanDuration::seconds(6 * 60 * 60)
}

/// What Okta recommends.
fn two_hundred() -> u32 {
    200
}

impl GroupSettings {
    /// Whether groups of a type are taken where no group is named.
    pub(crate) fn takes(&self, kind: &str) -> bool {
        match &self.types {
            Some(types) => types.iter().any(|one| one == kind),
            None => matches!(kind, "OKTA_GROUP" | "APP_GROUP"),
        }
    }
}

impl OktaSettings {
    /// Lets relative paths start at this folder.
    pub(crate) fn start_at(&mut self, folder: &Path) {
        self.private_key.iter_mut().chain(self.token.iter_mut()).for_each(|secret| secret.start_at(folder));
        self.http.start_at(folder);
    }

    /// The scopes to ask for: no more than what is read needs.
    #[must_use]
    pub fn wanted_scopes(&self) -> Vec<String> {
        if let Some(scopes) = &self.scopes {
            return scopes.clone();
        }
        let needs_groups = self.groups.is_some() || !self.members_of.is_empty();
        let needed = [
            (true, "okta.users.read"),
            (needs_groups, "okta.groups.read"),
            (self.assigned_to.is_some(), "okta.apps.read"),
            (self.system_log, "okta.logs.read"),
        ];
        needed.into_iter().filter(|(needed, _)| *needed).map(|(_, scope)| scope.to_owned()).collect()
    }

    /// What decides what a read can see: who answers, who asks, and for what.
    pub(crate) fn decisive(&self) -> Value {
        let Self {
            url,
            client_id,
            scopes,
            assigned_to,
            members_of,
            groups,
            statuses,
            system_log,
            // An API token is its owner: another one may be somebody who is shown less.
            token,
            // How an app proves who it is.
            private_key: _,
            key_id: _,
            algorithm: _,
            dpop: _,
            // How we connect, and how fast.
            rate_limit_share: _,
            parallel: _,
            read_timeout: _,
            page_size: _,
            http: _,
        } = self;
        json!({
            "url": url,
            "as": [client_id, token],
            "scopes": scopes,
            "assigned_to": assigned_to,
            "members_of": members_of,
            "groups": groups,
            "statuses": statuses,
            "system_log": system_log,
        })
    }

    /// Everything that can be found wrong without asking Okta.
    pub(crate) fn problems(&self) -> Vec<Problem> {
        let mut problems = Problems::new();
        self.check_url(&mut problems);
        self.check_sign_in(&mut problems);
        self.check_reach(&mut problems);
        self.check_groups(&mut problems);
        problems.add_if(
            !(1..=100).contains(&self.rate_limit_share),
            "rate_limit_share",
            "rate_limit_share must be between 1 and 100 per cent",
        );
        problems.add_if(
            !(1..=15).contains(&self.parallel),
            "parallel",
            "parallel must be between 1 and 15; Okta answers no more requests at once in a small organisation",
        );
        problems.add_if(
            !(20..=200).contains(&self.page_size),
            "page_size",
            "page_size must be between 20 and 200; Okta refuses other sizes for some lists",
        );
        problems.add_if(
            self.read_timeout.is_zero(),
            "read_timeout",
            "read_timeout of \"0s\" can never be met; leave it out for the default",
        );
        problems.within("http", self.http.problems());
        problems.all()
    }

    fn check_url(&self, problems: &mut Problems) {
        let host = match self.url.host() {
            Some(host) if matches!(self.url.scheme(), "https" | "http") => host.to_string(),
            _ => {
                let message = "url is no https URL; write, for example, url = \"https://acme.okta.com\"";
                return problems.add("url", message);
            }
        };
        if let Some(problem) = rest::unfit(&self.url) {
            problems.add("url", format!("url {problem}"));
        }
        problems.add_if(
            !matches!(self.url.path(), "" | "/") || self.url.query().is_some(),
            "url",
            "url must hold nothing behind the host; write, for example, url = \"https://acme.okta.com\"",
        );
        if let Some(organisation) = host.split_once('.').and_then(|(first, _)| first.strip_suffix("-admin")) {
            let message = format!(
                "url names the admin console; leave out \"-admin\": the host of the API begins with {organisation}"
            );
            problems.add("url", message);
        }
    }

    fn check_sign_in(&self, problems: &mut Problems) {
        match (&self.client_id, &self.private_key, &self.token) {
            (Some(id), Some(_), None) if !id.trim().is_empty() => {}
            (None, None, Some(_)) => return,
            (Some(_), None, None) => {
                problems.add("private_key", "private_key is missing: an API Services app proves itself by its key");
            }
            (None, Some(_), None) => {
                problems.add("client_id", "client_id is missing: name the API Services app that has this key");
            }
            (None, None, None) => problems.add(
                "client_id",
                "client_id and private_key are missing: name an API Services app (or an API token in token)",
            ),
            (Some(_), Some(_), None) => problems.add("client_id", "client_id is empty"),
            (_, _, Some(_)) => {
                return problems.add("token", "token and client_id are two ways to sign in; keep one of them");
            }
        }
        problems.add_if(
            self.algorithm == Some(Algorithm::Ps256),
            "algorithm",
            "algorithm PS256 is not accepted by Okta; name RS256 or ES256, or leave it out",
        );
        problems.add_if(
            self.wanted_scopes().is_empty(),
            "scopes",
            "scopes is empty; leave it out for those that are needed",
        );
    }

    fn check_reach(&self, problems: &mut Problems) {
        problems.add_if(
            self.assigned_to.is_some() && !self.members_of.is_empty(),
            "members_of",
            "members_of and assigned_to are two answers to one question; keep one, and narrow the other way by the \
             organization's scope",
        );
        problems.blanks("members_of", &self.members_of, "members_of holds an empty name");
        problems.add_if(
            self.assigned_to.as_ref().is_some_and(|app| !app.starts_with("0oa")),
            "assigned_to",
            "assigned_to must be the application's id, which begins with 0oa; it is in the address of its page in the \
             admin console",
        );
        problems.add_if(
            self.statuses.get("DEPROVISIONED") == Some(&Reading::Active),
            "statuses.DEPROVISIONED",
            "statuses would keep deactivated users (DEPROVISIONED) active",
        );
    }

    fn check_groups(&self, problems: &mut Problems) {
        let Some(GroupSettings { all, assigned, named, prefix, search, types: _ }) = &self.groups else { return };
        problems.add_if(
            !all && !assigned && named.is_empty() && prefix.is_none() && search.is_none(),
            "groups",
            "groups names no group; write all = true, or assigned, named, prefix or search",
        );
        problems.add_if(
            *assigned && self.assigned_to.is_none(),
            "groups.assigned",
            "groups.assigned means the application of assigned_to, which is missing",
        );
        let empty = "groups holds an empty name, prefix or search";
        problems.blanks("groups.named", named, empty);
        for (key, text) in [("groups.prefix", prefix), ("groups.search", search)] {
            problems.add_if(text.as_ref().is_some_and(|text| text.trim().is_empty()), key, empty);
        }
    }
}
