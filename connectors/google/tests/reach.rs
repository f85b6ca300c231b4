//! Who is within reach, and what happens when that itself is not there any more.

use std::collections::BTreeSet;

use rollcall_google::GoogleSettings;
use rollcall_kit::{Connector, DirectoryId, Entry, LookUp, ReadError, Status};

use crate::support::{Settings as _, certified, failure, quick, users};
use rollcall_test_servers::workspace::{Workspace, forbidden, group_id, member, user, user_id};

/// Who was read and is not deleted, by number.
fn live(entries: &[Entry]) -> BTreeSet<usize> {
    let live = users(entries).into_values().filter(|user| !user.raw_status.starts_with("deletionTime"));
    live.map(|user| user.id.as_str()[1..].parse().unwrap()).collect()
}

fn units(workspace: &Workspace, units: &[&str]) -> GoogleSettings {
    let org_units = units.iter().map(|unit| (*unit).to_owned()).collect();
    GoogleSettings { org_units, ..workspace.alone() }
}

fn members(workspace: &Workspace, groups: &[&str], transitive: bool) -> GoogleSettings {
    let members_of = groups.iter().map(|group| (*group).to_owned()).collect();
    GoogleSettings { members_of, transitive, ..workspace.alone() }
}

#[tokio::test]
async fn the_whole_customer_is_asked_for_unless_one_domain_is_meant() {
    let workspace = Workspace::start().await;
    assert_eq!(live(&certified(workspace.alone()).await.0), [0, 1, 2, 3, 4, 5].into());
    let domain = GoogleSettings { domain: Some("Second.test".to_owned()), ..workspace.alone() };
    assert_eq!(live(&certified(domain.clone()).await.0), [3].into());
    let answer = quick(domain).look_up(&DirectoryId::new(&user_id(1)).unwrap()).await.unwrap();
    let LookUp::OutOfReach(_, why) = answer else { panic!("{answer:?}") };
    assert_eq!(why, "no address in second.test (domain)");
}

#[tokio::test]
async fn units_are_read_with_what_is_below_them_by_path_or_id() {
    let workspace = Workspace::start().await;
    workspace.change(|state| state.users.push(user(8, "ann@example.test", "/Engineering2")));
    for wanted in ["/Engineering", "id:03ph8a2z1eng"] {
        assert_eq!(live(&certified(units(&workspace, &[wanted])).await.0), [1, 2, 5].into(), "{wanted}");
    }
    assert_eq!(live(&certified(units(&workspace, &["/Engineering", "/Sales"])).await.0), [1, 2, 3, 4, 5].into());
    let connector = quick(units(&workspace, &["/Engineering"]));
    let answer = connector.look_up(&DirectoryId::new(&user_id(8)).unwrap()).await.unwrap();
    assert!(matches!(answer, LookUp::OutOfReach(..)), "{answer:?}");
}

#[tokio::test]
async fn a_query_that_is_not_heeded_lets_nobody_else_in() {
    let workspace = Workspace::start().await;
    let everybody = serde_json::json!({
        "kind": "admin#directory#users", "users": workspace.state.lock().unwrap().users.clone(),
    });
    workspace.break_by(move |request, _| {
        let by_unit =
            request.url.path().ends_with("/users") && request.url.query().unwrap_or_default().contains("query=");
        by_unit.then(|| wiremock::ResponseTemplate::new(200).set_body_json(&everybody))
    });
    assert_eq!(live(&certified(units(&workspace, &["/Sales"])).await.0), [3, 4].into());
}

#[tokio::test]
async fn a_unit_or_group_that_is_not_there_is_no_empty_one() {
    let workspace = Workspace::start().await;
    for (settings, word) in [
        (units(&workspace, &["/Gone"]), "org_units"),
        (members(&workspace, &["gone@example.test"], false), "members_of"),
    ] {
        let error = failure(settings).await;
        assert!(matches!(error, ReadError::Settings(_)), "{error}");
        assert!(
            error.to_string().starts_with(word) && error.to_string().contains("whom to read is unknown"),
            "{error}"
        );
    }
    for settings in [units(&workspace, &["/New"]), members(&workspace, &["empty@example.test"], false)] {
        let error = failure(settings).await;
        assert!(matches!(error, ReadError::Incomplete { .. }), "{error}");
    }
}

#[tokio::test]
async fn members_of_groups_are_read_directly_or_through_groups_within() {
    let workspace = Workspace::start().await;
    assert_eq!(live(&certified(members(&workspace, &["eng-all@example.test"], false)).await.0), [5].into());
    let settings = members(&workspace, &[&group_id(1)], true);
    assert_eq!(live(&certified(settings.clone()).await.0), [1, 2, 4, 5].into());
    let connector = quick(settings);
    let look_up = async |number| connector.look_up(&DirectoryId::new(&user_id(number)).unwrap()).await.unwrap();
    assert!(matches!(look_up(2).await, LookUp::Found(_)), "a member of a group within");
    let LookUp::OutOfReach(user, why) = look_up(3).await else { panic!("she is in no such group") };
    assert_eq!(
        (&user.status, why.as_str()),
        (&Status::Active, "a member of none of these groups: eng-all@example.test (members_of)")
    );
}

#[tokio::test]
async fn a_group_that_holds_everybody_puts_everybody_within_reach() {
    let workspace = Workspace::start().await;
    let settings = members(&workspace, &["everyone@example.test"], false);
    assert_eq!(live(&certified(settings.clone()).await.0), [0, 1, 2, 3, 4, 5].into());
    let answer = quick(settings).look_up(&DirectoryId::new(&user_id(3)).unwrap()).await.unwrap();
    assert!(matches!(answer, LookUp::Found(_)), "{answer:?}");
}

#[tokio::test]
async fn many_members_are_picked_out_of_a_list_and_those_it_skips_are_asked_for_by_id() {
    let workspace = Workspace::start().await;
    workspace.change(|state| {
        state.page = 500;
        for number in 100..700 {
            state.users.push(user(number, &format!("u{number}@example.test"), "/"));
            state.members.get_mut(&group_id(2)).unwrap().push(member("USER", &user_id(number)));
        }
    });
    let skipped = user_id(333);
    let hidden = skipped.clone();
    // The list does not show them, though they are there.
    let all = workspace.state.lock().unwrap().users.clone();
    workspace.break_by(move |request, _| {
        let live =
            request.url.path().ends_with("/users") && !request.url.query().unwrap_or_default().contains("showDeleted");
        let shown: Vec<_> = all.iter().filter(|user| user["id"] != *hidden).cloned().collect();
        let body = serde_json::json!({"kind": "admin#directory#users", "users": shown});
        live.then(|| wiremock::ResponseTemplate::new(200).set_body_json(body))
    });
    let (entries, certificate) = certified(members(&workspace, &["empty@example.test"], false)).await;
    assert_eq!(live(&entries).len(), 600);
    assert!(users(&entries).contains_key(&*skipped));
    assert_eq!(certificate.exceptions(), [""; 0]);
    assert!(workspace.asked().await.len() < 20, "not one request for each of them");
}

#[tokio::test]
async fn members_from_outside_are_left_out_and_counted_unless_nobody_can_be_read() {
    let workspace = Workspace::start().await;
    workspace.change(|state| {
        let of = state.members.get_mut(&group_id(0)).unwrap();
        of.extend([member("USER", "777"), member("USER", "888"), member("EXTERNAL", "999")]);
        state.foreign.push("777".to_owned());
    });
    let (entries, certificate) = certified(members(&workspace, &["eng-platform@example.test"], false)).await;
    assert_eq!(live(&entries), [1, 2, 4].into());
    assert!(certificate.exceptions()[0].starts_with("members_of: 2 members are no users of this customer"));
    // To whom may read nobody, Google gives the same answer for each.
    workspace.break_by(|request, _| {
        let one = request.url.path().starts_with("/admin/directory/v1/users/1");
        one.then(forbidden)
    });
    let error = failure(members(&workspace, &["eng-platform@example.test"], false)).await;
    assert!(matches!(error, ReadError::Denied { .. }), "{error}");
}
