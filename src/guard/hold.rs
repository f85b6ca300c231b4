//! Holds: why a plan waits for a person, in whole sentences.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::decision::Decision;
use crate::schedule::Forbids;

/// Why a plan is held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "hold")]
pub enum Hold {
    /// It is the organization's first.
    FirstPlan,
    /// Scoping or mapping was edited, and that takes something away.
    RulesChanged {
        /// What the edit takes away, grouped by cause, the largest group first.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        because: Vec<(u64, String)>,
        /// Some of the people, by cause in the order of `because`.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        people: Vec<Vec<String>>,
    },
    /// It goes beyond a limit.
    OverLimit {
        /// Which limit: `deactivations`, …
        limit: String,
        /// Of which group, role or attribute, if the limit counts each by itself.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        within: Option<String>,
        /// How many changes of that kind there are.
        number: u64,
        /// Out of how many they are counted.
        of: u64,
        /// The limit's count.
        count: u64,
        /// The limit's share in per cent, if it has one.
        percent: Option<u8>,
        /// Grouped by cause, the largest group first: "14 because the group eng-all vanished".
        because: Vec<(u64, String)>,
        /// Some of the people, by cause in the order of `because`.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        people: Vec<Vec<String>>,
    },
    /// A finding that holds, such as a mapped group that cannot be found.
    Finding {
        /// In a sentence.
        sentence: String,
    },
    /// A window of time is open in which that may not be done. It waits by itself until the window closes.
    Blackout {
        /// What may not be done.
        forbids: Forbids,
        /// When it closes.
        until: Timestamp,
    },
    /// Somebody said no to what holds it.
    Rejected {
        /// The decision.
        decision: Decision,
    },
    /// It is what a plan asks for beyond what was approved, and is reviewed by itself in the next run.
    BeyondApproval {
        /// The approval that does not cover it.
        decision: Decision,
    },
}

impl Hold {
    /// Whether it only waits for somebody to look, and is settled by a plain yes. What goes beyond a limit, what was
    /// found, or what somebody rejected is approved as it stands: a habitual yes is not enough.
    #[must_use]
    pub const fn needs_only_a_look(&self) -> bool {
        matches!(self, Self::FirstPlan | Self::RulesChanged { .. } | Self::BeyondApproval { .. })
    }

    /// Whether it passes by itself, so that nobody has to do anything.
    #[must_use]
    pub const fn passes_by_itself(&self) -> bool {
        matches!(self, Self::Blackout { .. })
    }

    /// Whether somebody said no to it.
    #[must_use]
    pub const fn is_rejection(&self) -> bool {
        matches!(self, Self::Rejected { .. })
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
            Self::RulesChanged { because, people } => {
                f.write_str(
                    "Scope, mapping or the directory's settings were edited since the last plan that was applied, and \
                     that takes something away.",
                )?;
                causes(f, because, people)?;
                f.write_str(
                    " If that is what the new rules are meant to do, approve exactly this plan; if not, mend the rules \
                     and plan again.",
                )
            }
            Self::Finding { sentence } => {
                write!(f, "{}. Settle that, or approve exactly this plan.", sentence.trim_end_matches('.'))
            }
            Self::OverLimit { limit, within, number, of, count, percent, because, people } => {
                write!(f, "This plan {}", what_it_does(limit, within.as_deref(), *number, *of))?;
                if *of > 0 && percent.is_some() {
                    write!(f, " ({})", share(*number, *of))?;
                }
                write!(f, "; the limit `{limit}` lets {count} through")?;
                match percent {
                    Some(percent) => write!(f, ", and no more than {percent} %.")?,
                    None => f.write_str(".")?,
                }
                causes(f, because, people)?;
                f.write_str(
                    " If this is right, approve exactly this plan: the limit stays where it is. If it is not, nothing \
                     has been changed: look at the directory and at the rules first.",
                )
            }
            Self::Blackout { forbids, until } => write!(
                f,
                "{} before {}: a blackout of the configuration. It waits by itself; if it must be now, approve exactly \
                 this plan.",
                match forbids {
                    Forbids::Removals => "Nothing is taken from anybody",
                    Forbids::Writes => "Nothing is written",
                },
                to_the_second(*until)
            ),
            Self::Rejected { decision } => write!(
                f,
                "{} rejected this at {} (plan {}), so it is not offered for approval again.",
                decision.who,
                to_the_second(decision.at),
                decision.plan
            ),
            Self::BeyondApproval { decision } => write!(
                f,
                "This is not part of the plan {} that {} approved at {}. It waits, and the next run reviews it by \
                 itself.",
                decision.plan,
                decision.who,
                to_the_second(decision.at)
            ),
        }
    }
}

/// What a plan does that counts under a limit, in words.
fn what_it_does(limit: &str, within: Option<&str>, number: u64, of: u64) -> String {
    let each = within.unwrap_or("one");
    match limit {
        "deactivations" => format!("deactivates {number} of {of} active accounts"),
        "absences" => {
            format!("deactivates {number} of {of} active accounts whose owners are merely not found any more")
        }
        "deletions" => format!("deletes {number} of {of} accounts"),
        "creations" => format!("creates {number} accounts beside {of} active ones"),
        "adoptions" => format!("takes over {number} accounts that are not ours, beside {of} active ones that are"),
        "role_revocations" => format!("revokes {number} of {of} roles that accounts have"),
        "role_revocations_per_role" => format!("revokes the role {each} from {number} of {of} accounts that have it"),
        "protected_grants" if of == 1 => format!("grants protected roles {number} times, and 1 active account has one"),
        "protected_grants" => format!("grants protected roles {number} times, and {of} active accounts have one"),
        "member_removals" => format!("removes {number} of {of} members of groups"),
        "member_removals_per_group" => format!("removes {number} of {of} members of the group {each}"),
        "updates" => format!("changes attributes of {number} of {of} active accounts"),
        "attribute_changes" => format!("changes {each} of {number} of {of} active accounts"),
        _ => format!("makes {number} of {of} changes"),
    }
}

/// A point in time as people read it.
pub(super) fn to_the_second(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// A share with one digit behind the point, rounded up, so that it never looks smaller than it is.
fn share(number: u64, of: u64) -> String {
    let tenths = (u128::from(number) * 1_000).div_ceil(u128::from(of.max(1)));
    match tenths % 10 {
        0 => format!("{} %", tenths / 10),
        rest => format!("{}.{rest} %", tenths / 10),
    }
}

fn causes(f: &mut fmt::Formatter<'_>, because: &[(u64, String)], people: &[Vec<String>]) -> fmt::Result {
    let all = if because.len() == 1 { "all " } else { "" };
    for (index, (number, words)) in because.iter().take(CAUSES_NAMED).enumerate() {
        let all = if *number > 1 { all } else { "" };
        write!(f, "{} {all}{number} because {words}", if index == 0 { "" } else { ";" })?;
        let named = people.get(index).map(Vec::as_slice).unwrap_or_default();
        if !named.is_empty() {
            write!(f, ": {}", some_of(named, *number))?;
        }
    }
    let rest: u64 = because.iter().skip(CAUSES_NAMED).map(|(number, _)| number).sum();
    if rest > 0 {
        write!(f, "; {rest} for other reasons")?;
    }
    if because.is_empty() { Ok(()) } else { f.write_str(".") }
}

/// Some people by name, and how many more there are.
#[must_use]
pub fn some_of(named: &[String], number: u64) -> String {
    let more = number.saturating_sub(named.len() as u64);
    match (named, more) {
        (_, 1..) => format!("{} and {more} more", named.join(", ")),
        ([first @ .., last], 0) if !first.is_empty() => format!("{} and {last}", first.join(", ")),
        _ => named.join(", "),
    }
}
