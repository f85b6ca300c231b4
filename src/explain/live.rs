//! What directory and target answer about somebody now, and so whether the sign-in to each is valid. Nothing is written.

use rollcall_kit::{Address, DirectoryId, DirectoryUser, LookUp};

use super::outlook::Expected;
use super::search::described;
use super::telling::active;
use super::{Explanation, GateVerdict, Known};
use crate::apply::{TargetError, TargetReader};
use crate::plan::{Candidate, Candidates, LedgerAccount, Match, TargetAccount};
use crate::run::RunError;
use crate::run::Session;

const DIRECTORY: &str = "directory now";
const TARGET: &str = "target now";

impl Session {
    /// Asks the directory for an address that the snapshot does not know. True if somebody has it now.
    pub(super) async fn ask_directory_for(&self, who: &str, answer: &mut Explanation) -> bool {
        let Some(address) = Address::parse(who) else {
            answer.tell(GateVerdict::Told, DIRECTORY, "not asked: only an address can be asked for");
            return false;
        };
        let (verdict, detail, known) = match self.connector.look_up_address(&address).await {
            Ok(users) if users.is_empty() => {
                (GateVerdict::Stopped, "nobody has this address there either; the sign-in is valid".to_owned(), false)
            }
            Ok(users) => {
                let who: Vec<String> = users.iter().map(described).collect();
                (GateVerdict::Told, format!("{}; the sign-in is valid", who.join(", ")), true)
            }
            Err(error) => (GateVerdict::Stopped, error.to_string(), false),
        };
        answer.tell(verdict, DIRECTORY, detail);
        known
    }

    /// Asks the directory whether what was read of them is still true.
    pub(super) async fn ask_directory(&self, user: &DirectoryUser, answer: &mut Explanation) {
        let (verdict, detail) = match self.connector.look_up(&user.id).await {
            Ok(LookUp::Found(now)) if *now == *user => {
                (GateVerdict::Passed, "the same as last read; the sign-in is valid".to_owned())
            }
            Ok(LookUp::Found(now)) => {
                (GateVerdict::Told, format!("changed since it was last read: {}, {}", described(&now), now.raw_status))
            }
            Ok(LookUp::OutOfReach(_, why)) => (GateVerdict::Stopped, why),
            Ok(LookUp::Gone) => (GateVerdict::Stopped, "nobody has this id any more".to_owned()),
            Err(error) => (GateVerdict::Stopped, error.to_string()),
        };
        answer.tell(verdict, DIRECTORY, detail);
    }

    /// Asks the target for their account, or, if they have none of ours, for one that could be theirs. Yields what is to be
    /// expected of the next run's look-up.
    pub(super) async fn ask_target(
        &self,
        user: &DirectoryId,
        known: &Known,
        expected: Expected,
        answer: &mut Explanation,
    ) -> Expected {
        let (verdict, detail, expected) = match self.store.account(user) {
            Ok(Some(account)) => {
                let (verdict, detail) = account_now(self.reader(), &account).await;
                (verdict, detail, expected)
            }
            Ok(None) => match known.next.stage.survey.candidates.find(user) {
                Some(candidate) => self.candidate_now(candidate, known.next.stage.survey.ours, expected).await,
                None => return expected,
            },
            Err(error) => (GateVerdict::Stopped, error.to_string(), expected),
        };
        answer.tell(verdict, TARGET, detail);
        expected
    }

    async fn candidate_now(
        &self,
        candidate: Candidate,
        ours: usize,
        before: Expected,
    ) -> (GateVerdict, String, Expected) {
        let user = candidate.user.clone();
        let found = self.reader().find(&Candidates::from_iter([candidate]), ours).await;
        let (verdict, detail, now) = match found.map(|found| found.get(&user).cloned()) {
            Ok(Some(Match::None)) => (GateVerdict::Told, "no account matches".to_owned(), Expected::Nobody),
            Ok(Some(Match::One(account, by))) => match self.owner_of(&account) {
                Ok(Some(owner)) => (
                    GateVerdict::Stopped,
                    format!("{} matches by {by}, and it is the account of {owner} already", account.user_name),
                    Expected::Refused,
                ),
                // Others may match it too, which only a look-up of everybody shows: what the last run found stands.
                Ok(None) if before == Expected::RefusedBefore => {
                    (GateVerdict::Told, format!("{} matches by {by}", account.user_name), Expected::RefusedBefore)
                }
                Ok(None) => (
                    GateVerdict::Told,
                    format!("{} matches by {by}", account.user_name),
                    Expected::One(account.user_name.clone()),
                ),
                Err(error) => (GateVerdict::Stopped, error.to_string(), before.clone()),
            },
            Ok(Some(Match::Many(several))) => {
                let names: Vec<String> = several.iter().map(|(id, name)| format!("{name} ({id})")).collect();
                (GateVerdict::Stopped, format!("several accounts match: {}", names.join(", ")), Expected::Refused)
            }
            Ok(Some(Match::Unknown(why))) => (GateVerdict::Stopped, why, Expected::Refused),
            Ok(None) => {
                (GateVerdict::Stopped, "the target gave no answer about this user".to_owned(), Expected::Refused)
            }
            Err(error) => return (GateVerdict::Stopped, TargetError::to_string(&error), before),
        };
        // A write that is left open is settled before anybody is matched.
        let expected = if before == Expected::Unsettled { before } else { now };
        (verdict, format!("{detail}; the sign-in is valid"), expected)
    }

    /// Whose account of ours this is.
    fn owner_of(&self, found: &TargetAccount) -> Result<Option<String>, RunError> {
        for owner in self.store.with_target_id(&found.target_id)? {
            if let Some(account) = self.store.account(&owner)?.filter(|account| account.target_id == found.target_id) {
                return Ok(Some(format!("{} ({})", account.address, account.user)));
            }
        }
        Ok(None)
    }
}

async fn account_now(target: &dyn TargetReader, account: &LedgerAccount) -> (GateVerdict, String) {
    match target.account(&account.target_id).await {
        Ok(Some(now)) if now.active == account.active => {
            (GateVerdict::Passed, format!("{} is there, {}; the sign-in is valid", now.user_name, active(now.active)))
        }
        Ok(Some(now)) => (
            GateVerdict::Told,
            format!("{} is {} there, and we left it {}", now.user_name, active(now.active), active(account.active)),
        ),
        Ok(None) => (GateVerdict::Stopped, format!("the account {} is not there any more", account.target_id)),
        Err(error) => (GateVerdict::Stopped, error.to_string()),
    }
}
