//! What the engine asks of a target and tells it, over SCIM.

use async_trait::async_trait;
use rollcall_kit::CheckFinding;

use super::client::ScimTarget;
use super::paging::List;
use super::resource::Resource;
use super::settings::RoleDelivery;
use super::users::NewAccount;
use crate::apply::{Members, Probe, Target, TargetError, TargetReader, Texts, Write, WriteError, Written};
use crate::guard::AccountMark;
use crate::plan::{Candidates, Matches, Pace, TargetAccount};

#[async_trait]
impl TargetReader for ScimTarget {
    async fn check(&self) -> Result<Vec<CheckFinding>, TargetError> {
        self.findings().await
    }

    fn pace(&self) -> Pace {
        let profile = self.known();
        let usual = Pace::default();
        let most = [self.client.learnt_pace(), self.settings.requests_per_minute].into_iter().flatten().min();
        let seen = profile.calls_per_minute.unwrap_or(usual.calls_per_minute);
        Pace {
            calls_per_minute: most.map_or(seen, |most| most.min(seen)),
            members_per_call: u32::try_from(self.settings.members_per_request).unwrap_or(u32::MAX),
            roles_in_create: self.role_list(&profile).is_some(),
            answers_patch: profile.answers_patch != Some(false),
        }
    }

    fn learnt(&self) -> Option<serde_json::Value> {
        self.learn(|profile| {
            profile.calls_per_minute = self.tempo.per_minute().or(profile.calls_per_minute);
            profile.limit_per_minute = self.client.learnt_pace();
        });
        self.discovered.initialized().then(|| serde_json::to_value(self.known()).ok()).flatten()
    }

    async fn find(&self, candidates: &Candidates, ours: usize) -> Result<Matches, TargetError> {
        self.look_up(candidates, ours).await
    }

    async fn account(&self, target_id: &str) -> Result<Option<TargetAccount>, TargetError> {
        self.read_user(target_id).await?.map(|user| self.as_account(&user)).transpose()
    }

    async fn texts(&self, target_id: &str, attributes: &[&str]) -> Result<Option<Texts>, TargetError> {
        let shown = self.read_user(target_id).await?;
        let of = |user: &Resource| attributes.iter().map(|path| ((*path).to_owned(), user.texts(path))).collect();
        Ok(shown.as_ref().map(of))
    }

    async fn carrier(&self, mark: &AccountMark) -> Result<Option<String>, TargetError> {
        self.carrier_of(mark).await
    }

    async fn group(&self, name: &str) -> Result<Option<String>, TargetError> {
        self.group_named(name).await
    }

    async fn members(&self, group: &str) -> Result<Option<Members>, TargetError> {
        self.members_of(group).await
    }

    async fn accounts(&self) -> Result<Vec<TargetAccount>, TargetError> {
        self.walk(List::USERS, |user| Some(self.as_account(&user))).await?.into_iter().collect()
    }

    async fn probe(&self, write: &Write) -> Result<Probe, TargetError> {
        self.was_done(write).await
    }
}

#[async_trait]
impl Target for ScimTarget {
    fn concurrency(&self) -> usize {
        self.settings.parallel
    }

    fn roles_are_groups(&self) -> bool {
        self.settings.roles == RoleDelivery::Groups
    }

    fn roles_ride(&self) -> bool {
        self.role_list(&self.known()).is_some()
    }

    fn members_per_write(&self) -> usize {
        self.settings.members_per_request
    }

    async fn write(&self, write: &Write) -> Result<Written, WriteError> {
        self.tempo.begins(self.client.stats().calls);
        let written = self.carry_out(write).await;
        self.tempo.ended(self.client.stats().calls);
        written
    }
}

impl ScimTarget {
    async fn carry_out(&self, write: &Write) -> Result<Written, WriteError> {
        match write {
            Write::CreateAccount { user, attributes, roles } => {
                self.create_account(&NewAccount { user, attributes, roles }).await
            }
            Write::UpdateAccount { target_id, external_id, changes, active } => {
                self.update_account(target_id, external_id.as_ref(), changes, *active).await
            }
            Write::DeleteAccount { target_id } => self.delete("Users", target_id).await,
            Write::SetRoles { target_id, grant, revoke } => self.set_roles(target_id, grant, revoke).await,
            Write::CreateGroup { name, external_id } => self.create_group(name, external_id).await,
            Write::RenameGroup { target_id, name } => self.rename_group(target_id, name).await,
            Write::DeleteGroup { target_id } => self.delete("Groups", target_id).await,
            Write::ChangeMembers { target_id, add, remove } => self.change_members(target_id, add, remove).await,
        }
    }
}
