//! Stands in for the settings of the connectors until they bring their own: the same keys, loosely typed.

use std::collections::BTreeMap;
use std::path::PathBuf;

use rollcall_kit::secret::SecretRef;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::Url;

/// How to reach an LDAP directory, and what to read from it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct LdapSettings {
    pub servers: Vec<Url>,
    #[serde(default)]
    pub start_tls: bool,
    pub ca_file: Option<PathBuf>,
    #[serde(default)]
    pub danger_clear_text: bool,
    pub bind_dn: String,
    pub bind_password: SecretRef,
    pub flavour: Option<String>,
    pub users: BTreeMap<String, Value>,
    pub groups: Option<BTreeMap<String, Value>>,
    pub id_attribute: Option<String>,
    pub active: Option<Value>,
    #[serde(default)]
    pub attributes: BTreeMap<String, Vec<String>>,
    pub page_size: Option<u32>,
    pub timeouts: Option<BTreeMap<String, u64>>,
    #[serde(default)]
    pub ignorable_referrals: Vec<String>,
    #[serde(default)]
    pub optional_bases: Vec<String>,
    pub canary: Option<Value>,
}

/// Which files to read, and how.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct FileSettings {
    pub users: PathBuf,
    pub groups: Option<PathBuf>,
    pub memberships: Option<PathBuf>,
    pub format: Option<String>,
    #[serde(default)]
    pub columns: BTreeMap<String, String>,
    #[serde(default)]
    pub ignore: Vec<String>,
    pub status: Option<BTreeMap<String, Vec<String>>>,
    pub delimiter: Option<char>,
    pub max_size_mib: Option<u64>,
    pub end_proof: Option<String>,
}
