//! Okta as a kind of directory: what the engine asks of its settings, and the start of a configuration for it.

use std::path::Path;
use std::sync::Arc;

use rollcall_kit::http::HttpSettings;
use rollcall_kit::settings::{DirectorySettings, Problem};
use rollcall_kit::template::{Answers, Template};
use rollcall_kit::{Connector, ReadError};
use serde_json::Value;

use crate::settings::OktaSettings;

impl DirectorySettings for OktaSettings {
    const KIND: &'static str = "okta";

    const TEMPLATES: &'static [Template] = &[Template { name: "okta", title: "Okta", write: template }];

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

/// A first configuration: an API Services app, and all groups.
fn template(answers: &Answers) -> String {
    let first = answers.domain().split('.').next().unwrap_or("example");
    format!(
        "\
connector = \"okta\"
# The organisation's URL or custom domain; not that of the admin console.
url = {url}
# An API Services app with the scopes okta.users.read, okta.groups.read and okta.apps.read, an admin role that covers
# what is read (Read-Only Administrator), and its private key: PEM or JWK.
client_id = \"0oa…\"
private_key = {{ file = {key} }}
# Only users who are assigned to this application, directly or through a group. Without it everybody is read.
#assigned_to = \"0oa1a2b3c4d5e6f7g8h9\"

# Which groups to read: all, or those that are assigned, named, or begin with a prefix.
[{groups}]
all = true
#prefix = \"app-\"
",
        url = answers.source_or(&format!("https://{first}.okta.com")),
        key = answers.secret_file("pem"),
        groups = answers.heading("directory.groups"),
    )
}
