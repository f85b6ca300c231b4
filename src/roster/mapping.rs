//! From a directory user to the attributes of the account.
//!
//! May this put somebody out by mistake? No: whatever goes wrong here leaves an attribute, or the whole account, as
//! it is. May somebody who left stay in? Only if they passed every gate of the scope before, so they have not left.

use rollcall_kit::{Address, DirectoryUser, Value, attribute};

use super::account::Attributes;
use super::expression::{Expression, Outcome, Person};
use super::refusal::{Reason, Refusal};
use super::rules::{Rules, Source};
use super::trace::{self, Trace, Verdict};

/// What the mapping yields.
#[derive(Debug, Default)]
pub(crate) struct MappedAttributes {
    pub attributes: Attributes,
    /// Attributes that stay as they are in the target.
    pub undecided: Vec<String>,
    pub refusals: Vec<Refusal>,
}

/// The address of a user, as far as there is one.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum AddressOutcome {
    Address(Address),
    Missing,
    Invalid(String),
    /// The expression failed.
    Failed(String),
    /// The expression depends on a group that cannot be found.
    GroupUnknown(String),
}

/// The address, from the mapping of `email`.
pub(crate) fn address(rules: &Rules, person: &Person<'_>) -> AddressOutcome {
    let outcome = match rules.email() {
        Source::Expression(expression) => expression.evaluate(person),
        Source::Copy | Source::Off => copy(person.user, attribute::EMAIL),
    };
    match outcome {
        Outcome::Value(value) => match single(value) {
            Value::Text(text) if text.trim().is_empty() => AddressOutcome::Missing,
            Value::Text(text) => Address::parse(&text).map_or(AddressOutcome::Invalid(text), AddressOutcome::Address),
            other => AddressOutcome::Invalid(other.to_string()),
        },
        Outcome::Absent => AddressOutcome::Missing,
        Outcome::Unfit(what) => AddressOutcome::Invalid(what),
        Outcome::Failed(why) => AddressOutcome::Failed(why),
        Outcome::GroupUnknown(why) => AddressOutcome::GroupUnknown(why),
    }
}

/// All attributes.
///
/// # Errors
///
/// The refusal, if an expression failed: the rest of what the expressions yield cannot be trusted then, and the user
/// is left as they are.
pub(crate) fn map(
    rules: &Rules,
    person: &Person<'_>,
    address: &Address,
    trace: &mut impl Trace,
) -> Result<MappedAttributes, Refusal> {
    let mut mapped = MappedAttributes::default();
    mapped.attributes.insert(attribute::EMAIL.to_owned(), Value::from(address.as_str()));
    for rule in rules.mapping() {
        let (outcome, from) = match &rule.source {
            Source::Off => continue,
            Source::Copy => (copy(person.user, &rule.name), None),
            Source::Expression(expression) => (expression.evaluate(person), Some(expression)),
        };
        let gate = |name: &str| format!("{}.{name}", trace::ATTRIBUTES);
        match settle(&rule.name, outcome) {
            Settled::Value(value) => {
                trace.passed(&gate(&rule.name), || format!("{value}, from {}", origin(&rule.name, from)));
                mapped.attributes.insert(rule.name.clone(), value);
            }
            Settled::Absent => {
                trace.passed(&gate(&rule.name), || format!("no value, from {}", origin(&rule.name, from)));
            }
            Settled::Undecided(reason, why) => {
                let detail = format!("{} stays as it is: {why}", rule.name);
                trace.gate(&gate(&rule.name), Verdict::Stopped, || detail.clone());
                mapped.refusals.push(refusal(person.user, reason, detail));
                mapped.undecided.push(rule.name.clone());
            }
            Settled::Failed(why) => {
                let detail = format!("the expression of {} failed: {why}. The account is left as it is", rule.name);
                trace.stopped(&gate(&rule.name), || detail.clone());
                return Err(refusal(person.user, Reason::ExpressionFailed, detail));
            }
        }
    }
    Ok(mapped)
}

fn origin(name: &str, expression: Option<&Expression>) -> String {
    expression.map_or_else(|| format!("the directory's {name}"), |expression| expression.source().to_owned())
}

fn copy(user: &DirectoryUser, name: &str) -> Outcome {
    user.profile.get(name).map_or(Outcome::Absent, |value| Outcome::Value(value.clone()))
}

enum Settled {
    Value(Value),
    Absent,
    Undecided(Reason, String),
    Failed(String),
}

/// Fits a result to its attribute. Text is trimmed, and blank text, an empty list and an empty map are nothing: a
/// target could not tell them from nothing, and would be written to in every run.
fn settle(name: &str, outcome: Outcome) -> Settled {
    let value = match outcome {
        Outcome::Value(value) => value,
        Outcome::Absent => return Settled::Absent,
        Outcome::Unfit(what) => return Settled::Undecided(Reason::ValueRefused, format!("it would be {what}")),
        Outcome::GroupUnknown(why) => return Settled::Undecided(Reason::GroupMissing, why),
        Outcome::Failed(why) => return Settled::Failed(why),
    };
    let custom = !attribute::MAPPED_BY_DEFAULT.contains(&name);
    match if custom { value } else { single(value) } {
        Value::Text(text) if text.trim().is_empty() => Settled::Absent,
        Value::Text(text) => Settled::Value(Value::Text(text.trim().to_owned())),
        Value::List(values) if values.is_empty() => Settled::Absent,
        Value::Map(members) if members.is_empty() => Settled::Absent,
        value if custom => Settled::Value(value),
        other => Settled::Undecided(Reason::ValueRefused, format!("it holds text, and this would be {}", kind(&other))),
    }
}

/// A list of one value is that value: LDAP sends every attribute as a list.
fn single(value: Value) -> Value {
    match value {
        Value::List(mut values) if values.len() == 1 => values.remove(0),
        value => value,
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Bool(_) => "a truth value (make it text with string(…))",
        Value::Int(_) => "a number (make it text with string(…))",
        Value::Text(_) => "text",
        Value::List(_) => "a list of several values (choose one, as in [0])",
        Value::Map(_) => "a map (choose one of its parts)",
    }
}

/// A refusal that names this user.
pub(crate) fn refusal(user: &DirectoryUser, reason: Reason, detail: String) -> Refusal {
    Refusal { reason, user: Some(user.id.clone()), label: user.label(), detail }
}
