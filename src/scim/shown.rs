//! Users as a list of them shows them, with no more of each than matching needs.
//!
//! On the first day everybody may be sought in the list, and everybody may be there already. So what is sought are
//! hashes, of a user who is found the account is kept instead of what the target said, and keys lead to it by their hashes.

use super::key::Key;
use super::mapping::Mapping;
use super::resource::Resource;
use crate::plan::{Candidate, TargetAccount};

/// A user that the target shows.
pub(super) enum Shown {
    /// The account.
    Account(Box<TargetAccount>),
    /// What makes no account, and why.
    Odd(Box<Resource>, String),
}

impl Shown {
    pub(super) fn of(user: Resource, mapping: &Mapping) -> Self {
        match mapping.account(&user) {
            Ok(account) => Self::Account(Box::new(account)),
            Err(reason) => Self::Odd(Box::new(user), reason),
        }
    }

    pub(super) fn id(&self) -> String {
        match self {
            Self::Account(account) => account.target_id.clone(),
            Self::Odd(user, _) => user.id().unwrap_or_default(),
        }
    }

    pub(super) fn user_name(&self) -> String {
        match self {
            Self::Account(account) => account.user_name.clone(),
            Self::Odd(user, _) => user.text("userName").unwrap_or_default().to_owned(),
        }
    }

    /// The values under a key, in the form in which they are compared.
    fn values(&self, key: Key) -> Vec<String> {
        let account = match self {
            Self::Account(account) => account,
            Self::Odd(user, _) => return key.values_of(user),
        };
        let values: Vec<&String> = match key {
            Key::ExternalId => account.external_id.iter().collect(),
            Key::UserName => vec![&account.user_name],
            Key::Email => account.addresses.iter().collect(),
        };
        values.into_iter().map(|value| key.folded(value)).collect()
    }
}

/// What is sought in the list: a hash of each key. Two keys of one hash cost no more than a user in the index that
/// nobody seeks.
pub(super) struct Wanted(Vec<u64>);

impl Wanted {
    /// What the questions about so many candidates seek.
    pub(super) fn of(
        candidates: impl Iterator<Item = Candidate>,
        count: usize,
        questions: impl Fn(&Candidate) -> Vec<(Key, String)>,
    ) -> Self {
        let mut hashes = Vec::with_capacity(count * Key::ALL.len());
        for candidate in candidates {
            hashes.extend(questions(&candidate).into_iter().map(|(key, value)| hash(key, &key.folded(&value))));
        }
        hashes.sort_unstable();
        hashes.dedup();
        Self(hashes)
    }

    /// Whether somebody seeks this user.
    pub(super) fn has_one_of(&self, user: &Resource) -> bool {
        let is_wanted = |key: Key, value: &String| self.0.binary_search(&hash(key, value)).is_ok();
        Key::ALL.into_iter().any(|key| key.values_of(user).iter().any(|value| is_wanted(key, value)))
    }
}

/// Users by every key.
pub(super) struct Index {
    users: Vec<Shown>,
    /// The hash of each key with the place of its user, sorted.
    places: Vec<(u64, usize)>,
}

impl Index {
    pub(super) fn new(users: Vec<Shown>) -> Self {
        let mut places = Vec::with_capacity(users.len() * Key::ALL.len());
        for (place, user) in users.iter().enumerate() {
            for key in Key::ALL {
                places.extend(user.values(key).iter().map(|value| (hash(key, value), place)));
            }
        }
        places.sort_unstable();
        places.dedup();
        Self { users, places }
    }

    /// The users with this value under this key.
    pub(super) fn get(&self, key: Key, value: &str) -> impl Iterator<Item = &Shown> {
        let folded = key.folded(value);
        let sought = hash(key, &folded);
        let from = self.places.partition_point(|(hash, _)| *hash < sought);
        let of_this_hash = self.places[from..].iter().take_while(move |(hash, _)| *hash == sought);
        let users = of_this_hash.map(|&(_, place)| &self.users[place]);
        users.filter(move |user| user.values(key).contains(&folded))
    }
}

fn hash(key: Key, folded: &str) -> u64 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(key.attribute().as_bytes()).update(&[0]).update(folded.as_bytes());
    let mut hash = [0; 8];
    hash.copy_from_slice(&hasher.finalize().as_bytes()[..8]);
    u64::from_le_bytes(hash)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::roster::account::Attributes;

    fn account(target_id: &str, mark: Option<&str>, user_name: &str, addresses: &[&str]) -> Shown {
        Shown::Account(Box::new(TargetAccount {
            target_id: target_id.to_owned(),
            external_id: mark.map(str::to_owned),
            user_name: user_name.to_owned(),
            addresses: addresses.iter().map(|&address| address.to_owned()).collect(),
            active: true,
            attributes: Attributes::new(),
            roles: Vec::new(),
        }))
    }

    #[test]
    fn a_user_is_found_in_the_list_under_each_of_their_keys_and_under_no_other() {
        let odd = Resource::new(json!({ "id": "3", "emails": [{ "value": "Ann@acme.com" }] })).unwrap();
        let index = Index::new(vec![
            account("1", Some("U1"), "Ann", &["ann@acme.com", "ANN@acme.com"]),
            account("2", None, "ann@acme.com", &[]),
            Shown::Odd(Box::new(odd), "it shows a user without a userName".to_owned()),
        ]);
        let found = |key, value| index.get(key, value).map(Shown::id).collect::<Vec<_>>();
        assert_eq!(found(Key::ExternalId, "U1"), ["1"]);
        assert!(found(Key::ExternalId, "u1").is_empty(), "our mark minds the case");
        assert_eq!(found(Key::UserName, "ANN"), ["1"]);
        assert_eq!(found(Key::UserName, "Ann@Acme.com"), ["2"]);
        assert_eq!(found(Key::Email, "ann@acme.com"), ["1", "3"]);
        assert!(found(Key::Email, "ann").is_empty());
    }
}
