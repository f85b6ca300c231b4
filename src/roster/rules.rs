//! The rules of one organization, compiled once from its settings.
//!
//! Everything that can be wrong with a setting is found here, when the configuration is loaded, and not at three in
//! the morning on one user.

use std::collections::BTreeSet;
use std::fmt;

use rollcall_kit::{Container, attribute};

use super::account::{CUSTOM_PREFIX, Role};
use super::expression::{Expression, Problem, split_clauses};
use super::scope;
use super::settings::{AttributeSettings, GroupRef, RosterSettings};

/// A setting that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct RuleError {
    /// The configuration key below the organization: `scope.when`, `attributes.custom_attributes.cost_center`,
    /// `role[2].group`.
    pub key: String,
    /// What is wrong and what to do, as a sentence without the full stop.
    pub message: String,
    /// Where in the value: the first byte and how many bytes, if the value is an expression and there is such a place.
    pub span: Option<(usize, usize)>,
}

impl fmt::Display for RuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stop = if self.message.ends_with('?') { "" } else { "." };
        write!(f, "{}: {}{stop}", self.key, self.message)
    }
}

impl RuleError {
    fn new(key: impl Into<String>, message: impl Into<String>) -> Self {
        Self { key: key.into(), message: message.into(), span: None }
    }

    fn expression(key: impl Into<String>, problem: &Problem) -> Self {
        Self { key: key.into(), message: problem.to_string(), span: problem.span }
    }
}

/// Where the value of an attribute comes from.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    /// From the attribute of the same name.
    Copy,
    /// From an expression.
    Expression(Expression),
    /// From nowhere: the settings switch it off.
    Off,
}

/// One attribute of the account and where its value comes from.
#[derive(Clone, Debug)]
pub(crate) struct Mapped {
    pub name: String,
    pub source: Source,
}

/// The compiled rules.
#[derive(Clone, Debug)]
pub struct Rules {
    settings: RosterSettings,
    domains: BTreeSet<String>,
    places: Vec<Container>,
    clauses: Vec<Expression>,
    email: Source,
    mapping: Vec<Mapped>,
    hash: String,
}

impl Rules {
    /// Compiles the settings.
    ///
    /// # Errors
    ///
    /// All that is wrong with them, in the order of the configuration.
    pub fn compile(settings: &RosterSettings) -> Result<Self, Vec<RuleError>> {
        let mut errors = Vec::new();
        let domains = domains(settings, &mut errors);
        let places = places(settings, &mut errors);
        let clauses = clauses(settings, &mut errors);
        let email = email(&settings.attributes, &mut errors);
        let mapping = mapping(&settings.attributes, &mut errors);
        names(settings, &mut errors);
        if !errors.is_empty() {
            return Err(errors);
        }
        let settings = RosterSettings { domains: domains.iter().cloned().collect(), ..settings.clone() };
        let hash = hash(&settings);
        Ok(Self { settings, domains, places, clauses, email, mapping, hash })
    }

    /// A hash of everything that decides scope, mapping and roles. The same rules have the same hash in every run
    /// and on every machine; the order and the case of domains do not count.
    #[must_use]
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// The settings that they were compiled from, with the domains folded and sorted.
    #[must_use]
    pub fn settings(&self) -> &RosterSettings {
        &self.settings
    }

    /// Every role that a rule can give. Rollcall touches no other.
    #[must_use]
    pub fn mapped_roles(&self) -> BTreeSet<Role> {
        let ruled = self.settings.role_rules.iter().map(|rule| rule.role.clone());
        ruled.chain(self.settings.default_role.clone()).collect()
    }

    /// Roles whose last holder never loses them.
    #[must_use]
    pub fn protected_roles(&self) -> BTreeSet<Role> {
        self.settings.role_rules.iter().filter(|rule| rule.protected).map(|rule| rule.role.clone()).collect()
    }

    pub(crate) fn owns(&self, domain: &str) -> bool {
        self.domains.contains(domain)
    }

    /// The containers that narrow the scope.
    pub(crate) fn places(&self) -> &[Container] {
        &self.places
    }

    /// The clauses of `scope.when`: all must be true.
    pub(crate) fn clauses(&self) -> &[Expression] {
        &self.clauses
    }

    pub(crate) fn email(&self) -> &Source {
        &self.email
    }

    pub(crate) fn mapping(&self) -> &[Mapped] {
        &self.mapping
    }

    fn expressions(&self) -> impl Iterator<Item = &Expression> {
        let sources = self.mapping.iter().map(|mapped| &mapped.source).chain([&self.email]);
        let mapped = sources.filter_map(|source| match source {
            Source::Expression(expression) => Some(expression),
            Source::Copy | Source::Off => None,
        });
        self.clauses.iter().chain(mapped)
    }

    /// Groups that expressions spell out, by name.
    pub(crate) fn expression_groups(&self) -> BTreeSet<String> {
        self.expressions().flat_map(|expression| expression.references().groups.clone()).collect()
    }

    /// Whether an expression needs the names of all groups.
    pub(crate) fn needs_all_groups(&self) -> bool {
        self.expressions().any(|expression| expression.references().all_groups)
    }

    /// Whether an expression asks for what the provider calls its own (`user.raw`).
    pub(crate) fn needs_raw(&self) -> bool {
        self.expressions().any(|expression| expression.references().names.contains("raw"))
    }

    /// Groups that role rules or the scope name.
    pub(crate) fn ruled_groups(&self) -> BTreeSet<GroupRef> {
        let roles = self.settings.role_rules.iter().map(|rule| &rule.group);
        roles.chain(&self.settings.scope.groups).cloned().collect()
    }

    /// Groups whose members' members count, too.
    pub(crate) fn nested_groups(&self) -> BTreeSet<GroupRef> {
        let roles = self.settings.role_rules.iter().filter(|rule| rule.nested).map(|rule| &rule.group);
        let ruled = roles.chain(&self.settings.scope.groups).cloned();
        ruled.chain(self.expression_groups().into_iter().map(GroupRef::Name)).collect()
    }

    /// Every group that anything names.
    pub(crate) fn group_refs(&self) -> BTreeSet<GroupRef> {
        self.ruled_groups().into_iter().chain(self.nested_groups()).collect()
    }
}

/// Without a domain everybody would be outside, so that is an error and not a rule.
fn domains(settings: &RosterSettings, errors: &mut Vec<RuleError>) -> BTreeSet<String> {
    if settings.domains.is_empty() {
        errors.push(RuleError::new("domains", "no domain is named, so nobody could be in scope; name at least one"));
    }
    let mut domains = BTreeSet::new();
    for text in &settings.domains {
        match scope::domain(text) {
            Ok(domain) => {
                domains.insert(domain);
            }
            Err(problem) => errors.push(RuleError::new("domains", problem)),
        }
    }
    domains
}

fn places(settings: &RosterSettings, errors: &mut Vec<RuleError>) -> Vec<Container> {
    let mut places = Vec::new();
    for text in &settings.scope.containers {
        match Container::named(text) {
            Ok(place) => places.push(place),
            Err(why) => errors.push(RuleError::new(
                "scope.containers",
                format!("{text:?} is no container: {why}; write a DN (OU=Staff,DC=acme,DC=com) or a path (/Staff)"),
            )),
        }
    }
    places
}

/// The clauses of `a && b && c`, each compiled by itself, so that the one that decides can be named. An expression
/// whose pieces are no expressions (`a && b || c`) is one clause.
fn clauses(settings: &RosterSettings, errors: &mut Vec<RuleError>) -> Vec<Expression> {
    let Some(when) = &settings.scope.when else { return Vec::new() };
    let whole = match Expression::compile(when) {
        Ok(whole) => whole,
        Err(problem) => {
            errors.push(RuleError::expression("scope.when", &problem));
            return Vec::new();
        }
    };
    if !whole.is_conjunction() {
        return vec![whole];
    }
    split_clauses(when).into_iter().map(Expression::compile).collect::<Result<_, _>>().unwrap_or_else(|_| vec![whole])
}

/// An expression replaces the copy of the attribute of the same name; an empty one switches it off.
fn source(key: &str, setting: Option<&String>, errors: &mut Vec<RuleError>) -> Source {
    let Some(setting) = setting else { return Source::Copy };
    if setting.trim().is_empty() {
        return Source::Off;
    }
    match Expression::compile(setting) {
        Ok(expression) => Source::Expression(expression),
        Err(problem) => {
            errors.push(RuleError::expression(key, &problem));
            Source::Off
        }
    }
}

fn email(settings: &AttributeSettings, errors: &mut Vec<RuleError>) -> Source {
    let source = source("attributes.email", settings.email.as_ref(), errors);
    if settings.email.as_ref().is_some_and(|text| text.trim().is_empty()) {
        let message = "the address cannot be switched off: it decides which account is whose";
        errors.push(RuleError::new("attributes.email", message));
    }
    source
}

fn mapping(settings: &AttributeSettings, errors: &mut Vec<RuleError>) -> Vec<Mapped> {
    let standard = [
        (attribute::PREFERRED_USERNAME, &settings.preferred_username),
        (attribute::NAME, &settings.name),
        (attribute::GIVEN_NAME, &settings.given_name),
        (attribute::FAMILY_NAME, &settings.family_name),
        (attribute::PICTURE, &settings.picture),
        (attribute::PHONE_NUMBER, &settings.phone_number),
        (attribute::LOCALE, &settings.locale),
    ];
    let mut mapping: Vec<Mapped> = standard
        .into_iter()
        .map(|(name, setting)| Mapped {
            name: name.to_owned(),
            source: source(&format!("attributes.{name}"), setting.as_ref(), errors),
        })
        .collect();
    for (name, setting) in &settings.custom_attributes {
        let key = format!("attributes.{CUSTOM_PREFIX}{name}");
        if name.trim().is_empty() || name.contains(|c: char| c.is_control() || c.is_whitespace()) {
            errors.push(RuleError::new(&key, "a custom attribute needs a name without white space"));
        }
        mapping.push(Mapped { name: format!("{CUSTOM_PREFIX}{name}"), source: source(&key, Some(setting), errors) });
    }
    mapping
}

/// Names of roles and groups must be there.
fn names(settings: &RosterSettings, errors: &mut Vec<RuleError>) {
    let blank = |group: &GroupRef| matches!(group, GroupRef::Name(name) if name.trim().is_empty());
    for (at, rule) in settings.role_rules.iter().enumerate() {
        if blank(&rule.group) {
            errors.push(RuleError::new(format!("role[{at}].group"), "the group has no name; name it, or give its id"));
        }
        if rule.role.0.trim().is_empty() {
            errors.push(RuleError::new(format!("role[{at}].role"), "the role has no name"));
        }
    }
    if settings.scope.groups.iter().any(blank) {
        errors.push(RuleError::new("scope.groups", "a group has no name; name it, or give its id"));
    }
    if settings.default_role.as_ref().is_some_and(|role| role.0.trim().is_empty()) {
        errors.push(RuleError::new("default_role", "the role has no name"));
    }
}

/// Changes when the meaning of the same settings changes, so that a new version waits for a person, too.
const MEANING: &str = "rollcall rules 1";

fn hash(settings: &RosterSettings) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(MEANING.as_bytes());
    match serde_json::to_vec(settings) {
        Ok(canonical) => hasher.update(&canonical),
        // Settings are plain text and lists, which JSON can always hold; were it not so, the debug form tells
        // different settings apart just as well.
        Err(_) => hasher.update(format!("{settings:?}").as_bytes()),
    };
    hasher.finalize().to_hex()[..32].to_owned()
}

#[cfg(test)]
mod tests;
