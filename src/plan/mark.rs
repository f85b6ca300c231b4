//! Marks: what makes two changes of two plans the same change.
//!
//! An approval outlives the plan that was looked at: the directory is read again, and a fresh plan is made. A change
//! of it is one that was approved if it does the same to the same account or group, with the same values before and
//! after. Numbers, causes and what somebody is called are not part of it.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use rollcall_kit::DirectoryId;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::change::{Action, Cause, Change, Subject};
use super::document::Plan;
use crate::roster::Leaving;

/// The first 16 bytes of the BLAKE3 hash of what a change does, and to which user or group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mark(u128);

/// A change that cannot be written down, so that nothing can be said about it later.
#[derive(Debug, thiserror::Error)]
#[error("a change has no canonical form")]
pub struct MarkError(#[from] serde_json::Error);

/// What a mark covers.
#[derive(Serialize)]
struct Marked<'a> {
    user: Option<&'a str>,
    /// Which group, and its name from now on: a group is called what its subject says.
    group: Option<(&'a super::GroupKey, &'a str)>,
    target_id: Option<&'a str>,
    action: &'a Action,
    /// Whether it is in doubt that the user is gone. Who is approved to go because they are gone is not approved to go
    /// because they may only be hidden.
    doubted: bool,
}

impl Change {
    /// Its mark.
    ///
    /// # Errors
    ///
    /// If the change cannot be written down.
    pub fn mark(&self) -> Result<Mark, MarkError> {
        self.marked(self.is_doubted())
    }

    /// Whether it puts somebody out of whom it is in doubt whether they are gone.
    #[must_use]
    pub fn is_doubted(&self) -> bool {
        self.causes.iter().any(|cause| matches!(cause, Cause::Left { leaving: Leaving::Unproved { .. } }))
    }

    /// The mark that it has, or would have, with and without that doubt.
    ///
    /// # Errors
    ///
    /// If the change cannot be written down.
    pub fn marked(&self, doubted: bool) -> Result<Mark, MarkError> {
        let group = match &self.subject {
            Subject::Group { key, name, .. } => Some((key, name.as_str())),
            Subject::Account { .. } => None,
        };
        let user = self.subject.user().map(DirectoryId::as_str);
        let marked = Marked { user, group, target_id: self.subject.target_id(), action: &self.action, doubted };
        let hash = blake3::hash(&serde_json::to_vec(&marked)?);
        Ok(Mark(hash.as_bytes().iter().take(16).fold(0, |mark, byte| mark << 8 | u128::from(*byte))))
    }
}

/// The marks of all changes of a plan, of which there may be a million. Kept as one text: base64 of 16 bytes each, in
/// order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// Without repetition, in order.
    marks: Vec<u128>,
    /// Earlier versions kept the first 8 bytes of a mark.
    are_short: bool,
}

/// How many bits of a mark an earlier version left out.
const LEFT_OUT: u32 = 64;

impl Marks {
    /// The marks of a plan.
    ///
    /// # Errors
    ///
    /// If a change of it cannot be written down.
    pub fn of(plan: &Plan) -> Result<Self, MarkError> {
        let marks: Vec<u128> =
            plan.changes.iter().map(|change| Ok(change.mark()?.0)).collect::<Result<_, MarkError>>()?;
        Ok(Self::in_order(marks, false))
    }

    fn in_order(mut marks: Vec<u128>, are_short: bool) -> Self {
        marks.sort_unstable();
        marks.dedup();
        Self { marks, are_short }
    }

    /// Whether this one is among them.
    #[must_use]
    pub fn contains(&self, mark: Mark) -> bool {
        let mark = if self.are_short { mark.0 >> LEFT_OUT } else { mark.0 };
        self.marks.binary_search(&mark).is_ok()
    }

    /// Whether they are the marks of the same changes.
    #[must_use]
    pub fn are(&self, others: &Self) -> bool {
        let (these, those) = self.comparable(others);
        these == those
    }

    /// Whether all of these others are among them.
    #[must_use]
    pub fn contain_all(&self, others: &Self) -> bool {
        let (these, those) = self.comparable(others);
        those.iter().all(|mark| these.binary_search(mark).is_ok())
    }

    /// Whether none of these others is among them.
    #[must_use]
    pub fn contain_none(&self, others: &Self) -> bool {
        let (these, those) = self.comparable(others);
        !those.iter().any(|mark| these.binary_search(mark).is_ok())
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.marks.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.marks.is_empty()
    }

    /// Both of one length: whole, or short if one of them is.
    fn comparable<'a>(&'a self, others: &'a Self) -> (Cow<'a, [u128]>, Cow<'a, [u128]>) {
        let are_short = self.are_short || others.are_short;
        (self.of_length(are_short), others.of_length(are_short))
    }

    fn of_length(&self, short: bool) -> Cow<'_, [u128]> {
        match short && !self.are_short {
            true => Cow::Owned(self.marks.iter().map(|mark| mark >> LEFT_OUT).collect()),
            false => Cow::Borrowed(&self.marks),
        }
    }
}

/// As they are kept: packed by this version, one by one by those before.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Kept {
    Packed(String),
    Short(Vec<String>),
}

impl Serialize for Marks {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let kept = if self.are_short {
            Kept::Short(self.marks.iter().map(|mark| format!("{mark:016x}")).collect())
        } else {
            let bytes: Vec<u8> = self.marks.iter().flat_map(|mark| mark.to_be_bytes()).collect();
            Kept::Packed(STANDARD_NO_PAD.encode(bytes))
        };
        kept.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Marks {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let damaged = || serde::de::Error::custom("these are no marks of changes");
        match Kept::deserialize(deserializer)? {
            Kept::Packed(text) => {
                let bytes = STANDARD_NO_PAD.decode(text).map_err(|_| damaged())?;
                let (marks, rest) = bytes.as_chunks();
                if !rest.is_empty() {
                    return Err(damaged());
                }
                Ok(Self::in_order(marks.iter().map(|mark| u128::from_be_bytes(*mark)).collect(), false))
            }
            Kept::Short(texts) => {
                let mark = |text: &String| u64::from_str_radix(text, 16).ok().filter(|_| text.len() == 16);
                let marks: Option<Vec<u128>> = texts.iter().map(|text| mark(text).map(u128::from)).collect();
                Ok(Self::in_order(marks.ok_or_else(damaged)?, true))
            }
        }
    }
}
