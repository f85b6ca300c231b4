//! Writes a first configuration: short, commented, for the directory that is named. What it leaves out keeps its
//! default; `config.example.toml` shows everything.

use std::fmt::Write as _;

/// The kinds of directory that a first configuration can be written for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Directory {
    /// OpenLDAP.
    #[value(name = "openldap")]
    OpenLdap,
    /// Active Directory, Samba AD.
    ActiveDirectory,
    /// 389 Directory Server.
    #[value(name = "389-ds")]
    Ds389,
    /// FreeIPA, Red Hat Identity Management.
    #[value(name = "freeipa")]
    FreeIpa,
    /// lldap.
    Lldap,
    /// An LDIF, JSON or CSV file.
    File,
    /// Okta.
    Okta,
    /// Microsoft Entra ID.
    Entra,
    /// Google Workspace.
    Google,
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

/// Writes the configuration.
#[must_use]
pub fn template(directory: Directory, answers: &Answers) -> String {
    let organization = key(&answers.organization);
    let domains: Vec<String> = answers.domains.iter().map(|domain| quoted(domain)).collect();
    let mut text = format!(
        "\
# Rollcall's configuration. `rollcall check` tries it out and changes nothing; `rollcall plan` shows what it would do.
# Every option is explained in config.example.toml and by `rollcall schema`.

# Where snapshots and history are kept.
state_dir = \"/var/lib/rollcall\"

[organization.{organization}]
# Only users with an address in one of these domains get an account. A sub-domain must be listed itself.
domains = [{}]

[organization.{organization}.directory]
",
        domains.join(", ")
    );
    text.push_str(&source(directory, answers, &organization));
    let target = quoted(answers.target.as_deref().unwrap_or("https://app.example.com/scim/v2"));
    let token = quoted(&format!("/etc/rollcall/{}.token", answers.organization));
    let _ = write!(
        text,
        "
# Only members of these groups get an account. Without it everybody in the domains does.
#[organization.{organization}.scope]
#groups = [\"App Users\"]

# Members of the group have the role. Write one such block for each rule.
#[[organization.{organization}.role]]
#group = \"App Admins\"
#role = \"admin\"
#protected = true          # the last active administrator stays one

# How much a plan may change without a person. Beyond it the plan waits, and is approved as it stands.
[organization.{organization}.limits]
deactivations = {{ count = 50, share = \"5%\" }}

[organization.{organization}.target]
kind = \"scim\"
url = {target}
# Where the token is, never the token: {{ env = \"NAME\" }}, {{ file = \"/path\" }}, or {{ credential = \"name\" }} for
# systemd's LoadCredential=. A file that others can read is refused.
token = {{ file = {token} }}
"
    );
    text
}

fn source(directory: Directory, answers: &Answers, organization: &str) -> String {
    let Some(preset) = Preset::of(directory, &base(answers)) else {
        return match directory {
            Directory::Okta => okta(answers, organization),
            Directory::Entra => entra(answers, organization),
            Directory::Google => google(answers, organization),
            _ => file(answers),
        };
    };
    let domain = answers.domains.first().map_or("example.com", String::as_str);
    let server = answers.source.clone().unwrap_or_else(|| format!("ldaps://{}.{domain}{}", preset.host, preset.port));
    let [server, bind_dn, users, groups] = [&server, &preset.bind_dn, &preset.users, &preset.groups].map(|s| quoted(s));
    let password = quoted(&format!("/etc/rollcall/{}.ldap", answers.organization));
    format!(
        "\
connector = \"ldap\"
flavour = \"{flavour}\"
# Tried in order; one read stays on one server. `ldap://` needs start_tls = true.
servers = [{server}]
# A certificate authority of your own; without it the system's count.
#ca_file = \"/etc/ssl/certs/acme-ca.pem\"
# An account that may read, and nothing else.
bind_dn = {bind_dn}
bind_password = {{ file = {password} }}

# {comment}
[organization.{organization}.directory.users]
bases = [{users}]
#filter = \"(employeeType=staff)\"

[organization.{organization}.directory.groups]
bases = [{groups}]
{names}",
        flavour = preset.flavour,
        names = if preset.may_leave_names { LEAVES_NAMES } else { "" },
        comment = preset.comment,
    )
}

/// For servers that clean up behind the deleted only if somebody made them.
const LEAVES_NAMES: &str = "\
# If this server leaves the names of deleted people in its groups (no referential integrity), say so: otherwise somebody
# who is not found, but whom a group still names, may be hidden from the reader, and waits for a person.
#leaves_names = true
";

/// What differs between LDAP servers in a first configuration.
struct Preset {
    flavour: &'static str,
    host: &'static str,
    port: &'static str,
    bind_dn: String,
    users: String,
    groups: String,
    comment: &'static str,
    may_leave_names: bool,
}

impl Preset {
    fn of(directory: Directory, base: &str) -> Option<Self> {
        let common = Self {
            flavour: "openldap",
            host: "ldap",
            port: "",
            bind_dn: format!("cn=rollcall,ou=services,{base}"),
            users: format!("ou=people,{base}"),
            groups: format!("ou=groups,{base}"),
            comment: "Where users are. Everything below counts.",
            may_leave_names: true,
        };
        Some(match directory {
            Directory::OpenLdap => common,
            Directory::Ds389 => Self { flavour: "389-ds", ..common },
            Directory::ActiveDirectory => Self {
                flavour: "active-directory",
                host: "dc1",
                bind_dn: format!("CN=Rollcall,CN=Users,{base}"),
                users: base.to_owned(),
                groups: base.to_owned(),
                comment: "Where users are. Name an organisational unit here if not everybody of the domain is meant.",
                may_leave_names: false,
                ..common
            },
            Directory::FreeIpa => Self {
                flavour: "freeipa",
                host: "ipa",
                bind_dn: format!("uid=rollcall,cn=sysaccounts,cn=etc,{base}"),
                users: format!("cn=users,cn=accounts,{base}"),
                groups: format!("cn=groups,cn=accounts,{base}"),
                comment: "Where users are. Keep to cn=accounts: cn=compat shows everybody a second time.",
                may_leave_names: false,
                ..common
            },
            Directory::Lldap => Self {
                flavour: "lldap",
                port: ":6360",
                bind_dn: format!("uid=rollcall,ou=people,{base}"),
                comment: "Where users are. lldap knows no disabled users: who should leave is deleted there.",
                may_leave_names: false,
                ..common
            },
            Directory::File | Directory::Okta | Directory::Entra | Directory::Google => return None,
        })
    }
}

fn file(answers: &Answers) -> String {
    let users = quoted(answers.source.as_deref().unwrap_or("/srv/rollcall/people.json"));
    format!(
        "\
connector = \"file\"
# LDIF, JSON or CSV, by the extension. A JSON document holds users and groups; so may an LDIF file.
users = {users}
# For CSV: the groups, and who is in which.
#groups = \"/srv/rollcall/groups.csv\"
#memberships = \"/srv/rollcall/memberships.csv\"
"
    )
}

fn okta(answers: &Answers, organization: &str) -> String {
    let first = answers.domains.first().and_then(|domain| domain.split('.').next()).unwrap_or("example");
    let url = quoted(&answers.source.clone().unwrap_or_else(|| format!("https://{first}.okta.com")));
    let key = quoted(&format!("/etc/rollcall/{}.pem", answers.organization));
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
[organization.{organization}.directory.groups]
all = true
#prefix = \"app-\"
"
    )
}

fn entra(answers: &Answers, organization: &str) -> String {
    let first = answers.domains.first().map_or("example.com", String::as_str);
    let tenant = quoted(answers.source.as_deref().unwrap_or(first));
    let secret = quoted(&format!("/etc/rollcall/{}.entra", answers.organization));
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
[organization.{organization}.directory.groups]
all = true
#prefix = \"app-\"
"
    )
}

fn google(answers: &Answers, organization: &str) -> String {
    let first = answers.domains.first().map_or("example.com", String::as_str);
    let admin = quoted(&answers.source.clone().unwrap_or_else(|| format!("rollcall@{first}")));
    let key = quoted(&format!("/etc/rollcall/{}.google.json", answers.organization));
    format!(
        "\
connector = \"google\"
# A service account's key file, and in the admin console (Security, API controls, Domain-wide delegation) its numeric client
# id with the scopes admin.directory.user.readonly and admin.directory.group.readonly (each under
# https://www.googleapis.com/auth/). On a machine of Google's, keyless = {{}} in its place needs no key.
key_file = {{ file = {key} }}
# As whom it reads: an account of its own with a role that holds Users > Read and Groups > Read.
admin = {admin}
# Without one of these everybody is read, in all of the customer's domains.
#org_units = [\"/Staff\"]
#queries_per_minute = 1200

# Which groups to read: all, or those that are named, or whose addresses begin with a prefix.
[organization.{organization}.directory.groups]
all = true
#prefix = \"app-\"
"
    )
}

/// `dc=acme,dc=com` for `acme.com`.
fn base(answers: &Answers) -> String {
    let domain = answers.domains.first().map_or("example.com", String::as_str);
    domain.split('.').map(|label| format!("dc={label}")).collect::<Vec<_>>().join(",")
}

/// A string as TOML writes it.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

/// A key as TOML writes it.
fn key(text: &str) -> String {
    let bare = !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
    if bare { text.to_owned() } else { quoted(text) }
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum;

    use super::super::tests::{all_options, parse_or_show};
    use super::*;

    #[test]
    fn every_template_loads_as_it_is_and_with_all_its_options() {
        for directory in Directory::value_variants() {
            let text = template(*directory, &Answers::default());
            parse_or_show(&text);
            if *directory != Directory::File {
                parse_or_show(&all_options(&text));
            }
        }
    }

    #[test]
    fn the_template_for_okta() {
        insta::assert_snapshot!(template(Directory::Okta, &Answers::default()));
    }

    #[test]
    fn the_template_for_entra() {
        insta::assert_snapshot!(template(Directory::Entra, &Answers::default()));
    }

    #[test]
    fn the_template_for_google() {
        insta::assert_snapshot!(template(Directory::Google, &Answers::default()));
    }

    #[test]
    fn answers_are_written_as_they_are_whatever_is_in_them() {
        let answers = Answers {
            organization: "acme.co".to_owned(),
            domains: vec!["acme.co".to_owned(), "acme.com".to_owned()],
            source: Some("/srv/\"people\" \\ all.ldif".to_owned()),
            target: Some("https://other.example.com/scim".to_owned()),
        };
        let configuration = parse_or_show(&template(Directory::File, &answers));
        let organization = &configuration.organizations["acme.co"];
        assert_eq!(organization.roster.domains, answers.domains);
        assert_eq!(Some(organization.target.url.to_string()), answers.target);
        let directory = serde_json::to_value(&organization.directory).unwrap();
        assert_eq!(directory["users"], answers.source.unwrap());
    }

    #[test]
    fn the_template_for_active_directory() {
        insta::assert_snapshot!(template(Directory::ActiveDirectory, &Answers::default()));
    }
}
