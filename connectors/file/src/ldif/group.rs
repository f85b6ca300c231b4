//! Groups, and what their members lead to.

use std::collections::{BTreeMap, BTreeSet};

use rollcall_kit::{DirectoryGroup, DirectoryId, Member};

use super::dn::DnKey;
use super::record::Record;
use crate::settings::FileSettings;
use crate::tally::Kind;

/// Attributes whose values are DNs of members.
const MEMBER_DNS: [&str; 2] = ["member", "uniquemember"];

/// Who stands where: everything that a member can lead to.
#[derive(Default)]
pub(super) struct Directory {
    by_dn: BTreeMap<DnKey, Member>,
    /// For `memberUid`, which holds logins. A login that two people have leads to nobody.
    by_login: BTreeMap<String, Option<DirectoryId>>,
}

impl Directory {
    /// Notes a user or group.
    pub(super) fn note(&mut self, dn: DnKey, id: &DirectoryId, kind: Kind, record: &Record, settings: &FileSettings) {
        let member = match kind {
            Kind::User => Member::User(id.clone()),
            Kind::Group => Member::Group(id.clone()),
        };
        self.by_dn.insert(dn, member);
        if kind == Kind::User {
            let own = settings.columns.get("login").map_or_else(|| "uid".to_owned(), |name| name.to_lowercase());
            for login in record.texts(&own) {
                // uid is compared without case and memberUid with it; people write either.
                self.by_login
                    .entry(login.to_lowercase())
                    .and_modify(|taken| *taken = None)
                    .or_insert_with(|| Some(id.clone()));
            }
        }
    }

    /// The group that a record describes.
    pub(super) fn group(&self, record: &Record, settings: &FileSettings) -> Result<DirectoryGroup, String> {
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
            enter(self.by_dn.get(&DnKey::of(dn)).cloned());
        }
        for login in record.texts("memberuid") {
            enter(self.by_login.get(&login.to_lowercase()).cloned().flatten().map(Member::User));
        }
        Ok(DirectoryGroup {
            id,
            name: name.to_owned(),
            place: Some(record.dn.clone()),
            members: members.into_iter().collect(),
            unresolved_members: unresolved,
        })
    }
}
