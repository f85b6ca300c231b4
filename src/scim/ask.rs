//! Asking a target for the accounts of one key, and believing nothing in the answer that does not itself match.
//!
//! A target that ignores a filter answers with everybody, and a client that takes the first then deactivates a
//! stranger. So an answer with a stranger in it condemns the filter, and so does one that counts more than it shows.

use super::client::ScimTarget;
use super::errors;
use super::filter;
use super::key::Key;
use super::paging::List;
use super::resource::{Page, Resource};
use crate::apply::TargetError;
use crate::guard::AccountMark;

/// What one question to the target brought.
pub(super) enum Asked {
    /// These match, each of them checked; none is an answer too.
    Matching(Vec<Resource>),
    /// The target cannot be asked like this, for this reason.
    Cannot(String),
}

impl ScimTarget {
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

    /// An account that shows this value. Whatever a filter is answered with is looked at itself, and where it shows nobody
    /// the whole list is: many targets filter by few attributes, and refuse or ignore the others.
    pub(super) async fn carrier_of(&self, mark: &AccountMark) -> Result<Option<String>, TargetError> {
        let carries = |user: &Resource| user.texts(&mark.attribute).iter().any(|text| mark.is(text));
        let answer = self.matching("Users", &filter::equals(&mark.attribute, &mark.value)).await?;
        if answer.status == 200
            && let Ok(page) = Page::read(&answer.json)
            && let Some(id) = page.resources.iter().find(|user| carries(user)).and_then(Resource::id)
        {
            return Ok(Some(id));
        }
        let all = self.walk(List::USERS, |user| carries(&user).then(|| user.id()).flatten()).await?;
        Ok(all.into_iter().next())
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
