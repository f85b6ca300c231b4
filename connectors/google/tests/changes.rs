//! What changed since the last read: by etags, and by audit logs that lag, repeat themselves and leave things out.

use rollcall_google::{GoogleConnector, GoogleSettings, GroupSettings};
use rollcall_kit::{Connector, Cursor, Entry, InactiveReason, Status};
use wiremock::ResponseTemplate;

use crate::support::{Settings as _, gather, groups, quick, users};
use rollcall_test_servers::workspace::{Workspace, event, group_id, member, refusal, user, user_id};

/// What is told, and the next place; nothing if only a full read helps.
async fn told(connector: &GoogleConnector, since: &Cursor) -> Option<(Vec<Entry>, Cursor)> {
    let (entries, outcome) = gather(|entries| connector.read_changes(since, entries)).await;
    outcome.unwrap().map(|changes| (entries, changes.cursor))
}

async fn place(connector: &GoogleConnector) -> Cursor {
    connector.cursor().await.unwrap().unwrap()
}

fn by_log(workspace: &Workspace) -> GoogleSettings {
    GoogleSettings { activity: true, ..workspace.settings() }
}

/// Changes a user, as Google does: with another etag.
fn edit(workspace: &Workspace, number: usize, field: &str, value: serde_json::Value) {
    workspace.change(|state| {
        let user = state.users.iter_mut().find(|user| user["id"] == *user_id(number)).unwrap();
        user[field] = value;
        user["etag"] = format!("\"later/{number}\"").into();
    });
}

fn tell(workspace: &Workspace, log: &'static str, entry: serde_json::Value) {
    workspace.change(|state| state.logs.get_mut(log).unwrap().push(entry));
}

#[tokio::test]
async fn by_etags_only_who_changed_is_fetched_and_every_group_is_told() {
    let workspace = Workspace::start().await;
    let connector = quick(workspace.settings());
    let cursor = place(&connector).await;
    edit(&workspace, 1, "suspended", true.into());
    workspace.change(|state| state.users.push(user(9, "new@example.test", "/")));
    let before = workspace.asked().await.len();
    let (entries, cursor) = told(&connector, &cursor).await.unwrap();
    let people: Vec<_> = users(&entries).into_values().map(|user| (user.id.to_string(), user.status.clone())).collect();
    let suspended = Status::Inactive(InactiveReason::Suspended);
    assert_eq!(people, [(user_id(1), suspended), (user_id(9), Status::Active)]);
    assert_eq!(groups(&entries).len(), 4, "their etags say nothing of their members");
    assert_eq!(groups(&entries)[&*group_id(3)].members.len(), 7, "everybody, the new one among them");
    let asked = workspace.asked().await.split_off(before);
    assert_eq!(asked.iter().filter(|asked| asked.contains("/users/1")).count(), 2, "{asked:#?}");
    let (entries, _) = told(&connector, &cursor).await.unwrap();
    assert!(users(&entries).is_empty(), "nobody changed since");
}

#[tokio::test]
async fn whoever_was_deleted_is_told_once_and_who_only_vanished_is_not() {
    for activity in [false, true] {
        let workspace = Workspace::start().await;
        let connector = quick(GoogleSettings { activity, ..workspace.alone() });
        let cursor = place(&connector).await;
        workspace.change(|state| {
            let mut gone = state.users.remove(1);
            gone["deletionTime"] = "2026-11-24T07:41:10.000Z".into();
            state.deleted.push(gone);
            state.users.remove(1);
        });
        let (entries, cursor) = told(&connector, &cursor).await.unwrap();
        let people = users(&entries);
        assert_eq!(people.keys().copied().collect::<Vec<_>>(), [user_id(1)], "{activity}");
        assert_eq!(people[&*user_id(1)].status, Status::Inactive(InactiveReason::Deleted));
        assert!(told(&connector, &cursor).await.unwrap().0.is_empty());
    }
}

#[tokio::test]
async fn etags_that_come_from_a_broken_answer_are_no_etags() {
    let workspace = Workspace::start().await;
    let connector = quick(workspace.settings());
    let cursor = place(&connector).await;
    workspace.break_by(|request, _| {
        let empty = serde_json::json!({"kind": "admin#directory#users"});
        request.url.path().ends_with("/users").then(|| ResponseTemplate::new(200).set_body_json(empty))
    });
    let (_, outcome) = gather(|entries| connector.read_changes(&cursor, entries)).await;
    assert!(outcome.unwrap_err().to_string().contains("the answer is broken"));
    workspace.mend();
    workspace
        .change(|state| state.users.iter_mut().for_each(|user| drop(user.as_object_mut().unwrap().remove("etag"))));
    let (entries, _) = told(&connector, &cursor).await.unwrap();
    assert_eq!(users(&entries).len(), 6, "without an etag nobody knows, and everybody is fetched");
}

#[tokio::test]
async fn by_the_log_only_whom_and_what_it_names_is_fetched() {
    let workspace = Workspace::start().await;
    let connector = quick(by_log(&workspace));
    let cursor = place(&connector).await;
    edit(&workspace, 2, "archived", true.into());
    workspace.change(|state| state.members.get_mut(&group_id(2)).unwrap().push(member("USER", &user_id(1))));
    tell(&workspace, "admin", event(1, "USER_SETTINGS", "ARCHIVE_USER", &[("USER_EMAIL", "Jonas.Weil@example.test")]));
    tell(
        &workspace,
        "groups_enterprise",
        event(2, "moderator_action", "add_member", &[("group_id", "empty@example.test")]),
    );
    let before = workspace.asked().await.len();
    let (entries, cursor) = told(&connector, &cursor).await.unwrap();
    assert_eq!(users(&entries).into_keys().collect::<Vec<_>>(), [user_id(2)]);
    assert_eq!(users(&entries)[&*user_id(2)].status, Status::Inactive(InactiveReason::Archived));
    assert_eq!(groups(&entries).into_keys().collect::<Vec<_>>(), [group_id(2)]);
    assert_eq!(groups(&entries)[&*group_id(2)].members.len(), 1);
    let asked = workspace.asked().await.split_off(before);
    assert!(!asked.iter().any(|asked| asked.contains("/groups?")), "no list of groups: {asked:#?}");
    let (entries, _) = told(&connector, &cursor).await.unwrap();
    assert!(entries.is_empty(), "what was heeded is not heeded again");
}

#[tokio::test]
async fn an_event_that_comes_late_is_still_heeded() {
    let workspace = Workspace::start().await;
    let connector = quick(by_log(&workspace));
    let first = place(&connector).await;
    tell(&workspace, "admin", event(1, "USER_SETTINGS", "CHANGE_NAME", &[("USER_EMAIL", "maya@example.test")]));
    let (entries, second) = told(&connector, &first).await.unwrap();
    assert_eq!(users(&entries).len(), 1);
    // It happened before the first, and comes after it.
    edit(&workspace, 2, "orgUnitPath", "/Sales".into());
    tell(&workspace, "admin", event(0, "USER_SETTINGS", "MOVE_USER", &[("USER_EMAIL", "jonas.weil@example.test")]));
    let before = workspace.asked().await.len();
    let (entries, _) = told(&connector, &second).await.unwrap();
    assert_eq!(users(&entries).into_keys().collect::<Vec<_>>(), [user_id(2)]);
    let asked = workspace.asked().await.split_off(before);
    let log = asked.iter().find(|asked| asked.contains("applications/admin?startTime")).unwrap();
    let since: serde_json::Value = serde_json::from_str(second.as_str()).unwrap();
    let since: jiff::Timestamp = since["log"]["since"].as_str().unwrap().parse().unwrap();
    let back = since - jiff::SignedDuration::from_mins(180);
    assert!(log.contains(&format!("startTime={back:.3}")), "{log} looks back from {since}");
}

#[tokio::test]
async fn whom_google_suspends_by_itself_no_log_tells_and_he_is_found() {
    let workspace = Workspace::start().await;
    let connector = quick(by_log(&workspace));
    let cursor = place(&connector).await;
    edit(&workspace, 1, "suspended", true.into());
    let (entries, cursor) = told(&connector, &cursor).await.unwrap();
    assert_eq!(users(&entries).into_keys().collect::<Vec<_>>(), [user_id(1)], "and not who was suspended before");
    assert!(told(&connector, &cursor).await.unwrap().0.is_empty());
}

#[tokio::test]
async fn what_may_have_changed_many_asks_for_a_full_read() {
    for (kind, name) in [("ORG_SETTINGS", "EDIT_ORG_UNIT_NAME"), ("DOMAIN_SETTINGS", "REMOVE_SECONDARY_DOMAIN")] {
        let workspace = Workspace::start().await;
        let connector = quick(by_log(&workspace));
        let cursor = place(&connector).await;
        tell(&workspace, "admin", event(1, kind, name, &[]));
        assert!(told(&connector, &cursor).await.is_none(), "{name}");
    }
}

#[tokio::test]
async fn a_renamed_user_is_found_by_either_address() {
    let workspace = Workspace::start().await;
    let connector = quick(by_log(&workspace));
    let cursor = place(&connector).await;
    edit(&workspace, 1, "primaryEmail", "maya.falk@example.test".into());
    let names = [("USER_EMAIL", "maya@example.test"), ("NEW_VALUE", "maya.falk@example.test")];
    tell(&workspace, "admin", event(1, "USER_SETTINGS", "RENAME_USER", &names));
    let (entries, _) = told(&connector, &cursor).await.unwrap();
    assert_eq!(users(&entries).into_keys().collect::<Vec<_>>(), [user_id(1)], "once");
}

#[tokio::test]
async fn people_and_groups_of_others_in_the_log_are_nobody_here() {
    let workspace = Workspace::start().await;
    let connector = quick(by_log(&workspace));
    let cursor = place(&connector).await;
    workspace.change(|state| state.foreign.extend(["pat@partner.test".to_owned(), "g@partner.test".to_owned()]));
    let names = [("USER_EMAIL", "pat@partner.test"), ("GROUP_EMAIL", "g@partner.test")];
    tell(&workspace, "admin", event(1, "GROUP_SETTINGS", "ADD_GROUP_MEMBER", &names));
    assert!(told(&connector, &cursor).await.unwrap().0.is_empty());
}

#[tokio::test]
async fn where_the_log_of_groups_cannot_be_read_etags_it_is() {
    let workspace = Workspace::start().await;
    workspace.change(|state| drop(state.logs.remove("groups_enterprise")));
    let connector = quick(by_log(&workspace));
    let cursor = place(&connector).await;
    workspace.change(|state| state.members.get_mut(&group_id(2)).unwrap().push(member("USER", &user_id(1))));
    edit(&workspace, 1, "archived", true.into());
    let (entries, _) = told(&connector, &cursor).await.unwrap();
    assert_eq!((users(&entries).len(), groups(&entries)[&*group_id(2)].members.len()), (1, 1), "untold, and found");
    // It was there when the place was made, and is not any more.
    workspace.change(|state| drop(state.logs.insert("groups_enterprise", vec![])));
    let cursor = place(&connector).await;
    workspace.change(|state| drop(state.logs.remove("groups_enterprise")));
    assert!(told(&connector, &cursor).await.is_none());
}

#[tokio::test]
async fn members_of_the_groups_of_the_reach_are_told_when_they_join() {
    for activity in [false, true] {
        let workspace = Workspace::start().await;
        let members_of = vec![group_id(0)];
        let connector = quick(GoogleSettings { activity, members_of, ..workspace.alone() });
        let cursor = place(&connector).await;
        workspace.change(|state| state.members.get_mut(&group_id(0)).unwrap().push(member("USER", &user_id(3))));
        let names = [("USER_EMAIL", "ines.falk@second.test"), ("GROUP_EMAIL", "eng-platform@example.test")];
        tell(&workspace, "admin", event(1, "GROUP_SETTINGS", "ADD_GROUP_MEMBER", &names));
        let (entries, _) = told(&connector, &cursor).await.unwrap();
        assert!(users(&entries).contains_key(&*user_id(3)), "{activity}");
        assert!(!users(&entries).contains_key(&*user_id(5)), "{activity}: who is in no such group");
    }
}

#[tokio::test]
async fn a_group_within_another_changes_the_other_where_they_are_flattened() {
    let workspace = Workspace::start().await;
    let transitive = Some(GroupSettings { all: true, transitive: true, ..GroupSettings::default() });
    let connector = quick(GoogleSettings { groups: transitive, ..by_log(&workspace) });
    let cursor = place(&connector).await;
    workspace.change(|state| state.members.get_mut(&group_id(0)).unwrap().push(member("USER", &user_id(3))));
    tell(&workspace, "admin", event(1, "GROUP_SETTINGS", "X", &[("GROUP_EMAIL", "eng-platform@example.test")]));
    let (entries, _) = told(&connector, &cursor).await.unwrap();
    assert_eq!(groups(&entries)[&*group_id(1)].members.len(), 5);
    assert_eq!(groups(&entries)[&*group_id(3)].members.len(), 6, "everybody is found out where it matters");
}

#[tokio::test]
async fn a_place_that_is_damaged_or_of_other_settings_or_too_old_is_no_place() {
    let workspace = Workspace::start().await;
    let connector = quick(by_log(&workspace));
    let cursor = place(&connector).await;
    let other = quick(GoogleSettings { domain: Some("example.test".to_owned()), ..by_log(&workspace) });
    assert!(told(&other, &cursor).await.is_none());
    assert!(told(&connector, &Cursor::new("{}".to_owned())).await.is_none());
    let mut old: serde_json::Value = serde_json::from_str(cursor.as_str()).unwrap();
    for since in ["2020-01-01T00:00:00Z", "2999-01-01T00:00:00Z"] {
        old["log"]["since"] = since.into();
        assert!(told(&connector, &Cursor::new(old.to_string())).await.is_none(), "{since}");
    }
}

#[tokio::test]
async fn a_log_that_breaks_off_is_no_end_of_changes() {
    let workspace = Workspace::start().await;
    let connector = quick(by_log(&workspace));
    let cursor = place(&connector).await;
    for number in 0..5 {
        tell(&workspace, "admin", event(number, "USER_SETTINGS", "X", &[("USER_EMAIL", "maya@example.test")]));
    }
    workspace.break_by(|request, _| {
        let second = request.url.path().ends_with("/admin") && request.url.query().unwrap().contains("pageToken");
        second.then(|| refusal(503, "backendError", "Backend Error"))
    });
    let (_, outcome) = gather(|entries| connector.read_changes(&cursor, entries)).await;
    assert!(outcome.is_err(), "{outcome:?}");
}
