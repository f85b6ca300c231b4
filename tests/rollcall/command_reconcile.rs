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

/// Somebody left; he is let in again by hand, and so on.
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
