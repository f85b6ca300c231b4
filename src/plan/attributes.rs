//! Attribute by attribute: what has to be written so that an account looks as it should.
//!
//! Last write wins: what is desired is compared with what we last wrote, not with what the target holds now. A value
//! that somebody edited in the target therefore stays until the directory's value changes.

use rollcall_kit::{Value, attribute};

use super::change::AttributeChange;
use super::settings::PlanSettings;
use crate::roster::DesiredAccount;
use crate::roster::account::Attributes;

/// What a comparison found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Compared {
    /// What has to be written.
    pub(super) changes: Vec<AttributeChange>,
    /// An address that the directory changed and the target may not: from what to what.
    pub(super) refused_email: Option<(String, String)>,
}

/// Compares with what we last wrote. An attribute that is not desired any more is removed, because we wrote it; one of
/// which the mapping could not say what it should be stays as it is.
pub(super) fn against_written(desired: &DesiredAccount, written: &Attributes, settings: &PlanSettings) -> Compared {
    let mut compared = Compared::default();
    for (name, value) in &desired.attributes {
        compared.add(name, written.get(name), Some(value), settings);
    }
    let undesired = written.iter().filter(|(name, _)| !desired.attributes.contains_key(*name));
    for (name, value) in undesired.filter(|(name, _)| !desired.undecided_attributes.contains(name)) {
        compared.add(name, Some(value), None, settings);
    }
    compared.changes.sort_by(|a, b| a.attribute.cmp(&b.attribute));
    compared
}

/// Compares with an account that is about to become ours. What it has and nobody asked for is not touched; what is
/// already as it should be is listed with the same value before and after, so that it too becomes ours.
pub(super) fn against_target(desired: &Attributes, shown: &Attributes, settings: &PlanSettings) -> Compared {
    let mut compared = Compared::default();
    for (name, value) in desired {
        let before = compared.changes.len();
        compared.add(name, shown.get(name), Some(value), settings);
        if let Some(same) = shown.get(name).filter(|_| compared.changes.len() == before) {
            let same = Some(same.clone());
            compared.changes.push(AttributeChange { attribute: name.clone(), before: same.clone(), after: same });
        }
    }
    compared
}

impl Compared {
    fn add(&mut self, name: &str, before: Option<&Value>, after: Option<&Value>, settings: &PlanSettings) {
        if before == after || (name == attribute::EMAIL && folded(before) == folded(after)) {
            return;
        }
        if name == attribute::EMAIL && !settings.email_mutable && before.is_some() {
            self.refused_email = Some((text(before), text(after)));
            return;
        }
        self.changes.push(AttributeChange {
            attribute: name.to_owned(),
            before: before.cloned(),
            after: after.cloned(),
        });
    }
}

fn folded(value: Option<&Value>) -> Option<String> {
    value.and_then(Value::as_text).map(str::to_lowercase)
}

fn text(value: Option<&Value>) -> String {
    value.map_or_else(|| "no address".to_owned(), Value::to_string)
}

/// Whether two values of an attribute are the same, as far as anybody meant it: blank is nothing, space around a text
/// is no part of it, a number may come back as text, and addresses are the same in any case.
pub(super) fn is_same(name: &str, a: Option<&Value>, b: Option<&Value>) -> bool {
    if a == b {
        return true;
    }
    let plain = |value: Option<&Value>| {
        let text = value.map(ToString::to_string).unwrap_or_default().trim().to_owned();
        if name == attribute::EMAIL { text.to_lowercase() } else { text }
    };
    plain(a) == plain(b)
}

/// The full name among attributes.
pub(super) fn full_name(attributes: &Attributes) -> Option<String> {
    attributes.get(attribute::NAME).and_then(|value| value.as_text()).map(ToOwned::to_owned)
}
