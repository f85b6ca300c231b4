//! The target, by what may be done with it: planning reads it, and only an approved plan leads to what writes.

use std::sync::Arc;

use crate::apply::{Target, TargetReader};
use crate::guard::ApprovedPlan;

/// The target of an organization.
pub(super) struct Sides {
    target: Arc<dyn Target>,
}

impl Sides {
    pub(super) fn of(target: Arc<dyn Target>) -> Self {
        Self { target }
    }

    /// The target, to be read.
    pub(crate) fn reader(&self) -> &dyn TargetReader {
        &*self.target
    }

    /// The target, to be written to: as this plan says.
    pub(super) fn writer(&self, _: &ApprovedPlan) -> &dyn Target {
        &*self.target
    }
}
