//! What people read, kept as golden files. Read them as a newcomer would before you accept a change.

use rollcall_kit::CheckFinding;

use super::checks::Checked;
use super::explain::{Answer, Gate, Verdict};
use super::fixture::{self, Changes, create, plan};
use super::status::{Held, LastRun, Status};
use super::*;
use crate::apply::{Outcome, Skip, SkipCode};
use crate::guard::Hold;
use crate::plan::{Action, Cause};
use crate::roster::Leaving;
use crate::run::{Event, FailureCode, RunFailure, RunHeader, RunRecord, RunResult};

fn text(document: &Document) -> String {
    text::plain(&text::render(document))
}

fn plan_text(plan: &crate::plan::Plan, holds: &[Hold]) -> String {
    text(&super::plan::document(plan, holds, Options::default()))
}

#[test]
fn a_plan_with_a_bit_of_everything() {
    insta::assert_snapshot!(plan_text(&fixture::mixed(), &[]));
}

#[test]
fn the_first_plan_of_a_large_company_stays_readable() {
    let text = plan_text(&fixture::first(), &[Hold::FirstPlan]);
    assert!(text.lines().count() < 60, "{text}");
    insta::assert_snapshot!(text);
}

#[test]
fn a_held_plan_says_why_before_anything_else() {
    let (plan, holds) = fixture::held();
    insta::assert_snapshot!(plan_text(&plan, &holds));
}

#[test]
fn an_empty_plan_is_one_sentence() {
    insta::assert_snapshot!(plan_text(&plan(Changes::default(), Vec::new(), Vec::new()), &[]));
}

#[test]
fn refusals_alone_are_named_by_reason() {
    let refusals = fixture::mixed().refusals;
    insta::assert_snapshot!(plan_text(&plan(Changes::default(), refusals, Vec::new()), &[]));
}

#[test]
fn the_last_line_of_a_plan_is_its_summary() {
    let (held, holds) = fixture::held();
    for (plan, holds) in [(fixture::mixed(), &[][..]), (fixture::first(), &[Hold::FirstPlan]), (held, &holds)] {
        let summary = super::plan::summary(&plan, holds);
        assert_eq!(plan_text(&plan, holds).lines().last(), Some(summary.as_str()));
    }
}

#[test]
fn all_shows_every_line_and_a_cut_list_counts_the_rest() {
    let plan = fixture::first();
    let whole = text(&super::plan::document(&plan, &[], Options { all: true }));
    assert_eq!(whole.matches("@acme.com").count(), 10_000);
    let cut = plan_text(&plan, &[]);
    assert_eq!(cut.matches("@acme.com").count(), 30);
    assert!(cut.contains("… and 4,990 more (use --all, or --format json)"));
}

#[test]
fn a_report_of_all_ends_somewhere_and_says_where_the_rest_is() {
    let mut changes = Changes::default();
    for number in 0..document::LONGEST + 50 {
        changes.account(&format!("p{number}"), "", Action::Deactivate, fixture::left(Leaving::Vanished));
    }
    let whole = text(&super::plan::document(&plan(changes, Vec::new(), Vec::new()), &[], Options { all: true }));
    assert_eq!(whole.matches("@acme.com").count(), document::LONGEST);
    assert!(whole.contains("… and 50 more (a report shows 100,000 lines of a kind; use --format json for all)"));
    assert!(whole.contains("Deactivate 100,050 accounts"), "{}", &whole[..400]);
}

#[test]
fn colours_are_there_and_can_be_taken_out() {
    let coloured = text::render(&super::plan::document(&fixture::mixed(), &[], Options::default()));
    assert!(coloured.contains("\u{1b}[31m-"), "{coloured}");
    assert!(!text::plain(&coloured).contains('\u{1b}'));
}

#[test]
fn a_plan_in_markdown() {
    let (plan, holds) = fixture::held();
    insta::assert_snapshot!(markdown::render(&super::plan::document(&plan, &holds, Options::default())));
}

#[test]
fn a_plan_in_html() {
    insta::assert_snapshot!(html::render(&super::plan::document(
        &fixture::mixed(),
        &[],
        Options::of(Format::Html, false)
    )));
}

#[test]
fn a_plan_in_json() {
    let (mut plan, holds) = fixture::held();
    plan.changes = plan.changes.into_iter().take(1).collect();
    insta::assert_snapshot!(printed(&json::plan(plan.into(), &holds)));
}

/// What is printed of a document.
fn printed(document: &json::Json) -> String {
    let mut text = Vec::new();
    document.write(&mut text).unwrap();
    String::from_utf8(text).unwrap()
}

#[test]
fn what_is_made_while_it_is_printed_is_what_a_value_of_all_of_it_would_print() {
    let (plan, holds) = fixture::held();
    let plan = std::sync::Arc::new(plan);
    let file = serde_json::json!(crate::guard::PlanFile::new(std::sync::Arc::clone(&plan), holds.clone()));
    assert_eq!(printed(&json::plan(std::sync::Arc::clone(&plan), &holds)), json::pretty(&file));
    let drift = crate::plan::Drift::default();
    let whole = serde_json::json!({ "document": "reconcile", "version": 1, "drift": drift, "plan": file });
    assert_eq!(printed(&json::reconcile(&drift, std::sync::Arc::clone(&plan), &holds)), json::pretty(&whole));
    let waiting = Some(crate::run::WaitingPart { plan_id: plan.id(), plan: std::sync::Arc::clone(&plan) });
    let record = RunRecord { waiting, ..fixture::record() };
    let mut whole = serde_json::to_value(json::run(record.clone())).unwrap();
    assert!(whole["run"]["plan"]["changes"].as_array().is_some_and(|changes| !changes.is_empty()));
    whole["run"]["plan"] = serde_json::json!(record.plan);
    whole["run"]["waiting"] = serde_json::json!(record.waiting);
    assert_eq!(printed(&json::run(record)), json::pretty(&whole));
    let several = || vec![json::Json::from(file.clone()), json::plan(std::sync::Arc::clone(&plan), &holds)];
    let list = serde_json::Value::Array(vec![file.clone(), file.clone()]);
    assert_eq!(printed(&json::Json::one_or_list(several())), json::pretty(&list));
    assert_eq!(printed(&json::Json::one_or_list(Vec::new())), "[]\n");
}

#[test]
fn names_cannot_break_out_of_any_format() {
    let mut changes = Changes::default();
    changes.account("eve", "<script>alert(1)</script>\u{1b}[2J|[x](http://evil)", create(), Cause::Joined);
    let mut plan = plan(changes, Vec::new(), Vec::new());
    plan.organization = "\"><img src=x onerror=alert(1)>".to_owned();
    let document = super::plan::document(&plan, &[], Options::default());
    let page = html::render(&document);
    assert!(page.contains("&#60;script&#62;alert(1)") && !page.contains("<script") && !page.contains("<img"), "{page}");
    let markdown = markdown::render(&document);
    assert!(!markdown.contains("<script") && !markdown.contains("[x](http"), "{markdown}");
    for rendered in [text(&document), page, markdown] {
        assert!(!rendered.contains('\u{1b}') && rendered.contains("U+001B"), "{rendered}");
    }
}

#[test]
fn an_html_report_needs_nothing_from_elsewhere() {
    let page = html::render(&super::run::document(&fixture::record(), Options::default()));
    for foreign in ["src=", "href=", "<script", "@import", "url(", "<link"] {
        assert!(!page.contains(foreign), "{foreign}");
    }
    assert!(page.contains("prefers-color-scheme: dark"));
}

#[test]
fn a_run_that_went_through_in_part() {
    insta::assert_snapshot!(text(&super::run::document(&fixture::record(), Options::default())));
}

#[test]
fn a_run_that_failed_before_it_read_anything() {
    insta::assert_snapshot!(text(&super::run::document(&failed(), Options::default())));
}

fn failed() -> RunRecord {
    let error = "the read of users is incomplete: page 3 of ldaps://ldap.acme.com ended with result code 4. Nothing was changed";
    RunRecord {
        id: "20261123T080000-11aa".to_owned(),
        result: RunResult::Failed(RunFailure::new(FailureCode::Read, error)),
        certificate: None,
        changes: None,
        plan_id: None,
        plan: None,
        approval: None,
        outcomes: Vec::new(),
        ..fixture::record()
    }
}

#[test]
fn a_run_in_json_has_its_documented_shape() {
    let run = serde_json::to_value(json::run(fixture::record())).unwrap();
    assert_eq!((&run["document"], &run["version"]), (&"run".into(), &1.into()));
    assert_eq!(run["run"]["outcomes"][3]["change"], 4);
    assert_eq!(run["run"]["outcomes"][3]["outcome"]["outcome"], "failed");
    assert_eq!(run["run"]["result"]["result"], "applied-in-part");
    assert_eq!(run["run"]["started"], "2026-11-23T09:00:00Z");
    insta::assert_json_snapshot!(run["run"]["counts"]);
}

#[test]
fn records_as_earlier_versions_kept_them_are_still_read() {
    let mut json = serde_json::to_value(fixture::record()).unwrap();
    let fields = json.as_object_mut().unwrap();
    assert!(fields.get("waiting").is_none() && fields.get("decision").is_none(), "what is not there is not written");
    fields.insert("result".to_owned(), serde_json::json!({ "result": "held", "holds": [{ "hold": "rules-changed" }] }));
    let record: RunRecord = serde_json::from_value(json).unwrap();
    assert_eq!(record.held().unwrap().0, record.plan_id.as_ref().unwrap());
}

#[test]
fn history_has_one_line_a_run() {
    insta::assert_snapshot!(text(&super::history::document(&[
        RunHeader::of(&fixture::record()),
        RunHeader::of(&failed())
    ])));
    insta::assert_snapshot!(text(&super::history::document(&[])));
    insta::assert_json_snapshot!("history_in_json", json::history(&[RunHeader::of(&failed())]));
}

#[test]
fn status_tells_how_every_organization_stands() {
    let (plan, holds) = fixture::held();
    let record = fixture::record();
    let acme = Status {
        organization: "acme".to_owned(),
        enabled: true,
        sealed: true,
        users: 1_214,
        active: 1_180,
        inactive: 21,
        unsettled: 0,
        last_read: Some(record.started),
        last_run: Some(LastRun {
            id: record.id,
            ended: record.ended,
            result: RunResult::Held { holds: holds.clone() },
        }),
        held: Some(Held { plan: plan.id(), holds, changes: plan.changes.len() as u64, decision: None }),
        approval: None,
        next_run: Some(fixture::time("2026-11-23T09:15:00Z")),
        paused: None,
        daemon: None,
    };
    let new = Status {
        organization: "beta".to_owned(),
        enabled: false,
        sealed: false,
        unsettled: 2,
        users: 0,
        active: 0,
        inactive: 0,
        last_read: None,
        last_run: None,
        held: None,
        approval: None,
        next_run: None,
        paused: None,
        daemon: None,
    };
    insta::assert_snapshot!(text(&super::status::document(&[acme.clone(), new])));
    insta::assert_json_snapshot!("status_in_json", json::status(&[acme]));
}

#[test]
fn findings_of_a_check_are_told_by_their_marks() {
    let checks = [
        Checked {
            organization: None,
            part: "configuration".to_owned(),
            findings: vec![CheckFinding::good("config.toml is sound; it names 1 organization")],
        },
        Checked {
            organization: Some("acme".to_owned()),
            part: "target".to_owned(),
            findings: vec![
                CheckFinding::good("https://app.example.com/scim/v2 accepts the token"),
                CheckFinding::warning("the target ignores filters; accounts are matched by walking all of them"),
                CheckFinding::problem("the token may not write: POST /Users answers 403; give it the scope scim:write"),
            ],
        },
    ];
    insta::assert_snapshot!(text(&super::checks::document(&checks)));
    insta::assert_json_snapshot!("check_in_json", json::checks(&checks));
}

#[test]
fn an_explanation_names_every_gate_in_order() {
    let answer = Answer {
        who: "joe@ext.acme.com (Joe Doe)".to_owned(),
        organization: "acme".to_owned(),
        gates: vec![
            Gate::new(
                Verdict::Passed,
                "found in the directory",
                "under the id 7f3a, as uid joe at uid=joe,ou=people,dc=acme,dc=com",
            ),
            Gate::new(Verdict::Passed, "status", "active (userAccountControl=512)"),
            Gate::new(Verdict::Stopped, "domain owned", "ext.acme.com is none of acme.com, acme.co.uk"),
            Gate::new(Verdict::Told, "account", "none in the ledger"),
        ],
        conclusion: "no account, because the domain is not registered".to_owned(),
        notes: vec!["add ext.acme.com to domains if its people are yours".to_owned()],
    };
    insta::assert_snapshot!(text(&super::explain::document(std::slice::from_ref(&answer))));
    insta::assert_json_snapshot!("explain_in_json", json::explain(&[answer]));
}

#[test]
fn progress_follows_a_run() {
    let mut progress = Progress::silent();
    progress.event(&Event::Reading { users: 1_200, groups: 14 });
    assert_eq!(progress.shown(), (1_214, None, "reading the directory: 1,200 users, 14 groups".to_owned()));
    progress.event(&Event::Confirming { done: 3, of: 7 });
    assert_eq!(progress.shown(), (3, Some(7), "looking up who vanished".to_owned()));
    progress.event(&Event::Matching { candidates: 1 });
    assert_eq!(progress.shown().2, "looking up 1 user without an account in the target");
    progress.event(&Event::Applying { changes: 2 });
    let change = Box::new(fixture::mixed().changes.at(0).into_owned());
    progress.event(&Event::Changed { change: change.clone(), outcome: Outcome::Done { notes: Vec::new() } });
    assert_eq!(progress.shown(), (1, Some(2), "applying".to_owned()));
    progress.event(&Event::Changed { change, outcome: Outcome::Skipped(Skip::new(SkipCode::Unknown, "")) });
    assert_eq!(progress.shown(), (2, Some(2), "applying, 1 change not gone through".to_owned()));
}
