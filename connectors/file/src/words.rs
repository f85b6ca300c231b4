//! Words for the status of a user.

use rollcall_kit::{InactiveReason, Status};

use crate::settings::StatusWords;

/// Words that mean active everywhere.
const ACTIVE: [&str; 5] = ["active", "enabled", "true", "yes", "1"];

/// Words that mean inactive everywhere, with our reading of each.
const INACTIVE: [(&str, InactiveReason); 14] = [
    ("inactive", InactiveReason::Disabled),
    ("disabled", InactiveReason::Disabled),
    ("deactivated", InactiveReason::Disabled),
    ("false", InactiveReason::Disabled),
    ("no", InactiveReason::Disabled),
    ("0", InactiveReason::Disabled),
    ("terminated", InactiveReason::Disabled),
    ("left", InactiveReason::Disabled),
    ("suspended", InactiveReason::Suspended),
    ("expired", InactiveReason::Expired),
    ("archived", InactiveReason::Archived),
    ("deleted", InactiveReason::Deleted),
    ("staged", InactiveReason::NotYetActive),
    ("pending", InactiveReason::NotYetActive),
];

/// Reads a status word. The settings' own words win over the built-in ones. A word that nobody knows, also an empty
/// one, is [`Status::Unknown`]: that user is neither let in nor put out because of a word.
pub(crate) fn status(word: &str, own: &StatusWords) -> Status {
    let folded = word.trim().to_lowercase();
    let named = |words: &[String]| words.iter().any(|own| own.trim().to_lowercase() == folded);
    if named(&own.inactive) {
        return Status::Inactive(InactiveReason::Disabled);
    }
    if named(&own.active) || ACTIVE.contains(&folded.as_str()) {
        return Status::Active;
    }
    match INACTIVE.iter().find(|(known, _)| *known == folded) {
        Some((_, reason)) => Status::Inactive(*reason),
        None if folded.is_empty() => Status::Unknown("the status is empty".to_owned()),
        None => Status::Unknown(format!("the status {word:?} is none of the known words")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_words_win_and_unknown_ones_decide_nothing() {
        let own = StatusWords { active: vec!["Beurlaubt".into()], inactive: vec!["Ausgeschieden".into(), "1".into()] };
        assert_eq!(status(" ACTIVE ", &own), Status::Active);
        assert_eq!(status("beurlaubt", &own), Status::Active);
        assert_eq!(status("ausgeschieden", &own), Status::Inactive(InactiveReason::Disabled));
        assert_eq!(status("1", &own), Status::Inactive(InactiveReason::Disabled));
        assert_eq!(status("suspended", &own), Status::Inactive(InactiveReason::Suspended));
        assert_eq!(status("", &own), Status::Unknown("the status is empty".into()));
        assert_eq!(status("aktiv?", &own), Status::Unknown("the status \"aktiv?\" is none of the known words".into()));
    }
}
