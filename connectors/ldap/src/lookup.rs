//! Look-ups of one user or group, by id past all filters of the read, or by address.
//!
//! "Gone" puts somebody out, so it is said only when the server has shown in the same session that it can find others in
//! the same way: a reader who may not search by the id attribute finds nobody, and gets no error.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use rollcall_kit::{Address, Container, DirectoryId, DirectoryUser, Dn, LookUp, ReadError, attribute};

use crate::connect::{Session, connect};
use crate::dialect::Dialect;
use crate::entry::RawEntry;
use crate::flavour::Flavour;
use crate::ids::{IdSyntax, escape};
use crate::person::{People, Person, id_of};
use crate::read::look_at_canary;
use crate::referral::Referrals;
use crate::request::{Scope, Search};
use crate::results;
use crate::root::RootDse;
use crate::search::Pages;
use crate::settings::LdapSettings;

/// A session for look-ups, with what was learnt about its server.
pub(crate) struct Desk {
    session: Session,
    dialect: Dialect,
    /// The roots below which everything that the server holds can be found.
    roots: Vec<String>,
    referrals: Referrals,
    page_size: u32,
    /// Whether a search by id has been seen to find somebody.
    finds_by_id: bool,
    last_used: Instant,
}

/// How long a session may lie idle and still be used. Servers and firewalls close idle connections after a minute or
/// later, often without a word.
const FRESH: Duration = Duration::from_secs(30);

impl Desk {
    /// Signs in.
    pub(crate) async fn open(settings: &LdapSettings) -> Result<Self, ReadError> {
        let mut session = connect(settings).await?;
        let root = RootDse::read(&mut session).await?;
        let dialect = Dialect::resolve(settings, &root)?;
        look_at_canary(settings, &mut session).await?;
        Ok(Self {
            session,
            dialect,
            roots: roots(settings, &root),
            referrals: Referrals::new(&settings.ignorable_referrals)?,
            page_size: settings.page_size,
            finds_by_id: false,
            last_used: Instant::now(),
        })
    }

    /// Whether the session can be expected to stand still.
    pub(crate) fn is_fresh(&self) -> bool {
        self.last_used.elapsed() < FRESH
    }

    /// Looks a user up by id, wherever they are.
    pub(crate) async fn user(&mut self, settings: &LdapSettings, id: &DirectoryId) -> Result<LookUp, ReadError> {
        let dialect = self.dialect.clone();
        let entry = self.by_id(id, People::new(&dialect, Timestamp::now()).attributes()).await?;
        self.verdict(settings, id, entry).await
    }

    /// Looks several users up by id, in one search, if ids can be searched for like other values.
    pub(crate) async fn users(
        &mut self,
        settings: &LdapSettings,
        ids: &[DirectoryId],
    ) -> Result<Vec<LookUp>, ReadError> {
        let dialect = self.dialect.clone();
        let people = People::new(&dialect, Timestamp::now());
        self.last_used = Instant::now();
        let mut found = BTreeMap::new();
        if !self.takes_ids_for_names() {
            let filter = format!("(|{})", ids.iter().map(|id| self.id_filter(id)).collect::<Result<String, _>>()?);
            for root in self.roots.clone() {
                for entry in self.all(&root, &filter, people.attributes()).await? {
                    let id =
                        id_of(&entry, &dialect).ok_or_else(|| unproved(format!("\"{}\" shows no id", entry.dn)))?;
                    if let Some(other) = found.insert(id.clone(), entry) {
                        return Err(ReadError::incomplete(
                            "users",
                            format!("\"{}\" and another have the id {id}", other.dn),
                        ));
                    }
                }
            }
            self.finds_by_id |= !found.is_empty();
        }
        let mut answers = Vec::with_capacity(ids.len());
        for id in ids {
            let entry = match found.get(id).cloned() {
                None if self.takes_ids_for_names() => self.by_id(id, people.attributes()).await?,
                entry => entry,
            };
            answers.push(self.verdict(settings, id, entry).await?);
        }
        Ok(answers)
    }

    /// What an id leads to: the entry that was found by it, or none.
    async fn verdict(
        &mut self,
        settings: &LdapSettings,
        id: &DirectoryId,
        entry: Option<RawEntry>,
    ) -> Result<LookUp, ReadError> {
        let dialect = self.dialect.clone();
        let Some(entry) = entry else {
            self.prove_that_ids_find(&settings.users.bases, &dialect.user_filter).await?;
            return Ok(LookUp::Gone);
        };
        let user = match People::new(&dialect, Timestamp::now()).read(id.clone(), &entry) {
            Person::User(user) => user,
            Person::Unreadable(unreadable) => {
                return Err(ReadError::incomplete(
                    "users",
                    format!("\"{}\" is there, but {}", entry.dn, unreadable.problem),
                ));
            }
        };
        Ok(match self.why_out_of_reach(&settings.users.bases, &dialect.user_filter, &entry.dn).await? {
            None => LookUp::Found(user),
            Some(reason) => LookUp::OutOfReach(user, reason),
        })
    }

    /// Active Directory takes a GUID for a name (MS-ADTS 3.1.1.3.1.2.4), wherever in the domain the object is.
    fn takes_ids_for_names(&self) -> bool {
        self.dialect.flavour == Flavour::ActiveDirectory && self.dialect.id_syntax == IdSyntax::Guid
    }

    /// The condition that an entry has this id.
    fn id_filter(&self, id: &DirectoryId) -> Result<String, ReadError> {
        let attribute = &self.dialect.id_attribute;
        let value = self.dialect.id_syntax.filter_value(id).ok_or_else(|| {
            unproved(format!("{id} is no value of {attribute}; it was read under another id_attribute"))
        })?;
        Ok(format!("({attribute}={value})"))
    }

    /// Looks a group up by id, wherever it is.
    pub(crate) async fn group(
        &mut self,
        settings: &LdapSettings,
        id: &DirectoryId,
    ) -> Result<Option<String>, ReadError> {
        let name = self.dialect.group_name.clone();
        match self.by_id(id, std::slice::from_ref(&name)).await? {
            Some(entry) => Ok(Some(entry.text(&name).unwrap_or(&entry.dn).to_owned())),
            None => {
                let bases = settings.groups.as_ref().map_or(&settings.users.bases, |groups| &groups.bases);
                let filter =
                    if settings.groups.is_some() { &self.dialect.group_filter } else { &self.dialect.user_filter }
                        .clone();
                self.prove_that_ids_find(bases, &filter).await?;
                Ok(None)
            }
        }
    }

    /// Whether a container is there for us to see.
    pub(crate) async fn shows(&mut self, container: &Container) -> Result<bool, ReadError> {
        self.last_used = Instant::now();
        self.session.exists(container.as_str()).await
    }

    /// Looks users up by address, within reach.
    pub(crate) async fn address(
        &mut self,
        settings: &LdapSettings,
        address: &Address,
    ) -> Result<Vec<DirectoryUser>, ReadError> {
        let dialect = self.dialect.clone();
        let people = People::new(&dialect, Timestamp::now());
        let filter = format!("(&{}{})", dialect.user_filter, address_filter(&dialect, address));
        let mut found = Vec::new();
        for base in &settings.users.bases {
            for entry in self.all(base, &filter, people.attributes()).await? {
                let id = id_of(&entry, &dialect).ok_or_else(|| {
                    ReadError::incomplete("users", format!("\"{}\" has no id that can be read", entry.dn))
                })?;
                match people.read(id, &entry) {
                    Person::User(user) => found.push(*user),
                    Person::Unreadable(unreadable) => {
                        return Err(ReadError::incomplete(
                            "users",
                            format!("\"{}\": {}", entry.dn, unreadable.problem),
                        ));
                    }
                }
            }
        }
        Ok(found)
    }

    /// The entry with an id, wherever the server holds it.
    async fn by_id(&mut self, id: &DirectoryId, attributes: &[String]) -> Result<Option<RawEntry>, ReadError> {
        self.last_used = Instant::now();
        let filter = self.id_filter(id)?;
        if self.takes_ids_for_names() {
            return self.by_guid(id, attributes).await;
        }
        for root in self.roots.clone() {
            let mut found = self.all(&root, &filter, attributes).await?;
            if found.len() > 1 {
                return Err(ReadError::incomplete("users", format!("{} entries have the id {id}", found.len())));
            }
            if let Some(entry) = found.pop() {
                self.finds_by_id = true;
                return Ok(Some(entry));
            }
        }
        Ok(None)
    }

    /// The entry with a GUID, by its name in Active Directory.
    async fn by_guid(&mut self, id: &DirectoryId, attributes: &[String]) -> Result<Option<RawEntry>, ReadError> {
        let search = Search {
            collection: "users",
            base: format!("<GUID={id}>"),
            scope: Scope::Base,
            filter: "(objectClass=*)".to_owned(),
            attributes: attributes.to_vec(),
        };
        let answer = self.session.search(&search, Vec::new()).await?;
        match answer.result.rc {
            results::SUCCESS => {
                let found = answer.entries.into_iter().next();
                self.finds_by_id |= found.is_some();
                Ok(found)
            }
            results::NO_SUCH_OBJECT => Ok(None),
            _ => Err(results::search_error(search.collection, &search.base, &self.session.identity, &answer.result)),
        }
    }

    /// Before "gone" is said: finds somebody who is there by their id.
    async fn prove_that_ids_find(&mut self, bases: &[String], filter: &str) -> Result<(), ReadError> {
        if self.finds_by_id {
            return Ok(());
        }
        let id_attribute = vec![self.dialect.id_attribute.clone()];
        for base in bases {
            let search = search(base, filter, &id_attribute);
            let referrals = self.referrals.clone();
            // The first page is enough for one example.
            let first = Pages::new(&search, self.page_size, &referrals).only(&mut self.session).await?;
            let Some(example) = first.unwrap_or_default().iter().find_map(|entry| id_of(entry, &self.dialect)) else {
                continue;
            };
            return match self.by_id(&example, &id_attribute).await? {
                Some(_) => Ok(()),
                None => Err(unproved(format!(
                    "{example}, who was just read, is not found by {}; grant {} the right to search by it",
                    self.dialect.id_attribute, self.session.identity
                ))),
            };
        }
        Err(unproved("nobody at all is within reach, so that nobody can be said to be gone".to_owned()))
    }

    /// Which setting keeps an entry out of the read; nothing if it is within reach.
    async fn why_out_of_reach(
        &mut self,
        bases: &[String],
        filter: &str,
        dn: &str,
    ) -> Result<Option<String>, ReadError> {
        let is_within = stands_within(bases, dn)
            .map_err(|error| unproved(format!("the name \"{dn}\" of an entry cannot be understood: {error}")))?;
        if !is_within {
            return Ok(Some(format!("\"{dn}\" is in none of users.bases")));
        }
        let search = Search { scope: Scope::Base, ..search(dn, filter, &["1.1".to_owned()]) };
        if !self.session.search_once(&search).await?.is_empty() {
            return Ok(None);
        }
        self.prove_that_class_shows(dn).await?;
        Ok(Some(format!("\"{dn}\" does not match the filter {filter}")))
    }

    /// Before "no match" is believed: an entry whose attributes we may not read matches nothing either. What makes it a
    /// user or something else must be there to see.
    async fn prove_that_class_shows(&mut self, dn: &str) -> Result<(), ReadError> {
        let names = self.dialect.user_class_attributes.clone();
        let search = Search { scope: Scope::Base, ..search(dn, "(objectClass=*)", &names) };
        let shown = self.session.search_once(&search).await?;
        if shown.iter().any(|entry| names.iter().any(|name| entry.mentions(name))) {
            return Ok(());
        }
        Err(unproved(format!(
            "\"{dn}\" is there, and shows no {} to {}, by which users are told from other entries; grant the right to \
             read it",
            names.join(" or "),
            self.session.identity
        )))
    }

    /// All entries of a search that is known to find few.
    async fn all(&mut self, base: &str, filter: &str, attributes: &[String]) -> Result<Vec<RawEntry>, ReadError> {
        let search = search(base, filter, attributes);
        let referrals = self.referrals.clone();
        let mut pages = Pages::new(&search, self.page_size, &referrals);
        let mut found = Vec::new();
        while let Some(page) = pages.next(&mut self.session).await? {
            found.extend(page);
        }
        pages.collection()?;
        Ok(found)
    }
}

/// A look-up that settles nothing.
fn unproved(reason: String) -> ReadError {
    ReadError::incomplete("look-up", reason)
}

fn search(base: &str, filter: &str, attributes: &[String]) -> Search {
    Search {
        collection: "users",
        base: base.to_owned(),
        scope: Scope::Subtree,
        filter: filter.to_owned(),
        attributes: attributes.to_vec(),
    }
}

/// Whether an entry of this name stands in one of the bases. One whose name cannot be understood may stand anywhere.
fn stands_within(bases: &[String], dn: &str) -> Result<bool, rollcall_kit::dn::DnError> {
    let dn = Dn::parse(dn)?;
    Ok(bases.iter().any(|base| Dn::parse(base).is_ok_and(|base| dn.is_within(&base))))
}

/// Where to look for an id: the trees of the server that hold the bases of the read, from their roots. Other trees, such
/// as logs and change records, hold no people, and ordinary accounts may not read them.
fn roots(settings: &LdapSettings, root: &RootDse) -> Vec<String> {
    let groups = settings.groups.iter().flat_map(|groups| groups.bases.iter());
    let bases: Vec<&String> = settings.users.bases.iter().chain(groups).collect();
    let holds_a_base = |context: &String| {
        let context = Dn::parse(context).ok();
        let within =
            |base: &&String| Dn::parse(base).ok().zip(context.as_ref()).is_some_and(|(dn, tree)| dn.is_within(tree));
        bases.iter().any(within)
    };
    let contexts: Vec<String> = root.naming_contexts().into_iter().filter(holds_a_base).collect();
    if contexts.is_empty() { bases.into_iter().cloned().collect() } else { contexts }
}

/// A condition on every attribute that an address may be in.
fn address_filter(dialect: &Dialect, address: &Address) -> String {
    let mut names: Vec<&String> = Vec::new();
    for name in dialect.names_of(attribute::EMAIL).iter().chain(dialect.names_of("emails")) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let conditions: String = names
        .into_iter()
        .map(|name| {
            let kind = if name.eq_ignore_ascii_case("proxyAddresses") { "smtp:" } else { "" };
            format!("({name}={kind}{})", escape(address.as_str()))
        })
        .collect();
    format!("(|{conditions})")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::tests::dialect;

    #[test]
    fn an_address_stays_a_value_whatever_is_in_it() {
        let address = Address::parse("x*)(uid=*)@corp.example").unwrap();
        let filter = address_filter(&dialect(Flavour::OpenLdap), &address);
        assert_eq!(filter, "(|(mail=x\\2a\\29\\28uid=\\2a\\29@corp.example))");
        let filter = address_filter(&dialect(Flavour::ActiveDirectory), &Address::parse("a@b").unwrap());
        assert_eq!(filter, "(|(mail=a@b)(proxyAddresses=smtp:a@b))");
    }

    #[test]
    fn an_entry_whose_name_cannot_be_understood_is_not_said_to_be_out_of_reach() {
        let bases = ["ou=People,dc=corp".to_owned(), "ou=Büro,dc=corp".to_owned()];
        assert_eq!(stands_within(&bases, "uid=a,OU=people, DC=corp"), Ok(true));
        assert_eq!(stands_within(&bases, "uid=a,ou=Bu\u{308}ro,dc=corp"), Ok(true));
        assert_eq!(stands_within(&bases, "uid=a,ou=Leavers,dc=corp"), Ok(false));
        for odd in ["uid=a,,ou=People,dc=corp", r"uid=a,ou=People,dc=corp\", "uid=a\"b,ou=People,dc=corp", "odd"] {
            assert!(stands_within(&bases, odd).is_err(), "{odd}");
        }
    }
}
