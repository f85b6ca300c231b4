//! What people see when a configuration is wrong, and that a sound one means what it says.

use super::*;
use crate::guard::Limit;
use crate::read::Percent;
use crate::roster::{GroupRef, Role};

/// A sound organization; tests break it.
const SOUND: &str = r#"
state_dir = "/var/lib/rollcall"

[organization.acme]
domains = ["acme.com", "Acme.co.uk"]

[organization.acme.directory]
connector = "file"
users = "/srv/people.ldif"

[[organization.acme.role]]
group = "App Admins"
role = "admin"
protected = true

[organization.acme.limits]
deactivations = { count = 20, share = "10%" }

[organization.acme.target]
kind = "scim"
url = "https://app.example.com/scim/v2"
token = { file = "/etc/rollcall/acme.token" }
"#;

/// Parses a configuration that must be sound.
pub(super) fn parse_or_show(text: &str) -> Configuration {
    parse("config.toml", text).unwrap_or_else(|errors| {
        panic!("{}\n\n{text}", errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
    })
}

/// A configuration with every option that its comments leave out: lines that begin with `#` and a name or a heading.
pub(super) fn all_options(text: &str) -> String {
    let uncommented = |line: &str| match line.strip_prefix('#') {
        Some(option) if option.starts_with(|c: char| c.is_ascii_lowercase() || c == '[') => option.to_owned(),
        _ => line.to_owned(),
    };
    text.lines().map(|line| uncommented(line) + "\n").collect()
}

const EXAMPLE: &str = include_str!("../../config.example.toml");

#[test]
fn the_example_is_sound_and_shows_the_defaults() {
    let configuration = parse_or_show(EXAMPLE);
    let acme = &configuration.organizations["acme"];
    assert_eq!(acme.limits, Limits::default());
    assert_eq!(acme.target.http, rollcall_kit::http::HttpSettings::default());
    assert_eq!(configuration.organizations["branch"].limits, acme.limits);
    let branch = &configuration.organizations["branch"];
    assert_eq!((acme.keeps_back, acme.approvals_expire_after), (branch.keeps_back, branch.approvals_expire_after));
    let minimal = parse_or_show(SOUND);
    let (shown, default) = (&acme.target, &minimal.organizations["acme"].target);
    let rest = |target: &ScimSettings| ScimSettings { token: None, ..target.clone() };
    assert_eq!(rest(shown), rest(default));
}

#[test]
fn the_options_that_the_example_leaves_out_are_sound_too() {
    let text = all_options(EXAMPLE);
    let token = "token = { file = \"/etc/rollcall/acme.token\" }\n";
    let directory = "organization_dir = \"organizations\"\n";
    assert!(text.contains(token) && text.contains(directory));
    parse_or_show(&text.replacen(token, "", 1).replacen(directory, "", 1));
}

#[test]
fn the_example_shows_every_key_of_the_schema() {
    let text = all_options(EXAMPLE);
    let mut missing = Vec::new();
    for key in keys(&schema()) {
        let shown = text.lines().any(|line| {
            line.split(['=', '.', ']', ' ', '{', ',']).any(|word| word.trim_start_matches(['[', '#']) == key)
        });
        if !shown {
            missing.push(key);
        }
    }
    assert_eq!(missing, Vec::<String>::new());
}

#[test]
fn a_file_that_is_named_without_its_folder_says_the_same_as_one_that_is_named_with_it() {
    let text = format!("{SOUND}\n[daemon.watch]\ntoken = {{ file = \"token\" }}\n[daemon.notify]\n");
    let here = std::env::current_dir().unwrap();
    let [short, long] = [std::path::PathBuf::from("config.toml"), here.join("config.toml")]
        .map(|path| parse(path, &text).unwrap_or_else(|errors| panic!("{errors:?}")));
    assert_eq!(short.daemon, long.daemon);
    assert_eq!(short.organizations, long.organizations);
}

/// Every name of a property anywhere in a schema.
fn keys(schema: &serde_json::Value) -> std::collections::BTreeSet<String> {
    let mut found = std::collections::BTreeSet::new();
    if let Some(properties) = schema.get("properties").and_then(serde_json::Value::as_object) {
        found.extend(properties.keys().cloned());
    }
    match schema {
        serde_json::Value::Object(members) => members.values().for_each(|inner| found.append(&mut keys(inner))),
        serde_json::Value::Array(items) => items.iter().for_each(|inner| found.append(&mut keys(inner))),
        _ => {}
    }
    found
}

#[test]
fn the_schema_says_what_every_key_means() {
    let schema = schema();
    assert_eq!(schema["title"], "Rollcall");
    assert!(schema.pointer("/$defs/OrganizationFile/properties/domains/description").is_some(), "{schema:#}");
    let directory = schema.pointer("/$defs/DirectorySettings/oneOf").unwrap().as_array().unwrap();
    let kinds: Vec<_> = directory.iter().map(|kind| &kind["properties"]["connector"]["const"]).collect();
    assert_eq!(kinds, ["ldap", "file", "okta", "entra", "google"]);
}

fn errors(text: &str) -> String {
    let errors = parse("config.toml", text).expect_err("this configuration is wrong");
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n\n")
}

fn with(from: &str, to: &str) -> String {
    assert!(SOUND.contains(from), "{from}");
    errors(&SOUND.replace(from, to))
}

#[test]
fn a_sound_configuration_means_what_it_says() {
    let configuration = parse("config.toml", SOUND).unwrap();
    let acme = &configuration.organizations["acme"];
    assert!(acme.enabled && !acme.first_plan_waived);
    assert_eq!(acme.roster.domains, ["acme.com", "acme.co.uk"]);
    assert_eq!(acme.roster.role_rules[0].group, GroupRef::Name("App Admins".to_owned()));
    assert_eq!(acme.protected_roles(), [Role("admin".to_owned())]);
    assert_eq!(acme.limits.deactivations, Limit { count: 20, percent: Some(Percent::of(10)) });
    assert_eq!(acme.limits.updates, Limits::default().updates);
    assert_eq!(acme.directory.kind(), "file");
}

#[test]
fn an_unknown_key_is_named_with_its_place_and_the_nearest_known_one() {
    insta::assert_snapshot!(with("domains =", "domians ="));
}

#[test]
fn unknown_keys_are_found_at_every_level_and_all_at_once() {
    insta::assert_snapshot!(errors(
        r#"
statedir = "/var/lib/rollcall"
[organization.acme]
domains = ["acme.com"]
scope = { group = ["App Users"] }
attributes = { familyname = "user.family_name" }
roles = { modus = "single" }
limits = { deactivations = { counts = 5 }, deletion = { count = 1 } }
[organization.acme.directory]
connector = "file"
user = "/srv/people.ldif"
[[organization.acme.role]]
group = "a"
role = "b"
protect = true
[organization.acme.target]
kind = "scim"
url = "https://app.example.com/scim/v2"
token = { file = "/etc/t" }
http = { timeuot = 3 }
"#
    ));
}

#[test]
fn a_key_that_slipped_below_the_heading_of_another_table_is_sent_back() {
    let text = with("count = 20, share = \"10%\" }", "count = 20, share = \"10%\" }\nenabled = false\n");
    assert!(
        text.contains(
            "unknown key `enabled` in [organization.acme.limits]; it belongs to [organization.acme], so write it above \
             [organization.acme.limits]"
        ),
        "{text}"
    );
}

#[test]
fn wrong_types_say_what_was_expected() {
    insta::assert_snapshot!(errors(
        r#"
state_dir = 7
[organization.acme]
enabled = "yes"
domains = "acme.com"
first_plan = "waive"
role = { group = "a", role = "b" }
scope.groups = [7, { nme = "x" }, { id = 3 }]
limits = { floor = -1, updates = { share = 5 } }
[organization.acme.directory]
connector = "lpad"
[organization.acme.target]
kind = "scim"
url = "app.example.com"
token = { file = "/etc/t" }
parallel = "8"
http = { attempts = 99999999999 }
"#
    ));
}

#[test]
fn missing_parts_are_all_named() {
    insta::assert_snapshot!(errors(
        "[organization.acme]\nenabled = true\n[organization.beta]\ndomains = [\"b.com\"]\ndirectory = { users = \"x\" }\n[organization.beta.target]\nkind = \"scim\"\nhttp.proxy=\"http://me:pw@proxy\"\n"
    ));
}

#[test]
fn a_secret_in_the_file_is_answered_with_the_ways_to_refer_to_it_and_never_shown() {
    let text = with("token = { file = \"/etc/rollcall/acme.token\" }", "token = \"hunter2\"");
    assert!(!text.contains("hunter2"));
    insta::assert_snapshot!(text);
    let text = with("token = { file", "tokn = { file");
    assert!(text.contains("did you mean `token`?"));
    let text = with("token = { file =", "token = { value =");
    assert!(text.contains("{ env = … }, { file = … } or { credential = … }"), "{text}");
}

#[test]
fn a_half_written_file_is_shown_where_it_breaks_off() {
    insta::assert_snapshot!(errors(
        "[organization.acme]\ndomains = [\"acme.com\"\n\n[organization.acme.target\nurl = https://x\n"
    ));
}

#[test]
fn domains_that_cannot_match_anybody_are_refused() {
    insta::assert_snapshot!(with(
        r#"["acme.com", "Acme.co.uk"]"#,
        r#"["*.acme.com", "@acme.com", "joe@acme.com", "acme", "b..c", "x.com", "X.com", ""]"#
    ));
    assert!(with(r#"["acme.com", "Acme.co.uk"]"#, "[]").contains("`domains` is empty, so nobody would be in scope"));
}

#[test]
fn rules_over_values_are_checked_together() {
    insta::assert_snapshot!(errors(
        r#"
[organization."a/b"]
domains = ["acme.com"]
scope.when = " "
scope.groups = [" ", { id = "1", name = "x" }]
[organization."a/b".directory]
connector = "file"
users = "x"
[organization."a/b".target]
kind = "scim"
url = "ftp://app.example.com/scim"

[organization.beta]
domains = ["beta.com"]
attributes.email = ""
roles.default = ""
protect.addresses = ["ceo"]
limits.updates.share = "150%"
[organization.beta.directory]
connector = "file"
users = "x"
[organization.beta.target]
kind = "scim"
url = "https://app.example.com/scim"
user_name = "mail"
parallel = 0
delete_after = "0s"
match_by = [""]
[organization.beta.target.http]
attempts = 0

[organization.gamma]
domains = ["gamma.com"]
attributes.email = ""
roles.default = ""
protect.addresses = ["ceo"]
[organization.gamma.directory]
connector = "file"
users = "x"
[[organization.gamma.role]]
group = "a"
role = "r"
[[organization.gamma.role]]
group = { name = "a" }
role = "r"
[organization.gamma.target]
kind = "scim"
url = "https://app.example.com/scim"
user_name = "mail"
parallel = 0
delete_after = "0s"
match_by = [""]
token = { env = "T" }
[organization.gamma.target.oauth]
token_url = "https://app.example.com/token"
client_id = "x"
client_secret = { env = "S" }
[organization.gamma.target.http]
attempts = 0
"#
    ));
}

#[test]
fn two_organizations_cannot_own_one_domain_in_one_target() {
    let twin = SOUND[SOUND.find("[organization").unwrap()..].replace("organization.acme", "organization.twin");
    let text = errors(&format!("{SOUND}{}", twin.replace("\"Acme.co.uk\"", "\"twin.com\"")));
    assert!(text.contains("\"acme.com\" also belongs to the organization `acme`"), "{text}");
    let paused = twin.replace("domains =", "enabled = false\ndomains =");
    parse("config.toml", &format!("{SOUND}{paused}")).unwrap();
}

#[test]
fn organizations_may_stand_in_files_of_their_own() {
    let directory = tempfile::tempdir().unwrap();
    let main = directory.path().join("config.toml");
    let organizations = directory.path().join("organizations");
    std::fs::create_dir(&organizations).unwrap();
    std::fs::write(&main, "state_dir = \"state\"\norganization_dir = \"organizations\"\n").unwrap();
    let own = SOUND.split_once("[organization.acme]\n").unwrap().1.replace("organization.acme.", "");
    std::fs::write(organizations.join("acme.toml"), &own).unwrap();
    std::fs::write(organizations.join(".acme.toml.swp"), "broken").unwrap();
    std::fs::write(organizations.join("notes.txt"), "broken").unwrap();
    let configuration = load(&main).unwrap();
    assert_eq!(configuration.state_dir, directory.path().join("state"));
    let inline = parse("config.toml", SOUND).unwrap();
    assert_eq!(configuration.organizations, inline.organizations);
    let error = configuration.error("acme", "role[0].group", "no such group");
    assert_eq!((error.file, error.place.unwrap().line), (organizations.join("acme.toml"), 8));

    std::fs::write(organizations.join("beta.toml"), "domains = [").unwrap();
    std::fs::write(organizations.join("gamma.toml"), own.replace("users", "usres")).unwrap();
    let errors = load(&main).unwrap_err();
    let files: Vec<_> = errors.iter().map(|error| error.file.file_name().unwrap().to_str().unwrap()).collect();
    assert_eq!(files, ["beta.toml", "gamma.toml", "gamma.toml"], "{errors:?}");
}

#[test]
fn an_organization_is_described_once() {
    let directory = tempfile::tempdir().unwrap();
    let main = directory.path().join("config.toml");
    std::fs::write(&main, format!("organization_dir = \".\"\n{}", SOUND.replace("state_dir", "# state_dir"))).unwrap();
    let own = SOUND.split_once("[organization.acme]\n").unwrap().1.replace("organization.acme.", "");
    std::fs::write(directory.path().join("acme.toml"), own).unwrap();
    let errors = load(&main).unwrap_err();
    assert!(errors.iter().any(|error| error.message.contains("`acme` is described in")), "{errors:?}");
}

#[test]
fn an_error_found_later_points_into_the_file() {
    let text = SOUND.replace(
        "[organization.acme.limits]",
        "[organization.acme.scope]\nwhen = 'user.x ='\n[organization.acme.limits]",
    );
    let configuration = parse("config.toml", &text).unwrap();
    let error = configuration.error("acme", "scope.when", "the expression does not compile: it ends too early");
    insta::assert_snapshot!(error.to_string());
    let part = configuration.error_within("acme", "scope.when", (5, 1), "there is no x").place.unwrap();
    assert_eq!((part.column, part.length), (14, 1));
    // A key that is not there leads to the table around it.
    let missing = configuration.error("acme", "scope.containers[4]", "x");
    assert_eq!(missing.place.unwrap().text, "[organization.acme.scope]");
}

#[test]
fn the_rules_hash_changes_with_the_scope_and_not_with_a_limit() {
    let hash = |text: &str| {
        let acme = parse("config.toml", text).unwrap().organizations.remove("acme").unwrap();
        (acme.rules_hash().unwrap(), acme.configuration_hash().unwrap())
    };
    let (rules, all) = hash(SOUND);
    let (same_rules, other) = hash(&SOUND.replace("count = 20", "count = 21"));
    assert_eq!(rules, same_rules);
    assert_ne!(all, other);
    assert_ne!(all, hash(&SOUND.replace("protected = true", "protected = false")).1);
    assert_ne!(rules, hash(&SOUND.replace("App Admins", "Admins")).0);
    assert_ne!(rules, hash(&SOUND.replace("people.ldif", "others.ldif")).0);
    assert_eq!(all, hash(&SOUND.replace("# ", "")).1);
    let portions = SOUND.replace("connector = \"file\"", "connector = \"file\"\nmax_size_mib = 7");
    assert_ne!(portions, SOUND);
    assert_eq!(rules, hash(&portions).0);
}

#[test]
fn a_file_that_is_not_there_or_names_nobody_is_told_from_an_empty_organization() {
    let error = load("/nonexistent/config.toml").unwrap_err().remove(0);
    assert_eq!(error.to_string(), "/nonexistent/config.toml: there is no such file; `rollcall init` writes one");
    assert!(errors("").contains("names no organization"));
}

proptest::proptest! {
    /// Whatever stands in the file, there is an answer, and it can be printed: an editor saves half a line, a copy
    /// breaks off in the middle of a letter, a paste brings in anything.
    #[test]
    fn any_damage_to_the_file_is_answered_and_never_panics(at in 0..EXAMPLE.len(), end in 0..EXAMPLE.len(), with in "(?s).{0,6}|\\PC{0,3}|[\\[\\]\"'=.{},#\n]{1,3}") {
        let (at, end) = (at.min(end), at.max(end).min(at + 40));
        let mut bytes = EXAMPLE.as_bytes().to_vec();
        bytes.splice(at..end.max(at), with.bytes());
        let text = String::from_utf8_lossy(&bytes);
        for error in parse("config.toml", &text).err().into_iter().flatten() {
            let shown = error.to_string();
            proptest::prop_assert!(shown.starts_with("config.toml"), "{shown}");
        }
    }
}

mod digests;
mod lengths;
mod problems;
