//! A second look at members whom nobody knows: renamed after their entries were read, or nobody.
//!
//! Each name within reach is asked for by itself, several at a time, because a directory has a few dangling members for
//! years and reading all names again for one of them doubles the work of every read. Only where there are very many
//! strangers are all names read again, which is less work then.

use std::collections::BTreeSet;

use rollcall_kit::{Dn, ReadError};

use super::Reader;
use crate::entry::RawEntry;
use crate::group::Stranger;
use crate::ids::escape;
use crate::person::id_of;
use crate::request::{Scope, Search};
use crate::results;
use crate::search::Pages;
use crate::settings::GroupSettings;

/// How many names the server is asked for at a time.
const ABREAST: usize = 16;
/// How many logins go into one search.
const LOGINS: usize = 50;
/// So many strangers are always asked for one by one.
const FEW: usize = 100;
/// Asking for one name costs about what so many cost when all are read.
const NAMES_FOR_ONE: usize = 20;

impl Reader<'_> {
    /// Remembers whoever is found under the names of strangers. The index must be settled afterwards.
    pub(super) async fn look_again(
        &mut self,
        settings: &GroupSettings,
        strangers: &BTreeSet<&Stranger>,
    ) -> Result<(), ReadError> {
        if strangers.len() > FEW.max(self.index.len() / NAMES_FOR_ONE) {
            return self.all_names(settings).await;
        }
        let mut names: Vec<&str> = Vec::new();
        let mut logins: Vec<&str> = Vec::new();
        for stranger in strangers {
            match stranger {
                Stranger::Name(dn) => names.push(dn),
                Stranger::Login(login) if !login.trim().is_empty() => logins.push(login),
                Stranger::Login(_) | Stranger::Nothing => {}
            }
        }
        self.ask_for_names("users", &self.settings.users.bases, &names).await?;
        self.ask_for_names("groups", &settings.bases, &names).await?;
        self.ask_for_logins(&logins).await
    }

    /// Asks for the entries with these names, as far as they lie within the bases.
    async fn ask_for_names(
        &mut self,
        collection: &'static str,
        bases: &[String],
        names: &[&str],
    ) -> Result<(), ReadError> {
        let bases: Vec<Dn> = bases.iter().filter_map(|base| Dn::parse(base).ok()).collect();
        let within = |name: &&&str| Dn::parse(name).is_ok_and(|dn| bases.iter().any(|base| dn.is_within(base)));
        let searches: Vec<Search> = names
            .iter()
            .filter(within)
            .map(|name| Search { scope: Scope::Base, ..self.search(collection, name, self.names_alone()) })
            .collect();
        for abreast in searches.chunks(ABREAST) {
            let mut asked = Vec::with_capacity(abreast.len());
            for search in abreast {
                asked.push(self.session.ask(search, Vec::new()).await);
            }
            for (search, asked) in abreast.iter().zip(asked) {
                let answer = self.session.gather(search, asked).await?;
                match answer.result.rc {
                    results::SUCCESS => {}
                    // Nobody whom we may see is there.
                    code if results::is_nobody(code) => continue,
                    _ => {
                        let (base, identity) = (&search.base, &self.session.identity);
                        return Err(results::search_error(collection, base, identity, &answer.result));
                    }
                }
                for entry in &answer.entries {
                    self.remember(collection, entry)?;
                }
            }
        }
        Ok(())
    }

    /// Asks for the users with these logins.
    async fn ask_for_logins(&mut self, logins: &[&str]) -> Result<(), ReadError> {
        let login_attributes = self.dialect.login.clone();
        for some in logins.chunks(LOGINS) {
            let condition = |login: &&str| -> String {
                let value = escape(login);
                login_attributes.iter().map(|name| format!("({name}={value})")).collect()
            };
            let any: String = some.iter().map(condition).collect();
            for base in &self.settings.users.bases {
                let mut search = self.search("users", base, self.names_alone());
                search.filter = format!("(&{}(|{any}))", search.filter);
                self.names_of(&search).await?;
            }
        }
        Ok(())
    }

    /// Reads the names of all users and groups once more.
    async fn all_names(&mut self, settings: &GroupSettings) -> Result<(), ReadError> {
        let users = self.settings.users.bases.iter().map(|base| ("users", base));
        for (collection, base) in users.chain(settings.bases.iter().map(|base| ("groups", base))) {
            let search = self.search(collection, base, self.names_alone());
            self.names_of(&search).await?;
        }
        Ok(())
    }

    /// Remembers all entries of a search, page by page.
    async fn names_of(&mut self, search: &Search) -> Result<(), ReadError> {
        if self.is_missing(&search.base).await? {
            return Ok(());
        }
        let referrals = self.referrals.clone();
        let mut pages = Pages::new(search, self.page_size, &referrals);
        while let Some(page) = pages.next(&mut self.session).await? {
            for entry in &page {
                self.remember(search.collection, entry)?;
            }
        }
        pages.collection()?;
        Ok(())
    }

    fn remember(&mut self, collection: &str, entry: &RawEntry) -> Result<(), ReadError> {
        let id = id_of(entry, self.dialect).ok_or_else(|| self.no_id(collection, entry))?;
        if collection == "users" {
            self.index_user(&id, entry);
        } else {
            self.index.group(&id, &entry.dn);
        }
        Ok(())
    }

    /// What tells who an entry is.
    fn names_alone(&self) -> Vec<String> {
        let mut names = vec![self.dialect.id_attribute.clone()];
        names.extend(self.dialect.login.iter().cloned());
        names
    }
}
