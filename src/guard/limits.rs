//! Limits: how much of one kind of change goes through without a person.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::read::Percent;

/// How much of one kind of change goes through without a person. Both bounds hold: a plan is held if it exceeds the
/// count, or if it exceeds the share and the share is more than a handful (see [`Limits::floor`]). A count of 0 holds
/// every change of the kind, however few they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Limit {
    /// At most so many.
    pub count: u64,
    /// At most this share, in whole per cent: `"5%"`. Without one only the count holds.
    #[serde(rename = "share", skip_serializing_if = "Option::is_none")]
    pub percent: Option<Percent>,
}

impl Limit {
    /// Whether so many out of so many go beyond it. Counted exactly, without rounding.
    #[must_use]
    pub fn is_exceeded(&self, number: u64, of: u64, floor: u64) -> bool {
        let beyond = |percent: Percent| percent.is_exceeded(number, of);
        number > self.count || (number > floor && self.percent.is_some_and(beyond))
    }
}

macro_rules! limits {
    ($($(#[doc = $doc:literal])+ $name:ident = $count:literal $(, $percent:literal)?;)+) => {
        /// The limits of an organization. On by default.
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(from = "Written")]
        pub struct Limits {
            $($(#[doc = $doc])+ pub $name: Limit,)+
            /// Up to so many changes of a kind the share is not looked at, so that ten people are not held for one
            /// leaver.
            pub floor: u64,
        }

        impl Default for Limits {
            fn default() -> Self {
                Self { $($name: Limit { count: $count, percent: None$(.or(Some(Percent::of($percent))))? },)+ floor: 3 }
            }
        }

        /// Limits as people write them: `deactivations = { count = 50, share = "5%" }`. What is left out keeps its
        /// default, so that a limit can be changed but not forgotten.
        #[derive(Default, Deserialize, JsonSchema)]
        #[serde(default, deny_unknown_fields)]
        struct Written {
            $($(#[doc = $doc])+ $name: WrittenLimit,)+
            /// Up to so many changes of a kind the share is not looked at, so that ten people are not held for one
            /// leaver.
            floor: Option<u64>,
        }

        impl From<Written> for Limits {
            fn from(written: Written) -> Self {
                let defaults = Self::default();
                Self {
                    $($name: written.$name.over(defaults.$name),)+
                    floor: written.floor.unwrap_or(defaults.floor),
                }
            }
        }
    };
}

limits! {
    /// Accounts deactivated, out of the active ones.
    deactivations = 50, 5;
    /// Those among them whose owners are merely not found any more, out of the active ones. Where people are always
    /// disabled before they are deleted, `count = 0` holds each of them.
    absences = 50, 5;
    /// Accounts deleted, out of all accounts of ours.
    deletions = 10, 2;
    /// Accounts created, as licences may be. The first plan, which waits for a person anyway, is not counted.
    creations = 1_000;
    /// Accounts of the target taken over because they match somebody: each of them becomes ours, and gets another
    /// owner's values. The first plan, which waits for a person anyway, is not counted.
    adoptions = 50;
    /// Roles revoked, out of all roles that accounts of ours have.
    role_revocations = 100, 10;
    /// Accounts from which one role is revoked, out of those that have it: a group that gave it and lost nearly all
    /// its members shows here.
    role_revocations_per_role = 100, 80;
    /// Protected roles granted, out of the active accounts that have one. The first plan, which waits for a person
    /// anyway, is not counted.
    protected_grants = 5, 50;
    /// Members removed from groups, the members of deleted groups among them, out of all members.
    member_removals = 500, 10;
    /// Members that one group loses, out of its members.
    member_removals_per_group = 500, 80;
    /// Accounts of which attributes change, out of the active ones.
    updates = 1_000, 30;
    /// Accounts of which one and the same attribute changes, out of the active ones.
    attribute_changes = 500, 20;
}

/// A limit. Both bounds hold; one that is left out keeps its default.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct WrittenLimit {
    /// At most so many; with 0 every change of the kind waits.
    count: Option<u64>,
    /// At most this share of what there is, in whole per cent: `"5%"`.
    share: Option<Percent>,
}

impl WrittenLimit {
    fn over(&self, default: Limit) -> Limit {
        Limit { count: self.count.unwrap_or(default.count), percent: self.share.or(default.percent) }
    }
}

impl JsonSchema for Limits {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Limits".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        Written::json_schema(generator)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_read_and_written_as_people_write_it() {
        let limits: Limits = toml::from_str("deactivations = { count = 7, share = \"12%\" }\nfloor = 0").unwrap();
        assert_eq!(limits.deactivations, Limit { count: 7, percent: Some(Percent::of(12)) });
        assert_eq!(limits.floor, 0);
        assert_eq!(limits.deletions, Limits::default().deletions);
        let again: Limits = toml::from_str(&toml::to_string(&limits).unwrap()).unwrap();
        assert_eq!(again, limits);
    }

    #[test]
    fn a_share_that_is_no_percentage_is_refused_with_an_example() {
        for wrong in ["5", "101%", "-1%", "+5%", "%", "0.5%", "five%", "5%%"] {
            let text = format!("deactivations = {{ count = 7, share = {wrong:?} }}");
            let error = toml::from_str::<Limits>(&text).unwrap_err().to_string();
            assert!(error.contains("such as \"5%\""), "{wrong}: {error}");
        }
    }

    #[test]
    fn a_bound_that_is_left_out_keeps_its_default() {
        let limits: Limits = toml::from_str("deactivations = { count = 7 }\ndeletions = { share = \"0%\" }").unwrap();
        let defaults = Limits::default();
        assert_eq!(limits.deactivations, Limit { count: 7, percent: defaults.deactivations.percent });
        assert_eq!(limits.deletions, Limit { count: defaults.deletions.count, percent: Some(Percent::of(0)) });
        assert_eq!((limits.updates, limits.floor), (defaults.updates, defaults.floor));
    }

    #[test]
    fn an_unknown_limit_is_an_error() {
        assert!(toml::from_str::<Limits>("deactivation = { count = 7, share = \"5%\" }").is_err());
        assert!(toml::from_str::<Limits>("deactivations = { count = 7, share = \"5%\", floor = 3 }").is_err());
    }

    #[test]
    fn a_limit_lets_exactly_its_count_and_its_share_through() {
        let limit = Limit { count: 50, percent: Some(Percent::of(5)) };
        assert!(!limit.is_exceeded(50, 1_000, 3));
        assert!(limit.is_exceeded(51, 100_000, 3));
        assert!(!limit.is_exceeded(5, 100, 3));
        assert!(limit.is_exceeded(5, 99, 3));
        assert!(!limit.is_exceeded(3, 3, 3));
        assert!(limit.is_exceeded(4, 4, 3));
        assert!(limit.is_exceeded(1, 0, 0));
    }

    #[test]
    fn a_count_of_nothing_holds_one_change_even_below_the_floor() {
        let limits: Limits = toml::from_str("absences = { count = 0 }").unwrap();
        assert!(limits.absences.is_exceeded(1, 100_000, limits.floor));
        assert!(!limits.absences.is_exceeded(0, 100_000, limits.floor));
        assert!(!limits.deactivations.is_exceeded(1, 2, limits.floor));
    }

    #[test]
    fn a_limit_without_a_share_looks_at_the_count_alone() {
        let limits = Limits::default();
        assert!(!limits.creations.is_exceeded(1_000, 1, limits.floor));
        assert!(limits.creations.is_exceeded(1_001, 100_000, limits.floor));
        let narrower: Limits = toml::from_str("creations = { share = \"10%\" }").unwrap();
        assert!(narrower.creations.is_exceeded(11, 100, narrower.floor));
    }
}
