//! From a confirmed absence to a doubted one: takes the traces of whoever is missing from the mirror, and asks the
//! directory about the places where they stood. What follows from the answers is [`crate::read::doubts`].

use std::collections::{BTreeMap, BTreeSet};

use rollcall_kit::{Container, DirectoryId, DirectoryUser, Member, Status};

use super::error::RunError;
use super::session::Session;
use crate::read::{Surroundings, Trace, TracedGroup, Traces, doubts};
use crate::roster::Leaving;
use crate::snapshot::fact;

impl Session {
    /// Keeps what absent people leave behind in the mirror; `vanished` are all whom the reading misses, also those who
    /// have no account of ours. Called before the reading that misses them is committed, because the mirror forgets them
    /// then. Who is missing for longer keeps the trace that they have.
    ///
    /// # Errors
    ///
    /// If the snapshot cannot be read or written.
    pub(super) fn take_traces(
        &self,
        absences: &BTreeMap<DirectoryId, Leaving>,
        vanished: &[DirectoryId],
    ) -> Result<(), RunError> {
        let mut kept = self.traces()?;
        let mut traces = Traces::new();
        let mut fresh = BTreeSet::new();
        for id in absences.keys() {
            if let Some(user) = self.store.user(id)? {
                traces.insert(id.clone(), Trace { container: self.container_of(&user), ..Trace::default() });
                fresh.insert(id.clone());
            } else if let Some(trace) = kept.remove(id) {
                traces.insert(id.clone(), trace);
            }
        }
        if !fresh.is_empty() {
            let company = self.company(absences, vanished)?;
            for (_, trace) in traces.iter_mut().filter(|(id, _)| fresh.contains(*id)) {
                let left = trace.container.as_ref().and_then(|container| company.get(container));
                trace.company = left.copied().unwrap_or_default();
            }
            self.trace_groups(&fresh, &mut traces)?;
        }
        self.keep_traces(&traces)?;
        self.trace_the_lost(absences)
    }

    /// Marks those of whom a snapshot that does not match its seal knows nothing any more: neither the mirror nor an
    /// earlier trace has them. Without the mark they would pass for people who vanished without leaving a sign, once the
    /// snapshot is sealed again.
    ///
    /// # Errors
    ///
    /// If the snapshot cannot be read or written.
    pub(super) fn trace_the_lost(&self, absences: &BTreeMap<DirectoryId, Leaving>) -> Result<(), RunError> {
        if self.store.is_sealed() {
            return Ok(());
        }
        let mut traces = self.traces()?;
        for id in absences.keys() {
            traces.entry(id.clone()).or_insert_with(Trace::lost);
        }
        self.keep_traces(&traces)
    }

    fn keep_traces(&self, traces: &Traces) -> Result<(), RunError> {
        if *traces == self.traces()? {
            return Ok(());
        }
        let json = serde_json::to_value(traces).map_err(|error| RunError::Internal(error.to_string()))?;
        Ok(self.store.set_fact(fact::TRACES, &json)?)
    }

    fn container_of(&self, user: &DirectoryUser) -> Option<Container> {
        user.place.as_ref().and_then(|place| self.connector.container(place))
    }

    /// How many of the vanished who have no account of ours stood in which container. Whoever was disabled there does not
    /// count: a container of leavers is emptied now and then.
    fn company(
        &self,
        absences: &BTreeMap<DirectoryId, Leaving>,
        vanished: &[DirectoryId],
    ) -> Result<BTreeMap<Container, u64>, RunError> {
        let mut company = BTreeMap::new();
        for id in vanished.iter().filter(|id| !absences.contains_key(*id)) {
            let user = self.store.user(id)?.filter(|user| !matches!(user.status, Status::Inactive(_)));
            if let Some(container) = user.and_then(|user| self.container_of(&user)) {
                *company.entry(container).or_default() += 1;
            }
        }
        Ok(company)
    }

    /// The groups of the mirror that name these people, and those that name these groups in turn.
    fn trace_groups(&self, people: &BTreeSet<DirectoryId>, traces: &mut Traces) -> Result<(), RunError> {
        let mut theirs: BTreeMap<DirectoryId, Vec<&DirectoryId>> = BTreeMap::new();
        for user in people {
            for group in self.store.groups_of(user)? {
                theirs.entry(group).or_default().push(user);
            }
        }
        let mut outer: BTreeMap<DirectoryId, Vec<DirectoryId>> = BTreeMap::new();
        for group in self.store.group_headers() {
            let group = group?;
            for user in theirs.get(&group.id).into_iter().flatten() {
                if let Some(trace) = traces.get_mut(*user) {
                    let traced = TracedGroup { name: group.name.clone(), unresolved: group.unresolved_members };
                    trace.groups.insert(group.id.clone(), traced);
                }
            }
            for member in &group.members {
                if let Member::Group(inner) = member {
                    outer.entry(inner.clone()).or_default().push(group.id.clone());
                }
            }
        }
        for user in people {
            if let Some(trace) = traces.get_mut(user) {
                trace.through = reached(&outer, trace.groups.keys());
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
            for group in self.store.group_headers() {
                let group = group?;
                if traced.contains(&group.id) {
                    now.unresolved.insert(group.id, group.unresolved_members);
                }
            }
        }
        let containers: BTreeSet<&Container> = traces.values().filter_map(|trace| trace.container.as_ref()).collect();
        for container in &containers {
            if !self.connector.shows_container(container).await? {
                now.hidden.insert((*container).clone());
            }
        }
        now.inhabited = self.inhabited(&containers)?;
        Ok(now)
    }

    /// Those of the containers in which somebody stands. The walk ends as soon as that is settled for each of them.
    fn inhabited(&self, containers: &BTreeSet<&Container>) -> Result<BTreeSet<Container>, RunError> {
        let mut inhabited = BTreeSet::new();
        for user in self.store.users() {
            if inhabited.len() == containers.len() {
                break;
            }
            let container = self.container_of(&user?);
            inhabited.extend(container.filter(|container| containers.contains(container)));
        }
        Ok(inhabited)
    }
}

/// The groups that these are in, directly or through others, without these themselves. Loops end.
pub(super) fn reached<'a>(
    outer: &BTreeMap<DirectoryId, Vec<DirectoryId>>,
    from: impl Iterator<Item = &'a DirectoryId>,
) -> BTreeSet<DirectoryId> {
    let direct: BTreeSet<&DirectoryId> = from.collect();
    let mut through = BTreeSet::new();
    let mut open: Vec<&DirectoryId> = direct.iter().copied().collect();
    while let Some(inner) = open.pop() {
        for group in outer.get(inner).into_iter().flatten() {
            if !direct.contains(group) && through.insert(group.clone()) {
                open.push(group);
            }
        }
    }
    through
}
