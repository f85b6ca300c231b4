//! Which account in the target is whose: by our mark, else by the configured attributes.
//!
//! A few candidates are asked for one by one, many are sought in the whole list. Whom filters do not settle is sought
//! in the list too; and if the list does not add up either, the answer is that nobody knows, never that nobody is
//! there: an account that is wrongly taken for absent would be created a second time.

use std::borrow::Borrow;
use std::collections::BTreeMap;

use futures::stream::{self, StreamExt};
use rollcall_kit::DirectoryId;
use serde::{Deserialize, Serialize};

use super::ask::Asked;
use super::client::ScimTarget;
use super::key::Key;
use super::paging::List;
use super::resource::{Page, Resource};
use super::shown::{Index, Shown, Wanted};
use crate::apply::TargetError;
use crate::plan::packed::{Pack, Packed};
use crate::plan::{Candidate, Candidates, Match, Matches};

/// So many candidates are asked for one by one, whatever the size of the target.
const ONE_BY_ONE: usize = 50;

/// A candidate that filters do not settle, and why. Where a target cannot be asked for one attribute these are all.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
struct Open {
    candidate: Candidate,
    reason: String,
}

impl Pack for Open {}

impl ScimTarget {
    /// Looks candidates up in a target that must have this many accounts of ours.
    pub(super) async fn look_up(&self, candidates: &Candidates, ours: usize) -> Result<Matches, TargetError> {
        if !self.profile().await?.filter {
            let index = self.index(candidates.iter(), candidates.len(), ours).await?;
            let find = |one: Candidate| self.in_list(one, "the target takes no filters", &index);
            return Ok(candidates.iter().map(find).collect());
        }
        if self.list_is_shorter(candidates).await?
            && let Ok(index) = self.index(candidates.iter(), candidates.len(), ours).await?
        {
            let found = |one: Candidate| {
                let found = self.in_index(&one, &index);
                (one.user, found)
            };
            return Ok(candidates.iter().map(found).collect());
        }
        let (mut matches, open) = self.one_by_one(candidates).await?;
        if !open.is_empty() {
            let index = self.index(open.iter().map(|one| one.into_owned().candidate), open.len(), ours).await?;
            for one in open.iter() {
                let Open { candidate, reason } = one.into_owned();
                matches.extend([self.in_list(candidate, &reason, &index)]);
            }
        }
        Ok(matches)
    }

    /// Whether reading the whole list takes fewer requests than asking for each candidate.
    async fn list_is_shorter(&self, candidates: &Candidates) -> Result<bool, TargetError> {
        if candidates.len() <= ONE_BY_ONE {
            return Ok(false);
        }
        let answer = self.first_page(List::USERS).await?;
        let Ok(Page { resources, total: Some(total), .. }) = Page::read(&answer.json) else { return Ok(false) };
        let pages = total.div_ceil(resources.len().max(1));
        Ok(pages <= candidates.len() * self.settings.match_by.len().max(1))
    }

    /// Asks for each candidate by filters; yields those too that this does not settle. Only the questions that are in
    /// flight are in memory.
    async fn one_by_one(&self, candidates: &Candidates) -> Result<(Matches, Packed<Open>), TargetError> {
        let ask = async |candidate: Candidate| {
            let answer = self.by_filters(&candidate).await?;
            Ok::<_, TargetError>((candidate, answer))
        };
        let questions = stream::iter(candidates.iter().map(ask));
        let mut answers = std::pin::pin!(questions.buffered(self.settings.parallel));
        let (mut matches, mut open) = (Matches::new(), Packed::default());
        while let Some(answered) = answers.next().await {
            match answered? {
                (candidate, Ok(found)) => matches.insert(candidate.user, found),
                (candidate, Err(reason)) => open.push(Open { candidate, reason }),
            }
        }
        Ok((matches, open))
    }

    /// Seeks a candidate in the whole list, who has to be sought there for this reason.
    fn in_list(&self, candidate: Candidate, reason: &str, index: &Result<Index, String>) -> (DirectoryId, Match) {
        let found = match index {
            Ok(index) => self.in_index(&candidate, index),
            Err(problem) => Match::Unknown(format!("{reason}; and the list of users cannot be relied on: {problem}")),
        };
        (candidate.user, found)
    }

    /// Those of all users who match any of so many candidates by any key, or the reason why the list proves nothing.
    async fn index(
        &self,
        candidates: impl Iterator<Item = Candidate>,
        count: usize,
        ours: usize,
    ) -> Result<Result<Index, String>, TargetError> {
        let wanted = Wanted::of(candidates, count, |candidate| self.questions(candidate));
        let keep = |user: Resource| wanted.has_one_of(&user).then(|| Shown::of(user, &self.mapping));
        match self.walk(List { at_least: ours, ..List::USERS }, keep).await {
            Ok(users) => Ok(Ok(Index::new(users))),
            Err(TargetError::Unreliable { reason, .. }) => Ok(Err(reason)),
            // Some targets only answer filters: the refusal of a list says nothing about anybody.
            Err(TargetError::Refused { status: status @ (400 | 403..=405 | 501), detail, .. }) => {
                Ok(Err(format!("{status} {detail}")))
            }
            Err(other) => Err(other),
        }
    }

    /// The match by filters alone, or the reason why they do not settle it.
    async fn by_filters(&self, candidate: &Candidate) -> Result<Result<Match, String>, TargetError> {
        let mut found: BTreeMap<String, (Shown, Key)> = BTreeMap::new();
        let mut cannot = None;
        for (key, value) in self.questions(candidate) {
            match self.ask(key, &value).await? {
                Asked::Cannot(reason) => cannot = Some(reason),
                Asked::Matching(users) => {
                    for user in users {
                        let user = Shown::of(user, &self.mapping);
                        found.entry(user.id()).or_insert((user, key));
                    }
                }
            }
            // Our mark settles it; the other keys are for accounts that do not bear it.
            if key == Key::ExternalId && !found.is_empty() {
                return Ok(Ok(verdict(&found)));
            }
        }
        // An attribute that cannot be asked for might lead to another account: nobody is not yet nobody.
        Ok(match cannot {
            Some(reason) if found.len() < 2 => Err(reason),
            _ => Ok(verdict(&found)),
        })
    }

    /// The match in the whole list.
    fn in_index(&self, candidate: &Candidate, index: &Index) -> Match {
        let mut found = BTreeMap::new();
        for (key, value) in self.questions(candidate) {
            for user in index.get(key, &value) {
                found.entry(user.id()).or_insert((user, key));
            }
            if key == Key::ExternalId && !found.is_empty() {
                break;
            }
        }
        verdict(&found)
    }

    /// What to ask for, in order: our mark first, then the configured attributes.
    fn questions(&self, candidate: &Candidate) -> Vec<(Key, String)> {
        let mut questions = vec![(Key::ExternalId, candidate.user.as_str().to_owned())];
        for key in self.settings.match_by.iter().filter_map(|name| Key::named(name)) {
            match key {
                Key::ExternalId => {}
                Key::UserName => {
                    questions.extend(self.mapping.user_name(&candidate.attributes).map(|name| (key, name.to_owned())));
                }
                Key::Email => questions.push((key, candidate.address.as_str().to_owned())),
            }
        }
        questions
    }
}

/// The match among the users who were found, by their ids, with the key under which each was.
fn verdict(found: &BTreeMap<String, (impl Borrow<Shown>, Key)>) -> Match {
    if found.len() > 1 {
        return Match::Many(found.iter().map(|(id, (user, _))| (id.clone(), user.borrow().user_name())).collect());
    }
    match found.values().next().map(|(user, key)| (user.borrow(), key)) {
        None => Match::None,
        Some((Shown::Account(account), key)) => Match::One(account.clone(), key.attribute()),
        Some((Shown::Odd(_, reason), _)) => {
            Match::Unknown(format!("the target's answer cannot be relied on: {reason}"))
        }
    }
}
