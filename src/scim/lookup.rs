//! Which account in the target is whose.
//!
//! A target that ignores a filter answers with everybody, and a client that takes the first then deactivates a
//! stranger. So nothing in an answer is believed that does not itself match: `externalId` exactly, `userName` and
//! addresses without regard to case. An answer with a stranger in it condemns the filter, and the whole list is
//! walked instead; if the list does not add up either, the answer is that nobody knows, never that nobody is there.

use std::collections::BTreeMap;

use futures::stream::{self, StreamExt};

use super::client::ScimTarget;
use super::errors;
use super::filter;
use super::resource::{Page, Resource};
use crate::apply::TargetError;
use crate::plan::{Candidate, Match, Matches};

/// So many candidates are looked up one by one; for more, walking the whole list once is cheaper.
const ONE_BY_ONE: usize = 50;

/// An attribute by which accounts are recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Key {
    /// Our mark: the directory id.
    ExternalId,
    /// The name that is unique in the target.
    UserName,
    /// Any of the addresses.
    Email,
}

impl Key {
    /// The attribute, as filters and settings spell it.
    pub(super) const fn attribute(self) -> &'static str {
        match self {
            Self::ExternalId => "externalId",
            Self::UserName => "userName",
            Self::Email => "emails.value",
        }
    }

    fn named(name: &str) -> Option<Self> {
        [Self::ExternalId, Self::UserName, Self::Email].into_iter().find(|key| key.attribute() == name)
    }

    /// The form in which values are compared: the RFC makes `externalId` case-exact, `userName` not, and addresses
    /// are folded everywhere.
    fn folded(self, value: &str) -> String {
        match self {
            Self::ExternalId => value.to_owned(),
            Self::UserName | Self::Email => value.trim().to_lowercase(),
        }
    }

    /// The values of a user under this key, in the form in which they are compared.
    fn values_of(self, user: &Resource) -> Vec<String> {
        let values = match self {
            Self::ExternalId => user.text("externalId").into_iter().collect(),
            Self::UserName => user.text("userName").into_iter().collect(),
            Self::Email => user.values("emails"),
        };
        values.into_iter().map(|value| self.folded(value)).collect()
    }
}

/// What one question to the target brought.
pub(super) enum Asked {
    /// These match, each of them checked; none is an answer too.
    Matching(Vec<Resource>),
    /// The target cannot be asked like this, for this reason.
    Cannot(String),
}

impl ScimTarget {
    /// Looks candidates up.
    pub(super) async fn look_up(&self, candidates: &[Candidate]) -> Result<Matches, TargetError> {
        let profile = self.profile().await?;
        let few = candidates.len() <= ONE_BY_ONE;
        let mut walk = None;
        if !few || !profile.filter {
            match self.walk_users().await {
                Ok(users) => walk = Some(Ok(Index::new(users))),
                Err(TargetError::Unreliable { reason, .. }) => walk = Some(Err(reason)),
                Err(other) => return Err(other),
            }
        }
        if let Some(Ok(index)) = &walk {
            return Ok(self.answers(candidates, |candidate| self.in_index(candidate, index)));
        }
        if !profile.filter {
            let reason = walk.and_then(Result::err).unwrap_or_default();
            let sentence = format!("the target takes no filters, and its list of users cannot be relied on: {reason}");
            return Ok(self.answers(candidates, |_| Match::Unknown(sentence.clone())));
        }
        self.one_by_one(candidates, walk.and_then(Result::err)).await
    }

    fn answers(&self, candidates: &[Candidate], answer: impl Fn(&Candidate) -> Match) -> Matches {
        candidates.iter().map(|candidate| (candidate.user.clone(), answer(candidate))).collect()
    }

    /// Asks for each candidate, several at once; whoever cannot be settled by filters is sought in the whole list.
    async fn one_by_one(&self, candidates: &[Candidate], walked: Option<String>) -> Result<Matches, TargetError> {
        let questions: Vec<_> = candidates.iter().map(|candidate| self.by_filters(candidate)).collect();
        let answers: Vec<_> = stream::iter(questions).buffered(self.settings.concurrency).collect().await;
        let (mut matches, mut open) = (Matches::new(), Vec::new());
        for (candidate, answer) in candidates.iter().zip(answers) {
            match answer? {
                Ok(found) => drop(matches.insert(candidate.user.clone(), found)),
                Err(reason) => open.push((candidate, reason)),
            }
        }
        if open.is_empty() {
            return Ok(matches);
        }
        let walked = match walked {
            Some(reason) => Err(reason),
            None => match self.walk_users().await {
                Ok(users) => Ok(Index::new(users)),
                Err(TargetError::Unreliable { reason, .. }) => Err(reason),
                Err(other) => return Err(other),
            },
        };
        for (candidate, reason) in open {
            let found = match &walked {
                Ok(index) => self.in_index(candidate, index),
                Err(problem) => {
                    Match::Unknown(format!("{reason}; and the list of users cannot be relied on: {problem}"))
                }
            };
            matches.insert(candidate.user.clone(), found);
        }
        Ok(matches)
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

    /// Asks the target for the users of one key, and checks every one that it answers with.
    pub(super) async fn ask(&self, key: Key, value: &str) -> Result<Asked, TargetError> {
        let attribute = key.attribute();
        if !self.profile().await?.can_filter(attribute) {
            return Ok(Asked::Cannot(format!("the target cannot be asked for users by {attribute}")));
        }
        let filter = filter::equals(attribute, value);
        let answer = self.matching("Users", &filter).await?;
        if answer.is_type(&["tooMany"]) {
            return Ok(Asked::Cannot("the target found too many users to show them".to_owned()));
        }
        if matches!(answer.status, 400 | 404 | 501) {
            // A value that has to be escaped may be what it stumbles over; that says nothing about the attribute.
            if answer.status != 404 && !filter::is_delicate(value) {
                self.learn(|profile| profile.unfilterable.extend([attribute.to_owned()]));
            }
            let (status, words) = (answer.status, answer.words());
            return Ok(Asked::Cannot(format!(
                "the target refuses to be asked for users by {attribute}: {status} {words}"
            )));
        }
        if answer.status != 200 {
            return Err(errors::refused(&format!("the users where {filter}"), &answer));
        }
        let page = match Page::read(&answer.json) {
            Ok(page) => page,
            Err(reason) => return Ok(Asked::Cannot(format!("the answer to {filter} cannot be relied on: {reason}"))),
        };
        Ok(self.checked(key, value, page))
    }

    /// What of a page can be believed.
    fn checked(&self, key: Key, value: &str, page: Page) -> Asked {
        let (attribute, wanted) = (key.attribute(), key.folded(value));
        if page.resources.iter().any(|user| !key.values_of(user).contains(&wanted)) {
            self.learn(|profile| profile.unfilterable.extend([attribute.to_owned()]));
            return Asked::Cannot(format!("the target, asked for users by {attribute}, answers with others"));
        }
        let more = page.next_cursor.is_some() || page.total.is_some_and(|total| total > page.resources.len());
        if more {
            return Asked::Cannot(format!("the target counts more users by {attribute} than it shows"));
        }
        if page.resources.is_empty() && filter::is_delicate(value) {
            return Asked::Cannot(format!("the target may not understand a filter for {value:?}"));
        }
        Asked::Matching(page.resources)
    }
}

/// Every user by every key.
struct Index {
    users: Vec<Resource>,
    places: BTreeMap<(Key, String), Vec<usize>>,
}

impl Index {
    fn new(users: Vec<Resource>) -> Self {
        let mut places: BTreeMap<(Key, String), Vec<usize>> = BTreeMap::new();
        for (number, user) in users.iter().enumerate() {
            for key in [Key::ExternalId, Key::UserName, Key::Email] {
                for value in key.values_of(user) {
                    places.entry((key, value)).or_default().push(number);
                }
            }
        }
        Self { users, places }
    }

    fn get(&self, key: Key, value: &str) -> impl Iterator<Item = &Resource> {
        let numbers = self.places.get(&(key, key.folded(value)));
        numbers.into_iter().flatten().map(|&number| &self.users[number])
    }
}
