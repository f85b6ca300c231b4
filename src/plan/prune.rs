//! Taking changes out of a plan, together with everything that waits for them.

use std::collections::BTreeMap;

use super::change::ChangeId;
use super::document::Plan;
use super::estimate::Costs;
use crate::roster::{Reason, Refusal};

impl Plan {
    /// The plan without these changes, each of which becomes a refusal with this reason and sentence. What waits for
    /// one of them is refused with it. The rest is numbered anew and estimated anew.
    #[must_use]
    pub fn without(mut self, refused: &BTreeMap<ChangeId, (Reason, String)>, costs: Costs) -> Self {
        let mut out: BTreeMap<ChangeId, (Reason, String)> = BTreeMap::new();
        for change in &self.changes {
            if let Some(verdict) = refused.get(&change.id) {
                out.insert(change.id, verdict.clone());
            } else if let Some((reason, why)) = change.after.iter().find_map(|id| out.get(id)) {
                let words = format!("{} has to wait: {why}", change.action.kind());
                out.insert(change.id, (*reason, words));
            }
        }
        if out.is_empty() {
            return self;
        }
        let changes = std::mem::take(&mut self.changes);
        let added = changes.iter().filter_map(|change| {
            let (reason, detail) = out.get(&change.id).cloned()?;
            let (user, label) = (change.subject.user().cloned(), change.subject.label().to_owned());
            Some(Refusal { reason, user, label, detail })
        });
        self.refusals = std::mem::take(&mut self.refusals).and(added);
        self.with(changes.into_iter().filter(|change| !out.contains_key(&change.id)), costs)
    }
}
