//! Files as a kind of directory: what the engine asks of its settings, and the start of a configuration for it.

use std::path::Path;
use std::sync::Arc;

use rollcall_kit::settings::{DirectorySettings, Problem};
use rollcall_kit::template::{Answers, Template};
use rollcall_kit::{Connector, ReadError};
use serde_json::Value;

use crate::settings::FileSettings;

impl DirectorySettings for FileSettings {
    const KIND: &'static str = "file";

    const TEMPLATES: &'static [Template] =
        &[Template { name: "file", title: "An LDIF, JSON or CSV file", write: template }];

    fn problems(&self) -> Vec<Problem> {
        self.problems()
    }

    fn decisive(&self) -> Value {
        self.decisive()
    }

    fn start_at(&mut self, folder: &Path) {
        self.start_at(folder);
    }

    fn build(self) -> Result<Arc<dyn Connector>, ReadError> {
        Ok(Arc::new(crate::connector(self)?))
    }
}

/// A first configuration: one file that tells its format by its extension.
fn template(answers: &Answers) -> String {
    format!(
        "\
connector = \"file\"
# LDIF, JSON or CSV, by the extension. A JSON document holds users and groups; so may an LDIF file.
users = {users}
# For CSV: the groups, and who is in which.
#groups = \"/srv/rollcall/groups.csv\"
#memberships = \"/srv/rollcall/memberships.csv\"
",
        users = answers.source_or("/srv/rollcall/people.json"),
    )
}
