//! Directories and targets by their kind: the one place that knows which kinds there are.
//!
//! `connector = "ldap"` stands among the settings of the connector that it names, and `kind = "scim"` among those of
//! the target. The word is read first; the rest of the table goes to the settings that it names, whose own
//! deserialisation keeps its places in the file. (serde's internally tagged enums lose them.)

use std::path::Path;

use rollcall_entra::EntraSettings;
use rollcall_file::FileSettings;
use rollcall_google::GoogleSettings;
use rollcall_kit::http::HttpSettings;
use rollcall_ldap::LdapSettings;
use rollcall_okta::OktaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;
use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::DeTable;

use crate::scim::ScimSettings;

/// The settings of one directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "connector", rename_all = "kebab-case")]
pub enum DirectorySettings {
    /// LDAP servers and Active Directory.
    Ldap(Box<LdapSettings>),
    /// LDIF, JSON and CSV files.
    File(Box<FileSettings>),
    /// Okta.
    Okta(Box<OktaSettings>),
    /// Microsoft Entra ID.
    Entra(Box<EntraSettings>),
    /// Google Workspace.
    Google(Box<GoogleSettings>),
}

impl DirectorySettings {
    /// The key that names the connector.
    pub(super) const TAG: &'static str = "connector";

    /// Reads the table of a directory. The shape has been checked, the kind among it.
    pub(super) fn read(table: Spanned<DeTable<'_>>) -> Result<Option<Self>, toml::de::Error> {
        Ok(match untag(table, Self::TAG) {
            Some((kind, rest)) if kind == "ldap" => Some(Self::Ldap(Box::new(deserialize(rest)?))),
            Some((kind, rest)) if kind == "file" => Some(Self::File(Box::new(deserialize(rest)?))),
            Some((kind, rest)) if kind == "okta" => Some(Self::Okta(Box::new(deserialize(rest)?))),
            Some((kind, rest)) if kind == "entra" => Some(Self::Entra(Box::new(deserialize(rest)?))),
            Some((kind, rest)) if kind == "google" => Some(Self::Google(Box::new(deserialize(rest)?))),
            _ => None,
        })
    }

    /// How connections are made, if they are by HTTP.
    #[must_use]
    pub fn http(&self) -> Option<&HttpSettings> {
        match self {
            Self::Okta(settings) => Some(&settings.http),
            Self::Entra(settings) => Some(&settings.http),
            Self::Google(settings) => Some(&settings.http),
            Self::Ldap(_) | Self::File(_) => None,
        }
    }

    /// Lets relative paths start at this folder.
    pub(super) fn start_at(&mut self, folder: &Path) {
        match self {
            Self::Ldap(settings) => settings.start_at(folder),
            Self::File(settings) => settings.start_at(folder),
            Self::Okta(settings) => settings.start_at(folder),
            Self::Entra(settings) => settings.start_at(folder),
            Self::Google(settings) => settings.start_at(folder),
        }
    }

    /// Checks what can be checked without asking anybody.
    ///
    /// # Errors
    ///
    /// With the setting that is meant and what is wrong with it.
    pub(super) fn validate(&self) -> Result<(), (String, String)> {
        let sound = match self {
            Self::Ldap(settings) => settings.validate(),
            Self::File(settings) => settings.validate(),
            Self::Okta(settings) => settings.validate(),
            Self::Entra(settings) => settings.validate(),
            Self::Google(settings) => settings.validate(),
        };
        sound.map_err(|error| {
            let text = error.to_string();
            // A sentence of a connector begins with the setting that it is about, or with the server.
            let word = text.split([' ', ':', ',']).next().unwrap_or_default();
            let key = match word {
                "the" if text.contains("server") => "servers",
                "the" if text.contains("format") => "users",
                _ => word,
            };
            (key.to_owned(), text)
        })
    }

    /// The word for it in the configuration: `ldap`, `file`, `okta`, `entra`, `google`.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Ldap(_) => "ldap",
            Self::File(_) => "file",
            Self::Okta(_) => "okta",
            Self::Entra(_) => "entra",
            Self::Google(_) => "google",
        }
    }
}

impl JsonSchema for DirectorySettings {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "DirectorySettings".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        one_of([
            tagged(LdapSettings::json_schema(generator), Self::TAG, "ldap"),
            tagged(FileSettings::json_schema(generator), Self::TAG, "file"),
            tagged(OktaSettings::json_schema(generator), Self::TAG, "okta"),
            tagged(EntraSettings::json_schema(generator), Self::TAG, "entra"),
            tagged(GoogleSettings::json_schema(generator), Self::TAG, "google"),
        ])
    }
}

/// The settings of one target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum TargetSettings {
    /// A SCIM 2.0 service provider.
    Scim(Box<ScimSettings>),
}

impl TargetSettings {
    /// The key that names the kind.
    pub(super) const TAG: &'static str = "kind";

    /// Reads the table of a target. The shape has been checked, the kind among it.
    pub(super) fn read(table: Spanned<DeTable<'_>>) -> Result<Option<Self>, toml::de::Error> {
        Ok(match untag(table, Self::TAG) {
            Some((kind, rest)) if kind == "scim" => Some(Self::Scim(Box::new(deserialize(rest)?))),
            _ => None,
        })
    }
}

impl JsonSchema for TargetSettings {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "TargetSettings".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        one_of([tagged(ScimSettings::json_schema(generator), Self::TAG, "scim")])
    }
}

/// Takes the key that names the kind out of a table.
fn untag<'i>(mut table: Spanned<DeTable<'i>>, tag: &str) -> Option<(String, Spanned<DeTable<'i>>)> {
    let kind = table.get_mut().remove(tag)?;
    let kind = kind.get_ref().as_str()?.to_owned();
    Some((kind, table))
}

fn deserialize<T: DeserializeOwned>(table: Spanned<DeTable<'_>>) -> Result<T, toml::de::Error> {
    T::deserialize(toml::de::Deserializer::from(table))
}

fn one_of<const N: usize>(variants: [Schema; N]) -> Schema {
    let mut schema = Schema::default();
    schema.insert("oneOf".to_owned(), variants.into_iter().map(Schema::to_value).collect());
    schema
}

/// The schema of a kind's settings with the key that names the kind.
fn tagged(mut schema: Schema, tag: &str, kind: &str) -> Schema {
    let object = schema.ensure_object();
    let properties = object.entry("properties").or_insert_with(|| serde_json::json!({}));
    properties[tag] = serde_json::json!({ "const": kind });
    let required = object.entry("required").or_insert_with(|| serde_json::json!([]));
    if let Some(required) = required.as_array_mut() {
        required.insert(0, tag.into());
    }
    schema
}
