//! From mirror and ledger to a reviewed plan.
//!
//! Everything that decides is in the pure rooms; here their questions are carried to directory and target, and the
//! answers back: which groups are gone for good, which newcomers have an account already, which owners are confirmed
//! to be gone. The target is only read.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::PoisonError;

use jiff::Timestamp;
use rollcall_kit::{DirectoryId, DirectoryUser, Unreadable};
use tracing::Instrument as _;

use super::build::KnownProfile;
use super::edited;
use super::error::RunError;
use super::event::Event;
use super::reading::Roll;
use super::session::{Listener, Session};
use super::spans::{step, step_of};
use super::verdicts::{Checked, Verdicts, Withheld, with_store};
use crate::guard::{self, Occasion, Protection, Reviewed};
use crate::plan::{
    self, Basis, Edited, GoneGroups, GroupKey, GroupMatches, Judged, LedgerGroup, Matches, Note, PlanInput,
    PlanSettings, Planned, Survey,
};
use crate::roster::{Bindings, GroupIndex, GroupOutline, Reason, Refusal, Roster, Rules};
use crate::schedule::OpenWindow;
use crate::scim::RoleDelivery;
use crate::snapshot::{StoreError, fact};

/// People of whom it is unknown what the last run did for them, and why it is.
pub(super) type Doubtful = BTreeMap<DirectoryId, String>;

/// What the first walk over mirror and ledger left behind.
pub(super) struct Stage {
    pub(super) settings: PlanSettings,
    pub(super) unreadable: BTreeMap<DirectoryId, Unreadable>,
    pub(super) withheld: Withheld,
    pub(super) roster: Roster,
    pub(super) survey: Survey,
    pub(super) ledger_groups: BTreeMap<GroupKey, LedgerGroup>,
}

impl Session {
    /// Makes a plan from the snapshot as it is, and lets the guard review it.
    ///
    /// # Errors
    ///
    /// If snapshot, directory or target cannot be asked. There is no plan then: half an answer is none.
    pub(super) async fn make_plan(
        &self,
        roll: Roll,
        doubtful: Doubtful,
        listener: Listener<'_>,
    ) -> Result<Reviewed, RunError> {
        let mut notes = self.rebuild_if_unsealed().await?;
        notes.extend(self.note_of_changes());
        self.give_back_edits()?;
        if let Some((run, reviewed)) = self.still_at_rest(&roll, &doubtful)? {
            self.is_unchanged_since(Some(run));
            listener(Event::Planned { plan: reviewed.shared_plan(), holds: Vec::new() });
            return Ok(reviewed);
        }
        self.plan_from(roll, doubtful, notes, listener).await
    }

    /// Makes a plan from the snapshot as it is, whose ledger is as good as can be had.
    ///
    /// # Errors
    ///
    /// As [`Session::make_plan`].
    pub(super) async fn plan_from(
        &self,
        mut roll: Roll,
        doubtful: Doubtful,
        notes: Vec<Note>,
        listener: Listener<'_>,
    ) -> Result<Reviewed, RunError> {
        let (groups, protected) = self.groups_asked_for().instrument(step("look up groups")).await?;
        let judge = || self.stage_under(self.rules.clone(), groups, doubtful.clone());
        let mut stage = step("judge").in_scope(judge)?;
        let unconfirmed: Vec<DirectoryId> =
            stage.survey.unconfirmed.iter().filter(|id| !roll.absences.contains_key(*id)).cloned().collect();
        let absences = self.confirm(&unconfirmed, listener).await?;
        self.trace_the_lost(&absences)?;
        roll.absences.extend(self.doubted(absences).await?);
        self.remember(&roll.absences)?;
        listener(Event::Matching { candidates: stage.survey.candidates.len() as u64 });
        let matching = async {
            let matches = self.reader().find(&stage.survey.candidates, stage.survey.ours).await?;
            Ok::<_, RunError>((matches, self.find_groups(&stage).await?))
        };
        let candidates = stage.survey.candidates.len();
        let (matches, group_matches) = matching.instrument(step_of("look up accounts", candidates)).await?;
        // On the first day these are everybody, and nobody needs them any more.
        stage.survey.candidates = Vec::new();
        let answers = (&matches, &group_matches);
        let is_certain = doubtful.is_empty() && roll.absences.is_empty();
        let planning = async {
            let edited = self.edited(doubtful, &roll, answers).await?;
            let planned = self.diff(&stage, &roll, answers, notes, edited.as_ref())?;
            Ok::<_, RunError>((planned, edited.is_none()))
        };
        let (mut planned, is_unedited) = planning.instrument(step("plan")).await?;
        let guarding = step("guard");
        let protecting = self.protection(&mut planned.plan, protected.as_ref()).instrument(guarding.clone());
        let protection = protecting.await?;
        self.remember_bindings(stage.roster.groups())?;
        self.forget_deleted_leavers(&stage.roster)?;
        self.remember_profile()?;
        let reviewed = guarding.in_scope(|| self.review(planned, &protection))?;
        let is_rest = is_certain && is_unedited && !self.asked(&stage, candidates)?;
        if is_rest && matches!(reviewed, Reviewed::Cleared(_)) {
            self.may_rest(reviewed.plan())?;
        }
        listener(Event::Planned { plan: reviewed.shared_plan(), holds: reviewed.holds().to_vec() });
        Ok(reviewed)
    }

    /// Whether directory or target were asked something for this plan that they may answer otherwise the next time.
    fn asked(&self, stage: &Stage, candidates: usize) -> Result<bool, RunError> {
        let deleted = self.store.fact(fact::DELETED_GROUPS)?;
        let is_some_group_gone = deleted.is_some_and(|deleted| deleted.as_array().is_none_or(|ids| !ids.is_empty()));
        Ok(candidates > 0
            || !stage.survey.unconfirmed.is_empty()
            || is_some_group_gone
            || !stage.roster.groups().findings().is_empty()
            || !stage.roster.groups().refusals().is_empty()
            || !plan::groups_to_find(&stage.settings, &stage.ledger_groups).is_empty())
    }

    /// Who is in which group that a rule can reach, and in which protected one.
    async fn groups_asked_for(&self) -> Result<(GroupIndex, Option<GroupIndex>), RunError> {
        let (groups, mut deleted) = self.group_index(&self.rules).await?;
        let protected = self.protected_groups(&mut deleted).await?;
        self.keep_if_new(fact::DELETED_GROUPS, &deleted)?;
        Ok((groups, protected))
    }

    /// What the next run would plan, as far as the snapshot alone can tell: nobody is looked up anywhere, so whoever
    /// has no account of ours yet may turn out to have one already.
    pub(super) fn plan_offline(&self) -> Result<(Stage, Reviewed), RunError> {
        let groups = self.group_index_offline(&self.rules)?;
        let stage = self.stage_under(self.rules.clone(), groups, Doubtful::new())?;
        let roll = self.last_roll()?;
        let edited = self.edited_offline(&roll)?;
        let answers = (&Matches::new(), &GroupMatches::new());
        let mut planned = self.diff(&stage, &roll, answers, Vec::new(), edited.as_ref())?;
        let protection = self.protection_offline(&mut planned.plan)?;
        let reviewed = self.review(planned, &protection)?;
        Ok((stage, reviewed))
    }

    /// The first walk: who everybody should be under these rules, and what has to be asked because of it.
    pub(super) fn stage_under(&self, rules: Rules, groups: GroupIndex, doubtful: Doubtful) -> Result<Stage, RunError> {
        let mut settings = self.plan_settings();
        let unreadable = self.unreadable()?;
        let mut withheld = self.withheld(&unreadable, doubtful)?;
        settings.protected_roles = rules.protected_roles();
        let roles = rules.mapped_roles();
        let roster = self.roster(rules, groups, &unreadable)?;
        self.withhold_deleted(&roster, &mut withheld)?;
        let managed = roles.into_iter().map(|role| (role.clone(), roster.groups_of_role(&role)));
        settings.managed_roles = managed.collect();
        let (scope, roles) = roster.gone_groups();
        settings.gone_groups = GoneGroups { scope, roles };
        let survey = with_store(|fault| {
            let judged = self.judged(&roster, &withheld, fault);
            Survey::of(judged, Checked { records: self.store.accounts(), fault }, &settings)
        })?;
        Ok(Stage { settings, unreadable, withheld, roster, survey, ledger_groups: self.ledger_groups()? })
    }

    /// The second walk: what has to be done.
    pub(super) fn diff(
        &self,
        stage: &Stage,
        roll: &Roll,
        (matches, group_matches): (&Matches, &GroupMatches),
        mut notes: Vec<Note>,
        edited: Option<&Edited>,
    ) -> Result<Planned, RunError> {
        notes.extend(edited.map(edited::note));
        let basis = self.basis(roll)?;
        notes.extend(group_notes(stage.roster.groups()));
        notes.extend(self.census_notes(stage.roster.groups())?);
        notes.extend(self.notes_of_held_groups(&stage.unreadable)?);
        let mut planned = with_store(|fault| {
            plan::plan(PlanInput {
                organization: self.name(),
                basis,
                judged: self.judged(&stage.roster, &stage.withheld, fault),
                ledger_accounts: Checked { records: self.store.accounts(), fault },
                ledger_groups: &stage.ledger_groups,
                survey: &stage.survey,
                matches,
                group_matches,
                absences: &roll.absences,
                settings: &stage.settings,
                edited,
                refusals: stage.roster.groups().refusals().to_vec(),
                notes,
            })
        })?;
        self.found()?.name_causes(&mut planned.plan.changes);
        Ok(planned)
    }

    /// A group that cannot be read keeps the members that the mirror has of it, and with them their roles. The reader
    /// of the plan should know that they may be those of yesterday.
    fn notes_of_held_groups(&self, unreadable: &BTreeMap<DirectoryId, Unreadable>) -> Result<Vec<Note>, RunError> {
        let mut notes = Vec::new();
        if unreadable.is_empty() {
            return Ok(notes);
        }
        for group in self.store.groups() {
            let group = group?;
            if let Some(odd) = unreadable.get(&group.id) {
                let sentence = format!(
                    "The group {} could not be read ({}: {}). It counts with the members that it had when it was last \
                     read, so nobody loses a role because of it.",
                    group.name, odd.label, odd.problem
                );
                notes.push(Note { sentence, holds: false });
            }
        }
        Ok(notes)
    }

    pub(super) fn review(&self, planned: Planned, protection: &Protection) -> Result<Reviewed, RunError> {
        let decisions = self.decisions()?;
        let occasion = Occasion { decisions: Some(&decisions), ..self.occasion()? };
        self.is_reviewed(occasion.as_of);
        Ok(guard::review(planned.plan, &self.organization.limits, protection, &occasion, &planned.holdings))
    }

    /// The roster of everybody in the mirror whose record can be understood.
    pub(super) fn roster(
        &self,
        rules: Rules,
        groups: GroupIndex,
        unreadable: &BTreeMap<DirectoryId, Unreadable>,
    ) -> Result<Roster, RunError> {
        let users = || {
            let readable = |user: &Result<DirectoryUser, StoreError>| {
                user.as_ref().map_or(true, |user| !unreadable.contains_key(&user.id))
            };
            self.store.users().filter(readable)
        };
        Ok(Roster::new(rules, groups, users)?)
    }

    /// The roster's verdict on everybody, in the order of their ids.
    pub(super) fn judged<'a>(
        &'a self,
        roster: &'a Roster,
        withheld: &'a Withheld,
        fault: &'a RefCell<Option<StoreError>>,
    ) -> impl Iterator<Item = Judged> + 'a {
        Verdicts::new(roster, Checked { records: self.store.users(), fault }, withheld)
    }

    /// Who is in which group that a rule can reach. Groups that rules name and the reading did not bring are looked
    /// up by id: only what the directory itself calls gone counts as a group without members. Yields those, too.
    pub(super) async fn group_index(&self, rules: &Rules) -> Result<(GroupIndex, BTreeSet<DirectoryId>), RunError> {
        self.group_index_bound(rules, &self.bindings()?).await
    }

    /// The same with these bindings of names.
    pub(super) async fn group_index_bound(
        &self,
        rules: &Rules,
        bindings: &Bindings,
    ) -> Result<(GroupIndex, BTreeSet<DirectoryId>), RunError> {
        let mut outline = GroupOutline::default();
        for group in self.store.groups() {
            outline.add(&group?);
        }
        let mut deleted = BTreeSet::new();
        for (_, id) in outline.unresolved(rules, bindings) {
            if let Some(id) = id.filter(|id| !deleted.contains(id))
                && self.connector.look_up_group(&id).await?.is_none()
            {
                deleted.insert(id);
            }
        }
        Ok((self.index_groups(rules, outline, bindings, &deleted)?, deleted))
    }

    /// The same from the snapshot alone: gone is what the last run's look-ups called gone.
    pub(super) fn group_index_offline(&self, rules: &Rules) -> Result<GroupIndex, RunError> {
        self.group_index_offline_bound(rules, &self.bindings()?)
    }

    /// The same with these bindings of names.
    pub(super) fn group_index_offline_bound(&self, rules: &Rules, bindings: &Bindings) -> Result<GroupIndex, RunError> {
        let mut outline = GroupOutline::default();
        for group in self.store.groups() {
            outline.add(&group?);
        }
        let deleted = match self.store.fact(fact::DELETED_GROUPS)? {
            Some(json) => serde_json::from_value(json)
                .map_err(|error| RunError::Internal(format!("the kept deletions cannot be read: {error}")))?,
            None => BTreeSet::new(),
        };
        self.index_groups(rules, outline, bindings, &deleted)
    }

    fn index_groups(
        &self,
        rules: &Rules,
        outline: GroupOutline,
        bindings: &Bindings,
        deleted: &BTreeSet<DirectoryId>,
    ) -> Result<GroupIndex, RunError> {
        let mut builder = outline.index(rules, bindings, deleted);
        for group in self.store.groups() {
            builder.add(&group?);
        }
        Ok(builder.finish())
    }

    pub(super) fn bindings(&self) -> Result<Bindings, RunError> {
        self.bindings_under(fact::BINDINGS)
    }

    pub(super) fn bindings_under(&self, name: &str) -> Result<Bindings, RunError> {
        match self.store.fact(name)? {
            Some(json) => serde_json::from_value(json)
                .map_err(|error| RunError::Internal(format!("the kept group bindings cannot be read: {error}"))),
            None => Ok(Bindings::new()),
        }
    }

    fn remember_bindings(&self, groups: &GroupIndex) -> Result<(), RunError> {
        self.keep_if_new(fact::BINDINGS, groups.bindings())
    }

    /// Keeps a fact, unless it is kept already.
    pub(super) fn keep_if_new(&self, name: &str, fact: &impl serde::Serialize) -> Result<(), RunError> {
        let json = serde_json::to_value(fact).map_err(|error| RunError::Internal(error.to_string()))?;
        if self.store.fact(name)?.as_ref() != Some(&json) {
            self.store.set_fact(name, &json)?;
        }
        Ok(())
    }

    /// Keeps what was learnt of the target for later runs.
    pub(super) fn remember_profile(&self) -> Result<(), RunError> {
        match self.reader().learnt() {
            Some(profile) => KnownProfile::keep(&self.organization, profile, &*self.store, (self.clock)()),
            None => Ok(()),
        }
    }

    /// Whom nothing is done to: records that could not be understood, and people of whom it is unknown what the last
    /// run did for them.
    fn withheld(
        &self,
        unreadable: &BTreeMap<DirectoryId, Unreadable>,
        doubtful: Doubtful,
    ) -> Result<Withheld, RunError> {
        let mut withheld = Withheld::new();
        for (user, reason) in doubtful {
            let label = match self.store.user(&user)? {
                Some(known) => known.label(),
                None => self.store.account(&user)?.map_or_else(|| user.to_string(), |known| known.address.to_string()),
            };
            let detail = format!(
                "the last run ended while it wrote to this account, and the target does not tell whether it did \
                 ({reason}); nothing is done until it does"
            );
            withheld.insert(user.clone(), Refusal { reason: Reason::WriteUnknown, user: Some(user), label, detail });
        }
        let odd = unreadable.values().map(|odd| {
            let (id, label, detail) = (odd.id.clone(), odd.label.clone(), odd.problem.clone());
            (id.clone(), Refusal { reason: Reason::RecordUnreadable, user: Some(id), label, detail })
        });
        withheld.extend(odd);
        Ok(withheld)
    }

    pub(super) fn unreadable(&self) -> Result<BTreeMap<DirectoryId, Unreadable>, RunError> {
        Ok(self.store.unreadable()?.into_iter().map(|record| (record.id.clone(), record)).collect())
    }

    pub(super) fn ledger_groups(&self) -> Result<BTreeMap<GroupKey, LedgerGroup>, RunError> {
        let mut groups = BTreeMap::new();
        for group in self.store.ledger_groups() {
            let group = group?;
            groups.insert(group.key.clone(), group);
        }
        Ok(groups)
    }

    async fn find_groups(&self, stage: &Stage) -> Result<GroupMatches, RunError> {
        let mut matches = GroupMatches::new();
        for name in plan::groups_to_find(&stage.settings, &stage.ledger_groups) {
            let found = self.reader().group(&name).await?;
            matches.insert(name, found);
        }
        Ok(matches)
    }

    pub(super) fn basis(&self, roll: &Roll) -> Result<Basis, StoreError> {
        Ok(Basis {
            generation: self.store.generation()?,
            certificate: roll.certificate.id(),
            configuration: self.organization.configuration_hash(),
        })
    }

    /// What the guard must know besides the plan and what people decided.
    pub(super) fn occasion(&self) -> Result<Occasion<'static>, RunError> {
        Ok(Occasion {
            first_plan: self.store.fact(fact::APPLIED_RULES)?.is_none(),
            first_plan_waived: self.organization.first_plan_waived,
            keeps_back: self.organization.keeps_back,
            decisions: None,
            blackout: self.blackout(),
            as_of: (self.clock)(),
        })
    }

    /// Remembers when a plan was reviewed.
    pub(super) fn is_reviewed(&self, at: Timestamp) {
        *self.reviewed.lock().unwrap_or_else(PoisonError::into_inner) = Some(at);
    }

    /// The blackout that is open now and was not when the plan was reviewed: the run, or a question about the plan, took
    /// until it had begun.
    pub(super) fn new_blackout(&self) -> Option<OpenWindow> {
        let reviewed = *self.reviewed.lock().unwrap_or_else(PoisonError::into_inner);
        self.blackout().filter(|open| reviewed.is_some_and(|reviewed| open.since > reviewed))
    }

    /// The blackout that is open now.
    pub(super) fn blackout(&self) -> Option<OpenWindow> {
        self.organization.blackouts.at((self.clock)())
    }

    fn plan_settings(&self) -> PlanSettings {
        let target = &self.organization.target;
        let mut settings = PlanSettings::new((self.clock)());
        settings.email_mutable = target.mutable_email;
        settings.role_delivery_is_groups = target.roles == RoleDelivery::Groups;
        settings.delete_after_days = target.delete_after_days;
        settings.user_name_attribute = target.user_name.clone();
        settings.sealed = self.store.is_sealed();
        settings.pace = self.reader().pace();
        settings
    }
}

/// What the groups have to say to the reader of the plan.
fn group_notes(groups: &GroupIndex) -> Vec<Note> {
    groups.findings().iter().map(|finding| Note { sentence: finding.sentence.clone(), holds: finding.holds }).collect()
}
