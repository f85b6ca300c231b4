//! Arrivals: what happens to users who are wanted and have no account of ours.
//!
//! In this order: an account of ours that carries their address and whose owner is out passes to them (relink); an
//! account in the target that is clearly theirs is adopted; if there is reliably none, one is created. Everything else is
//! a refusal that names everybody concerned: two claims on one account, several accounts, an answer that cannot be
//! relied on. Nothing is ever created when it might be there already.

use std::collections::{BTreeMap, BTreeSet};

use rollcall_kit::DirectoryId;

use super::attributes::{against_target, against_written, full_name};
use super::change::{Action, Cause, Origin, Subject};
use super::diff::{Newcomer, Planner, account_subject, revoked};
use super::draft::{Draft, Milestone};
use super::ledger::LedgerAccount;
use super::matching::{Match, TargetAccount};
use super::roles;
use crate::roster::{DesiredAccount, Reason, Role, Standing};

impl Planner<'_> {
    /// A user who claims no account of ours and has none in the target gets a new one, whatever others claim: on the first
    /// day these are everybody, and none of them is kept until the end. The others are set aside.
    pub(super) fn meet_newcomer(&mut self, newcomer: Newcomer) {
        let claims = self.survey.claims.contains_key(&newcomer.user);
        if !claims && self.matches.get(&newcomer.user) == Some(&Match::None) {
            self.create(newcomer);
        } else {
            self.newcomers.push(newcomer);
        }
    }

    /// Settles everybody who was set aside.
    pub(super) fn settle_arrivals(&mut self) {
        let newcomers = std::mem::take(&mut self.newcomers);
        let (claiming, others): (Vec<_>, Vec<_>) =
            newcomers.into_iter().partition(|newcomer| self.survey.claims.contains_key(&newcomer.user));
        let contested = claimants_of(&claiming, |newcomer| self.vacated_by_claim(newcomer));
        for newcomer in &claiming {
            self.settle_claim(newcomer, &contested);
        }
        for (_, claimed) in std::mem::take(&mut self.claimed) {
            self.settle_account(claimed.judged, &claimed.account);
        }
        let matches = self.matches;
        let contested = claimants_of(&others, |newcomer| match matches.get(&newcomer.user) {
            Some(Match::One(account, _)) => vec![account.target_id.as_str()],
            _ => Vec::new(),
        });
        for newcomer in others {
            self.settle_match(newcomer, &contested);
        }
    }

    /// The accounts of ours with the newcomer's address whose owners are out.
    fn vacated_by_claim(&self, newcomer: &Newcomer) -> Vec<DirectoryId> {
        let owners = self.survey.claims.get(&newcomer.user).into_iter().flatten();
        owners.filter(|owner| self.is_vacated(owner)).cloned().collect()
    }

    fn is_vacated(&self, owner: &DirectoryId) -> bool {
        self.claimed.get(owner).is_some_and(|claimed| match &claimed.judged {
            Some((_, _, judgement)) => matches!(judgement.standing, Standing::Unwanted(_)),
            None => self.absences.contains_key(owner),
        })
    }

    /// A newcomer whose address an account of ours carries: the account passes to them if its owner is out.
    fn settle_claim(&mut self, newcomer: &Newcomer, contested: &BTreeMap<DirectoryId, Vec<String>>) {
        let label = newcomer.desired.address.to_string();
        let refuse = |planner: &mut Self, reason, detail| {
            planner.drafts.refuse(reason, &newcomer.user, &label, detail);
        };
        let claims = self.survey.claims.get(&newcomer.user).map(Vec::as_slice).unwrap_or_default();
        let vacated = self.vacated_by_claim(newcomer);
        if let Some(owner) = claims.iter().find(|owner| !vacated.contains(owner)) {
            let detail = format!(
                "{} has the address {label}, which the account of {owner} still carries, and {owner} is not known to \
                 have left; nothing is done for {0} until it has another address in the directory, or the account of \
                 {owner} another one in the target",
                newcomer.user
            );
            return refuse(self, Reason::AddressConflict, detail);
        }
        let [owner] = vacated.as_slice() else {
            let owners = names(vacated.iter().map(DirectoryId::as_str));
            let detail = format!(
                "several accounts of ours carry the address {label}, those of {owners}; nothing is done for {} until \
                 only one of them does",
                newcomer.user
            );
            return refuse(self, Reason::MatchAmbiguous, detail);
        };
        if let Some(rivals) = contested.get(owner) {
            let detail = format!(
                "{} claim the account {label}, which {owner} left; it is given to none of them until the directory \
                 says whose it is",
                names(rivals.iter().map(String::as_str))
            );
            return refuse(self, Reason::AccountContested, detail);
        }
        if let Some(claimed) = self.claimed.remove(owner) {
            self.relink(newcomer, &claimed.account);
        }
    }

    /// The account of one who is out passes to a new directory id of the same address.
    ///
    /// What the new owner should not have is revoked first, while the account is still the old one's, so that they
    /// never has it.
    fn relink(&mut self, newcomer: &Newcomer, account: &LedgerAccount) {
        let Newcomer { user, desired } = newcomer;
        let compared = against_written(desired, &account.written, self.settings);
        self.refuse_email(&compared, user, account.address.as_str());
        let shift = roles::shift(desired, &account.roles, self.settings);
        self.revoke(&account_subject(account, &account.written), &shift, &[]);

        let subject = subject(user, Some(&account.target_id), desired);
        let action =
            Action::Relink { from: account.user.clone(), changes: compared.changes, activate: !account.active };
        let draft = Draft::new(subject.clone(), action, vec![Cause::Returned]);
        let draft = draft.needing(revoked(&account.user, &shift));
        self.drafts.push(draft.with_unique_values(self.settings));
        let needs = [Milestone::Account(user.clone())];
        self.grant(&subject, &shift, &needs);
        self.groups.follow_relinked(&mut self.drafts, (&account.user, user), &subject, &needs);
    }

    /// A newcomer who was looked up in the target.
    fn settle_match(&mut self, newcomer: Newcomer, contested: &BTreeMap<&str, Vec<String>>) {
        let matches = self.matches;
        match matches.get(&newcomer.user) {
            Some(Match::None) => self.create(newcomer),
            Some(Match::One(account, by)) => self.settle_found(newcomer, account, by, contested),
            Some(Match::Many(accounts)) => {
                let found = names(accounts.iter().map(|(id, name)| format!("{name} ({id})")));
                let detail = format!("several accounts in the target match: {found}; leave only one that does");
                self.refuse(&newcomer, Reason::MatchAmbiguous, detail);
            }
            Some(Match::Unknown(why)) => self.refuse(&newcomer, Reason::MatchUnknown, unknown(why)),
            None => self.refuse(&newcomer, Reason::MatchUnknown, unknown("nobody looked")),
        }
    }

    fn settle_found(
        &mut self,
        newcomer: Newcomer,
        account: &TargetAccount,
        by: &'static str,
        contested: &BTreeMap<&str, Vec<String>>,
    ) {
        if let Some(owner) = self.owners.get(&account.target_id) {
            // The address is about to be given up: the account is not theirs, and their own comes after that. Where user
            // name and address are two values, the other one may lead to yet another account, so they wait for a run.
            if by != "externalId" && owner.gives_up == Some(newcomer.desired.address.folded()) {
                return self.create(newcomer);
            }
            let detail = format!(
                "the account {} ({}) in the target matches {} by {by}, and it is that of {} already; nothing is done \
                 for this user until the value by which it matches is corrected in the target or in the directory",
                account.user_name, account.target_id, newcomer.desired.address, owner.label
            );
            return self.refuse(&newcomer, Reason::AccountContested, detail);
        }
        if let Some(rivals) = contested.get(account.target_id.as_str()) {
            let detail = format!(
                "{} match the same account in the target, {} ({}); nothing is applied to any of them until it carries \
                 the user name and the address of only one of them",
                names(rivals.iter().map(String::as_str)),
                account.user_name,
                account.target_id
            );
            return self.refuse(&newcomer, Reason::AccountContested, detail);
        }
        self.adopt(&newcomer, account, by);
    }

    fn create(&mut self, mut newcomer: Newcomer) {
        let subject = subject(&newcomer.user, None, &newcomer.desired);
        let action = Action::Create { attributes: std::mem::take(&mut newcomer.desired.attributes) };
        let draft = Draft::new(subject.clone(), action, vec![Cause::Joined]);
        self.drafts.push(draft.with_unique_values(self.settings));
        self.furnish(&newcomer, &subject, &BTreeSet::new());
    }

    fn adopt(&mut self, newcomer: &Newcomer, account: &TargetAccount, by: &str) {
        let Newcomer { user, desired } = newcomer;
        let compared = against_target(&desired.attributes, &account.attributes, self.settings);
        let subject = subject(user, Some(&account.target_id), desired);
        self.refuse_email(&compared, user, subject.label());
        let action = Action::Adopt { matched_by: by.to_owned(), changes: compared.changes, activate: !account.active };
        let causes = vec![Cause::Joined, Cause::FoundInTarget { origin: Origin::Adopted }];
        self.drafts.push(Draft::new(subject.clone(), action, causes).with_unique_values(self.settings));
        self.furnish(newcomer, &subject, &account.roles.iter().cloned().collect());
    }

    /// Roles and memberships of an account that has just become ours. Roles that it has already and should have are
    /// granted all the same: that changes nothing in the target, and makes them ours to revoke.
    fn furnish(&mut self, newcomer: &Newcomer, subject: &Subject, has: &BTreeSet<Role>) {
        let Newcomer { user, desired } = newcomer;
        let needs = [Milestone::Account(user.clone())];
        let revoke = roles::shift(desired, has, self.settings).revoke;
        let grant = roles::shift(desired, &BTreeSet::new(), self.settings).grant;
        let shift = roles::Shift { grant, revoke };
        // An account is not ours before it is adopted, so here the revocations come after the arrival.
        self.revoke(subject, &shift, &needs);
        self.grant(subject, &shift, &needs);
        self.groups.follow(&mut self.drafts, user, subject, &needs);
    }

    fn refuse(&mut self, newcomer: &Newcomer, reason: Reason, detail: String) {
        self.drafts.refuse(reason, &newcomer.user, newcomer.desired.address.as_str(), detail);
    }
}

/// What more than one newcomer claims, with the names of all who do. Usually that is nothing, however many claim
/// something.
fn claimants_of<K: Ord>(newcomers: &[Newcomer], claims: impl Fn(&Newcomer) -> Vec<K>) -> BTreeMap<K, Vec<String>> {
    let mut all: Vec<K> = newcomers.iter().flat_map(&claims).collect();
    all.sort_unstable();
    let mut claimants: BTreeMap<K, Vec<String>> = BTreeMap::new();
    for newcomer in newcomers {
        for claim in claims(newcomer) {
            let from = all.partition_point(|other| *other < claim);
            if all.get(from + 1) == Some(&claim) {
                let name = format!("{} ({})", newcomer.desired.address, newcomer.user);
                claimants.entry(claim).or_default().push(name);
            }
        }
    }
    claimants
}

fn subject(user: &DirectoryId, target_id: Option<&str>, desired: &DesiredAccount) -> Subject {
    Subject::Account {
        user: user.clone(),
        target_id: target_id.map(ToOwned::to_owned),
        label: desired.address.to_string(),
        name: full_name(&desired.attributes),
    }
}

fn unknown(why: &str) -> String {
    format!(
        "nobody can say whether the target has an account for this user already ({why}); nothing is created until it \
             can tell. What it can be asked, `rollcall check` says"
    )
}

/// "a", "a and b", "a, b and c".
fn names(items: impl Iterator<Item = impl AsRef<str>>) -> String {
    let mut items: Vec<String> = items.map(|item| item.as_ref().to_owned()).collect();
    match items.pop() {
        None => "nobody".to_owned(),
        Some(last) if items.is_empty() => last,
        Some(last) => format!("{} and {last}", items.join(", ")),
    }
}
