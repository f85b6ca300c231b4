//! The settings of an LDAP directory, as the configuration file spells them.
//!
//! A flavour presets everything that differs between servers (filters, the immutable id, what "active" means, attribute
//! names); every part of a preset can be overridden here, one by one.

use std::path::{Path, PathBuf};

use rollcall_kit::secret::SecretRef;
use rollcall_kit::settings::{EndingFile, Problem, Problems};
use rollcall_kit::{Container, Dn, HumanDuration};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use url::{Host, Url};

use crate::active::ActiveRule;
use crate::flavour::Flavour;

/// How to reach an LDAP directory, and what to read from it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LdapSettings {
    /// The servers, as `ldaps://host[:port]` or `ldap://host[:port]`, in the order in which they are tried. One read
    /// stays on one server. Name domain controllers one by one: a name that stands for several of them leads each
    /// connection to another one, and one may lag behind the other.
    pub servers: Vec<Url>,
    /// Switch `ldap://` connections to TLS before anything else is said (RFC 4511, section 4.14). If the server cannot,
    /// the connection ends; it never goes on in clear text.
    #[serde(default)]
    pub start_tls: bool,
    /// A PEM file with certificate authorities to trust instead of the system's.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// Send the password and read everybody's data without encryption. Anybody on the way can read both.
    #[serde(default)]
    pub danger_clear_text: bool,
    /// The account to read as: a DN; with Active Directory also `user@domain` or `DOMAIN\user`.
    pub bind_dn: String,
    /// Where its password is.
    pub bind_password: SecretRef,
    /// The kind of server.
    #[serde(default)]
    pub flavour: Flavour,
    /// Which entries are users.
    pub users: UserSettings,
    /// Which entries are groups. Without it no groups are read.
    #[serde(default)]
    pub groups: Option<GroupSettings>,
    /// The attribute with the immutable id, instead of the flavour's. It must be there on every user and group, never
    /// change, and never be given to somebody else.
    #[serde(default)]
    pub id_attribute: Option<String>,
    /// What makes a user active, instead of the flavour's rule.
    #[serde(default)]
    pub active: Option<ActiveRule>,
    /// Attribute names instead of the flavour's.
    #[serde(default)]
    pub attributes: AttributeNames,
    /// Entries per page. A server that refuses it is asked for fewer, down to 50.
    #[serde(default = "default_page_size")]
    pub page_size: u32,
    /// How long to wait for what.
    #[serde(default)]
    pub timeouts: Timeouts,
    /// Parts of the directory that other servers hold and that need not be read: DNs. A reference to anything at or
    /// below one of them is noted and not followed. Any other reference makes the read incomplete. The partitions that
    /// every Active Directory domain refers to (configuration, DNS zones) need not be listed.
    #[serde(default)]
    pub ignorable_referrals: Vec<String>,
    /// Bases that need not exist. Without being listed here, a base that is missing or hidden fails the read.
    #[serde(default)]
    pub optional_bases: Vec<String>,
    /// An entry that must be found at the start of each read: a guard against a reader that lost its rights.
    #[serde(default)]
    pub canary: Option<Canary>,
}

/// Which entries are users.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UserSettings {
    /// Where users are: DNs; each is read with everything below it.
    pub bases: Vec<String>,
    /// What narrows the users further, as an LDAP filter. Mind that a condition on an attribute that the server does
    /// not know is never true, not even behind a "not".
    #[serde(default)]
    pub filter: Option<String>,
    /// What makes an entry a user, as an LDAP filter instead of the flavour's.
    #[serde(default)]
    pub class_filter: Option<String>,
}

/// Which entries are groups, and how they name their members.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GroupSettings {
    /// Where groups are: DNs; each is read with everything below it.
    pub bases: Vec<String>,
    /// What narrows the groups further, as an LDAP filter.
    #[serde(default)]
    pub filter: Option<String>,
    /// What makes an entry a group, as an LDAP filter instead of the flavour's.
    #[serde(default)]
    pub class_filter: Option<String>,
    /// The attribute with the group's name, instead of the flavour's.
    #[serde(default)]
    pub name_attribute: Option<String>,
    /// Attributes that hold members as DNs, instead of the flavour's.
    #[serde(default)]
    pub member_attributes: Option<Vec<String>>,
    /// Attributes that hold members as login names, instead of the flavour's.
    #[serde(default)]
    pub login_member_attributes: Option<Vec<String>>,
    /// Count Active Directory's primary group, which is on the user and not among the group's members.
    #[serde(default)]
    pub primary_group: Option<bool>,
    /// It is right that not one group shows a member. Without this, groups of a class that cannot be empty which all
    /// come empty fail the read: the reader may not see members.
    #[serde(default)]
    pub may_all_be_empty: bool,
    /// This directory leaves the names of deleted people in its groups (OpenLDAP without the `refint` overlay, 389-ds
    /// without its referential integrity plugin). Without this, somebody who is not found any more but whom a group
    /// still names counts as hidden rather than deleted, and the plan waits for a person.
    #[serde(default)]
    pub leaves_names: bool,
}

/// Names of the directory's attributes, in order of preference: the first that is there counts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AttributeNames {
    /// What people call the record: `uid`, `sAMAccountName`.
    pub login: Option<Vec<String>>,
    /// The address. Of several values the smallest counts, because their order means nothing.
    pub email: Option<Vec<String>>,
    /// Attributes with further addresses.
    pub emails: Option<Vec<String>>,
    /// The name to sign in with.
    pub preferred_username: Option<Vec<String>>,
    /// The full name.
    pub name: Option<Vec<String>>,
    /// The given name.
    pub given_name: Option<Vec<String>>,
    /// The family name.
    pub family_name: Option<Vec<String>>,
    /// An address of a picture; photos themselves are never fetched.
    pub picture: Option<Vec<String>>,
    /// A telephone number.
    pub phone_number: Option<Vec<String>>,
    /// A language.
    pub locale: Option<Vec<String>>,
    /// The department.
    pub department: Option<Vec<String>>,
    /// The job title.
    pub title: Option<Vec<String>>,
    /// The employee number.
    pub employee_number: Option<Vec<String>>,
    /// The kind of employment.
    pub employee_type: Option<Vec<String>>,
    /// The company.
    pub organization: Option<Vec<String>>,
    /// The cost centre.
    pub cost_center: Option<Vec<String>>,
    /// The manager.
    pub manager: Option<Vec<String>>,
    /// The office.
    pub office: Option<Vec<String>>,
    /// Further attributes to fetch, for mapping expressions over `user.raw`.
    pub raw: Vec<String>,
}

/// How long to wait for what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Timeouts {
    /// Until a connection stands, TLS included.
    pub connect: HumanDuration,
    /// Until the sign-in is answered.
    pub bind: HumanDuration,
    /// Until the next message of an answer arrives.
    pub answer: HumanDuration,
    /// For one whole read.
    pub read: HumanDuration,
}

impl Default for Timeouts {
    fn default() -> Self {
        let [connect, bind, answer, read] = [10, 15, 60, 3_600].map(HumanDuration::seconds);
        Self { connect, bind, answer, read }
    }
}

/// An entry that must be found at the start of each read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Canary {
    /// Its DN.
    pub dn: String,
    /// Attributes that it must show, such as `mail`.
    #[serde(default)]
    pub attributes: Vec<String>,
}

/// Half of Active Directory's limit, and what OpenLDAP servers usually allow.
fn default_page_size() -> u32 {
    500
}

impl LdapSettings {
    /// Lets relative paths start at this folder.
    pub(crate) fn start_at(&mut self, folder: &Path) {
        if let Some(path) = &mut self.ca_file {
            *path = folder.join(&path);
        }
        self.bind_password.start_at(folder);
    }

    /// Files that are good until a day.
    pub(crate) fn ending_files(&self) -> Vec<EndingFile> {
        let file = |path: &PathBuf| EndingFile::Authorities("the authority of the directory (ca_file)", path.clone());
        self.ca_file.iter().map(file).collect()
    }

    /// What decides what a read can see: who answers, who asks, and for what.
    pub(crate) fn decisive(&self) -> Value {
        let Self {
            servers,
            bind_dn,
            flavour,
            users,
            groups,
            id_attribute,
            active,
            attributes,
            ignorable_referrals,
            optional_bases,
            // How we connect and prove who we are, and how fast.
            start_tls: _,
            ca_file: _,
            danger_clear_text: _,
            bind_password: _,
            page_size: _,
            timeouts: _,
            // It lets a read fail, and never lets one see more or less.
            canary: _,
        } = self;
        json!({
            "servers": servers,
            "bind_dn": bind_dn,
            "flavour": flavour,
            "users": users,
            "groups": groups,
            "id_attribute": id_attribute,
            "active": active,
            "attributes": attributes,
            "ignorable_referrals": ignorable_referrals,
            "optional_bases": optional_bases,
        })
    }

    /// Everything that can be found wrong without asking a server.
    pub(crate) fn problems(&self) -> Vec<Problem> {
        let mut problems = Problems::new();
        let no_server = "servers names no server; write, for example, servers = [\"ldaps://ldap.example.com\"]";
        problems.add_if(self.servers.is_empty(), "servers", no_server);
        for (index, server) in self.servers.iter().enumerate() {
            if let Err(message) = self.check_server(server) {
                problems.add(format!("servers[{index}]"), message);
            }
        }
        problems.add_if(
            self.bind_dn.trim().is_empty(),
            "bind_dn",
            "bind_dn is empty, which would read anonymously; anonymous readers see parts of a directory without any \
             error, so name an account",
        );
        problems.add_if(
            !(1..=100_000).contains(&self.page_size),
            "page_size",
            "page_size must be between 1 and 100000",
        );
        problems.within("timeouts", self.timeouts.problems());
        self.check_entries(&mut problems);
        problems.all()
    }

    /// The entries that are named.
    fn check_entries(&self, problems: &mut Problems) {
        check_bases("users", &self.users.bases, problems);
        check_filters("users", &self.users.filter, &self.users.class_filter, problems);
        if let Some(groups) = &self.groups {
            check_bases("groups", &groups.bases, problems);
            check_filters("groups", &groups.filter, &groups.class_filter, problems);
        }
        let lists = [("ignorable_referrals", &self.ignorable_referrals), ("optional_bases", &self.optional_bases)];
        for (key, names) in lists {
            for (index, name) in names.iter().enumerate() {
                problems.check(parse_dn(&format!("{key}[{index}]"), name));
            }
        }
        if let Some(canary) = &self.canary {
            problems.check(parse_dn("canary.dn", &canary.dn));
        }
    }

    /// Whether a base need not exist, however `optional_bases` spells it.
    pub(crate) fn may_be_missing(&self, base: &str) -> bool {
        let base = Container::new(base);
        self.optional_bases.iter().any(|optional| Container::new(optional.as_str()) == base)
    }

    fn check_server(&self, server: &Url) -> Result<(), String> {
        let encrypted = match server.scheme() {
            "ldaps" => true,
            "ldap" => self.start_tls,
            other => {
                return Err(format!("the server {server} has the scheme {other}; only ldaps and ldap are known"));
            }
        };
        if !server.username().is_empty() || server.password().is_some() {
            return Err("a server's URL holds credentials; use bind_dn and bind_password".to_owned());
        }
        if !matches!(server.path(), "" | "/") || server.query().is_some() {
            return Err(format!(
                "the server {server} has more than a host and a port; bases and filters are settings of their own"
            ));
        }
        match server.host() {
            None => return Err(format!("the server {server} has no host")),
            Some(Host::Ipv6(_)) if encrypted => {
                return Err(format!(
                    "the server {server} is an IPv6 address, whose certificate cannot be verified; use its name"
                ));
            }
            Some(_) => {}
        }
        if !encrypted && !self.danger_clear_text {
            return Err(format!(
                "the server {server} would get the password in clear text; use ldaps://, or set start_tls = true"
            ));
        }
        Ok(())
    }
}

impl Timeouts {
    fn problems(&self) -> Vec<Problem> {
        let Self { connect, bind, answer, read } = *self;
        let mut problems = Problems::new();
        for (key, length) in [("connect", connect), ("bind", bind), ("answer", answer), ("read", read)] {
            problems.add_if(
                length.is_zero(),
                key,
                "a timeout of \"0s\" can never be met; leave it out for the default",
            );
        }
        problems.all()
    }
}

/// Parses a DN that stands at a key of the settings.
pub(crate) fn parse_dn(key: &str, text: &str) -> Result<Dn, Problem> {
    Dn::parse(text).map_err(|error| {
        let setting = key.split('[').next().unwrap_or(key);
        let example = "write, for example, ou=people,dc=example,dc=com";
        Problem::new(key, format!("{setting}: \"{text}\" is not a DN: {error}; {example}"))
    })
}

/// Looks for bases that are none, and for a base inside another one, whose entries would be read twice.
fn check_bases(table: &str, bases: &[String], problems: &mut Problems) {
    let setting = format!("{table}.bases");
    if bases.is_empty() {
        let example = "write, for example, bases = [\"ou=people,dc=example,dc=com\"]";
        return problems.add(&setting, format!("{setting} names no base; {example}"));
    }
    let named = bases.iter().enumerate();
    let parsed: Vec<(usize, &String, Dn)> = named
        .filter_map(|(index, base)| {
            Some((index, base, problems.check(parse_dn(&format!("{setting}[{index}]"), base))?))
        })
        .collect();
    for (index, base, dn) in &parsed {
        let around = parsed.iter().find(|(other, _, other_dn)| index != other && dn.is_within(other_dn));
        if let Some((_, around, _)) = around {
            let message =
                format!("{setting}: \"{base}\" lies within \"{around}\", which is read with everything below it");
            problems.add(format!("{setting}[{index}]"), message);
        }
    }
}

fn check_filters(table: &str, filter: &Option<String>, class_filter: &Option<String>, problems: &mut Problems) {
    for (key, filter) in [("filter", filter), ("class_filter", class_filter)] {
        let Some(filter) = filter else { continue };
        let message = format!(
            "{table}: \"{filter}\" is not an LDAP filter; write, for example, (employeeType=staff), and ( ) * \\ in \
             values as \\28 \\29 \\2a \\5c"
        );
        problems.add_if(ldap3::parse_filter(filter).is_err(), &format!("{table}.{key}"), message);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(server: &str) -> LdapSettings {
        LdapSettings { servers: vec![Url::parse(server).unwrap()], ..crate::dialect::tests::settings() }
    }

    fn refusal(settings: &LdapSettings) -> String {
        rollcall_kit::settings::refuse(&settings.problems()).unwrap_err().to_string()
    }

    #[test]
    fn clear_text_is_refused_even_on_loopback_unless_it_is_asked_for_by_its_name() {
        let mut clear = settings("ldap://127.0.0.1:389");
        assert!(refusal(&clear).contains("clear text"));
        clear.start_tls = true;
        assert!(clear.problems().is_empty());
        clear.start_tls = false;
        clear.danger_clear_text = true;
        assert!(clear.problems().is_empty());
        assert!(settings("ldaps://ldap.example.com").problems().is_empty());
    }

    #[test]
    fn servers_that_cannot_be_used_are_refused_with_a_remedy() {
        assert!(refusal(&settings("ldaps://[::1]:636")).contains("use its name"));
        assert!(refusal(&settings("https://ldap.example.com")).contains("only ldaps and ldap"));
        assert!(refusal(&settings("ldaps://me:secret@ldap.example.com")).contains("bind_password"));
        assert!(!refusal(&settings("ldaps://me:secret@ldap.example.com")).contains("secret@"));
        assert!(refusal(&settings("ldaps://ldap.example.com/ou=people")).contains("settings of their own"));
    }

    #[test]
    fn the_shortest_and_the_longest_configuration_are_read() {
        let shortest = r#"
            servers = ["ldaps://dc1.corp.example"]
            bind_dn = "svc@corp.example"
            bind_password = { credential = "ldap" }
            users.bases = ["OU=People,DC=corp,DC=example"]
        "#;
        let settings: LdapSettings = toml::from_str(shortest).unwrap();
        assert!(settings.problems().is_empty());
        assert_eq!((settings.page_size, settings.flavour), (500, Flavour::Auto));
        let more = r#"
            flavour = "389-ds"
            active = { attribute = { name = "employeeStatus", active = ["A"], absent = "inactive" } }
            attributes = { email = ["mailPrimaryAddress", "mail"], raw = ["costCenter"] }
            timeouts = { answer = "2m" }
            canary = { dn = "cn=reader,dc=corp,dc=example", attributes = ["mail"] }
            groups = { bases = ["ou=groups,dc=corp,dc=example"], primary_group = false }
        "#;
        let settings: LdapSettings = toml::from_str(&format!("{shortest}{more}")).unwrap();
        let seconds = [settings.timeouts.answer, settings.timeouts.bind].map(HumanDuration::as_seconds);
        assert_eq!(seconds, [120, 15]);
        assert!(matches!(settings.active, Some(ActiveRule::Attribute { .. })));
        let rule: LdapSettings = toml::from_str(&format!("{shortest}\nactive = \"ns-account-lock\"")).unwrap();
        assert_eq!(rule.active, Some(ActiveRule::NsAccountLock));
        assert!(toml::from_str::<LdapSettings>(&format!("{shortest}\nbase = \"dc=corp\"")).is_err());
    }

    #[test]
    fn an_anonymous_reader_is_refused() {
        let mut anonymous = settings("ldaps://ldap.example.com");
        anonymous.bind_dn = " ".to_owned();
        assert!(refusal(&anonymous).contains("anonymously"));
    }

    #[test]
    fn a_base_inside_another_is_refused_in_any_spelling() {
        let mut twice = settings("ldaps://ldap.example.com");
        twice.users.bases = vec!["OU=People, DC=example".to_owned(), "ou=berlin,ou=people,dc=example".to_owned()];
        assert!(refusal(&twice).contains("lies within"));
    }

    #[test]
    fn a_base_that_may_be_missing_is_known_in_any_spelling() {
        let mut settings = settings("ldaps://ldap.example.com");
        settings.optional_bases = vec!["OU=Bu\u{308}ro, DC=example".to_owned()];
        assert!(settings.may_be_missing("organizationalUnitName=büro,dc=example"));
        assert!(!settings.may_be_missing("dc=example"));
    }

    #[test]
    fn a_filter_that_is_none_is_refused() {
        let mut broken = settings("ldaps://ldap.example.com");
        broken.users.filter = Some("(employeeType=staff".to_owned());
        assert!(refusal(&broken).contains("not an LDAP filter"));
    }
}
