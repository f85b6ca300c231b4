//! What changed since the last read: two streams that repeat, mix, cut up and forget.

use rollcall_entra::{EntraConnector, EntraSettings, GroupSettings};
use rollcall_kit::{Changes, Connector, Cursor, DirectoryId, Entry, InactiveReason, Member, ReadError, Status};
use serde_json::{Value, json};

use crate::support::{
    APP, Answer, EDITOR, Graph, alone, assignment, gather, group_id, groups, quick, user_id, users, with_groups,
};

type Told = Result<Option<(Vec<Entry>, Changes)>, ReadError>;

async fn changes_since(connector: &EntraConnector, cursor: &Cursor) -> Told {
    let (entries, outcome) = gather(|entries| connector.read_changes(cursor, entries)).await;
    Ok(outcome?.map(|changes| (entries, changes)))
}

/// What is told after the stream has given these pages.
async fn told(graph: &Graph, settings: EntraSettings, stream: &'static str, pages: Vec<Vec<Value>>) -> Told {
    let connector = quick(settings);
    let cursor = connector.cursor().await.unwrap().unwrap();
    graph.change(|state| drop(state.rounds.insert(stream, pages)));
    changes_since(&connector, &cursor).await
}

/// A row as the stream of users gives it: what was never set is absent.
fn row(graph: &Graph, number: usize) -> Value {
    let mut row = graph.state.lock().unwrap().users[number].clone();
    row.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    row
}

fn removed(id: &str, reason: &str) -> Value {
    json!({"id": id, "@removed": {"reason": reason}})
}

fn member(kind: &str, id: &str) -> Value {
    json!({"@odata.type": format!("#microsoft.graph.{kind}"), "id": id})
}

fn left(kind: &str, id: &str) -> Value {
    json!({"@odata.type": format!("#microsoft.graph.{kind}"), "id": id, "@removed": {"reason": "deleted"}})
}

fn user_member(number: usize) -> Member {
    Member::User(DirectoryId::new(&user_id(number)).unwrap())
}

#[tokio::test]
async fn a_place_is_asked_for_without_reading_anything() {
    let graph = Graph::start().await;
    let connector = quick(graph.settings());
    assert!(connector.capabilities().incremental);
    let cursor = connector.cursor().await.unwrap().unwrap();
    let asked = graph.asked();
    assert_eq!(asked.len(), 2);
    assert!(asked[0].starts_with("/v1.0/users/delta?$deltatoken=latest&$select=id,accountEnabled,"), "{asked:?}");
    assert!(asked[1].ends_with("securityEnabled,mailEnabled,visibility,members"), "{asked:?}");
    let (entries, changes) = changes_since(&connector, &cursor).await.unwrap().unwrap();
    assert!(entries.is_empty());
    assert_eq!(changes.collections.len(), 2);
    // The next place is as good as the first.
    assert!(changes_since(&connector, &changes.cursor).await.unwrap().is_some());
}

#[tokio::test]
async fn changed_users_are_read_as_they_are_now() {
    let graph = Graph::start().await;
    graph.change(|state| state.users[1]["accountEnabled"] = false.into());
    let pages = vec![vec![row(&graph, 1)], vec![], vec![row(&graph, 4)]];
    let (entries, changes) = told(&graph, graph.settings(), "users", pages).await.unwrap().unwrap();
    assert_eq!(users(&entries).into_keys().collect::<Vec<_>>(), [user_id(1), user_id(4)]);
    assert_eq!(users(&entries)[&*user_id(1)].status, Status::Inactive(InactiveReason::Disabled));
    assert_eq!((changes.collections[0].pages, changes.collections[0].entries), (3, 2));
}

#[tokio::test]
async fn the_stream_goes_before_a_replica_that_lags_behind_it() {
    let graph = Graph::start().await;
    let mut ahead = row(&graph, 1);
    ahead["accountEnabled"] = false.into();
    ahead["department"] = Value::Null;
    // The replica learns of it when it is asked for the third time.
    let (lagging, asked) = (std::sync::Arc::clone(&graph.state), std::sync::atomic::AtomicUsize::new(0));
    let mut late = lagging.lock().unwrap().users[1].clone();
    late["accountEnabled"] = false.into();
    graph.break_by(move |ask| {
        let third = ask.path.ends_with("/getByIds") && asked.fetch_add(1, std::sync::atomic::Ordering::SeqCst) == 2;
        third.then(|| Answer::ok(json!({"value": [late.clone()]})))
    });
    let (entries, _) = told(&graph, graph.settings(), "users", vec![vec![ahead]]).await.unwrap().unwrap();
    let user = users(&entries)[&*user_id(1)];
    assert_eq!(user.status, Status::Inactive(InactiveReason::Disabled));
    assert_eq!(user.text("department"), None, "null is cleared");
    assert_eq!(user.text("name"), Some("User 1"), "absent is as it was");
}

#[tokio::test]
async fn an_old_row_that_is_replayed_puts_nobody_out_and_nobody_in() {
    let graph = Graph::start().await;
    // User 1 may work and 3 may not, whatever is told of them; only a full read knows who is right.
    for (number, enabled) in [(1, false), (3, true)] {
        let old = vec![row(&graph, 2), json!({"id": user_id(number), "accountEnabled": enabled})];
        assert!(told(&graph, graph.settings(), "users", vec![old]).await.unwrap().is_none(), "user {number}");
    }
}

#[tokio::test]
async fn a_replay_is_told_once_and_the_later_word_counts() {
    let graph = Graph::start().await;
    let name = |text: &str| json!({"id": user_id(1), "displayName": text});
    let disabled = json!({"id": user_id(1), "accountEnabled": false});
    let enabled = json!({"id": user_id(1), "accountEnabled": true});
    let pages = vec![
        vec![name("Old"), disabled.clone(), row(&graph, 2)],
        vec![name("New"), row(&graph, 2)],
        vec![enabled, removed(&user_id(2), "changed"), row(&graph, 2)],
    ];
    let (entries, _) = told(&graph, graph.settings(), "users", pages).await.unwrap().unwrap();
    assert_eq!(entries.len(), 2);
    let user = users(&entries)[&*user_id(1)];
    assert_eq!((user.text("name"), &user.status), (Some("New"), &Status::Active));
    assert_eq!(users(&entries)[&*user_id(2)].status, Status::Active, "deleted and restored");
}

#[tokio::test]
async fn both_kinds_of_removal_are_positive_records() {
    let graph = Graph::start().await;
    // User 9 can be restored; 8 was deleted for good.
    let rows = vec![removed(&user_id(9), "changed"), removed(&user_id(8), "deleted")];
    let (entries, _) = told(&graph, graph.settings(), "users", vec![rows]).await.unwrap().unwrap();
    let people = users(&entries);
    assert_eq!(people.len(), 2);
    assert!(people.values().all(|user| user.status == Status::Inactive(InactiveReason::Deleted)));
    assert_eq!(people[&*user_id(9)].login, "user9@example.test");
    assert_eq!(people[&*user_id(8)].raw_status, "@removed");
}

#[tokio::test]
async fn somebody_who_is_told_to_be_deleted_and_found_is_for_a_full_read() {
    let graph = Graph::start().await;
    let rows = vec![row(&graph, 1), removed(&user_id(2), "changed")];
    assert!(told(&graph, graph.settings(), "users", vec![rows]).await.unwrap().is_none());
}

#[tokio::test]
async fn somebody_who_vanished_without_a_word_of_deletion_is_for_a_full_read_to_miss() {
    let graph = Graph::start().await;
    let pages = vec![vec![json!({"id": user_id(70), "displayName": "Gone meanwhile"})]];
    let (entries, _) = told(&graph, graph.settings(), "users", pages).await.unwrap().unwrap();
    assert!(entries.is_empty());
}

#[tokio::test]
async fn a_group_that_is_cut_up_over_pages_is_one_group_with_all_of_its_members() {
    let graph = Graph::start().await;
    let part = |group: usize, members: Vec<Value>| json!({"id": group_id(group), "members@delta": members});
    let pages = vec![
        vec![part(0, vec![member("user", &user_id(5)), left("user", &user_id(0))]), part(2, vec![])],
        vec![part(2, vec![member("user", &user_id(6))]), part(0, vec![member("group", &group_id(2))])],
        vec![part(0, vec![left("user", &user_id(5)), member("user", &user_id(0)), left("device", &group_id(90))])],
        vec![part(0, vec![left("user", &user_id(3))]), removed(&group_id(1), "changed")],
    ];
    let (entries, _) = told(&graph, graph.settings(), "groups", pages).await.unwrap().unwrap();
    assert_eq!(groups(&entries).into_keys().collect::<Vec<_>>(), [group_id(0), group_id(2)]);
    let eng = groups(&entries)[&*group_id(0)];
    let nested = |number: usize| Member::Group(DirectoryId::new(&group_id(number)).unwrap());
    // 5 came and went, 0 went and came; 1 is as before; 3 went, though the replica still names them.
    assert_eq!(eng.members, [user_member(0), user_member(1), nested(1), nested(2)]);
    assert_eq!(eng.unresolved_members, 0, "the device went");
    assert_eq!(groups(&entries)[&*group_id(2)].members, [user_member(6)], "the replica does not name them yet");
}

#[tokio::test]
async fn a_user_who_is_deleted_needs_no_word_from_his_groups() {
    let graph = Graph::start().await;
    let (entries, _) =
        told(&graph, graph.settings(), "users", vec![vec![removed(&user_id(9), "changed")]]).await.unwrap().unwrap();
    assert_eq!(entries.len(), 1);
}

#[tokio::test]
async fn only_groups_that_are_read_are_told() {
    let graph = Graph::start().await;
    let rows: Vec<Value> = (0..4).map(|number| json!({"id": group_id(number), "displayName": "x"})).collect();
    for (settings, expected) in [
        (GroupSettings { all: true, ..GroupSettings::default() }, vec![0, 1, 2]),
        (GroupSettings { named: vec![group_id(3)], ..GroupSettings::default() }, vec![3]),
        (GroupSettings { prefix: Some("X".to_owned()), ..GroupSettings::default() }, vec![0, 1, 2]),
        (GroupSettings { prefix: Some("eng".to_owned()), ..GroupSettings::default() }, vec![]),
    ] {
        let settings = with_groups(graph.settings(), settings);
        let (entries, _) = told(&graph, settings, "groups", vec![rows.clone()]).await.unwrap().unwrap();
        let expected: Vec<String> = expected.into_iter().map(group_id).collect();
        assert_eq!(groups(&entries).into_keys().collect::<Vec<_>>(), expected);
    }
    let flat = GroupSettings { all: true, transitive: true, ..GroupSettings::default() };
    let connector = quick(with_groups(graph.settings(), flat));
    assert!(!connector.capabilities().incremental, "members of nested groups change without a word");
    assert!(connector.cursor().await.unwrap().is_none());
}

#[tokio::test]
async fn a_group_that_hides_its_members_is_held_whatever_the_stream_tells_of_some_of_them() {
    // With a token that says that it may not see them, and with one that does not say.
    for roles in [Some(vec!["Directory.Read.All"]), None] {
        let graph = Graph::start().await;
        graph.change(|state| {
            state.groups[0]["visibility"] = "HiddenMembership".into();
            state.members.insert(group_id(0), vec![]);
            state.roles = roles;
        });
        let pages = vec![vec![json!({"id": group_id(0), "members@delta": [member("user", &user_id(5))]})]];
        let (entries, _) = told(&graph, graph.settings(), "groups", pages).await.unwrap().unwrap();
        let held = matches!(&*entries, [Entry::Unreadable(record)] if record.id.as_str() == group_id(0));
        assert!(held, "one member is not all of them: {entries:?}");
    }
}

#[tokio::test]
async fn a_lost_place_asks_for_a_full_read() {
    for (status, code, header) in [
        (410, "syncStateNotFound", Some("/v1.0/users/delta?$deltatoken=")),
        (410, "", Some("https://evil.example/v1.0/users/delta?$deltatoken=")),
        (410, "resyncRequired", None),
        (400, "syncStateNotFound", None),
        (404, "SyncStateNotFound", None),
        (400, "resyncRequired", None),
    ] {
        for stream in ["/v1.0/users/delta", "/v1.0/groups/delta"] {
            // At once, and in the middle of a round.
            for page in [0, 1] {
                let graph = Graph::start().await;
                let connector = quick(graph.settings());
                let cursor = connector.cursor().await.unwrap().unwrap();
                graph.change(|state| {
                    state.rounds = [("users", vec![vec![]; 2]), ("groups", vec![vec![]; 2])].into();
                });
                graph.break_by(move |ask| {
                    let error = Answer::error(status, code, "Gone.");
                    let error = header.into_iter().fold(error, |error, place| error.with("location", place));
                    let in_middle = ask.query.contains_key("$skiptoken");
                    (ask.path == stream && in_middle == (page == 1)).then_some(error)
                });
                let before = graph.requests().await.len();
                assert!(changes_since(&connector, &cursor).await.unwrap().is_none(), "{status} {code} {page}");
                assert!(graph.requests().await.len() <= before + 5, "the place that the answer names is not asked");
            }
        }
    }
}

#[tokio::test]
async fn any_other_failure_is_an_error_and_keeps_the_place() {
    for (answer, words) in [
        (Answer::error(403, "Authorization_RequestDenied", "No."), "Authorization_RequestDenied"),
        (Answer::error(500, "InternalServerError", "Oops."), "InternalServerError"),
        (Answer::ok(json!({"value": []})), "neither followed by another nor the last of a round"),
        (
            Answer::ok(json!({"value": [{"displayName": "x"}], "@odata.deltaLink": "/v1.0/users/delta?x"})),
            "without an id",
        ),
        (Answer::ok(json!({"value": [], "@odata.nextLink": "https://evil.example/v1.0/users"})), "it was not followed"),
        (
            Answer::ok(json!({"value": [], "@odata.deltaLink": "https://evil.example/v1.0/users/delta"})),
            "its delta link",
        ),
    ] {
        let graph = Graph::start().await;
        let connector = quick(graph.settings());
        let cursor = connector.cursor().await.unwrap().unwrap();
        graph.break_by(move |ask| (ask.path == "/v1.0/users/delta").then(|| answer.clone()));
        let error = changes_since(&connector, &cursor).await.unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
}

#[tokio::test]
async fn a_place_that_was_tampered_with_or_belongs_to_other_settings_is_no_good() {
    let graph = Graph::start().await;
    let connector = quick(graph.settings());
    let good = connector.cursor().await.unwrap().unwrap();
    let with = |name: &str, value: Value| {
        let mut place: Value = serde_json::from_str(good.as_str()).unwrap();
        place[name] = value;
        Cursor::new(place.to_string())
    };
    let uri = graph.server.uri();
    let before = graph.asked().len();
    for bad in [
        Cursor::new("x".to_owned()),
        Cursor::new("{}".to_owned()),
        with("users", "https://evil.example/v1.0/users/delta?$deltatoken=place-0".into()),
        with("users", format!("{uri}/beta/users/delta?$deltatoken=place-0").into()),
        with("users", format!("{uri}/v1.0/me/messages?$deltatoken=place-0").into()),
        with("settings", "other".into()),
        with("since", "2026-01-01T00:00:00Z".into()),
        with("since", "2126-01-01T00:00:00Z".into()),
        with("groups", Value::Null),
        with("assigned", "x".into()),
    ] {
        assert!(changes_since(&connector, &bad).await.unwrap().is_none(), "{bad:?}");
    }
    let asked = graph.asked();
    assert!(asked[before..].iter().all(|asked| asked.contains("/users/delta?$deltatoken=place-0")), "{asked:?}");
    // A changed mapping reads other properties.
    let more = EntraSettings { extra_properties: vec!["city".to_owned()], ..graph.settings() };
    for other in [more, alone(graph.settings()), EntraSettings { manager: true, ..graph.settings() }] {
        assert!(changes_since(&quick(other), &good).await.unwrap().is_none());
    }
    assert!(changes_since(&connector, &good).await.unwrap().is_some());
}

#[tokio::test]
async fn who_joins_or_leaves_an_assigned_group_is_told_with_his_assignment() {
    let graph = Graph::start().await;
    let settings = EntraSettings { assigned_to: Some(APP.to_owned()), ..graph.settings() };
    let connector = quick(settings);
    let cursor = connector.cursor().await.unwrap().unwrap();
    graph.change(|state| {
        state.members.get_mut(&group_id(0)).unwrap().retain(|(_, id)| *id != user_id(1));
        state.members.get_mut(&group_id(0)).unwrap().push(("user", user_id(6)));
        let members = vec![left("user", &user_id(1)), member("user", &user_id(6))];
        let elsewhere = json!({"id": group_id(2), "members@delta": [member("user", &user_id(2))]});
        let here = json!({"id": group_id(0), "members@delta": members});
        state.rounds = [("groups", vec![vec![here, elsewhere]])].into();
    });
    let (entries, _) = changes_since(&connector, &cursor).await.unwrap().unwrap();
    let assigned: Vec<(&str, Option<bool>)> =
        users(&entries).values().map(|user| (user.id.as_str(), user.assigned)).collect();
    assert_eq!(assigned, [(&*user_id(1), Some(false)), (&*user_id(6), Some(true))]);
    // Of direct assignments there is no stream: they are compared, and a change asks for a full read.
    graph.change(|state| state.assigned.push(assignment("User", &user_id(2), EDITOR)));
    assert!(changes_since(&connector, &cursor).await.unwrap().is_none());
}

#[tokio::test]
async fn who_joins_a_group_of_the_reach_is_told_and_nested_groups_need_a_full_read() {
    let graph = Graph::start().await;
    let direct = EntraSettings { members_of: vec![group_id(0)], ..graph.settings() };
    graph.change(|state| state.members.get_mut(&group_id(0)).unwrap().push(("user", user_id(6))));
    let came = |kind: &str, id: &str| vec![vec![json!({"id": group_id(0), "members@delta": [member(kind, id)]})]];
    let pages = came("user", &user_id(6));
    let (entries, _) = told(&graph, direct.clone(), "groups", pages.clone()).await.unwrap().unwrap();
    assert_eq!(users(&entries).into_keys().collect::<Vec<_>>(), [user_id(6)]);
    let nested = EntraSettings { transitive: true, ..direct.clone() };
    let (entries, _) = told(&graph, nested.clone(), "groups", pages).await.unwrap().unwrap();
    assert_eq!(users(&entries).into_keys().collect::<Vec<_>>(), [user_id(6)]);
    assert!(told(&graph, nested, "groups", came("group", &group_id(2))).await.unwrap().is_none());
    assert!(told(&graph, direct, "groups", came("group", &group_id(2))).await.unwrap().is_some());
}

#[tokio::test]
async fn the_calls_of_a_quick_run_depend_on_what_changed_and_not_on_how_many_there_are() {
    let mut calls = Vec::new();
    for population in [1_000, 100_000] {
        let graph = Graph::start().await;
        graph.change(|state| {
            state.population = population;
            state.users.clear();
        });
        let changed: Vec<usize> = (0..1_500).map(|number| number * population / 2_000 + 100).collect();
        let changed: std::collections::BTreeSet<usize> =
            changed.into_iter().filter(|number| *number < population).collect();
        let changed: Vec<usize> = changed.into_iter().take(500).collect();
        let rows: Vec<Value> =
            changed.iter().map(|number| json!({"id": user_id(*number), "displayName": "Changed"})).collect();
        let pages: Vec<Vec<Value>> = rows.chunks(200).map(<[Value]>::to_vec).collect();
        let settings = alone(graph.settings());
        let connector = quick(settings);
        let cursor = connector.cursor().await.unwrap().unwrap();
        graph.change(|state| drop(state.rounds.insert("users", pages)));
        let before = graph.requests().await.len();
        let (entries, _) = changes_since(&connector, &cursor).await.unwrap().unwrap();
        calls.push(graph.requests().await.len() - before);
        let expected: Vec<String> = changed.into_iter().map(user_id).collect();
        assert_eq!(users(&entries).into_keys().collect::<Vec<_>>(), expected);
        assert!(users(&entries).values().all(|user| user.text("name") == Some("Changed")));
    }
    // A token, three pages of the stream, and one question for five hundred people.
    assert_eq!(calls, [5, 5]);
}
