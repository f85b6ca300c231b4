//! What Okta's words for a user's state mean.
//!
//! Locked out, a password that expired and one that is being reset pass by themselves and are no reason to take an
//! account away; suspended and deactivated are an administrator's decision. A word that we do not know holds the user
//! as they are: Okta has added some before.

use std::collections::BTreeMap;

use rollcall_kit::{InactiveReason, Status};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a status is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Reading {
    /// May work.
    Active,
    /// May not work.
    Inactive,
    /// Is left as they are.
    Hold,
}

/// Reads a status word, by the administrator's word for it where there is one.
pub(crate) fn status(word: Option<&str>, overridden: &BTreeMap<String, Reading>) -> Status {
    let Some(word) = word else { return Status::Unknown("Okta gave no status".to_owned()) };
    match overridden.get(word) {
        Some(Reading::Active) => Status::Active,
        Some(Reading::Inactive) => Status::Inactive(reason(word).unwrap_or(InactiveReason::Disabled)),
        Some(Reading::Hold) => Status::Unknown(format!("statuses holds users with the status {word} as they are")),
        None => preset(word),
    }
}

fn preset(word: &str) -> Status {
    match word {
        "ACTIVE" | "PROVISIONED" | "RECOVERY" | "PASSWORD_EXPIRED" | "LOCKED_OUT" => Status::Active,
        _ => match reason(word) {
            Some(reason) => Status::Inactive(reason),
            None => Status::Unknown(format!(
                "the status {word} is not known; say what it means in statuses, or wait for a version that knows it"
            )),
        },
    }
}

/// Why users with this status are not active, where they are not.
fn reason(word: &str) -> Option<InactiveReason> {
    match word {
        "STAGED" | "PROVISIONED" => Some(InactiveReason::NotYetActive),
        "SUSPENDED" => Some(InactiveReason::Suspended),
        "DEPROVISIONED" => Some(InactiveReason::Disabled),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_documented_status_is_read() {
        for (word, expected) in [
            ("STAGED", Status::Inactive(InactiveReason::NotYetActive)),
            ("PROVISIONED", Status::Active),
            ("ACTIVE", Status::Active),
            ("RECOVERY", Status::Active),
            ("PASSWORD_EXPIRED", Status::Active),
            ("LOCKED_OUT", Status::Active),
            ("SUSPENDED", Status::Inactive(InactiveReason::Suspended)),
            ("DEPROVISIONED", Status::Inactive(InactiveReason::Disabled)),
        ] {
            assert_eq!(status(Some(word), &BTreeMap::new()), expected, "{word}");
        }
    }

    #[test]
    fn a_status_that_nobody_knows_or_that_is_missing_holds() {
        for word in [Some("ACTIVATING"), Some("active"), Some(""), None] {
            assert!(matches!(status(word, &BTreeMap::new()), Status::Unknown(_)), "{word:?}");
        }
    }

    #[test]
    fn the_administrators_word_goes_first() {
        let overridden = BTreeMap::from([
            ("PROVISIONED".to_owned(), Reading::Inactive),
            ("ACTIVATING".to_owned(), Reading::Active),
            ("LOCKED_OUT".to_owned(), Reading::Inactive),
            ("STAGED".to_owned(), Reading::Hold),
        ]);
        assert_eq!(status(Some("PROVISIONED"), &overridden), Status::Inactive(InactiveReason::NotYetActive));
        assert_eq!(status(Some("ACTIVATING"), &overridden), Status::Active);
        assert_eq!(status(Some("LOCKED_OUT"), &overridden), Status::Inactive(InactiveReason::Disabled));
        assert!(matches!(status(Some("STAGED"), &overridden), Status::Unknown(_)));
        assert_eq!(status(Some("ACTIVE"), &overridden), Status::Active);
    }
}
