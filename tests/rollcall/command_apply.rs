//! `plan` and `apply`, as an administrator or a script runs them: what is asked, what is refused, what is applied.

use std::process::{Command, Stdio};

use rollcall::demo::sandbox::Fault;

use super::command_support::{Site, person, staff_but};

fn leavers(site: &Site) {
    site.directory(&staff_but(|company| {
        company.people.iter_mut().skip(1).for_each(|one| one.status = "disabled".into());
    }));
}

fn joiner(site: &Site) {
    site.directory(&staff_but(|company| company.people.push(person("p-7", "gus.hall", ("Gus", "Hall")))));
}

#[test]
fn planning_shows_everything_and_writes_nothing() {
    let site = Site::new();
    let ran = site.run(&["plan"]).ends_with(0);
    site.golden("plan_first", &ran.whole());
    assert_eq!(site.sandbox.writes(), 0);
    assert!(site.accounts().is_empty());
}

#[test]
fn the_exit_code_tells_pending_changes_only_if_it_is_asked_for() {
    let site = Site::new();
    site.run(&["plan", "--detailed-exitcode"]).ends_with(2);
    site.run(&["apply", "--yes"]).ends_with(0);
    site.run(&["plan", "--detailed-exitcode"]).ends_with(0);
    site.golden("plan_again", &site.run(&["plan"]).ends_with(0).whole());
}

#[test]
fn a_plan_comes_in_four_formats_and_json_is_the_plan_file() {
    let site = Site::new();
    let json = site.run(&["plan", "--format", "json", "-o", "kept.json"]).ends_with(0);
    let mut printed = json.json();
    let mut kept: serde_json::Value = serde_json::from_str(&site.read("kept.json")).unwrap();
    assert_eq!(printed, kept);
    assert_eq!(
        (&printed["document"], &printed["version"], &printed["held"]),
        (&"plan".into(), &1.into(), &true.into())
    );
    assert_eq!(printed["counts"]["create"], 6);
    for part in [&mut printed, &mut kept] {
        assert!(part["digest"].take().is_string());
    }
    let markdown = site.run(&["plan", "--format", "markdown"]).ends_with(0);
    site.golden("plan_markdown", &markdown.out);
    let html = site.run(&["plan", "--format", "html"]).ends_with(0).out;
    assert!(html.starts_with("<!doctype html>") && html.contains("ada.king@lumen-optics.example"), "{html}");
    assert_eq!(site.sandbox.writes(), 0);
}

#[test]
fn saved_output_can_be_applied_like_a_plan_file() {
    let site = Site::new();
    let printed = site.run(&["plan", "--format", "json"]).ends_with(0).out;
    site.write("saved.json", &printed);
    site.run(&["apply", "saved.json", "--yes"]).ends_with(0);
    assert_eq!(site.active(), 6);
}

#[test]
fn a_long_list_is_cut_unless_all_of_it_is_wanted() {
    let site = Site::new();
    site.directory(&staff_but(|company| {
        company.people.extend((10..30).map(|n| person(&format!("p-{n}"), &format!("extra.{n}"), ("Extra", "Person"))));
    }));
    let (cut, all) = (site.run(&["plan"]).out, site.run(&["plan", "--all"]).out);
    assert!(cut.contains("… and 16 more (use --all, or --format json)"), "{cut}");
    assert!(!all.contains("more (use") && all.contains("extra.29@"), "{all}");
}

#[test]
fn without_a_terminal_and_without_yes_nothing_is_applied() {
    let site = Site::new();
    let held = site.run(&["apply"]).ends_with(3);
    site.golden("apply_without_terminal_held", &held.err);
    assert_eq!(site.sandbox.writes(), 0);

    let site = Site::settled();
    joiner(&site);
    let cleared = site.run(&["apply"]).ends_with(1);
    site.golden("apply_without_terminal", &cleared.err);
    assert_eq!(site.sandbox.writes(), 0);
}

#[test]
fn apply_with_yes_applies_and_the_second_run_has_nothing_to_do() {
    let site = Site::new();
    let first = site.run(&["apply", "--yes"]).ends_with(0);
    site.golden("apply_yes", &first.whole());
    let roles: Vec<String> = site.accounts().iter().flat_map(|account| account.roles.clone()).collect();
    assert_eq!((site.active(), roles), (6, vec!["editor".to_owned(); 3]));
    site.sandbox.forget_requests();
    let second = site.run(&["apply", "--yes"]).ends_with(0);
    site.golden("apply_again", &second.whole());
    assert_eq!(site.sandbox.writes(), 0);
}

#[test]
fn a_plan_beyond_a_limit_stays_held_for_a_script_and_is_applied_by_its_file() {
    let site = Site::settled();
    leavers(&site);
    let held = site.run(&["apply", "--yes"]).ends_with(3);
    site.golden("apply_held", &held.whole());
    assert_eq!((site.sandbox.writes(), site.active()), (0, 6));
    site.run(&["plan", "lumen", "-o", "kept.json"]).ends_with(0);
    let applied = site.run(&["apply", "kept.json", "--yes"]).ends_with(0);
    site.golden("apply_file", &applied.whole());
    assert_eq!(site.active(), 1);
}

#[test]
fn a_stale_plan_file_is_refused_with_the_changes_that_went_stale() {
    let site = Site::settled();
    leavers(&site);
    site.run(&["plan", "-o", "kept.json"]).ends_with(0);
    site.directory(&super::command_support::staff());
    site.run(&["plan"]).ends_with(0);
    let stale = site.run(&["apply", "kept.json", "--yes"]).ends_with(1);
    site.golden("apply_stale", &stale.err);
    assert_eq!((site.sandbox.writes(), site.active()), (0, 6));
}

#[test]
fn a_plan_file_that_was_edited_is_refused() {
    let site = Site::new();
    site.run(&["plan", "-o", "kept.json"]).ends_with(0);
    let edited = site.read("kept.json").replace("ada.king@", "eve.king@");
    site.write("kept.json", &edited);
    let refused = site.run(&["apply", "kept.json", "--yes"]).ends_with(1);
    site.golden("apply_edited", &refused.err);
    // At a place that does not depend on how many digits a time has.
    let middle = edited.find("eve.king@").unwrap();
    site.write("kept.json", &edited[..middle]);
    site.golden("apply_cut", &site.run(&["apply", "kept.json", "--yes"]).ends_with(1).err);
    assert_eq!(site.sandbox.writes(), 0);
}

#[test]
fn a_plan_file_of_another_configuration_is_refused() {
    let site = Site::new();
    site.run(&["plan", "-o", "kept.json"]).ends_with(0);
    site.configure("[organization.lumen.limits]\nfloor = 1\n");
    let refused = site.run(&["apply", "kept.json", "--yes"]).ends_with(1);
    site.golden("apply_other_configuration", &refused.err);
    assert_eq!(site.sandbox.writes(), 0);
}

#[test]
fn on_a_terminal_a_yes_applies_and_anything_else_does_not() {
    let site = Site::new();
    for answer in ["", "n", "perhaps"] {
        let declined = site.run_on_terminal(&["apply"], answer);
        assert!(declined.out.contains("Apply these changes? [y/N]"), "{}", declined.out);
        assert_eq!((site.sandbox.writes(), declined.code), (0, 3), "{answer}: {}", declined.out);
    }
    let applied = site.run_on_terminal(&["apply"], "y").ends_with(0);
    site.golden("apply_terminal", &applied.out);
    assert_eq!(site.active(), 6);
    joiner(&site);
    site.run_on_terminal(&["apply"], "no").ends_with(0);
    assert_eq!(site.active(), 6);
    site.run_on_terminal(&["apply"], "yes").ends_with(0);
    assert_eq!(site.active(), 7);
}

#[test]
fn on_a_terminal_a_plan_beyond_a_limit_wants_its_id() {
    let site = Site::settled();
    leavers(&site);
    let refused = site.run_on_terminal(&["apply"], "y").ends_with(3);
    site.golden("apply_terminal_limit", &refused.out);
    assert_eq!((site.sandbox.writes(), site.active()), (0, 6));
    site.run(&["plan", "-o", "kept.json"]).ends_with(0);
    let id = serde_json::from_str::<serde_json::Value>(&site.read("kept.json")).unwrap()["id"].to_string();
    site.run_on_terminal(&["apply", "kept.json"], &id[1..9]).ends_with(0);
    assert_eq!(site.active(), 1);
}

#[test]
fn what_fails_is_named_and_the_next_run_repairs_it() {
    let site = Site::new();
    // One after another, so that it is always the first whom it hits.
    let serial = site.configuration("").replace("kind = \"scim\"", "kind = \"scim\"\nparallel = 1");
    site.write("config.toml", &serial);
    // Refused with the roles that go along, and once more without them.
    for _ in 0..2 {
        site.sandbox.inject(Fault::FailNext { method: "POST", status: 400 });
    }
    let ran = site.run(&["apply", "--yes"]).ends_with(4);
    site.golden("apply_in_part", &ran.out);
    assert_eq!(site.active(), 5);
    site.run(&["apply", "--yes"]).ends_with(0);
    assert_eq!(site.active(), 6);
    site.run(&["plan", "--detailed-exitcode"]).ends_with(0);
}

#[test]
#[expect(clippy::disallowed_methods, reason = "there is no runtime here whose worker would be blocked")]
fn an_interrupt_finishes_what_is_under_way_and_the_next_run_does_the_rest() {
    let site = Site::new();
    let slow = site.configuration("").replace("kind = \"scim\"", "kind = \"scim\"\nparallel = 1");
    site.write("config.toml", &slow);
    site.directory(&staff_but(|company| {
        company.people.extend((10..60).map(|n| person(&format!("p-{n}"), &format!("extra.{n}"), ("Extra", "Person"))));
    }));
    for signal in ["-INT", "-TERM"] {
        site.sandbox.forget_requests();
        let mut command = site.command(&["apply", "--yes"]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let posted = || site.sandbox.requests().get("POST").copied().unwrap_or(0);
        let until = |child: &mut std::process::Child, posts: u64| {
            while posted() < posts {
                assert!(child.try_wait().unwrap().is_none(), "it ended before {posts} accounts were asked for");
                std::thread::sleep(std::time::Duration::from_millis(1));
            }
        };
        // The pause that the target asks for is where the signal arrives. It is asked for once: faults add up.
        until(&mut child, 2);
        site.sandbox.inject(Fault::ThrottleNext { retry_after: 1 });
        until(&mut child, 3);
        assert!(Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
        let output = child.wait_with_output().unwrap();
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(4), "{out}{err}");
        assert!(err.contains("stopping: what is under way is finished and recorded"), "{err}");
        assert!(out.contains("the run was told to stop") && out.contains(" skipped. Run "), "{out}");
        let last = site.run(&["show", "last", "--format", "json"]).ends_with(0).json();
        assert_eq!(last["run"]["result"]["result"], "applied-in-part");
        site.sandbox.heal();
    }
    site.run(&["apply", "--yes"]).ends_with(0);
    assert_eq!((site.active(), site.accounts().len()), (56, 56));
}

#[test]
fn json_of_an_apply_is_nothing_but_json() {
    let site = Site::new();
    let ran = site.run(&["apply", "--yes", "--format", "json"]).ends_with(0);
    let json = ran.json();
    assert_eq!((&json["document"], &json["run"]["counts"]["done"]), (&"run".into(), &9.into()));
    leavers(&site);
    let held = site.run(&["apply", "--yes", "--format", "json"]).ends_with(3);
    assert_eq!(held.json()["run"]["result"]["result"], "held");
}
