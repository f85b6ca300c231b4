//! What is refused when an expression is compiled, so that it cannot surprise when it is evaluated.

use std::fmt;

use cel::IdedExpr;
use cel::common::ast::{CallExpr, ComprehensionExpr, EntryExpr, Expr, LiteralValue, SelectExpr, SourceInfo, operators};
use cel::parser::ParseErrors;
use strsim::damerau_levenshtein;

use super::{ENVIRONMENT, References, known_names, person};

/// How deep an expression may nest. Parsing and evaluating go down the tree on the stack, so this bounds the stack.
pub(super) const DEEPEST: usize = 48;

/// Macros make the tree deeper than the text is.
const DEEPEST_TREE: usize = 8 * DEEPEST;

/// Functions of the standard library and its string functions, as `f(x)`, `x.f(y)` and, with a dot, by their full name.
const FUNCTIONS: [&str; 34] = [
    "size",
    "contains",
    "startsWith",
    "endsWith",
    "matches",
    "int",
    "uint",
    "double",
    "string",
    "bytes",
    "bool",
    "type",
    "dyn",
    "charAt",
    "indexOf",
    "lastIndexOf",
    "join",
    "lowerAscii",
    "upperAscii",
    "trim",
    "replace",
    "split",
    "substring",
    "format",
    "reverse",
    "strings.quote",
    "optional.of",
    "optional.none",
    "optional.ofNonZeroValue",
    "hasValue",
    "value",
    "orValue",
    "or",
    "@not_strictly_false",
];

/// Macros: calls that the parser turns into something else if they are well formed.
const MACROS: [&str; 9] = ["has", "all", "exists", "exists_one", "existsOne", "map", "filter", "optMap", "optFlatMap"];

/// Names of types, for `type(x) == string`.
const TYPES: [&str; 10] = ["int", "uint", "double", "bool", "string", "bytes", "list", "map", "null_type", "type"];

/// What is wrong with an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// In a sentence, without the full stop.
    pub message: String,
    /// Where in the expression: the first byte and how many bytes, if there is such a place.
    pub span: Option<(usize, usize)>,
    /// The same as a line and a column, both counted from 1, in characters.
    pub position: Option<(usize, usize)>,
}

impl Problem {
    pub(super) fn somewhere(message: String) -> Self {
        Self { message, span: None, position: None }
    }

    fn at(message: String, source: &str, start: usize, length: usize) -> Self {
        let start = (0..=start.min(source.len())).rev().find(|at| source.is_char_boundary(*at)).unwrap_or(0);
        let before = &source[..start];
        let line = before.matches('\n').count() + 1;
        let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
        // Half of a character is no place.
        let end = (start + length).min(source.len());
        let end = (end..source.len()).find(|at| source.is_char_boundary(*at)).unwrap_or(source.len());
        Self { message, span: Some((start, end - start)), position: Some((line, column)) }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.position {
            None => write!(f, "the expression is refused: {}", self.message),
            Some((1, column)) => write!(f, "the expression is refused at column {column}: {}", self.message),
            Some((line, column)) => {
                write!(f, "the expression is refused at line {line}, column {column}: {}", self.message)
            }
        }
    }
}

/// The parser's first complaint, in short.
pub(super) fn syntax(source: &str, errors: &ParseErrors) -> Problem {
    let Some(first) = errors.errors.first() else { return Problem::somewhere("it is not CEL".to_owned()) };
    let message = first.msg.trim_start_matches("Syntax error: ");
    // The parser goes on to list every token that it would have liked better.
    let message = message.split(" expecting ").next().unwrap_or(message);
    let (Ok(line), Ok(column)) = (usize::try_from(first.pos.0), usize::try_from(first.pos.1)) else {
        return Problem::somewhere(message.to_owned());
    };
    if line == 0 || column == 0 {
        return Problem::somewhere("it is not CEL".to_owned());
    }
    let line_start: usize = source.split_inclusive('\n').take(line - 1).map(str::len).sum();
    let within: usize = source[line_start..].chars().take(column - 1).map(char::len_utf8).sum();
    Problem::at(syntax_words(message), source, line_start + within, 1)
}

/// The parser's words for the three commonest slips, in ours.
fn syntax_words(message: &str) -> String {
    let quoted =
        message.split_once('\'').and_then(|(_, rest)| rest.rsplit_once('\'')).map_or("", |(quoted, _)| quoted).trim();
    match quoted {
        "<EOF>" => "something is missing here".to_owned(),
        "=" => "a single = means nothing; to compare, write ==".to_owned(),
        "" => format!("it is not CEL here ({message})"),
        sign if message.starts_with("extraneous") => format!("there is a {sign} too many"),
        sign => format!("{sign} means nothing here"),
    }
}

/// Checks a tree, points every plain `user.x` at the lenient user, and collects what it refers to.
pub(super) fn check(tree: &mut IdedExpr, source: &str, info: &SourceInfo) -> Result<References, Problem> {
    let mut checker = Checker { source, info, bound: Vec::new(), found: References::default() };
    checker.walk(tree, 1)?;
    Ok(checker.found)
}

struct Checker<'a> {
    source: &'a str,
    info: &'a SourceInfo,
    /// Variables of the macros around the node in hand.
    bound: Vec<String>,
    found: References,
}

impl Checker<'_> {
    fn refuse(&self, id: u64, word: &str, message: String) -> Problem {
        // Offsets count characters. That of a dot or a bracket is where the operator stands, so the word that is
        // meant follows it.
        let Some((start, _)) = self.info.offset_for(id) else { return Problem::somewhere(message) };
        let from: usize = self.source.chars().take(start as usize).map(char::len_utf8).sum();
        let found = self.source[from..].find(word).filter(|_| !word.is_empty());
        Problem::at(message, self.source, from + found.unwrap_or(0), word.len().max(1))
    }

    fn walk(&mut self, node: &mut IdedExpr, depth: usize) -> Result<(), Problem> {
        if depth > DEEPEST_TREE {
            return Err(Problem::somewhere(format!("it nests deeper than {DEEPEST_TREE} levels")));
        }
        let id = node.id;
        match &mut node.expr {
            Expr::Unspecified | Expr::Literal(_) => Ok(()),
            Expr::Ident(name) => self.identifier(id, name),
            Expr::Select(select) => self.select(id, select, depth),
            Expr::Call(call) => self.call(id, call, depth),
            Expr::Comprehension(comprehension) => self.comprehension(id, comprehension, depth),
            Expr::List(list) => list.elements.iter_mut().try_for_each(|element| self.walk(element, depth + 1)),
            Expr::Map(map) => map.entries.iter_mut().try_for_each(|entry| match &mut entry.expr {
                EntryExpr::MapEntry(entry) => {
                    self.walk(&mut entry.key, depth + 1)?;
                    self.walk(&mut entry.value, depth + 1)
                }
                EntryExpr::StructField(field) => self.walk(&mut field.value, depth + 1),
            }),
            Expr::Struct(of) => {
                Err(self.refuse(id, &of.type_name, format!("there is no type {} to make a value of", of.type_name)))
            }
        }
    }

    /// An identifier that stands alone.
    fn identifier(&self, id: u64, name: &str) -> Result<(), Problem> {
        if self.bound.iter().any(|bound| bound == name) || TYPES.contains(&name) {
            return Ok(());
        }
        Err(if name == person::STRICT {
            self.refuse(id, name, "name one of its attributes, as in user.department".to_owned())
        } else {
            let hint =
                if known_names().any(|known| known == name) { format!("; write user.{name}") } else { String::new() };
            self.refuse(id, name, format!("there is no variable {name}; expressions see the user as `user`{hint}"))
        })
    }

    fn select(&mut self, id: u64, select: &mut SelectExpr, depth: usize) -> Result<(), Problem> {
        if matches!(&select.operand.expr, Expr::Select(raw) if raw.field == "raw" && is_user(&raw.operand)) {
            self.found.raw_names.insert(select.field.clone());
        }
        if !is_user(&select.operand) {
            return self.walk(&mut select.operand, depth + 1);
        }
        self.attribute(id, &select.field)?;
        self.found.all_groups |= select.field == "groups";
        if !select.test {
            select.operand.expr = Expr::Ident(person::LENIENT.to_owned());
        }
        Ok(())
    }

    /// `user.NAME`: the name must be known.
    fn attribute(&mut self, id: u64, name: &str) -> Result<(), Problem> {
        if known_names().any(|known| known == name) {
            self.found.names.insert(name.to_owned());
            return Ok(());
        }
        let nearest = known_names()
            .map(|known| (damerau_levenshtein(known, name), known))
            .min()
            .filter(|(distance, known)| *distance <= (known.len() / 3).max(2));
        let hint = match nearest {
            Some((_, known)) => format!("did you mean user.{known}?"),
            None => format!("the provider's own names are under user.raw, as in user.raw.{name}"),
        };
        Err(self.refuse(id, name, format!("there is no attribute user.{name}; {hint}")))
    }

    fn call(&mut self, id: u64, call: &mut CallExpr, depth: usize) -> Result<(), Problem> {
        if let ("@in", [left, right]) = (call.func_name.as_str(), call.args.as_mut_slice())
            && let (Some(name), true) = (literal_text(left), is_groups(right))
        {
            self.found.groups.insert(name.to_owned());
            self.found.names.insert("groups".to_owned());
            right.expr = Expr::Ident(person::GROUPS.to_owned());
            return Ok(());
        }
        if let ("_[_]" | "_[?_]" | "_?._", [of, name]) = (call.func_name.as_str(), call.args.as_mut_slice())
            && is_user(of)
        {
            let Some(name) = literal_text(name).map(str::to_owned) else {
                return Err(self.refuse(
                    id,
                    "",
                    "behind user, write the name itself, not something computed".to_owned(),
                ));
            };
            self.attribute(id, &name)?;
            self.found.all_groups |= name == "groups";
            if call.func_name == operators::INDEX {
                of.expr = Expr::Ident(person::LENIENT.to_owned());
            }
            return Ok(());
        }
        self.function(id, call)?;
        if let Some(target) = call.target.as_mut().filter(|target| namespace(target).is_none()) {
            self.walk(target, depth + 1)?;
        }
        call.args.iter_mut().try_for_each(|argument| self.walk(argument, depth + 1))
    }

    fn function(&self, id: u64, call: &CallExpr) -> Result<(), Problem> {
        let spelt = call.func_name.as_str();
        let name = match call.target.as_deref().and_then(namespace) {
            Some(space) => format!("{space}.{spelt}"),
            None => spelt.to_owned(),
        };
        let is_operator = spelt.starts_with('_') || matches!(spelt, "!_" | "-_" | "@in");
        if MACROS.contains(&spelt) {
            return Err(self.refuse(
                id,
                spelt,
                format!("{spelt} is not called like this; see the documentation of CEL's macros"),
            ));
        }
        if !is_operator && !FUNCTIONS.contains(&name.as_str()) {
            let distance = |known: &&str| if known.starts_with(&name) { 0 } else { damerau_levenshtein(known, &name) };
            let nearest = FUNCTIONS.into_iter().chain(MACROS).min_by_key(distance);
            let hint = nearest
                .filter(|known| distance(known) <= name.len() / 3)
                .map_or_else(String::new, |known| format!("; did you mean {known}?"));
            return Err(self.refuse(id, spelt, format!("there is no function {name}{hint}")));
        }
        if spelt == "matches" { self.pattern(id, call) } else { Ok(()) }
    }

    /// A regular expression must be written out, so that it is known now whether it is one.
    fn pattern(&self, id: u64, call: &CallExpr) -> Result<(), Problem> {
        let Some(pattern) = call.args.last().and_then(literal_text) else {
            return Err(self.refuse(id, "", "the pattern of matches must be written out as text".to_owned()));
        };
        let probe = CallExpr {
            func_name: "matches".to_owned(),
            target: None,
            args: [String::new(), pattern.to_owned()]
                .map(|text| IdedExpr { id: 0, expr: Expr::Literal(LiteralValue::String(text.into())) })
                .into(),
        };
        let context = cel::Context::with_env(std::sync::Arc::clone(&ENVIRONMENT));
        match cel::Value::resolve(&IdedExpr { id: 0, expr: Expr::Call(probe) }, &context) {
            Ok(_) => Ok(()),
            Err(error) => {
                // The library draws the place in several lines; the last says what is wrong.
                let words = error.to_string();
                let reason = words.lines().last().unwrap_or_default().trim_start_matches("error: ");
                Err(self.refuse(id, "", format!("the pattern of matches is no regular expression ({reason})")))
            }
        }
    }

    /// A macro over a list. What is iterated must not be a map that the expression makes: such a map has no order,
    /// and the result could differ from run to run.
    fn comprehension(&mut self, id: u64, of: &mut ComprehensionExpr, depth: usize) -> Result<(), Problem> {
        if holds_map(&of.iter_range) {
            return Err(self.refuse(
                id,
                "",
                "a map has no order, so nothing can be done with each of its keys; use a list".to_owned(),
            ));
        }
        self.walk(&mut of.iter_range, depth + 1)?;
        self.walk(&mut of.accu_init, depth + 1)?;
        let before = self.bound.len();
        let variables = [Some(&of.iter_var), of.iter_var2.as_ref(), Some(&of.accu_var)];
        for variable in variables.into_iter().flatten() {
            if variable == person::STRICT {
                return Err(self.refuse(id, "", "`user` is the user; call the variable something else".to_owned()));
            }
            self.bound.push(variable.clone());
        }
        self.walk(&mut of.loop_cond, depth + 1)?;
        self.walk(&mut of.loop_step, depth + 1)?;
        self.walk(&mut of.result, depth + 1)?;
        self.bound.truncate(before);
        Ok(())
    }
}

fn is_user(node: &IdedExpr) -> bool {
    matches!(&node.expr, Expr::Ident(name) if name == person::STRICT)
}

fn is_groups(node: &IdedExpr) -> bool {
    matches!(&node.expr, Expr::Select(of) if !of.test && of.field == "groups" && is_user(&of.operand))
}

/// The library that `strings.quote(x)` and the like name before the dot.
fn namespace(target: &IdedExpr) -> Option<&'static str> {
    match &target.expr {
        Expr::Ident(name) => ["strings", "optional"].into_iter().find(|space| space == name),
        _ => None,
    }
}

fn literal_text(node: &IdedExpr) -> Option<&str> {
    match &node.expr {
        Expr::Literal(LiteralValue::String(text)) => Some(text.inner()),
        _ => None,
    }
}

fn holds_map(node: &IdedExpr) -> bool {
    match &node.expr {
        Expr::Map(_) => true,
        Expr::Call(call) => call.target.as_deref().is_some_and(holds_map) || call.args.iter().any(holds_map),
        Expr::Select(select) => holds_map(&select.operand),
        Expr::List(list) => list.elements.iter().any(holds_map),
        Expr::Comprehension(of) => {
            [&of.iter_range, &of.accu_init, &of.loop_cond, &of.loop_step, &of.result].into_iter().any(holds_map)
        }
        _ => false,
    }
}
