//! Roles that a new account brings along, against targets that answer by a script.

use rollcall::apply::{Probe, Target, TargetReader, Write};
use rollcall::scim::Profile;
use serde_json::{Value as Json, json};

use crate::scim_support::{Scripted, answer, attributes, id, page, roles};

fn create() -> Write {
    Write::CreateAccount {
        user: id("u"),
        attributes: attributes(&[("email", "a@acme.com")]),
        roles: roles(&["editor"]),
    }
}

/// The account as the target shows it.
fn ann(shown: &Json) -> Json {
    json!({ "id": "7", "userName": "a@acme.com", "externalId": "u", "active": true,
        "emails": [{ "value": "a@acme.com", "type": "work" }], "roles": shown })
}

fn kept() -> Json {
    ann(&json!([{ "value": "editor", "type": "default", "primary": false }]))
}

#[tokio::test]
async fn a_new_account_brings_its_roles_along_in_one_request() {
    let script = Scripted::new([("POST /Users", answer(201, kept()))]).await;
    let written = script.target.write(&create()).await.unwrap();
    assert_eq!((written.target_id.as_deref(), written.without_roles), (Some("7"), false));
    assert_eq!(script.played().await[0]["roles"], json!([{ "value": "editor" }]));
    assert!(script.target.roles_ride());
}

#[tokio::test]
async fn an_answer_that_shows_no_roles_is_looked_behind() {
    let script =
        Scripted::new([("POST /Users", answer(201, ann(&Json::Null))), ("GET /Users/7", answer(200, kept()))]).await;
    assert!(!script.target.write(&create()).await.unwrap().without_roles);
    script.played().await;
    assert!(script.target.roles_ride());
}

#[tokio::test]
async fn a_target_that_lost_the_roles_of_a_new_account_is_not_trusted_with_any_again() {
    let without = || ann(&json!([]));
    let script = Scripted::new([
        ("POST /Users", answer(201, without())),
        ("GET /Users/7", answer(200, without())),
        ("POST /Users", answer(201, without())),
    ])
    .await;
    assert!(script.target.write(&create()).await.unwrap().without_roles);
    assert!(!script.target.roles_ride());
    let kept: Profile = serde_json::from_value(script.target.learnt().unwrap()).unwrap();
    assert_eq!(kept.roles_in_create, Some(false));
    assert!(script.target.write(&create()).await.unwrap().without_roles, "sent without, to be set afterwards");
    assert_eq!(script.played().await[2]["roles"], Json::Null);
}

#[tokio::test]
async fn a_target_that_refuses_the_roles_of_a_new_account_is_told_of_the_account_alone() {
    let refusal = answer(400, json!({ "scimType": "invalidSyntax", "detail": "roles are not known here" }));
    let script =
        Scripted::new([("POST /Users", refusal.clone()), ("POST /Users", answer(201, ann(&Json::Null)))]).await;
    let written = script.target.write(&create()).await.unwrap();
    assert_eq!((written.target_id.as_deref(), written.without_roles), (Some("7"), true));
    assert!(!script.target.roles_ride());
    assert_eq!(script.played().await[1]["roles"], Json::Null);

    let script = Scripted::new([("POST /Users", refusal.clone()), ("POST /Users", refusal)]).await;
    assert!(script.target.write(&create()).await.is_err());
    assert!(script.target.roles_ride(), "the account itself was refused, so nothing is known of the roles");
}

#[tokio::test]
async fn where_the_schemas_have_no_place_for_roles_none_are_sent() {
    let profile = Profile { user_attributes: Some(["username".to_owned()].into()), ..Profile::default() };
    let script = Scripted::with(profile, [("POST /Users", answer(201, ann(&Json::Null)))]).await;
    assert!(!script.target.roles_ride());
    assert!(script.target.write(&create()).await.unwrap().without_roles);
    assert_eq!(script.played().await[0]["roles"], Json::Null);
}

#[tokio::test]
async fn a_look_after_a_crash_tells_whether_the_roles_came_along() {
    for (shown, expected) in [
        (kept(), Probe::Done(Some("7".to_owned()))),
        (ann(&json!([{ "value": "viewer" }])), Probe::DoneWithoutRoles(Some("7".to_owned()))),
        (ann(&Json::Null), Probe::DoneWithoutRoles(Some("7".to_owned()))),
    ] {
        let asked = "GET /Users?filter=externalId%20eq%20%22u%22";
        let script = Scripted::new([(asked, page(1, &[shown]))]).await;
        assert_eq!(script.target.probe(&create()).await.unwrap(), expected);
    }
}
