//! CSV files: one with the users, and if there are groups, one with the groups and one with who is in which.

mod columns;
mod members;
mod quotes;
mod reader;

use std::path::Path;

use rollcall_kit::{
    Attributes, Collection, Container, DirectoryId, DirectoryUser, Entry, ReadError, Status, Unreadable, Value,
    attribute,
};

use self::columns::Columns;
use self::members::Memberships;
use self::reader::{Row, Table};
use crate::settings::{FileSettings, attributes};
use crate::tally::{Kind, Tally};
use crate::walk::{Sink, Walked};
use crate::words;

/// Reads the files to their ends, users first.
pub(crate) fn walk(settings: &FileSettings, sink: Sink<'_>) -> Result<Walked, ReadError> {
    let mut tally = Tally::default();
    let mut walked = Walked::default();
    walked.collections.push(users(settings, &mut tally, sink)?);
    if let (Some(groups), Some(memberships)) = (&settings.groups, &settings.memberships) {
        let mut found = Memberships::default();
        walked.collections.push(read_groups(groups, settings, &mut tally, &mut found)?);
        walked.collections.push(read_members(memberships, settings, &tally, &mut found)?);
        for group in found.close() {
            sink(Entry::Group(Box::new(group)))?;
        }
    }
    Ok(walked)
}

fn users(settings: &FileSettings, tally: &mut Tally, sink: Sink<'_>) -> Result<Collection, ReadError> {
    let mut table = Table::open(&settings.users, "users", settings)?;
    let columns = Columns::of_users(table.header(), &settings.users, settings)?;
    while let Some(row) = table.next()? {
        let id = id_of(&table, &row, columns.get("id"), "id")?;
        tally.claim(&id, Kind::User, &row.line)?;
        sink(match user(id.clone(), &row, &columns, settings) {
            Ok(user) => Entry::User(Box::new(user)),
            Err(problem) => Entry::Unreadable(Unreadable {
                label: label(&row, &columns).unwrap_or_else(|| id.to_string()),
                problem: format!("{}: {problem}", row.line),
                id,
            }),
        })?;
    }
    table.finish()
}

/// The id in a column. Without one nobody knows whose row it is, and a row that belongs to somebody unknown would
/// make somebody known disappear: so the read stops.
fn id_of(table: &Table, row: &Row, column: Option<usize>, name: &str) -> Result<DirectoryId, ReadError> {
    column
        .and_then(|column| row.text(column))
        .and_then(DirectoryId::new)
        .ok_or_else(|| table.incomplete(format!("{} has no {name}, so nobody knows whom the row concerns", row.line)))
}

fn label(row: &Row, columns: &Columns) -> Option<String> {
    ["login", attribute::PREFERRED_USERNAME, attribute::EMAIL]
        .into_iter()
        .filter_map(|name| row.text(columns.get(name)?))
        .find(|text| !text.is_empty())
        .map(str::to_owned)
}

fn user(id: DirectoryId, row: &Row, columns: &Columns, settings: &FileSettings) -> Result<DirectoryUser, String> {
    let mut raw = Attributes::with_capacity(columns.all.len());
    for (header, column) in &columns.all {
        let text =
            row.text(*column).ok_or_else(|| format!("the field {header:?} is not UTF-8; save the file as UTF-8"))?;
        if !text.is_empty() {
            raw.insert(header.clone(), Value::from(text));
        }
    }
    let text = |name| columns.get(name).and_then(|column| row.text(column)).filter(|text| !text.is_empty());
    let profile = attributes().filter_map(|name| Some((name, value(name, text(name)?)))).collect();
    let (status, raw_status) = match columns.get("status").and_then(|column| row.text(column)) {
        Some(word) => (words::status(word, &settings.status), format!("status={word}")),
        None => (Status::Active, "listed in a file without a status column".to_owned()),
    };
    Ok(DirectoryUser {
        login: label(row, columns).unwrap_or_else(|| id.to_string()),
        id,
        status,
        raw_status,
        place: text("place").map(Container::from),
        assigned: None,
        profile,
        raw,
    })
}

/// One field as a value; several addresses stand in one field with semicolons between them.
fn value(name: &str, text: &str) -> Value {
    if name == "emails" {
        return Value::List(text.split(';').map(str::trim).filter(|one| !one.is_empty()).map(Value::from).collect());
    }
    Value::from(text)
}

fn read_groups(
    file: &Path,
    settings: &FileSettings,
    tally: &mut Tally,
    found: &mut Memberships,
) -> Result<Collection, ReadError> {
    let mut table = Table::open(file, "groups", settings)?;
    let id_column = columns::required(table.header(), "id", file)?;
    let name_column = columns::required(table.header(), "name", file)?;
    while let Some(row) = table.next()? {
        let id = id_of(&table, &row, Some(id_column), "id")?;
        tally.claim(&id, Kind::Group, &row.line)?;
        // A group without a readable name cannot be set aside like a user: its rules would go silent.
        let name = row.text(name_column).filter(|name| !name.is_empty());
        let name = name.ok_or_else(|| table.incomplete(format!("{}: the group {id} has no name", row.line)))?;
        found.open(id, name);
    }
    found.sort();
    table.finish()
}

fn read_members(
    file: &Path,
    settings: &FileSettings,
    tally: &Tally,
    found: &mut Memberships,
) -> Result<Collection, ReadError> {
    let mut table = Table::open(file, "members", settings)?;
    let group_column = columns::required(table.header(), "group", file)?;
    let member_column = columns::required(table.header(), "member", file)?;
    while let Some(row) = table.next()? {
        let group = id_of(&table, &row, Some(group_column), "group")?;
        let member = id_of(&table, &row, Some(member_column), "member")?;
        let Some(number) = found.group(&group) else {
            return Err(table.incomplete(format!(
                "{}: the groups file has no group {group}; export groups and memberships at the same time",
                row.line
            )));
        };
        found.enter(number, &member, tally.kind(tally.hash(member.as_str())));
    }
    table.finish()
}
