//! Groups: which are read, their members of every type, groups within groups, and groups that go away meanwhile.

use rollcall_google::{Called, GoogleSettings, GroupSettings};
use rollcall_kit::{DirectoryGroup, Member, ReadError};
use serde_json::json;

use crate::support::{Settings as _, certified, failure, groups};
use rollcall_test_servers::workspace::{CUSTOMER, Workspace, forbidden, group, group_id, member, refusal, user_id};

fn only(workspace: &Workspace, groups: GroupSettings) -> GoogleSettings {
    GoogleSettings { groups: Some(groups), ..workspace.settings() }
}

/// The members, by number; groups as negative numbers less one.
fn numbers(group: &DirectoryGroup) -> Vec<i64> {
    let number = |member: &Member| match member {
        Member::User(id) => id.as_str()[1..].parse::<i64>().unwrap(),
        Member::Group(id) => -1 - id.as_str()["01ksv4uv".len()..].parse::<i64>().unwrap(),
    };
    group.members.iter().map(number).collect()
}

#[tokio::test]
async fn groups_are_called_by_their_address_unless_told_otherwise() {
    let workspace = Workspace::start().await;
    for (called, name) in [(Called::Address, "eng-platform@example.test"), (Called::Name, "Engineering Platform")] {
        let settings = only(&workspace, GroupSettings { all: true, called, ..GroupSettings::default() });
        assert_eq!(groups(&certified(settings).await.0)[&*group_id(0)].name, name);
    }
}

#[tokio::test]
async fn groups_are_read_by_id_by_address_and_by_the_beginning_of_it() {
    let workspace = Workspace::start().await;
    let named = vec![group_id(2), "eng-all@example.test".to_owned()];
    let (entries, _) = certified(only(&workspace, GroupSettings { named, ..GroupSettings::default() })).await;
    assert_eq!(groups(&entries).into_keys().collect::<Vec<_>>(), [group_id(1), group_id(2)]);
    let prefix = Some("ENG-".to_owned());
    let (entries, _) = certified(only(&workspace, GroupSettings { prefix, ..GroupSettings::default() })).await;
    assert_eq!(groups(&entries).into_keys().collect::<Vec<_>>(), [group_id(0), group_id(1)]);
}

#[tokio::test]
async fn a_group_that_is_gone_by_its_id_is_none_and_by_its_address_is_for_a_person_to_say() {
    let workspace = Workspace::start().await;
    let named = vec![group_id(77), group_id(0)];
    let (entries, certificate) = certified(only(&workspace, GroupSettings { named, ..GroupSettings::default() })).await;
    assert_eq!(groups(&entries).len(), 1);
    assert_eq!(certificate.exceptions(), [format!("groups.named: there is no group {} any more", group_id(77))]);
    let named = vec!["renamed@example.test".to_owned()];
    let error = failure(only(&workspace, GroupSettings { named, ..GroupSettings::default() })).await;
    assert!(matches!(error, ReadError::Settings(_)), "{error}");
}

#[tokio::test]
async fn members_of_every_type_are_read_for_what_they_are() {
    let workspace = Workspace::start().await;
    workspace.change(|state| {
        let without_address = json!({"id": user_id(2), "type": "USER", "role": "MEMBER"});
        let without_status = json!({"id": user_id(1), "type": "USER", "email": "maya@example.test"});
        let without_type = json!({"id": user_id(3), "role": "MEMBER"});
        state.members.insert(
            group_id(2),
            vec![
                without_address,
                without_status,
                without_type,
                member("USER", "777"),
                member("GROUP", "foreign"),
                json!({"type": "EXTERNAL", "email": "pat@partner.test", "role": "MEMBER"}),
                member("SERVICE_ACCOUNT", "s1"),
                member("ROBOT", "r1"),
                member("GROUP", &group_id(0)),
            ],
        );
    });
    let (entries, certificate) = certified(workspace.settings()).await;
    let group = groups(&entries)[&*group_id(2)];
    assert_eq!((numbers(group), group.unresolved_members), (vec![1, 2, 3, -1], 5));
    let expected = "the group empty@example.test holds members of the unknown type ROBOT; they were left out";
    assert_eq!(certificate.exceptions(), [expected]);
}

#[tokio::test]
async fn everybody_is_everybody_who_works_here_and_of_no_other_customer() {
    let workspace = Workspace::start().await;
    let (entries, _) = certified(workspace.settings()).await;
    let everyone = groups(&entries)[&*group_id(3)];
    assert_eq!((numbers(everyone), everyone.unresolved_members), (vec![0, 1, 2, 3, 4, 5], 0), "not who was deleted");
    workspace.change(|state| state.members.get_mut(&group_id(3)).unwrap()[0]["id"] = "C0other".into());
    let (entries, _) = certified(workspace.settings()).await;
    let everyone = groups(&entries)[&*group_id(3)];
    assert_eq!((numbers(everyone), everyone.unresolved_members), (vec![], 1));
    workspace
        .change(|state| drop(state.members.get_mut(&group_id(3)).unwrap()[0].as_object_mut().unwrap().remove("id")));
    let (entries, _) = certified(workspace.settings()).await;
    assert_eq!(groups(&entries)[&*group_id(3)].members.len(), 6, "its own customer, {CUSTOMER}");
}

#[tokio::test]
async fn a_member_without_an_id_voids_the_read() {
    let workspace = Workspace::start().await;
    workspace.change(|state| {
        state.members.get_mut(&group_id(0)).unwrap().push(json!({"type": "USER", "email": "maya@example.test"}));
    });
    let error = failure(workspace.settings()).await.to_string();
    assert!(error.contains("a member of eng-platform@example.test came without an id"), "{error}");
}

#[tokio::test]
async fn groups_within_groups_stay_groups_or_are_walked_to_the_end() {
    let workspace = Workspace::start().await;
    // A ring of three, one of which holds itself, and a group of another customer.
    workspace.change(|state| {
        state.groups.push(group(4, "ring@example.test", "Ring"));
        state.members.insert(group_id(4), vec![member("GROUP", &group_id(1)), member("USER", &user_id(3))]);
        let platform = state.members.get_mut(&group_id(0)).unwrap();
        platform.extend([member("GROUP", &group_id(4)), member("GROUP", &group_id(0)), member("GROUP", "01foreign")]);
        state.foreign.push("01foreign".to_owned());
    });
    let (entries, _) = certified(workspace.settings()).await;
    assert_eq!(numbers(groups(&entries)[&*group_id(0)]), [1, 2, 4, -1, -5]);
    let transitive = GroupSettings { all: true, transitive: true, ..GroupSettings::default() };
    let (entries, certificate) = certified(only(&workspace, transitive)).await;
    for ring in [0, 1, 4] {
        let group = groups(&entries)[&*group_id(ring)];
        assert_eq!((numbers(group), group.unresolved_members), (vec![1, 2, 3, 4, 5], 1), "{ring}");
    }
    let expected = "the nested group 01foreign is not this customer's, or is gone; it was left out";
    assert!(certificate.exceptions().iter().any(|said| said == expected), "{:?}", certificate.exceptions());
}

#[tokio::test]
async fn a_nested_group_is_asked_for_its_members_once() {
    let workspace = Workspace::start().await;
    let transitive = GroupSettings { all: true, transitive: true, ..GroupSettings::default() };
    workspace.change(|state| state.page = 200);
    certified(only(&workspace, transitive)).await;
    let path = format!("/admin/directory/v1/groups/{}/members", group_id(0));
    assert_eq!(workspace.asked().await.iter().filter(|asked| asked.starts_with(&path)).count(), 1);
}

#[tokio::test]
async fn groups_within_the_groups_of_the_reach_are_walked_for_both() {
    let workspace = Workspace::start().await;
    let named = vec![group_id(1)];
    let groups_settings = GroupSettings { named, transitive: true, ..GroupSettings::default() };
    workspace.change(|state| state.users[5]["archived"] = false.into());
    // The reach takes direct members of a group whose nested members the group itself shows.
    let settings = GoogleSettings { members_of: vec![group_id(1)], ..only(&workspace, groups_settings) };
    let (entries, _) = certified(settings).await;
    let all = groups(&entries)[&*group_id(1)];
    assert_eq!((numbers(all), all.unresolved_members), (vec![5], 3), "three are members, and out of reach");
}

#[tokio::test]
async fn a_group_that_is_deleted_while_it_is_read_is_left_out_by_the_word_of_its_id() {
    let workspace = Workspace::start().await;
    let members = format!("/admin/directory/v1/groups/{}", group_id(0));
    workspace.break_by(move |request, _| {
        request.url.path().starts_with(&members).then(|| refusal(404, "notFound", "Resource Not Found: groupKey"))
    });
    let (entries, certificate) = certified(workspace.settings()).await;
    assert!(!groups(&entries).contains_key(&*group_id(0)));
    assert!(certificate.exceptions().iter().any(|said| said.contains("was deleted while it was read")));
}

#[tokio::test]
async fn a_group_whose_members_are_refused_while_it_is_there_voids_the_read() {
    for answer in
        [forbidden(), refusal(404, "notFound", "Resource Not Found: groupKey"), refusal(500, "backendError", "x")]
    {
        let workspace = Workspace::start().await;
        let members = format!("/admin/directory/v1/groups/{}/members", group_id(0));
        workspace.break_by(move |request, _| (request.url.path() == members).then(|| answer.clone()));
        failure(workspace.settings()).await;
    }
}

#[tokio::test]
async fn a_group_without_a_name_is_held_and_named() {
    let workspace = Workspace::start().await;
    workspace.change(|state| drop(state.groups[0].as_object_mut().unwrap().remove("email")));
    let (entries, _) = certified(workspace.settings()).await;
    let held = entries
        .iter()
        .any(|entry| matches!(entry, rollcall_kit::Entry::Unreadable(record) if record.id.as_str() == group_id(0)));
    assert!(held);
}

#[tokio::test]
async fn no_group_at_all_is_doubted() {
    let workspace = Workspace::start().await;
    workspace.change(|state| state.groups.clear());
    let error = failure(workspace.settings()).await.to_string();
    assert!(error.contains("shows not one group, asked twice"), "{error}");
}
