//! Checks a parsed file against the schema of the configuration, and finds everything that is wrong with its shape.
//!
//! Deserialising stops at the first error and knows little about what would have been right. The JSON Schema, which is
//! derived from the very types that are then deserialised, knows every key, its type and its bounds at every level,
//! for the settings of every room alike. So the shape is checked against the schema, all errors at once, and only what
//! passes is deserialised. What a schema cannot say (a domain, two kinds of token) is in [`super::rules`].

use std::collections::BTreeMap;
use std::ops::Range;

use rollcall_kit::HumanDuration;
use serde_json::Value;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::earlier;
use super::error::{ConfigError, nearest};
use super::expect::{self, Variant};
use super::source::Source;

/// A parsed value and where it stands.
pub(super) type Node<'i> = Spanned<DeValue<'i>>;

/// Where each key of a file stands, by its path within the file: `scope.when`, `role[0].group`.
pub(super) type Spans = BTreeMap<String, Range<usize>>;

/// What a check found.
#[derive(Debug, Default)]
pub(super) struct Findings {
    /// What is wrong, in the order of the walk.
    pub errors: Vec<ConfigError>,
    /// Where everything stands.
    pub spans: Spans,
}

/// Checks one file.
pub(super) struct Checker<'a> {
    /// The whole schema, in which references lead to definitions.
    root: &'a Value,
    source: &'a Source,
    /// The tables around the one that is being checked: their paths and the keys that they know.
    around: Vec<(String, Vec<String>)>,
    found: Findings,
}

impl<'a> Checker<'a> {
    /// A checker for a file, with the schema that references are looked up in.
    pub(super) fn new(root: &'a Value, source: &'a Source) -> Self {
        Self { root, source, around: Vec::new(), found: Findings::default() }
    }

    /// Checks a whole file against a part of the schema.
    pub(super) fn check(mut self, schema: &Value, table: &Spanned<DeTable<'_>>) -> Findings {
        self.table(self.resolve(schema), table.get_ref(), &(0..0), "");
        self.found
    }

    /// Follows references until there is a schema. Types refer to each other without circles.
    fn resolve<'s>(&self, schema: &'s Value) -> &'s Value
    where
        'a: 's,
    {
        let pointer = schema.get("$ref").and_then(Value::as_str).and_then(|name| name.strip_prefix('#'));
        match pointer.and_then(|pointer| self.root.pointer(pointer)) {
            Some(target) => self.resolve(target),
            None => schema,
        }
    }

    /// The same, through the forms of an optional value to its only one.
    fn only<'s>(&self, schema: &'s Value) -> &'s Value
    where
        'a: 's,
    {
        let resolved = self.resolve(schema);
        let mut forms = expect::variants(resolved);
        match (forms.next(), forms.next()) {
            (Some(form), None) if form.get("$ref").is_some() => self.only(form),
            _ => resolved,
        }
    }

    fn error(&mut self, key: &str, span: &Range<usize>, message: String) {
        self.found.errors.push(ConfigError {
            file: self.source.path().to_owned(),
            place: Some(self.source.place(span)),
            key: key.to_owned(),
            message,
        });
    }

    fn value(&mut self, schema: &Value, node: &Node<'_>, path: &str) {
        self.found.spans.insert(path.to_owned(), node.span());
        if expect::is_secret(schema) && !node.get_ref().is_table() {
            let message = expect::secret_instead_of_reference(path);
            return self.error(path, &node.span(), message);
        }
        if expect::is_length_of_time(schema) {
            return self.length_of_time(node, path);
        }
        let resolved = self.resolve(schema);
        let variants: Vec<Variant<'_>> = expect::variants(resolved).map(|part| self.variant(part)).collect();
        match variants.as_slice() {
            [] => self.plain(resolved, node, path),
            [only] if expect::tag(&variants).is_none() => self.value(only.origin, node, path),
            several => self.one_of(several, node, path),
        }
    }

    /// A length of time. A number alone is none: its unit would have to be guessed.
    fn length_of_time(&mut self, node: &Node<'_>, path: &str) {
        let name = last(path);
        if let DeValue::String(text) = node.get_ref() {
            if let Err(problem) = text.parse::<HumanDuration>() {
                self.error(path, &node.span(), format!("`{name}` {problem}"));
            }
            return;
        }
        let key = name.split('[').next().unwrap_or(name);
        match earlier::respelled(key, node.get_ref()) {
            Some(spelled) if key == name => {
                self.error(path, &node.span(), format!("`{name}` needs a unit; write {name} = {spelled}"));
            }
            Some(spelled) => self.error(path, &node.span(), format!("`{name}` needs a unit; write {spelled}")),
            None => self.wrong_type("a length of time in quotes, such as \"15m\"", node, path),
        }
    }

    fn variant<'s>(&self, origin: &'s Value) -> Variant<'s>
    where
        'a: 's,
    {
        Variant { origin, schema: self.resolve(origin) }
    }

    /// A value of which the schema allows several forms.
    fn one_of(&mut self, variants: &[Variant<'_>], node: &Node<'_>, path: &str) {
        if let Some(words) = expect::words(variants) {
            return self.word(&words, node, path);
        }
        if let Some((tag, kinds)) = expect::tag(variants) {
            return self.tagged(tag, &kinds, node, path);
        }
        let fitting = variants.iter().filter(|variant| variant.resembles(node.get_ref())).collect::<Vec<_>>();
        if let [one] = fitting.as_slice() {
            return self.value(one.origin, node, path);
        }
        for variant in variants {
            let mut trial = Checker::new(self.root, self.source);
            trial.value(variant.origin, node, path);
            if trial.found.errors.is_empty() {
                return self.found.spans.append(&mut trial.found.spans);
            }
        }
        let forms = expect::forms(variants);
        self.error(path, &node.span(), format!("`{}` must be {forms}", last(path)));
    }

    /// One of some words.
    fn word(&mut self, words: &[&str], node: &Node<'_>, path: &str) {
        let Some(word) = node.get_ref().as_str() else {
            let message = format!("`{}` must be {}", last(path), expect::list_of_words(words));
            return self.error(path, &node.span(), message);
        };
        if !words.contains(&word) {
            let meant = did_you_mean(nearest(word, words.iter().copied()).map(|near| format!("\"{near}\"")));
            let message = format!("`{}` must be {}, not \"{word}\"{meant}", last(path), expect::list_of_words(words));
            self.error(path, &node.span(), message);
        }
    }

    /// A table whose kind is told by one of its keys.
    fn tagged(&mut self, tag: &str, kinds: &BTreeMap<&str, &Value>, node: &Node<'_>, path: &str) {
        let words: Vec<&str> = kinds.keys().copied().collect();
        let Some(table) = node.get_ref().as_table() else {
            return self.wrong_type("a table", node, path);
        };
        let Some(kind) = table.get(tag) else {
            let message =
                format!("{} has no `{tag}`; add `{tag} = …` with {}", heading(path), expect::list_of_words(&words));
            return self.error(path, &node.span(), message);
        };
        match kind.get_ref().as_str().and_then(|kind| kinds.get(kind)) {
            Some(schema) => self.table(schema, table, &node.span(), path),
            None => self.word(&words, kind, &join(path, tag)),
        }
    }

    /// A value that has exactly one form.
    fn plain(&mut self, schema: &Value, node: &Node<'_>, path: &str) {
        match (expect::type_of(schema), node.get_ref()) {
            ("", _) => {}
            ("object", DeValue::Table(table)) => self.table(schema, table, &node.span(), path),
            ("array", DeValue::Array(items)) => self.items(schema, items, path),
            ("string", DeValue::String(text)) => self.text(schema, text, node, path),
            ("integer", DeValue::Integer(_)) => self.number(schema, node, path),
            ("boolean", DeValue::Boolean(_)) => {}
            _ => self.wrong_type(&expect::kind(schema), node, path),
        }
    }

    fn wrong_type(&mut self, expected: &str, node: &Node<'_>, path: &str) {
        let found = expect::found(node.get_ref());
        self.error(path, &node.span(), format!("`{}` must be {expected}, not {found}", last(path)));
    }

    fn items(&mut self, schema: &Value, items: &[Node<'_>], path: &str) {
        let Some(each) = schema.get("items") else { return };
        for (index, item) in items.iter().enumerate() {
            self.value(each, item, &format!("{path}[{index}]"));
        }
    }

    fn text(&mut self, schema: &Value, text: &str, node: &Node<'_>, path: &str) {
        if schema.get("format").and_then(Value::as_str) == Some("uri")
            && let Err(problem) = expect::url(text)
        {
            self.error(path, &node.span(), format!("`{}` {problem}", last(path)));
        }
        let words: Vec<&str> = expect::enumeration(schema).collect();
        if !words.is_empty() {
            self.word(&words, node, path);
        }
    }

    fn number(&mut self, schema: &Value, node: &Node<'_>, path: &str) {
        let (least, most) = expect::bounds(schema);
        if !expect::whole_number(node.get_ref()).is_some_and(|number| least <= number && number <= most) {
            let range = expect::range(least, most);
            self.error(path, &node.span(), format!("`{}` must be a whole number {range}", last(path)));
        }
    }

    /// What to say of a key that the innermost table does not know.
    fn unknown_key(&self, name: &str, value: &DeValue<'_>, path: &str) -> String {
        let unknown = format!("unknown key `{name}` {}", within(path));
        let Some(((_, known), outer)) = self.around.split_last() else { return unknown };
        if let Some(renamed) = earlier::renamed(name, value, known.iter()) {
            return renamed;
        }
        if let Some(near) = nearest(name, known.iter().map(String::as_str)) {
            return format!("{unknown}; did you mean `{near}`?");
        }
        // In TOML a key belongs to the heading above it, so one that follows a sub-table lands inside of that.
        if let Some((table, _)) = outer.iter().rev().find(|(_, keys)| keys.iter().any(|key| key == name)) {
            return format!("{unknown}; it belongs to {}, so write it above {}", heading(table), heading(path));
        }
        match known.as_slice() {
            [] => unknown,
            few if few.len() <= 8 => format!("{unknown}; it knows `{}`", few.join("`, `")),
            _ => unknown,
        }
    }

    /// A table: every key is known, every required key is there, every value is checked.
    fn table(&mut self, schema: &Value, table: &DeTable<'_>, span: &Range<usize>, path: &str) {
        let none = serde_json::Map::new();
        let properties = schema.get("properties").and_then(Value::as_object).unwrap_or(&none);
        self.around.push((path.to_owned(), properties.keys().cloned().collect()));
        for (name, node) in table {
            let inner = join(path, name.get_ref());
            match properties.get(name.get_ref().as_ref()).or_else(|| schema.get("additionalProperties")) {
                Some(Value::Bool(false)) => {
                    let message = self.unknown_key(name.get_ref(), node.get_ref(), path);
                    self.error(&inner, &name.span(), message);
                }
                Some(known) => self.value(known, node, &inner),
                None => {}
            }
        }
        self.around.pop();
        for name in schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
            if !table.contains_key(name) {
                let key = join(path, name);
                let advice = match properties.get(name).map(|schema| expect::kind(self.only(schema))).as_deref() {
                    Some("a table") => format!("add the table [{key}]"),
                    Some(kind) => format!("add it, {kind}"),
                    None => "add it".to_owned(),
                };
                self.error(&key, span, format!("{} has no `{name}`; {advice}", heading(path)));
            }
        }
    }
}

/// The path of a key within a table. A name with a dot is quoted, as in TOML.
pub(super) fn join(path: &str, name: &str) -> String {
    let name = if name.contains(['.', '[']) { format!("\"{name}\"") } else { name.to_owned() };
    if path.is_empty() { name } else { format!("{path}.{name}") }
}

/// The last part of a path, as the reader knows it: `domains`, `domains[2]`.
fn last(path: &str) -> &str {
    path.rsplit('.').next().unwrap_or(path)
}

/// A table as its heading: `[organization.acme]`; for an element of a list `entry 2 of [[organization.acme.role]]`.
fn heading(path: &str) -> String {
    match path.strip_suffix(']').and_then(|path| path.rsplit_once('[')) {
        _ if path.is_empty() => "the file".to_owned(),
        Some((list, index)) => {
            format!(
                "entry {} of [[{list}]]",
                index.parse::<usize>().map_or_else(|_| index.to_owned(), |i| (i + 1).to_string())
            )
        }
        None => format!("[{path}]"),
    }
}

/// The same, behind "in".
fn within(path: &str) -> String {
    if path.is_empty() { "at the top of the file".to_owned() } else { format!("in {}", heading(path)) }
}

fn did_you_mean(near: Option<String>) -> String {
    near.map(|near| format!("; did you mean {near}?")).unwrap_or_default()
}
