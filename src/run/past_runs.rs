//! Runs of the past for `explain`: their records, and what they left open, read entry by entry.
//!
//! The plan of a large company is too long to be read for a few lines of it. Each entry is decoded on its own, and what
//! is not meant is dropped at once. A run of an earlier version kept no such part; there the plan and the outcomes tell it.

use std::borrow::Cow;
use std::fmt;
use std::io::Read;

use serde::de::{DeserializeSeed, Deserializer, SeqAccess, Visitor};
use serde_json::Value;

use super::error::RunError;
use super::event::RunRecord;
use super::header::RunHeader;
use super::left_open::{Entry, NAME};
use super::records::{find_run, without_parts};
use crate::apply::Outcome;
use crate::plan::Change;
use crate::roster::Refusal;
use crate::snapshot::{LargePart, Store, StoredRun};

/// Where it is kept what a run left open.
enum Kept {
    /// It left nothing open that anybody asks for.
    Nothing,
    /// In the record of the run.
    Inline(Value),
    /// In a file beside it.
    InFile(LargePart),
    /// In the plan and the outcomes of the record, as an earlier version kept it.
    InPlan,
}

/// A run of the past, and what it left open.
pub(crate) struct PastRun {
    /// What is kept of it; with its plan only if an earlier version made the record.
    pub(crate) record: RunRecord,
    /// Whether it is the newest that planned what the directory asks for.
    pub(crate) is_last_plan: bool,
    kept: Kept,
}

impl PastRun {
    /// Whether what it did not carry out is kept apart, so that the record of changes need not tell what failed.
    pub(crate) fn tells_what_is_undone(&self) -> bool {
        matches!(self.kept, Kept::Inline(_) | Kept::InFile(_))
    }

    /// What it refused, because of the target, of what is meant.
    pub(crate) fn refusals(&self, store: &dyn Store, meant: impl Fn(&Refusal) -> bool) -> Vec<Refusal> {
        if let Some(plan) = &self.record.plan {
            return plan.refusals.iter().filter(|refusal| meant(refusal)).map(Cow::into_owned).collect();
        }
        let entries = self.entries(store, &|entry| matches!(entry, Entry::Refused(refusal) if meant(refusal)));
        entries.into_iter().filter_map(Entry::into_refusal).collect()
    }

    /// Those of its changes that are meant and were not carried out, with how they ended.
    pub(crate) fn undone(&self, store: &dyn Store, meant: impl Fn(&Change) -> bool) -> Vec<(Change, Outcome)> {
        let entries = self.entries(store, &|entry| matches!(entry, Entry::Undone(change, _) if meant(change)));
        entries.into_iter().filter_map(Entry::into_undone).collect()
    }

    /// The entries that are meant. What was lost, or what a later version wrote, is passed over.
    fn entries(&self, store: &dyn Store, meant: &dyn Fn(&Entry) -> bool) -> Vec<Entry> {
        let read = match &self.kept {
            Kept::Nothing | Kept::InPlan => return Vec::new(),
            Kept::Inline(part) => Some(Meant(meant).deserialize(part)),
            Kept::InFile(part) => {
                let mut read = None;
                let mut take = |from: &mut dyn Read| {
                    read = Some(Meant(meant).deserialize(&mut serde_json::Deserializer::from_reader(from)));
                };
                if store.read_part(part, &mut take) { read } else { None }
            }
        };
        let run = &self.record.id;
        match read {
            Some(Ok(entries)) => return entries,
            Some(Err(error)) => tracing::warn!("what the run {run} left open cannot be read: {error}"),
            None => tracing::warn!("what the run {run} left open was lost: its file is missing or damaged"),
        }
        Vec::new()
    }
}

/// The last runs, newest first, each with the place of what it left open. Nothing of that is read yet. Only a run of
/// an earlier version comes with its plan, if the record of changes does not tell what it did or it is the last plan.
///
/// # Errors
///
/// If the snapshot cannot be read.
pub(crate) fn past_runs(store: &dyn Store, most: usize) -> Result<Vec<PastRun>, RunError> {
    let (mut runs, mut has_plan) = (Vec::new(), false);
    for (id, json) in store.run_headers(most)? {
        let header = serde_json::from_value::<RunHeader>(json.clone()).ok();
        let is_plan = header.as_ref().is_none_or(|header| header.plan_id.is_some() && header.undoes.is_none());
        let is_last_plan = is_plan && !has_plan;
        let leaves_changes = header.as_ref().is_none_or(|header| header.counts.failed + header.counts.skipped > 0);
        let is_asked = is_last_plan || leaves_changes;
        let kept = match &header {
            Some(_) if json.get(NAME).is_some_and(|part| !part.is_null()) => match is_asked {
                true => part_of(store, &id)?,
                false => Kept::Nothing,
            },
            Some(header) if !is_asked => match header.counts.done > 0 && store.run_fact(&header.id)?.is_none() {
                true => Kept::InPlan,
                false => Kept::Nothing,
            },
            _ => Kept::InPlan,
        };
        let record = match kept {
            Kept::InPlan => find_run(store, &id).ok().flatten(),
            _ => without_parts(json),
        };
        if let Some(record) = record {
            has_plan |= is_plan;
            runs.push(PastRun { record, is_last_plan, kept });
        }
    }
    Ok(runs)
}

fn part_of(store: &dyn Store, id: &str) -> Result<Kept, RunError> {
    let Some(StoredRun { mut header, parts, .. }) = store.run(id)? else { return Ok(Kept::Nothing) };
    Ok(match parts.into_iter().find(|(name, _)| *name == NAME) {
        Some((_, part)) => Kept::InFile(part),
        None => header.get_mut(NAME).map_or(Kept::Nothing, |part| Kept::Inline(part.take())),
    })
}

/// Reads a list of entries, and keeps those that are meant.
struct Meant<'a>(&'a dyn Fn(&Entry) -> bool);

impl<'de> DeserializeSeed<'de> for Meant<'_> {
    type Value = Vec<Entry>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Meant<'_> {
    type Value = Vec<Entry>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of what a run left open")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        let mut meant = Vec::new();
        while let Some(entry) = entries.next_element::<Entry>()? {
            if (self.0)(&entry) {
                meant.push(entry);
            }
        }
        Ok(meant)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rollcall_kit::DirectoryId;

    use super::*;
    use crate::apply::{Skip, WriteFailure};
    use crate::roster::Reason;
    use crate::run::records::keep;
    use crate::run::records::tests::of_many;
    use crate::snapshot::{History as _, MemoryStore, SledStore};

    fn refusal(user: Option<&str>, label: &str) -> Refusal {
        let (user, label) = (user.and_then(DirectoryId::new), label.to_owned());
        Refusal { reason: Reason::MatchAmbiguous, user, label, detail: "several accounts match".to_owned() }
    }

    /// A run of many changes, of which one failed and one was skipped, and that refused something to two.
    fn in_part(changes: u32) -> RunRecord {
        let mut record = of_many(changes);
        let plan = Arc::make_mut(record.plan.as_mut().unwrap());
        plan.refusals = [refusal(None, "editor"), refusal(Some("u7"), "p7@acme.com")].into_iter().collect();
        record.outcomes[6].1 = Outcome::Failed { failure: WriteFailure::Refused, detail: "500".to_owned() };
        record.outcomes[8].1 = Outcome::Skipped(Skip::told_to_stop());
        record
    }

    fn user(change: &Change) -> &str {
        change.subject.user().unwrap().as_str()
    }

    #[test]
    fn what_a_run_left_open_is_told_without_its_plan() {
        for changes in [20, 5_000] {
            let folder = tempfile::tempdir().unwrap();
            let store = SledStore::open(folder.path()).unwrap();
            keep(&store, &in_part(changes)).unwrap();
            let plan =
                store.run("2026").unwrap().unwrap().parts.into_iter().find(|(name, _)| *name == "plan").unwrap().1;
            std::fs::remove_file(folder.path().join("files").join(plan.to_string())).unwrap();

            let runs = past_runs(&store, 10).unwrap();
            assert!(runs.len() == 1 && runs[0].is_last_plan && runs[0].record.plan.is_none());
            assert_eq!(runs[0].refusals(&store, |refusal| refusal.user.is_none()), [refusal(None, "editor")]);
            assert_eq!(runs[0].refusals(&store, |_| true).len(), 2);
            let undone = runs[0].undone(&store, |_| true);
            assert_eq!(undone.iter().map(|(change, _)| user(change)).collect::<Vec<_>>(), ["u7", "u9"]);
            let meant = runs[0].undone(&store, |change| user(change) == "u9");
            assert!(matches!(&meant[..], [(change, Outcome::Skipped(_))] if user(change) == "u9"));
        }
    }

    #[test]
    fn a_run_of_an_earlier_version_is_told_from_its_plan() {
        let store = MemoryStore::new();
        let record = in_part(20);
        store.record_run(&record.id, &serde_json::to_value(&record).unwrap()).unwrap();
        let runs = past_runs(&store, 10).unwrap();
        assert!(runs[0].record == record && !runs[0].tells_what_is_undone());
        assert_eq!(runs[0].refusals(&store, |refusal| refusal.user.is_some()).len(), 1);
    }
}
