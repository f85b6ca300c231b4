//! Groups, and what their members lead to.

use std::collections::{BTreeMap, BTreeSet};

use rollcall_kit::dn::{Key, Keys, without_unique_identifier};
use rollcall_kit::{DirectoryGroup, DirectoryId, Member};

use super::record::Record;
use crate::settings::FileSettings;
use crate::tally::Kind;

/// Attributes whose values are DNs of members.
const MEMBER_DNS: [&str; 2] = ["member", "uniquemember"];

/// Who stands where: everything that a member can lead to.
#[derive(Default)]
pub(super) struct Directory {
    keys: Keys,
    by_dn: BTreeMap<Key, Member>,
    /// Records whose names are no DNs. Such a name leads only to who has the very same.
    by_text: BTreeMap<String, Member>,
    /// For `memberUid`, which holds logins. A login that two people have leads to nobody.
    by_login: BTreeMap<Key, Option<DirectoryId>>,
}

impl Directory {
    /// Notes a user or group.
    pub(super) fn note(&mut self, id: &DirectoryId, kind: Kind, record: &Record, settings: &FileSettings) {
        let member = match kind {
            Kind::User => Member::User(id.clone()),
            Kind::Group => Member::Group(id.clone()),
        };
        match self.keys.name(&record.dn) {
            Some(key) => self.by_dn.insert(key, member),
            None => self.by_text.insert(record.dn.trim().to_owned(), member),
        };
        if kind == Kind::User {
            let own = settings.columns.get("login").map_or_else(|| "uid".to_owned(), |name| name.to_lowercase());
            for login in record.texts(&own) {
                // uid is compared without case and memberUid with it; people write either.
                self.by_login
                    .entry(self.keys.login(login))
                    .and_modify(|taken| *taken = None)
                    .or_insert_with(|| Some(id.clone()));
            }
        }
    }

    /// The member that a group means by a name.
    fn named(&mut self, name: &str) -> Option<Member> {
        match self.keys.name(name) {
            Some(key) => self.by_dn.get(&key),
            None => self.by_text.get(name.trim()),
        }
        .cloned()
    }

    /// The user that a group means by a login.
    fn with_login(&mut self, login: &str) -> Option<Member> {
        self.by_login.get(&self.keys.login(login)).cloned().flatten().map(Member::User)
    }

    /// The group that a record describes.
    pub(super) fn group(&mut self, record: &Record, settings: &FileSettings) -> Result<DirectoryGroup, String> {
        let id = record.id(settings)?;
        let name =
            record.first(&["cn", "samaccountname"]).ok_or_else(|| format!("{}: the group has no cn", record.line))?;
        let telling =
            |(attribute, _): &&(String, String)| MEMBER_DNS.contains(&attribute.as_str()) || attribute == "memberuid";
        if let Some((attribute, fault)) = record.faults.iter().find(telling) {
            return Err(format!("{}: {attribute} cannot be read: {fault}", record.line));
        }
        let mut members = BTreeSet::new();
        let mut unresolved = 0;
        let mut enter = |member: Option<Member>| match member {
            Some(member) => {
                members.insert(member);
            }
            None => unresolved += 1,
        };
        for dn in MEMBER_DNS.iter().flat_map(|attribute| record.texts(attribute)) {
            enter(self.named(without_unique_identifier(dn)));
        }
        for login in record.texts("memberuid") {
            enter(self.with_login(login));
        }
        Ok(DirectoryGroup {
            id,
            name: name.to_owned(),
            place: Some(record.dn.as_str().into()),
            members: members.into_iter().collect(),
            unresolved_members: unresolved,
        })
    }
}
