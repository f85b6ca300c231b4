//! Which edits of a directory's settings count as edited rules: those that decide what a read can see. How we connect,
//! and how fast we read, does not, and neither does a new version of this program.

use super::*;

/// An organization that reads this directory.
fn organization(directory: &str) -> Organization {
    let text = SOUND.replace("connector = \"file\"\nusers = \"/srv/people.ldif\"\n", directory);
    parse_or_show(&text).organizations.remove("acme").unwrap()
}

/// A directory of each kind, and edits of it that say nothing about what we see.
const TRANSPORT: [(&str, &[(&str, &str)]); 4] = [
    (
        OKTA,
        &[
            ("parallel = 4", "parallel = 9"),
            ("rate_limit_share = 50", "rate_limit_share = 30"),
            ("read_timeout = \"2h\"", "read_timeout = \"1h\""),
            ("page_size = 100", "page_size = 200"),
            ("/etc/okta.pem", "/etc/keys/okta.pem"),
            ("key_id = \"a\"", "key_id = \"b\""),
            ("http.timeout = \"90s\"", "http.proxy = \"http://proxy.acme.com:3128\""),
        ],
    ),
    (
        ENTRA,
        &[
            ("parallel = 4", "parallel = 9"),
            ("read_timeout = \"2h\"", "read_timeout = \"1h\""),
            ("page_size = 100", "page_size = 200"),
            ("client_secret = { file = \"/etc/entra\" }", "certificate = \"/etc/entra.pem\""),
            ("/etc/entra", "/etc/keys/entra"),
            ("http.timeout = \"90s\"", "http.ca_file = \"/etc/ca.pem\""),
        ],
    ),
    (
        GOOGLE,
        &[
            ("requests_per_minute = 600", "requests_per_minute = 900"),
            ("parallel = 4", "parallel = 9"),
            ("read_timeout = \"2h\"", "read_timeout = \"1h\""),
            ("page_size = 100", "page_size = 200"),
            ("/etc/google.json", "/etc/keys/google.json"),
            ("http.timeout = \"90s\"", "http.attempts = 3"),
        ],
    ),
    (
        LDAP,
        &[
            ("timeouts = { connect = \"5s\" }", "timeouts = { answer = \"30s\" }"),
            ("page_size = 100", "page_size = 200"),
            ("/etc/ldap", "/etc/keys/ldap"),
            ("start_tls = true", "danger_clear_text = true"),
            ("ca_file = \"/etc/ca.pem\"", ""),
        ],
    ),
];

const OKTA: &str = r#"
connector = "okta"
url = "https://acme.okta.com"
client_id = "0oaclient"
private_key = { file = "/etc/okta.pem" }
key_id = "a"
assigned_to = "0oa1"
rate_limit_share = 50
parallel = 4
read_timeout = "2h"
page_size = 100
http.timeout = "90s"
groups.all = true
"#;

const ENTRA: &str = r#"
connector = "entra"
tenant = "acme.com"
client_id = "00000000-0000-0000-0000-000000000001"
client_secret = { file = "/etc/entra" }
members_of = ["Staff"]
parallel = 4
read_timeout = "2h"
page_size = 100
http.timeout = "90s"
groups.all = true
"#;

const GOOGLE: &str = r#"
connector = "google"
key_file = { file = "/etc/google.json" }
admin = "rollcall@acme.com"
org_units = ["/Staff"]
activity = true
activity_lag = "1h"
requests_per_minute = 600
parallel = 4
read_timeout = "2h"
page_size = 100
http.timeout = "90s"
groups.all = true
"#;

const LDAP: &str = r#"
connector = "ldap"
servers = ["ldap://ldap.acme.com"]
start_tls = true
ca_file = "/etc/ca.pem"
bind_dn = "cn=reader,dc=acme,dc=com"
bind_password = { file = "/etc/ldap" }
page_size = 100
timeouts = { connect = "5s" }
users.bases = ["ou=people,dc=acme,dc=com"]
groups.bases = ["ou=groups,dc=acme,dc=com"]
"#;

const FILE: &str = r#"
connector = "file"
users = "/srv/people.csv"
max_size_mib = 100
columns = { email = "Mail" }
"#;

fn hashes(directory: &str) -> (String, String) {
    let organization = organization(directory);
    (organization.rules_hash().unwrap(), organization.reading_hash().unwrap())
}

#[test]
fn how_a_directory_is_reached_and_how_fast_it_is_read_is_no_rule() {
    let mut counted = Vec::new();
    for (directory, edits) in TRANSPORT {
        for (from, to) in edits {
            assert!(directory.contains(from), "{from}");
            if hashes(directory) != hashes(&directory.replace(from, to)) {
                counted.push(*to);
            }
        }
    }
    assert_eq!(counted, [""; 0]);
    assert_eq!(hashes(FILE), hashes(&FILE.replace("= 100", "= 200")));
}

#[test]
fn who_is_asked_and_for_whom_is_a_rule() {
    for (directory, from, to) in [
        (OKTA, "acme.okta.com", "acme.oktapreview.com"),
        (OKTA, "0oaclient", "0oaother"),
        (OKTA, "0oa1", "0oa2"),
        (OKTA, "groups.all = true", "groups.prefix = \"app-\""),
        (OKTA, "groups.all", "statuses = { PROVISIONED = \"inactive\" }\ngroups.all"),
        (OKTA, "groups.all", "system_log = true\ngroups.all"),
        (ENTRA, "tenant = \"acme.com\"", "tenant = \"acme.net\""),
        (ENTRA, "Staff", "Guests"),
        (ENTRA, "groups.all", "guests = \"exclude\"\ngroups.all"),
        (ENTRA, "groups.all", "cloud = \"us-government\"\ngroups.all"),
        (GOOGLE, "/Staff", "/Sales"),
        (GOOGLE, "rollcall@", "reader@"),
        (GOOGLE, "groups.all", "extra_fields = [\"addresses\"]\ngroups.all"),
        (LDAP, "ldap.acme.com", "ldap2.acme.com"),
        (LDAP, "ou=people", "ou=staff"),
        (LDAP, "cn=reader", "cn=other"),
        (LDAP, "page_size", "flavour = \"openldap\"\npage_size"),
        (FILE, "people.csv", "staff.csv"),
        (FILE, "Mail", "E-Mail"),
    ] {
        assert!(directory.contains(from), "{from}");
        let (before, after) = (hashes(directory), hashes(&directory.replace(from, to)));
        assert!(before.0 != after.0 && before.1 != after.1, "{to}");
    }
}

/// Where nothing but the credential says who asks, another credential may be somebody who is shown less.
#[test]
fn a_credential_that_is_the_identity_is_a_rule() {
    let app = "client_id = \"0oaclient\"\nprivate_key = { file = \"/etc/okta.pem\" }\nkey_id = \"a\"";
    let okta = OKTA.replace(app, "token = { file = \"/etc/okta-token\" }");
    let google = GOOGLE.replace("admin = \"rollcall@acme.com\"", "customer = \"C01\"");
    for (directory, from, to) in [(okta, "okta-token", "other-token"), (google, "google.json", "other.json")] {
        assert!(directory.contains(from), "{from}");
        let (before, after) = (hashes(&directory), hashes(&directory.replace(from, to)));
        assert!(before.0 != after.0 && before.1 != after.1, "{to}");
    }
}

/// Hashes of these very configurations that version 0.1.0 kept: of the rules, and of what decides what we are shown.
#[test]
fn an_upgrade_is_no_edit() {
    for (directory, rules, reading) in [
        (OKTA, "e945b92faae8e63d", "ab9a2bf9d437359d"),
        (ENTRA, "2e861d510a6a6a36", "09a231c2c43d82a1"),
        (GOOGLE, "281487e3010c1f4d", "7cc92a317ee60bf7"),
        (LDAP, "8682aa42b87049b2", "ca9b01b0cfec821d"),
        (FILE, "13a66fede1634375", "9bfc98a439693005"),
    ] {
        let organization = organization(directory);
        assert!(organization.is_rules_hash(rules) && organization.is_reading_hash(reading), "{directory}");
        assert!(organization.is_rules_hash(&organization.rules_hash().unwrap()));
        assert!(organization.is_reading_hash(&organization.reading_hash().unwrap()));
        assert!(!organization.is_rules_hash(reading) && !organization.is_reading_hash(rules));
    }
}

/// The containers of a scope are kept under the name that they had, and rules that were kept so are read.
#[test]
fn rules_that_name_containers_are_as_they_were_kept() {
    let mut roster = organization(FILE).roster;
    roster.scope.containers.push("/Staff".to_owned());
    let kept = serde_json::to_value(&roster).unwrap();
    assert_eq!(kept["scope"]["places"], serde_json::json!(["/Staff"]));
    assert_eq!(serde_json::from_value::<crate::roster::RosterSettings>(kept).unwrap(), roster);
}
