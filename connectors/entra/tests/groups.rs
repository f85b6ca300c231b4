//! Groups: which are read, and who is in them.

use rollcall_entra::{GroupKind, GroupSettings};
use rollcall_kit::{DirectoryId, Entry, Member, ReadError};
use serde_json::{Value, json};

use crate::support::{Answer, Graph, certified, failure, group_id, groups, quick, read, user_id, with_groups};

fn user(number: usize) -> Member {
    Member::User(DirectoryId::new(&user_id(number)).unwrap())
}

fn nested(number: usize) -> Member {
    Member::Group(DirectoryId::new(&group_id(number)).unwrap())
}

async fn names(graph: &Graph, settings: GroupSettings) -> Vec<String> {
    let entries = certified(with_groups(graph.settings(), settings)).await;
    groups(&entries).values().map(|group| group.name.clone()).collect()
}

#[tokio::test]
async fn members_are_users_and_groups_and_nobody_else() {
    let graph = Graph::start().await;
    let entries = certified(graph.settings()).await;
    let eng = groups(&entries)[&*group_id(0)];
    assert_eq!(eng.members, [user(0), user(1), user(3), nested(1)]);
    assert_eq!(eng.unresolved_members, 1, "the device");
    let inner = groups(&entries)[&*group_id(1)];
    // The distribution list in it is not read.
    assert_eq!((inner.members.clone(), inner.unresolved_members), (vec![user(2)], 1));
    assert!(groups(&entries)[&*group_id(2)].members.is_empty());
}

#[tokio::test]
async fn kinds_prefixes_and_names_choose_groups() {
    let graph = Graph::start().await;
    let all = GroupSettings { all: true, ..GroupSettings::default() };
    assert_eq!(names(&graph, all.clone()).await, ["eng-platform", "nested", "sales"]);
    for (kind, expected) in [
        (GroupKind::Security, "eng-platform"),
        (GroupKind::MailEnabledSecurity, "nested"),
        (GroupKind::Microsoft365, "sales"),
        (GroupKind::Distribution, "everybody"),
    ] {
        assert_eq!(names(&graph, GroupSettings { kinds: Some(vec![kind]), ..all.clone() }).await, [expected]);
    }
    let prefix = GroupSettings { prefix: Some("ENG-".to_owned()), ..GroupSettings::default() };
    assert_eq!(names(&graph, prefix).await, ["eng-platform"]);
    // A named group is read whatever its kind.
    let named = vec![group_id(3).to_uppercase(), "Sales".to_owned(), "sales".to_owned()];
    let named = GroupSettings { named, ..GroupSettings::default() };
    assert_eq!(names(&graph, named).await, ["sales", "everybody"]);
}

#[tokio::test]
async fn a_name_with_an_apostrophe_is_a_name() {
    let graph = Graph::start().await;
    graph.change(|state| state.groups[2]["displayName"] = "O'Brien's".into());
    let named = GroupSettings { named: vec!["o'brien's".to_owned()], ..GroupSettings::default() };
    assert_eq!(names(&graph, named).await, ["O'Brien's"]);
}

#[tokio::test]
async fn members_of_nested_groups_are_given_as_a_groups_own_where_asked() {
    let graph = Graph::start().await;
    let named = GroupSettings { named: vec![group_id(0)], transitive: true, ..GroupSettings::default() };
    let entries = certified(with_groups(graph.settings(), named)).await;
    let eng = groups(&entries)[&*group_id(0)];
    assert_eq!(eng.members, [user(0), user(1), user(2), user(3), user(6)]);
    assert_eq!(eng.unresolved_members, 1);
}

#[tokio::test]
async fn groups_within_each_other_end() {
    let graph = Graph::start().await;
    graph.change(|state| state.members.get_mut(&group_id(1)).unwrap().push(("group", group_id(0))));
    let entries = certified(graph.settings()).await;
    assert_eq!(groups(&entries)[&*group_id(1)].members, [user(2), nested(0)]);
}

#[tokio::test]
async fn a_named_group_that_is_gone_is_told_and_one_that_is_not_found_by_name_is_for_a_person() {
    let graph = Graph::start().await;
    let settings = |name: &str| {
        let named = vec![name.to_owned(), group_id(0)];
        with_groups(graph.settings(), GroupSettings { named, ..GroupSettings::default() })
    };
    let (entries, outcome) = read(&quick(settings(&group_id(8)))).await;
    assert_eq!(groups(&entries).len(), 1);
    assert_eq!(outcome.unwrap().exceptions(), [format!("groups.named: there is no group {} any more", group_id(8))]);
    let error = read(&quick(settings("renamed"))).await.1.unwrap_err();
    assert!(matches!(error, ReadError::Settings(_)), "{error}");
    assert!(error.to_string().contains("if it was renamed, name it by its id"), "{error}");
}

#[tokio::test]
async fn a_group_without_a_name_or_with_hidden_members_is_held_and_named() {
    let graph = Graph::start().await;
    graph.change(|state| {
        state.groups[0]["displayName"] = Value::Null;
        state.groups[1]["visibility"] = "HiddenMembership".into();
    });
    let held = |entries: Vec<Entry>| -> Vec<String> {
        let problems = entries.into_iter().filter_map(|entry| match entry {
            Entry::Unreadable(record) => Some(format!("{}: {}", record.label, record.problem)),
            _ => None,
        });
        problems.collect()
    };
    let told = held(certified(graph.settings()).await);
    assert_eq!(told.len(), 2);
    assert!(told[0].ends_with("Graph's answer holds no name of this group"), "{told:?}");
    assert!(told[1].starts_with("nested: it hides its members; grant Member.Read.Hidden"), "{told:?}");
    assert!(!graph.asked().iter().any(|asked| asked.contains(&format!("{}/members", group_id(1)))));
    // A token that does not say: no member and hidden members look alike.
    graph.change(|state| state.roles = None);
    assert_eq!(held(certified(graph.settings()).await).len(), 1, "its members came, so they are shown");
    graph.change(|state| drop(state.members.insert(group_id(1), vec![])));
    assert_eq!(held(certified(graph.settings()).await).len(), 2);
    graph.change(|state| state.roles = Some(vec!["Directory.Read.All", "Member.Read.Hidden"]));
    assert_eq!(held(certified(graph.settings()).await).len(), 1, "an empty group");
}

#[tokio::test]
async fn a_group_or_member_that_came_without_what_it_is_ends_the_read() {
    for name in ["groupTypes", "securityEnabled", "mailEnabled"] {
        let graph = Graph::start().await;
        graph.change(|state| drop(state.groups[1].as_object_mut().unwrap().remove(name)));
        assert!(failure(graph.settings()).await.contains("came without groupTypes, securityEnabled or mailEnabled"));
    }
    let graph = Graph::start().await;
    let page = json!({"value": [{"id": user_id(0)}]});
    graph.break_by(move |ask| ask.path.ends_with("/members").then(|| Answer::ok(page.clone())));
    assert!(failure(graph.settings()).await.contains("came without a type"));
}

#[tokio::test]
async fn not_one_group_is_not_believed() {
    let graph = Graph::start().await;
    graph.change(|state| state.groups.clear());
    assert!(failure(graph.settings()).await.contains("shows not one group"));
}
