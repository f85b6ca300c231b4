//! Google Workspace as a kind of directory: what the engine asks of its settings, and the start of a configuration for it.

use std::path::Path;
use std::sync::Arc;

use rollcall_kit::http::HttpSettings;
use rollcall_kit::settings::{DirectorySettings, Problem};
use rollcall_kit::template::{Answers, Template};
use rollcall_kit::{Connector, ReadError};
use serde_json::Value;

use crate::settings::GoogleSettings;

impl DirectorySettings for GoogleSettings {
    const KIND: &'static str = "google";

    const TEMPLATES: &'static [Template] = &[Template { name: "google", title: "Google Workspace", write: template }];

    fn problems(&self) -> Vec<Problem> {
        self.problems()
    }

    fn decisive(&self) -> Value {
        self.decisive()
    }

    fn start_at(&mut self, folder: &Path) {
        self.start_at(folder);
    }

    fn http(&self) -> Option<&HttpSettings> {
        Some(&self.http)
    }

    fn build(self) -> Result<Arc<dyn Connector>, ReadError> {
        Ok(Arc::new(crate::connector(self)?))
    }
}

/// A first configuration: a service account's key file, and all groups.
fn template(answers: &Answers) -> String {
    format!(
        "\
connector = \"google\"
# A service account's key file, and in the admin console (Security, API controls, Domain-wide delegation) its numeric client
# id with the scopes admin.directory.user.readonly and admin.directory.group.readonly (each under
# https://www.googleapis.com/auth/). On a machine of Google's, keyless = {{}} in its place needs no key.
key_file = {{ file = {key} }}
# The account that it reads as. Make one for Rollcall alone, with a role that holds Users > Read and Groups > Read.
admin = {admin}
# Without one of these everybody is read, in all of the customer's domains.
#org_units = [\"/Staff\"]
#requests_per_minute = 1200

# Which groups to read: all, or those that are named, or whose addresses begin with a prefix.
[{groups}]
all = true
#prefix = \"app-\"
",
        key = answers.secret_file("google.json"),
        admin = answers.source_or(&format!("rollcall@{}", answers.domain())),
        groups = answers.heading("directory.groups"),
    )
}
