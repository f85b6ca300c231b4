//! Which groups are read, and who is in them.

use rollcall_kit::{Certificate, Entry, Member};
use rollcall_okta::{GroupSettings, OktaSettings};
use wiremock::ResponseTemplate;

use crate::support::{APP, Okta, failure, group, group_id, groups, quick, read, refusal, user_id};

async fn read_groups(okta: &Okta, selection: GroupSettings) -> (Vec<String>, Certificate) {
    let settings = OktaSettings { groups: Some(selection), assigned_to: Some(APP.to_owned()), ..okta.settings() };
    let (entries, outcome) = read(&quick(settings)).await;
    (groups(&entries).into_keys().map(ToOwned::to_owned).collect(), outcome.unwrap())
}

fn selection() -> GroupSettings {
    GroupSettings::default()
}

#[tokio::test]
async fn groups_are_read_by_what_names_them_and_each_once() {
    let okta = Okta::start().await;
    okta.change(|state| state.groups.push(group(4, "ODD_NEW_TYPE", "engines")));
    let ids = |numbers: &[usize]| numbers.iter().map(|number| group_id(*number)).collect::<Vec<_>>();
    let text = |text: &str| Some(text.to_owned());
    for (chosen, expected) in [
        (GroupSettings { all: true, ..selection() }, ids(&[0, 1, 2])),
        (GroupSettings { prefix: text("ENG-"), ..selection() }, ids(&[])),
        (GroupSettings { prefix: text("eng"), ..selection() }, ids(&[0, 1])),
        (GroupSettings { search: text("profile.name eq \"sales\""), ..selection() }, ids(&[2])),
        (GroupSettings { assigned: true, ..selection() }, ids(&[0])),
        (GroupSettings { named: vec![group_id(1), "sales".to_owned()], ..selection() }, ids(&[1, 2])),
        // Everyone and types that nobody knows yet are read where somebody asks for them.
        (GroupSettings { named: vec!["Everyone".to_owned()], ..selection() }, ids(&[3])),
        (GroupSettings { all: true, types: Some(vec!["BUILT_IN".to_owned()]), ..selection() }, ids(&[3])),
        (GroupSettings { all: true, types: Some(vec!["APP_GROUP".to_owned()]), ..selection() }, ids(&[1])),
        (
            GroupSettings {
                all: true,
                assigned: true,
                prefix: text("sal"),
                named: vec!["Everyone".to_owned()],
                ..selection()
            },
            ids(&[0, 1, 2, 3]),
        ),
    ] {
        if expected.is_empty() {
            let settings = OktaSettings { groups: Some(chosen), ..okta.settings() };
            let error = failure(settings).await;
            assert!(error.contains("shows not one group; correct groups"), "{error}");
            continue;
        }
        let words = format!("{chosen:?}");
        let (read, certificate) = read_groups(&okta, chosen).await;
        assert_eq!(read, expected, "{words}");
        assert_eq!(certificate.entries_of("groups"), expected.len() as u64, "{words}");
    }
}

#[tokio::test]
async fn groups_of_one_name_and_two_kinds_are_two_groups() {
    let okta = Okta::start().await;
    let (entries, _) = read(&quick(okta.settings())).await;
    let read = groups(&entries);
    let [one, other] = [read[&*group_id(0)], read[&*group_id(1)]];
    assert_eq!((&one.name, &other.name), (&"eng-platform".to_owned(), &"eng-platform".to_owned()));
    let member = |number: usize| Member::User(rollcall_kit::DirectoryId::new(&user_id(number)).unwrap());
    assert_eq!(one.members, [member(0), member(2), member(7)], "sorted, and the deactivated one still among them");
    assert_eq!(other.members, [member(1)]);
}

#[tokio::test]
async fn assigned_groups_that_are_not_embedded_are_fetched_by_id() {
    let okta = Okta::start().await;
    okta.change(|state| state.expands = false);
    let (read, _) = read_groups(&okta, GroupSettings { assigned: true, ..selection() }).await;
    assert_eq!(read, [group_id(0)]);
}

#[tokio::test]
async fn a_prefix_is_compared_where_the_search_is_not_understood() {
    let okta = Okta::start().await;
    okta.break_by(|request, _| {
        let all = serde_json::json!([group(0, "OKTA_GROUP", "Eng-platform"), group(2, "OKTA_GROUP", "sales")]);
        let search = request.url.query().unwrap_or_default().contains("search=");
        search.then(|| ResponseTemplate::new(200).set_body_json(all))
    });
    let (read, _) = read_groups(&okta, GroupSettings { prefix: Some("eng".to_owned()), ..selection() }).await;
    assert_eq!(read, [group_id(0)], "in any case of its letters, as Okta compares");
}

#[tokio::test]
async fn a_group_that_was_deleted_is_noted_and_one_that_was_renamed_is_for_a_person() {
    let okta = Okta::start().await;
    let named = vec![group_id(99), "sales".to_owned()];
    let (read, certificate) = read_groups(&okta, GroupSettings { named, ..selection() }).await;
    assert_eq!(read, [group_id(2)]);
    assert_eq!(certificate.exceptions(), [format!("groups.named: there is no group {} any more", group_id(99))]);
    // A name may begin as ids do.
    for name in ["salesmen", "00g-salesmen"] {
        let groups = Some(GroupSettings { named: vec![name.to_owned()], ..selection() });
        let error = failure(OktaSettings { groups, ..okta.settings() }).await;
        assert!(error.contains(&format!("there is no group {name:?}")) && error.contains("by its id"), "{error}");
    }
}

#[tokio::test]
async fn a_group_that_is_deleted_while_it_is_read_is_no_group_and_one_that_only_fails_voids_the_read() {
    let okta = Okta::start().await;
    let path = format!("/api/v1/groups/{}", group_id(0));
    let gone = path.clone();
    okta.break_by(move |request, _| {
        request.url.path().starts_with(&gone).then(|| refusal(404, "E0000007", "Not found: Resource not found"))
    });
    let (entries, outcome) = read(&quick(okta.settings())).await;
    assert_eq!(groups(&entries).len(), 2);
    assert_eq!(outcome.unwrap().exceptions(), [format!("the group {} was deleted while it was read", group_id(0))]);
    // Its members are not found, but the group is there.
    let okta = Okta::start().await;
    let members = format!("{path}/users");
    okta.break_by(move |request, _| {
        (request.url.path() == members).then(|| refusal(404, "E0000007", "Not found: Resource not found"))
    });
    assert!(failure(okta.settings()).await.contains("E0000007"));
}

#[tokio::test]
async fn a_group_without_a_name_is_held_and_named() {
    let okta = Okta::start().await;
    okta.change(|state| state.groups[2]["profile"]["name"] = serde_json::Value::Null);
    let (entries, outcome) = read(&quick(okta.settings())).await;
    outcome.unwrap();
    let nameless =
        entries.iter().filter(|entry| matches!(entry, Entry::Unreadable(record) if record.id.as_str() == group_id(2)));
    assert_eq!(nameless.count(), 1);
}

#[tokio::test]
async fn page_sizes_keep_to_what_each_list_takes() {
    let okta = Okta::start().await;
    // The fake refuses what Okta refuses: fewer than 20 of an application's groups, more than 500 of its users.
    let mut settings = OktaSettings { assigned_to: Some(APP.to_owned()), page_size: 20, ..okta.settings() };
    settings.groups = Some(GroupSettings { assigned: true, all: true, ..selection() });
    read(&quick(settings)).await.1.unwrap();
}

#[tokio::test]
async fn an_expression_that_okta_does_not_understand_is_the_settings_fault() {
    let okta = Okta::start().await;
    okta.break_by(|request, _| {
        let search = request.url.query().unwrap_or_default().contains("search=");
        search.then(|| refusal(400, "E0000031", "Invalid search criteria."))
    });
    let groups = Some(GroupSettings { search: Some("profile.nome eq".to_owned()), ..selection() });
    let error = failure(OktaSettings { groups, ..okta.settings() }).await;
    assert!(error.contains("groups?limit=200&search=profile.nome eq is not understood: Okta says E0000031"), "{error}");
}
