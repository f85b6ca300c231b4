//! The contract tested: a sound connector passes, and each broken promise is noticed.

use std::panic::AssertUnwindSafe;

use async_trait::async_trait;
use futures::FutureExt;
use jiff::Timestamp;

use super::{fails_without_certificate, reads_to_a_certificate};
use crate::{
    Address, Attributes, Capabilities, Certificate, CertificateDraft, CheckFinding, Collection, Connector,
    DirectoryGroup, DirectoryId, DirectoryUser, Entries, Entry, LookUp, Member, ReadError, Source, Status, Unreadable,
    attribute,
};

/// A promise that the played connector breaks.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Breaks {
    Nothing,
    Order,
    Uniqueness,
    MemberOrder,
    MemberSent,
    Count,
    Repeatability,
    Cancelling,
    LookUp,
    GoneAnswer,
    AddressCase,
    GroupName,
    Capability,
    TheRead,
}

/// A connector over a fixed list.
struct Played {
    breaks: Breaks,
    reads: std::sync::atomic::AtomicUsize,
}

fn played(breaks: Breaks) -> Played {
    Played { breaks, reads: std::sync::atomic::AtomicUsize::new(0) }
}

fn id(text: &str) -> DirectoryId {
    DirectoryId::new(text).unwrap()
}

fn user(name: &str) -> DirectoryUser {
    DirectoryUser {
        id: id(name),
        login: name.to_owned(),
        status: Status::Active,
        raw_status: "active".to_owned(),
        place: None,
        assigned: None,
        profile: [(attribute::EMAIL, format!("{name}@acme.com").into())].into(),
        raw: Attributes::new(),
    }
}

fn group(name: &str, members: Vec<Member>) -> DirectoryGroup {
    DirectoryGroup { id: id(name), name: name.to_owned(), place: None, members, unresolved_members: 1 }
}

impl Played {
    fn entries(&self) -> Vec<Entry> {
        let member = |name| Member::User(id(name));
        let mut entries = vec![
            Entry::User(user("jane").into()),
            Entry::User(user("joe").into()),
            Entry::User(user("kim").into()),
            Entry::Unreadable(Unreadable { id: id("odd"), label: "odd".to_owned(), problem: "no login".to_owned() }),
            Entry::Group(group("a", vec![member("jane"), member("odd")]).into()),
            Entry::Group(group("b", vec![member("joe"), Member::Group(id("a"))]).into()),
        ];
        match self.breaks {
            Breaks::Order => entries.swap(0, 4),
            Breaks::Uniqueness => entries[1] = entries[0].clone(),
            Breaks::MemberOrder => entries[4] = Entry::Group(group("a", vec![member("joe"), member("jane")]).into()),
            Breaks::MemberSent => entries[4] = Entry::Group(group("a", vec![member("nobody")]).into()),
            Breaks::Repeatability if self.reads.load(std::sync::atomic::Ordering::SeqCst) > 1 => {
                entries[2] = Entry::User(user("lou").into());
            }
            _ => {}
        }
        entries
    }
}

#[async_trait]
impl Connector for Played {
    fn kind(&self) -> &'static str {
        "played"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { groups: self.breaks != Breaks::Capability, ..Capabilities::default() }
    }

    async fn check(&self) -> Result<Vec<CheckFinding>, ReadError> {
        Ok(Vec::new())
    }

    async fn read(&self, entries: Entries) -> Result<Certificate, ReadError> {
        self.reads.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        if self.breaks == Breaks::TheRead {
            return Err(ReadError::incomplete("users", "page 2 failed"));
        }
        for entry in self.entries() {
            let sent = entries.send(entry).await;
            if self.breaks != Breaks::Cancelling {
                sent?;
            }
        }
        let source = Source { connector: "played".to_owned(), server: "here".to_owned(), identity: String::new() };
        let mut draft = CertificateDraft::new(source, &["users", "groups"], Timestamp::UNIX_EPOCH);
        let users = if self.breaks == Breaks::Count { 3 } else { 4 };
        for (name, entries) in [("users", users), ("groups", 2)] {
            draft.completed(Collection {
                name: name.to_owned(),
                query: "all".to_owned(),
                pages: 1,
                entries,
                announced: None,
                end: "the list ended".to_owned(),
            });
        }
        draft.certify(Timestamp::UNIX_EPOCH)
    }

    async fn look_up(&self, id: &DirectoryId) -> Result<LookUp, ReadError> {
        let found = self.entries().into_iter().find_map(|entry| match entry {
            Entry::User(user) if user.id == *id && self.breaks != Breaks::LookUp => Some(LookUp::Found(user)),
            _ => None,
        });
        match found {
            None if self.breaks == Breaks::GoneAnswer => Err(ReadError::incomplete("users", "no such id")),
            found => Ok(found.unwrap_or(LookUp::Gone)),
        }
    }

    async fn look_up_address(&self, address: &Address) -> Result<Vec<DirectoryUser>, ReadError> {
        let same = |user: &DirectoryUser| match self.breaks {
            Breaks::AddressCase => user.text(attribute::EMAIL) == Some(address.as_str()),
            _ => user.address().as_ref() == Some(address),
        };
        let users = self.entries().into_iter().filter_map(|entry| match entry {
            Entry::User(user) if same(&user) => Some(*user),
            _ => None,
        });
        Ok(users.collect())
    }

    async fn look_up_group(&self, id: &DirectoryId) -> Result<Option<String>, ReadError> {
        let name = self.entries().into_iter().find_map(|entry| match entry {
            Entry::Group(group) if group.id == *id => Some(group.name),
            _ => None,
        });
        Ok(name.map(|name| if self.breaks == Breaks::GroupName { name.to_uppercase() } else { name }))
    }
}

/// The sentence with which the contract refuses a connector.
async fn refusal(breaks: Breaks) -> String {
    let connector = played(breaks);
    let panic = AssertUnwindSafe(reads_to_a_certificate(&connector)).catch_unwind().await.err();
    let panic = panic.unwrap_or_else(|| panic!("the contract did not notice that {breaks:?} is broken"));
    panic.downcast_ref::<String>().cloned().unwrap_or_else(|| (*panic.downcast_ref::<&str>().unwrap()).to_owned())
}

#[tokio::test]
async fn a_sound_connector_passes_and_its_reading_is_handed_back() {
    let (entries, certificate) = reads_to_a_certificate(&played(Breaks::Nothing)).await;
    assert_eq!(entries.len(), 6);
    assert_eq!(certificate.entries_of("users"), 4);
}

#[tokio::test]
async fn each_broken_promise_is_noticed_and_named() {
    for (breaks, sentence) in [
        (Breaks::Order, "came after the group"),
        (Breaks::Uniqueness, "the id jane came twice"),
        (Breaks::MemberOrder, "are not sorted"),
        (Breaks::MemberSent, "was not sent and is not counted as unresolved"),
        (Breaks::Count, "the certificate counts other entries than were sent"),
        (Breaks::Repeatability, "sent other entries than the first"),
        (Breaks::Cancelling, "was certified though its consumer left"),
        (Breaks::LookUp, "was read, and is gone when looked up"),
        (Breaks::GoneAnswer, "must say that they are gone, but failed"),
        (Breaks::AddressCase, "is not found by the address JANE@ACME.COM"),
        (Breaks::GroupName, "has another name by id"),
        (Breaks::Capability, "that the capabilities deny"),
        (Breaks::TheRead, "the read failed: the read of users is incomplete"),
    ] {
        let said = refusal(breaks).await;
        assert!(said.contains(sentence), "{breaks:?}: {said}");
    }
}

#[tokio::test]
async fn a_broken_directory_must_yield_an_error() {
    let error = fails_without_certificate(&played(Breaks::TheRead)).await;
    assert!(matches!(error, ReadError::Incomplete { .. }));
    let sound = played(Breaks::Nothing);
    let certified = AssertUnwindSafe(fails_without_certificate(&sound)).catch_unwind().await;
    assert!(certified.is_err(), "a certified read passed as a failed one");
}
