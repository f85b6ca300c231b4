//! What people can write, and what they are told about what cannot be.

use rollcall_kit::settings::{DirectorySettings as _, refuse};
use rollcall_okta::OktaSettings;

/// The settings that a configuration file spells.
fn parse(text: &str) -> Result<OktaSettings, String> {
    toml::from_str::<OktaSettings>(text).map_err(|error| error.message().to_owned())
}

/// What is wrong with settings that can be read.
fn complaint(text: &str) -> String {
    refuse(&parse(text).unwrap().problems()).map_or_else(|error| error.to_string(), |()| "nothing".to_owned())
}

const APP: &str = "url = \"https://acme.okta.com\"\nclient_id = \"0oa1\"\nprivate_key = { file = \"/k\" }\n";
const TOKEN: &str = "url = \"https://id.acme.com/\"\ntoken = { env = \"OKTA\" }\n";

#[test]
fn sound_settings_are_accepted() {
    for text in [
        APP.to_owned(),
        TOKEN.to_owned(),
        format!("{APP}assigned_to = \"0oa2\"\ndpop = \"always\"\nalgorithm = \"ES256\"\n[groups]\nassigned = true"),
        format!("{TOKEN}members_of = [\"App Users\"]\nstatuses = {{ PROVISIONED = \"inactive\", X = \"hold\" }}"),
        format!("{TOKEN}[groups]\nprefix = \"app-\"\ntypes = [\"OKTA_GROUP\"]"),
        APP.replace("https://acme.okta.com", "http://localhost:8080"),
    ] {
        assert_eq!(complaint(&text), "nothing", "{text}");
    }
}

#[test]
fn settings_that_cannot_be_are_refused_by_name() {
    for (text, words) in [
        (APP.replace("https://", "http://"), "url must begin with https"),
        (APP.replace("https://", "ldap://"), "url is no https URL"),
        (APP.replace("acme.okta.com", "acme.okta.com/oauth2/default"), "url must hold nothing behind the host"),
        (APP.replace("acme.okta.com", "acme-admin.okta.com"), "url names the admin console"),
        (APP.replace("private_key", "#"), "private_key is missing"),
        (APP.replace("client_id", "#"), "client_id is missing"),
        (APP.replace("0oa1", " "), "client_id is empty"),
        ("url = \"https://acme.okta.com\"".to_owned(), "client_id and private_key are missing"),
        (format!("{APP}token = {{ env = \"OKTA\" }}"), "token and client_id are two ways"),
        (format!("{APP}algorithm = \"PS256\""), "algorithm PS256 is not accepted by Okta"),
        (format!("{APP}scopes = []"), "scopes is empty"),
        (format!("{APP}assigned_to = \"Target\""), "assigned_to must be the application's id"),
        (format!("{APP}assigned_to = \"0oa2\"\nmembers_of = [\"a\"]"), "members_of and assigned_to are two answers"),
        (format!("{APP}members_of = [\" \"]"), "members_of holds an empty name"),
        (format!("{APP}rate_limit_share = 0"), "rate_limit_share must be between"),
        (format!("{APP}rate_limit_share = 101"), "rate_limit_share must be between"),
        (format!("{APP}parallel = 0"), "parallel must be between"),
        (format!("{APP}parallel = 16"), "parallel must be between"),
        (format!("{APP}page_size = 10"), "page_size must be between"),
        (format!("{APP}page_size = 201"), "page_size must be between"),
        (format!("{APP}read_timeout = \"0s\""), "read_timeout of \"0s\""),
        (format!("{APP}statuses = {{ DEPROVISIONED = \"active\" }}"), "statuses would keep deactivated users"),
        (format!("{APP}[groups]"), "groups names no group"),
        (format!("{APP}[groups]\nassigned = true"), "groups.assigned means the application of assigned_to"),
        (format!("{APP}[groups]\nprefix = \"\""), "groups holds an empty name"),
        (format!("{APP}[groups]\nnamed = [\"\"]"), "groups holds an empty name"),
    ] {
        let complaint = complaint(&text);
        assert!(complaint.starts_with(words), "{text}\n{complaint}");
    }
}

#[test]
fn what_is_not_known_is_an_error() {
    assert!(parse(&format!("{APP}client_secret = \"x\"")).unwrap_err().contains("unknown field"));
    assert!(parse(&format!("{APP}algorithm = \"HS256\"")).is_err());
    assert!(parse(&format!("{APP}private_key = \"-----BEGIN\"")).is_err(), "a secret is a reference");
}

#[test]
fn paths_start_at_the_folder_of_the_configuration() {
    let mut settings = parse(&APP.replace("/k", "okta.pem")).unwrap();
    settings.start_at(std::path::Path::new("/etc/rollcall"));
    let json = serde_json::to_value(&settings).unwrap();
    assert_eq!(json["private_key"]["file"], "/etc/rollcall/okta.pem");
}
