//! Groups: which of them are read, and who is in them.

use std::collections::{BTreeMap, BTreeSet};

use rollcall_kit::{DirectoryGroup, DirectoryId, Entry, Member, ReadError, Unreadable};

use crate::api::{Api, PAGE, Query};
use crate::members::Flat;
use crate::reach::{GROUP, GROUPS, Group, find_group};
use crate::settings::{GoogleSettings, GroupSettings};

/// Groups by their ids.
pub(crate) type Found = BTreeMap<String, Group>;

/// Who is named among the members of groups.
pub(crate) struct Names<'a> {
    /// Whether a user is.
    pub(crate) user: &'a (dyn Fn(&str) -> bool + Sync),
    /// Whether a group is.
    pub(crate) group: &'a (dyn Fn(&str) -> bool + Sync),
    /// Everybody, for groups that hold everybody.
    pub(crate) everybody: &'a BTreeSet<Box<str>>,
    /// Whose everybody that is.
    pub(crate) customers: &'a BTreeSet<String>,
}

/// The groups that the settings name.
pub(crate) struct Wanted {
    pub(crate) found: Found,
    /// Those that are named by an id that is no more.
    pub(crate) gone: Vec<String>,
    pub(crate) pages: u64,
    pub(crate) words: String,
}

/// Finds the groups that the settings name. Which of a list are wanted is decided here and not by a query: those read an
/// index that lags behind.
pub(crate) async fn find(api: &Api, all: &GoogleSettings, settings: &GroupSettings) -> Result<Wanted, ReadError> {
    let words = "/admin/directory/v1/groups by id and by address".to_owned();
    let mut wanted = Wanted { found: Found::new(), gone: Vec::new(), pages: 0, words };
    if settings.all || settings.prefix.is_some() {
        list(api, all, settings, &mut wanted).await?;
    }
    for name in &settings.named {
        match find_group(api, name).await? {
            Some(group) => drop(wanted.found.insert(group.id.clone(), group)),
            None if !name.contains('@') => wanted.gone.push(name.clone()),
            None => {
                return Err(ReadError::Settings(format!(
                    "groups.named: there is no group {name:?}; if its address was changed, name it by its id"
                )));
            }
        }
    }
    Ok(wanted)
}

async fn list(api: &Api, all: &GoogleSettings, settings: &GroupSettings, wanted: &mut Wanted) -> Result<(), ReadError> {
    let fields = format!("kind,etag,nextPageToken,groups({GROUP})");
    let whose = match &all.domain {
        Some(domain) => ("domain", domain.trim()),
        None => ("customer", all.customer()),
    };
    let parameters = [whose, ("maxResults", PAGE), ("fields", &fields)];
    let mut list = api.groups(&Query { collection: "groups", path: &GROUPS, parameters: &parameters });
    let mut held = 0_u64;
    while let Some(page) = list.next().await? {
        for item in page {
            held += 1;
            let group = Group::of(item.id, &item.json);
            if takes(settings, &group) {
                wanted.found.insert(group.id.clone(), group);
            }
        }
    }
    if held == 0 {
        let reason = format!(
            "{} shows not one group, asked twice; correct groups or domain, or give {} a role with Groups > Read",
            list.words(),
            api.identity
        );
        return Err(ReadError::incomplete("groups", reason));
    }
    wanted.pages += list.pages();
    list.words().clone_into(&mut wanted.words);
    Ok(())
}

/// Whether `all` or `prefix` mean this group.
pub(crate) fn takes(settings: &GroupSettings, group: &Group) -> bool {
    let begins = |prefix: &String| {
        // One without an address is read, so that it is named as one that cannot be understood.
        group.address.as_ref().is_none_or(|own| own.to_lowercase().starts_with(&prefix.trim().to_lowercase()))
    };
    settings.all || settings.prefix.as_ref().is_some_and(begins)
}

/// A group as the directory model has it, with those of its members who are named; the others are counted.
pub(crate) fn entry(
    group: &Group,
    settings: &GroupSettings,
    all: &Flat,
    names: &Names<'_>,
) -> Result<Entry, ReadError> {
    let no_id = || ReadError::incomplete("groups", "a group has an id that is none");
    let id = DirectoryId::new(&group.id).ok_or_else(no_id)?;
    let Some(name) = group.called(settings.called) else {
        let (label, problem) = (group.label().to_owned(), "Google's answer holds no name of this group".to_owned());
        return Ok(Entry::Unreadable(Unreadable { id, label, problem }));
    };
    let mut members = BTreeSet::new();
    let mut unresolved_members = all.others;
    let mut add = |known: bool, member: Option<Member>| match member.filter(|_| known) {
        Some(member) => drop(members.insert(member)),
        None => unresolved_members += 1,
    };
    for user in &all.users {
        add((names.user)(user), DirectoryId::new(user).map(Member::User));
    }
    for nested in &all.groups {
        add((names.group)(nested), DirectoryId::new(nested).map(Member::Group));
    }
    for customer in &all.everybody {
        if customer.as_ref().is_none_or(|customer| names.customers.contains(customer)) {
            members.extend(names.everybody.iter().filter_map(|id| DirectoryId::new(id)).map(Member::User));
        } else {
            unresolved_members += 1;
        }
    }
    let members = members.into_iter().collect();
    let (name, place) = (name.to_owned(), None);
    Ok(Entry::Group(Box::new(DirectoryGroup { id, name, place, members, unresolved_members })))
}
