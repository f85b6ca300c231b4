//! Everything that planning collects: drafts of changes in no order yet, refusals, and notes.

use rollcall_kit::DirectoryId;

use super::document::Note;
use super::draft::Draft;
use super::pile::Pile;
use super::refusals;
use crate::roster::{Reason, Refusal};

/// Everything that planning collects.
#[derive(Debug, Default)]
pub(super) struct Drafts {
    pub(super) changes: Pile,
    pub(super) refusals: refusals::Pile,
    pub(super) notes: Vec<Note>,
}

impl Drafts {
    /// Collects a change.
    pub(super) fn push(&mut self, draft: Draft) {
        self.changes.push(draft);
    }

    /// Collects a refusal that concerns one user.
    pub(super) fn refuse(&mut self, reason: Reason, user: &DirectoryId, label: &str, detail: String) {
        self.refusals.push(Refusal { reason, user: Some(user.clone()), label: label.to_owned(), detail });
    }

    /// Collects a refusal that concerns a group.
    pub(super) fn refuse_group(&mut self, reason: Reason, name: &str, detail: String) {
        self.refusals.push(Refusal { reason, user: None, label: name.to_owned(), detail });
    }

    /// Collects a note that holds nothing.
    pub(super) fn note(&mut self, sentence: String) {
        self.notes.push(Note { sentence, holds: false });
    }
}
