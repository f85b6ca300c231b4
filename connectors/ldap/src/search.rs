//! Searches in pages, and the rule of when one is complete.
//!
//! A collection is complete only if every page ended in result code 0, every page carried a paged-results control, all
//! but the last with a cookie and the last with an empty one (RFC 2696), and nothing was referred to another server.
//! Everything else is an error. Pages are asked for one operation at a time: the LDAP library's own paging takes a
//! missing control for the end, overlooks the result codes of pages in between, and reports success after a failure.
//!
//! While one page is worked on, the next is on its way: one page ahead and never more, so that memory stays bounded. What
//! happens to that one is said when its turn comes.

use std::collections::BTreeSet;

use ldap3::LdapResult;
use ldap3::asn1::{PL, StructureTag, parse_tag};
use ldap3::controls::{MakeCritical, PagedResults, RawControl};
use rollcall_kit::{Collection, ReadError};

use crate::connect::{Answer, Asked, Session};
use crate::entry::RawEntry;
use crate::referral::Referrals;
use crate::request::Search;
use crate::results;

/// Paged results (RFC 2696).
pub(crate) const PAGED_RESULTS: &str = "1.2.840.113556.1.4.319";
/// The smallest page that a server is asked for before its refusal counts.
const SMALLEST_PAGE: u32 = 50;
/// How often a search is started again because the server lost its place.
const MOST_RESTARTS: u32 = 2;
/// Empty pages in a row after which a server that keeps sending cookies is going round in circles.
const MOST_EMPTY_PAGES: u32 = 1000;

/// A search under way, page by page.
pub(crate) struct Pages<'a> {
    search: &'a Search,
    referrals: &'a Referrals,
    size: u32,
    cookie: Vec<u8>,
    pages: u64,
    entries: u64,
    empty_in_a_row: u32,
    restarts: u32,
    finished: bool,
    exceptions: BTreeSet<String>,
    /// The next page, which was asked for already.
    ahead: Option<Asked>,
}

impl<'a> Pages<'a> {
    pub(crate) fn new(search: &'a Search, size: u32, referrals: &'a Referrals) -> Self {
        Self {
            search,
            referrals,
            size,
            cookie: Vec::new(),
            pages: 0,
            entries: 0,
            empty_in_a_row: 0,
            restarts: 0,
            finished: false,
            exceptions: BTreeSet::new(),
            ahead: None,
        }
    }

    /// The next page, or nothing after the last; the page behind it is asked for. After the server lost its place the
    /// search begins again, and entries come a second time.
    ///
    /// # Errors
    ///
    /// [`ReadError::Incomplete`] and [`ReadError::Denied`] whenever the rule above is not met.
    pub(crate) async fn next(&mut self, session: &mut Session) -> Result<Option<Vec<RawEntry>>, ReadError> {
        let page = self.only(session).await?;
        if page.is_some() && !self.finished {
            self.ahead = Some(session.ask(self.search, vec![self.control()]).await);
        }
        Ok(page)
    }

    /// The next page, for whoever may want no other.
    ///
    /// # Errors
    ///
    /// As [`Pages::next`].
    pub(crate) async fn only(&mut self, session: &mut Session) -> Result<Option<Vec<RawEntry>>, ReadError> {
        while !self.finished {
            let asked = match self.ahead.take() {
                Some(asked) => asked,
                None => session.ask(self.search, vec![self.control()]).await,
            };
            let Answer { entries, references, result } = session.gather(self.search, asked).await?;
            if result.rc != results::SUCCESS {
                self.recover(session, &result)?;
                continue;
            }
            self.note(&references)?;
            self.advance(&result, entries.len())?;
            return Ok(Some(entries));
        }
        Ok(None)
    }

    /// What was read, once the last page has come.
    pub(crate) fn collection(&self) -> Result<Collection, ReadError> {
        if !self.finished {
            return Err(self.incomplete("its pages were not read to the end"));
        }
        Ok(Collection {
            name: self.search.collection.to_owned(),
            query: format!("base {}, filter {}", self.search.base, self.search.filter),
            pages: self.pages,
            entries: self.entries,
            announced: None,
            end: "result code 0 on every page, and an empty paging cookie on the last".to_owned(),
        })
    }

    /// References that the settings declare ignorable, as sentences.
    pub(crate) fn exceptions(&self) -> &BTreeSet<String> {
        &self.exceptions
    }

    /// The page size that the server accepted.
    pub(crate) fn accepted_size(&self) -> u32 {
        self.size
    }

    /// Critical: a server that cannot do it must say so rather than send everything, or something.
    fn control(&self) -> RawControl {
        let size = i32::try_from(self.size).unwrap_or(i32::MAX);
        PagedResults { size, cookie: self.cookie.clone() }.critical().into()
    }

    /// Starts the search again where that can help, and is the error where it cannot.
    fn recover(&mut self, session: &Session, result: &LdapResult) -> Result<(), ReadError> {
        let at_the_start = self.pages == 0;
        if result.rc == results::ADMIN_LIMIT && at_the_start && self.size > SMALLEST_PAGE {
            self.size = (self.size / 2).max(SMALLEST_PAGE);
            tracing::debug!(server = session.server, size = self.size, "the page size was refused; asking for less");
            return Ok(());
        }
        // Active Directory forgets searches when too many are open, and answers the next page with this.
        let lost_its_place = result.rc == results::UNAVAILABLE_CRITICAL_EXTENSION && !at_the_start;
        if lost_its_place && self.restarts < MOST_RESTARTS {
            self.restarts += 1;
            (self.cookie, self.pages, self.entries, self.empty_in_a_row) = (Vec::new(), 0, 0, 0);
            tracing::warn!(
                server = session.server,
                restart = self.restarts,
                "the server lost its place; reading again"
            );
            return Ok(());
        }
        Err(self.placed(results::search_error(self.search.collection, &self.search.base, &session.identity, result)))
    }

    /// Says where in the search an incomplete read ended.
    fn placed(&self, error: ReadError) -> ReadError {
        match error {
            ReadError::Incomplete { collection, reason } if self.pages > 0 => {
                let (page, entries) = (self.pages + 1, self.entries);
                ReadError::incomplete(collection, format!("page {page}, after {entries} entries: {reason}"))
            }
            other => other,
        }
    }

    fn incomplete(&self, reason: impl Into<String>) -> ReadError {
        self.placed(ReadError::incomplete(self.search.collection, reason))
    }

    /// Sorts references into those that may be ignored and those that make the read incomplete.
    fn note(&mut self, references: &[String]) -> Result<(), ReadError> {
        for url in references {
            match self.referrals.why_ignorable(url) {
                Some(sentence) => {
                    self.exceptions.insert(sentence);
                }
                None => {
                    return Err(self.incomplete(format!(
                        "a part of \"{}\" is held by another server, {url}, and references are never followed; read that \
                         part as a directory of its own, or list its DN in ignorable_referrals",
                        self.search.base
                    )));
                }
            }
        }
        Ok(())
    }

    /// Takes the cookie for the next page.
    fn advance(&mut self, result: &LdapResult, entries: usize) -> Result<(), ReadError> {
        let Some(cookie) = cookie(result) else {
            return Err(self.incomplete(
                "the answer came without a paging control, so nothing says that it is the whole answer; something between us \
                 and the server strips it, or the server does not know paging",
            ));
        };
        self.pages += 1;
        self.entries += entries as u64;
        self.empty_in_a_row = if entries == 0 { self.empty_in_a_row + 1 } else { 0 };
        if self.empty_in_a_row > MOST_EMPTY_PAGES {
            return Err(self.incomplete(format!("the server sent {MOST_EMPTY_PAGES} empty pages in a row")));
        }
        self.finished = cookie.is_empty();
        self.cookie = cookie;
        Ok(())
    }
}

/// The cookie of a result's paging control; nothing if there is no such control, or one that cannot be read.
fn cookie(result: &LdapResult) -> Option<Vec<u8>> {
    let control = result.ctrls.iter().find(|control| control.1.ctype == PAGED_RESULTS)?;
    let value = control.1.val.as_deref()?;
    let (_, StructureTag { payload: PL::C(parts), .. }) = parse_tag(value).ok()? else { return None };
    parts.into_iter().nth(1)?.expect_primitive()
}

#[cfg(test)]
mod tests {
    use ldap3::controls::Control;

    use super::*;
    use crate::request::Scope;

    fn result(controls: Vec<RawControl>) -> LdapResult {
        let ctrls = controls.into_iter().map(|raw| Control(None, raw)).collect();
        LdapResult { rc: 0, matched: String::new(), text: String::new(), refs: Vec::new(), ctrls }
    }

    fn raw(value: Option<&[u8]>) -> RawControl {
        RawControl { ctype: PAGED_RESULTS.to_owned(), crit: false, val: value.map(<[u8]>::to_vec) }
    }

    fn pages_of(search: &Search, referrals: &Referrals) -> Pages<'static> {
        Pages::new(Box::leak(Box::new(search.clone())), 500, Box::leak(Box::new(referrals.clone())))
    }

    fn users() -> Search {
        Search {
            collection: "users",
            base: "ou=people".to_owned(),
            scope: Scope::Subtree,
            filter: "(uid=*)".to_owned(),
            attributes: vec!["uid".to_owned()],
        }
    }

    #[test]
    fn a_page_without_the_paging_control_is_an_incomplete_read() {
        let mut pages = pages_of(&users(), &Referrals::default());
        let error = pages.advance(&result(Vec::new()), 1).unwrap_err();
        assert!(error.to_string().contains("without a paging control"), "{error}");
        assert!(pages.collection().is_err());
    }

    #[test]
    fn a_control_that_cannot_be_read_is_no_control() {
        for value in [None, Some(&b""[..]), Some(b"\x04\x00"), Some(b"\x30\x03\x02\x01\x00"), Some(b"\x30\xff")] {
            assert_eq!(cookie(&result(vec![raw(value)])), None, "{value:?}");
        }
    }

    #[test]
    fn only_an_empty_cookie_is_the_end() {
        let mut pages = pages_of(&users(), &Referrals::default());
        pages.advance(&result(vec![raw(Some(b"\x30\x05\x02\x01\x00\x04\x00"))]), 3).unwrap();
        let collection = pages.collection().unwrap();
        assert_eq!((collection.pages, collection.entries), (1, 3));

        let mut pages = pages_of(&users(), &Referrals::default());
        pages.advance(&result(vec![raw(Some(b"\x30\x06\x02\x01\x00\x04\x01\x00"))]), 3).unwrap();
        assert!(pages.collection().is_err(), "a cookie of one zero byte is still a cookie");
    }

    #[test]
    fn a_server_that_never_ends_is_an_error_not_an_end() {
        let mut pages = pages_of(&users(), &Referrals::default());
        let more = result(vec![raw(Some(b"\x30\x06\x02\x01\x00\x04\x01\x07"))]);
        let error = (0..=MOST_EMPTY_PAGES + 1).find_map(|_| pages.advance(&more, 0).err()).unwrap();
        assert!(error.to_string().contains("empty pages"), "{error}");
    }

    #[test]
    fn a_reference_elsewhere_is_an_error_unless_it_is_listed() {
        let url = "ldap://other.example/ou=elsewhere,ou=people??sub".to_owned();
        let error = pages_of(&users(), &Referrals::default()).note(std::slice::from_ref(&url)).unwrap_err();
        assert!(error.to_string().contains("ignorable_referrals"), "{error}");
        let listed = Referrals::new(&["OU=Elsewhere, ou=people".to_owned()]).unwrap();
        let mut pages = pages_of(&users(), &listed);
        pages.note(&[url]).unwrap();
        assert_eq!(pages.exceptions().len(), 1);
    }
}
