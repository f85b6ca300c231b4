//! Who is within reach: an application's users and groups' members.

use rollcall_kit::{Address, Connector, DirectoryId, InactiveReason, LookUp, ReadError, Status, Value};
use rollcall_okta::OktaSettings;

use crate::support::{APP, Okta, app_user, certified, failure, group_id, quick, read, user_id, users};

fn assigned(okta: &Okta) -> OktaSettings {
    OktaSettings { assigned_to: Some(APP.to_owned()), ..okta.settings() }
}

fn id(number: usize) -> DirectoryId {
    DirectoryId::new(&user_id(number)).unwrap()
}

#[tokio::test]
async fn who_is_assigned_is_read_with_the_applications_profile_and_who_was_deactivated_beside_them() {
    let okta = Okta::start().await;
    let entries = certified(assigned(&okta)).await;
    let people = users(&entries);
    let read: Vec<(&str, Option<bool>)> = people.values().map(|user| (user.id.as_str(), user.assigned)).collect();
    let expected = [(0, true), (1, true), (6, true), (7, false)];
    assert_eq!(
        read,
        expected
            .map(|(number, assigned)| (id(number), assigned))
            .each_ref()
            .map(|(id, assigned)| (id.as_str(), Some(*assigned)))
    );
    let Value::Map(app) = &people[&*user_id(1)].raw["app"] else { panic!() };
    assert_eq!((&app["scope"], &app["userName"]), (&"GROUP".into(), &"app1".into()));
    assert_eq!(app["profile"].to_json()["role"], "editor");
    // Suspension leaves assignments; the application's status of somebody says nothing about them.
    assert_eq!(people[&*user_id(6)].status, Status::Inactive(InactiveReason::Suspended));
    assert_eq!(people[&*user_id(7)].status, Status::Inactive(InactiveReason::Disabled));
    assert!(okta.asked().await.contains(&format!("/api/v1/apps/{APP}/users?limit=500&expand=user")));
}

#[tokio::test]
async fn users_that_are_not_embedded_are_fetched_by_id() {
    let okta = Okta::start().await;
    let embedded = certified(assigned(&okta)).await;
    okta.change(|state| state.expands = false);
    assert_eq!(certified(assigned(&okta)).await, embedded);
    // Assigned, and not there: deleted meanwhile, or hidden from us.
    okta.change(|state| state.app_users.push(app_user(99, "USER")));
    let error = failure(assigned(&okta)).await;
    assert!(error.contains("is assigned to the application and is not found by their id"), "{error}");
}

#[tokio::test]
async fn somebody_who_is_not_assigned_any_more_is_out_of_reach_and_not_gone() {
    let okta = Okta::start().await;
    let connector = quick(assigned(&okta));
    match connector.look_up(&id(3)).await.unwrap() {
        LookUp::OutOfReach(user, why) => {
            assert_eq!(user.assigned, Some(false));
            assert_eq!(why, format!("not assigned to the application {APP} (assigned_to)"));
        }
        other => panic!("{other:?}"),
    }
    assert!(matches!(connector.look_up(&id(1)).await.unwrap(), LookUp::Found(user) if user.assigned == Some(true)));
    assert!(matches!(connector.look_up(&id(7)).await.unwrap(), LookUp::Found(user) if user.assigned == Some(false)));
    assert!(connector.look_up_address(&Address::parse("user3@example.test").unwrap()).await.unwrap().is_empty());
}

#[tokio::test]
async fn somebody_whom_a_group_should_assign_is_not_said_to_be_unassigned() {
    let okta = Okta::start().await;
    let error = quick(assigned(&okta)).look_up(&id(2)).await.unwrap_err();
    assert!(
        error.to_string().contains(&format!("is in the group {}, which is assigned to it", group_id(0))),
        "{error}"
    );
    okta.change(|state| state.app_groups.clear());
    assert!(matches!(quick(assigned(&okta)).look_up(&id(2)).await.unwrap(), LookUp::OutOfReach(..)));
}

#[tokio::test]
async fn an_application_that_is_gone_leaves_nobody_out_of_reach() {
    let okta = Okta::start().await;
    let connector = quick(assigned(&okta));
    connector.look_up(&id(1)).await.unwrap();
    okta.change(|state| state.app = None);
    let error = connector.look_up(&id(2)).await.unwrap_err();
    assert!(error.to_string().contains("there is no application"), "{error}");
    let error = read(&connector).await.1.unwrap_err();
    assert!(matches!(error, ReadError::Settings(_)), "{error}");
    assert!(error.to_string().starts_with("assigned_to: there is no application"), "{error}");
}

#[tokio::test]
async fn an_application_with_nobody_in_it_is_not_believed() {
    let okta = Okta::start().await;
    okta.change(|state| state.app_users.clear());
    let error = failure(assigned(&okta)).await;
    assert!(error.contains("nobody is assigned to the application"), "{error}");
}

#[tokio::test]
async fn members_of_groups_are_read_by_id_and_by_name_and_each_group_once() {
    let okta = Okta::start().await;
    let members_of = vec![group_id(0), "sales".to_owned(), group_id(0)];
    let settings = OktaSettings { members_of, ..okta.settings() };
    let entries = certified(settings.clone()).await;
    let read: Vec<&str> = users(&entries).into_keys().collect();
    assert_eq!(read, [user_id(0), user_id(2), user_id(7)]);
    let path = format!("/api/v1/groups/{}/users", group_id(0));
    let pages = okta.asked().await.into_iter().filter(|asked| asked.starts_with(&path)).count();
    assert_eq!(pages, 2, "two pages, once, though the group is read as a group as well");
    let group = crate::support::groups(&entries)[&*group_id(1)];
    assert_eq!((group.members.len(), group.unresolved_members), (0, 1), "a member who is not within reach");
    let connector = quick(settings);
    match connector.look_up(&id(3)).await.unwrap() {
        LookUp::OutOfReach(_, why) => {
            assert_eq!(why, "a member of none of these groups: eng-platform, sales (members_of)");
        }
        other => panic!("{other:?}"),
    }
    assert!(matches!(connector.look_up(&id(2)).await.unwrap(), LookUp::Found(_)));
}

#[tokio::test]
async fn a_group_whose_members_should_be_read_must_be_there_and_be_one() {
    let okta = Okta::start().await;
    for (wanted, words) in [
        ("no such group", "there is no group \"no such group\""),
        ("00g00000000000000099", "there is no group"),
        ("eng-platform", "2 groups are called \"eng-platform\"; name the one that is meant by its id"),
    ] {
        let error = failure(OktaSettings { members_of: vec![wanted.to_owned()], ..okta.settings() }).await;
        assert!(error.contains(words), "{error}");
    }
    // A search that is not understood finds everything: what it found is compared.
    okta.break_by(|request, _| {
        let all = serde_json::json!([{"id": group_id(5), "profile": {"name": "other"}, "type": "OKTA_GROUP"}]);
        let search = request.url.query().unwrap_or_default().contains("search=");
        search.then(|| wiremock::ResponseTemplate::new(200).set_body_json(all))
    });
    assert!(
        failure(OktaSettings { members_of: vec!["sales".to_owned()], ..okta.settings() }).await.contains("no group")
    );
}

#[tokio::test]
async fn groups_without_a_member_are_not_believed() {
    let okta = Okta::start().await;
    let error = failure(OktaSettings { members_of: vec!["sales".to_owned()], ..okta.settings() }).await;
    assert!(error.contains("the groups of members_of (sales) have no member"), "{error}");
}
