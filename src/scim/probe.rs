//! After a crash or a lost answer: was this write carried out? Only reads.

use rollcall_kit::{DirectoryId, Value, attribute};

use super::ask::Asked;
use super::client::ScimTarget;
use super::errors;
use super::key::Key;
use super::mapping::Wishes;
use super::paging::List;
use super::resource::Resource;
use super::roles::shows;
use super::users::NewAccount;
use super::verify::{ACTIVE, holds};
use crate::apply::{Probe, TargetError, Write};
use crate::plan::AttributeChange;
use crate::roster::Role;

impl ScimTarget {
    /// Looks whether a write was carried out.
    pub(super) async fn was_done(&self, write: &Write) -> Result<Probe, TargetError> {
        match write {
            Write::CreateAccount { user, attributes, roles } => {
                self.was_created(&NewAccount { user, attributes, roles }).await
            }
            Write::UpdateAccount { target_id, external_id, changes, active } => {
                self.was_updated(target_id, external_id.as_ref(), changes, *active).await
            }
            Write::DeleteAccount { target_id } => {
                Ok(if self.read_user(target_id).await?.is_none() { Probe::Done(None) } else { Probe::NotDone })
            }
            Write::SetRoles { target_id, grant, revoke } => {
                let Some(user) = self.read_user(target_id).await? else { return Ok(Probe::NotDone) };
                let Some(attribute) = self.mapping.roles() else { return Ok(Probe::NotDone) };
                Ok(done(shows(&user, attribute, grant, revoke)))
            }
            Write::CreateGroup { name, external_id } => self.was_group_created(name, external_id).await,
            Write::RenameGroup { target_id, name } => {
                let group = self.read_resource("Groups", target_id).await?;
                Ok(done(group.is_some_and(|(group, _)| group.text("displayName") == Some(name))))
            }
            Write::DeleteGroup { target_id } => Ok(done(self.read_resource("Groups", target_id).await?.is_none())),
            Write::ChangeMembers { target_id, add, remove } => self.were_members_changed(target_id, add, remove).await,
        }
    }

    /// Our mark proves a creation. An account of the same name without any mark is ours only if it holds all that was
    /// sent; otherwise somebody else made it, and the next plan may propose to adopt it.
    async fn was_created(&self, new: &NewAccount<'_>) -> Result<Probe, TargetError> {
        let NewAccount { user, attributes, .. } = *new;
        let what = format!("a look-up of the account of {user}");
        let profile = self.profile().await?;
        let Wishes { wishes, .. } = self.mapping.of_account(attributes, &profile);
        let questions = [
            (Key::ExternalId, Some(user.as_str())),
            (Key::UserName, self.mapping.user_name(attributes)),
            (Key::Email, attributes.get(attribute::EMAIL).and_then(Value::as_text)),
        ];
        let mut unanswered = None;
        for (key, value) in questions {
            let Some(value) = value else { continue };
            let found = match self.ask(key, value).await? {
                Asked::Matching(found) => found,
                Asked::Cannot(reason) => {
                    unanswered = Some((key, value, reason));
                    continue;
                }
            };
            match found.as_slice() {
                [] => {}
                [one] => {
                    let is_ours = |account: &Resource| match account.text("externalId") {
                        Some(mark) => mark == user.as_str(),
                        None => wishes.iter().all(|wish| holds(account, wish)),
                    };
                    return Ok(if is_ours(one) { self.created(one, new.roles) } else { Probe::NotDone });
                }
                _ => return Err(errors::unreliable(&what, "several accounts match")),
            }
        }
        match unanswered {
            None => Ok(Probe::NotDone),
            Some((_, _, reason)) => self.was_created_by_walk(new, &what, &reason).await,
        }
    }

    /// The same by the whole list, where filters do not settle it.
    async fn was_created_by_walk(&self, new: &NewAccount<'_>, what: &str, reason: &str) -> Result<Probe, TargetError> {
        let NewAccount { user, attributes, .. } = *new;
        let name = self.mapping.user_name(attributes).unwrap_or_default().to_lowercase();
        let relevant = |account: &Resource| {
            account.text("externalId") == Some(user.as_str())
                || account.text("userName").is_some_and(|shown| shown.to_lowercase() == name)
        };
        let users = match self.walk(List::USERS, |account| relevant(&account).then_some(account)).await {
            Ok(users) => users,
            Err(TargetError::Unreliable { reason: walked, .. }) => {
                return Err(errors::unreliable(what, format!("{reason}; {walked}")));
            }
            Err(other) => return Err(other),
        };
        let marked: Vec<&Resource> =
            users.iter().filter(|account| account.text("externalId") == Some(user.as_str())).collect();
        match marked.as_slice() {
            [] => {}
            [one] => return Ok(self.created(one, new.roles)),
            _ => return Err(errors::unreliable(what, "several accounts match")),
        }
        let profile = self.profile().await?;
        let wishes = self.mapping.of_account(attributes, &profile).wishes;
        let same = users
            .iter()
            .find(|account| account.text("externalId").is_none() && wishes.iter().all(|wish| holds(account, wish)));
        Ok(same.map_or(Probe::NotDone, |account| self.created(account, new.roles)))
    }

    /// An account that was created, with all its roles or without.
    fn created(&self, account: &Resource, roles: &[Role]) -> Probe {
        match self.mapping.roles() {
            Some(list) if shows(account, list, roles, &[]) => Probe::Done(account.id()),
            _ if roles.is_empty() => Probe::Done(account.id()),
            _ => Probe::DoneWithoutRoles(account.id()),
        }
    }

    async fn was_updated(
        &self,
        target_id: &str,
        external_id: Option<&DirectoryId>,
        changes: &[AttributeChange],
        active: Option<bool>,
    ) -> Result<Probe, TargetError> {
        let profile = self.profile().await?;
        let wishes = self.update_wishes(external_id, changes, active, &profile).wishes;
        match self.read_user(target_id).await? {
            // Some targets hide or delete whom they deactivate.
            None => Ok(done(wishes.iter().any(|wish| wish.place == ACTIVE && wish.value == Some(false.into())))),
            Some(user) => Ok(done(wishes.iter().all(|wish| holds(&user, wish)))),
        }
    }

    async fn was_group_created(&self, name: &str, external_id: &str) -> Result<Probe, TargetError> {
        let marked = self.groups_by("externalId", external_id).await?;
        match marked.as_slice() {
            [] => {}
            [id] => return Ok(Probe::Done(Some(id.clone()))),
            _ => return Err(errors::unreliable(&format!("the group {name:?}"), "several groups bear its externalId")),
        }
        // A group of this name without our mark is adopted by the next plan, if at all.
        self.group_named(name).await.map(|_| Probe::NotDone)
    }

    async fn were_members_changed(&self, id: &str, add: &[String], remove: &[String]) -> Result<Probe, TargetError> {
        let Some((group, _)) = self.read_resource("Groups", id).await? else { return Ok(Probe::NotDone) };
        let members = group.values("members");
        if members.is_empty() && (self.known().shows_members != Some(true)) {
            return Ok(Probe::Unclear(format!("the target shows no members of the group {id}")));
        }
        let has = |member: &String| members.contains(&member.as_str());
        let gone = !remove.iter().any(|member| has(member) && !add.contains(member));
        Ok(done(add.iter().all(has) && gone))
    }
}

fn done(yes: bool) -> Probe {
    if yes { Probe::Done(None) } else { Probe::NotDone }
}
