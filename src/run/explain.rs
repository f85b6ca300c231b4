//! Why somebody is there or is not: every gate in order, with the value that decided.
//!
//! Works from the snapshot alone and writes nothing. The gates are the roster's own, heard while it judges, and what
//! the next run will do comes from the planner itself, so what is explained is what is done.

use jiff::Timestamp;
use rollcall_kit::{Address, DirectoryId, DirectoryUser, LookUp};

use super::error::RunError;
use super::event::RunRecord;
use super::planning::Stage;
use super::records::runs;
use super::search::{self, described};
use super::session::Session;
use crate::apply::{Outcome, TargetReader};
use crate::guard::Reviewed;
use crate::plan::{Action, Candidate, Change, LedgerAccount, Match, Origin, Subject};
use crate::roster::{self, Standing};

/// How many runs back is looked for changes to somebody.
const RUNS_BACK: usize = 200;

/// How many of those changes are told.
const CHANGES_TOLD: usize = 10;

/// How a gate decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GateVerdict {
    /// It lets the user through.
    Passed,
    /// It stops the user.
    Stopped,
    /// It did not have to decide, or only tells something.
    Told,
}

/// One gate between a person and an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExplainedGate {
    /// How it decided.
    pub verdict: GateVerdict,
    /// What it asks.
    pub title: String,
    /// The value that decided, in a sentence.
    pub detail: String,
}

/// The answer about one person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// Who, as far as known.
    pub who: String,
    /// The gates, in order.
    pub gates: Vec<ExplainedGate>,
    /// What the next run will do.
    pub conclusion: String,
    /// What else there is to know.
    pub notes: Vec<String>,
}

impl Explanation {
    fn tell(&mut self, verdict: GateVerdict, title: &str, detail: impl Into<String>) {
        self.gates.push(ExplainedGate { verdict, title: title.to_owned(), detail: detail.into() });
    }
}

impl Session {
    /// Explains everybody who is meant by an address, a login, a name or an id. With `live`, directory and target are
    /// asked too; neither is written to.
    ///
    /// # Errors
    ///
    /// If the snapshot cannot be read, or holds no reading yet.
    pub async fn explain(&self, who: &str, live: bool) -> Result<Vec<Explanation>, RunError> {
        let found = search::search(&*self.store, who)?;
        let (stage, reviewed) = self.plan_offline()?;
        let history = runs(&*self.store, RUNS_BACK)?;
        let mut answers = Vec::new();
        for user in &found.users {
            let mut answer = self.explain_user(user, &stage, &reviewed, &history)?;
            if live {
                self.ask_both_sides(user, &stage, &mut answer).await;
            }
            answers.push(answer);
        }
        for account in &found.accounts {
            answers.push(self.explain_absent(account, &reviewed, &history)?);
        }
        if answers.is_empty() {
            answers.push(self.explain_nobody(who, &found.nearest, live, &history).await?);
        }
        Ok(answers)
    }

    fn explain_user(
        &self,
        user: &DirectoryUser,
        stage: &Stage,
        reviewed: &Reviewed,
        history: &[RunRecord],
    ) -> Result<Explanation, RunError> {
        let mut answer = blank(described(user));
        let odd = stage.unreadable.get(&user.id);
        if let Some(odd) = odd {
            answer.tell(GateVerdict::Stopped, "record", format!("it could not be understood: {}", odd.problem));
        }
        let (judgement, gates) = stage.roster.explain(user);
        let mut not_asked = Vec::new();
        for gate in gates {
            let verdict = match gate.verdict {
                roster::Verdict::Passed => GateVerdict::Passed,
                roster::Verdict::Stopped => GateVerdict::Stopped,
                roster::Verdict::NotReached => {
                    not_asked.push(gate.name);
                    continue;
                }
            };
            answer.gates.push(ExplainedGate { verdict, title: gate.name, detail: gate.detail });
        }
        if !not_asked.is_empty() {
            answer.tell(GateVerdict::Told, "not asked", format!("{}: the gate before decided", not_asked.join(", ")));
        }
        let account = self.store.account(&user.id)?;
        tell_account(&mut answer, account.as_ref());
        tell_plan(&mut answer, &user.id, reviewed, history);
        let candidate = stage.survey.candidates.iter().any(|candidate| candidate.user == user.id);
        answer.conclusion = if odd.is_some() {
            "the next run leaves the account as it is, until the record can be understood".to_owned()
        } else {
            let unapproved = self.awaits_approval(&user.id, candidate, reviewed)?;
            conclusion(&user.id, (candidate, unapproved), reviewed, &judgement.standing, account.as_ref())
        };
        Ok(answer)
    }

    /// Whether what the next run does for him waits for a person. An offline plan lacks the newcomers, and may be empty
    /// and unheld for that reason alone; the first plan is held because of them all the same.
    fn awaits_approval(&self, user: &DirectoryId, candidate: bool, reviewed: &Reviewed) -> Result<bool, RunError> {
        let occasion = self.occasion()?;
        let mine = |change: &&Change| change.subject.user() == Some(user);
        let waits = match reviewed {
            // What a look-up in the target leads to is not in the plan yet; it waits if anything does.
            Reviewed::Parted(_) if !candidate => {
                reviewed.plan().changes.iter().filter(mine).any(|change| reviewed.waits(change.id))
            }
            _ => !reviewed.holds().is_empty(),
        };
        Ok(waits || (candidate && occasion.first_plan && !occasion.first_plan_waived))
    }

    /// Somebody who has an account of ours and is not in the directory any more.
    fn explain_absent(
        &self,
        account: &LedgerAccount,
        reviewed: &Reviewed,
        history: &[RunRecord],
    ) -> Result<Explanation, RunError> {
        let mut answer = blank(account.address.to_string());
        let why = match self.last_roll()?.absences.get(&account.user) {
            Some(leaving) => leaving.to_string(),
            None => "not in the directory as last read, and not yet confirmed to be gone".to_owned(),
        };
        answer.tell(GateVerdict::Stopped, "found", format!("id {}: {why}", account.user));
        tell_account(&mut answer, Some(account));
        tell_plan(&mut answer, &account.user, reviewed, history);
        let gone = Standing::Unwanted(roster::Leaving::Vanished);
        answer.conclusion = conclusion(
            &account.user,
            (false, self.awaits_approval(&account.user, false, reviewed)?),
            reviewed,
            &gone,
            Some(account),
        );
        Ok(answer)
    }

    /// Somebody whom neither the mirror nor the ledger knows.
    async fn explain_nobody(
        &self,
        who: &str,
        nearest: &[String],
        live: bool,
        history: &[RunRecord],
    ) -> Result<Explanation, RunError> {
        let mut answer = blank(who.to_owned());
        let read = self.store.certificate()?.map(|certificate| to_the_second(certificate.ended())).unwrap_or_default();
        answer.tell(
            GateVerdict::Stopped,
            "found",
            format!("nobody has this address, login, name or id in the directory as it was read at {read}"),
        );
        let mentioned = |change: &Change| change.subject.label().eq_ignore_ascii_case(who);
        tell_history(&mut answer, history, mentioned);
        if live {
            self.ask_directory_for(who, &mut answer).await;
        }
        if !nearest.is_empty() {
            answer.notes.push(format!("The nearest are: {}.", nearest.join(", ")));
        }
        answer.conclusion = "the next run does nothing for somebody whom the directory does not know".to_owned();
        Ok(answer)
    }

    async fn ask_directory_for(&self, who: &str, answer: &mut Explanation) {
        let Some(address) = Address::parse(who) else { return };
        match self.connector.look_up_address(&address).await {
            Ok(users) if users.is_empty() => answer.tell(GateVerdict::Stopped, "directory now", "nobody either"),
            Ok(users) => {
                let who: Vec<String> = users.iter().map(described).collect();
                answer.tell(GateVerdict::Told, "directory now", format!("{}; the next run reads it", who.join(", ")));
            }
            Err(error) => answer.tell(GateVerdict::Stopped, "directory now", error.to_string()),
        }
    }

    /// Asks directory and target how they stand now.
    async fn ask_both_sides(&self, user: &DirectoryUser, stage: &Stage, answer: &mut Explanation) {
        match self.connector.look_up(&user.id).await {
            Ok(LookUp::Found(now)) if *now == *user => {
                answer.tell(GateVerdict::Passed, "directory now", "the same as last read; the sign-in is valid");
            }
            Ok(LookUp::Found(now)) => answer.tell(
                GateVerdict::Told,
                "directory now",
                format!("changed since it was last read: {}, {}", described(&now), now.raw_status),
            ),
            Ok(LookUp::OutOfReach(_, why)) => answer.tell(GateVerdict::Stopped, "directory now", why),
            Ok(LookUp::Gone) => answer.tell(GateVerdict::Stopped, "directory now", "nobody has this id any more"),
            Err(error) => answer.tell(GateVerdict::Stopped, "directory now", error.to_string()),
        }
        let (verdict, detail) = match self.store.account(&user.id) {
            Ok(Some(account)) => account_now(self.reader(), &account).await,
            Ok(None) => match stage.survey.candidates.iter().find(|candidate| candidate.user == user.id) {
                Some(candidate) => candidate_now(self.reader(), candidate).await,
                None => return,
            },
            Err(error) => (GateVerdict::Stopped, error.to_string()),
        };
        answer.tell(verdict, "target now", detail);
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

async fn candidate_now(target: &dyn TargetReader, candidate: &Candidate) -> (GateVerdict, String) {
    match target.find(std::slice::from_ref(candidate)).await.map(|mut found| found.remove(&candidate.user)) {
        Ok(Some(Match::None)) => (GateVerdict::Told, "no account matches; one would be created".to_owned()),
        Ok(Some(Match::One(account, by))) => {
            (GateVerdict::Told, format!("{} matches by {by}; it would be adopted", account.user_name))
        }
        Ok(Some(Match::Many(several))) => {
            let names: Vec<&str> = several.iter().map(|(_, name)| name.as_str()).collect();
            (GateVerdict::Stopped, format!("several accounts match: {}", names.join(", ")))
        }
        Ok(Some(Match::Unknown(why))) => (GateVerdict::Stopped, why),
        Ok(None) => (GateVerdict::Stopped, "the target gave no answer about this user".to_owned()),
        Err(error) => (GateVerdict::Stopped, error.to_string()),
    }
}

fn blank(who: String) -> Explanation {
    Explanation { who, gates: Vec::new(), conclusion: String::new(), notes: Vec::new() }
}

/// A point in time as reports show it; nobody asks for nanoseconds.
fn to_the_second(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

fn active(active: bool) -> &'static str {
    if active { "active" } else { "not active" }
}

fn tell_account(answer: &mut Explanation, account: Option<&LedgerAccount>) {
    let Some(account) = account else {
        answer.tell(GateVerdict::Told, "our account", "none yet");
        return;
    };
    let origin = match account.origin {
        Origin::Created => "created",
        Origin::Adopted => "adopted",
    };
    let roles: Vec<&str> = account.roles.iter().map(|role| role.0.as_str()).collect();
    let roles = if roles.is_empty() { "no mapped role".to_owned() } else { roles.join(", ") };
    let mut detail =
        format!("{} in the target, {origin} by us, {}, {roles}", account.target_id, active(account.active));
    if let Some(run) = &account.last_run {
        detail.push_str(&format!("; last written by the run {run}"));
    }
    if let Some(at) = account.deactivated_at {
        detail.push_str(&format!("; deactivated at {}", to_the_second(at)));
    }
    let verdict = if account.active { GateVerdict::Passed } else { GateVerdict::Stopped };
    answer.tell(verdict, "our account", detail);
}

/// Refusals, holds, and the runs that changed something for him.
fn tell_plan(answer: &mut Explanation, user: &rollcall_kit::DirectoryId, reviewed: &Reviewed, history: &[RunRecord]) {
    use crate::roster::Reason;
    // Planned without the target, whether he has an account there already is unknown by nature, not by fault.
    let refusals = reviewed.plan().refusals.iter().filter(|refusal| refusal.user.as_ref() == Some(user));
    for refusal in refusals.filter(|refusal| refusal.reason != Reason::MatchUnknown) {
        // The gate that refused has said it already; the code is what reports and scripts know it by.
        match answer.gates.iter_mut().rfind(|gate| gate.detail == refusal.detail) {
            Some(gate) => gate.detail.push_str(&format!(" ({})", refusal.reason.code())),
            None => {
                let detail = format!("{} ({})", refusal.detail, refusal.reason.code());
                answer.tell(GateVerdict::Stopped, "refused", detail);
            }
        }
    }
    let touches = |change: &Change| change.subject.user() == Some(user);
    if reviewed.plan().changes.iter().any(|change| touches(change) && reviewed.waits(change.id)) {
        for hold in reviewed.holds() {
            answer.tell(GateVerdict::Stopped, "held", hold.to_string());
        }
    }
    tell_history(answer, history, touches);
}

fn tell_history(answer: &mut Explanation, history: &[RunRecord], touches: impl Fn(&Change) -> bool) {
    let mut told = 0;
    for record in history {
        let Some(plan) = &record.plan else { continue };
        for change in plan.changes.iter().filter(|change| touches(change)) {
            let outcome = record.outcomes.iter().find(|(id, _)| *id == change.id).map(|(_, outcome)| outcome);
            let Some(outcome) = outcome else { continue };
            let ended = match outcome {
                Outcome::Done { .. } => "done".to_owned(),
                Outcome::Failed { detail, .. } => format!("failed: {detail}"),
                Outcome::Skipped { detail } => format!("skipped: {detail}"),
            };
            let why: Vec<String> = change.causes.iter().map(ToString::to_string).collect();
            let detail =
                format!("{}: {}, because {}; {ended}", to_the_second(record.ended), change.action, why.join("; "));
            answer.tell(GateVerdict::Told, &format!("run {}", record.id), detail);
            told += 1;
            if told == CHANGES_TOLD {
                return;
            }
        }
    }
}

/// A step of the next run, with its object.
fn step(action: &Action) -> String {
    match action {
        Action::Create { .. } => "create an account".to_owned(),
        Action::Deactivate | Action::Delete => format!("{action} the account"),
        Action::Reactivate { .. } => "reactivate the account".to_owned(),
        other => other.to_string(),
    }
}

/// What the next run will do for this user; it depends on whether a look-up in the target comes first, and on whether
/// the plan waits for a person.
fn conclusion(
    user: &rollcall_kit::DirectoryId,
    (candidate, unapproved): (bool, bool),
    reviewed: &Reviewed,
    standing: &Standing,
    account: Option<&LedgerAccount>,
) -> String {
    let mine = |change: &&Change| matches!(&change.subject, Subject::Account { user: of, .. } if of == user);
    let mut steps: Vec<String> =
        reviewed.plan().changes.iter().filter(mine).map(|change| step(&change.action)).collect();
    if candidate {
        steps.insert(
            0,
            "look in the target for an account of this user, then create one or adopt the one that is there".to_owned(),
        );
    }
    if steps.is_empty() {
        return match (standing, account) {
            (Standing::Withheld, _) => "the next run leaves the account as it is, until what stops it is settled",
            (Standing::Wanted(_), Some(_)) => "the next run has nothing to do: the account is as it should be",
            (Standing::Wanted(_), None) => "the next run does nothing for this user, for the reasons above",
            (Standing::Unwanted(_), Some(account)) if !account.active => {
                "the next run has nothing to do: the account is not active, as it should be"
            }
            (Standing::Unwanted(_), _) => "the next run gives no account to this user",
        }
        .to_owned();
    }
    let held = if unapproved { ", once somebody has approved the plan" } else { "" };
    format!("the next run will {}{held}", steps.join(", then "))
}
