//! Lengths of time are written in one way, and a number or an old key is answered with what to write.

use super::*;

/// The one thing that is wrong once this stands in a part of the configuration.
fn wrong(part: &str, line: &str) -> String {
    let text = match part {
        "target" => SOUND.replace("kind = \"scim\"", &format!("kind = \"scim\"\n{line}")),
        "" => format!("{line}\n{SOUND}"),
        directory => {
            SOUND.replace("connector = \"file\"\nusers = \"/srv/people.ldif\"", &format!("{directory}\n{line}"))
        }
    };
    let errors = parse("config.toml", &text).expect_err(line);
    let messages: Vec<String> = errors.into_iter().map(|error| error.message).collect();
    assert_eq!(messages.len(), 1, "{messages:?}");
    messages.concat()
}

const OKTA: &str = "connector = \"okta\"\nurl = \"https://acme.okta.com\"\ntoken = { env = \"T\" }";
const GOOGLE: &str = "connector = \"google\"\nkey_file = { env = \"K\" }\nadmin = \"a@acme.com\"";
const LDAP: &str = "connector = \"ldap\"\nservers = [\"ldaps://a.acme.com\"]\nbind_dn = \"cn=a\"\nbind_password = { env = \"P\" }\nusers.bases = [\"dc=acme\"]";

#[test]
fn a_bare_number_is_refused_with_the_right_spelling() {
    for (part, line, spelled) in [
        (OKTA, "read_timeout = 7200", "`read_timeout` needs a unit; write read_timeout = \"2h\""),
        (OKTA, "http = { timeout = 90 }", "`timeout` needs a unit; write timeout = \"90s\""),
        (GOOGLE, "activity_lag = 180", "`activity_lag` needs a unit; write activity_lag = \"3h\""),
        (LDAP, "timeouts = { connect = 5 }", "`connect` needs a unit; write connect = \"5s\""),
        ("target", "http.max_wait = 300", "`max_wait` needs a unit; write max_wait = \"5m\""),
        ("target", "delete_after = 90", "`delete_after` needs a unit; write delete_after = \"90s\""),
        ("", "daemon.run_limit = 3_600", "`run_limit` needs a unit; write run_limit = \"1h\""),
        (
            "",
            "daemon.notify.command = [{ program = \"/p\", timeout = 30 }]",
            "`timeout` needs a unit; write timeout = \"30s\"",
        ),
        ("", "daemon.notify.before_expiry = [\"30d\", 7]", "`before_expiry[1]` needs a unit; write \"7s\""),
        (
            OKTA,
            "read_timeout = true",
            "`read_timeout` must be a length of time in quotes, such as \"15m\", not true or false",
        ),
    ] {
        assert_eq!(wrong(part, line), spelled, "{line}");
    }
    let message = wrong(OKTA, "read_timeout = \"2 hours\"");
    assert!(message.starts_with("`read_timeout` must be a number of seconds, minutes, hours or days"), "{message}");
}

#[test]
fn a_length_of_time_that_makes_no_sense_is_refused() {
    for (part, line, expected) in [
        (OKTA, "read_timeout = \"0s\"", "read_timeout of \"0s\" can never be met"),
        ("target", "delete_after = \"23h\"", "`delete_after` must be between \"1d\" and \"36500d\""),
        ("target", "http.timeout = \"2d\"", "`timeout` must be between \"1s\" and \"1d\""),
        ("", "daemon.notify.command = [{ program = \"/p\", timeout = \"11m\" }]", "`timeout` must be between"),
        ("", "daemon.notify.before_expiry = [\"12h\"]", "write whole days"),
    ] {
        let message = wrong(part, line);
        assert!(message.contains(expected), "{line}: {message}");
    }
}

#[test]
fn an_old_key_is_answered_with_its_new_name() {
    for (part, line, expected) in [
        (
            "target",
            "delete_after_days = 90",
            "`delete_after_days` is called `delete_after` now; write delete_after = \"90d\"",
        ),
        (
            "",
            "daemon.notify.expiry_days = [30, 7]",
            "`expiry_days` is called `before_expiry` now; write before_expiry = [\"30d\", \"7d\"]",
        ),
        ("target", "concurrency = 4", "`concurrency` is called `parallel` now"),
        (GOOGLE, "queries_per_minute = 600", "`queries_per_minute` is called `requests_per_minute` now"),
    ] {
        assert_eq!(wrong(part, line), expected, "{line}");
    }
    let text = SOUND.replace(
        "[organization.acme.limits]",
        "[organization.acme.scope]\nplaces = [\"/a\"]\n[organization.acme.limits]",
    );
    let errors = parse("config.toml", &text).unwrap_err();
    assert_eq!((errors.len(), errors[0].message.as_str()), (1, "`places` is called `containers` now"));
    // A table that never knew the key says so.
    assert!(wrong(OKTA, "delete_after_days = 90").starts_with("unknown key `delete_after_days`"));
}
