//! Stands in for the settings of the connectors until they bring their own.

use std::path::PathBuf;

use rollcall_kit::secret::SecretRef;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::Url;

/// An LDAP server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LdapSettings {
    /// `ldaps://` or `ldap://` (with StartTLS) URLs, tried in order.
    pub servers: Vec<Url>,
    /// What kind of server it is.
    #[serde(default)]
    pub flavour: Option<String>,
    /// The DN to sign in with.
    pub bind_dn: String,
    /// Where the password is.
    pub password: SecretRef,
    /// Where users are searched.
    pub user_base: String,
    /// Which entries are users.
    #[serde(default)]
    pub user_filter: Option<String>,
    /// Where groups are searched.
    #[serde(default)]
    pub group_base: Option<String>,
    /// Which entries are groups.
    #[serde(default)]
    pub group_filter: Option<String>,
}

/// A file or several.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FileSettings {
    /// The file with the users.
    pub users: PathBuf,
    /// The file with the groups.
    pub groups: Option<PathBuf>,
    /// Who is in which group.
    pub memberships: Option<PathBuf>,
    /// Where the values come from.
    #[serde(default)]
    pub columns: std::collections::BTreeMap<String, String>,
}
