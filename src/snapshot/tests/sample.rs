//! Records for tests.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;

use rollcall_kit::{
    Address, Attributes, Certificate, CertificateDraft, Collection, Cursor, DirectoryGroup, DirectoryId, DirectoryUser,
    Entry, InactiveReason, Member, Source, Status, Unreadable, Value,
};

use crate::apply::{Intent, Settlement, Write};
use crate::plan::{GroupKey, LedgerAccount, LedgerGroup, Origin};
use crate::read::{FullStaging, Increment, Place, Reading};
use crate::roster::Role;
use crate::snapshot::{Store, StoredRun};

pub(in crate::snapshot) fn id(id: &str) -> DirectoryId {
    DirectoryId::new(id).unwrap()
}

pub(in crate::snapshot) fn user(name: &str) -> DirectoryUser {
    DirectoryUser {
        id: id(name),
        login: name.into(),
        status: Status::Active,
        raw_status: String::new(),
        place: None,
        assigned: None,
        profile: Attributes::from([("email", Value::from(format!("{name}@acme.com")))]),
        raw: Attributes::new(),
    }
}

/// A user with every kind of value.
pub(in crate::snapshot) fn rich_user(name: &str) -> DirectoryUser {
    let mut user = user(name);
    user.status = Status::Inactive(InactiveReason::NotYetActive);
    user.place = Some("ou=people".into());
    user.assigned = Some(false);
    let list = Value::List(vec![Value::Int(-7), Value::Bool(true)]);
    user.raw.insert("nested", Value::Map(BTreeMap::from([("list".into(), list)])));
    user
}

pub(in crate::snapshot) fn named(name: &str, full: &str) -> DirectoryUser {
    let mut user = user(name);
    user.profile.insert("name", Value::from(full));
    user
}

pub(in crate::snapshot) fn group(name: &str, members: &[&str]) -> DirectoryGroup {
    DirectoryGroup {
        id: id(name),
        name: name.into(),
        place: None,
        members: members.iter().map(|member| Member::User(id(member))).collect(),
        unresolved_members: 0,
    }
}

pub(in crate::snapshot) fn unreadable(name: &str) -> Unreadable {
    Unreadable { id: id(name), label: name.into(), problem: "two addresses in one field".into() }
}

pub(in crate::snapshot) fn entry(user: DirectoryUser) -> Entry {
    Entry::User(Box::new(user))
}

pub(in crate::snapshot) fn account(owner: &str, target_id: &str) -> LedgerAccount {
    LedgerAccount {
        user: id(owner),
        target_id: target_id.into(),
        address: Address::parse(&format!("{owner}@acme.com")).unwrap(),
        origin: Origin::Created,
        active: true,
        written: BTreeMap::from([("email".into(), Value::from(format!("{owner}@acme.com")))]),
        roles: BTreeSet::from([Role("editor".into())]),
        deactivated_at: Some("2026-11-01T08:00:00Z".parse().unwrap()),
        last_run: None,
    }
}

pub(in crate::snapshot) fn role_key(role: &str) -> GroupKey {
    GroupKey::Role(Role(role.into()))
}

pub(in crate::snapshot) fn ledger_group(role: &str, members: &[&str]) -> LedgerGroup {
    LedgerGroup {
        key: role_key(role),
        target_id: format!("t-{role}"),
        name: role.into(),
        origin: Origin::Created,
        members: members.iter().map(|member| id(member)).collect(),
    }
}

pub(in crate::snapshot) fn intent(owner: &str) -> Intent {
    let create = Write::CreateAccount { user: id(owner), attributes: account(owner, "").written, roles: Vec::new() };
    let then = Settlement { accounts: vec![account(owner, "")], ..Settlement::default() };
    Intent { run: "run-1".into(), changes: vec![1], write: create, then }
}

pub(in crate::snapshot) fn certificate(users: u64, groups: u64) -> Certificate {
    let source = Source { connector: "fake".into(), server: "memory".into(), identity: "tests".into() };
    let start = "2026-11-01T08:00:00Z".parse().unwrap();
    let mut draft = CertificateDraft::new(source, &["users", "groups"], start);
    for (name, entries) in [("users", users), ("groups", groups)] {
        draft.completed(Collection {
            name: name.into(),
            query: "everybody".into(),
            pages: 1,
            entries,
            announced: None,
            end: "the end of the list".into(),
        });
    }
    draft.certify(start).unwrap()
}

/// Stages entries, commits them, and tells who had vanished.
#[allow(clippy::needless_pass_by_value, reason = "every caller makes them on the spot")]
pub(in crate::snapshot) fn commit(store: &dyn Store, entries: Vec<Entry>) -> Vec<DirectoryId> {
    let mut staging = store.staging().unwrap();
    let vanished = stage(&mut *staging, &entries);
    let (users, groups) = staging.staged();
    let reading = Reading::for_tests(certificate(users, groups), vanished.clone());
    store.commit(staging, &reading).unwrap();
    vanished
}

pub(in crate::snapshot) fn stage(staging: &mut dyn FullStaging, entries: &[Entry]) -> Vec<DirectoryId> {
    for batch in entries.chunks(3) {
        staging.stage(batch.to_vec()).unwrap();
    }
    staging.vanished().unwrap()
}

/// A place in a stream of changes.
pub(in crate::snapshot) fn place(words: &str) -> Place {
    Place { cursor: Cursor::new(words.into()), settings: "settings".into() }
}

/// Stages entries as changes and commits them with the place up to which they were told.
pub(in crate::snapshot) fn commit_changes(store: &dyn Store, entries: &[Entry], until: &str) {
    let mut staging = store.staging_changes().unwrap();
    for batch in entries.chunks(3) {
        staging.stage(batch.to_vec()).unwrap();
    }
    store.commit_changes(staging, &Increment::for_tests(place(until))).unwrap();
}

pub(in crate::snapshot) fn users(store: &dyn Store) -> Vec<DirectoryUser> {
    store.users().collect::<Result<_, _>>().unwrap()
}

pub(in crate::snapshot) fn user_ids(store: &dyn Store) -> Vec<String> {
    users(store).into_iter().map(|user| user.id.to_string()).collect()
}

/// The record of a run with its large parts, and its id.
pub(in crate::snapshot) fn whole_run(store: &dyn Store, id: &str) -> Option<(String, serde_json::Value)> {
    let StoredRun { id, mut header, parts } = store.run(id).unwrap()?;
    for (name, part) in parts {
        let mut read = |from: &mut dyn Read| header[name] = serde_json::from_reader(from).unwrap();
        assert!(store.read_part(&part, &mut read), "{name} was lost");
    }
    Some((id, header))
}

/// Makes an account ours, as a run would.
pub(in crate::snapshot) fn settle_account(store: &dyn Store, account: LedgerAccount) {
    let sequence = store.begin(vec![intent(account.user.as_str())]).unwrap()[0];
    let settled = Settlement { accounts: vec![account], ..Settlement::default() };
    store.settle(vec![(sequence, Some(settled))]).unwrap();
}
