//! Who is read, and what of them.

use std::collections::BTreeMap;

use rollcall_kit::{Address, Connector, DirectoryId, Entry, InactiveReason, LookUp, Member, Status};
use rollcall_okta::{OktaSettings, Reading};
use serde_json::{Value, json};

use crate::support::{Okta, certified, group_id, groups, quick, user, user_id, users};

#[tokio::test]
async fn whoever_was_deactivated_is_read_as_having_left() {
    let okta = Okta::start().await;
    let entries = certified(okta.settings()).await;
    let left = users(&entries)[&*user_id(7)];
    assert_eq!(
        (&left.status, &*left.raw_status),
        (&Status::Inactive(InactiveReason::Disabled), "status=DEPROVISIONED")
    );
    // Deactivation leaves memberships as they are.
    assert!(groups(&entries)[&*group_id(0)].members.contains(&Member::User(left.id.clone())));
    let lists: Vec<String> = okta.asked().await.into_iter().filter(|asked| asked.contains("DEPROVISIONED")).collect();
    assert_eq!(lists, [r#"/api/v1/users?filter=status eq "DEPROVISIONED"&limit=200"#]);
}

#[tokio::test]
async fn a_list_that_shows_the_deactivated_too_shows_them_once() {
    let okta = Okta::start().await;
    okta.change(|state| state.users.push(user(7, "ACTIVE")));
    let entries = certified(okta.settings()).await;
    assert_eq!(users(&entries).len(), 9);
    // What was listed first counts: they left while the read went on, and the next one sees it.
    assert_eq!(users(&entries)[&*user_id(7)].status, Status::Active);
}

#[tokio::test]
async fn a_status_that_okta_adds_tomorrow_holds_its_users_and_can_be_given_a_meaning() {
    let okta = Okta::start().await;
    okta.change(|state| state.users[0]["status"] = "ACTIVATING".into());
    let entries = certified(okta.settings()).await;
    assert!(matches!(users(&entries)[&*user_id(0)].status, Status::Unknown(_)));
    let statuses =
        BTreeMap::from([("ACTIVATING".to_owned(), Reading::Active), ("LOCKED_OUT".to_owned(), Reading::Inactive)]);
    let entries = certified(OktaSettings { statuses, ..okta.settings() }).await;
    assert_eq!(users(&entries)[&*user_id(0)].status, Status::Active);
    assert_eq!(users(&entries)[&*user_id(8)].status, Status::Inactive(InactiveReason::Disabled));
}

#[tokio::test]
async fn nulls_lists_and_numbers_where_text_should_be_stop_nobody() {
    let okta = Okta::start().await;
    okta.change(|state| {
        state.users[0]["profile"] = json!({"login": null, "email": ["a@b"], "firstName": 7, "sites": [1, null, "a"]});
        state.users[1]["status"] = Value::Null;
        state.users[2]["profile"] = Value::Null;
    });
    let entries = certified(okta.settings()).await;
    let people = users(&entries);
    assert_eq!(people[&*user_id(0)].text("email"), None);
    assert_eq!(people[&*user_id(0)].text("given_name"), Some("7"));
    assert!(matches!(people[&*user_id(1)].status, Status::Unknown(_)));
    let unreadable: Vec<&str> = entries
        .iter()
        .filter_map(|entry| match entry {
            Entry::Unreadable(record) => Some(record.id.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(unreadable, [&*user_id(2)]);
}

#[tokio::test]
async fn a_login_need_not_be_an_address_and_an_address_may_be_two_peoples() {
    let okta = Okta::start().await;
    okta.change(|state| state.users[1]["profile"]["email"] = "user0@example.test".into());
    let entries = certified(okta.settings()).await;
    assert_eq!(users(&entries)[&*user_id(0)].login, "user0");
    let found = quick(okta.settings()).look_up_address(&Address::parse("USER0@example.test").unwrap()).await.unwrap();
    let ids: Vec<&str> = found.iter().map(|user| user.id.as_str()).collect();
    assert_eq!(ids, [user_id(0), user_id(1)]);
}

#[tokio::test]
async fn a_search_that_finds_everybody_finds_nobody_else() {
    let okta = Okta::start().await;
    okta.break_by(|request, _| {
        let all = json!([user(0, "ACTIVE"), user(1, "ACTIVE")]);
        let search = request.url.query().unwrap_or_default().contains("search=");
        search.then(|| wiremock::ResponseTemplate::new(200).set_body_json(all))
    });
    let found = quick(okta.settings()).look_up_address(&Address::parse("user1@example.test").unwrap()).await.unwrap();
    assert_eq!(found.iter().map(|user| user.id.as_str()).collect::<Vec<_>>(), [user_id(1)]);
}

#[tokio::test]
async fn a_login_that_looks_like_an_id_leads_to_nobody() {
    let okta = Okta::start().await;
    let id = DirectoryId::new("user3").unwrap();
    let error = quick(okta.settings()).look_up(&id).await.unwrap_err();
    assert!(error.to_string().contains("user3 is no user's id"), "{error}");
}

#[tokio::test]
async fn gone_is_only_said_by_okta_itself_and_by_an_identity_that_finds_others() {
    let nobody = DirectoryId::new(&user_id(99)).unwrap();
    let okta = Okta::start().await;
    assert_eq!(quick(okta.settings()).look_up(&nobody).await.unwrap(), LookUp::Gone);
    // A role that is shown nobody.
    okta.change(|state| state.users.clear());
    let error = quick(okta.settings()).look_up(&nobody).await.unwrap_err();
    assert!(error.to_string().contains("is shown no users at all"), "{error}");
    // A role that lists people and finds none of them.
    let okta = Okta::start().await;
    okta.break_by(|request, _| {
        request.url.path().starts_with("/api/v1/users/").then(|| crate::support::refusal(404, "E0000007", "Not found"))
    });
    let error = quick(okta.settings()).look_up(&nobody).await.unwrap_err();
    assert!(error.to_string().contains("is not found by its id"), "{error}");
    // A page in front of Okta.
    let okta = Okta::start().await;
    okta.break_by(|request, _| {
        let page = wiremock::ResponseTemplate::new(404).set_body_raw("<html>not here</html>", "text/html");
        request.url.path().starts_with("/api/v1/users/").then_some(page)
    });
    let error = quick(okta.settings()).look_up(&nobody).await.unwrap_err();
    assert!(error.to_string().contains("none of Okta's error codes"), "{error}");
    // A role without the right to ask.
    let okta = Okta::start().await;
    okta.break_by(|request, _| {
        request
            .url
            .path()
            .starts_with("/api/v1/users/")
            .then(|| crate::support::refusal(403, "E0000006", "No permission"))
    });
    assert!(quick(okta.settings()).look_up(&nobody).await.is_err());
}

#[tokio::test]
async fn a_group_is_gone_only_for_an_identity_that_finds_others() {
    let nothing = DirectoryId::new(&group_id(99)).unwrap();
    let okta = Okta::start().await;
    assert_eq!(quick(okta.settings()).look_up_group(&nothing).await.unwrap(), None);
    okta.change(|state| state.groups.clear());
    let error = quick(okta.settings()).look_up_group(&nothing).await.unwrap_err();
    assert!(error.to_string().contains("is shown no groups at all"), "{error}");
}

#[tokio::test]
async fn an_organisation_that_shows_nobody_is_not_empty() {
    let okta = Okta::start().await;
    okta.change(|state| state.users.retain(|user| user["status"] == "DEPROVISIONED"));
    let error = crate::support::failure(okta.settings()).await;
    assert!(error.contains("not one user is shown") && error.contains("too narrow"), "{error}");
}
