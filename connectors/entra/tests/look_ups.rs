//! Looking up by id and by address.

use rollcall_entra::{EntraSettings, Guests};
use rollcall_kit::{Address, Connector, DirectoryId, InactiveReason, LookUp, ReadError, Status};
use serde_json::json;

use crate::support::{APP, Answer, Graph, alone, group_id, quick, user_id};

fn id(number: usize) -> DirectoryId {
    DirectoryId::new(&user_id(number)).unwrap()
}

#[tokio::test]
async fn whoever_is_deleted_is_found_among_the_deleted_and_nowhere_else_is_gone() {
    let graph = Graph::start().await;
    let connector = quick(alone(graph.settings()));
    match connector.look_up(&id(9)).await.unwrap() {
        LookUp::Found(user) => assert_eq!(user.status, Status::Inactive(InactiveReason::Deleted)),
        other => panic!("{other:?}"),
    }
    assert_eq!(connector.look_up(&id(77)).await.unwrap(), LookUp::Gone);
    let path = format!("/v1.0/directory/deletedItems/{}/microsoft.graph.user", user_id(77));
    assert!(graph.asked().iter().any(|asked| asked.starts_with(&path)));
}

#[tokio::test]
async fn an_answer_that_settles_nothing_is_an_error_and_never_gone() {
    for (status, code) in [(403, "Authorization_RequestDenied"), (404, ""), (400, "Request_BadRequest"), (500, "x")] {
        for place in ["/v1.0/users/", "/v1.0/directory/"] {
            let graph = Graph::start().await;
            let connector = quick(alone(graph.settings()));
            graph.break_by(move |ask| ask.path.starts_with(place).then(|| Answer::error(status, code, "No.")));
            assert!(connector.look_up(&id(77)).await.is_err(), "{status} at {place}");
        }
    }
}

#[tokio::test]
async fn gone_is_said_only_by_who_can_find_somebody() {
    let graph = Graph::start().await;
    graph.change(|state| state.users.clear());
    let error = quick(alone(graph.settings())).look_up(&id(77)).await.unwrap_err();
    assert!(error.to_string().contains("is shown no users at all"), "{error}");
    let graph = Graph::start().await;
    graph.break_by(|ask| ask.path.starts_with("/v1.0/users/").then(|| crate::support::not_found("u")));
    let error = quick(alone(graph.settings())).look_up(&id(77)).await.unwrap_err();
    assert!(error.to_string().contains("just listed among the users, is not found by its id"), "{error}");
    // What was shown once need not be shown again.
    let graph = Graph::start().await;
    let connector = quick(alone(graph.settings()));
    for number in [71, 72, 73] {
        assert_eq!(connector.look_up(&id(number)).await.unwrap(), LookUp::Gone);
    }
    assert_eq!(graph.count("/v1.0/users").await, 1);
    assert_eq!(graph.count(&format!("/{}/oauth2/v2.0/token", crate::support::TENANT)).await, 1);
}

#[tokio::test]
async fn a_name_is_no_id_though_graph_takes_it_for_one() {
    let graph = Graph::start().await;
    let name = DirectoryId::new("user1@example.test").unwrap();
    let error = quick(alone(graph.settings())).look_up(&name).await.unwrap_err();
    assert!(error.to_string().contains("is no user's id, but leads to one"), "{error}");
}

#[tokio::test]
async fn a_hollow_answer_is_no_disabled_account() {
    let graph = Graph::start().await;
    let connector = quick(alone(graph.settings()));
    graph.break_by(|ask| {
        let hollow = json!({"id": user_id(1), "accountEnabled": null, "userPrincipalName": null, "userType": null});
        (ask.path == format!("/v1.0/users/{}", user_id(1))).then(|| Answer::ok(hollow))
    });
    assert!(matches!(connector.look_up(&id(1)).await.unwrap_err(), ReadError::Denied { .. }));
}

#[tokio::test]
async fn somebody_outside_of_the_reach_is_not_gone() {
    let graph = Graph::start().await;
    let cases = [
        (
            EntraSettings { assigned_to: Some(APP.to_owned()), ..graph.settings() },
            (1, 2),
            "not assigned to the enterprise application \"Target\" (assigned_to)",
        ),
        (
            EntraSettings { members_of: vec![group_id(0)], ..graph.settings() },
            (1, 2),
            "a member of none of these groups: eng-platform (members_of)",
        ),
        (
            EntraSettings { members_of: vec![group_id(0)], transitive: true, ..graph.settings() },
            (6, 4),
            "a member of none of these groups: eng-platform (members_of)",
        ),
        (EntraSettings { guests: Guests::Exclude, ..graph.settings() }, (1, 4), "a guest (guests)"),
        (EntraSettings { guests: Guests::Only, ..graph.settings() }, (4, 1), "no guest (guests)"),
    ];
    for (settings, (within, outside), words) in cases {
        let connector = quick(settings);
        assert!(matches!(connector.look_up(&id(within)).await.unwrap(), LookUp::Found(_)), "{words}");
        match connector.look_up(&id(outside)).await.unwrap() {
            LookUp::OutOfReach(user, why) => assert_eq!((user.id, &*why), (id(outside), words)),
            other => panic!("{other:?}"),
        }
        let address = Address::parse(&format!("user{outside}@example.test")).unwrap();
        assert!(connector.look_up_address(&address).await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn an_address_is_found_wherever_it_is_the_one_address() {
    let graph = Graph::start().await;
    graph.change(|state| {
        state.users[1]["mail"] = json!(null);
        state.users[1]["otherMails"] = json!(["First@home.test"]);
        state.users[2]["mail"] = json!(null);
        // Two with one address are both told.
        state.users[6]["mail"] = "USER0@example.test".into();
    });
    let connector = quick(alone(graph.settings()));
    for (address, expected) in [
        ("first@HOME.test", vec![1]),
        ("user2@example.test", vec![2]),
        ("user0@example.test", vec![0, 6]),
        // A name that is not the address.
        ("user1@example.test", vec![]),
        ("o'brien@example.test", vec![]),
    ] {
        let found = connector.look_up_address(&Address::parse(address).unwrap()).await.unwrap();
        let found: Vec<String> = found.iter().map(|user| user.id.to_string()).collect();
        assert_eq!(found, expected.into_iter().map(user_id).collect::<Vec<_>>(), "{address}");
    }
}

#[tokio::test]
async fn a_group_is_gone_only_by_the_word_of_who_can_find_groups() {
    let graph = Graph::start().await;
    let connector = quick(graph.settings());
    let group = |number| DirectoryId::new(&group_id(number)).unwrap();
    assert_eq!(connector.look_up_group(&group(0)).await.unwrap().as_deref(), Some("eng-platform"));
    assert_eq!(connector.look_up_group(&group(77)).await.unwrap(), None);
    let graph = Graph::start().await;
    graph.change(|state| state.groups.clear());
    let error = quick(graph.settings()).look_up_group(&group(0)).await.unwrap_err();
    assert!(error.to_string().contains("is shown no groups at all"), "{error}");
}

#[tokio::test]
async fn twenty_absences_are_confirmed_by_as_many_calls_as_one() {
    let graph = Graph::start().await;
    let connector = quick(EntraSettings { members_of: vec![group_id(0)], ..graph.settings() });
    assert_eq!(connector.look_up_batch(), 20);
    let mut ids: Vec<DirectoryId> = (70..88).map(id).collect();
    ids.insert(3, id(9));
    ids.insert(7, id(1));
    let answers = connector.look_up_many(&ids).await.unwrap();
    assert_eq!(answers.len(), 20);
    for (number, answer) in answers.iter().enumerate() {
        match (number, answer) {
            (3, LookUp::Found(user)) => assert_eq!(user.status, Status::Inactive(InactiveReason::Deleted)),
            (7, LookUp::Found(user)) => assert_eq!((&user.id, &user.status), (&id(1), &Status::Active)),
            (3 | 7, other) => panic!("{number}: {other:?}"),
            (_, answer) => assert_eq!(*answer, LookUp::Gone),
        }
    }
    // Those who are there, the groups of those, and the deleted.
    assert_eq!(graph.count("/v1.0/$batch").await, 3);
    // One part that settles nothing settles nothing at all.
    graph.break_by(|ask| {
        (ask.path.contains(&user_id(80))).then(|| Answer::error(403, "Authorization_RequestDenied", "No."))
    });
    assert!(matches!(connector.look_up_many(&ids).await.unwrap_err(), ReadError::Denied { .. }));
}
