//! `undo`, as an administrator runs it: what it takes back, what it leaves alone, and what it says of the next run.

use serde_json::{Value, json};

use super::command_support::{Site, person, staff_but};

/// A site on which one run let somebody go, renamed somebody, and brought somebody.
fn moved() -> (Site, String) {
    let site = Site::settled();
    site.directory(&staff_but(|company| {
        company.people[0].name = ("Ada".into(), "Lovelace".into());
        company.people[5].status = "disabled".into();
        company.people.push(person("p-7", "gus.hall", ("Gus", "Hall")));
        company.groups[0].members = vec!["p-2".into(), "p-3".into(), "p-4".into()];
    }));
    site.run(&["apply", "--yes"]).ends_with(0);
    let run = site.run(&["show", "last", "--format", "json"]).ends_with(0).json()["run"]["id"].clone();
    site.sandbox.forget_requests();
    (site, run.as_str().unwrap().to_owned())
}

fn roles(site: &Site, login: &str) -> Vec<String> {
    site.accounts().into_iter().find(|account| account.user_name.starts_with(login)).unwrap().roles
}

#[test]
fn undoing_a_run_restores_what_was_there_and_says_what_comes_again() {
    let (site, run) = moved();
    let ran = site.run(&["undo", &run, "--yes"]).ends_with(0);
    site.golden("undo", &ran.whole());
    let active = |login: &str| site.accounts().iter().any(|a| a.user_name.starts_with(login) && a.active);
    assert!(active("fay.moss") && !active("gus.hall"));
    assert_eq!((roles(&site, "ada.king"), roles(&site, "dora.vey")), (vec!["editor".to_owned()], Vec::new()));
    site.golden("undo_shown", &site.run(&["show", "last"]).ends_with(0).whole());
    let next = site.run(&["plan", "--format", "json"]).ends_with(0).json();
    assert_eq!(
        next["counts"],
        json!({ "deactivate": 1, "grant-role": 1, "reactivate": 1, "revoke-role": 1, "update": 1 })
    );
    // What was taken back is taken back once.
    let again = site.run(&["undo", &run, "--yes"]).ends_with(4);
    assert!(again.out.contains("it is active again already"), "{}", again.out);
    assert!(again.out.contains("it is not active any more"), "{}", again.out);
}

#[test]
fn an_undo_is_kept_in_a_file_and_only_reads_until_the_file_is_applied() {
    let (site, run) = moved();
    site.run(&["undo", &run, "-o", "undo.json"]).ends_with(0);
    assert_eq!(site.sandbox.writes(), 0);
    site.run(&["apply", "undo.json", "--yes"]).ends_with(0);
    assert!(site.accounts().iter().any(|account| account.user_name.starts_with("fay.moss") && account.active));
}

#[test]
fn what_changed_since_is_named_and_left_alone() {
    let (site, run) = moved();
    let fay = site.accounts().into_iter().find(|account| account.user_name.starts_with("ada.king")).unwrap().id;
    let body = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": [{ "op": "replace", "path": "displayName", "value": "Countess" }],
    });
    assert!(site.sandbox.by_hand("PATCH", &format!("/Users/{fay}"), &body).0 < 300);
    let gus = site.accounts().into_iter().find(|account| account.user_name.starts_with("gus.hall")).unwrap().id;
    site.sandbox.by_hand("DELETE", &format!("/Users/{gus}"), &Value::Null);
    let ran = site.run(&["undo", &run, "--yes"]).ends_with(4);
    site.golden("undo_in_part", &ran.whole());
    let names: Vec<String> = site.accounts().into_iter().filter_map(|account| account.display_name).collect();
    assert!(names.contains(&"Countess".to_owned()), "{names:?}");
}

#[test]
fn an_undo_beyond_a_limit_waits_for_its_file() {
    let site = Site::new();
    site.run(&["apply", "--yes"]).ends_with(0);
    let ran = site.run(&["undo", "last", "--yes"]).ends_with(3);
    site.golden("undo_held", &ran.whole());
    assert_eq!(site.active(), 6);
    let run = site.run(&["history", "--format", "json"]).ends_with(0).json()["runs"][1]["id"].clone();
    site.run(&["undo", run.as_str().unwrap(), "-o", "undo.json"]).ends_with(0);
    site.run(&["apply", "undo.json", "--yes"]).ends_with(0);
    assert_eq!((site.active(), site.accounts().len()), (0, 6));
}

#[test]
fn a_run_that_changed_nothing_cannot_be_undone() {
    let site = Site::settled();
    site.run(&["plan"]).ends_with(0);
    let ran = site.run(&["undo", "last"]).ends_with(1);
    assert!(ran.err.contains("changed nothing, so there is nothing to undo"), "{}", ran.err);
    let ran = site.run(&["undo", "nothing"]).ends_with(1);
    assert!(ran.err.contains("there is no run nothing"), "{}", ran.err);
}

#[test]
fn an_undo_that_is_held_is_approved_by_its_id_and_only_the_undo_of_that_run_uses_that_up() {
    let site = Site::new();
    site.run(&["apply", "--yes"]).ends_with(0);
    let run = site.run(&["show", "last", "--format", "json"]).ends_with(0).json()["run"]["id"].clone();
    let run = run.as_str().unwrap();
    let held = site.run(&["undo", run, "--yes"]).ends_with(3);
    let id = held.err.split("rollcall approve ").nth(1).unwrap()[..8].to_owned();

    let approved = site.run(&["approve", &id]).ends_with(0);
    assert!(approved.out.contains(&format!("`rollcall undo {run}` does of these")), "{}", approved.out);
    // Fay leaves meanwhile: what the directory asks for is no business of that approval, and leaves it alone.
    site.directory(&staff_but(|company| company.people[5].status = "disabled".into()));
    site.run(&["apply", "--yes"]).ends_with(0);
    assert_eq!(site.active(), 5);
    site.run(&["undo", run, "--yes"]).ends_with(4);
    assert_eq!((site.active(), site.accounts().len()), (0, 6));

    // Used up: everybody is let in again, and another undo of the same run waits again.
    site.run(&["apply", "--yes"]).ends_with(0);
    assert_eq!(site.active(), 5);
    site.run(&["undo", run, "--yes"]).ends_with(3);
    assert_eq!(site.active(), 5);
}

#[test]
fn an_approved_undo_lets_no_ordinary_run_do_the_same() {
    let site = Site::new();
    site.run(&["apply", "--yes"]).ends_with(0);
    let held = site.run(&["undo", "last", "--yes"]).ends_with(3);
    let id = held.err.split("rollcall approve ").nth(1).unwrap()[..8].to_owned();
    site.run(&["approve", &id]).ends_with(0);
    site.directory(&staff_but(|company| company.people.iter_mut().for_each(|one| one.status = "disabled".into())));
    site.run(&["apply", "--yes"]).ends_with(3);
    assert_eq!(site.active(), 6);
}
