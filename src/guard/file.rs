//! The plan file: a reviewed plan that people and programs keep.
//!
//! JSON with a version and a digest: `document` (`"plan"`), `version`, `id` (by which the plan is approved), `digest`,
//! `held`, `holds`, `counts` (by kind of change), `counts_of_configuration` (of what is there because the configuration
//! was edited; absent if nothing is) and `plan`. `rollcall plan --format json` prints the same.
//!
//! The digest finds accidents and edits; it is no signature and need not be one: a
//! kept plan is never applied on its own word, but only if a plan that was made and reviewed now asks for each of its
//! changes ([`PlanFile::if_still_asked_for`]).

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::approval::HeldPlan;
use super::hold::Hold;
use super::review::Reviewed;
use super::saying::says_only;
use crate::plan::document::PLAN_VERSION;
use crate::plan::{ActionKind, Changes, Plan, PlanId, StaleChange, stale};

/// A reviewed plan, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanFile {
    document: String,
    version: u32,
    id: PlanId,
    digest: String,
    held: bool,
    holds: Vec<Hold>,
    counts: BTreeMap<String, usize>,
    /// How many of them are there because the configuration was edited.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    counts_of_configuration: BTreeMap<String, usize>,
    plan: Arc<Plan>,
}

/// Why a plan file cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum PlanFileError {
    /// It is no plan file.
    #[error("this is no plan file: {0}. Write one with `rollcall plan -o FILE`")]
    NotAPlan(String),
    /// A later version of Rollcall wrote it.
    #[error(
        "the plan file has version {found}, and this Rollcall reads up to {PLAN_VERSION}; plan again with this one, or apply it with the Rollcall that wrote it"
    )]
    Newer {
        /// Its version.
        found: u64,
    },
    /// It was changed after it was written.
    #[error("the plan file was changed after it was written: it says that it is {said}, and it is {found}; plan again")]
    Altered {
        /// The digest in the file.
        said: String,
        /// The digest of the file.
        found: String,
    },
}

/// Why a kept plan cannot be applied any more.
#[derive(Debug, thiserror::Error)]
pub enum KeptPlanError {
    /// It was made for another organization.
    #[error("the plan was made for {kept}, not for {fresh}; nothing was changed")]
    OtherOrganization {
        /// Whose plan it is.
        kept: String,
        /// Whose plan it should be.
        fresh: String,
    },
    /// Some of its changes are not asked for any more.
    #[error("the plan is stale: {} of its changes are not asked for any more; nothing was changed. Plan again", .0.len())]
    Stale(Vec<StaleChange>),
}

/// What the file says that it is.
const DOCUMENT: &str = "plan";

/// What the digest covers.
#[derive(Serialize)]
struct Digested<'a> {
    version: u32,
    holds: &'a [Hold],
    plan: &'a Plan,
}

/// What every version of the file has.
#[derive(Deserialize)]
struct Header {
    version: u64,
}

impl PlanFile {
    /// Keeps a reviewed plan.
    #[must_use]
    pub fn of(reviewed: &Reviewed) -> Self {
        Self::new(reviewed.shared_plan(), reviewed.holds().to_vec())
    }

    /// The file of a plan that these hold.
    pub(crate) fn new(plan: impl Into<Arc<Plan>>, holds: Vec<Hold>) -> Self {
        let plan = plan.into();
        Self {
            document: DOCUMENT.to_owned(),
            version: PLAN_VERSION,
            id: plan.id(),
            digest: digest(PLAN_VERSION, &holds, &plan),
            held: !holds.is_empty(),
            counts: counts(&plan),
            counts_of_configuration: counts_of_configuration(&plan),
            holds,
            plan,
        }
    }

    /// Everything that it says but the changes, which may be very many.
    pub(crate) fn without_changes(&self) -> Self {
        // A copy shares the changes with what it is a copy of, until it loses them.
        let mut plan = Plan::clone(&self.plan);
        plan.changes = Changes::default();
        Self { plan: Arc::new(plan), ..self.clone() }
    }

    /// The plan.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The plan's digest, by which it is approved.
    #[must_use]
    pub fn id(&self) -> &PlanId {
        &self.id
    }

    /// Why it was held when it was made; empty if it was not.
    #[must_use]
    pub fn holds(&self) -> &[Hold] {
        &self.holds
    }

    /// The plan, to be kept for longer without a copy.
    #[must_use]
    pub fn shared_plan(&self) -> Arc<Plan> {
        Arc::clone(&self.plan)
    }

    /// Writes the file, as JSON for people and programs. It is made while it is written, and never whole in memory.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn write(&self, into: &mut dyn Write) -> io::Result<()> {
        serde_json::to_writer_pretty(&mut *into, self)?;
        into.write_all(b"\n")
    }

    /// The same as text.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut text = Vec::new();
        let written = self.write(&mut text);
        String::from_utf8(text).ok().filter(|_| written.is_ok()).unwrap_or_default()
    }

    /// Reads a file.
    ///
    /// # Errors
    ///
    /// If it is no plan file, was written by a later version, or was changed since.
    pub fn from_json(text: &str) -> Result<Self, PlanFileError> {
        let no_plan = |error: serde_json::Error| PlanFileError::NotAPlan(error.to_string());
        let header: Header = serde_json::from_str(text).map_err(no_plan)?;
        if header.version > u64::from(PLAN_VERSION) {
            return Err(PlanFileError::Newer { found: header.version });
        }
        let file: Self = serde_json::from_str(text).map_err(no_plan)?;
        let rest = serde_json::to_value(file.without_changes()).map_err(no_plan)?;
        if !says_only(text, &file.plan.changes, &rest).map_err(no_plan)? {
            return Err(PlanFileError::NotAPlan("it says more than a plan says".to_owned()));
        }
        let found = digest(file.version, &file.holds, &file.plan);
        if file.digest != found {
            return Err(PlanFileError::Altered { said: file.digest, found });
        }
        if file.id != file.plan.id() {
            return Err(PlanFileError::Altered { said: file.id.0.clone(), found: file.plan.id().0 });
        }
        // Held or not, and how much of what, follows from the plan; whoever wrote something else there meant to mislead.
        let counted = (counts(&file.plan), counts_of_configuration(&file.plan));
        if file.plan.changes.iter().any(|change| change.destructive != change.action.is_destructive()) {
            return Err(PlanFileError::NotAPlan("it does not say what each change takes away".to_owned()));
        }
        if (file.document.as_str(), file.version, file.held) != (DOCUMENT, PLAN_VERSION, !file.holds.is_empty())
            || (&file.counts, &file.counts_of_configuration) != (&counted.0, &counted.1)
        {
            return Err(PlanFileError::NotAPlan("its summary is not that of its plan".to_owned()));
        }
        Ok(file)
    }

    /// Exactly this plan, to be approved, if a plan that was made and reviewed now still asks for every one of its
    /// changes. What the fresh plan asks for beyond them is not approved and waits for another plan.
    ///
    /// # Errors
    ///
    /// If it was made for another organization, or some of its changes went stale.
    pub fn if_still_asked_for(self, fresh: &Reviewed) -> Result<HeldPlan, KeptPlanError> {
        let now = fresh.plan();
        if self.plan.organization != now.organization {
            let (kept, fresh) = (self.plan.organization.clone(), now.organization.clone());
            return Err(KeptPlanError::OtherOrganization { kept, fresh });
        }
        let stale = stale(&self.plan, now);
        if !stale.is_empty() {
            return Err(KeptPlanError::Stale(stale));
        }
        // Who said no to it since it was kept meant the file as well.
        let no = fresh.holds().iter().filter(|hold| hold.is_rejection()).cloned();
        let holds = self.holds.into_iter().filter(|hold| !hold.is_rejection());
        Ok(HeldPlan::new(self.plan, no.chain(holds).collect()))
    }
}

/// How many changes there are of each kind, by its name.
fn counts(plan: &Plan) -> BTreeMap<String, usize> {
    plan.counts().iter().map(|(kind, count)| (name(*kind), *count)).collect()
}

/// The same of those that are there because the configuration was edited.
fn counts_of_configuration(plan: &Plan) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    // Most plans have none, and need no walk.
    if plan.changes.of_rules() > 0 {
        for change in plan.changes.iter().filter(|change| change.is_of_rules()) {
            *counts.entry(name(change.action.kind())).or_default() += 1;
        }
    }
    counts
}

fn name(kind: ActionKind) -> String {
    kind.words().replace(' ', "-")
}

/// A file that cannot be written down is not written, so what stands here then is never read.
fn digest(version: u32, holds: &[Hold], plan: &Plan) -> String {
    rollcall_kit::digest(&Digested { version, holds, plan }).unwrap_or_else(|error| error.to_string())
}
