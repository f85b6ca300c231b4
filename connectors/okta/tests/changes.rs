//! What is read between full reads, and what is not concluded from it.

use rollcall_kit::{Changes, Connector, Cursor, Entry, InactiveReason, ReadError, Status};
use rollcall_okta::{GroupSettings, OktaConnector, OktaSettings};
use serde_json::{Value, json};

use crate::support::{APP, Okta, app_user, gather, group_id, groups, quick, refusal, user, user_id, users};

/// Later than any moment at which a test runs.
const LATER: &str = "2999-01-01T00:00:00.000Z";

async fn changes(connector: &OktaConnector, since: &Cursor) -> (Vec<Entry>, Result<Option<Changes>, ReadError>) {
    gather(|entries| connector.read_changes(since, entries)).await
}

/// What changed since now, of which it was just said what that is.
async fn read(okta: &Okta, settings: OktaSettings, change: impl FnOnce(&Okta)) -> Vec<Entry> {
    let connector = quick(settings);
    let cursor = connector.cursor().await.unwrap().unwrap();
    change(okta);
    let (entries, outcome) = changes(&connector, &cursor).await;
    assert!(outcome.unwrap().is_some());
    entries
}

fn ids(entries: &[Entry]) -> Vec<String> {
    let id = |entry: &Entry| match entry {
        Entry::User(user) => user.id.to_string(),
        Entry::Group(group) => group.id.to_string(),
        Entry::Unreadable(record) => format!("unreadable {}", record.id),
    };
    entries.iter().map(id).collect()
}

fn event(kind: &str, number: usize, app: &str) -> Value {
    json!({"uuid": "e", "eventType": kind, "target": [
        {"id": "0ua1", "type": "AppUser"},
        {"id": app, "type": "AppInstance"},
        {"id": user_id(number), "type": "User", "alternateId": format!("user{number}")},
    ]})
}

#[tokio::test]
async fn who_changed_is_read_and_nobody_else_and_the_place_moves_on() {
    let okta = Okta::start().await;
    let connector = quick(okta.settings());
    assert!(connector.capabilities().incremental);
    let cursor = connector.cursor().await.unwrap().unwrap();
    let (entries, outcome) = changes(&connector, &cursor).await;
    assert!(entries.is_empty(), "{entries:?}");
    let changed = outcome.unwrap().unwrap();
    okta.change(|state| {
        state.users[2]["status"] = "SUSPENDED".into();
        state.users[2]["lastUpdated"] = LATER.into();
        state.users[7]["lastUpdated"] = LATER.into();
        state.groups[0]["lastMembershipUpdated"] = LATER.into();
    });
    let (entries, outcome) = changes(&connector, &changed.cursor).await;
    outcome.unwrap().unwrap();
    assert_eq!(ids(&entries), [user_id(2), user_id(7), group_id(0)]);
    assert_eq!(users(&entries)[&*user_id(2)].status, Status::Inactive(InactiveReason::Suspended));
    assert_eq!(users(&entries)[&*user_id(7)].status, Status::Inactive(InactiveReason::Disabled));
    let members: Vec<String> =
        groups(&entries)[&*group_id(0)].members.iter().map(|member| format!("{member:?}")).collect();
    assert_eq!(members.len(), 3, "all of its members, and not only who is new: {members:?}");
}

#[tokio::test]
async fn a_read_goes_back_some_minutes_by_okta_s_own_clock() {
    let okta = Okta::start().await;
    okta.change(|state| {
        state.headers = vec![("date", "Sun, 09 Sep 2001 01:46:40 GMT".to_owned())];
        state.page = 200;
    });
    read(&okta, okta.settings(), |_| ()).await;
    let asked = okta.asked().await;
    let filters: Vec<&String> = asked.iter().filter(|asked| asked.contains("filter=")).collect();
    assert_eq!(
        filters,
        [
            "/api/v1/users?filter=lastUpdated gt \"2001-09-09T01:36:40.000Z\"&limit=200",
            "/api/v1/groups?filter=lastUpdated gt \"2001-09-09T01:36:40.000Z\" or lastMembershipUpdated gt \
             \"2001-09-09T01:36:40.000Z\"&limit=200",
        ]
    );
}

#[tokio::test]
async fn a_place_that_is_no_good_any_more_asks_for_a_full_read() {
    let okta = Okta::start().await;
    let connector = quick(okta.settings());
    let good = connector.cursor().await.unwrap().unwrap();
    let at = |moment: &str| {
        let mut place: Value = serde_json::from_str(good.as_str()).unwrap();
        place["since"] = moment.into();
        Cursor::new(place.to_string())
    };
    for (name, cursor) in [
        ("damaged", Cursor::new("{".to_owned())),
        ("from before the log begins", at("2020-01-01T00:00:00Z")),
        ("from the future", at(LATER)),
    ] {
        let (entries, outcome) = changes(&connector, &cursor).await;
        assert!(outcome.unwrap().is_none() && entries.is_empty(), "{name}");
    }
    let other = quick(OktaSettings { assigned_to: Some(APP.to_owned()), ..okta.settings() });
    assert!(changes(&other, &good).await.1.unwrap().is_none(), "other settings read other people");
    assert!(changes(&connector, &good).await.1.unwrap().is_some());
}

#[tokio::test]
async fn a_page_that_fails_is_no_end_of_the_changes() {
    let okta = Okta::start().await;
    let connector = quick(okta.settings());
    let cursor = connector.cursor().await.unwrap().unwrap();
    okta.change(|state| state.users.iter_mut().for_each(|user| user["lastUpdated"] = LATER.into()));
    okta.break_by(|request, _| {
        request.url.query().unwrap_or_default().contains("after=").then(|| refusal(500, "E0000009", "Internal"))
    });
    let error = changes(&connector, &cursor).await.1.unwrap_err();
    assert!(matches!(error, ReadError::Incomplete { .. }), "{error}");
}

#[tokio::test]
async fn somebody_who_changed_is_judged_by_his_assignment() {
    let okta = Okta::start().await;
    let settings = OktaSettings { assigned_to: Some(APP.to_owned()), groups: None, ..okta.settings() };
    let entries = read(&okta, settings, |okta| {
        okta.change(|state| {
            for number in [1, 2, 3] {
                state.users[number]["lastUpdated"] = LATER.into();
            }
        });
    })
    .await;
    // A group should assign the second, and does not: they are held as they are.
    assert!(ids(&entries).contains(&format!("unreadable {}", user_id(2))));
    let assigned: Vec<(String, Option<bool>)> =
        users(&entries).values().map(|user| (user.id.to_string(), user.assigned)).collect();
    assert_eq!(assigned, [(user_id(1), Some(true)), (user_id(3), Some(false))]);
}

#[tokio::test]
async fn a_record_that_cannot_be_understood_stops_only_itself() {
    let okta = Okta::start().await;
    let entries = read(&okta, okta.settings(), |okta| {
        okta.change(|state| {
            state.users[1] = json!({"id": user_id(1), "status": "ACTIVE", "lastUpdated": LATER});
            state.users[2]["lastUpdated"] = LATER.into();
        });
    })
    .await;
    assert_eq!(ids(&entries), [format!("unreadable {}", user_id(1)), user_id(2)]);
}

#[tokio::test]
async fn the_log_tells_who_was_deleted_assigned_or_taken_off() {
    let okta = Okta::start().await;
    let settings =
        OktaSettings { assigned_to: Some(APP.to_owned()), system_log: true, groups: None, ..okta.settings() };
    assert!(settings.wanted_scopes().contains(&"okta.logs.read".to_owned()));
    let entries = read(&okta, settings, |okta| {
        okta.change(|state| {
            state.users.retain(|user| user["id"] != user_id(8));
            state.app_users.push(app_user(3, "GROUP"));
            state.app_users.retain(|assigned| assigned["id"] != user_id(1));
            state.log = vec![
                event("user.lifecycle.delete.completed", 8, "0oaother"),
                event("application.user_membership.add", 3, APP),
                event("application.user_membership.remove", 1, APP),
                event("application.user_membership.add", 4, "0oaother"),
                // Deleted, the log says; but they are there.
                event("user.lifecycle.delete.completed", 6, APP),
                json!({"uuid": "e", "eventType": "application.user_membership.add", "target": null}),
            ];
        });
    })
    .await;
    let told: Vec<(String, Option<bool>)> =
        users(&entries).values().map(|user| (user.id.to_string(), user.assigned)).collect();
    let expected = [(1, Some(false)), (3, Some(true)), (6, Some(true)), (8, None)];
    assert_eq!(told, expected.map(|(number, assigned)| (user_id(number), assigned)));
    let gone = users(&entries)[&*user_id(8)];
    assert_eq!((&gone.status, &*gone.login), (&Status::Inactive(InactiveReason::Deleted), "user8"));
    let logs = okta.asked().await.into_iter().filter(|asked| asked.starts_with("/api/v1/logs")).count();
    assert_eq!(logs, 4, "six events in twos, and the page that holds nothing");
}

#[tokio::test]
async fn a_new_member_of_a_group_within_reach_is_read_as_a_user() {
    let okta = Okta::start().await;
    let settings = OktaSettings { members_of: vec![group_id(0)], ..okta.settings() };
    let entries = read(&okta, settings, |okta| {
        okta.change(|state| {
            state.users.push(user(20, "ACTIVE"));
            state.members.get_mut(&group_id(0)).unwrap().push(user_id(20));
            state.groups[0]["lastMembershipUpdated"] = LATER.into();
            // Somebody who is in none of them changed as well.
            state.users[3]["lastUpdated"] = LATER.into();
        });
    })
    .await;
    assert_eq!(ids(&entries), [user_id(2), user_id(0), user_id(7), user_id(20), group_id(0)]);
}

#[tokio::test]
async fn only_groups_that_the_settings_name_are_read_again() {
    let none = GroupSettings::default;
    let text = |text: &str| Some(text.to_owned());
    for (chosen, expected) in [
        (GroupSettings { all: true, ..none() }, vec![0, 1, 2]),
        (GroupSettings { prefix: text("SAL"), ..none() }, vec![2]),
        (GroupSettings { named: vec!["sales".to_owned(), group_id(1)], ..none() }, vec![1, 2]),
        (GroupSettings { named: vec!["Everyone".to_owned()], ..none() }, vec![3]),
        (GroupSettings { search: text("profile.name eq \"sales\""), ..none() }, vec![2]),
        (GroupSettings { assigned: true, ..none() }, vec![0]),
    ] {
        let okta = Okta::start().await;
        let words = format!("{chosen:?}");
        let settings = OktaSettings { groups: Some(chosen), assigned_to: Some(APP.to_owned()), ..okta.settings() };
        let entries = read(&okta, settings, |okta| {
            okta.change(|state| state.groups.iter_mut().for_each(|group| group["lastUpdated"] = LATER.into()));
        })
        .await;
        assert_eq!(ids(&entries), expected.into_iter().map(group_id).collect::<Vec<_>>(), "{words}");
    }
}
