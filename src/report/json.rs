//! Reports for programs.
//!
//! Every document is an object with `document` (what it is) and `version` (1). Within a version, fields are added but
//! neither taken away nor given another meaning. Times are RFC 3339 in UTC, and enumerations are in kebab case.
//!
//! | `document` | further fields |
//! |---|---|
//! | `plan` | `id`, `digest`, `held`, `holds`, `counts` (by kind of change), `counts_of_configuration` (those of them that are there because the configuration was edited; their last cause is `rules-edited`), `plan`: the plan file, which `apply` takes |
//! | `reconcile` | `drift`: what was done to accounts in the target, what becomes of it, and which accounts are not ours; `plan`: the `plan` document that follows |
//! | `run` | `run`: `id`, `organization`, `started`, `ended`, `result`, `certificate`, `changes` (what was read of the directory's changes, if it was no more than those), `plan_id`, `plan`, `approval`, `decision` (what somebody decided about it since), `drift`, `undoes`, `outcomes` (each with its `change` and `outcome`), `waiting` (`plan_id` and `plan` of the part that waits while the rest was applied); `counts`: `done`, `failed`, `skipped`, `left`, `waiting`; `summary` |
//! | `decision` | `organization`, `decision` (`verdict`, `plan`, `who`, `how`, `at`, `until`), `changes` |
//! | `history` | `runs`: as in `run`, without `plan`, `certificate`, `changes` and `outcomes`, with `counts` |
//! | `status` | `organizations`: the fields of [`super::status::Status`] |
//! | `check` | `checks`: `organization`, `part`, `findings` (`level`, `sentence`); `problems`, `warnings` |
//! | `explain` | `answers`: the fields of [`super::explain::Answer`] |

use std::sync::Arc;

use rollcall_kit::CheckLevel;
use serde_json::{Value, json};

use super::checks::Checked;
use super::explain::Answer;
use super::status::Status;
pub use super::streamed::Json;
use super::streamed::{List, Path};
use crate::guard::{Hold, PlanFile};
use crate::plan::{Changes, Drift, Plan};
use crate::run::{Decided, RunHeader, RunRecord, WaitingPart};

const VERSION: u32 = 1;

/// A plan: the same document as its file, so that saved output can be applied, too.
#[must_use]
pub fn plan(plan: Arc<Plan>, holds: &[Hold]) -> Json {
    let file = PlanFile::new(plan, holds.to_vec());
    Json::with_lists(json!(file.without_changes()), vec![(&["plan", "changes"], List::Changes(file.shared_plan()))])
}

/// A comparison with the target, and the plan that follows.
#[must_use]
pub fn reconcile(drift: &Drift, plan: Arc<Plan>, holds: &[Hold]) -> Json {
    let file = PlanFile::new(plan, holds.to_vec());
    let rest = file.without_changes();
    Json::with_lists(
        json!({ "document": "reconcile", "version": VERSION, "drift": drift, "plan": rest }),
        vec![(&["plan", "plan", "changes"], List::Changes(file.shared_plan()))],
    )
}

/// A run.
#[must_use]
pub fn run(record: RunRecord) -> Json {
    let (summary, mut run) = (super::run::summary(&record), brief(&RunHeader::of(&record)));
    run["certificate"] = json!(record.certificate);
    run["changes"] = json!(record.changes);
    run["plan"] = json!(record.plan.as_deref().map(without_changes));
    run["outcomes"] = json!([]);
    run["waiting"] = json!(
        record
            .waiting
            .as_ref()
            .map(|part| WaitingPart { plan_id: part.plan_id.clone(), plan: Arc::new(without_changes(&part.plan)) })
    );
    run["drift"] = json!(record.drift);
    let mut lists: Vec<(Path, List)> = vec![(&["run", "outcomes"], List::Outcomes(record.outcomes))];
    lists.extend(record.plan.map(|plan| -> (Path, List) { (&["run", "plan", "changes"], List::Changes(plan)) }));
    lists.extend(
        record
            .waiting
            .map(|part| -> (Path, List) { (&["run", "waiting", "plan", "changes"], List::Changes(part.plan)) }),
    );
    let document = json!({ "document": "run", "version": VERSION, "run": run, "summary": summary });
    Json::with_lists(document, lists)
}

/// Everything of a plan but its changes. A copy shares them with what it is a copy of, until it loses them.
fn without_changes(plan: &Plan) -> Plan {
    let mut plan = plan.clone();
    plan.changes = Changes::default();
    plan
}

/// The runs of the past.
#[must_use]
pub fn history(records: &[RunHeader]) -> Value {
    json!({ "document": "history", "version": VERSION, "runs": records.iter().map(brief).collect::<Vec<_>>() })
}

fn brief(record: &RunHeader) -> Value {
    let mut brief = json!({
        "id": record.id,
        "organization": record.organization,
        "started": record.started,
        "ended": record.ended,
        "result": record.result,
        "plan_id": record.plan_id,
        "approval": record.approval,
        "decision": record.decision,
        "undoes": record.undoes,
        "unchanged_since": record.unchanged_since,
        "counts": record.counts,
    });
    if let Some(folded) = &record.folded {
        brief["folded"] = json!(folded);
    }
    brief
}

/// How the organizations stand.
#[must_use]
pub fn status(statuses: &[Status]) -> Value {
    json!({ "document": "status", "version": VERSION, "organizations": statuses })
}

/// What somebody decided about a held plan.
#[must_use]
pub fn decision(organization: &str, decided: &Decided) -> Value {
    json!({
        "document": "decision",
        "version": VERSION,
        "organization": organization,
        "decision": decided.decision,
        "changes": decided.changes,
    })
}

/// Findings of a check.
#[must_use]
pub fn checks(checks: &[Checked]) -> Value {
    let of = |level| checks.iter().flat_map(|check| &check.findings).filter(|finding| finding.level == level).count();
    let each = checks
        .iter()
        .map(|check| json!({ "organization": check.organization, "part": check.part, "findings": check.findings }));
    json!({
        "document": "check",
        "version": VERSION,
        "checks": each.collect::<Vec<_>>(),
        "problems": of(CheckLevel::Problem),
        "warnings": of(CheckLevel::Warning),
    })
}

/// Answers about people.
#[must_use]
pub fn explain(answers: &[Answer]) -> Value {
    json!({ "document": "explain", "version": VERSION, "answers": answers })
}

/// JSON for standard output: indented, ending in a line feed.
#[must_use]
pub fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}
