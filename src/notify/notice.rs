//! What is told, in whole sentences.

use std::fmt;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a notice is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A plan waits for a person.
    Held,
    /// Runs fail.
    Failed,
    /// Runs failed so often that they come at the slower pace.
    Quarantined,
    /// Some changes do not go through.
    InPart,
    /// All of that is over.
    Recovered,
    /// A secret or a certificate ends soon, or has ended.
    Expiring,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 6] =
        [Self::Held, Self::Failed, Self::Quarantined, Self::InPart, Self::Recovered, Self::Expiring];

    /// The word for it, as in the configuration and in the type of an event: `held`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Failed => "failed",
            Self::Quarantined => "quarantined",
            Self::InPart => "in-part",
            Self::Recovered => "recovered",
            Self::Expiring => "expiring",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// One thing that is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// Its id: the same however often it is sent, so that a receiver can tell a repetition.
    pub id: String,
    /// When it came to be.
    pub at: Timestamp,
    /// The organization.
    pub organization: String,
    /// What it is about.
    pub kind: Kind,
    /// What happened, in one sentence.
    pub title: String,
    /// What else there is to know, a sentence each.
    pub details: Vec<String>,
    /// What to do.
    pub advice: String,
    /// The run that showed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// The plan that waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<String>,
    /// What is over with it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ended: Vec<Kind>,
}

impl Notice {
    /// The whole of it as plain text, without the title.
    #[must_use]
    pub fn text(&self) -> String {
        let mut lines: Vec<&str> = self.details.iter().map(String::as_str).collect();
        if !self.advice.is_empty() {
            lines.push(&self.advice);
        }
        lines.join("\n")
    }
}
