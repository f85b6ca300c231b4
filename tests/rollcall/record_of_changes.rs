//! The record of changes after whole commands: who, what, why, by which run, on whose word.

use rollcall::apply::{ChangeSubject, Deed, Topic};
use rollcall::demo::sandbox::Fault;
use rollcall::roster::Role;
use rollcall::snapshot::{ChangeHistory as _, PastChange, SledStore, Word};
use rollcall_kit::DirectoryId;

use super::command_support::{Site, person, staff_but};

fn store(site: &Site) -> SledStore {
    SledStore::open(&site.path("state/lumen")).unwrap()
}

fn user(id: &str) -> ChangeSubject {
    ChangeSubject::User(DirectoryId::new(id).unwrap())
}

fn lines(changes: &[PastChange]) -> Vec<String> {
    changes.iter().map(|one| format!("{}, because {}", one.record.deed, one.record.causes)).collect()
}

#[test]
fn what_runs_do_stands_in_the_record_with_why_and_on_whose_word() {
    let site = Site::settled();
    site.directory(&staff_but(|company| company.people[2].status = "disabled".into()));
    site.run(&["apply", "--yes"]).ends_with(0);
    let store = store(&site);
    let of_cem = store.changes_of(&user("p-3"), 10).unwrap();
    assert_eq!(
        lines(&of_cem),
        [
            "deactivate, because disabled in the directory (status=disabled)",
            "grant the role editor, because given through eng",
            "create, because in scope and without an account",
        ]
    );
    assert!(of_cem.iter().all(|one| one.record.outcome.is_done() && !one.record.target_id.is_empty()));
    let words = [0, 1].map(|at| store.run_fact(&of_cem[at].run).unwrap().unwrap().word);
    assert_eq!(words[0], Word::Guard);
    let Word::Person { how, .. } = &words[1] else { panic!("the first plan waited for a person: {words:?}") };
    assert!(how.contains("--yes"), "{how}");
    let editors = store.changes_about(&Topic::Role(Role("editor".to_owned())), 100).unwrap();
    assert!(editors.iter().any(|one| one.record == of_cem[1].record), "{:?}", lines(&editors));
    assert!(editors.iter().all(|one| matches!(one.record.deed, Deed::GrantRole { .. })));
    let day = jiff::Timestamp::from_second(of_cem[0].record.at).unwrap();
    let day = day.to_string()[..10].parse().unwrap();
    assert!(store.changes_on(day, 100).unwrap().contains(&of_cem[0]));
}

#[test]
fn a_plan_leaves_nothing_in_the_record_and_a_failure_stands_there_once() {
    let site = Site::settled();
    site.directory(&staff_but(|company| company.people.push(person("p-7", "gus.hall", ("Gus", "Hall")))));
    site.run(&["plan"]).ends_with(0);
    assert_eq!(store(&site).changes_of(&user("p-7"), 10).unwrap(), []);
    for _ in 0..3 {
        site.sandbox.inject(Fault::FailNext { method: "POST", status: 400 });
        site.run(&["apply", "--yes"]);
    }
    let failed = store(&site).changes_of(&user("p-7"), 10).unwrap();
    assert_eq!(lines(&failed), ["create, because in scope and without an account"]);
    assert!(!failed[0].record.outcome.is_done());
    let told = site.run(&["explain", "p-7"]).ends_with(0).out;
    assert_eq!(told.matches("; failed: ").count(), 3, "each time that it was tried:\n{told}");
    site.run(&["apply", "--yes"]).ends_with(0);
    let done = store(&site).changes_of(&user("p-7"), 10).unwrap();
    assert_eq!(done.iter().filter(|one| one.record.outcome.is_done()).count(), done.len() - 1, "{:?}", lines(&done));
}
