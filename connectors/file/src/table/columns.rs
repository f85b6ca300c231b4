//! Which column holds what.

use std::collections::BTreeMap;
use std::path::Path;

use rollcall_kit::{Name, ReadError};

use crate::hint::{did_you_mean, folded, nearest};
use crate::settings::{FileSettings, known_names};

/// The columns of a users file.
#[derive(Debug)]
pub(super) struct Columns {
    /// Our name for the values, and the column.
    pub(super) known: BTreeMap<&'static str, usize>,
    /// Every column that is read, under its header.
    pub(super) all: Vec<(Name, usize)>,
}

impl Columns {
    /// Finds the columns of a users file.
    ///
    /// # Errors
    ///
    /// [`ReadError::Settings`] if a column that is needed or mapped is missing, or if one looks like a misspelt name
    /// that the file lacks: a `staus` that nobody reads would make everybody active who has left.
    pub(super) fn of_users(header: &[String], file: &Path, settings: &FileSettings) -> Result<Self, ReadError> {
        let mut known = BTreeMap::new();
        for name in known_names() {
            let mapped = settings.columns.get(name);
            let wanted = mapped.map_or(name, String::as_str);
            match find(header, wanted, file)? {
                Some(column) => {
                    known.insert(name, column);
                }
                None if mapped.is_some() || name == "id" => return Err(missing(header, name, wanted, file)),
                None => {}
            }
        }
        let ignored = |name: &str| settings.ignore.iter().any(|ignored| folded(ignored) == folded(name));
        let shared = |name: &str| Name::among(name, known_names());
        let all: Vec<(Name, usize)> =
            header.iter().enumerate().filter(|(_, name)| !ignored(name)).map(|(i, name)| (shared(name), i)).collect();
        for (name, column) in &all {
            if known.values().any(|taken| taken == column) {
                continue;
            }
            let free = known_names().filter(|known_name| !known.contains_key(known_name));
            if let Some(meant) = nearest(name, free) {
                return Err(ReadError::Settings(format!(
                    "the column {name:?} of {} looks like {meant}, which the file lacks; set columns.{meant} = {name:?}, \
                     or ignore = [{name:?}] if it is something else",
                    file.display(),
                )));
            }
        }
        Ok(Self { known, all })
    }

    /// The column of one of our names.
    pub(super) fn get(&self, name: &str) -> Option<usize> {
        self.known.get(name).copied()
    }
}

/// A column that a groups or memberships file must have.
pub(super) fn required(header: &[String], name: &'static str, file: &Path) -> Result<usize, ReadError> {
    find(header, name, file)?.ok_or_else(|| missing(header, name, name, file))
}

fn find(header: &[String], wanted: &str, file: &Path) -> Result<Option<usize>, ReadError> {
    let wanted = folded(wanted);
    let mut found = header.iter().enumerate().filter(|(_, name)| folded(name) == wanted);
    let first = found.next();
    if let (Some((_, one)), Some((_, other))) = (first, found.next()) {
        return Err(ReadError::Settings(format!(
            "{} has two columns for one thing, {one:?} and {other:?}; rename one of them",
            file.display()
        )));
    }
    Ok(first.map(|(column, _)| column))
}

fn missing(header: &[String], name: &str, wanted: &str, file: &Path) -> ReadError {
    let headers = || header.iter().map(String::as_str);
    let hint = match header {
        [only] if only.contains([';', '\t', '|']) => {
            "; the header is one single column, so set delimiter to what separates its fields".to_owned()
        }
        _ => {
            format!("{}; its columns are {}", did_you_mean(wanted, headers()), headers().collect::<Vec<_>>().join(", "))
        }
    };
    ReadError::Settings(format!("{} has no column {wanted:?} for {name}{hint}", file.display()))
}
