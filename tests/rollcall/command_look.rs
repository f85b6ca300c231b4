//! The commands that only look: `status`, `history`, `show`, `explain`, `check`, and those that print something ready.

use rollcall::demo::company::DOMAIN;
use rollcall::demo::sandbox::Fault;

use super::command_support::{Site, person, staff, staff_but};

/// A company in which everybody has another trouble.
fn troubled(site: &Site) {
    let mine = |login: &str| format!("{login}@{DOMAIN}");
    site.directory(&staff_but(|company| {
        let mut add = |id: &str, login: &str, email: Option<String>| {
            let mut one = person(id, login, ("Some", "Body"));
            one.email = email;
            company.people.push(one);
        };
        add("p-10", "no.mail", None);
        add("p-11", "bad.mail", Some("not an address".to_owned()));
        add("p-12", "sub.domain", Some(format!("sub.domain@ext.{DOMAIN}")));
        add("p-13", "far.away", Some("far.away@elsewhere.example".to_owned()));
        add("p-14", "twin.one", Some(mine("twin")));
        add("p-15", "twin.two", Some(mine("TWIN")));
        add("p-16", "claims.one", Some(mine("claims.one")));
        company.people[5].status = "disabled".to_owned();
        let mut odd = person("p-17", "odd.status", ("Odd", "Status"));
        odd.status = "sabbatical".to_owned();
        company.people.push(odd);
    }));
}

#[test]
fn explain_names_the_gate_that_stops_each_person() {
    let site = Site::settled();
    troubled(&site);
    site.run(&["plan"]);
    let mut text = String::new();
    for who in [
        "ada.king@lumen-optics.example",
        "Fay Moss",
        "no.mail",
        "bad.mail",
        "sub.domain",
        "far.away",
        "twin.one",
        "TWIN@lumen-optics.example",
        "odd.status",
        "claims.one",
    ] {
        text.push_str(&format!("$ rollcall explain {who:?}\n{}\n", site.run(&["explain", who]).ends_with(0).out));
    }
    site.golden("explain_troubled", &text);
    assert_eq!(site.sandbox.requests().get("POST"), None);
}

#[test]
fn explain_knows_who_left_who_was_removed_and_who_is_merely_misspelt() {
    let site = Site::settled();
    site.directory(&staff_but(|company| company.people.retain(|one| one.id != "p-6")));
    site.run(&["apply", "--yes"]).ends_with(0);
    let mut text = String::new();
    for who in ["fay.moss@lumen-optics.example", "ada.kong@lumen-optics.example", "zebra"] {
        text.push_str(&format!("$ rollcall explain {who:?}\n{}\n", site.run(&["explain", who]).ends_with(0).out));
    }
    site.golden("explain_gone", &text);
}

#[test]
fn explain_live_asks_both_sides_and_writes_to_neither() {
    let site = Site::settled();
    let well = site.run(&["explain", "ada.king", "--live"]).ends_with(0);
    site.golden("explain_live", &well.out);
    site.sandbox.inject(Fault::RefuseTokens);
    let refused = site.run(&["explain", "ada.king", "--live"]).ends_with(0);
    site.golden("explain_live_refused", &refused.out);
    assert_eq!(site.sandbox.writes(), 0);
}

#[test]
fn commands_that_look_write_nothing_and_print_pure_json() {
    let site = Site::settled();
    for arguments in [
        &["status"][..],
        &["history"],
        &["show", "last"],
        &["explain", "ada.king"],
        &["explain", "ada.king", "--live"],
        &["check"],
        &["check", "--offline"],
        &["plan"],
    ] {
        let json = [arguments, &["--format", "json"]].concat();
        let document = site.run(&json).ends_with(0).json();
        assert_eq!(document["version"], 1, "{arguments:?}");
        for format in ["text", "markdown", "html"] {
            assert!(site.run(&[arguments, &["--format", format]].concat()).ends_with(0).out.len() > 40);
        }
    }
    assert_eq!(site.sandbox.writes(), 0);
}

#[test]
fn status_history_and_show_tell_what_happened() {
    let site = Site::new();
    site.golden("status_before", &site.run(&["status"]).ends_with(0).whole());
    site.golden("history_before", &site.run(&["history"]).ends_with(0).whole());
    site.golden("show_before", &site.run(&["show", "last"]).ends_with(1).whole());
    site.run(&["apply", "--yes"]).ends_with(0);
    site.directory(&staff_but(|company| company.people.iter_mut().for_each(|one| one.status = "disabled".into())));
    site.run(&["apply", "--yes"]).ends_with(3);
    site.golden("status_held", &site.run(&["status"]).ends_with(0).out);
    site.golden("history", &site.run(&["history"]).ends_with(0).out);
    site.golden("show_held", &site.run(&["show", "last"]).ends_with(0).out);
    let runs = site.run(&["history", "--format", "json"]).json();
    let first = runs["runs"][1]["id"].as_str().unwrap().to_owned();
    site.golden("show_applied", &site.run(&["show", &first]).ends_with(0).out);
    site.golden("show_unknown", &site.run(&["show", "nonsense"]).ends_with(1).whole());
    let one = site.run(&["history", "-n", "1", "--format", "json"]).json();
    assert_eq!(one["runs"].as_array().map(Vec::len), Some(1));
}

#[test]
fn check_says_what_it_found_on_both_sides_and_asks_nobody_if_it_is_told_so() {
    let site = Site::new();
    site.golden("check_good", &site.run(&["check"]).ends_with(0).whole());
    site.sandbox.forget_requests();
    site.golden("check_offline", &site.run(&["check", "--offline"]).ends_with(0).whole());
    assert!(site.sandbox.requests().is_empty());
    site.sandbox.inject(Fault::RefuseTokens);
    std::fs::remove_file(site.path("company.json")).unwrap();
    site.golden("check_sick", &site.run(&["check"]).ends_with(1).whole());
    assert_eq!(site.sandbox.writes(), 0);
}

#[test]
fn init_writes_every_kind_once_and_what_it_writes_passes_the_offline_check() {
    let site = Site::new();
    for kind in ["openldap", "active-directory", "389-ds", "freeipa", "lldap", "file", "okta", "entra", "google"] {
        let name = format!("{kind}.toml");
        site.run(&["init", kind, "-o", &name]).ends_with(0);
        site.run(&["-c", &name, "check", "--offline"]).ends_with(0);
        assert_eq!(site.run(&["init", kind]).ends_with(0).out, site.read(&name));
    }
    site.write("file.toml", "mine");
    site.golden("init_twice", &site.run(&["init", "file", "-o", "file.toml"]).ends_with(1).whole());
    assert_eq!(site.read("file.toml"), "mine");
}

#[test]
fn schema_and_completions_are_what_editors_and_shells_take() {
    let site = Site::new();
    assert_eq!(site.run(&["schema"]).ends_with(0).json()["title"], "Rollcall");
    for (shell, sign) in [("bash", "complete -F"), ("zsh", "#compdef rollcall"), ("fish", "complete -c rollcall")] {
        let script = site.run(&["completions", shell]).ends_with(0).out;
        assert!(script.contains(sign) && script.contains("explain"), "{shell}: {script}");
    }
}

#[test]
fn wrong_usage_ends_with_64_and_help_with_0() {
    let site = Site::new();
    for wrong in [&["frobnicate"][..], &["plan", "--loud"], &["init", "nextcloud"], &["plan", "nobody"], &[]] {
        site.run(wrong).ends_with(64);
    }
    site.golden("usage_unknown_organization", &site.run(&["plan", "nobody"]).whole());
    site.golden("help", &site.run(&["--help"]).ends_with(0).whole());
    site.run(&["--version"]).ends_with(0);
}

#[test]
fn a_run_that_failed_is_in_the_history_and_status_says_so() {
    let site = Site::settled();
    site.write("company.json", "{");
    site.run(&["plan"]).ends_with(1);
    site.golden("status_failed", &site.run(&["status"]).ends_with(0).out);
    site.directory(&staff());
    site.run(&["plan"]).ends_with(0);
}

#[test]
fn a_group_that_vanished_by_name_is_told_apart_from_one_that_lost_its_members() {
    let site = Site::settled();
    site.directory(&staff_but(|company| {
        company.groups[0].members.pop();
    }));
    let ran = site.run(&["apply", "--yes"]).ends_with(0);
    assert!(ran.out.contains("cem.kaya@lumen-optics.example  Cem Kaya  editor, no longer in eng"), "{}", ran.out);
    site.golden("explain_lost_role", &site.run(&["explain", "cem.kaya"]).ends_with(0).out);
}
