//! What people can write, and what they are told when it cannot be.

use rollcall_google::{GoogleSettings, connector};

fn told(text: &str) -> String {
    match toml::from_str::<GoogleSettings>(text) {
        Ok(settings) => connector(settings).err().map(|error| error.to_string()).unwrap_or_default(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn the_least_that_can_be_written_is_enough() {
    assert_eq!(told("key_file = { file = \"/etc/rollcall/key.json\" }\nadmin = \"rollcall@acme.com\""), "");
    assert_eq!(told("keyless = {}\nadmin = \"rollcall@acme.com\""), "");
    assert_eq!(told("keyless = {}\ncustomer = \"C03az79cb\""), "");
}

#[test]
fn what_cannot_be_is_refused_with_a_sentence() {
    let key = "key_file = { env = \"K\" }\nadmin = \"a@acme.com\"\n";
    for (text, expected) in [
        ("admin = \"a@acme.com\"".to_owned(), "key_file is missing"),
        (format!("{key}keyless = {{}}"), "two ways to sign in"),
        ("keyless = {}".to_owned(), "admin is missing"),
        ("keyless = {}\ncustomer = \"my_customer\"".to_owned(), "customer must be the customer's id"),
        ("keyless = {}\nadmin = \"acme\"".to_owned(), "admin must be the address"),
        (format!("{key}domain = \"acme.com\"\norg_units = [\"/Sales\"]"), "domain and org_units are several answers"),
        (format!("{key}domain = \"@acme.com\""), "domain must be one of"),
        (format!("{key}org_units = [\"Sales\"]"), "neither a path"),
        (format!("{key}org_units = [\"/\"]"), "the root, which holds everybody"),
        (format!("{key}transitive = true"), "transitive is about the groups of members_of"),
        (format!("{key}groups = {{}}"), "groups names no group"),
        (format!("{key}groups = {{ prefix = \" \" }}"), "an empty name or prefix"),
        (format!("{key}page_size = 501"), "between 1 and 500"),
        (format!("{key}parallel = 0"), "between 1 and 16"),
        (format!("{key}requests_per_minute = 0"), "lets nothing be read"),
        (format!("{key}read_timeout = \"0s\""), "can never be met"),
        (format!("{key}custom_schemas = [\"a,b\"]"), "is no name of a schema"),
        (format!("{key}extra_fields = [\"a(b)\"]"), "is no name of a field"),
        (format!("{key}scopes = []"), "scopes is empty"),
        (format!("{key}api_url = \"http://admin.internal\""), "api_url must begin with https"),
        (format!("{key}api_url = \"https://admin.internal/admin\""), "nothing behind the host"),
        (format!("{key}token_url = \"http://login.internal/token\""), "token_url must begin with https"),
        (format!("{key}subject = \"a@acme.com\""), "unknown field `subject`"),
    ] {
        assert!(told(&text).contains(expected), "{text}: {}", told(&text));
    }
}
