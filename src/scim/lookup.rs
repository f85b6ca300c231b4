//! Which account in the target is whose: by our mark, else by the configured attributes.
//!
//! A few candidates are asked for one by one, many are sought in the whole list. Whom filters do not settle is sought
//! in the list too; and if the list does not add up either, the answer is that nobody knows, never that nobody is
//! there: an account that is wrongly taken for absent would be created a second time.

use std::collections::{BTreeMap, BTreeSet};

use futures::stream::{self, StreamExt};

use super::ask::{Asked, Key};
use super::client::ScimTarget;
use super::paging::List;
use super::resource::{Page, Resource};
use crate::apply::TargetError;
use crate::plan::{Candidate, Match, Matches};

/// So many candidates are asked for one by one, whatever the size of the target.
const ONE_BY_ONE: usize = 50;

impl ScimTarget {
    /// Looks candidates up in a target that must have this many accounts of ours.
    pub(super) async fn look_up(&self, candidates: &[Candidate], ours: usize) -> Result<Matches, TargetError> {
        if !self.profile().await?.filter {
            let all: Vec<_> = candidates.iter().map(|one| (one, "the target takes no filters".to_owned())).collect();
            return self.in_list(&all, ours).await;
        }
        if self.list_is_shorter(candidates).await?
            && let Ok(index) = self.index(candidates.iter(), ours).await?
        {
            return Ok(candidates.iter().map(|one| (one.user.clone(), self.in_index(one, &index))).collect());
        }
        let questions: Vec<_> = candidates.iter().map(|candidate| self.by_filters(candidate)).collect();
        let answers: Vec<_> = stream::iter(questions).buffered(self.settings.concurrency).collect().await;
        let (mut matches, mut open) = (Matches::new(), Vec::new());
        for (candidate, answer) in candidates.iter().zip(answers) {
            match answer? {
                Ok(found) => drop(matches.insert(candidate.user.clone(), found)),
                Err(reason) => open.push((candidate, reason)),
            }
        }
        if !open.is_empty() {
            matches.extend(self.in_list(&open, ours).await?);
        }
        Ok(matches)
    }

    /// Whether reading the whole list takes fewer requests than asking for each candidate.
    async fn list_is_shorter(&self, candidates: &[Candidate]) -> Result<bool, TargetError> {
        if candidates.len() <= ONE_BY_ONE {
            return Ok(false);
        }
        let answer = self.first_page(List::USERS).await?;
        let Ok(Page { resources, total: Some(total), .. }) = Page::read(&answer.json) else { return Ok(false) };
        let pages = total.div_ceil(resources.len().max(1));
        Ok(pages <= candidates.len() * self.settings.match_by.len().max(1))
    }

    /// Seeks candidates in the whole list, each with the reason why he has to be sought there.
    async fn in_list(&self, candidates: &[(&Candidate, String)], ours: usize) -> Result<Matches, TargetError> {
        let index = self.index(candidates.iter().map(|(candidate, _)| *candidate), ours).await?;
        let found = |candidate: &Candidate, reason: &str| match &index {
            Ok(index) => self.in_index(candidate, index),
            Err(problem) => Match::Unknown(format!("{reason}; and the list of users cannot be relied on: {problem}")),
        };
        Ok(candidates.iter().map(|(one, reason)| (one.user.clone(), found(one, reason))).collect())
    }

    /// Those of all users who match any candidate by any key, or the reason why the list proves nothing.
    async fn index(
        &self,
        candidates: impl Iterator<Item = &Candidate>,
        ours: usize,
    ) -> Result<Result<Index, String>, TargetError> {
        let wanted: BTreeSet<(Key, String)> = candidates
            .flat_map(|candidate| self.questions(candidate))
            .map(|(key, value)| (key, key.folded(&value)))
            .collect();
        let keep = |user: Resource| keys_of(&user).iter().any(|key| wanted.contains(key)).then_some(user);
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
        let mut found: BTreeMap<String, (Resource, Key)> = BTreeMap::new();
        let mut cannot = None;
        for (key, value) in self.questions(candidate) {
            match self.ask(key, &value).await? {
                Asked::Cannot(reason) => cannot = Some(reason),
                Asked::Matching(users) => {
                    for user in users {
                        found.entry(user.id().unwrap_or_default()).or_insert((user, key));
                    }
                }
            }
            // Our mark settles it; the other keys are for accounts that do not bear it.
            if key == Key::ExternalId && !found.is_empty() {
                return Ok(Ok(self.verdict(found)));
            }
        }
        // An attribute that cannot be asked for might lead to another account: nobody is not yet nobody.
        Ok(match cannot {
            Some(reason) if found.len() < 2 => Err(reason),
            _ => Ok(self.verdict(found)),
        })
    }

    /// The match in the whole list.
    fn in_index(&self, candidate: &Candidate, index: &Index) -> Match {
        let mut found = BTreeMap::new();
        for (key, value) in self.questions(candidate) {
            for user in index.get(key, &value) {
                found.entry(user.id().unwrap_or_default()).or_insert_with(|| (user.clone(), key));
            }
            if key == Key::ExternalId && !found.is_empty() {
                break;
            }
        }
        self.verdict(found)
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

    fn verdict(&self, found: BTreeMap<String, (Resource, Key)>) -> Match {
        if found.len() > 1 {
            let named =
                |(id, (user, _)): (String, (Resource, Key))| (id, user.text("userName").unwrap_or_default().to_owned());
            return Match::Many(found.into_iter().map(named).collect());
        }
        match found.into_values().next() {
            None => Match::None,
            Some((user, key)) => match self.mapping.account(&user) {
                Ok(account) => Match::One(Box::new(account), key.attribute()),
                Err(reason) => Match::Unknown(format!("the target's answer cannot be relied on: {reason}")),
            },
        }
    }
}

/// Every key under which a user can be found, in the form in which they are compared.
fn keys_of(user: &Resource) -> Vec<(Key, String)> {
    Key::ALL.into_iter().flat_map(|key| key.values_of(user).into_iter().map(move |value| (key, value))).collect()
}

/// Users by every key.
struct Index {
    users: Vec<Resource>,
    places: BTreeMap<(Key, String), Vec<usize>>,
}

impl Index {
    fn new(users: Vec<Resource>) -> Self {
        let mut places: BTreeMap<(Key, String), Vec<usize>> = BTreeMap::new();
        for (number, user) in users.iter().enumerate() {
            for key in keys_of(user) {
                places.entry(key).or_default().push(number);
            }
        }
        Self { users, places }
    }

    fn get(&self, key: Key, value: &str) -> impl Iterator<Item = &Resource> {
        let numbers = self.places.get(&(key, key.folded(value)));
        numbers.into_iter().flatten().map(|&number| &self.users[number])
    }
}
