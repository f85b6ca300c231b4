//! What an expression sees: one user, with the groups they are in, handed to CEL by reference and looked up on demand.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use cel::ExecutionError;
use cel::common::traits::{self, Container, Indexer, Iterable, Sizer};
use cel::common::types::{CelBool, CelInt, CelList, CelNull, CelString, LIST_TYPE, MAP_TYPE, Type};
use cel::common::value::{CowVal, Val};
use cel::context::VariableResolver;
use rollcall_kit::{Attributes, DirectoryUser, Status, Value};

use crate::roster::groups::{Belonging, Membership};

/// Names behind `user.` that are not attributes of the profile.
pub(super) const OWN_NAMES: [&str; 7] = ["id", "login", "status", "place", "assigned", "groups", "raw"];

/// `user`, where an absent attribute is missing: behind `has(…)` and `.?`.
pub(super) const STRICT: &str = "user";
/// `user`, where an absent attribute is null: everywhere else. No expression can spell this name.
pub(super) const LENIENT: &str = "@user";
/// `user.groups` on the right of `in`. No expression can spell this name; errors about groups carry it.
pub(super) const GROUPS: &str = "@groups";

/// One user, as expressions see them.
#[derive(Debug)]
pub(crate) struct Person<'a> {
    /// Their record.
    pub user: &'a DirectoryUser,
    /// The groups they are in.
    pub belonging: Belonging<'a>,
}

impl Person<'_> {
    /// Whether a known name has no value for them.
    pub(super) fn lacks(&self, name: &str) -> bool {
        self.get(name).is_none()
    }

    /// The value of a known name, for people.
    pub(super) fn show(&self, name: &str) -> Option<String> {
        match super::value::outcome(self.get(name)?.as_ref()) {
            super::Outcome::Value(value) => Some(value.to_string()),
            _ => None,
        }
    }

    /// The value of one of the provider's names, for people.
    pub(super) fn show_raw(&self, name: &str) -> Option<String> {
        MapVal::ignoring_case(&self.user.raw).find(name).map(Value::to_string)
    }

    /// The value of a name behind `user.`; none if it is absent.
    fn get<'b>(&'b self, name: &str) -> Option<Box<dyn Val + 'b>> {
        let user = self.user;
        Some(match name {
            "id" => text(user.id.as_str()),
            "login" => text(&user.login),
            "status" => text(status_word(&user.status)),
            "place" => text(user.place.as_ref()?.as_str()),
            "assigned" => Box::new(CelBool::from(user.assigned?)),
            "groups" => Box::new(CelList::from(self.belonging.names().into_iter().map(text).collect::<Vec<_>>())),
            "raw" => Box::new(MapVal::ignoring_case(&user.raw)),
            other => to_val(user.profile.get(other).filter(|value| !is_blank(value))?),
        })
    }
}

/// Blank text is no value, so that `has()` and the default mapping agree on what is there.
fn is_blank(value: &Value) -> bool {
    value.as_text().is_some_and(|text| text.trim().is_empty())
}

fn status_word(status: &Status) -> &'static str {
    match status {
        Status::Active => "active",
        Status::Inactive(_) => "inactive",
        Status::Unknown(_) => "unknown",
    }
}

fn text<'v>(text: &'v str) -> Box<dyn Val + 'v> {
    Box::new(CelString::from(text))
}

/// A value of ours as a CEL value that borrows from it.
fn to_val<'v>(value: &'v Value) -> Box<dyn Val + 'v> {
    match value {
        Value::Bool(value) => Box::new(CelBool::from(*value)),
        Value::Int(value) => Box::new(CelInt::from(*value)),
        Value::Text(value) => text(value),
        Value::List(values) => Box::new(CelList::from(values.iter().map(to_val).collect::<Vec<_>>())),
        Value::Map(members) => Box::new(MapVal::exact(members)),
    }
}

impl VariableResolver for Person<'_> {
    fn resolve<'b>(&'b self, variable: &str) -> Option<CowVal<'b, 'b>> {
        match variable {
            STRICT => Some(CowVal::owned(UserVal { person: self, lenient: false })),
            LENIENT => Some(CowVal::owned(UserVal { person: self, lenient: true })),
            GROUPS => Some(CowVal::owned(GroupsVal(&self.belonging))),
            _ => None,
        }
    }
}

/// The variable `user`.
#[derive(Clone, Copy, Debug)]
struct UserVal<'v> {
    person: &'v Person<'v>,
    lenient: bool,
}

impl Val for UserVal<'_> {
    fn get_type(&self) -> &Type {
        <Self as Val>::cel_type()
    }

    fn cel_type() -> &'static Type {
        &MAP_TYPE
    }

    fn as_indexer<'b, 'w>(&'b self) -> Option<&'b (dyn Indexer + 'w)>
    where
        Self: 'w,
    {
        Some(self)
    }

    fn clone_as_boxed<'w>(&self) -> Box<dyn Val + 'w>
    where
        Self: 'w,
    {
        Box::new(*self)
    }
}

impl<'v> Indexer for UserVal<'v> {
    fn get<'b, 'w>(&'b self, key: &dyn Val) -> Result<CowVal<'b, 'w>, ExecutionError>
    where
        Self: 'w,
    {
        let name = key_text(key)?;
        let person: &'v Person<'v> = self.person;
        match person.get(name) {
            Some(value) => Ok(CowVal::Owned(value)),
            None if self.lenient => Ok(CowVal::owned(CelNull)),
            None => Err(ExecutionError::no_such_key(name)),
        }
    }

    fn steal<'w>(self: Box<Self>, key: &dyn Val) -> Result<Box<dyn Val + 'w>, ExecutionError>
    where
        Self: 'w,
    {
        self.get(key).map(CowVal::into_owned)
    }
}

fn key_text(key: &dyn Val) -> Result<&str, ExecutionError> {
    key.downcast_ref::<CelString>().map(CelString::inner).ok_or_else(|| ExecutionError::UnexpectedType {
        got: key.get_type().name().to_owned(),
        want: "string".to_owned(),
    })
}

/// `user.groups` on the right of `in`: knows the groups that expressions name by their bound ids, so that a renamed
/// group is still itself, and one that cannot be found is an error and never "not a member".
#[derive(Clone, Copy, Debug)]
struct GroupsVal<'v>(&'v Belonging<'v>);

impl Val for GroupsVal<'_> {
    fn get_type(&self) -> &Type {
        <Self as Val>::cel_type()
    }

    fn cel_type() -> &'static Type {
        &LIST_TYPE
    }

    fn as_container(&self) -> Option<&dyn Container> {
        Some(self)
    }

    fn clone_as_boxed<'w>(&self) -> Box<dyn Val + 'w>
    where
        Self: 'w,
    {
        Box::new(*self)
    }
}

impl Container for GroupsVal<'_> {
    fn contains(&self, value: &dyn Val) -> Result<bool, ExecutionError> {
        let Some(name) = value.downcast_ref::<CelString>() else { return Ok(false) };
        match self.0.in_named(name.inner()) {
            Membership::In(_) => Ok(true),
            Membership::Out => Ok(false),
            Membership::Unknown(why) => Err(ExecutionError::function_error(GROUPS, why)),
        }
    }
}

/// Named values, borrowed, in the order of their names. The crate's own map is a hash map, and what a comprehension
/// makes of one would change from run to run.
#[derive(Debug)]
struct MapVal<'v> {
    members: Members<'v>,
    keys: OnceLock<Vec<CelString<'v>>>,
}

/// Where named values are.
#[derive(Clone, Copy, Debug)]
enum Members<'v> {
    /// In a value, under names that are spelled as they are spelled.
    Exact(&'v BTreeMap<String, Value>),
    /// Under the provider's own names: LDAP servers spell an attribute's name as the schema, the entry or the request
    /// spells it, and a misspelt case must not make a value vanish.
    IgnoringCase(&'v Attributes),
}

impl<'v> Members<'v> {
    fn find(self, name: &str) -> Option<&'v Value> {
        match self {
            Self::Exact(members) => members.get(name),
            Self::IgnoringCase(raw) => raw
                .get(name)
                .or_else(|| raw.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)),
        }
    }

    fn len(self) -> usize {
        match self {
            Self::Exact(members) => members.len(),
            Self::IgnoringCase(raw) => raw.len(),
        }
    }

    fn pairs(self) -> Vec<(&'v str, &'v Value)> {
        match self {
            Self::Exact(members) => members.iter().map(|(name, value)| (name.as_str(), value)).collect(),
            Self::IgnoringCase(raw) => raw.iter().map(|(name, value)| (name.as_str(), value)).collect(),
        }
    }
}

impl<'v> MapVal<'v> {
    fn exact(members: &'v BTreeMap<String, Value>) -> Self {
        Self { members: Members::Exact(members), keys: OnceLock::new() }
    }

    fn ignoring_case(raw: &'v Attributes) -> Self {
        Self { members: Members::IgnoringCase(raw), keys: OnceLock::new() }
    }

    fn find(&self, name: &str) -> Option<&'v Value> {
        self.members.find(name)
    }
}

impl Val for MapVal<'_> {
    fn get_type(&self) -> &Type {
        <Self as Val>::cel_type()
    }

    fn cel_type() -> &'static Type {
        &MAP_TYPE
    }

    fn as_container(&self) -> Option<&dyn Container> {
        Some(self)
    }

    fn as_indexer<'b, 'w>(&'b self) -> Option<&'b (dyn Indexer + 'w)>
    where
        Self: 'w,
    {
        Some(self)
    }

    fn as_iterable<'b, 'w>(&'b self) -> Option<&'b (dyn Iterable + 'w)>
    where
        Self: 'w,
    {
        Some(self)
    }

    fn as_sizer(&self) -> Option<&dyn Sizer> {
        Some(self)
    }

    fn equals(&self, other: &dyn Val) -> bool {
        let same_size = other.as_sizer().is_some_and(|sizer| *sizer.size().inner() == *self.size().inner());
        let Some(other) = other.as_indexer().filter(|_| same_size) else { return false };
        self.members.pairs().into_iter().all(|(name, value)| {
            other.get(&CelString::from(name)).is_ok_and(|there| to_val(value).equals(there.as_ref()))
        })
    }

    fn clone_as_boxed<'w>(&self) -> Box<dyn Val + 'w>
    where
        Self: 'w,
    {
        Box::new(MapVal { members: self.members, keys: OnceLock::new() })
    }
}

impl Container for MapVal<'_> {
    fn contains(&self, key: &dyn Val) -> Result<bool, ExecutionError> {
        Ok(self.find(key_text(key)?).is_some())
    }
}

impl Indexer for MapVal<'_> {
    fn get<'b, 'w>(&'b self, key: &dyn Val) -> Result<CowVal<'b, 'w>, ExecutionError>
    where
        Self: 'w,
    {
        let name = key_text(key)?;
        let value = self.find(name).ok_or_else(|| ExecutionError::no_such_key(name))?;
        Ok(CowVal::Owned(to_val(value)))
    }

    fn steal<'w>(self: Box<Self>, key: &dyn Val) -> Result<Box<dyn Val + 'w>, ExecutionError>
    where
        Self: 'w,
    {
        let name = key_text(key)?;
        self.find(name).map(to_val).ok_or_else(|| ExecutionError::no_such_key(name))
    }
}

impl Iterable for MapVal<'_> {
    fn iter<'b, 'w>(&'b self) -> Box<dyn traits::Iterator<'b, 'w> + 'b>
    where
        Self: 'w,
    {
        let names = || self.members.pairs().into_iter().map(|(name, _)| CelString::from(name)).collect();
        let keys = self.keys.get_or_init(names);
        Box::new(Keys(keys.iter()))
    }
}

impl Sizer for MapVal<'_> {
    fn size(&self) -> CelInt {
        CelInt::from(i64::try_from(self.members.len()).unwrap_or(i64::MAX))
    }
}

struct Keys<'b, 'v>(std::slice::Iter<'b, CelString<'v>>);

impl<'b, 'v: 'w, 'w> traits::Iterator<'b, 'w> for Keys<'b, 'v> {
    fn next(&mut self) -> Option<&'b (dyn Val + 'w)> {
        self.0.next().map(|key| key as &(dyn Val + 'w))
    }
}
