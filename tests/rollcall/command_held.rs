//! Held plans as people meet them: what they read, `approve`, `reject`, and what the next run says.

use super::command_support::{Site, group, person, staff_but};

/// Only the first is left: everybody else is missing from the export.
fn wiped(site: &Site) {
    site.directory(&staff_but(|company| company.people.truncate(1)));
}

fn leavers(site: &Site) {
    site.directory(&staff_but(|company| {
        company.people.iter_mut().skip(1).for_each(|one| one.status = "disabled".into());
    }));
}

fn leavers_and_a_joiner(site: &Site) {
    site.directory(&staff_but(|company| {
        company.people.iter_mut().skip(1).for_each(|one| one.status = "disabled".into());
        company.people.push(person("p-7", "gus.hall", ("Gus", "Hall")));
    }));
}

/// The id of the plan that is held now.
fn held_id(site: &Site) -> String {
    let status = site.run(&["status", "--format", "json"]).ends_with(0).json();
    status["organizations"][0]["held"]["plan"].as_str().unwrap().to_owned()
}

/// The scope as it was: without fay.
const BEFORE: &str = "[organization.lumen.scope]\nwhen = 'user.login != \"fay.moss\"'\n";

/// Scope and mapping as they are edited: fay is in, dora is out, and everybody has a department.
const EDITED: &str = "[organization.lumen.scope]\nwhen = 'user.login != \"dora.vey\"'\n\n\
                      [organization.lumen.attributes]\ncustom_attributes.department = 'user.department'\n";

#[test]
fn a_held_plan_is_approved_by_its_id_and_done_once() {
    let site = Site::settled();
    leavers(&site);
    let held = site.run(&["apply", "--yes"]).ends_with(3);
    site.golden("held_plan", &held.whole());
    assert_eq!(site.active(), 6);
    let id = held_id(&site);
    let approved = site.run(&["approve", &id[..8]]).ends_with(0);
    site.golden("held_approve", &approved.whole());
    assert_eq!(site.active(), 6, "approving does nothing by itself");
    site.golden("held_status_approved", &site.run(&["status"]).ends_with(0).out);
    site.golden("held_show_approved", &site.run(&["show", "last"]).ends_with(0).out);

    let applied = site.run(&["apply", "--yes"]).ends_with(0);
    site.golden("held_applied", &applied.whole());
    assert_eq!(site.active(), 1);
    let run = site.run(&["show", "last", "--format", "json"]).ends_with(0).json();
    let approval = &run["run"]["approval"];
    assert_eq!((&approval["who"], &approval["decision"]["plan"]), (&"ada".into(), &id.clone().into()));
    site.golden("held_history", &site.run(&["history"]).ends_with(0).out);

    // Back, and gone again: the approval was for one apply.
    site.directory(&staff_but(|_| {}));
    site.run(&["apply", "--yes"]).ends_with(0);
    leavers(&site);
    site.run(&["apply", "--yes"]).ends_with(3);
    assert_eq!(site.active(), 6);
}

#[test]
fn what_is_asked_for_beyond_an_approval_waits_for_the_next_run() {
    let site = Site::settled();
    leavers(&site);
    site.run(&["apply", "--yes"]).ends_with(3);
    site.run(&["approve", &held_id(&site)]).ends_with(0);
    leavers_and_a_joiner(&site);
    let part = site.run(&["apply", "--yes"]).ends_with(3);
    site.golden("held_beyond", &part.whole());
    assert_eq!((site.active(), site.accounts().len()), (1, 6));
    site.run(&["apply", "--yes"]).ends_with(0);
    assert_eq!((site.active(), site.accounts().len()), (2, 7));
}

#[test]
fn a_rejected_plan_says_so_for_as_long_as_it_is_asked_for() {
    let site = Site::settled();
    leavers(&site);
    site.run(&["apply", "--yes"]).ends_with(3);
    let id = held_id(&site);
    site.golden("held_reject", &site.run(&["reject", &id]).ends_with(0).whole());
    site.run(&["plan", "-o", "kept.json"]).ends_with(0);
    let again = site.run(&["apply", "--yes"]).ends_with(3);
    site.golden("held_rejected", &again.whole());
    let refused = site.run(&["approve", &held_id(&site)]).ends_with(1);
    assert!(refused.err.contains("was rejected by ada"), "{}", refused.err);
    site.run(&["apply", "kept.json", "--yes"]).ends_with(3);
    let on_terminal = site.run_on_terminal(&["apply"], "yes");
    assert!(on_terminal.out.contains("was rejected, so nobody was asked"), "{}", on_terminal.out);
    assert_eq!(site.active(), 6);
    // A joiner beside it does not make it another plan.
    leavers_and_a_joiner(&site);
    let beside = site.run(&["apply", "--yes"]).ends_with(3);
    assert!(beside.out.contains("ada rejected this"), "{}", beside.out);

    site.run(&["approve", &held_id(&site), "--although-rejected"]).ends_with(0);
    site.run(&["apply", "--yes"]).ends_with(0);
    assert_eq!(site.active(), 2);
}

#[test]
fn a_plan_that_nobody_knows_cannot_be_decided_about() {
    let site = Site::settled();
    let ran = site.run(&["approve", "c0ffee"]).ends_with(1);
    site.golden("held_unknown", &ran.whole());
    site.run(&["reject", "c0ffee"]).ends_with(1);
}

#[test]
fn where_only_removals_are_kept_back_the_joiner_gets_in_and_the_exit_code_says_held() {
    let site = Site::settled();
    let text = site.configuration("").replace("[organization.lumen]\n", "[organization.lumen]\nhold = \"removals\"\n");
    site.write("config.toml", &text);
    leavers_and_a_joiner(&site);
    site.golden("held_removals_plan", &site.run(&["plan"]).ends_with(0).out);
    let ran = site.run(&["apply", "--yes"]).ends_with(3);
    site.golden("held_removals", &ran.whole());
    assert_eq!((site.active(), site.accounts().len()), (7, 7));
    site.golden("held_removals_show", &site.run(&["show", "last"]).ends_with(0).out);
    let run = site.run(&["show", "last", "--format", "json"]).ends_with(0).json();
    let counts = &run["run"]["counts"];
    assert_eq!((&counts["done"], &counts["waiting"]), (&1.into(), &5.into()));
    assert_eq!(run["run"]["result"]["result"], "held");
    // The rest has an id of its own.
    site.run(&["approve", &held_id(&site)]).ends_with(0);
    site.run(&["apply", "--yes"]).ends_with(0);
    assert_eq!(site.active(), 2);
}

#[test]
fn a_plan_tells_the_edit_of_the_configuration_apart_from_the_directory() {
    let site = Site::new();
    site.configure(BEFORE);
    site.run(&["apply", "--yes"]).ends_with(0);
    site.configure(EDITED);
    site.directory(&staff_but(|company| {
        company.people[1].status = "disabled".into();
        company.people.push(person("p-7", "gus.hall", ("Gus", "Hall")));
    }));
    site.golden("edited_text", &site.run(&["plan"]).ends_with(0).out);
    site.golden("edited_markdown", &site.run(&["plan", "--format", "markdown"]).ends_with(0).out);
    let html = site.run(&["plan", "--format", "html"]).ends_with(0).out;
    assert!(html.contains("Because the configuration was edited") && html.contains("Because the directory changed"));
    let json = site.run(&["plan", "--format", "json"]).ends_with(0).json();
    assert_eq!(json["counts_of_configuration"]["deactivate"], 1);
    assert_eq!(json["counts"]["deactivate"], 2);
    let why = |label: &str| {
        let changes = json["plan"]["changes"].as_array().unwrap().iter();
        let mut of = changes.filter(|change| change["subject"]["label"].as_str().unwrap().starts_with(label));
        of.next().unwrap()["causes"].as_array().unwrap().last().unwrap()["cause"].as_str().unwrap().to_owned()
    };
    assert_eq!(why("dora.vey"), "rules-edited");
    assert_ne!(why("bo.li"), "rules-edited");
    assert_ne!(why("gus.hall"), "rules-edited");
    assert_eq!(why("fay.moss"), "rules-edited");

    // Held once: what was approved and applied is no edit any more.
    site.run(&["approve", json["id"].as_str().unwrap()]).ends_with(0);
    site.run(&["apply", "--yes"]).ends_with(0);
    site.directory(&staff_but(|company| {
        company.people[1].status = "disabled".into();
        company.people[2].status = "disabled".into();
        company.people.push(person("p-7", "gus.hall", ("Gus", "Hall")));
    }));
    let json = site.run(&["plan", "--format", "json"]).ends_with(0).json();
    assert_eq!((&json["held"], &json["counts"]["deactivate"]), (&false.into(), &1.into()));
    assert!(json.get("counts_of_configuration").is_none());
}

#[test]
fn a_group_that_vanished_is_named_as_what_many_removals_have_in_common() {
    let site = Site::settled();
    site.directory(&staff_but(|company| {
        company.groups.remove(0);
        company.people.iter_mut().for_each(|one| one.department = "Optics".into());
    }));
    site.configure("[organization.lumen.limits]\nrole_revocations = { count = 0 }\n");
    site.golden("group_vanished", &site.run(&["plan"]).ends_with(0).out);
}

#[test]
fn a_group_that_is_renamed_takes_nothing_from_anybody_and_is_told() {
    let site = Site::settled();
    site.directory(&staff_but(|company| company.groups[0].name = "Engineering".into()));
    site.golden("group_renamed", &site.run(&["plan"]).ends_with(0).out);
    site.directory(&staff_but(|company| {
        // Another group takes the old name, with everybody in it.
        company.groups[0].name = "Engineering".into();
        company.groups.push(group("g-9", "eng", &["p-4", "p-5", "p-6"]));
    }));
    site.golden("group_renamed_and_replaced", &site.run(&["plan"]).ends_with(0).out);
}

#[test]
fn a_wiped_directory_is_held_and_names_who_would_go() {
    let site = Site::settled();
    wiped(&site);
    site.golden("wiped", &site.run(&["apply", "--yes"]).ends_with(3).whole());
    assert_eq!(site.active(), 6);
}

#[test]
fn one_who_is_merely_gone_is_held_where_the_limit_says_so() {
    let site = Site::settled();
    site.configure("[organization.lumen.limits]\nabsences = { count = 0 }\n");
    site.directory(&staff_but(|company| company.people.truncate(5)));
    let ran = site.run(&["apply", "--yes"]).ends_with(3);
    assert!(ran.out.contains("`absences` lets no more than 0"), "{}", ran.out);
    site.directory(&staff_but(|company| company.people[5].status = "disabled".into()));
    site.run(&["apply", "--yes"]).ends_with(0);
    assert_eq!(site.active(), 5);
}
