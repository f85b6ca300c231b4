//! Examples of what the guard does, and what people read of it.

use super::{Approval, Hold, KeptPlanError, Limits, Occasion, PlanFile, PlanFileError, Protection, Reviewed, review};
use crate::plan::world::{Directory, World, id, judged, role, wanted};
use crate::plan::{Action, Edited, Note, PlanSettings, Planned};
use crate::roster::{Leaving, Reason, Standing};
use rollcall_kit::InactiveReason;

fn directory(judged: Vec<crate::plan::Judged>) -> Directory {
    let mut settings = PlanSettings::new("2026-11-23T09:00:00Z".parse().unwrap());
    for name in ["admin", "editor"] {
        settings.managed_roles.insert(role(name), vec![format!("{name}s")]);
    }
    settings.protected_roles.insert(role("admin"));
    Directory { judged, absences: std::collections::BTreeMap::new(), settings }
}

/// So many people, of whom the first is an admin and all are editors, with accounts that are ours.
fn settled(number: usize) -> (Vec<crate::plan::Judged>, World) {
    let person = |index: usize| {
        let roles: &[&str] = if index == 0 { &["admin", "editor"] } else { &["editor"] };
        wanted(&format!("u{index:03}"), &format!("p{index:03}@acme.com"), &[("name", "Somebody")], roles)
    };
    let people: Vec<_> = (0..number).map(person).collect();
    let mut world = World::empty();
    let directory = directory(people.clone());
    let plan = world.plan(&directory).plan;
    assert!(world.apply(&plan, &directory.settings).is_empty());
    (people, world)
}

fn leaves(person: &mut crate::plan::Judged, leaving: Leaving) {
    person.2.standing = Standing::Unwanted(leaving);
}

fn disabled() -> Leaving {
    Leaving::Inactive { reason: InactiveReason::Disabled, raw: "userAccountControl=514".to_owned() }
}

fn judge(planned: &Planned, occasion: &Occasion) -> Reviewed {
    let protection = Protection { roles: vec![role("admin")], ..Protection::default() };
    review(planned.plan.clone(), &Limits::default(), &protection, occasion, &planned.holdings)
}

fn sentences(reviewed: &Reviewed) -> String {
    reviewed.holds().iter().map(|hold| format!("{hold}\n")).collect()
}

#[test]
fn one_leaver_of_ten_is_not_held() {
    let (mut people, world) = settled(10);
    leaves(&mut people[5], disabled());
    let reviewed = judge(&world.plan(&directory(people)), &Occasion::default());
    let Reviewed::Cleared(approved) = reviewed else { panic!("held: {}", sentences(&reviewed)) };
    assert_eq!(approved.approval(), &Approval::Guard);
    assert_eq!(approved.plan().changes.len(), 1);
    assert_eq!(approved.plan().changes.at(0).action, Action::Deactivate);
}

#[test]
fn a_mass_of_leavers_is_held_with_the_number_the_share_the_limit_and_the_causes() {
    let (mut people, world) = settled(200);
    for person in &mut people[20..34] {
        leaves(person, Leaving::NotInGroups);
    }
    for person in &mut people[40..46] {
        leaves(person, disabled());
    }
    leaves(&mut people[50], Leaving::Vanished);
    let reviewed = judge(&world.plan(&directory(people)), &Occasion::default());
    insta::assert_snapshot!(sentences(&reviewed));
}

#[test]
fn people_who_left_because_a_group_vanished_are_told_so() {
    let (mut people, world) = settled(120);
    for person in &mut people[20..34] {
        leaves(person, Leaving::NotInGroups);
    }
    let mut directory = directory(people);
    directory.settings.gone_groups.scope.insert("eng-all".to_owned());
    insta::assert_snapshot!(sentences(&judge(&world.plan(&directory), &Occasion::default())));
}

#[test]
fn masses_of_new_accounts_and_of_new_admins_are_held_but_not_twice_in_a_first_plan() {
    let (mut people, world) = settled(20);
    for person in people.iter_mut().skip(10).take(6) {
        *person = wanted(person.0.as_str(), &person.1.clone(), &[("name", "Somebody")], &["admin", "editor"]);
    }
    people.extend((0..5).map(|index| wanted(&format!("v{index}"), &format!("new{index}@acme.com"), &[], &[])));
    let planned = world.plan(&directory(people));
    let creations = super::Limit { count: 4, percent: None };
    let limits = Limits { creations, ..Limits::default() };
    let protection = Protection { roles: vec![role("admin")], ..Protection::default() };
    let judge =
        |occasion: &Occasion<'_>| review(planned.plan.clone(), &limits, &protection, occasion, &planned.holdings);
    insta::assert_snapshot!(sentences(&judge(&Occasion::default())));
    let first = Occasion { first_plan: true, ..Occasion::default() };
    assert_eq!(judge(&first).holds(), [Hold::FirstPlan]);
    let waived = Occasion { first_plan_waived: true, ..first };
    assert_eq!(judge(&waived).holds().len(), 2);
}

#[test]
fn a_mapping_that_suddenly_adopts_everybody_is_held_and_names_by_what_it_matches() {
    let (mut people, mut world) = settled(5);
    for index in 0..60 {
        let (user, address) = (format!("v{index:02}"), format!("old{index:02}@acme.com"));
        world.stranger(&format!("t{index:02}"), &address);
        people.push(wanted(&user, &address, &[("preferred_username", &address)], &[]));
    }
    let planned = world.plan(&directory(people));
    let reviewed = judge(&planned, &Occasion::default());
    insta::assert_snapshot!(sentences(&reviewed));
    let first = Occasion { first_plan: true, ..Occasion::default() };
    assert_eq!(judge(&planned, &first).holds(), [Hold::FirstPlan], "whoever reads a first plan counts them themselves");
}

#[test]
fn a_role_that_nearly_everybody_loses_is_held_however_many_roles_there_are() {
    let (mut people, mut world) = settled(60);
    for person in people.iter_mut().skip(1).take(5) {
        *person = wanted(person.0.as_str(), &person.1.clone(), &[("name", "Somebody")], &["admin", "editor"]);
    }
    let plan = world.plan(&directory(people.clone())).plan;
    world.apply(&plan, &directory(people.clone()).settings);
    for person in people.iter_mut().take(6) {
        *person = wanted(person.0.as_str(), &person.1.clone(), &[("name", "Somebody")], &["editor"]);
    }
    // One stays, because the role is protected.
    insta::assert_snapshot!(sentences(&judge(&world.plan(&directory(people)), &Occasion::default())));
}

#[test]
fn holds_as_earlier_versions_kept_them_are_still_read() {
    let kept = r#"[{"hold":"rules-changed"},{"hold":"over-limit","limit":"updates","number":4,"of":9,"count":1,"percent":30,
        "because":[[4,"name changed"]]},{"hold":"first-plan"},{"hold":"finding","sentence":"x"}]"#;
    let holds: Vec<Hold> = serde_json::from_str(kept).unwrap();
    let again: serde_json::Value = serde_json::to_value(&holds).unwrap();
    assert_eq!(again, serde_json::from_str::<serde_json::Value>(kept).unwrap(), "and written as they were");
    let approval: Approval = serde_json::from_str(r#"{"by":"person","who":"ada","how":"with --yes"}"#).unwrap();
    assert_eq!(approval, Approval::Person { who: "ada".to_owned(), how: "with --yes".to_owned(), decision: None });
}

#[test]
fn those_who_are_out_already_are_neither_leavers_nor_among_those_who_could_leave() {
    let (mut people, mut world) = settled(100);
    people[10..40].iter_mut().for_each(|person| leaves(person, disabled()));
    let reviewed = judge(&world.plan(&directory(people.clone())), &Occasion::default());
    world.apply(reviewed.plan(), &directory(people.clone()).settings);
    // Three more: the thirty of before are no part of this plan, however often the directory shows them.
    people[50..53].iter_mut().for_each(|person| leaves(person, disabled()));
    assert!(matches!(judge(&world.plan(&directory(people.clone())), &Occasion::default()), Reviewed::Cleared(_)));
    // Four of seventy are too many, although four of a hundred would not be.
    leaves(&mut people[53], disabled());
    let held = sentences(&judge(&world.plan(&directory(people)), &Occasion::default()));
    assert!(held.contains("deactivates 4 of 70 active accounts"), "{held}");
}

#[test]
fn a_mapping_gone_wrong_is_held_as_a_mass_of_updates() {
    let (mut people, world) = settled(100);
    for (index, person) in people.iter_mut().enumerate().skip(10).take(40) {
        *person = wanted(person.0.as_str(), &person.1.clone(), &[("name", "Somebody"), ("locale", "de")], &["editor"]);
        if index % 4 == 0 {
            *person = wanted(person.0.as_str(), &person.1.clone(), &[("name", "Body, Some")], &["editor"]);
        }
    }
    let reviewed = judge(&world.plan(&directory(people)), &Occasion::default());
    insta::assert_snapshot!(sentences(&reviewed));
}

#[test]
fn a_role_that_loses_a_fifth_of_its_people_is_held() {
    let (mut people, world) = settled(50);
    for person in people.iter_mut().skip(10).take(10) {
        *person = wanted(person.0.as_str(), &person.1.clone(), &[("name", "Somebody")], &[]);
    }
    let reviewed = judge(&world.plan(&directory(people)), &Occasion::default());
    insta::assert_snapshot!(sentences(&reviewed));
}

#[test]
fn a_first_plan_and_changed_rules_wait_and_say_so() {
    let (mut people, world) = settled(10);
    leaves(&mut people[5], Leaving::NotInGroups);
    let planned = world.plan_edited(&directory(people.clone()), Some(&Edited::Unknown));
    let occasion = Occasion { first_plan: true, ..Occasion::default() };
    insta::assert_snapshot!(sentences(&judge(&planned, &occasion)));

    let planned = world.plan(&directory(people));
    let waived = Occasion { first_plan_waived: true, ..occasion };
    assert!(matches!(judge(&planned, &waived), Reviewed::Cleared(_)));
}

#[test]
fn changed_rules_hold_only_what_takes_something_away() {
    let (mut people, world) = settled(10);
    people.push(wanted("u999", "new@acme.com", &[], &[]));
    let planned = world.plan_edited(&directory(people), Some(&Edited::Unknown));
    assert!(matches!(judge(&planned, &Occasion::default()), Reviewed::Cleared(_)));
}

#[test]
fn a_finding_holds_a_plan_that_does_something_and_no_empty_one() {
    let (mut people, world) = settled(10);
    let note = Note { sentence: "The group App Admins cannot be found".to_owned(), holds: true };
    let mut planned = world.plan(&directory(people.clone()));
    planned.plan.notes.push(note.clone());
    let occasion = Occasion { first_plan: true, ..Occasion::default() };
    assert!(matches!(judge(&planned, &occasion), Reviewed::Cleared(_)), "an empty plan is not held");

    people.push(wanted("u999", "new@acme.com", &[], &[]));
    let mut planned = world.plan(&directory(people));
    planned.plan.notes.push(note);
    insta::assert_snapshot!(sentences(&judge(&planned, &Occasion::default())));
}

#[test]
fn the_members_of_a_deleted_group_count_as_removed() {
    let (people, mut world) = settled(20);
    let mut directory = directory(people);
    directory.settings.pushed_groups.push(crate::plan::PushedGroup {
        key: crate::plan::GroupKey::Directory(id("g1")),
        name: "Engineering".to_owned(),
        members: (0..20).map(|index| id(&format!("u{index:03}"))).collect(),
    });
    let plan = world.plan(&directory).plan;
    world.apply(&plan, &directory.settings);
    directory.settings.pushed_groups.clear();
    let reviewed = judge(&world.plan(&directory), &Occasion::default());
    insta::assert_snapshot!(sentences(&reviewed));
}

#[test]
fn the_last_admin_stays_and_everybody_else_goes() {
    let (mut people, world) = settled(10);
    leaves(&mut people[0], disabled());
    leaves(&mut people[1], disabled());
    let reviewed = judge(&world.plan(&directory(people)), &Occasion::default());
    let plan = reviewed.plan();
    assert_eq!(plan.changes.len(), 1);
    assert_eq!(plan.changes.at(0).subject.label(), "p001@acme.com");
    let refusal = plan.refusals.iter().find(|refusal| refusal.reason == Reason::LastHolder).unwrap();
    insta::assert_snapshot!(refusal.detail);
}

#[test]
fn a_role_whose_holders_nobody_counted_is_taken_from_nobody() {
    let (mut people, world) = settled(10);
    leaves(&mut people[0], disabled());
    let mut directory = directory(people);
    directory.settings.protected_roles.clear();
    let reviewed = judge(&world.plan(&directory), &Occasion::default());
    assert!(reviewed.plan().is_empty());
    assert_eq!(reviewed.plan().refusals.get(0).unwrap().reason, Reason::LastHolder);
}

#[test]
fn an_approval_is_for_exactly_the_plan_that_was_held() {
    let (mut people, world) = settled(10);
    leaves(&mut people[5], disabled());
    let planned = world.plan(&directory(people));
    let Reviewed::Held(held) = judge(&planned, &Occasion { first_plan: true, ..Occasion::default() }) else {
        panic!("a first plan is held")
    };
    assert_eq!(held.holds(), [Hold::FirstPlan]);
    let approved = held.approve("ada", "at the prompt");
    assert_eq!(approved.plan().id(), planned.plan.id());
    assert_eq!(
        approved.approval(),
        &Approval::Person { who: "ada".to_owned(), how: "at the prompt".to_owned(), decision: None }
    );
}

#[test]
fn a_stale_plan_names_what_went_stale_and_why() {
    let (mut people, mut world) = settled(10);
    leaves(&mut people[5], disabled());
    leaves(&mut people[6], disabled());
    people[7] = wanted("u007", "p007@acme.com", &[("name", "Was This")], &["editor"]);
    people[8] = wanted("u008", "p008@acme.com", &[("name", "Somebody")], &[]);
    people.push(wanted("u999", "new@acme.com", &[], &["editor"]));
    let kept = PlanFile::of(&judge(&world.plan(&directory(people.clone())), &Occasion::default()));

    // Since then: u005 is back, u006 cannot be judged, u007 has another name, u008 was done, and u999 is the same.
    people[5] = wanted("u005", "p005@acme.com", &[("name", "Somebody")], &["editor"]);
    people[6] = judged("u006", "p006@acme.com", Standing::Withheld);
    people[7] = wanted("u007", "p007@acme.com", &[("name", "Is That")], &["editor"]);
    world.ledger.accounts.get_mut(&id("u008")).unwrap().roles.clear();
    let fresh = judge(&world.plan(&directory(people)), &Occasion::default());
    let Err(KeptPlanError::Stale(stale)) = kept.if_still_asked_for(&fresh) else { panic!("it is stale") };
    let lines: String = stale.iter().map(|change| format!("{change}\n")).collect();
    insta::assert_snapshot!(lines);
}

#[test]
fn a_plan_that_should_wait_for_a_new_step_is_stale() {
    let (mut people, mut world) = settled(3);
    leaves(&mut people[1], disabled());
    let plan = world.plan(&directory(people.clone())).plan;
    world.apply(&plan, &directory(people.clone()).settings);
    people[1] = wanted("u001", "p001@acme.com", &[("name", "Somebody")], &["editor"]);
    let kept = PlanFile::of(&judge(&world.plan(&directory(people.clone())), &Occasion::default()));
    // Meanwhile they lost the role: it has to go before they are let in.
    people[1] = wanted("u001", "p001@acme.com", &[("name", "Somebody")], &[]);
    let fresh = judge(&world.plan(&directory(people)), &Occasion::default());
    let Err(KeptPlanError::Stale(stale)) = kept.if_still_asked_for(&fresh) else { panic!("it is stale") };
    assert!(stale[0].why.contains("revoke role p001@acme.com"), "{}", stale[0].why);
}

#[test]
fn a_plan_of_another_organization_is_refused() {
    let (_, world) = settled(1);
    let mut planned = world.plan(&directory(Vec::new()));
    let fresh = judge(&planned, &Occasion::default());
    planned.plan.organization = "globex".to_owned();
    let kept = PlanFile::of(&judge(&planned, &Occasion::default()));
    let error = kept.if_still_asked_for(&fresh).unwrap_err();
    assert_eq!(error.to_string(), "the plan was made for globex, not for acme; nothing was changed");
}

#[test]
fn a_plan_file_reads_as_people_and_programs_expect() {
    let (mut people, world) = settled(4);
    people[1] = wanted("u001", "p001@acme.com", &[("name", "Some Body")], &["editor"]);
    leaves(&mut people[2], disabled());
    people.push(wanted("u999", "new@acme.com", &[("name", "New One")], &["editor"]));
    let occasion = Occasion { first_plan: true, ..Occasion::default() };
    let file = PlanFile::of(&judge(&world.plan(&directory(people)), &occasion));
    insta::assert_snapshot!(file.to_json());
}

#[test]
fn a_file_that_is_no_plan_or_is_too_new_is_refused_with_the_remedy() {
    let (_, world) = settled(1);
    let text = PlanFile::of(&judge(&world.plan(&directory(Vec::new())), &Occasion::default())).to_json();
    let newer = text.replacen("\"version\": 1", "\"version\": 2", 1);
    let error = PlanFile::from_json(&newer).unwrap_err();
    assert!(matches!(error, PlanFileError::Newer { found: 2 }), "{error}");
    let edited = text.replacen("acme", "acne", 1);
    assert!(matches!(PlanFile::from_json(&edited).unwrap_err(), PlanFileError::Altered { .. }));
    assert!(matches!(PlanFile::from_json("{}").unwrap_err(), PlanFileError::NotAPlan(_)));
    assert!(matches!(PlanFile::from_json("hello").unwrap_err(), PlanFileError::NotAPlan(_)));
}

#[test]
fn a_file_may_be_indented_and_ordered_otherwise_and_say_nothing_that_a_plan_does_not_say() {
    let person = |index| wanted(&format!("u{index:04}"), &format!("p{index}@acme.com"), &[], &["editor"]);
    let people = directory((0..1_100).map(person).collect());
    let file = PlanFile::of(&judge(&World::empty().plan(&people), &Occasion::default()));
    assert!(file.plan().changes.len() > 2_048, "so many that they are packed");
    let said: serde_json::Value = serde_json::from_str(&file.to_json()).unwrap();
    assert_eq!(PlanFile::from_json(&said.to_string()).unwrap(), file, "in one line, its keys sorted");
    let of = |alter: &dyn Fn(&mut serde_json::Value)| {
        let mut altered = said.clone();
        alter(&mut altered);
        PlanFile::from_json(&altered.to_string()).unwrap_err().to_string()
    };
    let beyond = [
        of(&|file| file["remark"] = "nobody is put out".into()),
        of(&|file| file["plan"]["remark"] = "nobody is put out".into()),
        of(&|file| file["plan"]["changes"][2_100]["remark"] = "this one neither".into()),
        of(&|file| file["plan"]["changes"][2_100]["subject"]["remark"] = "this one neither".into()),
    ];
    assert!(beyond.iter().all(|error| error.contains("it says more than a plan says")), "{beyond:?}");
    let summary = of(&|file| file["counts"] = serde_json::json!({ "create": 3_000 }));
    assert!(summary.contains("its summary is not that of its plan"), "{summary}");
}

#[test]
fn a_plan_file_cannot_call_a_deactivation_harmless_even_if_its_digest_is_made_anew() {
    let (mut people, world) = settled(20);
    leaves(&mut people[5], disabled());
    let mut plan = world.plan(&directory(people)).plan;
    plan.changes.alter(|change| change.destructive = false);
    assert!(plan.changes.len() == 1 && plan.changes.at(0).takes(), "what a change takes follows from what it does");
    let error = PlanFile::from_json(&PlanFile::new(plan, Vec::new()).to_json()).unwrap_err();
    assert!(error.to_string().contains("does not say what each change takes away"), "{error}");
}

/// An hour around this moment in which something may not be done.
fn blackout(forbids: crate::schedule::Forbids) -> Option<crate::schedule::OpenWindow> {
    let at = |text: &str| text.parse().unwrap();
    Some(crate::schedule::OpenWindow { forbids, since: at("2026-11-23T08:30:00Z"), until: at("2026-11-23T09:30:00Z") })
}

#[test]
fn a_blackout_of_removals_lets_everything_else_go_and_one_of_writes_nothing() {
    use crate::schedule::Forbids;
    let (mut people, world) = settled(10);
    leaves(&mut people[5], disabled());
    people.push(wanted("u900", "p900@acme.com", &[("name", "Somebody")], &[]));
    let planned = world.plan(&directory(people));
    let removals = Occasion { blackout: blackout(Forbids::Removals), ..Occasion::default() };
    let Reviewed::Parted(parted) = judge(&planned, &removals) else { panic!("a part goes") };
    let approved = parted.into_part();
    assert!(!approved.plan().is_empty() && approved.plan().changes.iter().all(|change| !change.takes()));
    let rest = approved.rest().unwrap();
    assert!(rest.holds().iter().all(Hold::passes_by_itself));
    insta::assert_snapshot!(rest.holds()[0].to_string(), @"Nothing is taken from anybody before 2026-11-23 09:30:00 UTC: a blackout of the configuration. It waits by itself; if it must be now, approve exactly this plan.");
    let writes = Occasion { blackout: blackout(Forbids::Writes), ..Occasion::default() };
    let Reviewed::Held(held) = judge(&planned, &writes) else { panic!("nothing goes") };
    assert_eq!(held.holds().len(), 1);
}

#[test]
fn a_blackout_of_removals_does_not_let_a_part_go_that_a_limit_holds() {
    let (mut people, world) = settled(200);
    for person in &mut people[20..80] {
        leaves(person, disabled());
    }
    people.push(wanted("u900", "p900@acme.com", &[("name", "Somebody")], &[]));
    let occasion = Occasion { blackout: blackout(crate::schedule::Forbids::Removals), ..Occasion::default() };
    let reviewed = judge(&world.plan(&directory(people)), &occasion);
    assert!(matches!(reviewed, Reviewed::Held(_)), "the limit keeps everything back");
    assert_eq!(reviewed.holds().len(), 2);
}

#[test]
fn an_approval_breaks_a_blackout_only_if_it_was_given_in_it() {
    use super::{Decider, Decisions};
    use crate::schedule::Forbids;
    let (mut people, world) = settled(10);
    leaves(&mut people[5], disabled());
    let planned = world.plan(&directory(people));
    let occasion = Occasion { blackout: blackout(Forbids::Writes), ..Occasion::default() };
    let Reviewed::Held(held) = judge(&planned, &occasion) else { panic!("held") };
    for (at, breaks) in [("2026-11-23T08:29:59Z", false), ("2026-11-23T08:45:00Z", true)] {
        let at: jiff::Timestamp = at.parse().unwrap();
        let mut decisions = Decisions::default();
        decisions.hold(held.plan(), held.holds(), "run", at).unwrap();
        let by = Decider {
            who: "ada".to_owned(),
            how: "with rollcall approve".to_owned(),
            at,
            expire_after: jiff::SignedDuration::from_hours(24),
        };
        decisions.approve(&held.plan().id().0, by, false).unwrap();
        let now = "2026-11-23T09:00:00Z".parse().unwrap();
        let later = Occasion { decisions: Some(&decisions), as_of: now, ..occasion };
        assert_eq!(matches!(judge(&planned, &later), Reviewed::Cleared(_)), breaks, "{at}");
        let after = Occasion { blackout: None, ..later };
        assert!(matches!(judge(&planned, &after), Reviewed::Cleared(_)));
    }
}
