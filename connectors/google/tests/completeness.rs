//! When a list is complete: what is empty and what is broken, lists without an end, and people missing from an answer
//! that looks like success.

use rollcall_google::GoogleSettings;
use rollcall_kit::{Connector, DirectoryId, LookUp, ReadError};
use serde_json::{Value, json};
use wiremock::{Request, ResponseTemplate};

use crate::support::{Settings as _, certified, failure, groups, quick, users};
use rollcall_test_servers::workspace::{Workspace, group_id, member, refusal, user_id};

/// An answer without the key of its list, as an empty one is.
fn empty(kind: &str) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(json!({"kind": format!("admin#directory#{kind}"), "etag": "\"e\""}))
}

fn is(request: &Request, path: &str) -> bool {
    request.url.path() == format!("/admin/directory/v1/{path}")
}

fn lists_live(request: &Request) -> bool {
    is(request, "users") && !request.url.query().unwrap_or_default().contains("showDeleted")
}

#[tokio::test]
async fn a_customer_without_a_single_user_is_a_broken_answer() {
    let workspace = Workspace::start().await;
    workspace.break_by(|request, _| lists_live(request).then(|| empty("users")));
    let error = failure(workspace.settings()).await;
    assert!(matches!(error, ReadError::Incomplete { .. }), "{error}");
    assert!(error.to_string().contains("not one user is shown, asked twice"), "{error}");
    assert_eq!(workspace.asked().await.iter().filter(|asked| asked.contains("/users?")).count(), 2);
}

#[tokio::test]
async fn an_empty_answer_is_asked_for_again_and_the_second_counts() {
    let workspace = Workspace::start().await;
    workspace.break_by(|request, number| (lists_live(request) && number == 1).then(|| empty("users")));
    let (entries, _) = certified(workspace.settings()).await;
    assert_eq!(users(&entries).len(), 7);
}

#[tokio::test]
async fn an_end_in_the_middle_of_a_list_is_not_believed_at_once() {
    let workspace = Workspace::start().await;
    // The second page comes empty and without a token, once: whoever is behind it would seem to have left.
    workspace.break_by(|request, number| (lists_live(request) && number == 2).then(|| empty("users")));
    let (entries, _) = certified(workspace.settings()).await;
    assert_eq!(users(&entries).len(), 7);
}

#[tokio::test]
async fn nobody_deleted_is_nobody_deleted() {
    let workspace = Workspace::start().await;
    workspace.change(|state| state.deleted.clear());
    let (entries, _) = certified(workspace.settings()).await;
    assert_eq!(users(&entries).len(), 6);
}

#[tokio::test]
async fn a_group_without_members_is_empty_and_is_asked_once_if_it_says_so_itself() {
    let workspace = Workspace::start().await;
    let (entries, certificate) = certified(workspace.settings()).await;
    assert!(groups(&entries)[&*group_id(2)].members.is_empty());
    let path = format!("/admin/directory/v1/groups/{}/members?", group_id(2));
    assert_eq!(workspace.asked().await.iter().filter(|asked| asked.starts_with(&path)).count(), 1);
    assert_eq!(certificate.exceptions(), [""; 0]);
}

#[tokio::test]
async fn a_group_that_counts_members_and_shows_none_is_not_empty() {
    let workspace = Workspace::start().await;
    let path = format!("groups/{}/members", group_id(0));
    workspace.break_by(move |request, _| is(request, &path).then(|| empty("members")));
    let error = failure(workspace.settings()).await.to_string();
    assert!(error.contains("says that it has 3 members, and shows none"), "{error}");
}

#[tokio::test]
async fn members_that_were_missing_once_are_there_the_second_time_or_nothing_is_read() {
    let workspace = Workspace::start().await;
    let path = format!("groups/{}/members", group_id(0));
    workspace.break_by(move |request, number| {
        let one = json!({"kind": "admin#directory#members", "members": [member("USER", &user_id(1))]});
        (is(request, &path) && number == 1).then(|| ResponseTemplate::new(200).set_body_json(one))
    });
    let error = failure(workspace.settings()).await.to_string();
    assert!(error.contains("two readings of the members of eng-platform@example.test hold different ones"), "{error}");
}

#[tokio::test]
async fn a_count_that_is_wrong_by_itself_is_told_and_costs_nobody_his_membership() {
    let workspace = Workspace::start().await;
    workspace.change(|state| state.groups[0]["directMembersCount"] = "41".into());
    let (entries, certificate) = certified(workspace.settings()).await;
    assert_eq!(groups(&entries)[&*group_id(0)].members.len(), 3);
    let expected = "the group eng-platform@example.test says that it has 41 members, and showed 3 twice";
    assert!(certificate.exceptions().iter().any(|said| said == expected), "{:?}", certificate.exceptions());
}

#[tokio::test]
async fn a_page_token_that_comes_again_ends_the_read() {
    for (path, kind, key) in [("users", "users", "users"), ("groups", "groups", "groups")] {
        let workspace = Workspace::start().await;
        workspace.break_by(move |request, number| {
            let row = json!({"id": format!("{number}"), "primaryEmail": "a@example.test", "email": "g@example.test",
                "suspended": false, "archived": false});
            let body = json!({"kind": format!("admin#directory#{kind}"), key: [row], "nextPageToken": "again"});
            is(request, path).then(|| ResponseTemplate::new(200).set_body_json(body))
        });
        let error = failure(workspace.settings()).await.to_string();
        assert!(error.contains("names a next page that was read before"), "{error}");
    }
}

#[tokio::test]
async fn a_server_that_recovers_in_the_middle_of_a_list_costs_nothing() {
    let workspace = Workspace::start().await;
    workspace.break_by(|request, number| {
        (is(request, "users") && number % 2 == 0).then(|| refusal(503, "backendError", "Backend Error"))
    });
    let (entries, _) = certified(workspace.alone()).await;
    assert_eq!(users(&entries).len(), 7);
}

#[tokio::test]
async fn fields_that_do_not_come_hold_one_and_void_a_read_of_none() {
    let workspace = Workspace::start().await;
    workspace.change(|state| drop(state.users[1].as_object_mut().unwrap().remove("suspended")));
    let (entries, _) = certified(workspace.alone()).await;
    assert!(matches!(users(&entries)[&*user_id(1)].status, rollcall_kit::Status::Unknown(_)));
    workspace.change(|state| {
        state.users.iter_mut().for_each(|user| drop(user.as_object_mut().unwrap().remove("suspended")));
    });
    let error = failure(workspace.alone()).await.to_string();
    assert!(error.contains("of 6 users not one came with suspended and archived"), "{error}");
}

#[tokio::test]
async fn a_domain_that_vanished_is_no_empty_domain() {
    let workspace = Workspace::start().await;
    let settings = GoogleSettings { domain: Some("vanished.test".to_owned()), ..workspace.settings() };
    let error = failure(settings).await;
    assert!(matches!(error, ReadError::Incomplete { .. }), "{error}");
    assert!(error.to_string().contains("Domain not found."), "{error}");
    // One that is still there, and shows nobody.
    workspace.change(|state| state.users.retain(|user| user["primaryEmail"] != "ines.falk@second.test"));
    let settings = GoogleSettings { domain: Some("second.test".to_owned()), ..workspace.settings() };
    assert!(failure(settings).await.to_string().contains("in the domain second.test, asked twice"));
}

#[tokio::test]
async fn somebody_who_was_skipped_by_a_list_is_found_by_his_id() {
    let workspace = Workspace::start().await;
    let skipped = user_id(1);
    let connector = quick(workspace.settings());
    let id = DirectoryId::new(&skipped).unwrap();
    assert!(matches!(connector.look_up(&id).await.unwrap(), LookUp::Found(_)));
    workspace.change(|state| state.users.retain(|user| user["id"] != *skipped));
    assert_eq!(quick(workspace.settings()).look_up(&id).await.unwrap(), LookUp::Gone);
}

#[tokio::test]
async fn gone_is_said_only_by_who_can_find_somebody() {
    let workspace = Workspace::start().await;
    let nobody = DirectoryId::new("999").unwrap();
    let (one, none) = (format!("users/{}", user_id(0)), |request: &Request| lists_live(request));
    workspace.break_by(move |request, _| is(request, &one).then(|| refusal(404, "notFound", "Resource Not Found")));
    let error = quick(workspace.settings()).look_up(&nobody).await.unwrap_err().to_string();
    assert!(error.contains("is not found by its id"), "{error}");
    workspace.break_by(move |request, _| none(request).then(|| empty("users")));
    let error = quick(workspace.settings()).look_up(&nobody).await.unwrap_err().to_string();
    assert!(error.contains("is shown no users at all"), "{error}");
}

#[tokio::test]
async fn an_answer_that_settles_nothing_is_never_gone() {
    for (name, answer) in [
        ("forbidden", rollcall_test_servers::workspace::forbidden()),
        ("a server error", refusal(503, "backendError", "Backend Error")),
        ("a 404 that is not Google's", ResponseTemplate::new(404).set_body_string("<html>no such host</html>")),
        ("something else", ResponseTemplate::new(200).set_body_string("<html>")),
        ("somebody else", ResponseTemplate::new(200).set_body_json::<Value>(json!({"id": "7"}))),
    ] {
        let workspace = Workspace::start().await;
        let path = format!("users/{}", user_id(1));
        workspace.break_by(move |request, _| is(request, &path).then(|| answer.clone()));
        let answer = quick(workspace.settings()).look_up(&DirectoryId::new(&user_id(1)).unwrap()).await;
        assert!(answer.is_err(), "{name}: {answer:?}");
    }
}
