//! Everything that is wrong with a directory's settings is told in one go, each at its own key.

use super::*;

/// The keys that are found wrong in a directory, within its table, and the lines that errors point at.
fn wrong(directory: &str) -> Vec<(String, String)> {
    let text = SOUND.replace("connector = \"file\"\nusers = \"/srv/people.ldif\"\n", directory);
    let errors = parse("config.toml", &text).expect_err(directory);
    let within = |key: &str| key.strip_prefix("organization.acme.directory.").unwrap_or(key).to_owned();
    errors.into_iter().map(|error| (within(&error.key), error.place.unwrap().text)).collect()
}

fn keys(directory: &str) -> Vec<String> {
    wrong(directory).into_iter().map(|(key, _)| key).collect()
}

#[test]
fn four_wrong_keys_yield_four_messages() {
    let directory = r#"
connector = "okta"
url = "https://acme-admin.okta.com"
token = { env = "OKTA" }
parallel = 0
rate_limit_share = 101
page_size = 7
"#;
    let at_their_lines = [
        ("url", "url = \"https://acme-admin.okta.com\""),
        ("parallel", "parallel = 0"),
        ("rate_limit_share", "rate_limit_share = 101"),
        ("page_size", "page_size = 7"),
    ];
    assert_eq!(wrong(directory), at_their_lines.map(|(key, line)| (key.to_owned(), line.to_owned())));
}

#[test]
fn connections_are_checked_wherever_they_are_set() {
    let daemon = "[daemon.traces]\nendpoint = \"http://127.0.0.1:4318\"\nhttp = { attempts = 0 }\n\
                  [[daemon.notify.webhook]]\nshape = \"slack\"\nsecret_url = { env = \"U\" }\nhttp = { max_body_mib = 0 }\n";
    let target = SOUND.replace("kind = \"scim\"", "kind = \"scim\"\nhttp = { idle_timeout = \"0s\" }");
    let errors = parse("config.toml", &format!("{target}{daemon}")).unwrap_err();
    let keys: Vec<&str> = errors.iter().map(|error| error.key.as_str()).collect();
    let expected = [
        "organization.acme.target.http.idle_timeout",
        "daemon.traces.http.attempts",
        "daemon.notify.webhook[0].http.max_body_mib",
    ];
    assert_eq!(keys, expected);
}

#[test]
fn a_key_within_a_table_is_pointed_at_itself() {
    let ldap = r#"
connector = "ldap"
servers = ["ldaps://ldap.acme.com", "https://ldap.acme.com", "ldap://ldap.acme.com"]
bind_dn = " "
bind_password = { file = "/etc/ldap" }
timeouts = { connect = "0s", read = "0s" }
users = { bases = ["ou=people"], filter = "(a" }
"#;
    assert_eq!(
        keys(ldap),
        ["servers[1]", "servers[2]", "bind_dn", "timeouts.connect", "timeouts.read", "users.filter"]
    );
    let google = "connector = \"google\"\nkey_file = { file = \"/k\" }\nadmin = \"acme\"\ngroups = { named = [\"\"] }\n\
                  extra_fields = [\"a\", \"a(b)\"]\nhttp = { attempts = 0 }\n";
    assert_eq!(keys(google), ["admin", "groups.named[0]", "extra_fields[1]", "http.attempts"]);
    let entra = "connector = \"entra\"\nclient_id = \"c\"\nclient_secret = { env = \"S\" }\n\
                 members_of = [\"a\", \" \"]\ngroups = { assigned = true, kinds = [] }\n";
    assert_eq!(keys(entra), ["tenant", "members_of[1]", "groups.assigned", "groups.kinds"]);
    let file = "connector = \"file\"\nusers = \"people\"\n";
    assert_eq!(keys(file), ["users"]);
    let file = "connector = \"file\"\nusers = \"people.json\"\ndelimiter = \";\"\ncolumns = { emial = \"Mail\" }\n";
    assert_eq!(keys(file), ["delimiter", "columns", "columns.emial"]);
}
