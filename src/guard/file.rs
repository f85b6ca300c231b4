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

use serde::{Deserialize, Serialize};

use super::approval::HeldPlan;
use super::hold::Hold;
use super::review::Reviewed;
use crate::plan::document::PLAN_VERSION;
use crate::plan::{Change, Plan, PlanId, StaleChange, stale};

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
    plan: Plan,
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
        Self::new(reviewed.plan().clone(), reviewed.holds().to_vec())
    }

    /// The file of a plan that these hold.
    pub(crate) fn new(plan: Plan, holds: Vec<Hold>) -> Self {
        Self {
            document: DOCUMENT.to_owned(),
            version: PLAN_VERSION,
            id: plan.id(),
            digest: digest(PLAN_VERSION, &holds, &plan),
            held: !holds.is_empty(),
            counts: counts(&plan, |_| true),
            counts_of_configuration: counts(&plan, Change::is_of_rules),
            holds,
            plan,
        }
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

    /// The file, as JSON for people and programs.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
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
        // What is read must be all that stands there: a key that only people see would be approved by them and done
        // by nobody.
        let whole: serde_json::Value = serde_json::from_str(text).map_err(no_plan)?;
        if serde_json::to_value(&file).map_err(no_plan)? != whole {
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
        if file != Self::new(file.plan.clone(), file.holds.clone()) {
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
            let (kept, fresh) = (self.plan.organization, now.organization.clone());
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
fn counts(plan: &Plan, of: fn(&Change) -> bool) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for change in plan.changes.iter().filter(|change| of(change)) {
        *counts.entry(change.action.kind().words().replace(' ', "-")).or_default() += 1;
    }
    counts
}

fn digest(version: u32, holds: &[Hold], plan: &Plan) -> String {
    let canonical = serde_json::to_vec(&Digested { version, holds, plan }).unwrap_or_default();
    blake3::hash(&canonical).to_hex()[..16].to_owned()
}
