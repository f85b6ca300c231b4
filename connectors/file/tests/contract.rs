//! What every connector owes the engine, held against each of the three formats.

use rollcall_file::{FileConnector, FileSettings, connector};
use rollcall_kit::{Connector, DirectoryId, Entries, LookUp, ReadError};

use crate::support::{Folder, read, wait};
use crate::torn::{CSV, JSON, LDIF};

/// One connector a format.
fn each(folder: &Folder) -> Vec<(FileSettings, FileConnector)> {
    [("staff.ldif", LDIF), ("staff.csv", CSV), ("staff.json", JSON)]
        .into_iter()
        .map(|(name, content)| {
            let settings = FileSettings::of(folder.write(name, content));
            (settings.clone(), connector(settings).unwrap())
        })
        .collect()
}

#[test]
fn a_second_read_says_the_same_and_its_certificate_counts_what_was_sent() {
    let folder = Folder::new();
    for (settings, connector) in each(&folder) {
        let (first, second) = (read(&settings).unwrap(), read(&settings).unwrap());
        assert_eq!((&first.users, &first.groups), (&second.users, &second.groups));
        assert_eq!(first.certificate.collections(), second.certificate.collections());
        assert_eq!(first.certificate.entries_of("users"), first.users.len() as u64);
        assert_eq!(first.certificate.entries_of("groups"), first.groups.len() as u64);
        assert_eq!(first.certificate.source().connector, connector.kind());
        assert_eq!(connector.capabilities().groups, !first.groups.is_empty());
    }
}

#[test]
fn everybody_who_was_read_is_found_again_exactly_as_he_was_read() {
    let folder = Folder::new();
    for (settings, connector) in each(&folder) {
        let reading = read(&settings).unwrap();
        for user in reading.users {
            assert_eq!(wait(connector.look_up(&user.id)).unwrap(), LookUp::Found(Box::new(user)));
        }
        for group in reading.groups {
            assert_eq!(wait(connector.look_up_group(&group.id)).unwrap(), Some(group.name));
        }
        let nobody = DirectoryId::new("nobody").unwrap();
        assert_eq!(wait(connector.look_up(&nobody)).unwrap(), LookUp::Gone);
    }
}

#[test]
fn a_consumer_that_goes_away_ends_the_read_without_a_certificate() {
    let folder = Folder::new();
    for (_, connector) in each(&folder) {
        let (entries, received) = Entries::channel(1);
        drop(received);
        assert!(matches!(wait(connector.read(entries)), Err(ReadError::Cancelled)));
    }
}
