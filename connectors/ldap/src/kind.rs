//! LDAP as a kind of directory: what the engine asks of its settings.

use std::path::Path;
use std::sync::Arc;

use rollcall_kit::settings::{DirectorySettings, EndingFile, Problem};
use rollcall_kit::template::Template;
use rollcall_kit::{Connector, ReadError};
use serde_json::Value;

use crate::settings::LdapSettings;
use crate::template;

impl DirectorySettings for LdapSettings {
    const KIND: &'static str = "ldap";

    const TEMPLATES: &'static [Template] = &template::TEMPLATES;

    fn problems(&self) -> Vec<Problem> {
        self.problems()
    }

    fn decisive(&self) -> Value {
        self.decisive()
    }

    fn start_at(&mut self, folder: &Path) {
        self.start_at(folder);
    }

    fn ending_files(&self) -> Vec<EndingFile> {
        self.ending_files()
    }

    fn build(self) -> Result<Arc<dyn Connector>, ReadError> {
        Ok(Arc::new(crate::connector(self)?))
    }
}
