//! Somebody who left comes back under a new id of the directory, with their address: what the commands say of it.

use super::command_support::{Site, person, staff_but};

/// A site that Cem left, who was an editor: their record is disabled, and stays.
fn left() -> Site {
    let site = Site::settled();
    site.directory(&staff_but(|company| company.people[2].status = "disabled".into()));
    site.run(&["apply", "--yes"]).ends_with(0);
    site.sandbox.forget_requests();
    site
}

/// Cem is back: a new record with a new id and another family name, and in no group of engineers any more.
fn come_back(site: &Site) {
    site.directory(&staff_but(|company| {
        company.people[2].status = "disabled".into();
        company.groups[0].members.retain(|member| member != "p-3");
        company.people.push(person("p-9", "cem.kaya", ("Cem", "Kaya-Yilmaz")));
    }));
}

fn account_of(site: &Site, login: &str) -> rollcall::demo::sandbox::AccountView {
    let mut accounts = site.accounts().into_iter().filter(|account| account.user_name.starts_with(login));
    let account = accounts.next().unwrap();
    assert!(accounts.next().is_none(), "{login} has two accounts");
    account
}

#[test]
fn who_comes_back_under_a_new_id_gets_the_same_account_and_none_of_the_old_roles() {
    let site = left();
    let before = account_of(&site, "cem.kaya");
    assert!(!before.active);
    come_back(&site);
    site.golden("rehire_plan", &site.run(&["plan"]).ends_with(0).whole());
    site.golden("rehire_plan_markdown", &site.run(&["plan", "--format", "markdown"]).ends_with(0).whole());
    site.golden("rehire_explain_before", &site.run(&["explain", "cem.kaya@lumen-optics.example"]).ends_with(0).whole());
    assert_eq!(site.sandbox.writes(), 0);
    site.golden("rehire_apply", &site.run(&["apply", "--yes"]).ends_with(0).whole());
    site.golden("rehire_show", &site.run(&["show", "last"]).ends_with(0).whole());
    site.golden("rehire_explain", &site.run(&["explain", "cem.kaya@lumen-optics.example"]).ends_with(0).whole());
    site.golden("rehire_explain_old_id", &site.run(&["explain", "p-3"]).ends_with(0).whole());
    let after = account_of(&site, "cem.kaya");
    assert_eq!((&after.id, after.active, after.roles), (&before.id, true, Vec::new()));
    site.run(&["plan"]).ends_with(0);
    assert_eq!(site.run(&["plan", "--format", "json"]).ends_with(0).json()["counts"], serde_json::json!({}));
}

#[test]
fn an_id_that_is_replaced_within_one_run_keeps_its_account_and_loses_what_the_new_one_should_not_have() {
    let site = Site::settled();
    let before = account_of(&site, "bo.li");
    site.directory(&staff_but(|company| {
        company.people[1].id = "p-8".into();
        company.groups[0].members.retain(|member| member != "p-2");
    }));
    site.golden("rehire_in_one_run", &site.run(&["apply", "--yes"]).ends_with(0).whole());
    let after = account_of(&site, "bo.li");
    assert_eq!((after.id, after.active, after.roles), (before.id, true, Vec::new()));
}
