//! The settings of an Entra ID tenant, as the configuration file spells them.

use std::path::{Path, PathBuf};

use rollcall_kit::HumanDuration;
use rollcall_kit::http::HttpSettings;
use rollcall_kit::http::token::Algorithm;
use rollcall_kit::rest;
use rollcall_kit::secret::SecretRef;
use rollcall_kit::settings::{EndingFile, Problem, Problems};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use url::Url;

use crate::cloud::Cloud;
use crate::select;

/// How to reach a tenant, and what to read from it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EntraSettings {
    /// The tenant: its id or one of its domains. Only a managed identity does without.
    #[serde(default)]
    pub tenant: Option<String>,
    /// The application (client) id of the app registration; of a managed identity only where the machine has several.
    #[serde(default)]
    pub client_id: Option<String>,
    /// Where the client secret is.
    #[serde(default)]
    pub client_secret: Option<SecretRef>,
    /// The certificate (PEM) that is registered with the app, instead of a secret.
    #[serde(default)]
    pub certificate: Option<PathBuf>,
    /// Where the certificate's private key is, if it is not in the same file.
    #[serde(default)]
    pub private_key: Option<SecretRef>,
    /// How the certificate's key signs: PS256 with the SHA-256 thumbprint, or, for old registrations, RS256 with SHA-1.
    #[serde(default)]
    pub algorithm: Option<Algorithm>,
    /// Where the token of another identity provider is that the app trusts (workload identity federation), instead of a
    /// secret. Read afresh for each token. In Kubernetes, `runAsUser` or `fsGroup` keeps the file from others, as every
    /// secret file must be.
    #[serde(default)]
    pub federated_token: Option<SecretRef>,
    /// Sign in as the identity that Azure gave this machine, instead of a secret.
    #[serde(default)]
    pub managed_identity: Option<ManagedIdentitySettings>,
    /// Which of Microsoft's clouds the tenant lives in.
    #[serde(default)]
    pub cloud: Cloud,
    /// Where tokens come from, instead of the cloud's own place.
    #[serde(default)]
    pub login_url: Option<Url>,
    /// Where Graph is, instead of the cloud's own place.
    #[serde(default)]
    pub graph_url: Option<Url>,
    /// Read only users who are assigned to this enterprise application, directly or as direct members of an assigned
    /// group: its application id or its object id.
    #[serde(default)]
    pub assigned_to: Option<String>,
    /// Read only members of these groups: object ids or exact names.
    #[serde(default)]
    pub members_of: Vec<String>,
    /// Whether members of groups within the groups of `members_of` count too.
    #[serde(default)]
    pub transitive: bool,
    /// Whether guests are read.
    #[serde(default)]
    pub guests: Guests,
    /// Which groups to read. Without it none is read.
    #[serde(default)]
    pub groups: Option<GroupSettings>,
    /// Properties of users to read besides the usual ones, for mappings: `onPremisesSamAccountName`, `extension_…`,
    /// `customSecurityAttributes`.
    #[serde(default)]
    pub extra_properties: Vec<String>,
    /// Whether each user's manager is read. It makes the list of users dearer.
    #[serde(default)]
    pub manager: bool,
    /// Requests in flight; more than a few are mostly throttled.
    #[serde(default = "four")]
    pub parallel: usize,
    /// How long one whole read may take.
    #[serde(default = "six_hours")]
    pub read_timeout: HumanDuration,
    /// Users, groups and members per page.
    #[serde(default = "largest_page")]
    pub page_size: u32,
    /// How the connection is made.
    #[serde(default)]
    pub http: HttpSettings,
}

/// Where Azure hands out tokens of the identity of this machine. An empty table means the place that Azure itself names:
/// App Service by `IDENTITY_ENDPOINT` and `IDENTITY_HEADER`, and virtual machines by a fixed address.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ManagedIdentitySettings {
    /// The endpoint.
    pub endpoint: Option<Url>,
    /// Where the secret of an App Service endpoint is.
    pub header: Option<SecretRef>,
}

/// Whether guests are read. Who has no user type, as some old synchronised users, is no guest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Guests {
    /// Like everybody else.
    #[default]
    Include,
    /// As if they were not there.
    Exclude,
    /// Nobody but they.
    Only,
}

/// Which groups to read. What several of these name is read once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct GroupSettings {
    /// Every group of the kinds below.
    pub all: bool,
    /// Those that are assigned to the application of `assigned_to`.
    pub assigned: bool,
    /// These: object ids or exact names.
    pub named: Vec<String>,
    /// Those of the kinds below whose names begin so.
    pub prefix: Option<String>,
    /// Kinds of groups that `all` and `prefix` take, instead of all but distribution lists.
    pub kinds: Option<Vec<GroupKind>>,
    /// Whether members of groups within a group are given as its own, for groups whose nested groups are not read
    /// themselves. Membership in nested groups that are read is worked out without it.
    pub transitive: bool,
}

/// The kinds of groups that Entra ID knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum GroupKind {
    /// For access.
    Security,
    /// For access, with an address.
    MailEnabledSecurity,
    /// With a mailbox and a team.
    Microsoft365,
    /// For mail only.
    Distribution,
}

fn four() -> usize {
    4
}

fn six_hours() -> HumanDuration {
    HumanDuration::seconds(6 * 60 * 60)
}

/// The largest that Graph takes.
fn largest_page() -> u32 {
    999
}

impl GroupSettings {
    /// Whether groups of a kind are taken where no group is named.
    pub(crate) fn takes(&self, kind: GroupKind) -> bool {
        match &self.kinds {
            Some(kinds) => kinds.contains(&kind),
            None => kind != GroupKind::Distribution,
        }
    }
}

impl EntraSettings {
    /// Lets relative paths start at this folder.
    pub(crate) fn start_at(&mut self, folder: &Path) {
        let header = self.managed_identity.iter_mut().filter_map(|identity| identity.header.as_mut());
        let secrets = [&mut self.client_secret, &mut self.private_key, &mut self.federated_token];
        secrets.into_iter().flatten().chain(header).for_each(|secret| secret.start_at(folder));
        self.certificate.iter_mut().for_each(|path| *path = folder.join(&*path));
        self.http.start_at(folder);
    }

    /// Where tokens come from, without a path.
    pub(crate) fn login(&self) -> Result<Url, Problem> {
        rest::place(self.login_url.as_ref(), self.cloud.login(), "login_url")
    }

    /// Where Graph is, without a path.
    pub(crate) fn graph(&self) -> Result<Url, Problem> {
        rest::place(self.graph_url.as_ref(), self.cloud.graph(), "graph_url")
    }

    /// Files that are good until a day.
    pub(crate) fn ending_files(&self) -> Vec<EndingFile> {
        let file = |path: &PathBuf| EndingFile::Certificate("the certificate of the app registration", path.clone());
        self.certificate.iter().map(file).collect()
    }

    /// What decides what a read can see: who answers, who asks, and for what.
    pub(crate) fn decisive(&self) -> Value {
        let Self {
            tenant,
            client_id,
            managed_identity,
            cloud,
            login_url,
            graph_url,
            assigned_to,
            members_of,
            transitive,
            guests,
            groups,
            extra_properties,
            manager,
            // How the app proves who it is.
            client_secret: _,
            certificate: _,
            private_key: _,
            algorithm: _,
            federated_token: _,
            // How we connect, and how fast.
            parallel: _,
            read_timeout: _,
            page_size: _,
            http: _,
        } = self;
        // A managed identity is somebody else than an app; the secret of its endpoint is not.
        let identity =
            managed_identity.as_ref().map(|ManagedIdentitySettings { endpoint, header: _ }| json!([endpoint]));
        json!({
            "as": [tenant, client_id],
            "managed_identity": identity,
            "from": [cloud, login_url, graph_url],
            "assigned_to": assigned_to,
            "members_of": [members_of, transitive],
            "guests": guests,
            "groups": groups,
            "properties": [extra_properties, manager],
        })
    }

    /// Everything that can be found wrong without asking anybody.
    pub(crate) fn problems(&self) -> Vec<Problem> {
        let mut problems = Problems::new();
        self.check_proof(&mut problems);
        if self.managed_identity.is_none() {
            self.check_app(&mut problems);
        }
        problems.check(self.login());
        problems.check(self.graph());
        self.check_reach(&mut problems);
        self.check_groups(&mut problems);
        select::check(&self.extra_properties, &mut problems);
        problems.add_if(
            !(1..=16).contains(&self.parallel),
            "parallel",
            "parallel must be between 1 and 16; Graph throttles an app that asks for more at once",
        );
        problems.add_if(
            !(1..=999).contains(&self.page_size),
            "page_size",
            "page_size must be between 1 and 999; Graph refuses other sizes",
        );
        problems.add_if(
            self.read_timeout.is_zero(),
            "read_timeout",
            "read_timeout of \"0s\" can never be met; leave it out for the default",
        );
        problems.within("http", self.http.problems());
        problems.all()
    }

    /// How we prove who we are.
    fn check_proof(&self, problems: &mut Problems) {
        let ways: Vec<&str> = [
            ("client_secret", self.client_secret.is_some()),
            ("certificate", self.certificate.is_some()),
            ("federated_token", self.federated_token.is_some()),
            ("managed_identity", self.managed_identity.is_some()),
        ]
        .into_iter()
        .filter_map(|(name, there)| there.then_some(name))
        .collect();
        match ways.as_slice() {
            [] => problems.add(
                "client_secret",
                "client_secret is missing: name it, or certificate, federated_token or managed_identity in its place",
            ),
            [_] => {}
            [_, second, ..] => {
                problems.add(*second, format!("{} are several ways to sign in; keep one of them", ways.join(" and ")));
            }
        }
        problems.add_if(
            self.certificate.is_none() && self.private_key.is_some(),
            "private_key",
            "private_key belongs to a certificate, which is missing: Entra ID finds the key by it",
        );
        match self.algorithm {
            Some(_) if self.certificate.is_none() => problems
                .add("algorithm", "algorithm says how the key of a certificate signs, and there is none; leave it out"),
            None | Some(Algorithm::Ps256 | Algorithm::Rs256) => {}
            Some(_) => problems.add("algorithm", "algorithm must be PS256 or RS256; Entra ID takes no other"),
        }
    }

    /// The app registration that we are.
    fn check_app(&self, problems: &mut Problems) {
        problems.add_if(
            self.client_id.as_ref().is_none_or(|id| id.trim().is_empty()),
            "client_id",
            "client_id is missing: it is the application (client) id of the app registration",
        );
        match self.tenant.as_deref().map(str::trim) {
            None | Some("") => {
                problems.add("tenant", "tenant is missing: it is the tenant's id, or one of its domains");
            }
            Some(tenant @ ("common" | "organizations" | "consumers")) => {
                let message = "an app without a user signs in to one: write its id";
                problems.add("tenant", format!("tenant {tenant:?} is no tenant; {message}"));
            }
            Some(tenant) => problems.add_if(
                tenant.contains(['/', '?', '#', ' ']),
                "tenant",
                "tenant must be the tenant's id or one of its domains, and no URL",
            ),
        }
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
            self.transitive && self.members_of.is_empty(),
            "transitive",
            "transitive is about the groups of members_of, and none is named; Entra ID itself never counts members of \
             groups within an assigned group as assigned",
        );
        problems.add_if(
            self.assigned_to.as_ref().is_some_and(|app| !is_guid(app)),
            "assigned_to",
            "assigned_to must be the application id or the object id of the enterprise application, as its overview \
             page shows them",
        );
    }

    fn check_groups(&self, problems: &mut Problems) {
        let Some(groups) = &self.groups else { return };
        problems.add_if(
            !groups.all && !groups.assigned && groups.named.is_empty() && groups.prefix.is_none(),
            "groups",
            "groups names no group; write all = true, or assigned, named or prefix",
        );
        problems.add_if(
            groups.assigned && self.assigned_to.is_none(),
            "groups.assigned",
            "groups.assigned means the application of assigned_to, which is missing",
        );
        let empty = "groups holds an empty name or prefix";
        problems.blanks("groups.named", &groups.named, empty);
        let no_prefix = groups.prefix.as_ref().is_some_and(|prefix| prefix.trim().is_empty());
        problems.add_if(no_prefix, "groups.prefix", empty);
        problems.add_if(
            groups.kinds.as_ref().is_some_and(Vec::is_empty),
            "groups.kinds",
            "groups.kinds is empty; leave it out for every kind but distribution lists",
        );
    }
}

/// Whether this is spelled as Entra ID spells ids.
pub(crate) fn is_guid(text: &str) -> bool {
    text.trim().len() == 36 && uuid::Uuid::try_parse(text.trim()).is_ok()
}
