//! The full read: users, then groups, as a stream that ends in a certificate or an error.

mod again;

use jiff::Timestamp;
use rollcall_kit::{
    Certificate, CertificateDraft, Collection, DirectoryId, Entries, Entry, ReadError, Source, Unreadable,
};

use crate::connect::{Session, connect};
use crate::dialect::Dialect;
use crate::entry::RawEntry;
use crate::flavour::Flavour;
use crate::group::{Drafted, Groups};
use crate::ids::Sid;
use crate::members::Index;
use crate::person::{People, Person, id_of};
use crate::referral::Referrals;
use crate::request::{Scope, Search};
use crate::root::RootDse;
use crate::search::Pages;
use crate::settings::{GroupSettings, LdapSettings};

/// A read under way. One session, so one server, from its first to its last page.
pub(crate) struct Reader<'a> {
    settings: &'a LdapSettings,
    dialect: &'a Dialect,
    referrals: Referrals,
    session: Session,
    /// The page size that the server has accepted so far.
    page_size: u32,
    index: Index,
    draft: CertificateDraft,
    entries: Entries,
}

/// Reads everything.
///
/// # Errors
///
/// Whatever keeps the read from being complete. What was sent before is worth nothing.
pub(crate) async fn read(settings: &LdapSettings, entries: Entries) -> Result<Certificate, ReadError> {
    let started = Timestamp::now();
    let mut session = connect(settings).await?;
    let root = RootDse::read(&mut session).await?;
    let dialect = Dialect::resolve(settings, &root)?;
    look_at_canary(settings, &mut session).await?;
    let source =
        Source { connector: "ldap".to_owned(), server: session.server.clone(), identity: session.identity.clone() };
    let announced: &[&'static str] = if settings.groups.is_some() { &["users", "groups"] } else { &["users"] };
    let mut reader = Reader {
        settings,
        dialect: &dialect,
        referrals: Referrals::new(&settings.ignorable_referrals)?,
        session,
        page_size: settings.page_size,
        index: Index::default(),
        draft: CertificateDraft::new(source, announced, started),
        entries,
    };
    reader.users(&People::new(&dialect, started)).await?;
    if let Some(groups) = &settings.groups {
        reader.groups(groups).await?;
    }
    reader.draft.certify(Timestamp::now())
}

/// The configured entry must be there and show what it must show.
pub(crate) async fn look_at_canary(settings: &LdapSettings, session: &mut Session) -> Result<(), ReadError> {
    let Some(canary) = &settings.canary else { return Ok(()) };
    let search = Search {
        collection: "canary",
        base: canary.dn.clone(),
        scope: Scope::Base,
        filter: "(objectClass=*)".to_owned(),
        attributes: if canary.attributes.is_empty() { vec!["1.1".to_owned()] } else { canary.attributes.clone() },
    };
    let missing = |what: String| ReadError::Denied {
        identity: session.identity.clone(),
        what,
        reason: "the canary must always be found; the account has lost rights, or canary.dn is out of date".to_owned(),
    };
    let denied = missing(format!("the canary \"{}\"", canary.dn));
    let hidden: Vec<ReadError> =
        canary.attributes.iter().map(|name| missing(format!("{name} of the canary \"{}\"", canary.dn))).collect();
    let found = session.search_once(&search).await?;
    let entry = found.first().ok_or(denied)?;
    for (name, error) in canary.attributes.iter().zip(hidden) {
        if entry.value(name).is_none() {
            return Err(error);
        }
    }
    Ok(())
}

impl Reader<'_> {
    fn search(&self, collection: &'static str, base: &str, attributes: Vec<String>) -> Search {
        let filter = if collection == "groups" { &self.dialect.group_filter } else { &self.dialect.user_filter };
        Search { collection, base: base.to_owned(), scope: Scope::Subtree, filter: filter.clone(), attributes }
    }

    async fn users(&mut self, people: &People<'_>) -> Result<(), ReadError> {
        for base in &self.settings.users.bases {
            let search = self.search("users", base, people.attributes().to_vec());
            if self.base_is_missing(&search).await? {
                continue;
            }
            let referrals = self.referrals.clone();
            let mut pages = Pages::new(&search, self.page_size, &referrals);
            while let Some(page) = pages.next(&mut self.session).await? {
                let users = page.iter().map(|entry| self.user(people, entry));
                let users = users.collect::<Result<Vec<_>, _>>()?;
                self.entries.send_all(users).await?;
            }
            self.completed(&pages)?;
        }
        Ok(())
    }

    fn user(&mut self, people: &People<'_>, entry: &RawEntry) -> Result<Entry, ReadError> {
        let id = id_of(entry, self.dialect).ok_or_else(|| self.no_id("users", entry))?;
        if self.settings.groups.is_some() {
            let place = self.index_user(&id, entry);
            if self.dialect.primary_group
                && let Some(group) = primary_group(entry)
            {
                self.index.primary_group(group, place);
            }
        }
        Ok(match people.read(id, entry) {
            Person::User(user) => Entry::User(user),
            Person::Unreadable(unreadable) => Entry::Unreadable(unreadable),
        })
    }

    /// Remembers a user for the groups, and returns the place in the index. Logins count only where groups name them.
    fn index_user(&mut self, id: &DirectoryId, entry: &RawEntry) -> usize {
        let names = if self.dialect.login_member_attributes.is_empty() { &[] } else { self.dialect.login.as_slice() };
        let logins = names.iter().flat_map(|name| entry.values(name));
        self.index.user(id, &entry.dn, logins.filter_map(|login| std::str::from_utf8(login).ok()))
    }

    async fn groups(&mut self, settings: &GroupSettings) -> Result<(), ReadError> {
        self.index.settle();
        let mut groups = Groups::default();
        for base in &settings.bases {
            let search = self.search("groups", base, self.dialect.group_attributes());
            if self.base_is_missing(&search).await? {
                continue;
            }
            let referrals = self.referrals.clone();
            let mut pages = Pages::new(&search, self.page_size, &referrals);
            while let Some(page) = pages.next(&mut self.session).await? {
                for entry in page {
                    self.group(&mut groups, &entry).await?;
                }
            }
            self.completed(&pages)?;
        }
        self.members_must_show(settings, &groups)?;
        self.waiting_groups(settings, groups).await
    }

    /// Refuses a read in which no group of a class that cannot be empty shows a member. Other servers than OpenLDAP
    /// let these classes be empty.
    fn members_must_show(&self, settings: &GroupSettings, groups: &Groups) -> Result<(), ReadError> {
        if self.dialect.flavour != Flavour::OpenLdap || settings.may_all_be_empty {
            return Ok(());
        }
        match groups.hidden_attribute().filter(|name| self.dialect.reads_members_from(name)) {
            None => Ok(()),
            Some(attribute) => Err(ReadError::Denied {
                identity: self.session.identity.clone(),
                what: "the members of groups".to_owned(),
                reason: format!(
                    "not one group shows {attribute}, though their class cannot be empty; grant the right to read it, or \
                     set groups.may_all_be_empty = true"
                ),
            }),
        }
    }

    async fn group(&mut self, groups: &mut Groups, entry: &RawEntry) -> Result<(), ReadError> {
        let id = id_of(entry, self.dialect).ok_or_else(|| self.no_id("groups", entry))?;
        self.index.group(&id, &entry.dn);
        match groups.draft(id, entry, self.dialect, &mut self.index)? {
            Drafted::Complete(group) => self.entries.group(group).await,
            Drafted::Waiting => Ok(()),
            Drafted::Unreadable(unreadable) => self.unreadable_group(unreadable).await,
        }
    }

    async fn unreadable_group(&mut self, unreadable: Unreadable) -> Result<(), ReadError> {
        self.entries.send(Entry::Unreadable(unreadable)).await
    }

    /// Groups that name members whom we did not know when we read them: other groups, people who were renamed in the
    /// meantime, and names that lead nowhere; and groups with more members than came at once.
    async fn waiting_groups(&mut self, settings: &GroupSettings, mut groups: Groups) -> Result<(), ReadError> {
        self.index.settle();
        groups.fetch_slices(&mut self.session, &mut self.index).await?;
        groups.name_strangers(&mut self.index);
        let strangers = groups.strangers();
        if !strangers.is_empty() {
            // Whoever was renamed or moved after their entry was read is a stranger under the new name, and would lose
            // every group. Another look tells them from those who are gone.
            self.look_again(settings, &strangers).await?;
            self.index.settle();
            groups.name_strangers(&mut self.index);
        }
        let mut nowhere = 0;
        for group in groups.finish() {
            nowhere += group.unresolved_members;
            self.entries.group(group).await?;
        }
        if nowhere > 0 {
            self.draft.exception(format!(
                "{nowhere} members of groups lead to no user or group within reach, and were left out"
            ));
        }
        Ok(())
    }

    /// Whether a base is missing that may be missing.
    async fn is_missing(&mut self, base: &str) -> Result<bool, ReadError> {
        Ok(self.settings.may_be_missing(base) && !self.session.exists(base).await?)
    }

    /// Whether a base is missing that may be missing; the certificate says so then.
    async fn base_is_missing(&mut self, search: &Search) -> Result<bool, ReadError> {
        if !self.is_missing(&search.base).await? {
            return Ok(false);
        }
        self.draft
            .exception(format!("the base \"{}\" does not exist or is hidden; optional_bases allows it", search.base));
        self.draft.completed(Collection {
            name: search.collection.to_owned(),
            query: format!("base {}", search.base),
            pages: 0,
            entries: 0,
            announced: None,
            end: "the base is not there, which optional_bases allows".to_owned(),
        });
        Ok(true)
    }

    fn completed(&mut self, pages: &Pages<'_>) -> Result<(), ReadError> {
        self.draft.completed(pages.collection()?);
        for exception in pages.exceptions() {
            self.draft.exception(exception.clone());
        }
        self.page_size = pages.accepted_size();
        Ok(())
    }

    fn no_id(&self, collection: &str, entry: &RawEntry) -> ReadError {
        ReadError::incomplete(
            collection,
            format!(
                "\"{}\" has no {} that can be read; grant {} the right to read it, or name another id_attribute",
                entry.dn, self.dialect.id_attribute, self.session.identity
            ),
        )
    }
}

/// The group that a user's `primaryGroupID` names, in the user's own domain.
fn primary_group(entry: &RawEntry) -> Option<Sid> {
    let relative_id = entry.text("primaryGroupID")?.parse().ok()?;
    Some(Sid::read(entry.value("objectSid")?)?.sibling(relative_id))
}
