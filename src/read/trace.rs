//! Traces: what people leave behind when they vanish, and the doubts that follow from them.
//!
//! A directory that hides somebody answers exactly as one that deleted them: the list leaves them out, and the look-up
//! finds nobody. What tells the two apart lies around them. Who hides people rarely hides their names in the groups; who
//! hides a whole container hides the container too, or leaves it standing without anybody in it. An absence with such a
//! trace is not proved, and waits for a person.
//!
//! Traces are taken from the mirror before the reading that misses somebody replaces it, and kept until they are back or
//! out: a doubt must not end because a second reading misses them as well. Where they are lost with a damaged snapshot, that
//! is a doubt by itself. Pure: what has to be asked comes in as
//! [`Surroundings`].

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use rollcall_kit::{Container, DirectoryId};
use serde::{Deserialize, Serialize};

/// So many people must leave a container empty at once for that to be strange: the only person in one may well leave.
const STRANGE: u64 = 2;

/// What somebody left behind who is missing from a reading.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trace {
    /// The container in which they stood.
    pub container: Option<Container>,
    /// How many others vanished from the same container at the same time and have no account of ours. Those who have one
    /// have a trace of their own.
    #[serde(default)]
    pub company: u64,
    /// The groups that they were in.
    pub groups: BTreeMap<DirectoryId, TracedGroup>,
    /// The groups that they were in only through those.
    #[serde(default)]
    pub through: BTreeSet<DirectoryId>,
    /// Whether nobody knows what they left behind: the snapshot that knew them was damaged or lost.
    #[serde(default)]
    pub lost: bool,
}

impl Trace {
    /// The trace of somebody whom the snapshot does not know any more, because it was damaged.
    #[must_use]
    pub fn lost() -> Self {
        Self { lost: true, ..Self::default() }
    }

    /// Every group that they were in, directly or through others.
    pub fn all_groups(&self) -> impl Iterator<Item = &DirectoryId> {
        self.groups.keys().chain(&self.through)
    }
}

/// A group that somebody was in when they were last read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TracedGroup {
    /// Its name.
    pub name: String,
    /// How many of its members led nowhere at that time.
    pub unresolved: u64,
}

/// Traces by the directory id of whom they are of.
pub type Traces = BTreeMap<DirectoryId, Trace>;

/// How things stand now around the people who are missing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// Whether the directory leaves the names of deleted people in its groups; such a name proves nothing then.
    pub leaves_names: bool,
    /// How many members of each traced group lead nowhere now. A group that is gone is not here.
    pub unresolved: BTreeMap<DirectoryId, u64>,
    /// Who of the traced was found outside of what is read. A group that names them names nobody who can be seen either,
    /// and nothing is strange about that.
    pub elsewhere: BTreeSet<DirectoryId>,
    /// Traced containers that the directory does not show.
    pub hidden: BTreeSet<Container>,
    /// Traced containers in which somebody stands.
    pub inhabited: BTreeSet<Container>,
}

/// Why somebody who is not found may be hidden rather than gone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "sign")]
pub enum Doubt {
    /// The container in which they stood is not shown any more.
    PlaceHidden {
        /// Which.
        place: Container,
    },
    /// A group that they were in names more people than before who cannot be seen.
    StillNamed {
        /// The group's name.
        group: String,
    },
    /// Everybody who stood in their container is missing at once.
    PlaceEmptied {
        /// Which.
        place: Container,
    },
    /// The snapshot lost what it knew of them, so no sign could be looked for.
    Untraced,
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PlaceHidden { place } => write!(f, "the place where they stood is not shown any more: {place}"),
            Self::StillNamed { group } => write!(f, "the group {group} still names somebody who cannot be seen"),
            Self::PlaceEmptied { place } => write!(f, "all who stood in the same place are missing at once: {place}"),
            Self::Untraced => f.write_str("the snapshot was damaged, and what it knew of their surroundings is lost"),
        }
    }
}

/// Who of the missing may be hidden rather than gone, and why.
#[must_use]
pub fn doubts(traces: &Traces, now: &Surroundings) -> BTreeMap<DirectoryId, Doubt> {
    let mut from: BTreeMap<&Container, u64> = BTreeMap::new();
    let mut explained: BTreeMap<&DirectoryId, u64> = BTreeMap::new();
    for (user, trace) in traces {
        if now.elsewhere.contains(user) {
            trace.groups.keys().for_each(|group| *explained.entry(group).or_default() += 1);
        } else if let Some(container) = &trace.container {
            *from.entry(container).or_default() += 1;
        }
    }
    let still_names = |(id, group): (&DirectoryId, &TracedGroup)| {
        let expected = group.unresolved + explained.get(id).copied().unwrap_or_default();
        let more = now.unresolved.get(id).is_some_and(|unresolved| *unresolved > expected);
        (more && !now.leaves_names).then(|| Doubt::StillNamed { group: group.name.clone() })
    };
    let doubt = |trace: &Trace| {
        if trace.lost {
            return Some(Doubt::Untraced);
        }
        // Of several spellings one is told to all, so that reports put these people together.
        let container = trace.container.as_ref().and_then(|container| from.get_key_value(container));
        if let Some((place, _)) = container.filter(|(container, _)| now.hidden.contains(*container)) {
            return Some(Doubt::PlaceHidden { place: (*place).clone() });
        }
        if let Some(doubt) = trace.groups.iter().find_map(still_names) {
            return Some(doubt);
        }
        let emptied = |(container, left): &(&&Container, &u64)| {
            **left + trace.company >= STRANGE && !now.inhabited.contains(**container)
        };
        container.filter(emptied).map(|(place, _)| Doubt::PlaceEmptied { place: (*place).clone() })
    };
    let missing = traces.iter().filter(|(user, _)| !now.elsewhere.contains(*user));
    missing.filter_map(|(user, trace)| Some((user.clone(), doubt(trace)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> DirectoryId {
        DirectoryId::new(text).unwrap()
    }

    fn trace(container: &str, groups: &[(&str, u64)]) -> Trace {
        let group = |(name, unresolved): &(&str, u64)| {
            (id(name), TracedGroup { name: (*name).to_owned(), unresolved: *unresolved })
        };
        let groups = groups.iter().map(group).collect();
        Trace { container: Some(container.into()), groups, ..Trace::default() }
    }

    fn inhabited(containers: &[&str]) -> Surroundings {
        let inhabited = containers.iter().map(|&container| container.into()).collect();
        Surroundings { inhabited, ..Surroundings::default() }
    }

    #[test]
    fn whom_a_group_still_names_is_doubted() {
        let traces = Traces::from([(id("ann"), trace("people", &[("eng", 1)])), (id("bob"), trace("people", &[]))]);
        let mut now = inhabited(&["people"]);
        now.unresolved = [(id("eng"), 1)].into();
        assert!(doubts(&traces, &now).is_empty(), "the name that led nowhere before leads nowhere still");
        now.unresolved = [(id("eng"), 2)].into();
        let doubts = doubts(&traces, &now);
        assert_eq!(doubts.keys().collect::<Vec<_>>(), [&id("ann")]);
        assert_eq!(doubts[&id("ann")].to_string(), "the group eng still names somebody who cannot be seen");
    }

    #[test]
    fn a_name_proves_nothing_where_the_directory_leaves_names_or_the_group_is_gone() {
        let traces = Traces::from([(id("ann"), trace("people", &[("eng", 0)]))]);
        let mut now = inhabited(&["people"]);
        assert!(doubts(&traces, &now).is_empty());
        now.unresolved = [(id("eng"), 1)].into();
        now.leaves_names = true;
        assert!(doubts(&traces, &now).is_empty());
    }

    #[test]
    fn whom_a_group_names_and_who_stands_elsewhere_makes_nobody_doubtful() {
        let traces =
            Traces::from([(id("ann"), trace("people", &[("eng", 0)])), (id("moved"), trace("people", &[("eng", 0)]))]);
        let mut now = inhabited(&["people"]);
        now.elsewhere = [id("moved")].into();
        now.unresolved = [(id("eng"), 1)].into();
        assert!(doubts(&traces, &now).is_empty());
        now.unresolved = [(id("eng"), 2)].into();
        assert_eq!(doubts(&traces, &now).keys().collect::<Vec<_>>(), [&id("ann")]);
        now.inhabited.clear();
        now.unresolved.clear();
        assert!(doubts(&traces, &now).is_empty(), "one left the place and one moved");
    }

    #[test]
    fn whoever_stood_in_a_container_that_is_not_shown_is_doubted_even_alone_and_even_where_names_stay() {
        let traces = Traces::from([(id("ann"), trace("sales", &[])), (id("bob"), trace("people", &[]))]);
        let mut now = inhabited(&["people"]);
        now.leaves_names = true;
        now.hidden = ["sales".into()].into();
        let doubts = doubts(&traces, &now);
        assert_eq!(doubts.len(), 1);
        assert_eq!(doubts[&id("ann")].to_string(), "the place where they stood is not shown any more: sales");
    }

    #[test]
    fn a_container_that_several_left_empty_at_once_is_doubted_and_one_that_its_only_person_left_is_not() {
        let alone = Traces::from([(id("ann"), trace("sales", &[]))]);
        assert!(doubts(&alone, &Surroundings::default()).is_empty());
        let both = Traces::from([(id("ann"), trace("sales", &[])), (id("bob"), trace("sales", &[]))]);
        assert_eq!(doubts(&both, &Surroundings::default()).len(), 2);
        assert!(doubts(&both, &inhabited(&["sales"])).is_empty(), "somebody is still there");
    }

    #[test]
    fn two_spellings_of_a_container_are_one_container() {
        let other = "OU=Bu\u{308}ro, DC=Acme";
        let both = Traces::from([(id("ann"), trace("ou=Büro,dc=acme", &[])), (id("bob"), trace(other, &[]))]);
        let emptied = doubts(&both, &Surroundings::default());
        assert_eq!(emptied.len(), 2, "together they left it empty");
        assert_eq!(emptied[&id("ann")].to_string(), emptied[&id("bob")].to_string(), "and reports say it once");
        assert!(doubts(&both, &inhabited(&["2.5.4.11=büro,dc=acme"])).is_empty(), "somebody is still there");
        let mut now = inhabited(&["ou=Büro,dc=acme"]);
        now.hidden = ["organizationalUnitName=\"Büro\",dc=acme".into()].into();
        assert_eq!(doubts(&both, &now).len(), 2, "it is not shown");
    }

    #[test]
    fn a_trace_that_an_earlier_version_kept_names_the_container_that_is_meant_now() {
        for kept in ["ou=b\\2cc zürich,dc=acme", "OU=B\\, C Zu\u{308}rich, DC=acme"] {
            let text = serde_json::json!({ "container": kept, "company": 1, "groups": {} });
            let trace: Trace = serde_json::from_value(text.clone()).unwrap();
            assert_eq!(serde_json::to_value(&trace).unwrap()["container"], kept);
            let traces = Traces::from([(id("ann"), trace)]);
            assert_eq!(doubts(&traces, &Surroundings::default()).len(), 1);
            let now = inhabited(&["ou=b\\,c zürich,dc=acme", "ou=b\\, c zürich,dc=acme"]);
            assert!(doubts(&traces, &now).is_empty(), "{kept}: somebody is still there");
        }
    }

    #[test]
    fn whoever_vanishes_beside_others_who_have_no_account_of_ours_is_doubted_as_if_they_had() {
        let mut one = trace("sales", &[]);
        one.company = 1;
        let traces = Traces::from([(id("ann"), one)]);
        assert_eq!(doubts(&traces, &Surroundings::default()).len(), 1);
        assert!(doubts(&traces, &inhabited(&["sales"])).is_empty(), "somebody is still there");
    }

    #[test]
    fn whose_trace_went_with_a_damaged_snapshot_is_doubted_wherever_he_stood() {
        let doubts = doubts(&Traces::from([(id("ann"), Trace::lost())]), &inhabited(&["sales"]));
        assert_eq!(doubts[&id("ann")], Doubt::Untraced);
    }

    #[test]
    fn who_left_no_trace_is_not_doubted() {
        assert!(doubts(&Traces::from([(id("ann"), Trace::default())]), &Surroundings::default()).is_empty());
    }
}
