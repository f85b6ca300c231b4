//! What people can write, and what they are told when it cannot be meant.

use std::path::Path;

use rollcall_entra::EntraSettings;
use rollcall_kit::settings::{DirectorySettings as _, refuse};

fn parse(text: &str) -> Result<EntraSettings, String> {
    let settings: EntraSettings = toml::from_str(text).map_err(|error| error.to_string())?;
    refuse(&settings.problems()).map_err(|error| error.to_string())?;
    Ok(settings)
}

const BASE: &str = "tenant = \"acme.com\"\nclient_id = \"c\"\nclient_secret = { env = \"S\" }\n";

#[test]
fn the_shortest_settings_are_enough() {
    for text in [
        BASE,
        "tenant = \"t\"\nclient_id = \"c\"\ncertificate = \"app.pem\"\nalgorithm = \"RS256\"",
        "tenant = \"t\"\nclient_id = \"c\"\nfederated_token = { file = \"/run/token\" }\ncloud = \"us-dod\"",
        "managed_identity = {}",
        "managed_identity = { endpoint = \"http://127.0.0.1:1/x\", header = { env = \"H\" } }",
    ] {
        parse(text).unwrap();
    }
}

#[test]
fn settings_that_cannot_be_meant_are_refused_with_what_to_write() {
    let guid = "11111111-1111-1111-1111-111111111111";
    let base = |more: &str| format!("{BASE}{more}");
    for (text, words) in [
        ("tenant = \"t\"\nclient_id = \"c\"".to_owned(), "client_secret is missing"),
        (base("certificate = \"a.pem\""), "client_secret and certificate are several ways to sign in"),
        (base("private_key = { env = \"K\" }"), "private_key belongs to a certificate"),
        (base("algorithm = \"PS256\""), "algorithm says how the key of a certificate signs"),
        (
            "tenant = \"t\"\nclient_id = \"c\"\ncertificate = \"a\"\nalgorithm = \"ES256\"".to_owned(),
            "algorithm must be PS256 or RS256",
        ),
        ("client_id = \"c\"\nclient_secret = { env = \"S\" }".to_owned(), "tenant is missing"),
        (BASE.replace("acme.com", "common"), "tenant \"common\" is no tenant"),
        (BASE.replace("acme.com", "https://x"), "tenant must be the tenant's id"),
        (BASE.replace("\"c\"", "\" \""), "client_id is missing"),
        (base("graph_url = \"http://graph.example\""), "graph_url must begin with https"),
        (base("login_url = \"https://login.example/tenant\""), "login_url must hold nothing behind the host"),
        (base(&format!("assigned_to = {guid:?}\nmembers_of = [\"a\"]")), "two answers to one question"),
        (base("assigned_to = \"Target\""), "assigned_to must be the application id"),
        (base("transitive = true"), "transitive is about the groups of members_of"),
        (base("members_of = [\" \"]"), "members_of holds an empty name"),
        (base("extra_properties = [\"departmnt\"]"), "is it department?"),
        (base("page_size = 1000"), "page_size must be between 1 and 999"),
        (base("parallel = 0"), "parallel must be between 1 and 16"),
        (base("read_timeout = \"0s\""), "read_timeout of \"0s\""),
        (base("[groups]"), "groups names no group"),
        (base("[groups]\nassigned = true"), "groups.assigned means the application of assigned_to"),
        (base("[groups]\nnamed = [\"\"]"), "groups holds an empty name"),
        (base("[groups]\nall = true\nkinds = []"), "groups.kinds is empty"),
        (base("[groups]\nal = true"), "unknown field `al`"),
        (base("cloud = \"mars\""), "unknown variant `mars`"),
        (base("client_secrets = \"hunter2\""), "unknown field"),
    ] {
        let error = parse(&text).unwrap_err();
        assert!(error.contains(words), "{text}\n{error}");
    }
}

#[test]
fn relative_paths_begin_at_the_configurations_folder() {
    let mut settings =
        parse("tenant = \"t\"\nclient_id = \"c\"\ncertificate = \"app.crt\"\nprivate_key = { file = \"app.key\" }")
            .unwrap();
    settings.start_at(Path::new("/etc/rollcall"));
    let written = toml::to_string(&settings).unwrap();
    assert!(written.contains("/etc/rollcall/app.crt") && written.contains("/etc/rollcall/app.key"), "{written}");
}
