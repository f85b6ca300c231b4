//! From a confirmed absence to a doubted one: takes the traces of whoever is missing from the mirror, and asks the
//! directory about the places where they stood. What follows from the answers is [`crate::read::doubts`].

use std::collections::{BTreeMap, BTreeSet};

use rollcall_kit::{DirectoryId, Member};

use super::error::RunError;
use super::session::Session;
use crate::read::{Surroundings, Trace, TracedGroup, Traces, doubts};
use crate::roster::Leaving;
use crate::snapshot::fact;

impl Session {
    /// Keeps what absent people leave behind in the mirror. Called before the reading that misses
    /// them is committed, because the mirror forgets them then. Who is missing for longer keeps the trace that he has.
    ///
    /// # Errors
    ///
    /// If the snapshot cannot be read or written.
    pub(super) fn take_traces(&self, absences: &BTreeMap<DirectoryId, Leaving>) -> Result<(), RunError> {
        let kept = self.traces()?;
        let mut traces = Traces::new();
        let mut fresh = BTreeSet::new();
        for id in absences.keys() {
            if let Some(user) = self.store.user(id)? {
                let container = user.place.as_deref().and_then(|place| self.connector.container(place));
                traces.insert(id.clone(), Trace { container, groups: BTreeMap::new() });
                fresh.insert(id.clone());
            } else if let Some(trace) = kept.get(id) {
                traces.insert(id.clone(), trace.clone());
            }
        }
        if !fresh.is_empty() {
            self.trace_groups(&fresh, &mut traces)?;
        }
        if traces != kept {
            let json = serde_json::to_value(&traces).map_err(|error| RunError::Internal(error.to_string()))?;
            self.store.set_fact(fact::TRACES, &json)?;
        }
        Ok(())
    }

    /// The groups of the mirror that name these people.
    fn trace_groups(&self, people: &BTreeSet<DirectoryId>, traces: &mut Traces) -> Result<(), RunError> {
        for group in self.store.groups() {
            let group = group?;
            let traced = TracedGroup { name: group.name.clone(), unresolved: group.unresolved_members };
            for member in &group.members {
                if let Member::User(user) = member
                    && people.contains(user)
                    && let Some(trace) = traces.get_mut(user)
                {
                    trace.groups.insert(group.id.clone(), traced.clone());
                }
            }
        }
        Ok(())
    }

    pub(super) fn traces(&self) -> Result<Traces, RunError> {
        match self.store.fact(fact::TRACES)? {
            Some(json) => serde_json::from_value(json)
                .map_err(|error| RunError::Internal(format!("the kept traces cannot be read: {error}"))),
            None => Ok(Traces::new()),
        }
    }

    /// The same absences, with those marked that may be no more than hidden. Called after the reading was committed.
    ///
    /// # Errors
    ///
    /// If the snapshot cannot be read, or the directory does not answer.
    pub(super) async fn doubted(
        &self,
        mut absences: BTreeMap<DirectoryId, Leaving>,
    ) -> Result<BTreeMap<DirectoryId, Leaving>, RunError> {
        let mut traces = self.traces()?;
        traces.retain(|id, _| absences.contains_key(id));
        if traces.is_empty() {
            return Ok(absences);
        }
        let mut now = self.surroundings(&traces).await?;
        let elsewhere = absences.iter().filter(|(_, leaving)| **leaving != Leaving::Vanished);
        now.elsewhere = elsewhere.map(|(id, _)| id.clone()).collect();
        for (id, doubt) in doubts(&traces, &now) {
            absences.insert(id, Leaving::Unproved { doubt });
        }
        Ok(absences)
    }

    async fn surroundings(&self, traces: &Traces) -> Result<Surroundings, RunError> {
        let leaves_names = self.connector.capabilities().leaves_names;
        let mut now = Surroundings { leaves_names, ..Surroundings::default() };
        let traced: BTreeSet<&DirectoryId> = traces.values().flat_map(|trace| trace.groups.keys()).collect();
        if !traced.is_empty() {
            for group in self.store.groups() {
                let group = group?;
                if traced.contains(&group.id) {
                    now.unresolved.insert(group.id, group.unresolved_members);
                }
            }
        }
        let containers: BTreeSet<&str> = traces.values().filter_map(|trace| trace.container.as_deref()).collect();
        for container in &containers {
            if !self.connector.shows_container(container).await? {
                now.hidden.insert((*container).to_owned());
            }
        }
        now.inhabited = self.inhabited(&containers)?;
        Ok(now)
    }

    /// Those of the containers in which somebody stands. The walk ends as soon as that is settled for each of them.
    fn inhabited(&self, containers: &BTreeSet<&str>) -> Result<BTreeSet<String>, RunError> {
        let mut inhabited = BTreeSet::new();
        for user in self.store.users() {
            if inhabited.len() == containers.len() {
                break;
            }
            let container = user?.place.as_deref().and_then(|place| self.connector.container(place));
            inhabited.extend(container.filter(|container| containers.contains(container.as_str())));
        }
        Ok(inhabited)
    }
}
