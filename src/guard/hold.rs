//! Holds: why a plan waits for a person, in whole sentences.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Why a plan is held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "hold")]
pub enum Hold {
    /// It is the organization's first.
    FirstPlan,
    /// Scoping or mapping changed, and it takes something away.
    RulesChanged,
    /// It goes beyond a limit.
    OverLimit {
        /// Which limit: `deactivations`, …
        limit: String,
        /// How many changes of that kind there are.
        number: u64,
        /// Out of how many they are counted.
        of: u64,
        /// The limit's count.
        count: u64,
        /// The limit's share in per cent.
        percent: u8,
        /// The people, grouped by cause: "14 because group eng-all vanished".
        because: Vec<(u64, String)>,
    },
    /// A finding that holds, such as a mapped group that cannot be found.
    Finding {
        /// In a sentence.
        sentence: String,
    },
}

impl Hold {
    /// Whether it only waits for somebody to look, and is settled by a plain yes. What goes beyond a limit, or what
    /// was found, is approved as it stands: a habitual yes is not enough.
    #[must_use]
    pub const fn needs_only_a_look(&self) -> bool {
        matches!(self, Self::FirstPlan | Self::RulesChanged)
    }
}

/// So many causes are named; the rest is counted.
const CAUSES_NAMED: usize = 5;

impl fmt::Display for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FirstPlan => f.write_str(
                "This is the organization's first plan, and a first plan waits for a person. Read what it would do, \
                 then approve it.",
            ),
            Self::RulesChanged => f.write_str(
                "Scope, mapping or the directory's settings changed since the last plan that was applied, and this plan \
                 takes something away. If that is what the new rules are meant to do, approve exactly this plan; if \
                 not, mend the rules and plan again.",
            ),
            Self::Finding { sentence } => {
                write!(f, "{}. Settle that, or approve exactly this plan.", sentence.trim_end_matches('.'))
            }
            Self::OverLimit { limit, number, of, count, percent, because } => {
                let (verb, what) = words(limit);
                write!(f, "This plan {verb} {number} of {of} {what}")?;
                if *of > 0 {
                    write!(f, " ({})", share(*number, *of))?;
                }
                write!(f, "; the limit `{limit}` lets {count} through, and no more than {percent} %.")?;
                causes(f, because)?;
                f.write_str(
                    " If this is right, approve exactly this plan: the limit stays where it is. If it is not, nothing \
                     has been changed: look at the directory and at the rules first.",
                )
            }
        }
    }
}

/// What a limit counts, in words.
fn words(limit: &str) -> (&'static str, &'static str) {
    match limit {
        "deactivations" => ("deactivates", "active accounts"),
        "deletions" => ("deletes", "accounts"),
        "role_revocations" => ("revokes", "roles that accounts have"),
        "member_removals" => ("removes", "members of groups"),
        "updates" => ("changes attributes of", "active accounts"),
        _ => ("makes", "changes"),
    }
}

/// A share with one digit behind the point, rounded up, so that it never looks smaller than it is.
fn share(number: u64, of: u64) -> String {
    let tenths = (u128::from(number) * 1_000).div_ceil(u128::from(of.max(1)));
    match tenths % 10 {
        0 => format!("{} %", tenths / 10),
        rest => format!("{}.{rest} %", tenths / 10),
    }
}

fn causes(f: &mut fmt::Formatter<'_>, because: &[(u64, String)]) -> fmt::Result {
    for (index, (number, words)) in because.iter().take(CAUSES_NAMED).enumerate() {
        write!(f, "{} {number} because {words}", if index == 0 { "" } else { ";" })?;
    }
    let rest: u64 = because.iter().skip(CAUSES_NAMED).map(|(number, _)| number).sum();
    if rest > 0 {
        write!(f, "; {rest} for other reasons")?;
    }
    if because.is_empty() { Ok(()) } else { f.write_str(".") }
}
