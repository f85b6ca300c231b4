//! What the tests of the SCIM target share: people, settings, and short ways to write.

use rollcall::apply::{Target, Write, WriteError, Written};
use rollcall::plan::{AttributeChange, Candidate, Match};
use rollcall::roster::Role;
use rollcall::roster::account::Attributes;
use rollcall::scim::{ScimSettings, ScimTarget};
use rollcall_kit::{Address, DirectoryId, Value};
use rollcall_test_servers::scim::ScimServer;
use serde_json::json;

/// Settings for a target at this URL, with a token from a file.
pub(crate) fn settings(url: &str, token_file: &std::path::Path) -> ScimSettings {
    serde_json::from_value(json!({
        "url": url,
        "token": { "file": token_file },
        "http": { "attempts": 1, "max_wait": 1 },
    }))
    .unwrap()
}

/// A target on a real server, with its settings changed.
pub(crate) fn target(server: &ScimServer, change: impl FnOnce(&mut ScimSettings)) -> ScimTarget {
    let mut settings = settings(server.url(), server.token_file());
    change(&mut settings);
    ScimTarget::new(&settings).unwrap()
}

pub(crate) fn id(text: &str) -> DirectoryId {
    DirectoryId::new(text).unwrap()
}

pub(crate) fn roles(names: &[&str]) -> Vec<Role> {
    names.iter().map(|&name| Role(name.to_owned())).collect()
}

pub(crate) fn attributes(pairs: &[(&str, &str)]) -> Attributes {
    pairs.iter().map(|&(name, value)| (name.to_owned(), Value::from(value))).collect()
}

/// A person with everything that the default mapping yields.
pub(crate) fn person(address: &str) -> Attributes {
    let local = address.split('@').next().unwrap();
    attributes(&[
        ("email", address),
        ("preferred_username", local),
        ("name", &format!("{local} Lee")),
        ("given_name", local),
        ("family_name", "Lee"),
        ("phone_number", "+49 30 1234"),
        ("locale", "de-DE"),
        ("custom_attributes.department", "Engineering"),
    ])
}

pub(crate) fn candidate(user: &str, address: &str) -> Candidate {
    Candidate { user: id(user), address: Address::parse(address).unwrap(), attributes: person(address) }
}

pub(crate) fn create(user: &str, address: &str) -> Write {
    Write::CreateAccount { user: id(user), attributes: person(address) }
}

pub(crate) fn change(attribute: &str, before: Option<&str>, after: Option<&str>) -> AttributeChange {
    AttributeChange { attribute: attribute.to_owned(), before: before.map(Value::from), after: after.map(Value::from) }
}

pub(crate) fn update(target_id: &str, changes: &[AttributeChange], active: Option<bool>) -> Write {
    Write::UpdateAccount { target_id: target_id.to_owned(), external_id: None, changes: changes.to_vec(), active }
}

pub(crate) fn set_roles(target_id: &str, grant: &[&str], revoke: &[&str]) -> Write {
    Write::SetRoles { target_id: target_id.to_owned(), grant: roles(grant), revoke: roles(revoke) }
}

pub(crate) fn members(group: &str, add: &[&String], remove: &[&String]) -> Write {
    let owned = |ids: &[&String]| ids.iter().map(|&id| id.clone()).collect();
    Write::ChangeMembers { target_id: group.to_owned(), add: owned(add), remove: owned(remove) }
}

/// Writes something that must go through and be kept whole.
pub(crate) async fn keep(target: &ScimTarget, write: &Write) -> Option<String> {
    let Written { target_id, not_kept } =
        target.write(write).await.unwrap_or_else(|error| panic!("{write:?}: {error}"));
    assert_eq!(not_kept, [], "{write:?}");
    target_id
}

/// Writes something that must fail.
pub(crate) async fn fail(target: &ScimTarget, write: &Write) -> WriteError {
    match target.write(write).await {
        Err(error) => error,
        Ok(written) => panic!("{write:?} went through: {written:?}"),
    }
}

/// What a match says, in short: by what it was recognised, and the target's id.
pub(crate) fn matched(found: &Match) -> Option<(&str, &str)> {
    match found {
        Match::One(account, by) => Some((*by, &account.target_id)),
        _ => None,
    }
}
