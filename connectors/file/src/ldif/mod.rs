//! LDIF: the content of an LDAP directory in a file (RFC 2849).
//!
//! Members of groups are DNs, and a group may stand before its members. So the file is read twice: once for the users
//! and for who stands where, once for the groups. Both passes must have read the same bytes. What is kept between
//! them is one small entry a record.
//!
//! Only the primary group of Active Directory is not seen: it is a number on the user, not a member of the group.

mod account;
mod group;
mod lines;
mod person;
mod record;
mod records;
mod timestamp;

use std::collections::BTreeMap;
use std::path::Path;

use jiff::Timestamp;
use rollcall_kit::{Collection, DirectoryId, Entry, ReadError, Unreadable};

use self::group::Directory;
use self::record::Class;
use self::records::Records;
use crate::settings::FileSettings;
use crate::tally::{Kind, Tally};
use crate::walk::{Sink, Walked};

/// What the first pass learns about all files together.
#[derive(Default)]
struct First {
    tally: Tally,
    directory: Directory,
    skipped: BTreeMap<String, u64>,
    set_aside: BTreeMap<DirectoryId, String>,
}

/// Reads the files to their ends, users first.
pub(crate) fn walk(settings: &FileSettings, now: Timestamp, sink: Sink<'_>) -> Result<Walked, ReadError> {
    let files: Vec<&Path> =
        std::iter::once(&settings.users).chain(&settings.groups).map(std::path::PathBuf::as_path).collect();
    let mut first = First::default();
    let mut proofs = Vec::new();
    for file in &files {
        proofs.push(read_users(file, settings, now, &mut first, sink)?);
    }
    for (file, proof) in files.iter().zip(&proofs) {
        read_groups(file, settings, &mut first, proof, sink)?;
    }
    let collection = |name: &str, kind: Kind| Collection {
        name: name.to_owned(),
        query: files.iter().map(|file| file.display().to_string()).collect::<Vec<_>>().join(" and "),
        pages: files.len() as u64,
        entries: first.tally.count(kind),
        // What a file announces counts records of every kind; it was compared with those.
        announced: None,
        end: proofs.iter().map(|proof| proof.sentence.as_str()).collect::<Vec<_>>().join("; "),
    };
    Ok(Walked {
        collections: vec![collection("users", Kind::User), collection("groups", Kind::Group)],
        remarks: skipped(&first.skipped),
        set_aside: first.set_aside,
    })
}

/// How a file ended in the first pass.
struct Proof {
    digest: String,
    sentence: String,
}

/// The first pass: users are handed over, and everything that a member can lead to is noted.
fn read_users(
    file: &Path,
    settings: &FileSettings,
    now: Timestamp,
    first: &mut First,
    sink: Sink<'_>,
) -> Result<Proof, ReadError> {
    let mut records = Records::open(file, "users", settings)?;
    while let Some(record) = records.next()? {
        let kind = match record.class().map_err(|reason| records.incomplete(reason))? {
            Class::Person => Kind::User,
            Class::Group => Kind::Group,
            Class::Other(what) => {
                if let Ok(id) = record.id(settings) {
                    let why = format!("{}: {} is no user but one of: {what}", record.line, record.dn);
                    first.set_aside.insert(id, why);
                }
                *first.skipped.entry(what).or_default() += 1;
                continue;
            }
        };
        let id = record.id(settings).map_err(|reason| records.incomplete(reason))?;
        first.tally.claim(&id, kind, &record.line)?;
        first.directory.note(&id, kind, &record, settings);
        if kind == Kind::Group {
            continue;
        }
        sink(match person::user(id.clone(), &record, settings, now) {
            Ok(user) => Entry::User(Box::new(user)),
            Err(problem) => Entry::Unreadable(Unreadable {
                id,
                label: record.dn.clone(),
                problem: format!("{}: {problem}", record.line),
            }),
        })?;
    }
    let (whole, vouched) = records.finish()?;
    Ok(Proof { sentence: whole.proof(vouched), digest: whole.digest })
}

/// The second pass: groups, with members that can be resolved now.
fn read_groups(
    file: &Path,
    settings: &FileSettings,
    first: &mut First,
    proof: &Proof,
    sink: Sink<'_>,
) -> Result<(), ReadError> {
    let mut records = Records::open(file, "groups", settings)?;
    while let Some(record) = records.next()? {
        if record.class() == Ok(Class::Group) {
            let group = first.directory.group(&record, settings).map_err(|reason| records.incomplete(reason))?;
            sink(Entry::Group(Box::new(group)))?;
        }
    }
    let (whole, _) = records.finish()?;
    if whole.digest != proof.digest {
        return Err(ReadError::incomplete("groups", format!("{} changed while it was read", file.display())));
    }
    Ok(())
}

/// A remark on records that are neither users nor groups.
fn skipped(skipped: &BTreeMap<String, u64>) -> Vec<String> {
    if skipped.is_empty() {
        return Vec::new();
    }
    let kinds: Vec<String> = skipped.iter().map(|(what, count)| format!("{count} {what}")).collect();
    vec![format!("Records that are neither users nor groups were left out: {}.", kinds.join(", "))]
}
