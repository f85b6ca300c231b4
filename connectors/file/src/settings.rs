//! The settings of the file connector.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rollcall_kit::attribute;
use rollcall_kit::settings::{Problem, Problems};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::hint::did_you_mean;

/// Which files to read, and how.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FileSettings {
    /// The file with the users. A JSON document holds the groups too, and an LDIF file may.
    pub users: PathBuf,
    /// A file with the groups: LDIF with group entries, or CSV with the columns `id` and `name`.
    pub groups: Option<PathBuf>,
    /// CSV only: who is in which group, with the columns `group` and `member` that hold ids.
    pub memberships: Option<PathBuf>,
    /// The format. Without it the extension of `users` says: `.ldif` or `.ldf`, `.json`, `.csv`.
    pub format: Option<Format>,
    /// Where the values come from: our name on the left, a CSV header or an LDAP attribute on the right. What is not
    /// named here is looked for under our own name (CSV) or the usual LDAP attribute (LDIF). Besides the attributes,
    /// `id`, `login`, `status` and `place` can be named.
    #[serde(default)]
    pub columns: BTreeMap<String, String>,
    /// CSV columns that are left unread, also where they look like a misspelt one.
    #[serde(default)]
    pub ignore: Vec<String>,
    /// Words for the status beside the built-in ones.
    #[serde(default)]
    pub status: StatusWords,
    /// What separates the fields of a CSV file; a comma unless something else is set.
    pub delimiter: Option<char>,
    /// The largest file that is read, in MiB.
    #[serde(default = "one_gib")]
    pub max_size_mib: u64,
    /// Whether the end of an LDIF or CSV file must be vouched for.
    #[serde(default)]
    pub end_proof: EndProof,
    /// These files leave the names of deleted people in their groups. Without this, somebody who is in the files no
    /// more but whom a group still names counts as lost rather than deleted, and the plan waits for a person.
    #[serde(default)]
    pub leaves_names: bool,
}

/// The format of the files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// The content of an LDAP directory (RFC 2849).
    Ldif,
    /// One JSON document with `users` and `groups`.
    Json,
    /// Comma separated values with a header (RFC 4180).
    Csv,
}

/// Whether the end of an LDIF or CSV file must be vouched for by a count or a checksum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum EndProof {
    /// A file that nothing vouches for is an incomplete read: it may have been cut between two records.
    #[default]
    Required,
    /// What is given is checked; a file that gives nothing is taken to end where it ends. People are put out by a cut
    /// file then, as far as the limits let them.
    WhereGiven,
}

/// Words for the status beside the built-in ones; compared without regard to case.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct StatusWords {
    /// Words that mean that the person may work.
    pub active: Vec<String>,
    /// Words that mean that the person may not.
    pub inactive: Vec<String>,
}

fn one_gib() -> u64 {
    1024
}

/// Names that `columns` may have on its left side beside the attributes.
pub(crate) const RECORD_COLUMNS: [&str; 4] = ["id", "login", "status", "place"];

/// Every name that a value can have.
pub(crate) fn known_names() -> impl Iterator<Item = &'static str> {
    RECORD_COLUMNS.into_iter().chain(attributes())
}

/// The names of the profile.
pub(crate) fn attributes() -> impl Iterator<Item = &'static str> {
    attribute::MAPPED_BY_DEFAULT.into_iter().chain(attribute::ALSO_KNOWN)
}

impl FileSettings {
    /// Settings for one file, everything else at its default.
    #[must_use]
    pub fn of(users: impl Into<PathBuf>) -> Self {
        Self {
            users: users.into(),
            groups: None,
            memberships: None,
            format: None,
            columns: BTreeMap::new(),
            ignore: Vec::new(),
            status: StatusWords::default(),
            delimiter: None,
            max_size_mib: one_gib(),
            end_proof: EndProof::default(),
            leaves_names: false,
        }
    }

    /// Lets relative paths start at this folder.
    pub(crate) fn start_at(&mut self, folder: &Path) {
        self.users = folder.join(&self.users);
        for path in [&mut self.groups, &mut self.memberships].into_iter().flatten() {
            *path = folder.join(&path);
        }
    }

    /// What decides what a read can see: which files there are, and how they are understood.
    pub(crate) fn decisive(&self) -> Value {
        let Self {
            users,
            groups,
            memberships,
            format,
            columns,
            ignore,
            status,
            delimiter,
            end_proof,
            leaves_names,
            // A larger file fails the read, and is never read in part.
            max_size_mib: _,
        } = self;
        json!({
            "files": [users, groups, memberships],
            "format": format,
            "columns": columns,
            "ignore": ignore,
            "status": status,
            "delimiter": delimiter,
            "end_proof": end_proof,
            "leaves_names": leaves_names,
        })
    }

    /// The format: what is set, or what the extension of `users` tells.
    ///
    /// # Errors
    ///
    /// If neither tells.
    pub(crate) fn told_format(&self) -> Result<Format, Problem> {
        self.format.map_or_else(|| by_extension(&self.users), Ok)
    }

    /// Everything in which the settings contradict each other. No file is looked at.
    pub(crate) fn problems(&self) -> Vec<Problem> {
        let mut problems = Problems::new();
        match problems.check(self.told_format()) {
            Some(Format::Json) => self.refuse_tables("json", true, &mut problems),
            Some(Format::Ldif) => self.refuse_tables("ldif", false, &mut problems),
            Some(Format::Csv) => self.check_tables(&mut problems),
            None => {}
        }
        for name in self.columns.keys().filter(|name| !known_names().any(|known| known == name.as_str())) {
            let message = format!(
                "columns names {name}, which is no attribute{}; the names are {}",
                did_you_mean(name, known_names()),
                known_names().collect::<Vec<_>>().join(", "),
            );
            problems.add(format!("columns.{name}"), message);
        }
        problems.all()
    }

    /// A document that says everything itself takes no columns; one file of entries takes no table settings.
    fn refuse_tables(&self, format: &str, document: bool, problems: &mut Problems) {
        let set = [
            ("memberships", self.memberships.is_some()),
            ("delimiter", self.delimiter.is_some()),
            ("ignore", !self.ignore.is_empty()),
            ("groups", document && self.groups.is_some()),
            ("columns", document && !self.columns.is_empty()),
        ];
        for (name, given) in set {
            problems.add_if(given, name, format!("{name} has no meaning for {format} files; remove it"));
        }
    }

    fn check_tables(&self, problems: &mut Problems) {
        if let Some(delimiter) = self.delimiter.filter(|c| !c.is_ascii() || matches!(c, '"' | '\r' | '\n' | '#')) {
            let message = "take a comma, a semicolon or a tab (\"\\t\")";
            problems.add("delimiter", format!("delimiter cannot be {delimiter:?}; {message}"));
        }
        problems.add_if(
            self.memberships.is_some() != self.groups.is_some(),
            if self.groups.is_some() { "groups" } else { "memberships" },
            "groups and memberships of CSV files belong together; name both files or neither",
        );
    }
}

fn by_extension(path: &Path) -> Result<Format, Problem> {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default().to_lowercase();
    match extension.as_str() {
        "ldif" | "ldf" => Ok(Format::Ldif),
        "json" => Ok(Format::Json),
        "csv" => Ok(Format::Csv),
        _ => Err(Problem::new(
            "users",
            format!(
                "the extension of {} does not tell the format; set format to \"ldif\", \"json\" or \"csv\"",
                path.display()
            ),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(settings: &FileSettings) -> String {
        rollcall_kit::settings::refuse(&settings.problems()).expect_err("these settings cannot work").to_string()
    }

    #[test]
    fn the_extension_tells_the_format_unless_it_is_set() {
        assert_eq!(FileSettings::of("staff.LDIF").told_format().unwrap(), Format::Ldif);
        assert_eq!(FileSettings::of("staff.json").told_format().unwrap(), Format::Json);
        let named = FileSettings { format: Some(Format::Csv), ..FileSettings::of("staff.txt") };
        assert_eq!(named.told_format().unwrap(), Format::Csv);
        assert_eq!(
            refusal(&FileSettings::of("staff.txt")),
            "the extension of staff.txt does not tell the format; set format to \"ldif\", \"json\" or \"csv\""
        );
    }

    #[test]
    fn a_misspelt_column_is_named_with_its_nearest_neighbour() {
        let mut settings = FileSettings::of("staff.csv");
        settings.columns.insert("emial".to_owned(), "Mail".to_owned());
        assert!(refusal(&settings).starts_with("columns names emial, which is no attribute; did you mean email?"));
    }

    #[test]
    fn settings_that_contradict_the_format_are_refused() {
        let json = FileSettings { groups: Some("groups.json".into()), ..FileSettings::of("staff.json") };
        assert_eq!(refusal(&json), "groups has no meaning for json files; remove it");
        let csv = FileSettings { groups: Some("groups.csv".into()), ..FileSettings::of("staff.csv") };
        assert!(refusal(&csv).contains("belong together"));
        let quote = FileSettings { delimiter: Some('"'), ..FileSettings::of("staff.csv") };
        assert!(refusal(&quote).contains("delimiter cannot be '\"'"));
    }
}
