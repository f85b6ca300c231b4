//! What a certified read must have sent, and how a read ends when nobody wants it any more.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::{Certificate, Connector, DirectoryGroup, DirectoryId, Entries, Entry, Member, ReadError};

/// How soon a read must notice that its consumer went away.
const PROMPT: Duration = Duration::from_secs(10);

/// Checks what a read sent against itself and against its certificate:
///
/// - users come before groups, and every id is there and comes once;
/// - the members of a group are sorted and unique, and every one of them was sent (one that leads nowhere is counted
///   in `unresolved_members` and not listed);
/// - a connector that reads no groups sends none;
/// - the certificate names this kind of connector, says how each collection ended, and counts what was sent: its `users` and `groups` are the users and groups, and records that could
///   not be understood are counted in the collection that they came in. A `members` collection counts at least the
///   members that were sent.
///
/// # Panics
///
/// With a sentence about the first promise that is broken.
pub fn is_sound(connector: &dyn Connector, entries: &[Entry], certificate: &Certificate) {
    assert_eq!(certificate.source().connector, connector.kind(), "the certificate names another kind of connector");
    assert!(certificate.started() <= certificate.ended(), "the read ended before it began");
    let groups: Vec<&DirectoryGroup> = entries.iter().filter_map(as_group).collect();
    assert!(groups.is_empty() || connector.capabilities().groups, "groups were sent that the capabilities deny");
    users_come_first(entries);
    each_id_comes_once(entries);
    let users: BTreeSet<&DirectoryId> = ids(entries, |entry| !matches!(entry, Entry::Group(_)));
    let others: BTreeSet<&DirectoryId> = ids(entries, |entry| !matches!(entry, Entry::User(_)));
    for group in &groups {
        members_are_in_order(group);
        for member in &group.members {
            let sent = match member {
                Member::User(id) => users.contains(id),
                Member::Group(id) => others.contains(id),
            };
            assert!(sent, "{}: {member:?} was not sent and is not counted as unresolved", group.name);
        }
    }
    certificate_counts(entries, &groups, certificate);
}

/// Checks that a read whose consumer goes away ends promptly as cancelled: before the first entry and after it.
///
/// # Panics
///
/// With a sentence about the promise that is broken, and for a directory of fewer than three `entries`, in which a
/// read could end before it notices.
pub async fn stops_when_nobody_listens(connector: &dyn Connector, entries: usize) {
    assert!(entries >= 3, "the contract needs a directory with at least three entries, this one has {entries}");
    for wanted in [0, 1] {
        let (sender, mut receiver) = Entries::channel(1);
        let leave = async move {
            for _ in 0..wanted {
                receiver.recv().await;
            }
        };
        let both = async { tokio::join!(connector.read(sender), leave).0 };
        match tokio::time::timeout(PROMPT, both).await {
            Ok(Err(ReadError::Cancelled)) => {}
            Ok(Err(error)) => panic!("after its consumer left, the read failed otherwise than as cancelled: {error}"),
            Ok(Ok(_)) => panic!("the read was certified though its consumer left after {wanted} entries"),
            Err(_) => panic!("the read went on for {PROMPT:?} after its consumer had left"),
        }
    }
}

/// The id of an entry.
pub(super) fn id_of(entry: &Entry) -> &DirectoryId {
    match entry {
        Entry::User(user) => &user.id,
        Entry::Group(group) => &group.id,
        Entry::Unreadable(record) => &record.id,
    }
}

fn as_group(entry: &Entry) -> Option<&DirectoryGroup> {
    match entry {
        Entry::Group(group) => Some(group),
        _ => None,
    }
}

fn users_come_first(entries: &[Entry]) {
    let mut group = None;
    for entry in entries {
        match (entry, group) {
            (Entry::Group(found), _) => group = Some(&found.name),
            (Entry::User(user), Some(group)) => panic!("the user {} came after the group {group}", user.label()),
            _ => {}
        }
    }
}

fn each_id_comes_once(entries: &[Entry]) {
    let mut seen = BTreeSet::new();
    for entry in entries {
        let id = id_of(entry);
        assert!(!id.as_str().trim().is_empty(), "an entry has an empty id: {entry:?}");
        assert!(seen.insert(id), "the id {id} came twice");
    }
}

fn members_are_in_order(group: &DirectoryGroup) {
    assert!(
        group.members.windows(2).all(|pair| pair[0] < pair[1]),
        "the members of {} are not sorted, or one of them comes twice: {:?}",
        group.name,
        group.members
    );
}

/// The ids of some entries.
fn ids(entries: &[Entry], wanted: fn(&Entry) -> bool) -> BTreeSet<&DirectoryId> {
    entries.iter().filter(|entry| wanted(entry)).map(id_of).collect()
}

fn certificate_counts(entries: &[Entry], groups: &[&DirectoryGroup], certificate: &Certificate) {
    let unreadable = entries.iter().filter(|entry| matches!(entry, Entry::Unreadable(_))).count() as u64;
    let users = entries.iter().filter(|entry| matches!(entry, Entry::User(_))).count() as u64;
    let collections = certificate.collections();
    assert!(collections.iter().any(|collection| collection.name == "users"), "the certificate names no users");
    for (name, sent) in [("users", users), ("groups", groups.len() as u64)] {
        let certified = certificate.entries_of(name);
        assert!(
            sent <= certified && certified <= sent + unreadable,
            "{sent} {name} were sent (and {unreadable} records that could not be read), but {certified} are certified"
        );
    }
    let certified = certificate.entries_of("users") + certificate.entries_of("groups");
    assert_eq!(certified, entries.len() as u64, "the certificate counts other entries than were sent");
    let members: u64 = groups.iter().map(|group| group.members.len() as u64).sum();
    if collections.iter().any(|collection| collection.name == "members") {
        let certified = certificate.entries_of("members");
        assert!(certified >= members, "{members} members were sent, but only {certified} are certified");
    }
    for collection in collections {
        assert!(!collection.end.is_empty(), "the certificate does not say how it knows that {} ended", collection.name);
    }
}
