//! Walking a list to its end, with index paging (RFC 7644, section 3.4.2.4) or cursors (RFC 9865).
//!
//! Lists lie: pages are capped without a word, `totalResults` is the size of the page, every page is the first page.
//! So a walk advances by what it received, ends only at a page that brings nothing new, and then has to add up: a
//! walk that saw fewer resources than the target counts, or than ours that must be there, is an error, because from a
//! part nothing may be concluded.

use std::collections::BTreeSet;

use super::client::ScimTarget;
use super::errors;
use super::profile::Paging;
use super::resource::{Page, Resource};
use super::wire::{Answer, Call};
use crate::apply::TargetError;

/// How often a walk begins anew, when the list changed under it or its cursor expired.
const ATTEMPTS: usize = 4;

/// What is listed.
#[derive(Clone, Copy, Debug)]
pub(super) struct List<'a> {
    /// `Users` or `Groups`.
    pub(super) kind: &'a str,
    /// Attributes to leave out.
    pub(super) without: Option<&'a str>,
    /// So many resources must be there at least, whatever the target counts.
    pub(super) at_least: usize,
}

impl List<'_> {
    /// Every user.
    pub(super) const USERS: List<'static> = List { kind: "Users", without: None, at_least: 0 };

    /// Every group, without its members.
    pub(super) const GROUPS: List<'static> = List { kind: "Groups", without: Some("members"), at_least: 0 };

    fn what(&self) -> String {
        format!("the list of {}", self.kind)
    }
}

/// How a walk ended that is not a list.
enum Stop {
    /// It has to begin anew, for this reason.
    Again(String),
    /// It cannot be walked like this, but with cursors.
    NeedsCursor,
    /// It failed.
    Failed(TargetError),
}

impl From<TargetError> for Stop {
    fn from(error: TargetError) -> Self {
        Self::Failed(error)
    }
}

/// What a walk has seen so far. Of most resources only a hash of the id is kept, so that a walk through a million
/// accounts in search of a few needs memory for a few. Two ids of one hash, of which there are none, would be an account
/// too few.
struct Seen<T> {
    ids: BTreeSet<[u8; 16]>,
    kept: Vec<T>,
    total: Option<usize>,
}

impl<T> Seen<T> {
    const fn new() -> Self {
        Self { ids: BTreeSet::new(), kept: Vec::new(), total: None }
    }

    /// Takes a page in; says how many resources on it are new. A total that changes under the walk means that the
    /// pages have shifted, and that somebody may have slipped through between two of them.
    fn take(&mut self, page: Page, keep: &(impl Fn(Resource) -> Option<T> + Sync)) -> Result<usize, Stop> {
        if let (Some(before), Some(now)) = (self.total, page.total)
            && before != now
        {
            return Err(Stop::Again(format!("totalResults changed from {before} to {now}")));
        }
        self.total = self.total.or(page.total);
        let before = self.ids.len();
        for resource in page.resources {
            if resource.id().is_some_and(|id| self.ids.insert(hash(&id))) {
                self.kept.extend(keep(resource));
            }
        }
        Ok(self.ids.len() - before)
    }

    /// The whole list, if it adds up.
    fn finish(self, list: List<'_>) -> Result<Vec<T>, Stop> {
        let (seen, at_least) = (self.ids.len(), list.at_least);
        let reason = match self.total {
            Some(total) if seen < total => format!("it counts {total} and shows {seen}"),
            // Some targets cap their lists and call the cap the total: only what we know ourselves betrays them.
            _ if seen < at_least => format!(
                "it shows {seen} accounts, and {at_least} active ones of ours must be there; either it leaves some \
                 out, or some of ours were deleted there by hand; `rollcall reconcile` tells"
            ),
            _ => return Ok(self.kept),
        };
        Err(Stop::Failed(errors::unreliable(&list.what(), reason)))
    }
}

impl ScimTarget {
    /// What `keep` makes of each resource in a list, in the list's order, if the list adds up.
    pub(super) async fn walk<T: Send>(
        &self,
        list: List<'_>,
        keep: impl Fn(Resource) -> Option<T> + Send + Sync,
    ) -> Result<Vec<T>, TargetError> {
        let mut reason = String::new();
        for _ in 0..ATTEMPTS {
            let walked = match self.profile().await?.paging {
                Paging::Index => self.walk_by_index(list, &keep).await,
                Paging::Cursor => self.walk_by_cursor(list, &keep).await,
            };
            match walked {
                Ok(resources) => return Ok(resources),
                Err(Stop::Failed(error)) => return Err(error),
                Err(Stop::NeedsCursor) => self.learn(|profile| profile.paging = Paging::Cursor),
                Err(Stop::Again(why)) => reason = why,
            }
        }
        Err(errors::unreliable(&list.what(), format!("{ATTEMPTS} attempts ended before the list did; {reason}")))
    }

    async fn walk_by_index<T: Send>(
        &self,
        list: List<'_>,
        keep: &(impl Fn(Resource) -> Option<T> + Send + Sync),
    ) -> Result<Vec<T>, Stop> {
        let mut seen = Seen::new();
        let mut received = 0;
        loop {
            let start = (received + 1).to_string();
            let answer = self.list_call(list, &[("startIndex", &start)], self.known().page_size).await?;
            if answer.status == 501 && received == 0 {
                return Err(Stop::NeedsCursor);
            }
            let page = page_of(list, &answer)?;
            if page.next_cursor.is_some() && received == 0 {
                return Err(Stop::NeedsCursor);
            }
            let on_page = page.resources.len();
            // Some targets answer a page past the end with the first page again.
            if seen.take(page, keep)? == 0 {
                return seen.finish(list);
            }
            received += on_page;
        }
    }

    async fn walk_by_cursor<T: Send>(
        &self,
        list: List<'_>,
        keep: &(impl Fn(Resource) -> Option<T> + Send + Sync),
    ) -> Result<Vec<T>, Stop> {
        let mut seen = Seen::new();
        let mut cursors = BTreeSet::new();
        let mut cursor = String::new();
        // Every other parameter must stay the same from page to page, the count among them.
        let count = self.known().page_size;
        loop {
            let answer = self.list_call(list, &[("cursor", &cursor)], count).await?;
            if answer.is_type(&["invalidCursor", "expiredCursor", "invalidCount"]) {
                return Err(Stop::Again(answer.words()));
            }
            let page = page_of(list, &answer)?;
            let next = page.next_cursor.clone();
            seen.take(page, keep)?;
            match next {
                None => return seen.finish(list),
                Some(next) if cursors.insert(next.clone()) => cursor = next,
                Some(_) => return Err(errors::unreliable(&list.what(), "its cursors go round in a circle").into()),
            }
        }
    }

    /// The first page of a list.
    pub(super) async fn first_page(&self, list: List<'_>) -> Result<Answer, TargetError> {
        let profile = self.profile().await?;
        let place = match profile.paging {
            Paging::Index => ("startIndex", "1"),
            Paging::Cursor => ("cursor", ""),
        };
        self.list_call(list, &[place], profile.page_size).await
    }

    async fn list_call(&self, list: List<'_>, place: &[(&str, &str)], count: usize) -> Result<Answer, TargetError> {
        let count = count.to_string();
        let mut query = place.to_vec();
        query.push(("count", &count));
        query.extend(list.without.map(|without| ("excludedAttributes", without)));
        Call::get(&[list.kind], &query).send(&self.client).await.map_err(errors::no_answer)
    }

    /// The first page of what matches a filter, whole or in part.
    pub(super) async fn matching(&self, kind: &str, filter: &str) -> Result<Answer, TargetError> {
        // Neither startIndex nor cursor: this works with either paging, and a match is one resource, not a page.
        Call::get(&[kind], &[("filter", filter)]).send(&self.client).await.map_err(errors::no_answer)
    }
}

fn hash(id: &str) -> [u8; 16] {
    let mut hash = [0; 16];
    hash.copy_from_slice(&blake3::hash(id.as_bytes()).as_bytes()[..16]);
    hash
}

fn page_of(list: List<'_>, answer: &Answer) -> Result<Page, TargetError> {
    if answer.status != 200 {
        return Err(errors::refused(&list.what(), answer));
    }
    Page::read(&answer.json).map_err(|reason| errors::unreliable(&list.what(), reason))
}
