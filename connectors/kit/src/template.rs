//! The part of a first configuration that tells of the directory: each connector writes its own.

/// A first configuration for one kind of directory.
#[derive(Clone, Copy, Debug)]
pub struct Template {
    /// What `rollcall init` calls it.
    pub name: &'static str,
    /// What people call it.
    pub title: &'static str,
    /// Writes the settings, with their comments, below the heading of the directory's table.
    pub write: fn(&Answers) -> String,
}

/// What is known of the organization. What is not is filled with an example that is easy to spot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answers {
    /// Its name in the file.
    pub organization: String,
    /// Its e-mail domains; the first also names the examples.
    pub domains: Vec<String>,
    /// The URL of the directory server or organisation, the tenant, the administrator, or the path of the file.
    pub source: Option<String>,
}

impl Answers {
    /// The domain that names the examples.
    #[must_use]
    pub fn domain(&self) -> &str {
        self.domains.first().map_or("example.com", String::as_str)
    }

    /// The source as TOML writes it, or else this one.
    #[must_use]
    pub fn source_or(&self, usual: &str) -> String {
        quoted(self.source.as_deref().unwrap_or(usual))
    }

    /// Where a secret of the organization could be kept, as TOML writes it.
    #[must_use]
    pub fn secret_file(&self, ending: &str) -> String {
        quoted(&format!("/etc/rollcall/{}.{ending}", self.organization))
    }

    /// The heading of a table within the organization's, without brackets.
    #[must_use]
    pub fn heading(&self, table: &str) -> String {
        let name = &self.organization;
        let bare = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
        let name = if bare { name.clone() } else { quoted(name) };
        format!("organization.{name}{}{table}", if table.is_empty() { "" } else { "." })
    }
}

/// A string as TOML writes it.
#[must_use]
pub fn quoted(text: &str) -> String {
    let escaped: String = text
        .chars()
        .map(|c| match c {
            '"' | '\\' => format!("\\{c}"),
            c if c.is_control() => format!("\\u{:04x}", u32::from(c)),
            c => c.to_string(),
        })
        .collect();
    format!("\"{escaped}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_texts_are_written_as_toml_wants_them() {
        let answers = Answers { organization: "acme.co".to_owned(), domains: Vec::new(), source: None };
        assert_eq!(answers.heading("directory.groups"), "organization.\"acme.co\".directory.groups");
        assert_eq!((answers.heading(""), answers.domain()), ("organization.\"acme.co\"".to_owned(), "example.com"));
        assert_eq!(answers.secret_file("pem"), "\"/etc/rollcall/acme.co.pem\"");
        assert_eq!(quoted("a \"b\" \\ \n\u{7f}"), "\"a \\\"b\\\" \\\\ \\u000a\\u007f\"");
    }
}
