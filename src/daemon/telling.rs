//! Tells people what the daemon sees: turns how runs ended into observations of [`crate::notify`].
//!
//! A run says how it ended before the daemon has judged what that means: a run that was cut short because the daemon
//! stops is no failure. So what a run said is put aside, and is observed when the organization's state has taken it in.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use tokio::sync::watch;

use super::desk::locked;
use super::state::{Health, OrganizationState};
use super::{Consumer, States, View};
use crate::config::Configuration;
use crate::guard::Hold;
use crate::notify::{Notifier, Observation, Reason, RunEnd};
use crate::run::{Event, RunRecord, RunResult};

/// Under which name the daemon's own secrets are told of, which no organization can have.
pub(super) const OURSELVES: &str = "(daemon)";

/// Whoever tells people.
#[derive(Clone)]
pub(super) struct Telling {
    notifier: Arc<Notifier>,
    /// By organization: when its last run ended, and what there is to observe about it.
    aside: Arc<Mutex<BTreeMap<String, (Timestamp, Observation)>>>,
}

impl Telling {
    pub(super) fn new(notifier: Arc<Notifier>) -> Self {
        Self { notifier, aside: Arc::default() }
    }

    /// Puts aside how each run ended.
    pub(super) fn consumer(&self) -> Consumer {
        let aside = Arc::clone(&self.aside);
        Box::new(move |told| {
            if let Event::Ended { record } = &told.event
                && let Some(observation) = observation(record)
            {
                locked(&aside).insert(told.organization.clone(), (record.ended, observation));
            }
        })
    }

    /// Observes how organizations stand, for as long as it is polled.
    pub(super) async fn follow(self, view: View) {
        let (mut states, mut configuration) = (view.states, view.configuration);
        loop {
            self.look(&states.borrow_and_update());
            tokio::select! {
                changed = states.changed() => if changed.is_err() { return },
                changed = configuration.changed() => match changed {
                    Ok(()) => self.reconfigure(&mut configuration),
                    Err(_) => return,
                },
            }
        }
    }

    fn reconfigure(&self, configuration: &mut watch::Receiver<Arc<Configuration>>) {
        let configuration = Arc::clone(&configuration.borrow_and_update());
        let mut names: BTreeSet<String> = configuration.organizations.keys().cloned().collect();
        names.insert(OURSELVES.to_owned());
        locked(&self.aside).retain(|name, _| names.contains(name));
        self.notifier.configure(configuration.daemon.notify.clone(), &names);
    }

    fn look(&self, states: &States) {
        for (name, state) in states {
            let ended = state.last.as_ref().map(|last| last.ended);
            let aside = {
                let mut aside = locked(&self.aside);
                let is_taken_in = aside.get(name).is_some_and(|(at, _)| Some(*at) == ended);
                if is_taken_in { aside.remove(name) } else { None }
            };
            if let Some((at, observation)) = aside {
                self.notifier.observe(name, at, observation);
            }
            // Told already or not: the book knows.
            if let Some(observation) = quarantine(state) {
                self.notifier.observe(name, state.since, observation);
            }
        }
    }
}

fn quarantine(state: &OrganizationState) -> Option<Observation> {
    let next = state.next.map(|due| due.at);
    (state.health == Health::Quarantined).then_some(Observation::Quarantined { failures: state.failures, next })
}

/// What there is to observe about a run; nothing about one that was to plan only, or that a blackout put off.
fn observation(record: &RunRecord) -> Option<Observation> {
    let end = match &record.result {
        RunResult::Planned => return None,
        RunResult::NothingToDo | RunResult::Applied => RunEnd::Good,
        RunResult::AppliedInPart { failed } => RunEnd::InPart { failed: *failed },
        RunResult::Failed(failure) => RunEnd::Failed { error: failure.error.clone() },
        // What a blackout puts off passes by itself; nobody need be told.
        RunResult::Held { holds } if holds.iter().all(Hold::passes_by_itself) => return None,
        RunResult::Held { holds } => {
            let held = record.held();
            RunEnd::Held {
                plan: held.map(|(plan, ..)| plan.to_string()).unwrap_or_default(),
                changes: held.and_then(|(_, plan, _)| plan).map_or(0, |plan| plan.changes.len() as u64),
                reasons: holds.iter().map(|hold| reason(hold, &record.id)).collect(),
            }
        }
    };
    Some(Observation::Run { run: record.id.clone(), end })
}

/// The kind of a hold, and a sentence that names nobody: what holds name people is shown by `rollcall show`.
fn reason(hold: &Hold, run: &str) -> Reason {
    let (code, sentence) = match hold {
        Hold::FirstPlan => ("first-plan".to_owned(), "It is the organization's first plan.".to_owned()),
        Hold::RulesChanged { because, .. } => {
            let number: u64 = because.iter().map(|(number, _)| number).sum();
            let sentence = format!("The rules were edited, and that takes something away ({number} changes).");
            ("rules-changed".to_owned(), sentence)
        }
        Hold::OverLimit { limit, within, number, of, count, percent, .. } => {
            let within = within.as_ref().map(|within| format!(" ({within})")).unwrap_or_default();
            let share = percent.map(|percent| format!(", or {percent} %")).unwrap_or_default();
            let sentence = format!("It goes beyond the limit {limit}{within}: {number} of {of}; {count} may{share}.");
            (format!("over-limit:{limit}{within}"), sentence)
        }
        Hold::Finding { sentence } => {
            let same: String = sentence.chars().filter(|c| !c.is_ascii_digit()).collect();
            let mark = &blake3::hash(same.as_bytes()).to_hex()[..16];
            (format!("finding:{mark}"), format!("A finding holds it; rollcall show {run} tells which."))
        }
        Hold::Blackout { .. } => ("blackout".to_owned(), "A blackout puts it off.".to_owned()),
        Hold::Rejected { decision } => ("rejected".to_owned(), format!("{} rejected what holds it.", decision.who)),
        Hold::BeyondApproval { .. } => ("beyond-approval".to_owned(), "It goes beyond what was approved.".to_owned()),
    };
    Reason { code, sentence }
}
