//! Finds the person that somebody means: by address, login, id or name, and the nearest ones if nobody is meant.

use std::collections::BTreeMap;

use rollcall_kit::{DirectoryId, DirectoryUser, Unreadable, attribute};

use crate::plan::LedgerAccount;
use crate::run::RunError;
use crate::snapshot::Store;

/// How many near misses are named.
const NEAREST: usize = 5;

/// Who was found.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Users of the mirror who are meant.
    pub(super) users: Vec<DirectoryUser>,
    /// Records that could not be understood and are meant. What the mirror has of their owners is from before.
    pub(super) unreadable: Vec<Unreadable>,
    /// Accounts of ours that are meant and whose owners are not in the mirror.
    pub(super) accounts: Vec<LedgerAccount>,
    /// If nobody is meant: who comes nearest.
    pub(super) nearest: Vec<String>,
}

/// Searches mirror and ledger, and the records that could not be understood. Everybody is looked at only if nobody is
/// called exactly so.
///
/// # Errors
///
/// If the snapshot cannot be read.
pub(super) fn search(
    store: &dyn Store,
    unreadable: &BTreeMap<DirectoryId, Unreadable>,
    who: &str,
) -> Result<Found, RunError> {
    let mut found = Found::default();
    exactly(store, who, &mut found)?;
    let mut near = Vec::new();
    if found.users.is_empty() && found.accounts.is_empty() {
        near = everywhere(store, who, &mut found)?;
    }
    let wanted = who.trim().to_lowercase();
    for odd in unreadable.values() {
        let meant = [odd.id.as_str(), &odd.label].iter().any(|name| name.to_lowercase() == wanted);
        let by_record = found.users.iter().any(|user| user.id == odd.id);
        let by_account = found.accounts.iter().any(|account| account.user == odd.id);
        if meant || by_record || by_account {
            found.unreadable.push(odd.clone());
        }
    }
    found.users.retain(|user| !unreadable.contains_key(&user.id));
    found.accounts.retain(|account| !unreadable.contains_key(&account.user));
    if found.users.is_empty() && found.unreadable.is_empty() && found.accounts.is_empty() {
        near.sort();
        near.truncate(NEAREST);
        found.nearest = near.into_iter().map(|(_, name)| name).collect();
    }
    Ok(found)
}

/// Finds who is called so, by the indices.
fn exactly(store: &dyn Store, who: &str, found: &mut Found) -> Result<(), RunError> {
    let (who, wanted) = (who.trim(), who.trim().to_lowercase());
    if wanted.is_empty() {
        return Ok(());
    }
    found.users.extend(store.users_called(&wanted)?);
    let mut owners = store.with_address(&wanted)?;
    owners.extend(store.with_target_id(who)?);
    owners.extend(DirectoryId::new(who));
    for owner in owners {
        if let Some(account) = store.account(&owner)? {
            meet_account(store, account, &wanted, found)?;
        }
    }
    Ok(())
}

/// Looks at everybody. Yields who comes near, with how far they are from what was asked for.
fn everywhere(store: &dyn Store, who: &str, found: &mut Found) -> Result<Vec<(usize, String)>, RunError> {
    let wanted = who.trim().to_lowercase();
    let mut near = Vec::new();
    for user in store.users() {
        let user = user?;
        let names = names(&user);
        if names.iter().any(|name| name.to_lowercase() == wanted) {
            found.users.push(user);
        } else if let Some(distance) = names.iter().filter_map(|name| distance(&wanted, name)).min() {
            near.push((distance, described(&user)));
        }
    }
    for account in store.accounts() {
        meet_account(store, account?, &wanted, found)?;
    }
    Ok(near)
}

/// Takes an account in, or its owner, if it is meant and was not found yet.
fn meet_account(store: &dyn Store, account: LedgerAccount, wanted: &str, found: &mut Found) -> Result<(), RunError> {
    let meant = [account.address.folded(), account.user.as_str().to_lowercase(), account.target_id.to_lowercase()];
    let is_found = found.users.iter().any(|user| user.id == account.user)
        || found.accounts.iter().any(|other| other.user == account.user);
    if is_found || !meant.iter().any(|name| name == wanted) {
        return Ok(());
    }
    match store.user(&account.user)? {
        Some(user) => found.users.push(user),
        None => found.accounts.push(account),
    }
    Ok(())
}

/// Everything that people call a user.
fn names(user: &DirectoryUser) -> Vec<&str> {
    let mut names: Vec<&str> = attribute::NAMES.iter().filter_map(|name| user.text(name)).collect();
    names.extend([user.login.as_str(), user.id.as_str()]);
    names
}

/// A user in a line.
pub(super) fn described(user: &DirectoryUser) -> String {
    match user.text(attribute::NAME) {
        Some(name) if name != user.label() => format!("{} ({name})", user.label()),
        _ => user.label(),
    }
}

/// How far a name is from what was asked for; nothing if it is too far to be meant.
fn distance(wanted: &str, name: &str) -> Option<usize> {
    let name = name.to_lowercase();
    // What everybody's address ends with says nothing about who is meant.
    let (wanted, name) = match (wanted.split_once('@'), name.split_once('@')) {
        (Some((local, domain)), Some((other, same))) if domain == same => (local, other.to_owned()),
        _ => (wanted, name),
    };
    if wanted.len() >= 3 && name.contains(wanted) {
        return Some(0);
    }
    let distance = strsim::damerau_levenshtein(wanted, &name);
    (distance <= (wanted.chars().count() / 4).max(1)).then_some(distance)
}
