//! From mirror and ledger to a reviewed plan.
//!
//! Everything that decides is in the pure rooms; here their questions are carried to directory and target, and the
//! answers back: which groups are gone for good, which newcomers have an account already, which owners are confirmed
//! to be gone. The target is only read.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use rollcall_kit::{DirectoryId, DirectoryUser, HumanDuration, Unreadable};
use tracing::Instrument as _;

use super::build::KnownProfile;
use super::catch_up::note_of_changes;
use super::edited;
use super::error::RunError;
use super::event::Event;
use super::groups::FoundGroups;
use super::session::{Listener, Session};
use super::spans::{step, step_of};
use super::stage::{Doubtful, Extent, Made, Roll, Stage};
use super::verdicts::{Checked, Verdicts, Withheld, with_store};
use crate::guard::{self, Occasion, Protection, Reviewed};
use crate::plan::{
    self, Basis, Candidates, Edited, GoneGroups, GroupKey, GroupMatches, Judged, LedgerAccount, LedgerGroup, Matches,
    Note, PlanInput, PlanSettings, Planned, Survey,
};
use crate::roster::{GroupIndex, Reason, Refusal, Roster, Rules};
use crate::schedule::OpenWindow;
use crate::scim::RoleDelivery;
use crate::snapshot::{Records, StoreError, fact};

impl Session {
    /// Makes a plan from the snapshot as it is, and lets the guard review it.
    ///
    /// # Errors
    ///
    /// If snapshot, directory or target cannot be asked. There is no plan then: half an answer is none.
    pub(super) async fn make_plan(&self, run: &str, roll: Roll, listener: Listener<'_>) -> Result<Made, RunError> {
        let mut notes = self.rebuild_if_unsealed().await?;
        notes.extend(note_of_changes(&roll));
        self.give_back_edits()?;
        if let Some(made) = self.still_at_rest(&roll)? {
            listener(Event::Planned { plan: made.reviewed.shared_plan(), holds: Vec::new() });
            return Ok(made);
        }
        self.plan_from(run, roll, notes, listener).await
    }

    /// Makes a plan from the snapshot as it is, whose ledger is as good as can be had.
    ///
    /// # Errors
    ///
    /// As [`Session::make_plan`].
    pub(super) async fn plan_from(
        &self,
        run: &str,
        mut roll: Roll,
        notes: Vec<Note>,
        listener: Listener<'_>,
    ) -> Result<Made, RunError> {
        let doubtful = std::mem::take(&mut roll.doubtful);
        let (groups, protected) = self.groups_asked_for().instrument(step("look up groups")).await?;
        let ground = self.ground_of(&groups)?;
        let extent = self.extent_of(&ground, &roll, &doubtful)?;
        let judge = |extent| self.stage_over(&groups, doubtful.clone(), extent);
        let mut stage = step("judge").in_scope(|| judge(extent))?;
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
        let mut extent = stage.extent.clone();
        if self.with_owners(&matches, &mut extent)? {
            stage = step("judge").in_scope(|| judge(extent))?;
        }
        // On the first day these are everybody, and nobody needs them any more.
        stage.survey.candidates = Candidates::default();
        let answers = (&matches, &group_matches);
        let is_certain = doubtful.is_empty() && roll.absences.is_empty();
        let planning = async {
            let edited = self.edited(doubtful.clone(), &roll, answers).await?;
            let mut planned = self.diff(&stage, &roll, answers, notes.clone(), edited.as_ref())?;
            if self.is_to_be_compared(&stage.extent)? {
                let everybody = judge(Extent::Everybody)?;
                let of_everybody = self.diff(&everybody, &roll, answers, notes, edited.as_ref())?;
                planned = self.compared(planned, of_everybody, &stage)?;
            }
            self.carry_over(&planned, &stage.extent, &ground)?;
            Ok::<_, RunError>((planned, edited.is_none()))
        };
        let (mut planned, is_unedited) = planning.instrument(step("plan")).await?;
        let guarding = step("guard");
        let protected = protected.map(|groups| self.index_groups(&groups, &stage.extent)).transpose()?;
        let protecting = self.protection(&mut planned.plan, protected.as_ref()).instrument(guarding.clone());
        let protection = protecting.await?;
        self.remember_bindings(stage.roster.groups())?;
        self.forget_deleted_leavers(&stage.roster)?;
        self.remember_profile()?;
        let made = guarding.in_scope(|| self.review(planned, &protection))?;
        let reviewed = &made.reviewed;
        let is_rest = is_certain && is_unedited && !self.asked(&stage, candidates)?;
        if is_rest && matches!(reviewed, Reviewed::Cleared(_)) {
            self.may_rest(run, reviewed.plan())?;
        }
        listener(Event::Planned { plan: reviewed.shared_plan(), holds: reviewed.holds().to_vec() });
        Ok(Made { judged: stage.extent.people().map(BTreeSet::len), changes: roll.changes, ..made })
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

    /// The groups that a rule can reach, and the protected ones.
    async fn groups_asked_for(&self) -> Result<(FoundGroups, Option<FoundGroups>), RunError> {
        let groups = self.find_groups_of(&self.rules).await?;
        let mut deleted = groups.deleted.clone();
        let protected = self.protected_groups(&mut deleted).await?;
        self.keep_if_new(fact::DELETED_GROUPS, &deleted)?;
        Ok((groups, protected))
    }

    /// The first walk: who these people should be under these rules, and what has to be asked because of it. Who gets in
    /// their way is judged with them.
    pub(crate) fn stage_over(
        &self,
        groups: &FoundGroups,
        doubtful: Doubtful,
        mut extent: Extent,
    ) -> Result<Stage, RunError> {
        let mut settings = self.plan_settings();
        let unreadable = self.unreadable()?;
        let mut withheld = self.withheld(&unreadable, doubtful)?;
        settings.protected_roles = groups.rules.protected_roles();
        let roles = groups.rules.mapped_roles();
        let roster = loop {
            let index = self.index_groups(groups, &extent)?;
            let roster = self.roster((groups.rules.clone(), index), &extent, &unreadable)?;
            if !self.with_rivals(&roster, &mut extent)? {
                break roster;
            }
        };
        self.withhold_deleted(&roster, &mut withheld)?;
        let managed = roles.into_iter().map(|role| (role.clone(), roster.groups_of_role(&role)));
        settings.managed_roles = managed.collect();
        let (scope, roles) = roster.gone_groups();
        settings.gone_groups = GoneGroups { scope, roles };
        let mut survey = with_store(|fault| {
            let judged = self.judged(&roster, &withheld, &extent, fault);
            Survey::of(judged, self.accounts(&extent, fault), &settings)
        })?;
        if extent.people().is_some() {
            survey.ours = usize::try_from(self.store.account_counts().active).unwrap_or(usize::MAX);
        }
        let ledger_groups = self.ledger_groups()?;
        Ok(Stage { extent, settings, unreadable, withheld, roster, survey, ledger_groups, is_whole: true })
    }

    /// Accounts of these people.
    pub(super) fn accounts<'a>(
        &'a self,
        extent: &'a Extent,
        fault: &'a RefCell<Option<StoreError>>,
    ) -> Checked<'a, LedgerAccount> {
        let records: Records<'a, LedgerAccount> = match extent {
            Extent::Everybody => self.store.accounts(),
            Extent::These(people) => Box::new(people.iter().filter_map(|user| self.store.account(user).transpose())),
        };
        Checked { records, fault }
    }

    /// Records of these people in the mirror, for these rules.
    fn users<'a>(&'a self, extent: &'a Extent, needs_raw: bool) -> Records<'a, DirectoryUser> {
        match extent {
            Extent::Everybody if !needs_raw => self.store.users_without_raw(),
            Extent::Everybody => self.store.users(),
            Extent::These(people) => Box::new(people.iter().filter_map(|user| self.store.user(user).transpose())),
        }
    }

    /// The second walk: what has to be done.
    pub(crate) fn diff(
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
        let others = self.others(&stage.extent, stage.is_whole)?;
        let mut planned = with_store(|fault| {
            plan::plan(PlanInput {
                organization: self.name(),
                basis,
                judged: self.judged(&stage.roster, &stage.withheld, &stage.extent, fault),
                ledger_accounts: self.accounts(&stage.extent, fault),
                ledger_groups: &stage.ledger_groups,
                survey: &stage.survey,
                matches,
                group_matches,
                absences: &roll.absences,
                settings: &stage.settings,
                edited,
                refusals: stage.roster.groups().refusals().to_vec(),
                notes,
                others,
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
        for group in self.store.group_headers() {
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

    pub(crate) fn review(&self, planned: Planned, protection: &Protection) -> Result<Made, RunError> {
        let decisions = self.decisions()?;
        let occasion = Occasion { decisions: Some(&decisions), ..self.occasion()? };
        let limits = &self.organization.limits;
        let reviewed = guard::review(planned.plan, limits, protection, &occasion, &planned.holdings);
        Ok(Made::reviewed(reviewed, occasion.as_of))
    }

    /// The roster of these people, as far as their records can be understood.
    fn roster(
        &self,
        (rules, groups): (Rules, GroupIndex),
        extent: &Extent,
        unreadable: &BTreeMap<DirectoryId, Unreadable>,
    ) -> Result<Roster, RunError> {
        let needs_raw = rules.needs_raw();
        let users = || {
            let readable = |user: &Result<DirectoryUser, StoreError>| {
                user.as_ref().map_or(true, |user| !unreadable.contains_key(&user.id))
            };
            self.users(extent, needs_raw).filter(readable)
        };
        Ok(Roster::new(rules, groups, users)?)
    }

    /// The roster's verdict on these people, in the order of their ids.
    pub(super) fn judged<'a>(
        &'a self,
        roster: &'a Roster,
        withheld: &'a Withheld,
        extent: &'a Extent,
        fault: &'a RefCell<Option<StoreError>>,
    ) -> impl Iterator<Item = Judged> + 'a {
        let records = self.users(extent, roster.rules().needs_raw());
        Verdicts::new(roster, Checked { records, fault }, withheld)
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

    pub(crate) fn unreadable(&self) -> Result<BTreeMap<DirectoryId, Unreadable>, RunError> {
        Ok(self.store.unreadable()?.into_iter().map(|record| (record.id.clone(), record)).collect())
    }

    pub(super) fn ledger_groups(&self) -> Result<BTreeMap<GroupKey, LedgerGroup>, RunError> {
        let mut groups = BTreeMap::new();
        // Who is in a group that carries a role is in the accounts; only a group that mirrors one is compared by its members.
        for group in self.store.ledger_group_headers() {
            let group = group?;
            let is_mirror = matches!(group.key, GroupKey::Directory(_));
            let group = if is_mirror { self.store.ledger_group(&group.key)?.unwrap_or(group) } else { group };
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

    pub(super) fn basis(&self, roll: &Roll) -> Result<Basis, RunError> {
        Ok(Basis {
            generation: self.store.generation()?,
            certificate: roll.certificate.id()?,
            configuration: self.organization.configuration_hash()?,
        })
    }

    /// What the guard must know besides the plan and what people decided.
    pub(crate) fn occasion(&self) -> Result<Occasion<'static>, RunError> {
        Ok(Occasion {
            first_plan: self.store.fact(fact::APPLIED_RULES)?.is_none(),
            first_plan_waived: self.organization.first_plan_waived,
            keeps_back: self.organization.keeps_back,
            decisions: None,
            blackout: self.blackout(),
            as_of: (self.clock)(),
        })
    }

    /// The blackout that is open now and was not when the plan was reviewed: the run, or a question about the plan, took
    /// until it had begun.
    pub(super) fn new_blackout(&self, reviewed: Option<Timestamp>) -> Option<OpenWindow> {
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
        settings.delete_after = target.delete_after.map(HumanDuration::signed);
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
