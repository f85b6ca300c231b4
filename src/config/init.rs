//! Writes a first configuration: short, commented, for the directory that is named. What it leaves out keeps its
//! default; `config.example.toml` shows everything.

use std::fmt::Write as _;
use std::sync::LazyLock;

use clap::ValueEnum;
use clap::builder::PossibleValue;
use rollcall_kit::template::{self, Template, quoted};

use super::directory::templates;

/// A kind of directory that a first configuration can be written for. Each connector tells of its own.
#[derive(Clone, Copy, Debug)]
pub struct Directory(&'static Template);

impl ValueEnum for Directory {
    fn value_variants<'a>() -> &'a [Self] {
        static ALL: LazyLock<Vec<Directory>> = LazyLock::new(|| templates().map(Directory).collect());
        &ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.0.name).help(self.0.title))
    }
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
    /// The SCIM base URL of the application.
    pub target: Option<String>,
}

impl Default for Answers {
    fn default() -> Self {
        Self { organization: "acme".to_owned(), domains: vec!["acme.com".to_owned()], source: None, target: None }
    }
}

impl Answers {
    /// What a connector's template needs of them.
    fn known(&self) -> template::Answers {
        let Self { organization, domains, source, target: _ } = self.clone();
        template::Answers { organization, domains, source }
    }
}

/// Writes the configuration.
#[must_use]
pub fn template(directory: Directory, answers: &Answers) -> String {
    let known = answers.known();
    let organization = known.heading("");
    let domains: Vec<String> = answers.domains.iter().map(|domain| quoted(domain)).collect();
    let mut text = format!(
        "\
# Rollcall's configuration. `rollcall check` tries it out and changes nothing; `rollcall plan` shows what it would do.
# Every option is explained in config.example.toml and by `rollcall schema`.

# Where snapshots and history are kept.
state_dir = \"/var/lib/rollcall\"

[{organization}]
# Only users with an address in one of these domains get an account. A sub-domain must be listed itself.
domains = [{}]

[{organization}.directory]
",
        domains.join(", ")
    );
    text.push_str(&(directory.0.write)(&known));
    let target = quoted(answers.target.as_deref().unwrap_or("https://app.example.com/scim/v2"));
    let token = known.secret_file("token");
    let _ = write!(
        text,
        "
# Only members of these groups get an account. Without it everybody in the domains does.
#[{organization}.scope]
#groups = [\"App Users\"]

# Members of the group have the role. Write one such block for each rule.
#[[{organization}.role]]
#group = \"App Admins\"
#role = \"admin\"
#protected = true          # the last active administrator stays one

# How much a plan may change without a person. Beyond it the plan waits, and is approved as it stands.
[{organization}.limits]
deactivations = {{ count = 50, share = \"5%\" }}

[{organization}.target]
kind = \"scim\"
url = {target}
# Where the token is, never the token: {{ env = \"NAME\" }}, {{ file = \"/path\" }}, or {{ credential = \"name\" }} for
# systemd's LoadCredential=. A file that others can read is refused.
token = {{ file = {token} }}
"
    );
    text
}

#[cfg(test)]
mod tests {
    use super::super::tests::{all_options, parse_or_show};
    use super::*;

    fn named(name: &str) -> Directory {
        Directory::from_str(name, false).unwrap()
    }

    #[test]
    fn every_template_loads_as_it_is_and_with_all_its_options() {
        for directory in Directory::value_variants() {
            let text = template(*directory, &Answers::default());
            parse_or_show(&text);
            if directory.0.name != "file" {
                parse_or_show(&all_options(&text));
            }
        }
    }

    #[test]
    fn the_template_for_okta() {
        insta::assert_snapshot!(template(named("okta"), &Answers::default()));
    }

    #[test]
    fn the_template_for_entra() {
        insta::assert_snapshot!(template(named("entra"), &Answers::default()));
    }

    #[test]
    fn the_template_for_google() {
        insta::assert_snapshot!(template(named("google"), &Answers::default()));
    }

    #[test]
    fn answers_are_written_as_they_are_whatever_is_in_them() {
        let answers = Answers {
            organization: "acme.co".to_owned(),
            domains: vec!["acme.co".to_owned(), "acme.com".to_owned()],
            source: Some("/srv/\"people\" \\ all.ldif".to_owned()),
            target: Some("https://other.example.com/scim".to_owned()),
        };
        let configuration = parse_or_show(&template(named("file"), &answers));
        let organization = &configuration.organizations["acme.co"];
        assert_eq!(organization.roster.domains, answers.domains);
        assert_eq!(Some(organization.target.url.to_string()), answers.target);
        let directory = serde_json::to_value(&organization.directory).unwrap();
        assert_eq!(directory["users"], answers.source.unwrap());
    }

    #[test]
    fn the_template_for_active_directory() {
        insta::assert_snapshot!(template(named("active-directory"), &Answers::default()));
    }
}
