//! Kinds of LDAP servers.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The kind of LDAP server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Flavour {
    /// Ask the server.
    #[default]
    Auto,
    /// OpenLDAP, and others that follow RFC 2798 and RFC 4530.
    #[serde(rename = "openldap")]
    OpenLdap,
    /// Active Directory, Samba AD.
    ActiveDirectory,
    /// 389 Directory Server, Red Hat Directory Server.
    #[serde(rename = "389-ds")]
    Ds389,
    /// FreeIPA, Red Hat Identity Management.
    #[serde(rename = "freeipa")]
    FreeIpa,
    /// lldap.
    Lldap,
}

impl std::fmt::Display for Flavour {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Auto => "auto",
            Self::OpenLdap => "openldap",
            Self::ActiveDirectory => "active-directory",
            Self::Ds389 => "389-ds",
            Self::FreeIpa => "freeipa",
            Self::Lldap => "lldap",
        })
    }
}
