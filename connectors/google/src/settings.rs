//! The settings of a Google Workspace customer, as the configuration file spells them.

use std::path::Path;

use rollcall_kit::http::HttpSettings;
use rollcall_kit::secret::SecretRef;
use rollcall_kit::settings::{Problem, Problems};
use rollcall_kit::{Address, HumanDuration, rest};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use url::Url;

/// What Google calls the customer of whoever asks.
pub(crate) const MY_CUSTOMER: &str = "my_customer";

/// How to reach a customer, and what to read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GoogleSettings {
    /// Where the key file (JSON) of the service account is.
    #[serde(default)]
    pub key_file: Option<SecretRef>,
    /// Sign in without a downloaded key, as the service account that Google gave this machine, instead of `key_file`.
    #[serde(default)]
    pub keyless: Option<KeylessSettings>,
    /// The administrator as whom the service account reads: an address, best of an account of its own. Without one the
    /// service account needs an admin role itself, and `customer` must be given.
    #[serde(default)]
    pub admin: Option<String>,
    /// The customer's id (`C0…`), as the admin console shows it, instead of that of `admin`.
    #[serde(default)]
    pub customer: Option<String>,
    /// Read only users and groups whose primary address is in this one domain of the customer's.
    #[serde(default)]
    pub domain: Option<String>,
    /// Read only users in these organisational units and below: paths (`/Sales`) or ids (`id:03ph8a2z…`), which survive
    /// a rename.
    #[serde(default)]
    pub org_units: Vec<String>,
    /// Read only members of these groups: ids or addresses.
    #[serde(default)]
    pub members_of: Vec<String>,
    /// Whether members of groups within the groups of `members_of` count too.
    #[serde(default)]
    pub transitive: bool,
    /// Which groups to read. Without it none is read.
    #[serde(default)]
    pub groups: Option<GroupSettings>,
    /// The custom schemas to read, instead of all of them.
    #[serde(default)]
    pub custom_schemas: Option<Vec<String>>,
    /// Fields of users to read besides the usual ones, for mappings: `recoveryEmail`, `addresses`, `posixAccounts`.
    #[serde(default)]
    pub extra_fields: Vec<String>,
    /// Learn what changed from the audit logs (Reports API) between full reads, instead of comparing everybody's etags.
    /// Needs the scope `admin.reports.audit.readonly`.
    #[serde(default)]
    pub activity: bool,
    /// How far the audit logs may lag behind: each read of changes looks back as far again.
    #[serde(default = "three_hours")]
    pub activity_lag: HumanDuration,
    /// The scopes to ask for, instead of those that what is read needs.
    #[serde(default)]
    pub scopes: Option<Vec<String>>,
    /// Requests a minute. Google allows 2400 for each administrator and project, unless it was asked for others.
    #[serde(default = "half_the_quota")]
    pub requests_per_minute: u32,
    /// Requests in flight.
    #[serde(default = "four")]
    pub parallel: usize,
    /// How long one whole read may take.
    #[serde(default = "six_hours")]
    pub read_timeout: HumanDuration,
    /// Users per page; groups and members come by 200 at most.
    #[serde(default = "largest_page")]
    pub page_size: u32,
    /// Where the Admin SDK is, instead of `https://admin.googleapis.com`.
    #[serde(default)]
    pub api_url: Option<Url>,
    /// Where tokens come from, instead of the place that the key file names among Google's own.
    #[serde(default)]
    pub token_url: Option<Url>,
    /// For whom assertions are made out (`aud`), instead of for `token_url`.
    #[serde(default)]
    pub token_audience: Option<String>,
    /// How the connection is made.
    #[serde(default)]
    pub http: HttpSettings,
}

/// Where a machine at Google gets its own token, and who signs with it. An empty table means the usual places.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct KeylessSettings {
    /// The address of the service account whose key signs, where it is another than the machine's own.
    pub service_account: Option<String>,
    /// Where the metadata server is, instead of `http://169.254.169.254`.
    pub metadata_url: Option<Url>,
    /// Where the IAM Service Account Credentials API is, instead of `https://iamcredentials.googleapis.com`.
    pub iam_url: Option<Url>,
}

/// Which groups to read. What several of these name is read once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct GroupSettings {
    /// Every group of the customer (or of `domain`).
    pub all: bool,
    /// These: ids or addresses.
    pub named: Vec<String>,
    /// Those whose addresses begin so.
    pub prefix: Option<String>,
    /// By what rules name groups.
    pub called: Called,
    /// Whether members of groups within a group are given as its own, for groups whose nested groups are not read
    /// themselves. Membership in nested groups that are read is worked out without it.
    pub transitive: bool,
}

/// By what a group is called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Called {
    /// Its address, which no two groups share.
    #[default]
    Address,
    /// Its display name. Several groups can have the same, and whoever may make groups can make another one.
    Name,
}

fn three_hours() -> HumanDuration {
    HumanDuration::seconds(3 * 60 * 60)
}

/// Others ask as the same administrator, too.
fn half_the_quota() -> u32 {
    1200
}

fn four() -> usize {
    4
}

fn six_hours() -> HumanDuration {
    HumanDuration::seconds(6 * 60 * 60)
}

/// The largest that Google takes.
fn largest_page() -> u32 {
    500
}

/// What begins the name of every scope.
const SCOPES: &str = "https://www.googleapis.com/auth/";

impl GoogleSettings {
    /// Lets relative paths start at this folder.
    pub(crate) fn start_at(&mut self, folder: &Path) {
        self.key_file.iter_mut().for_each(|secret| secret.start_at(folder));
        self.http.start_at(folder);
    }

    /// The scopes to ask for: no more than what is read needs, and only to read.
    #[must_use]
    pub fn wanted_scopes(&self) -> Vec<String> {
        if let Some(scopes) = &self.scopes {
            return scopes.clone();
        }
        let needed = [
            (true, "admin.directory.user.readonly"),
            (self.groups.is_some() || !self.members_of.is_empty(), "admin.directory.group.readonly"),
            (!self.org_units.is_empty(), "admin.directory.orgunit.readonly"),
            (self.activity, "admin.reports.audit.readonly"),
        ];
        needed.into_iter().filter(|(needed, _)| *needed).map(|(_, scope)| format!("{SCOPES}{scope}")).collect()
    }

    /// The customer, as requests name it.
    pub(crate) fn customer(&self) -> &str {
        self.customer.as_deref().map_or(MY_CUSTOMER, str::trim)
    }

    /// Where the Admin SDK is, without a path.
    pub(crate) fn api(&self) -> Result<Url, Problem> {
        rest::place(self.api_url.as_ref(), "https://admin.googleapis.com", "api_url")
    }

    /// What decides what a read can see: who answers, who asks, and for what.
    pub(crate) fn decisive(&self) -> Value {
        let Self {
            keyless,
            admin,
            customer,
            domain,
            org_units,
            members_of,
            transitive,
            groups,
            custom_schemas,
            extra_fields,
            activity,
            activity_lag,
            scopes,
            api_url,
            token_url,
            token_audience,
            key_file,
            // How we connect, and how fast.
            requests_per_minute: _,
            parallel: _,
            read_timeout: _,
            page_size: _,
            http: _,
        } = self;
        // With `admin`, that account reads, whatever the key. Without, the key's service account does.
        let key = key_file.as_ref().filter(|_| admin.is_none());
        json!({
            "signs_in_at": [token_url, token_audience],
            "keyless": keyless,
            "as": [admin, customer, key],
            "from": api_url,
            "whom": [domain, org_units, members_of, transitive],
            "groups": groups,
            "fields": [custom_schemas, extra_fields],
            "changes": [activity, activity_lag],
            "scopes": scopes,
        })
    }

    /// Everything that can be found wrong without asking Google.
    pub(crate) fn problems(&self) -> Vec<Problem> {
        let mut problems = Problems::new();
        self.check_sign_in(&mut problems);
        problems.check(self.api());
        self.check_reach(&mut problems);
        self.check_groups(&mut problems);
        self.check_fields(&mut problems);
        problems.add_if(
            self.requests_per_minute == 0,
            "requests_per_minute",
            "requests_per_minute of 0 lets nothing be read; Google's own limit is 2400",
        );
        problems.add_if(
            !(1..=16).contains(&self.parallel),
            "parallel",
            "parallel must be between 1 and 16; Google refuses more at once",
        );
        problems.add_if(
            !(1..=500).contains(&self.page_size),
            "page_size",
            "page_size must be between 1 and 500; Google refuses other sizes",
        );
        problems.add_if(
            self.read_timeout.is_zero(),
            "read_timeout",
            "read_timeout of \"0s\" can never be met; leave it out for the default",
        );
        problems.within("http", self.http.problems());
        problems.all()
    }

    fn check_sign_in(&self, problems: &mut Problems) {
        match (&self.key_file, &self.keyless) {
            (Some(_), None) => {}
            (None, Some(keyless)) => problems.within("keyless", keyless.problems()),
            (None, None) => problems.add(
                "key_file",
                "key_file is missing: name the service account's key file, or write keyless = {} on a machine of \
                 Google's",
            ),
            (Some(_), Some(_)) => {
                problems.add("keyless", "key_file and keyless are two ways to sign in; keep one of them");
            }
        }
        if let Some(problem) = self.token_url.as_ref().and_then(rest::unfit) {
            problems.add("token_url", format!("token_url {problem}"));
        }
        self.check_reader(problems);
        problems.add_if(
            self.wanted_scopes().is_empty(),
            "scopes",
            "scopes is empty; leave it out for those that are needed",
        );
    }

    /// The reader, and the customer that is read.
    fn check_reader(&self, problems: &mut Problems) {
        match (&self.admin, &self.customer) {
            (Some(admin), _) if Address::parse(admin).is_none() => {
                problems.add("admin", "admin must be the address of an administrator, such as rollcall@acme.com");
            }
            (None, None) => problems.add(
                "admin",
                "admin is missing: name the administrator as whom the service account reads (or customer, if the \
                 service account has an admin role itself)",
            ),
            (_, Some(customer)) if customer.trim().is_empty() => {
                problems.add("customer", "customer is empty; leave it out for that of admin");
            }
            (None, Some(customer)) if !customer.trim().starts_with('C') => problems.add(
                "customer",
                "customer must be the customer's id, which begins with C: without admin there is no my_customer",
            ),
            _ => {}
        }
    }

    fn check_reach(&self, problems: &mut Problems) {
        let ways = [
            ("domain", self.domain.is_some()),
            ("org_units", !self.org_units.is_empty()),
            ("members_of", !self.members_of.is_empty()),
        ];
        let ways: Vec<&str> = ways.into_iter().filter_map(|(name, there)| there.then_some(name)).collect();
        if let [_, second, ..] = ways.as_slice() {
            let message = format!(
                "{} are several answers to one question; keep one, and narrow further by the organization's scope",
                ways.join(" and ")
            );
            problems.add(*second, message);
        }
        let is_domain = |domain: &str| !domain.is_empty() && !domain.contains(['@', '/', ' ']) && domain.contains('.');
        problems.add_if(
            self.domain.as_ref().is_some_and(|domain| !is_domain(domain.trim())),
            "domain",
            "domain must be one of the customer's domains, such as acme.com",
        );
        for (index, unit) in self.org_units.iter().map(|unit| unit.trim()).enumerate() {
            let message = match unit {
                "/" => "org_units names the root, which holds everybody; leave it out".to_owned(),
                _ if unit.starts_with('/') || unit.starts_with("id:") => continue,
                _ => format!(
                    "org_units: {unit:?} is neither a path, which begins with a slash, nor an id, which begins with id:"
                ),
            };
            problems.add(format!("org_units[{index}]"), message);
        }
        problems.blanks("members_of", &self.members_of, "members_of holds an empty name");
        problems.add_if(
            self.transitive && self.members_of.is_empty(),
            "transitive",
            "transitive is about the groups of members_of, and none is named",
        );
    }

    fn check_groups(&self, problems: &mut Problems) {
        let Some(groups) = &self.groups else { return };
        problems.add_if(
            !groups.all && groups.named.is_empty() && groups.prefix.is_none(),
            "groups",
            "groups names no group; write all = true, or named or prefix",
        );
        let empty = "groups holds an empty name or prefix";
        problems.blanks("groups.named", &groups.named, empty);
        let no_prefix = groups.prefix.as_ref().is_some_and(|prefix| prefix.trim().is_empty());
        problems.add_if(no_prefix, "groups.prefix", empty);
    }

    fn check_fields(&self, problems: &mut Problems) {
        let is_name = |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        for (index, schema) in self.custom_schemas.iter().flatten().enumerate().filter(|(_, name)| !is_name(name)) {
            let message = format!("custom_schemas: {schema:?} is no name of a schema");
            problems.add(format!("custom_schemas[{index}]"), message);
        }
        for (index, field) in self.extra_fields.iter().enumerate().filter(|(_, name)| !is_name(name)) {
            let message = format!("extra_fields: {field:?} is no name of a field of a user");
            problems.add(format!("extra_fields[{index}]"), message);
        }
    }
}

impl KeylessSettings {
    /// Where the metadata server is: beside the machine, where no proxy leads and nobody else listens.
    pub(crate) fn metadata(&self) -> Result<Url, Problem> {
        let text = "http://169.254.169.254";
        match &self.metadata_url {
            Some(url) => Ok(url.clone()),
            None => Url::parse(text).map_err(|_| Problem::new("metadata_url", format!("{text} is no URL"))),
        }
    }

    /// Where the IAM Service Account Credentials API is, without a path.
    pub(crate) fn iam(&self) -> Result<Url, Problem> {
        rest::place(self.iam_url.as_ref(), "https://iamcredentials.googleapis.com", "iam_url")
    }

    fn problems(&self) -> Vec<Problem> {
        let mut problems = Problems::new();
        let account = self.service_account.as_deref();
        problems.add_if(
            account.is_some_and(|account| Address::parse(account).is_none()),
            "service_account",
            "keyless.service_account must be an address, such as rollcall@project.iam.gserviceaccount.com",
        );
        problems.check(self.iam());
        problems.all()
    }
}
