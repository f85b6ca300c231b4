//! How long held plans and their approvals count, as people write it: `expire_after = "7d"`.

use rollcall_kit::HumanDuration;
use schemars::JsonSchema;
use serde::Deserialize;

/// How long held plans and their approvals count.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct ApprovalsFile {
    /// How long a held plan can be approved after it was last made, and how long an approval waits for the run that uses
    /// it: days (`"7d"`), hours (`"12h"`) or less.
    pub expire_after: HumanDuration,
}

impl Default for ApprovalsFile {
    /// Long enough for a weekend with a holiday behind it.
    fn default() -> Self {
        Self { expire_after: HumanDuration::seconds(7 * 24 * 3_600) }
    }
}
