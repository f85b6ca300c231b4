//! The directory model: users, groups and memberships, in one form for every kind of directory.
//!
//! A connector keeps the provider's own words (`raw`, `raw_status`) beside our reading of them, so that a mapping can
//! reach everything and `explain` can quote what the directory really said.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Attributes, Container, Value};

/// The directory's immutable id of a user or group: `objectGUID`, `entryUUID`, an object id. Never a name, an
/// address or a DN, all of which change when people marry or move.
///
/// Sorted by its text; every sorted stream in Rollcall is sorted by this.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(transparent)]
pub struct DirectoryId(String);

impl DirectoryId {
    /// Takes an id as the directory spells it, without surrounding white space; an empty one is no id.
    #[must_use]
    pub fn new(id: &str) -> Option<Self> {
        let id = id.trim();
        (!id.is_empty()).then(|| Self(id.to_owned()))
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DirectoryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An e-mail address. Shown as the directory spells it; compared, sorted and hashed case-folded, everywhere.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Address(String);

impl Address {
    /// Accepts `local@domain` with both parts there, one `@` and no white space; anything else is not an address.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (local, domain) = text.split_once('@')?;
        let sound = !local.is_empty()
            && !domain.is_empty()
            && !domain.contains('@')
            && !text.contains(|c: char| c.is_whitespace() || c.is_control());
        sound.then(|| Self(text.to_owned()))
    }

    /// As the directory spells it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The form in which addresses are compared.
    #[must_use]
    pub fn folded(&self) -> String {
        self.0.to_lowercase()
    }

    /// The part behind the `@`, folded. `ext.acme.com` is not `acme.com`.
    #[must_use]
    pub fn domain(&self) -> String {
        self.0.split_once('@').map(|(_, domain)| domain.to_lowercase()).unwrap_or_default()
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl PartialEq for Address {
    fn eq(&self, other: &Self) -> bool {
        self.folded() == other.folded()
    }
}

impl Eq for Address {}

impl PartialOrd for Address {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Address {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.folded().cmp(&other.folded())
    }
}

impl std::hash::Hash for Address {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.folded().hash(state);
    }
}

/// Our reading of the provider's status of a user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Status {
    /// May work. Locked out for a while or with an expired password is still active.
    Active,
    /// May not work: the account is deactivated, never silently deleted.
    Inactive(InactiveReason),
    /// The provider said something that we do not know, or hid what we need in order to know. The user is held as
    /// they are: neither let in nor put out.
    Unknown(String),
}

/// Why a user is not active.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InactiveReason {
    /// Switched off by an administrator.
    Disabled,
    /// Suspended for now.
    Suspended,
    /// Past the end date of the account.
    Expired,
    /// Archived: kept, not used.
    Archived,
    /// Deleted in the directory, seen as a positive record of the deletion (a tombstone).
    Deleted,
    /// Staged or provisioned, but not yet switched on.
    NotYetActive,
    /// Not assigned to the application any more.
    Unassigned,
}

impl fmt::Display for InactiveReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Disabled => "disabled",
            Self::Suspended => "suspended",
            Self::Expired => "expired",
            Self::Archived => "archived",
            Self::Deleted => "deleted",
            Self::NotYetActive => "not yet active",
            Self::Unassigned => "no longer assigned",
        })
    }
}

/// Names of the attributes that every connector fills where its directory has them. What else the provider holds is
/// in `raw`, under the provider's own names.
pub mod attribute {
    /// The one address that decides who the user is in the target.
    pub const EMAIL: &str = "email";
    /// The name the user signs in with.
    pub const PREFERRED_USERNAME: &str = "preferred_username";
    /// The full name, as shown.
    pub const NAME: &str = "name";
    /// The given name.
    pub const GIVEN_NAME: &str = "given_name";
    /// The family name.
    pub const FAMILY_NAME: &str = "family_name";
    /// An address of a picture, never the picture.
    pub const PICTURE: &str = "picture";
    /// A telephone number.
    pub const PHONE_NUMBER: &str = "phone_number";
    /// A language tag, such as `de-DE`.
    pub const LOCALE: &str = "locale";

    /// What the default mapping writes to the target, in this order.
    pub const MAPPED_BY_DEFAULT: [&str; 8] =
        [EMAIL, PREFERRED_USERNAME, NAME, GIVEN_NAME, FAMILY_NAME, PICTURE, PHONE_NUMBER, LOCALE];

    /// Those of them that people call a user by.
    pub const NAMES: [&str; 3] = [EMAIL, PREFERRED_USERNAME, NAME];

    /// What expressions can rely on beyond that: known names, absent where the directory is silent.
    pub const ALSO_KNOWN: [&str; 10] = [
        "preferred_language",
        "department",
        "title",
        "employee_number",
        "employee_type",
        "organization",
        "cost_center",
        "manager",
        "office",
        "emails",
    ];
}

/// A user, as a directory holds them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DirectoryUser {
    /// The directory's immutable id.
    pub id: DirectoryId,
    /// How people call this record when they look for it in the directory: `uid`, `sAMAccountName`, a UPN.
    pub login: String,
    /// Our reading of the status.
    pub status: Status,
    /// The provider's own words for the status, for `explain`: `userAccountControl=514`.
    pub raw_status: String,
    /// Where the record stands, if the directory has containers: its DN or the path of its organisational unit.
    pub place: Option<Container>,
    /// Whether the user is assigned to the application, where the directory knows assignment.
    pub assigned: Option<bool>,
    /// Attributes under the names of [`attribute`].
    pub profile: Attributes,
    /// Attributes under the provider's own names.
    pub raw: Attributes,
}

impl DirectoryUser {
    /// The text of a profile attribute; blank text is none.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.profile.get(name).and_then(Value::as_text).map(str::trim).filter(|text| !text.is_empty())
    }

    /// The address, if there is one that can be an address.
    #[must_use]
    pub fn address(&self) -> Option<Address> {
        self.text(attribute::EMAIL).and_then(Address::parse)
    }

    /// What a report calls this user: the address, else the login, else the id.
    #[must_use]
    pub fn label(&self) -> String {
        match self.text(attribute::EMAIL) {
            Some(email) => email.to_owned(),
            None if self.login.is_empty() => self.id.to_string(),
            None => self.login.clone(),
        }
    }
}

/// A member of a group.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Member {
    /// A user.
    User(DirectoryId),
    /// Another group, whose members are members too where a rule says so.
    Group(DirectoryId),
}

/// A group, as a directory holds it. Direct members only: who is in through another group is worked out later, once,
/// for every provider alike (loops included).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DirectoryGroup {
    /// The directory's immutable id.
    pub id: DirectoryId,
    /// The name that a rule may name it by.
    pub name: String,
    /// Where the record stands, if the directory has containers.
    pub place: Option<Container>,
    /// The direct members, sorted, each once.
    pub members: Vec<Member>,
    /// Members that the directory names but that lead to no user or group we can read (dangling, hidden, of a kind
    /// that is no user). They are dropped, and counted here.
    pub unresolved_members: u64,
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn user(login: &str, email: Option<&str>) -> DirectoryUser {
        DirectoryUser {
            id: DirectoryId::new("7").unwrap(),
            login: login.to_owned(),
            status: Status::Inactive(InactiveReason::Deleted),
            raw_status: "userAccountControl=514".to_owned(),
            place: Some("OU=Gone".into()),
            assigned: Some(false),
            profile: email.map(|email| (attribute::EMAIL, email.into())).into_iter().collect(),
            raw: [("flags", Value::List(vec![Value::Int(1), true.into()]))].into(),
        }
    }

    #[test]
    fn an_empty_id_is_no_id_and_white_space_around_one_is_not_part_of_it() {
        assert_eq!(DirectoryId::new(" \t\n"), None);
        assert_eq!(DirectoryId::new(" a b ").unwrap().as_str(), "a b");
    }

    #[test]
    fn an_id_is_compared_as_the_directory_spells_it() {
        assert_ne!(DirectoryId::new("ab"), DirectoryId::new("AB"));
    }

    #[test]
    fn only_what_can_be_an_address_is_one() {
        for text in ["jane@acme.com", "j+x@ext.acme.com", "ülla@bücher.example", " jane@acme.com "] {
            assert_eq!(Address::parse(text).unwrap().as_str(), text.trim());
        }
        for text in ["", "jane", "@acme.com", "jane@", "a@b@c", "jane doe@acme.com", "jane@acme.com\0", "jane@ac\tme"] {
            assert!(Address::parse(text).is_none(), "{text:?}");
        }
    }

    #[test]
    fn addresses_are_compared_sorted_and_hashed_case_folded_and_shown_as_spelled() {
        let (one, other) = (Address::parse("Jane@ACME.com").unwrap(), Address::parse("jane@acme.com").unwrap());
        assert_eq!(one, other);
        assert_eq!(one.cmp(&other), std::cmp::Ordering::Equal);
        assert_eq!(BTreeSet::from([one.clone(), other]).len(), 1);
        assert_eq!(one.to_string(), "Jane@ACME.com");
    }

    #[test]
    fn a_sub_domain_is_another_domain() {
        assert_eq!(Address::parse("joe@Ext.ACME.com").unwrap().domain(), "ext.acme.com");
    }

    #[test]
    fn blank_text_is_none_and_text_that_cannot_be_an_address_gives_none() {
        assert_eq!(user("jd", Some("  ")).text(attribute::EMAIL), None);
        assert_eq!(user("jd", Some("not an address")).address(), None);
        assert_eq!(user("jd", Some(" jane@acme.com ")).address(), Address::parse("jane@acme.com"));
    }

    #[test]
    fn a_user_is_called_by_address_else_login_else_id() {
        assert_eq!(user("jd", Some("jane@acme.com")).label(), "jane@acme.com");
        assert_eq!(user("jd", None).label(), "jd");
        assert_eq!(user("", None).label(), "7");
    }

    #[test]
    fn users_and_groups_survive_the_snapshots_binary_form() {
        let jane = user("jd", Some("jane@acme.com"));
        let bytes = postcard::to_stdvec(&jane).unwrap();
        assert_eq!(postcard::from_bytes::<DirectoryUser>(&bytes).unwrap(), jane);
        let group = DirectoryGroup {
            id: DirectoryId::new("g").unwrap(),
            name: "App Users".to_owned(),
            place: None,
            members: vec![Member::User(jane.id.clone()), Member::Group(DirectoryId::new("h").unwrap())],
            unresolved_members: 3,
        };
        let bytes = postcard::to_stdvec(&group).unwrap();
        assert_eq!(postcard::from_bytes::<DirectoryGroup>(&bytes).unwrap(), group);
    }

    #[test]
    fn no_attribute_has_two_meanings() {
        let names = attribute::MAPPED_BY_DEFAULT.iter().chain(&attribute::ALSO_KNOWN);
        assert_eq!(
            names.collect::<BTreeSet<_>>().len(),
            attribute::MAPPED_BY_DEFAULT.len() + attribute::ALSO_KNOWN.len()
        );
    }
}
