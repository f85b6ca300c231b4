//! What one target can do: announced by its discovery, corrected by what it was seen to do.
//!
//! A profile is a fact that can be kept between runs, so that a target is not asked twice for what it refused once.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// How a target hands out long lists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Paging {
    /// By `startIndex` (RFC 7644, section 3.4.2.4).
    #[default]
    Index,
    /// By `cursor` (RFC 9865).
    Cursor,
}

/// How a target wants to be told that members leave a group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MemberRemoval {
    /// `remove` at `members[value eq "…"]`, as RFC 7644 has it.
    #[default]
    ByPath,
    /// `remove` at `members` with a list of values, as Entra ID sends it.
    ByValue,
}

/// What one target can do. The default is what a target is assumed to do that announces nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Profile {
    /// Whether it takes PATCH; where it does not, whole resources are read, changed and put back.
    pub patch: bool,
    /// Whether it takes filters at all.
    pub filter: bool,
    /// Attributes by which it was seen to refuse, or worse, to ignore a filter.
    pub unfilterable: BTreeSet<String>,
    /// Whether it refuses writes to a version that is not the latest.
    pub etag: bool,
    /// How it hands out long lists.
    pub paging: Paging,
    /// How many resources it is asked for at once.
    pub page_size: usize,
    /// Whether it has groups.
    pub groups: bool,
    /// What a user can hold: lower-case paths such as `name.givenname`, without those that only the target may
    /// write. None if the target does not say.
    pub user_attributes: Option<BTreeSet<String>>,
    /// How members are removed.
    pub member_removal: MemberRemoval,
    /// Whether it was seen to list, or to hide, the members that it was just given.
    pub shows_members: Option<bool>,
    /// Whether it was seen to keep, or to lose, the roles that a new account was created with.
    pub roles_in_create: Option<bool>,
    /// Whether it was seen to answer a change with the changed resource.
    pub answers_patch: Option<bool>,
    /// How many requests a minute it took in the last run that wrote enough to tell.
    pub calls_per_minute: Option<u32>,
    /// How many requests a minute it takes at most, as its refusals taught.
    pub limit_per_minute: Option<u32>,
}

/// Resources asked for at once, if the target announces nothing. Every known target takes 100.
const USUAL_PAGE: usize = 100;

/// The most resources asked for at once: larger pages gain little and time out more.
const LARGEST_PAGE: usize = 500;

impl Default for Profile {
    fn default() -> Self {
        Self {
            patch: true,
            filter: true,
            unfilterable: BTreeSet::new(),
            etag: false,
            paging: Paging::Index,
            page_size: USUAL_PAGE,
            groups: true,
            user_attributes: None,
            member_removal: MemberRemoval::ByPath,
            shows_members: None,
            roles_in_create: None,
            answers_patch: None,
            calls_per_minute: None,
            limit_per_minute: None,
        }
    }
}

impl Profile {
    /// Sets the page size from the largest that the target announces.
    pub(super) fn limit_pages(&mut self, largest: usize) {
        if largest > 0 {
            self.page_size = largest.min(LARGEST_PAGE);
        }
    }

    /// Whether users can be looked up by this attribute.
    pub(super) fn can_filter(&self, attribute: &str) -> bool {
        self.filter && !self.unfilterable.contains(attribute)
    }

    /// Whether a user can hold what stands at this path, as far as the target says. `name` is enough for
    /// `name.givenName` where the target does not list sub-attributes.
    pub(super) fn holds(&self, path: &str) -> bool {
        let Some(known) = &self.user_attributes else { return true };
        let path = path.to_ascii_lowercase();
        if known.contains(&path) {
            return true;
        }
        let Some((parent, _)) = path.rsplit_once(['.', ':']).filter(|(parent, _)| known.contains(*parent)) else {
            return false;
        };
        !known.iter().any(|other| other.len() > parent.len() + 1 && other.starts_with(parent))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn knows(paths: &[&str]) -> Profile {
        Profile { user_attributes: Some(paths.iter().map(|&path| path.to_owned()).collect()), ..Profile::default() }
    }

    #[test]
    fn a_target_without_schemas_is_assumed_to_hold_everything() {
        assert!(Profile::default().holds("name.givenName"));
    }

    #[test]
    fn sub_attributes_count_only_where_they_are_listed() {
        assert!(knows(&["name"]).holds("name.givenName"));
        assert!(!knows(&["name", "name.formatted"]).holds("name.givenName"));
        assert!(!knows(&["emails"]).holds("roles"));
        assert!(knows(&["urn:x:user", "urn:x:user:department"]).holds("urn:x:User:department"));
        assert!(!knows(&["emails"]).holds("urn:x:User:department"));
    }

    #[test]
    fn a_profile_that_was_saved_by_an_older_version_can_be_read() {
        assert_eq!(
            serde_json::from_str::<Profile>(r#"{"patch":false}"#).unwrap(),
            Profile { patch: false, ..Profile::default() }
        );
    }
}
