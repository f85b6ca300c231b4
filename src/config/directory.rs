//! Directories and targets by their kind: the one place that knows which kinds there are.
//!
//! `connector = "ldap"` stands among the settings of the connector that it names, and `kind = "scim"` among those of
//! the target. The word is read first; the rest of the table goes to the settings that it names, whose own
//! deserialisation keeps its places in the file. (serde's internally tagged enums lose them.)

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use rollcall_entra::EntraSettings;
use rollcall_file::FileSettings;
use rollcall_google::GoogleSettings;
use rollcall_kit::http::HttpSettings;
use rollcall_kit::settings::{self, EndingFile, Problem};
use rollcall_kit::template::Template;
use rollcall_kit::{Connector, ReadError};
use rollcall_ldap::LdapSettings;
use rollcall_okta::OktaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::DeserializeOwned;
use serde::{Serialize, Serializer};
use serde_json::Value;
use toml::Spanned;
use toml::de::DeTable;

use crate::scim::ScimSettings;

/// The kinds of directory, in the order in which people are told of them. A new connector is a line here.
const KINDS: [Kind; 5] = [
    Kind::of::<LdapSettings>(),
    Kind::of::<FileSettings>(),
    Kind::of::<OktaSettings>(),
    Kind::of::<EntraSettings>(),
    Kind::of::<GoogleSettings>(),
];

/// What is known of a kind of directory before there are settings of it.
struct Kind {
    word: &'static str,
    templates: &'static [Template],
    read: fn(Spanned<DeTable<'_>>) -> Result<DirectorySettings, toml::de::Error>,
    schema: fn(&mut SchemaGenerator) -> Schema,
}

impl Kind {
    const fn of<T: settings::DirectorySettings>() -> Self {
        Self {
            word: T::KIND,
            templates: T::TEMPLATES,
            read: |table| deserialize::<T>(table).map(|settings| DirectorySettings(Box::new(settings))),
            schema: T::json_schema,
        }
    }
}

/// First configurations for every kind of directory.
pub(super) fn templates() -> impl Iterator<Item = &'static Template> {
    KINDS.iter().flat_map(|kind| kind.templates)
}

/// The settings of a directory of any kind: [`settings::DirectorySettings`] as one type.
trait AnyDirectory: fmt::Debug + Send + Sync {
    fn kind(&self) -> &'static str;
    fn json(&self) -> Value;
    fn problems(&self) -> Vec<Problem>;
    fn decisive(&self) -> Value;
    fn start_at(&mut self, folder: &Path);
    fn http(&self) -> Option<&HttpSettings>;
    fn ending_files(&self) -> Vec<EndingFile>;
    fn build(&self) -> Result<Arc<dyn Connector>, ReadError>;
    fn boxed(&self) -> Box<dyn AnyDirectory>;
}

impl<T: settings::DirectorySettings> AnyDirectory for T {
    fn kind(&self) -> &'static str {
        T::KIND
    }

    fn json(&self) -> Value {
        serde_json::to_value(self).unwrap_or_default()
    }

    fn problems(&self) -> Vec<Problem> {
        settings::DirectorySettings::problems(self)
    }

    fn decisive(&self) -> Value {
        settings::DirectorySettings::decisive(self)
    }

    fn start_at(&mut self, folder: &Path) {
        settings::DirectorySettings::start_at(self, folder);
    }

    fn http(&self) -> Option<&HttpSettings> {
        settings::DirectorySettings::http(self)
    }

    fn ending_files(&self) -> Vec<EndingFile> {
        settings::DirectorySettings::ending_files(self)
    }

    fn build(&self) -> Result<Arc<dyn Connector>, ReadError> {
        settings::DirectorySettings::build(self.clone())
    }

    fn boxed(&self) -> Box<dyn AnyDirectory> {
        Box::new(self.clone())
    }
}

/// The settings of one directory.
pub struct DirectorySettings(Box<dyn AnyDirectory>);

impl DirectorySettings {
    /// The key that names the connector.
    pub(super) const TAG: &'static str = "connector";

    /// Reads the table of a directory. The shape has been checked, the kind among it.
    pub(super) fn read(table: Spanned<DeTable<'_>>) -> Result<Option<Self>, toml::de::Error> {
        let Some((word, rest)) = untag(table, Self::TAG) else { return Ok(None) };
        KINDS.iter().find(|kind| kind.word == word).map(|kind| (kind.read)(rest)).transpose()
    }

    /// How connections are made, if they are by HTTP.
    #[must_use]
    pub fn http(&self) -> Option<&HttpSettings> {
        self.0.http()
    }

    /// Files that are good until a day, besides those of the HTTP connections.
    #[must_use]
    pub fn ending_files(&self) -> Vec<EndingFile> {
        self.0.ending_files()
    }

    /// Lets relative paths start at this folder.
    pub(super) fn start_at(&mut self, folder: &Path) {
        self.0.start_at(folder);
    }

    /// Everything that can be found wrong without asking anybody.
    pub(super) fn problems(&self) -> Vec<Problem> {
        self.0.problems()
    }

    /// What of them decides what a read can see, with the kind.
    pub(super) fn decisive(&self) -> Value {
        serde_json::json!([self.kind(), self.0.decisive()])
    }

    /// The connector. Nothing is sent.
    ///
    /// # Errors
    ///
    /// [`ReadError::Settings`], naming the settings and what to write instead.
    pub fn build(&self) -> Result<Arc<dyn Connector>, ReadError> {
        self.0.build()
    }

    /// The word for it in the configuration: `ldap`, `file`, `okta`, `entra`, `google`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        self.0.kind()
    }

    /// All of them, as the file spells them.
    pub(super) fn json(&self) -> Value {
        let mut json = self.0.json();
        if let Some(settings) = json.as_object_mut() {
            settings.insert(Self::TAG.to_owned(), self.kind().into());
        }
        json
    }
}

impl Clone for DirectorySettings {
    fn clone(&self) -> Self {
        Self(self.0.boxed())
    }
}

impl fmt::Debug for DirectorySettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl PartialEq for DirectorySettings {
    fn eq(&self, other: &Self) -> bool {
        self.json() == other.json()
    }
}

impl Eq for DirectorySettings {}

impl Serialize for DirectorySettings {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.json().serialize(serializer)
    }
}

impl JsonSchema for DirectorySettings {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "DirectorySettings".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        one_of(KINDS.iter().map(|kind| tagged((kind.schema)(generator), Self::TAG, kind.word)).collect())
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
        one_of(vec![tagged(ScimSettings::json_schema(generator), Self::TAG, "scim")])
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

fn one_of(variants: Vec<Schema>) -> Schema {
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
