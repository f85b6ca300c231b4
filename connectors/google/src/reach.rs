//! Who is within reach: the whole customer, one of its domains, organisational units, or the members of some groups.
//!
//! A narrower reach must itself be there before anybody's absence from it means something: a unit or group that cannot be
//! found is an error and never an empty list.

use rollcall_kit::rest::Interface as _;
use rollcall_kit::{Container, ReadError};
use serde_json::Value as Json;

use crate::api::{Api, Query};
use crate::person::text;
use crate::settings::{Called, GoogleSettings};

/// What is asked for of a group.
pub(crate) const GROUP: &str = "id,etag,email,name,directMembersCount";

/// The interface that this connector reads most of.
pub(crate) const USERS: [&str; 3] = ["directory", "v1", "users"];
pub(crate) const GROUPS: [&str; 3] = ["directory", "v1", "groups"];

/// Who is within reach.
#[derive(Clone, Debug)]
pub(crate) enum Reach {
    /// The whole customer, in all of its domains.
    Everybody,
    /// Whose primary address is in this domain.
    Domain(String),
    /// Who is in one of these organisational units or below.
    Units(Vec<Container>),
    /// Who is a member of one of these groups.
    MembersOf(Vec<Group>),
}

/// A group, without its members.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Group {
    pub(crate) id: String,
    pub(crate) address: Option<String>,
    pub(crate) name: Option<String>,
    /// How many direct members Google says that it has.
    pub(crate) count: Option<u64>,
}

impl Group {
    /// Reads a group object. Google writes the count as a text.
    pub(crate) fn of(id: String, json: &Json) -> Self {
        let count = text(json, "/directMembersCount").and_then(|count| count.parse().ok());
        Self { id, address: text(json, "/email"), name: text(json, "/name"), count }
    }

    /// By what rules name it.
    pub(crate) fn called(&self, by: Called) -> Option<&str> {
        match by {
            Called::Address => self.address.as_deref(),
            Called::Name => self.name.as_deref(),
        }
    }

    /// What people call it.
    pub(crate) fn label(&self) -> &str {
        self.address.as_deref().unwrap_or(&self.id)
    }
}

impl Reach {
    /// Finds what the settings name.
    pub(crate) async fn resolve(api: &Api, settings: &GoogleSettings) -> Result<Self, ReadError> {
        if let Some(domain) = &settings.domain {
            return Ok(Self::Domain(domain.trim().to_lowercase()));
        }
        let mut units = Vec::new();
        for wanted in &settings.org_units {
            units.push(Container::new(unit(api, settings, wanted.trim()).await?));
        }
        if !units.is_empty() {
            units.sort();
            units.dedup();
            return Ok(Self::Units(units));
        }
        let mut groups = Vec::new();
        for wanted in &settings.members_of {
            groups.push(find_group(api, wanted).await?.ok_or_else(|| {
                ReadError::Settings(format!(
                    "members_of: there is no group {wanted:?}, or it is not this customer's; whom to read is unknown"
                ))
            })?);
        }
        groups.sort();
        groups.dedup();
        Ok(if groups.is_empty() { Self::Everybody } else { Self::MembersOf(groups) })
    }

    /// Whether a user object lies within, as far as the object itself says: members of groups are told by the groups.
    pub(crate) fn holds(&self, user: &Json) -> Result<bool, String> {
        match self {
            Self::Everybody | Self::MembersOf(_) => Ok(true),
            Self::Domain(domain) => {
                let address = text(user, "/primaryEmail").ok_or("it came without primaryEmail")?;
                let (_, of) = address.rsplit_once('@').ok_or("its primaryEmail is no address")?;
                Ok(of.eq_ignore_ascii_case(domain))
            }
            Self::Units(units) => {
                let path = text(user, "/orgUnitPath").ok_or("it came without orgUnitPath")?;
                let place = Container::new(path);
                // What is no path may stand anywhere: nobody is out of reach by it.
                let within: Option<Vec<bool>> = units.iter().map(|unit| unit.contains(&place)).collect();
                Ok(within.ok_or("its orgUnitPath is no path")?.contains(&true))
            }
        }
    }

    /// Why a user object that does not lie within does not.
    pub(crate) fn why_not(&self) -> String {
        match self {
            Self::Everybody => "not this customer's".to_owned(),
            Self::Domain(domain) => format!("no address in {domain} (domain)"),
            Self::Units(units) => {
                let units: Vec<&str> = units.iter().map(Container::as_str).collect();
                format!("in none of these organisational units: {} (org_units)", units.join(", "))
            }
            Self::MembersOf(groups) => {
                let names: Vec<&str> = groups.iter().map(Group::label).collect();
                format!("a member of none of these groups: {} (members_of)", names.join(", "))
            }
        }
    }

    /// The queries that find everybody within reach, and perhaps others: what each asks for is compared here.
    pub(crate) fn queries(&self) -> Vec<Option<String>> {
        match self {
            Self::Units(units) => {
                units.iter().map(|unit| Some(format!("orgUnitPath={}", quoted(unit.as_str())))).collect()
            }
            _ => vec![None],
        }
    }
}

/// A text in one of Google's queries.
fn quoted(text: &str) -> String {
    format!("'{}'", text.trim().replace('\\', "\\\\").replace('\'', "\\'"))
}

/// The path of an organisational unit, which must be there.
async fn unit(api: &Api, settings: &GoogleSettings, wanted: &str) -> Result<String, ReadError> {
    let mut path = vec!["directory", "v1", "customer", settings.customer(), "orgunits"];
    path.extend(wanted.split('/').filter(|part| !part.is_empty()));
    let query = Query { collection: "users", path: &path, parameters: &[] };
    let unit = api.one(&query).await?.ok_or_else(|| {
        ReadError::Settings(format!(
            "org_units: there is no organisational unit {wanted:?}; if it was renamed or moved, name it by its id (id:…), \
             for whom to read is unknown"
        ))
    })?;
    text(&unit, "/orgUnitPath").ok_or_else(|| {
        ReadError::incomplete("users", format!("the organisational unit {wanted:?} came without its path"))
    })
}

/// A group by its id or address; nothing if Google says that there is none.
pub(crate) async fn find_group(api: &Api, wanted: &str) -> Result<Option<Group>, ReadError> {
    let path = [&GROUPS[..], &[wanted.trim()]].concat();
    let query = Query { collection: "groups", path: &path, parameters: &[("fields", GROUP)] };
    let Some(json) = api.one(&query).await? else { return Ok(None) };
    let no_id = || ReadError::incomplete("groups", format!("the group {wanted:?} came without an id"));
    Ok(Some(Group::of(text(&json, "/id").ok_or_else(no_id)?, &json)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_text_stays_a_text_whatever_is_in_it() {
        assert_eq!(quoted(r"/Corp/O'Brien \ isAdmin=true"), r"'/Corp/O\'Brien \\ isAdmin=true'");
    }

    #[test]
    fn below_a_unit_is_what_its_path_says_and_not_what_begins_alike() {
        let reach = Reach::Units(vec!["/Sales".into()]);
        let holds = |path: &str| reach.holds(&json!({"orgUnitPath": path})).unwrap();
        assert!(holds("/Sales") && holds("/Sales/East") && holds("/sales/east"));
        assert!(!holds("/Salesforce") && !holds("/") && !holds("/Corp/Sales"));
        let everything = Reach::Units(vec!["/".into()]);
        assert!(everything.holds(&json!({"orgUnitPath": "/Sales"})).unwrap(), "all units are below the root");
        assert!(reach.holds(&json!({})).is_err(), "a user without a path may be within");
        for odd in ["Sales", "/Sales//East", " ", "OU=Sales,DC=acme"] {
            assert!(reach.holds(&json!({"orgUnitPath": odd})).is_err(), "{odd:?} puts nobody out of reach");
        }
    }

    #[test]
    fn a_sub_domain_is_another_domain() {
        let reach = Reach::Domain("acme.com".to_owned());
        let holds = |address: &str| reach.holds(&json!({"primaryEmail": address})).unwrap();
        assert!(holds("a@acme.com") && holds("a@ACME.com") && !holds("a@ext.acme.com") && !holds("a@notacme.com"));
        assert!(reach.holds(&json!({"primaryEmail": "a"})).is_err(), "what is no address puts nobody out of reach");
    }

    #[test]
    fn the_number_of_members_is_a_text() {
        assert_eq!(Group::of("1".to_owned(), &json!({"directMembersCount": "41"})).count, Some(41));
        assert_eq!(Group::of("1".to_owned(), &json!({})).count, None);
    }
}
