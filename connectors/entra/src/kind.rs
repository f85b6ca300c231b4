//! Entra ID as a kind of directory: what the engine asks of its settings, and the start of a configuration for it.

use std::path::Path;
use std::sync::Arc;

use rollcall_kit::http::HttpSettings;
use rollcall_kit::settings::{DirectorySettings, EndingFile, Problem};
use rollcall_kit::template::{Answers, Template};
use rollcall_kit::{Connector, ReadError};
use serde_json::Value;

use crate::settings::EntraSettings;

impl DirectorySettings for EntraSettings {
    const KIND: &'static str = "entra";

    const TEMPLATES: &'static [Template] = &[Template { name: "entra", title: "Microsoft Entra ID", write: template }];

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

    fn ending_files(&self) -> Vec<EndingFile> {
        self.ending_files()
    }

    fn build(self) -> Result<Arc<dyn Connector>, ReadError> {
        Ok(Arc::new(crate::connector(self)?))
    }
}

/// A first configuration: an app registration with a secret, and all groups.
fn template(answers: &Answers) -> String {
    format!(
        "\
connector = \"entra\"
# The tenant: its id or one of its domains.
tenant = {tenant}
# An app registration with the application permissions User.Read.All and GroupMember.Read.All, and Application.Read.All
# for assigned_to, each with admin consent; and its secret, or a certificate.
client_id = \"00000000-0000-0000-0000-000000000000\"
client_secret = {{ file = {secret} }}
#cloud = \"us-government\"
# Only users who are assigned to this enterprise application, by its application or object id. Without it everybody is read.
#assigned_to = \"00000000-0000-0000-0000-000000000000\"
#guests = \"exclude\"

# Which groups to read: all, or those that are assigned, named, or begin with a prefix.
[{groups}]
all = true
#prefix = \"app-\"
",
        tenant = answers.source_or(answers.domain()),
        secret = answers.secret_file("entra"),
        groups = answers.heading("directory.groups"),
    )
}
