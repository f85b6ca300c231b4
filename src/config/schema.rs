//! The JSON Schema of the whole configuration file: for editors, and for our own check of its shape.

use schemars::generate::SchemaSettings;
use serde_json::Value;

use super::file::File;

/// The JSON Schema (2020-12) of the configuration file, as `rollcall schema` prints it.
#[must_use]
pub fn schema() -> Value {
    SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<File>().to_value()
}
