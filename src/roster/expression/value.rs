//! From what CEL computes to what an attribute can hold, and from its errors to words.

use std::collections::BTreeMap;

use cel::ExecutionError;
use cel::common::types::{CelBool, CelDouble, CelInt, CelOptional, CelString, CelUInt, Kind};
use cel::common::value::Val;
use rollcall_kit::Value;

use super::Outcome;

/// The result of an expression. Null and an empty optional are nothing.
pub(super) fn outcome(result: &dyn Val) -> Outcome {
    match convert(result) {
        Ok(Some(value)) => Outcome::Value(value),
        Ok(None) => Outcome::Absent,
        Err(what) => Outcome::Unfit(what),
    }
}

/// Nulls inside lists and maps are left out, as they are where directories send them.
fn convert(result: &dyn Val) -> Result<Option<Value>, String> {
    if let Some(optional) = result.downcast_ref::<CelOptional>() {
        return optional.option().map_or(Ok(None), convert);
    }
    if let Some(text) = result.downcast_ref::<CelString>() {
        return Ok(Some(Value::Text(text.inner().to_owned())));
    }
    if let Some(truth) = result.downcast_ref::<CelBool>() {
        return Ok(Some(Value::Bool(*truth.inner())));
    }
    match result.get_type().kind() {
        Kind::NullType => Ok(None),
        Kind::Int | Kind::UInt | Kind::Double => number(result).map(|whole| Some(Value::Int(whole))),
        Kind::List => list(result).map(Some),
        Kind::Map => map(result).map(Some),
        _ => Err(format!("a value of the type {}", result.get_type().name())),
    }
}

/// A floating point number that is whole is taken as such; any other would be rounded somewhere, so it is refused.
fn number(result: &dyn Val) -> Result<i64, String> {
    if let Some(whole) = result.downcast_ref::<CelInt>() {
        return Ok(*whole.inner());
    }
    if let Some(whole) = result.downcast_ref::<CelUInt>() {
        return i64::try_from(*whole.inner()).map_err(|_| "a number that is too large".to_owned());
    }
    let double = result.downcast_ref::<CelDouble>().map(|double| *double.inner());
    // Every whole number up to 2^53 is exact in a double.
    match double {
        #[allow(clippy::cast_possible_truncation, reason = "it is whole and within 2^53")]
        Some(number) if number.fract() == 0.0 && number.abs() <= 9_007_199_254_740_992.0 => Ok(number as i64),
        _ => Err("a number that is not whole (make it text with string(…))".to_owned()),
    }
}

fn list(result: &dyn Val) -> Result<Value, String> {
    let Some(iterable) = result.as_iterable() else { return Err("a list that cannot be read".to_owned()) };
    let mut elements = iterable.iter();
    let mut values = Vec::new();
    while let Some(element) = elements.next() {
        values.extend(convert(element)?);
    }
    Ok(Value::List(values))
}

fn map(result: &dyn Val) -> Result<Value, String> {
    let (Some(iterable), Some(indexer)) = (result.as_iterable(), result.as_indexer()) else {
        return Err("the whole user; name one of its attributes".to_owned());
    };
    let mut keys = iterable.iter();
    let mut members = BTreeMap::new();
    while let Some(key) = keys.next() {
        let Some(name) = key.downcast_ref::<CelString>() else {
            return Err("a map whose keys are not text".to_owned());
        };
        let Ok(value) = indexer.get(key) else { continue };
        members.extend(convert(value.as_ref())?.map(|value| (name.inner().to_owned(), value)));
    }
    Ok(Value::Map(members))
}

/// An error of the evaluation in our words. Values are left out: they may be personal, and reports travel.
pub(super) fn error_words(error: &ExecutionError) -> String {
    match error {
        ExecutionError::NoSuchOverload(overload) => {
            let types: Vec<&str> = overload.argument_types().iter().map(|name| type_words(name)).collect();
            format!("{} cannot be applied to {}", operator(overload.function()), types.join(" and "))
        }
        ExecutionError::UnsupportedBinaryOperator(operator, left, right) => {
            let words = |value: &cel::Value| type_words(&value.type_of().to_string()).to_owned();
            format!("{operator} cannot be applied to {} and {}", words(left), words(right))
        }
        ExecutionError::DivisionByZero(_) | ExecutionError::RemainderByZero(_) => "it divides by zero".to_owned(),
        ExecutionError::Overflow(..) => "a number becomes too large".to_owned(),
        ExecutionError::IndexOutOfBounds(_) => "a list has no element at that place".to_owned(),
        ExecutionError::FunctionError { function, message } => format!("{function} failed: {message}"),
        ExecutionError::UndeclaredReference(name) => format!("there is no {name}"),
        ExecutionError::UnexpectedType { got, want } => {
            format!("{} stands where {} is needed", type_words(got), type_words(want))
        }
        ExecutionError::UnsupportedIndex(..) => "something that has no parts is asked for a part".to_owned(),
        _ => "it cannot be computed".to_owned(),
    }
}

fn type_words(name: &str) -> &str {
    match name {
        "string" => "text",
        "null_type" | "null" => "nothing",
        "bool" => "a truth value",
        "int" | "uint" | "double" | "float" => "a number",
        "list" => "a list",
        "map" => "a map",
        other => other,
    }
}

fn operator(name: &str) -> &str {
    match name {
        "_._" => "a dot",
        "_[_]" => "an index",
        "@in" => "in",
        "_?_:_" => "? :",
        other => other.trim_matches('_'),
    }
}
