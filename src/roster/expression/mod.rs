//! Expressions: CEL over one `user`, compiled when the configuration is loaded and evaluated for each user.
//!
//! This is the only place that knows the `cel` crate. [`check`](self) refuses at compile time whatever could surprise
//! at run time: unknown names and functions, bad regular expressions, results that depend on the order of a hash
//! map, and trees so deep that evaluating them could exhaust the stack. [`person`] is what an expression sees.
//!
//! Absence, in one rule: a known attribute that the directory does not give is `null`, and `has(user.department)`
//! and `user.?department` say whether it is there; a name of the provider's own (`user.raw.…`) that is not there
//! has no value at all. An attribute that is computed from something absent is absent itself.

mod check;
mod person;
mod tokens;
mod value;

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};

use cel::common::ast::{Expr, operators};
use cel::{Context, Env, ExecutionError, IdedExpr};
use rollcall_kit::{Value, attribute};

pub use check::Problem;
pub(crate) use person::Person;
pub(crate) use tokens::split_clauses;

/// Expressions longer than this are refused: their parse tree could be too deep for the stack.
pub const LONGEST: usize = 2_000;

/// The standard library of CEL with its string functions, built once.
static ENVIRONMENT: LazyLock<Arc<Env>> = LazyLock::new(|| {
    let mut environment = Env::stdlib();
    let added = cel::extensions::strings(&mut environment);
    debug_assert!(added.is_ok(), "the string functions clash with the standard library");
    Arc::new(environment)
});

/// A compiled expression.
#[derive(Clone, Debug)]
pub struct Expression {
    source: String,
    tree: IdedExpr,
    references: References,
}

/// What an expression refers to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct References {
    /// Names directly behind `user.`.
    pub names: BTreeSet<String>,
    /// Names directly behind `user.raw.`.
    pub raw_names: BTreeSet<String>,
    /// Groups that it names in the form `"App Users" in user.groups`. Only these can be followed through a rename
    /// and noticed when they are missing.
    pub groups: BTreeSet<String>,
    /// It uses `user.groups` in another way, so the names of all groups are needed.
    pub all_groups: bool,
}

/// What evaluating an expression yields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A value.
    Value(Value),
    /// Nothing: null, or something that it is computed from is not there.
    Absent,
    /// Something that no attribute can hold, in words: "a number that is not whole".
    Unfit(String),
    /// It depends on a group that cannot be found.
    GroupUnknown(String),
    /// It failed, for this reason.
    Failed(String),
}

impl Expression {
    /// Compiles and checks an expression.
    ///
    /// # Errors
    ///
    /// Says what is wrong with it, and where.
    pub fn compile(source: &str) -> Result<Self, Problem> {
        if source.len() > LONGEST {
            return Err(Problem::somewhere(format!(
                "it is {} characters long, and the longest that is accepted is {LONGEST}",
                source.chars().count()
            )));
        }
        if tokens::depth(source) > check::DEEPEST {
            return Err(Problem::somewhere(format!(
                "it nests too deep: up to {} levels of brackets or {} of operators are accepted",
                check::DEEPEST / tokens::BRACKET,
                check::DEEPEST
            )));
        }
        let parsed = ENVIRONMENT.parser().parse_with_source_info(source);
        let (mut tree, info) = parsed.map_err(|errors| check::syntax(source, &errors))?;
        let references = check::check(&mut tree, source, &info)?;
        Ok(Self { source: source.to_owned(), tree, references })
    }

    /// The source text.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Whether it is `a && b`, outside of all brackets.
    pub(crate) fn is_conjunction(&self) -> bool {
        matches!(&self.tree.expr, Expr::Call(call) if call.func_name == operators::LOGICAL_AND)
    }

    pub(crate) fn references(&self) -> &References {
        &self.references
    }

    /// Evaluates it for one user.
    pub(crate) fn evaluate(&self, person: &Person<'_>) -> Outcome {
        let mut context = Context::with_env(Arc::clone(&ENVIRONMENT));
        context.set_variable_resolver(person);
        match cel::Value::resolve_val(&self.tree, &context) {
            Ok(result) => value::outcome(result.as_ref()),
            Err(ExecutionError::NoSuchKey(_)) => Outcome::Absent,
            Err(ExecutionError::FunctionError { function, message }) if function == person::GROUPS => {
                Outcome::GroupUnknown(message)
            }
            Err(error) => Outcome::Failed(self.failure(&error, person)),
        }
    }

    /// What it looked at, for `explain`: `user.department is Sales, user.title is absent`.
    pub(crate) fn inputs(&self, person: &Person<'_>) -> String {
        let names = self.references.names.iter().filter(|name| name.as_str() != "raw");
        let profile = names.map(|name| (format!("user.{name}"), person.show(name)));
        let raw = self.references.raw_names.iter().map(|name| (format!("user.raw.{name}"), person.show_raw(name)));
        profile
            .chain(raw)
            .map(|(name, value)| format!("{name} is {}", value.unwrap_or_else(|| "absent".to_owned())))
            .collect::<Vec<_>>()
            .join(", ")
    }

    /// The error in words. Most failures are a function called on an attribute that is not there, so those that are
    /// absent are named with the way out.
    fn failure(&self, error: &ExecutionError, person: &Person<'_>) -> String {
        let absent: Vec<&str> =
            self.references.names.iter().map(String::as_str).filter(|name| person.lacks(name)).collect();
        let words = value::error_words(error);
        match absent.first() {
            None => words,
            Some(first) => format!(
                "{words}; this user has no {}: test it with has(user.{first}) first",
                absent.iter().map(|name| format!("user.{name}")).collect::<Vec<_>>().join(" and no ")
            ),
        }
    }
}

/// Every name that may stand behind `user.`.
pub(crate) fn known_names() -> impl Iterator<Item = &'static str> {
    attribute::MAPPED_BY_DEFAULT.into_iter().chain(attribute::ALSO_KNOWN).chain(person::OWN_NAMES)
}

#[cfg(test)]
mod foreign;
#[cfg(test)]
mod tests;
