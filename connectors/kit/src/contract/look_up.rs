//! Looking up by id and by address: the second look before somebody is put out.

use crate::{Address, Connector, DirectoryGroup, DirectoryId, DirectoryUser, Entry, LookUp, Status};

/// An id in the form that most directories give theirs, which none of them ever gave.
const NOBODY: &str = "00000000-0000-4000-8000-00000000dead";

/// Checks that who was read can be looked up, and nobody else:
///
/// - some users (the first, the middle one and the last who are active) are found by id as they were read, and by
///   address in any case of its letters;
/// - some groups are found by id under their name;
/// - an id that nobody ever had is answered with "gone", and an address that nobody has with nobody.
///
/// # Panics
///
/// With a sentence about the first promise that is broken.
pub async fn looks_up_whom_it_read(connector: &dyn Connector, entries: &[Entry]) {
    let users: Vec<&DirectoryUser> = entries.iter().filter_map(as_active_user).collect();
    assert!(!users.is_empty(), "the contract needs a directory with an active user");
    for user in some(&users) {
        is_found(connector, user).await;
        is_found_by_address(connector, user).await;
    }
    let groups: Vec<&DirectoryGroup> = entries.iter().filter_map(as_group).collect();
    for group in some(&groups) {
        match connector.look_up_group(&group.id).await {
            Ok(name) => assert_eq!(name.as_ref(), Some(&group.name), "the group {} has another name by id", group.id),
            Err(error) => panic!("the group {} cannot be looked up: {error}", group.name),
        }
    }
    nobody_is_found(connector).await;
    many_are_answered_as_one_is(connector, &users).await;
}

/// Somebody, nobody, and somebody else, asked for at once: as many answers, in the same order.
async fn many_are_answered_as_one_is(connector: &dyn Connector, users: &[&DirectoryUser]) {
    let (Some(first), Some(last), Some(nobody)) = (users.first(), users.last(), DirectoryId::new(NOBODY)) else {
        return;
    };
    let ids: Vec<DirectoryId> = [last.id.clone(), nobody, first.id.clone()].into();
    let mut answers = Vec::new();
    for batch in ids.chunks(connector.look_up_batch().max(1)) {
        match connector.look_up_many(batch).await {
            Ok(some) => answers.extend(some),
            Err(error) => panic!("several users cannot be looked up at once: {error}"),
        }
    }
    match answers.as_slice() {
        [LookUp::Found(one), LookUp::Gone, LookUp::Found(other)] => {
            assert!(
                one.id == last.id && other.id == first.id,
                "several look-ups at once are answered in another order"
            );
        }
        _ => panic!("somebody, nobody and somebody else were looked up at once, and answered as something else"),
    }
}

fn as_active_user(entry: &Entry) -> Option<&DirectoryUser> {
    match entry {
        Entry::User(user) if user.status == Status::Active => Some(user),
        _ => None,
    }
}

fn as_group(entry: &Entry) -> Option<&DirectoryGroup> {
    match entry {
        Entry::Group(group) => Some(group),
        _ => None,
    }
}

/// The first, the middle one and the last.
fn some<T: Copy>(all: &[T]) -> Vec<T> {
    let mut places = vec![0, all.len() / 2, all.len().saturating_sub(1)];
    places.dedup();
    places.into_iter().filter_map(|place| all.get(place).copied()).collect()
}

async fn is_found(connector: &dyn Connector, user: &DirectoryUser) {
    match connector.look_up(&user.id).await {
        Ok(LookUp::Found(found)) => {
            assert!(found.id == user.id, "the look-up of {} found {}", user.label(), found.label());
            assert!(found.status == user.status, "{} has another status when looked up", user.label());
            assert!(found.profile == user.profile, "{} has another profile when looked up", user.label());
        }
        Ok(LookUp::OutOfReach(_, why)) => {
            panic!("{} was read, and is out of reach when looked up: {why}", user.label())
        }
        Ok(LookUp::Gone) => panic!("{} was read, and is gone when looked up", user.label()),
        Err(error) => panic!("{} cannot be looked up: {error}", user.label()),
    }
}

async fn is_found_by_address(connector: &dyn Connector, user: &DirectoryUser) {
    let Some(address) = user.address() else { return };
    for spelling in [address.as_str().to_owned(), address.as_str().to_uppercase(), address.folded()] {
        let Some(address) = Address::parse(&spelling) else { continue };
        match connector.look_up_address(&address).await {
            Ok(found) => assert!(
                found.iter().any(|one| one.id == user.id),
                "{} is not found by the address {spelling}",
                user.label()
            ),
            Err(error) => panic!("{spelling} cannot be looked up: {error}"),
        }
    }
}

async fn nobody_is_found(connector: &dyn Connector) {
    let Some(id) = DirectoryId::new(NOBODY) else { return };
    match connector.look_up(&id).await {
        Ok(LookUp::Gone) => {}
        Ok(_) => panic!("somebody was found by an id that nobody ever had"),
        Err(error) => {
            panic!("the look-up of an id that nobody ever had must say that they are gone, but failed: {error}")
        }
    }
    match connector.look_up_group(&id).await {
        Ok(None) => {}
        Ok(Some(name)) => panic!("the group {name} was found by an id that no group ever had"),
        Err(error) => panic!("the look-up of an id that no group ever had failed: {error}"),
    }
    let Some(address) = Address::parse("nobody-at-all@rollcall.invalid") else { return };
    match connector.look_up_address(&address).await {
        Ok(found) => assert!(found.is_empty(), "somebody was found by an address that nobody has"),
        Err(error) => panic!("the look-up of an address that nobody has failed: {error}"),
    }
}
