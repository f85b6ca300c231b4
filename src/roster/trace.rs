//! What each gate said, for `explain`.
//!
//! The judge reports to a [`Trace`] at every gate. Runs hand it one that forgets, `explain` one that remembers:
//! there is one implementation of the rules, and what is explained is what is done.

use serde::{Deserialize, Serialize};

/// What one gate said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gate {
    /// Which gate: `status`, `domain`, `attributes.locale`, `role editor`.
    pub name: String,
    /// What it decided.
    pub verdict: Verdict,
    /// In a sentence, with the value that decided.
    pub detail: String,
}

/// What a gate decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// They went on.
    Passed,
    /// They went no further.
    Stopped,
    /// It was not asked: an earlier gate had decided.
    NotReached,
}

/// Every gate that everybody comes to, in order. `explain` also lists attributes and roles, one gate each.
pub const GATES: [&str; 12] =
    [FOUND, STATUS, ASSIGNED, EMAIL, DOMAIN, PLACES, GROUPS, EXPRESSION, CONFLICT, ATTRIBUTES, ROLES, ACCOUNT];

pub(crate) const FOUND: &str = "found";
pub(crate) const STATUS: &str = "status";
pub(crate) const ASSIGNED: &str = "assigned";
pub(crate) const EMAIL: &str = "e-mail";
pub(crate) const DOMAIN: &str = "domain";
pub(crate) const PLACES: &str = "places";
pub(crate) const GROUPS: &str = "groups";
pub(crate) const EXPRESSION: &str = "expression";
pub(crate) const CONFLICT: &str = "conflict";
pub(crate) const ATTRIBUTES: &str = "attributes";
pub(crate) const ROLES: &str = "roles";
pub(crate) const ACCOUNT: &str = "account";

/// Listens to the judge.
pub(crate) trait Trace {
    /// One gate has decided. The sentence is only made if somebody listens.
    fn gate(&mut self, name: &str, verdict: Verdict, detail: impl FnOnce() -> String);

    /// They passed a gate.
    fn passed(&mut self, name: &str, detail: impl FnOnce() -> String) {
        self.gate(name, Verdict::Passed, detail);
    }

    /// A gate stopped them.
    fn stopped(&mut self, name: &str, detail: impl FnOnce() -> String) {
        self.gate(name, Verdict::Stopped, detail);
    }
}

/// Forgets.
pub(crate) struct Silent;

impl Trace for Silent {
    fn gate(&mut self, _: &str, _: Verdict, _: impl FnOnce() -> String) {}
}

/// Remembers.
#[derive(Default)]
pub(crate) struct Recorder(Vec<Gate>);

impl Trace for Recorder {
    fn gate(&mut self, name: &str, verdict: Verdict, detail: impl FnOnce() -> String) {
        self.0.push(Gate { name: name.to_owned(), verdict, detail: detail() });
    }
}

impl Recorder {
    /// All gates in order, with those that were not reached behind the last one that was.
    pub(crate) fn finish(mut self) -> Vec<Gate> {
        for name in GATES {
            if !self.0.iter().any(|gate| gate.name == name) {
                let detail = "not asked: an earlier gate had decided".to_owned();
                self.0.push(Gate { name: name.to_owned(), verdict: Verdict::NotReached, detail });
            }
        }
        self.0
    }
}
