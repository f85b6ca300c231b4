//! Filters (RFC 7644, section 3.4.2.2): `eq ne co sw ew pr`, `and or not`, brackets, and `emails[type eq "work"]`; and
//! attribute paths: `active`, `name.givenName`, `emails[type eq "work"].value`, each also behind a schema URN (RFC 7644,
//! sections 3.5.2 and 3.10). The grammar defines each by the other, so they stand in one file.

use serde_json::Value;

use super::error::ScimError;
use super::schema::{Attribute, ENTERPRISE, Kind, Object, Resource, find};

/// A parsed filter.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Filter {
    And(Box<Filter>, Box<Filter>),
    Or(Box<Filter>, Box<Filter>),
    Not(Box<Filter>),
    Present(Target),
    Compare(Target, Operator, Value),
}

/// What a comparison looks at.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Target {
    /// `id`, which is no attribute of the schema's tables.
    Id,
    /// An attribute of the resource.
    Path(Box<Path>),
    /// A part of one value, inside of `[…]`.
    Part(&'static Attribute),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Eq,
    Ne,
    Co,
    Sw,
    Ew,
}

/// Parses a filter over resources.
pub(super) fn parse_filter(resource: Resource, text: &str) -> Result<Filter, ScimError> {
    Parser::run(text, Scope::Resource(resource))
}

impl Filter {
    /// Whether a resource, or one value of a list, satisfies the filter.
    pub(super) fn admits(&self, object: &Object) -> bool {
        match self {
            Self::And(left, right) => left.admits(object) && right.admits(object),
            Self::Or(left, right) => left.admits(object) || right.admits(object),
            Self::Not(inner) => !inner.admits(object),
            Self::Present(target) => !target.values(object).is_empty(),
            Self::Compare(target, Operator::Ne, value) => {
                !target.values(object).iter().any(|found| matches(Operator::Eq, found, value, target.case_exact()))
            }
            Self::Compare(target, operator, value) => {
                target.values(object).iter().any(|found| matches(*operator, found, value, target.case_exact()))
            }
        }
    }
}

impl Target {
    fn case_exact(&self) -> bool {
        match self {
            Self::Id => true,
            Self::Path(path) => path.last().case_exact,
            Self::Part(part) => part.case_exact,
        }
    }

    fn values<'a>(&self, object: &'a Object) -> Vec<&'a Value> {
        match self {
            Self::Id => object.get("id").into_iter().collect(),
            Self::Part(part) => object.get(part.name).into_iter().collect(),
            Self::Path(path) => {
                let mut found: Vec<&Value> = match object.get(path.top.name) {
                    Some(Value::Array(values)) => {
                        values.iter().filter(|value| admitted(path.which.as_ref(), value)).collect()
                    }
                    Some(value) => vec![value],
                    None => Vec::new(),
                };
                for part in &path.below {
                    found = found.into_iter().filter_map(|value| value.get(part.name)).collect();
                }
                // `emails eq "a@b"` means the value of each (RFC 7644, section 3.4.2.2, on complex attributes).
                found.into_iter().map(|value| value.get("value").unwrap_or(value)).collect()
            }
        }
    }
}

/// Whether a value of a list is one of those that a path means.
pub(super) fn admitted(which: Option<&Filter>, value: &Value) -> bool {
    which.is_none_or(|filter| value.as_object().is_some_and(|object| filter.admits(object)))
}

fn matches(operator: Operator, found: &Value, wanted: &Value, case_exact: bool) -> bool {
    let (Value::String(found), Value::String(wanted)) = (found, wanted) else {
        return operator == Operator::Eq && found == wanted;
    };
    let fold = |text: &str| if case_exact { text.to_owned() } else { text.to_lowercase() };
    let (found, wanted) = (fold(found), fold(wanted));
    match operator {
        Operator::Eq => found == wanted,
        Operator::Ne => found != wanted,
        Operator::Co => found.contains(&wanted),
        Operator::Sw => found.starts_with(&wanted),
        Operator::Ew => found.ends_with(&wanted),
    }
}

/// Where the names in a filter belong.
#[derive(Clone, Copy)]
enum Scope {
    Resource(Resource),
    Parts(&'static [Attribute]),
}

/// A recursive descent over the text; `not` binds tightest, then `and`, then `or`.
struct Parser<'a> {
    rest: &'a str,
    scope: Scope,
    depth: usize,
}

/// Deeper nesting is refused, so that no filter can exhaust the stack.
const DEEPEST: usize = 32;

/// A longer filter is refused for the same reason: each `and` and `or` stands above the one before it.
const LONGEST: usize = 16 << 10;

impl<'a> Parser<'a> {
    fn run(text: &'a str, scope: Scope) -> Result<Filter, ScimError> {
        if text.len() > LONGEST {
            return Err(ScimError::bad("invalidFilter", format!("A filter has {LONGEST} bytes at most.")));
        }
        let mut parser = Self { rest: text, scope, depth: 0 };
        let filter = parser.either()?;
        if parser.rest.trim().is_empty() { Ok(filter) } else { Err(parser.odd()) }
    }

    fn odd(&self) -> ScimError {
        ScimError::bad("invalidFilter", format!("The filter cannot be understood at {:?}.", self.rest.trim()))
    }

    fn either(&mut self) -> Result<Filter, ScimError> {
        let mut left = self.both()?;
        while self.word("or") {
            left = Filter::Or(Box::new(left), Box::new(self.both()?));
        }
        Ok(left)
    }

    fn both(&mut self) -> Result<Filter, ScimError> {
        let mut left = self.one()?;
        while self.word("and") {
            left = Filter::And(Box::new(left), Box::new(self.one()?));
        }
        Ok(left)
    }

    fn one(&mut self) -> Result<Filter, ScimError> {
        if self.word("not") {
            return Ok(Filter::Not(Box::new(self.bracket()?)));
        }
        if self.rest.trim_start().starts_with('(') {
            return self.bracket();
        }
        self.comparison()
    }

    fn bracket(&mut self) -> Result<Filter, ScimError> {
        self.depth += 1;
        let inner =
            self.rest.trim_start().strip_prefix('(').filter(|_| self.depth <= DEEPEST).ok_or_else(|| self.odd())?;
        self.rest = inner;
        let filter = self.either()?;
        self.rest = self.rest.trim_start().strip_prefix(')').ok_or_else(|| self.odd())?;
        self.depth -= 1;
        Ok(filter)
    }

    /// Takes a word if it comes next; operators have no case.
    fn word(&mut self, word: &str) -> bool {
        let text = self.rest.trim_start();
        let Some((front, rest)) = text.split_at_checked(word.len()) else { return false };
        let ends = rest.is_empty() || rest.starts_with([' ', '(', ')']);
        if front.eq_ignore_ascii_case(word) && ends {
            self.rest = rest;
            return true;
        }
        false
    }

    fn comparison(&mut self) -> Result<Filter, ScimError> {
        let text = self.rest.trim_start();
        let end = end_of_path(text);
        let target = self.target(&text[..end])?;
        self.rest = &text[end..];
        if self.word("pr") || (self.rest.trim().is_empty() && text[..end].ends_with(']')) {
            return Ok(Filter::Present(target));
        }
        let known = [
            ("eq", Operator::Eq),
            ("ne", Operator::Ne),
            ("co", Operator::Co),
            ("sw", Operator::Sw),
            ("ew", Operator::Ew),
        ];
        let operator = known.into_iter().find(|(word, _)| self.word(word)).ok_or_else(|| self.odd())?.1;
        Ok(Filter::Compare(target, operator, self.value()?))
    }

    fn target(&self, name: &str) -> Result<Target, ScimError> {
        let unknown = || ScimError::bad("invalidFilter", format!("The filter names {name:?}, which is no attribute."));
        match self.scope {
            Scope::Parts(parts) => find(parts, name).map(Target::Part).ok_or_else(unknown),
            Scope::Resource(_) if name.eq_ignore_ascii_case("id") => Ok(Target::Id),
            Scope::Resource(resource) => {
                Path::parse(resource, name).map(|path| Target::Path(Box::new(path))).map_err(|_| unknown())
            }
        }
    }

    /// A JSON value: text, a number, true, false or null.
    fn value(&mut self) -> Result<Value, ScimError> {
        // A bracket may follow at once, which JSON allows behind text only.
        for (word, value) in [("true", Value::Bool(true)), ("false", Value::Bool(false)), ("null", Value::Null)] {
            if self.word(word) {
                return Ok(value);
            }
        }
        let mut values = serde_json::Deserializer::from_str(self.rest).into_iter::<Value>();
        match values.next() {
            Some(Ok(value)) if !value.is_object() && !value.is_array() => {
                self.rest = &self.rest[values.byte_offset()..];
                Ok(value)
            }
            _ => Err(self.odd()),
        }
    }
}

/// A path ends at a blank or bracket that is not inside of `[…]`.
fn end_of_path(text: &str) -> usize {
    let (mut inside, mut quoted) = (false, false);
    for (index, c) in text.char_indices() {
        match c {
            '"' => quoted = !quoted,
            '[' if !quoted => inside = true,
            ']' if !quoted => inside = false,
            ' ' | '(' | ')' if !inside => return index,
            _ => {}
        }
    }
    text.len()
}

/// Where a path leads.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Path {
    /// The attribute that holds it at the top of the resource. For the enterprise extension that is its URN.
    pub(super) top: &'static Attribute,
    /// Which of several values.
    pub(super) which: Option<Filter>,
    /// The parts below, one for `name.givenName`, two for the extension's `manager.value`.
    pub(super) below: Vec<&'static Attribute>,
}

impl Path {
    /// The attribute at the end.
    pub(super) fn last(&self) -> &'static Attribute {
        self.below.last().copied().unwrap_or(self.top)
    }

    /// Parses a path.
    pub(super) fn parse(resource: Resource, text: &str) -> Result<Self, ScimError> {
        let unknown = || ScimError::bad("invalidPath", format!("The path {text:?} leads nowhere."));
        let mut rest = strip_schema(text.trim(), resource.schema());
        let mut top = None;
        if let Some(inner) = strip_urn(rest, ENTERPRISE).filter(|_| resource == Resource::User) {
            top = find(resource.attributes(), ENTERPRISE);
            rest = inner;
        }
        let (front, which, behind) = match rest.split_once('[') {
            None => (rest, None, ""),
            Some((front, filtered)) => {
                let end = filtered.rfind(']').ok_or_else(unknown)?;
                (front, Some(&filtered[..end]), filtered[end + 1..].trim_start_matches('.'))
            }
        };
        let mut names: Vec<&str> = front.split('.').chain(behind.split('.')).filter(|name| !name.is_empty()).collect();
        let top = match top {
            Some(extension) => extension,
            None if names.is_empty() => return Err(unknown()),
            None => find(resource.attributes(), names.remove(0)).ok_or_else(unknown)?,
        };
        let mut below: Vec<&'static Attribute> = Vec::new();
        for name in names {
            let Kind::Complex(parts) = below.last().copied().unwrap_or(top).kind else { return Err(unknown()) };
            below.push(find(parts, name).ok_or_else(unknown)?);
        }
        let which = match (which, top.kind) {
            (None, _) => None,
            (Some(filter), Kind::Complex(parts)) if top.multi => Some(Parser::run(filter, Scope::Parts(parts))?),
            (Some(_), _) => return Err(unknown()),
        };
        Ok(Self { top, which, below })
    }
}

/// The text behind a URN and its colon; nothing at all behind the bare URN.
fn strip_urn<'a>(text: &'a str, urn: &str) -> Option<&'a str> {
    let (front, rest) = text.split_at_checked(urn.len())?;
    if !front.eq_ignore_ascii_case(urn) {
        return None;
    }
    if rest.is_empty() { Some("") } else { rest.strip_prefix(':') }
}

fn strip_schema<'a>(text: &'a str, schema: &str) -> &'a str {
    strip_urn(text, schema).filter(|rest| !rest.is_empty()).unwrap_or(text)
}
