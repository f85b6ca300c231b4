//! The diff: one walk over everybody who is judged or has an account of ours, and what each of them needs.
//!
//! What is decided here, and why:
//!
//! * Somebody who is withheld, and an account whose owner is neither judged nor confirmed to be gone, are left exactly
//!   as they are: no change of any kind names them.
//! * An account that is deactivated keeps its roles and memberships. Without an active account they give access to
//!   nothing, one flag is all that a mistake has to set back, and the limit on deactivations counts each leaver once.
//!   When its owner returns, what they should not have any more is revoked *before* they are let in.
//! * Newcomers who may get an account that is there, and accounts that newcomers may claim, are set aside until everybody
//!   has been seen ([`super::arrivals`]).

use std::collections::{BTreeMap, BTreeSet};

use rollcall_kit::DirectoryId;

use super::attributes::{Compared, against_written, full_name};
use super::carried::{Carried, Collecting};
use super::change::{Action, Cause, GroupKey, Subject};
use super::document::{Basis, Digest, Note, PLAN_VERSION, Plan};
use super::draft::{Draft, Milestone, unique_values};
use super::drafts::Drafts;
use super::edited::{Edited, attribute};
use super::groups::Groups;
use super::holdings::{Holdings, Totals};
use super::kinds::Kinds;
use super::ledger::{LedgerAccount, LedgerGroup};
use super::matching::{GroupMatches, Matches};
use super::merge::{Judged, Met, merge};
use super::order::{self, Arranged};
use super::refusals::Refusals;
use super::settings::PlanSettings;
use super::survey::Survey;
use super::{due, roles};
use crate::roster::account::Attributes;
use crate::roster::{DesiredAccount, Leaving, Reason, Refusal, Standing};

/// Everything that a plan is made from. Both streams are sorted by directory id.
#[derive(Debug)]
pub struct PlanInput<'a, J, L> {
    /// For which organization.
    pub organization: &'a str,
    /// From what the plan is made.
    pub basis: Basis,
    /// The roster's verdicts.
    pub judged: J,
    /// The ledger's accounts.
    pub ledger_accounts: L,
    /// The ledger's groups.
    pub ledger_groups: &'a BTreeMap<GroupKey, LedgerGroup>,
    /// The survey that was made of the same two streams.
    pub survey: &'a Survey,
    /// What the target answered for the survey's candidates.
    pub matches: &'a Matches,
    /// What the target answered for [`super::groups_to_find`].
    pub group_matches: &'a GroupMatches,
    /// Owners of accounts who are confirmed to be gone or out of reach.
    pub absences: &'a BTreeMap<DirectoryId, Leaving>,
    /// The settings.
    pub settings: &'a PlanSettings,
    /// What was edited in the configuration since the last plan that was applied; nothing if nothing was.
    pub edited: Option<&'a Edited>,
    /// Refusals of the rooms before this one that belong to no judgement.
    pub refusals: Vec<Refusal>,
    /// Notes of the rooms before this one.
    pub notes: Vec<Note>,
    /// What is known of everybody who is not in the streams, because they are at rest; nothing if everybody is there.
    pub others: Option<Others>,
}

/// What a plan knows of users who are at rest, which it does not judge.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Others {
    /// What all accounts hold, theirs among them.
    pub totals: Totals,
    /// What an earlier plan refused to them.
    pub refusals: Refusals,
}

/// A plan, and what the guard must know besides it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planned {
    /// The plan.
    pub plan: Plan,
    /// What the accounts of ours hold before it.
    pub holdings: Holdings,
    /// What it carries over to the next plan; nothing if that has to judge everybody.
    pub carried: Option<Carried>,
}

/// Makes the plan.
pub fn plan<J, L>(input: PlanInput<'_, J, L>) -> Planned
where
    J: IntoIterator<Item = Judged>,
    L: IntoIterator<Item = LedgerAccount>,
{
    let mut planner = Planner::new(&input);
    let others = input.others.map(|others| {
        // Within a reason they come in the order of the users, and so do those that follow.
        planner.drafts.refusals.extend(others.refusals);
        others.totals
    });
    for met in merge(input.judged, input.ledger_accounts) {
        planner.meet(met);
    }
    planner.settle_arrivals();
    let Planner { mut drafts, groups, mut holdings, collecting, .. } = planner;
    groups.settle(&mut drafts);
    let met_everybody = others.is_none();
    if let Some(totals) = others {
        holdings.complete(&totals);
    }
    holdings.count_groups(input.ledger_groups);

    drafts.refusals.extend(input.refusals);
    drafts.notes.extend(input.notes);
    let Arranged { changes, estimate, swaps } = order::arrange(drafts.changes, input.settings);
    drafts.refusals.extend(swaps);
    let mut plan = Plan {
        version: PLAN_VERSION,
        organization: input.organization.to_owned(),
        basis: input.basis,
        estimate,
        changes,
        refusals: drafts.refusals.sorted(),
        notes: sorted(drafts.notes),
        active_before: holdings.active,
        undoes: None,
        digest: Digest::default(),
    };
    if let Some(edited) = input.edited {
        attribute(&mut plan, edited);
    }
    let mut carried = collecting.finish(&plan, holdings.accounts);
    if let Some(carried) = carried.as_mut().filter(|_| met_everybody) {
        carried.holders.clone_from(&holdings.holders);
    }
    if !input.settings.sealed {
        plan = without_removals(plan, &holdings);
    }
    Planned { plan, holdings, carried }
}

pub(super) fn sorted<T: Ord>(items: Vec<T>) -> Vec<T> {
    items.into_iter().collect::<BTreeSet<_>>().into_iter().collect()
}

/// A snapshot that does not match its seal may have lost or invented anything; nothing is taken from anybody on its
/// word.
pub(super) fn without_removals(plan: Plan, holdings: &Holdings) -> Plan {
    let removals = plan.changes.of_kinds(Kinds::TAKING).filter(|change| change.action.is_destructive());
    let refused = removals.map(|change| {
        let detail = format!(
            "the directory asks to {} {}, and the snapshot does not match its seal; nothing is removed until a \
             `rollcall apply` has gone through whole, which rebuilds the snapshot from the directory and the target",
            change.action.kind(),
            change.subject.label()
        );
        (change.id, (Reason::SnapshotUnsealed, detail))
    });
    let refused = refused.collect();
    plan.without(&refused, holdings.costs)
}

/// An account of ours that a newcomer may claim, until it is clear whether they do.
pub(super) struct Claimed {
    pub(super) judged: Option<Judged>,
    pub(super) account: LedgerAccount,
}

/// A user who is wanted and has no account of ours.
pub(super) struct Newcomer {
    pub(super) user: DirectoryId,
    pub(super) desired: DesiredAccount,
}

/// An account of ours that a look-up found for somebody else.
pub(super) struct Owner {
    pub(super) label: String,
    /// The address that they give up by this plan, folded, if it is the one value that accounts are recognised by.
    pub(super) gives_up: Option<String>,
}

/// The walk's state.
pub(super) struct Planner<'a> {
    pub(super) settings: &'a PlanSettings,
    pub(super) survey: &'a Survey,
    pub(super) matches: &'a Matches,
    pub(super) absences: &'a BTreeMap<DirectoryId, Leaving>,
    pub(super) drafts: Drafts,
    pub(super) groups: Groups<'a>,
    pub(super) holdings: Holdings,
    collecting: Collecting,
    /// Owners whose accounts newcomers may claim.
    claimable: BTreeSet<&'a DirectoryId>,
    pub(super) claimed: BTreeMap<DirectoryId, Claimed>,
    /// Newcomers that wait until everybody has been met: what comes later may matter for them.
    pub(super) newcomers: Vec<Newcomer>,
    /// The target's ids of all accounts that a look-up found.
    found: BTreeSet<&'a str>,
    /// Those of them that are ours already.
    pub(super) owners: BTreeMap<String, Owner>,
}

impl<'a> Planner<'a> {
    fn new<J, L>(input: &PlanInput<'a, J, L>) -> Self {
        let mut drafts = Drafts::default();
        let groups = Groups::new(input.settings, input.ledger_groups, input.group_matches, &mut drafts);
        Self {
            settings: input.settings,
            survey: input.survey,
            matches: input.matches,
            absences: input.absences,
            drafts,
            groups,
            holdings: Holdings::new(input.settings),
            collecting: Collecting::new(input.others.is_none()),
            claimable: input.survey.claims.values().flatten().collect(),
            claimed: BTreeMap::new(),
            newcomers: Vec::new(),
            found: input.matches.accounts().map(|account| account.target_id.as_str()).collect(),
            owners: BTreeMap::new(),
        }
    }

    fn meet(&mut self, met: Met) {
        self.collecting.meet(&met);
        match met {
            Met::OnlyJudged((user, _, judgement)) => {
                self.drafts.refusals.extend(judgement.refusals);
                if let Standing::Wanted(desired) = judgement.standing {
                    self.meet_newcomer(Newcomer { user, desired: *desired });
                }
            }
            Met::OnlyLedger(account) => self.meet_account(None, account),
            Met::Both(judged, account) => self.meet_account(Some(judged), account),
        }
    }

    fn meet_account(&mut self, mut judged: Option<Judged>, account: LedgerAccount) {
        self.holdings.count(&account, judged.as_ref().map(|(_, label, _)| label.as_str()));
        if let Some((_, _, judgement)) = &mut judged {
            self.drafts.refusals.extend(std::mem::take(&mut judgement.refusals));
        }
        if self.found.contains(account.target_id.as_str()) {
            let gives_up = match judged.as_ref().map(|(_, _, judgement)| &judgement.standing) {
                Some(Standing::Wanted(desired))
                    if self.settings.email_mutable && self.settings.email_is_user_name() =>
                {
                    Some(account.address.folded()).filter(|held| *held != desired.address.folded())
                }
                _ => None,
            };
            self.owners.insert(account.target_id.clone(), Owner { label: account.address.to_string(), gives_up });
        }
        if self.claimable.contains(&account.user) {
            self.claimed.insert(account.user.clone(), Claimed { judged, account });
        } else {
            self.settle_account(judged, &account);
        }
    }

    /// What an account of ours needs.
    pub(super) fn settle_account(&mut self, judged: Option<Judged>, account: &LedgerAccount) {
        let standing = judged.map(|(_, _, judgement)| judgement.standing);
        match standing {
            Some(Standing::Wanted(desired)) => self.keep(&desired, account),
            Some(Standing::Unwanted(leaving)) => self.put_out(leaving, account),
            Some(Standing::Withheld) => {}
            None => match self.absences.get(&account.user) {
                Some(leaving) => self.put_out(leaving.clone(), account),
                None if account.active => self.drafts.note(format!(
                    "{} has an active account of ours, and its owner {} is neither in the directory as last read nor \
                     confirmed to be gone; the account is left as it is",
                    account.address, account.user
                )),
                None => {}
            },
        }
    }

    /// The owner is wanted: their attributes, roles and memberships follow the directory.
    fn keep(&mut self, desired: &DesiredAccount, account: &LedgerAccount) {
        let compared = against_written(desired, &account.written, self.settings);
        self.refuse_email(&compared, &account.user, account.address.as_str());
        let subject = account_subject(account, &desired.attributes);
        let shift = roles::shift(desired, &account.roles, self.settings);

        let needs = if account.active {
            if !compared.changes.is_empty() {
                let action = Action::Update { changes: compared.changes };
                let draft = Draft::new(subject.clone(), action, vec![Cause::AttributesChanged]);
                self.drafts.push(draft.with_unique_values(self.settings));
            }
            Vec::new()
        } else {
            let mut causes = vec![Cause::Returned];
            causes.extend((!compared.changes.is_empty()).then_some(Cause::AttributesChanged));
            let action = Action::Reactivate { changes: compared.changes };
            let draft = Draft::new(subject.clone(), action, causes).needing(revoked(&account.user, &shift));
            self.drafts.push(draft.with_unique_values(self.settings));
            vec![Milestone::Account(account.user.clone())]
        };
        self.revoke(&subject, &shift, &[]);
        self.grant(&subject, &shift, &needs);
        self.groups.follow(&mut self.drafts, &account.user, &subject, &needs);
    }

    /// The owner should have no active account.
    fn put_out(&mut self, leaving: Leaving, account: &LedgerAccount) {
        let subject = account_subject(account, &account.written);
        if account.active {
            self.drafts.push(Draft::new(subject, Action::Deactivate, vec![Cause::Left { leaving }]));
        } else if let Some(days) = due::days_if_due(account, self.settings) {
            let causes = vec![Cause::DeletionDue { days }, Cause::Left { leaving }];
            let mut draft = Draft::new(subject, Action::Delete, causes);
            draft.frees = unique_values(&account.written, self.settings);
            self.drafts.push(draft);
        }
    }

    pub(super) fn refuse_email(&mut self, compared: &Compared, user: &DirectoryId, label: &str) {
        if let Some((before, after)) = &compared.refused_email {
            let detail = format!(
                "the directory changed the address from {before} to {after}, and addresses are immutable in the \
                 target; everything else is updated. Set mutable_email = true if the target can follow"
            );
            self.drafts.refuse(Reason::EmailImmutable, user, label, detail);
        }
    }

    pub(super) fn revoke(&mut self, subject: &Subject, shift: &roles::Shift, needs: &[Milestone]) {
        for role in &shift.revoke {
            let groups = self.settings.managed_roles.get(role).cloned().unwrap_or_default();
            let action = Action::RevokeRole { role: role.clone() };
            let draft = Draft::new(subject.clone(), action, vec![Cause::RoleLost { groups }]);
            self.drafts.push(draft.needing(needs.to_vec()));
        }
    }

    pub(super) fn grant(&mut self, subject: &Subject, shift: &roles::Shift, needs: &[Milestone]) {
        for (role, through) in &shift.grant {
            let mut needs = needs.to_vec();
            if !self.groups.carry(role, &mut needs) {
                continue;
            }
            let action = Action::GrantRole { role: role.clone() };
            let draft = Draft::new(subject.clone(), action, vec![Cause::RoleGiven { through: through.clone() }]);
            self.drafts.push(draft.needing(needs));
        }
    }
}

/// The milestones of all revocations: they are not let in before they are done.
pub(super) fn revoked(user: &DirectoryId, shift: &roles::Shift) -> Vec<Milestone> {
    shift.revoke.iter().map(|role| Milestone::Revoked(user.clone(), role.clone())).collect()
}

/// An account of the ledger as the subject of a change.
pub(super) fn account_subject(account: &LedgerAccount, attributes: &Attributes) -> Subject {
    Subject::Account {
        user: account.user.clone(),
        target_id: Some(account.target_id.clone()),
        label: account.address.to_string(),
        name: full_name(attributes),
    }
}
