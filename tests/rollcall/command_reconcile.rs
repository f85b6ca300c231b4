//! `reconcile`, as an administrator runs it: what it prints, what it keeps, and that it only reads.

use rollcall::demo::sandbox::Fault;
use serde_json::{Value, json};

use super::command_support::{Ran, Site, staff_but};

/// The account of a login.
fn id(site: &Site, login: &str) -> String {
    let account = site.accounts().into_iter().find(|account| account.user_name.starts_with(login));
    account.unwrap().id
}

fn patch(site: &Site, login: &str, path: &str, value: &Value) {
    let body = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": [{ "op": "replace", "path": path, "value": value }],
    });
    let (status, answer) = site.sandbox.by_hand("PATCH", &format!("/Users/{}", id(site, login)), &body);
    assert!(status < 300, "{answer}");
}

fn delete(site: &Site, login: &str) {
    let (status, _) = site.sandbox.by_hand("DELETE", &format!("/Users/{}", id(site, login)), &Value::Null);
    assert!(status < 300);
}

/// Somebody left; they are let in again by hand, and so on.
fn edited() -> Site {
    let site = Site::settled();
    site.directory(&staff_but(|company| company.people[5].status = "disabled".into()));
    site.run(&["apply", "--yes"]).ends_with(0);
    patch(&site, "ada.king", "displayName", &json!("Ada, Countess of Lovelace"));
    patch(&site, "bo.li", "active", &json!(false));
    patch(&site, "dora.vey", "roles", &json!([{ "value": "editor" }]));
    patch(&site, "fay.moss", "active", &json!(true));
    delete(&site, "eli.stone");
    let stranger = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "userName": "robot", "active": true,
    });
    assert_eq!(site.sandbox.by_hand("POST", "/Users", &stranger).0, 201);
    site.sandbox.forget_requests();
    site
}

fn with(site: &Site, target: &str) {
    let url = format!("url = \"{}\"", site.sandbox.url());
    site.write("config.toml", &site.configuration("").replace(&url, &format!("{url}\n{target}")));
}

fn plan_of(ran: &Ran) -> Vec<String> {
    let mut changes: Vec<String> = ran.json()["plan"]["plan"]["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|change| {
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            let label = text(&change["subject"]["label"]);
            format!("{} {}", text(&change["action"]["do"]), label.split('@').next().unwrap())
        })
        .collect();
    changes.sort();
    changes
}

#[test]
fn reconciling_shows_what_was_done_by_hand_and_writes_nothing() {
    let site = edited();
    let ran = site.run(&["reconcile"]).ends_with(0);
    site.golden("reconcile", &ran.whole());
    assert_eq!(site.sandbox.writes(), 0);
    site.golden("reconcile_shown", &site.run(&["show", "last"]).ends_with(0).whole());
    site.run(&["reconcile", "--detailed-exitcode"]).ends_with(2);
    assert_eq!(site.sandbox.writes(), 0);
}

#[test]
fn a_reconciliation_comes_in_four_formats() {
    let site = edited();
    site.golden("reconcile_markdown", &site.run(&["reconcile", "--format", "markdown"]).ends_with(0).whole());
    let html = site.run(&["reconcile", "--format", "html"]).ends_with(0).out;
    assert!(html.contains("Countess of Lovelace") && html.contains("robot"), "{html}");
    let json = site.run(&["reconcile", "--format", "json"]).ends_with(0).json();
    assert_eq!((&json["document"], &json["drift"]["edits_in_all"]), (&"reconcile".into(), &5.into()));
    assert_eq!(json["plan"]["document"], "plan");
}

#[test]
fn where_the_directory_is_the_authority_edits_are_undone_and_named() {
    let site = edited();
    with(&site, "authority = [\"name\", \"roles\", \"active\"]");
    let ran = site.run(&["reconcile", "-o", "kept.json"]).ends_with(0);
    site.golden("reconcile_authority", &ran.whole());
    assert_eq!(site.sandbox.writes(), 0);
    site.run(&["apply", "kept.json", "--yes"]).ends_with(0);
    let ended = site.run(&["reconcile", "--format", "json"]).ends_with(0);
    assert_eq!(plan_of(&ended), [""; 0]);
    assert_eq!(ended.json()["drift"]["edits_in_all"], 0);
}

#[test]
fn an_edit_is_given_back_if_the_directory_loses_its_authority_before_it_was_undone() {
    let site = edited();
    with(&site, "authority = [\"*\"]");
    site.run(&["reconcile"]).ends_with(0);
    site.configure("");
    let ran = site.run(&["plan", "--format", "json"]).ends_with(0).json();
    assert_eq!(ran["counts"], json!({ "create": 1, "deactivate": 1 }), "{ran}");
    site.run(&["apply", "--yes"]).ends_with(0);
    let names: Vec<String> = site.accounts().into_iter().filter_map(|account| account.display_name).collect();
    assert!(names.contains(&"Ada, Countess of Lovelace".to_owned()), "{names:?}");
}

#[test]
fn a_deleted_account_is_left_deleted_until_its_owner_has_left_and_returned() {
    let site = edited();
    with(&site, "deleted = \"leave\"");
    let ran = site.run(&["reconcile", "--format", "json"]).ends_with(0);
    assert_eq!(plan_of(&ran), ["deactivate fay.moss"]);
    assert!(ran.out.contains("deleted-in-target"), "{}", ran.out);
    site.run(&["apply", "--yes"]).ends_with(0);
    assert_eq!(plan_of(&site.run(&["reconcile", "--format", "json"]).ends_with(0)), [""; 0]);
    let gone = |eli: &str| {
        site.directory(&staff_but(|company| {
            company.people[4].status = eli.into();
            company.people[5].status = "disabled".into();
        }));
    };
    gone("disabled");
    site.run(&["apply", "--yes"]).ends_with(0);
    gone("active");
    assert_eq!(plan_of(&site.run(&["reconcile", "--format", "json"]).ends_with(0)), ["create eli.stone"]);
}

#[test]
fn an_application_that_lost_everybody_is_not_believed_without_a_person() {
    let site = Site::settled();
    for login in ["ada.king", "bo.li", "cem.kaya", "dora.vey"] {
        delete(&site, login);
    }
    let ran = site.run(&["reconcile"]).ends_with(0);
    site.golden("reconcile_not_believed", &ran.whole());
    assert_eq!(plan_of(&site.run(&["reconcile", "--format", "json"]).ends_with(0)), [""; 0]);
    site.run(&["reconcile", "lumen", "--deleted", "3"]).ends_with(1);
    let ran = site.run(&["reconcile", "lumen", "--deleted", "4", "--format", "json"]).ends_with(0);
    assert_eq!(
        plan_of(&ran),
        ["create ada.king", "create bo.li", "create cem.kaya", "create dora.vey"]
            .into_iter()
            .chain(["grant-role ada.king", "grant-role bo.li", "grant-role cem.kaya"])
            .collect::<Vec<_>>()
    );
    site.run(&["apply", "--yes"]).ends_with(0);
    assert_eq!(site.active(), 6);
}

#[test]
fn names_that_the_directory_cannot_be_the_authority_over_are_refused() {
    let site = Site::new();
    with(&site, "authority = [\"nmae\", \"email\"]");
    let ran = site.run(&["reconcile"]).ends_with(78);
    site.golden("reconcile_bad_authority", &ran.whole());
}

#[test]
fn an_account_that_the_list_leaves_out_is_not_deleted() {
    let site = Site::settled();
    site.sandbox.inject(Fault::CapLists { at: 2 });
    let ran = site.run(&["reconcile", "--format", "json"]).ends_with(0);
    let json = ran.json();
    assert_eq!((plan_of(&ran), &json["drift"]["edits_in_all"]), (Vec::new(), &0.into()));
    assert!(json["plan"]["plan"]["notes"].to_string().contains("left out 4 accounts of ours"), "{}", json["plan"]);
    site.sandbox.heal();
    site.run(&["plan", "--detailed-exitcode"]).ends_with(0);
}

#[test]
fn a_target_that_cannot_be_read_whole_makes_nobody_forget_anything() {
    let site = edited();
    site.sandbox.inject(Fault::FailNext { method: "GET", status: 400 });
    site.run(&["reconcile"]).ends_with(1);
    site.run(&["plan", "--detailed-exitcode"]).ends_with(0);
    assert_eq!(site.sandbox.writes(), 0);
}

#[test]
fn what_the_target_does_not_keep_is_no_edit() {
    let site = Site::new();
    site.sandbox.inject(Fault::Drop { attribute: "roles" });
    site.sandbox.inject(Fault::Drop { attribute: "nickName" });
    site.run(&["apply", "--yes"]).ends_with(0);
    with(&site, "authority = [\"*\"]");
    let ran = site.run(&["reconcile", "--format", "json"]).ends_with(0);
    let drift = &ran.json()["drift"];
    assert_eq!((plan_of(&ran), &drift["edits_in_all"], &drift["roles_compared"]), (vec![], &0.into(), &false.into()));
    assert_eq!(drift["not_shown"], json!({ "preferred_username": 6 }));
}

/// A site whose application is told of roles by membership in groups, with two people who have one.
fn by_groups(target: &str) -> (Site, String) {
    let site = Site::new();
    with(&site, &format!("roles = \"groups\"\n{target}"));
    site.run(&["apply", "--yes"]).ends_with(0);
    let group = site.sandbox.groups().into_iter().find(|group| group.display_name == "editor").unwrap();
    (site, group.id)
}

fn members(site: &Site, group: &str, operations: &Value) {
    let body = json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": operations });
    let (status, answer) = site.sandbox.by_hand("PATCH", &format!("/Groups/{group}"), &body);
    assert!(status < 300, "{answer}");
}

/// Ada is taken out of the group of editors by hand, and Dora and a stranger are put in.
fn edited_groups(target: &str) -> (Site, String) {
    let (site, group) = by_groups(target);
    let stranger = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "userName": "robot", "active": true,
    });
    assert_eq!(site.sandbox.by_hand("POST", "/Users", &stranger).0, 201);
    let remove = json!([{ "op": "remove", "path": format!("members[value eq \"{}\"]", id(&site, "ada.king")) }]);
    members(&site, &group, &remove);
    let add = json!([{ "value": id(&site, "dora.vey") }, { "value": id(&site, "robot") }]);
    members(&site, &group, &json!([{ "op": "add", "path": "members", "value": add }]));
    site.sandbox.forget_requests();
    (site, group)
}

/// The roles of whoever is in the group.
fn editors(site: &Site) -> Vec<String> {
    let accounts = site.accounts();
    let name = |id: &String| {
        let account = accounts.iter().find(|account| account.id == *id);
        account.unwrap().user_name.split('@').next().unwrap().to_owned()
    };
    let groups = site.sandbox.groups();
    let mut names: Vec<String> = groups
        .iter()
        .filter(|group| group.display_name == "editor")
        .flat_map(|group| &group.members)
        .map(name)
        .collect();
    names.sort();
    names
}

#[test]
fn a_role_that_was_given_or_taken_in_its_group_is_brought_back_where_the_directory_is_the_authority() {
    let (site, _) = edited_groups("authority = [\"roles\"]");
    let ran = site.run(&["reconcile"]).ends_with(0);
    site.golden("reconcile_role_groups", &ran.whole());
    assert_eq!(site.sandbox.writes(), 0);
    site.run(&["apply", "--yes"]).ends_with(0);
    assert_eq!(editors(&site), ["ada.king", "bo.li", "cem.kaya", "robot"], "what is not ours is not touched");
    let again = site.run(&["reconcile", "--format", "json"]).ends_with(0);
    assert_eq!((plan_of(&again), &again.json()["drift"]["edits_in_all"]), (vec![], &0.into()));
}

#[test]
fn a_role_that_was_given_or_taken_in_its_group_stays_where_the_last_write_wins() {
    let (site, _) = edited_groups("");
    let ran = site.run(&["reconcile", "--format", "json"]).ends_with(0);
    let drift = &ran.json()["drift"];
    let edits: Vec<(&Value, &Value)> =
        drift["edits"].as_array().unwrap().iter().map(|edit| (&edit["edit"], &edit["becomes"])).collect();
    assert_eq!((plan_of(&ran), &drift["roles_compared"]), (vec![], &true.into()));
    let (granted, revoked, stays) = ("role-granted".into(), "role-revoked".into(), "stays".into());
    assert_eq!(edits, [(&revoked, &stays), (&granted, &stays)]);
    site.run(&["apply", "--reconcile", "--yes"]).ends_with(0);
    assert_eq!(editors(&site), ["bo.li", "cem.kaya", "dora.vey", "robot"]);
    // When the directory's value changes, it is written: Dora was never among the engineers, and Ada leaves them.
    site.directory(&staff_but(|company| {
        let ada = company.people[0].id.clone();
        company.groups.iter_mut().for_each(|group| group.members.retain(|id| *id != ada));
    }));
    site.run(&["apply", "--yes"]).ends_with(0);
    assert_eq!(editors(&site), ["bo.li", "cem.kaya", "dora.vey", "robot"]);
}

#[test]
fn roles_whose_groups_show_no_members_are_not_compared_and_never_taken_because_of_that() {
    let site = Site::new();
    with(&site, "roles = \"groups\"\nauthority = [\"roles\"]");
    site.sandbox.inject(Fault::HideMembers);
    site.run(&["apply", "--yes"]).ends_with(0);
    let ran = site.run(&["reconcile", "--format", "json"]).ends_with(0);
    let drift = &ran.json()["drift"];
    assert_eq!((plan_of(&ran), &drift["edits_in_all"], &drift["roles_compared"]), (vec![], &0.into(), &false.into()));
    // A target that showed them before and stops: the worst that follows is that a role is given again.
    let (site, _) = by_groups("authority = [\"roles\"]");
    site.sandbox.inject(Fault::HideMembers);
    let changes = plan_of(&site.run(&["reconcile", "--format", "json"]).ends_with(0));
    assert!(changes.iter().all(|change| change.starts_with("grant-role")), "{changes:?}");
}

#[test]
fn a_group_that_carries_a_role_and_was_deleted_by_hand_is_made_again_under_authority() {
    for (authority, expected) in [("authority = [\"roles\"]", 3), ("", 0)] {
        let (site, group) = by_groups(authority);
        assert!(site.sandbox.by_hand("DELETE", &format!("/Groups/{group}"), &Value::Null).0 < 300);
        let ran = site.run(&["reconcile", "--format", "json"]).ends_with(0);
        let notes = ran.json()["plan"]["plan"]["notes"].to_string();
        assert!(notes.contains("Somebody deleted the group editor in the target"), "{notes}");
        site.run(&["apply", "--yes"]).ends_with(0);
        assert_eq!(editors(&site).len(), expected);
    }
}
