//! Why somebody is there or is not: every gate in order, with the value that decided.
//!
//! Works from the snapshot alone and writes nothing. The gates are the roster's own, heard while it judges, and what
//! the next run will do comes from the planner itself, so what is explained is what is done. What only the target can
//! tell is taken from the last plan, with the run that found it; `live` asks again.
//!
//! `offline` plans as the next run will, `telling` turns what the snapshot knows into gates, `story` what was done to somebody in the past, `live` what directory
//! and target answer, and `outlook` says what the next run will do.

mod live;
mod offline;
mod outlook;
mod search;
mod standing;
mod story;
mod telling;

use jiff::Timestamp;
use rollcall_kit::{DirectoryId, DirectoryUser, Unreadable};
pub use standing::{State, state};

use self::offline::Offline;
use self::outlook::{Expected, Outlook};
use self::search::described;
use self::story::Past;
use crate::plan::{Action, Change, LedgerAccount};
use crate::roster::trace::GATES;
use crate::roster::{self, Reason, Standing};
use crate::run::{PastRun, RunError, Session, past_runs};

/// How many runs back is looked for changes to somebody.
const RUNS_BACK: usize = 200;

/// How many changes of the past are told.
const CHANGES_TOLD: usize = 10;

/// What is said where many wait to be judged.
const ALONE: &str = "Many wait to be judged, and nobody else was judged for this answer: whether a limit holds the change, \
                     or it would take a protected role from its last holder, the next run says";

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
    fn about(who: String) -> Self {
        Self { who, gates: Vec::new(), conclusion: String::new(), notes: Vec::new() }
    }

    fn tell(&mut self, verdict: GateVerdict, title: &str, detail: impl Into<String>) {
        self.gates.push(ExplainedGate { verdict, title: title.to_owned(), detail: detail.into() });
    }
}

/// Everything that answers are made from.
struct Known {
    next: Offline,
    history: Vec<PastRun>,
    /// The run that is going on.
    going_on: Option<String>,
}

impl Known {
    /// The last run that came as far as a plan of what the directory asks for.
    fn last_plan(&self) -> Option<&PastRun> {
        self.history.iter().find(|run| run.is_last_plan)
    }

    /// Whether the next run looks them up in the target.
    fn is_candidate(&self, user: &DirectoryId) -> bool {
        self.next.stage.survey.candidates.find(user).is_some()
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
        let found = search::search(&*self.store, &self.unreadable()?, who)?;
        let meant = found.users.iter().map(|user| &user.id);
        let meant = meant.chain(found.accounts.iter().map(|account| &account.user)).cloned().collect();
        let history = past_runs(&*self.store, RUNS_BACK)?;
        let next = self.plan_offline(&meant, &history)?;
        let newest = history.first().map(|run| &run.record);
        let going_on = newest.filter(|run| run.goes_on(self.at_work_since)).map(|run| run.id.clone());
        let known = Known { next, history, going_on };
        let mut answers = Vec::new();
        for user in &found.users {
            answers.push(self.explain_user(user, &known, live).await?);
        }
        for odd in &found.unreadable {
            answers.push(self.explain_unreadable(odd, &known)?);
        }
        for account in &found.accounts {
            answers.push(self.explain_absent(account, &known, live).await?);
        }
        if answers.is_empty() {
            answers.push(self.explain_nobody(who, (&known, &found.nearest), live).await?);
        }
        let note = match &known.going_on {
            Some(run) => Some(format!("The run {run} is going on, so this may be out of date in a moment")),
            None => telling::last_run_failed(&known.history),
        };
        let alone = known.next.is_alone().then(|| ALONE.to_owned());
        for note in note.into_iter().chain(alone) {
            answers.iter_mut().for_each(|answer| answer.notes.push(note.clone()));
        }
        Ok(answers)
    }

    async fn explain_user(&self, user: &DirectoryUser, known: &Known, live: bool) -> Result<Explanation, RunError> {
        let past = Past::of(&*self.store, &known.history)?;
        let mut answer = Explanation::about(described(user));
        let account = self.store.account(&user.id)?;
        let (judgement, gates) = known.next.stage.roster.explain(user);
        telling::gates(&mut answer, gates);
        telling::account(&mut answer, (&user.id, account.as_ref()), &past)?;
        let mut refused = telling::refusals(&mut answer, &user.id, &known.next.reviewed);
        refused |= telling::groups(&mut answer, &judgement.standing, known);
        let barred = telling::barred(&judgement.standing, account.as_ref(), &known.next.reviewed);
        let lacking = barred.len();
        let unasked_roles = telling::role_groups(&mut answer, barred, (&*self.store, known));
        refused |= unasked_roles.len() < lacking;
        let before = self.tell_what_the_target_said(&mut answer, &user.id, known)?;
        telling::holds(&mut answer, &user.id, &known.next);
        past.tell(&mut answer, &user.id)?;
        let is_candidate = known.is_candidate(&user.id);
        let mut expected = match before {
            Some(Reason::WriteUnknown) => Expected::Unsettled,
            Some(_) => Expected::RefusedBefore,
            None if is_candidate => Expected::Unasked,
            None => Expected::NoLookUp,
        };
        if live {
            self.ask_directory(user, &mut answer).await;
            expected = self.ask_target(&user.id, known, expected, &mut answer).await;
        }
        answer.conclusion = Outlook {
            user: &user.id,
            expected,
            unasked_roles,
            refused,
            unapproved: self.awaits_approval(&user.id, is_candidate, &known.next)?,
            reviewed: &known.next.reviewed,
            standing: &judgement.standing,
            account: account.as_ref(),
        }
        .sentence();
        Ok(answer)
    }

    /// Somebody whose record could not be understood: what an older reading says of them decides nothing.
    fn explain_unreadable(&self, odd: &Unreadable, known: &Known) -> Result<Explanation, RunError> {
        let who = self.store.user(&odd.id)?.map_or_else(|| odd.label.clone(), |user| described(&user));
        let past = Past::of(&*self.store, &known.history)?;
        let mut answer = Explanation::about(who);
        answer.tell(GateVerdict::Passed, "found", format!("in the directory as {} with the id {}", odd.label, odd.id));
        let problem = format!("the record could not be understood: {}", odd.problem);
        answer.tell(GateVerdict::Stopped, "record", problem);
        let not_asked = GATES[1..].join(", ");
        answer.tell(GateVerdict::Told, "not asked", format!("{not_asked}: the record has to be understood first"));
        let account = self.store.account(&odd.id)?;
        telling::account(&mut answer, (&odd.id, account.as_ref()), &past)?;
        telling::refusals(&mut answer, &odd.id, &known.next.reviewed);
        past.tell(&mut answer, &odd.id)?;
        answer.conclusion = match account {
            Some(_) => "the next run leaves the account as it is, until the record is corrected in the directory",
            None => "the next run gives no account to this user, until the record is corrected in the directory",
        }
        .to_owned();
        Ok(answer)
    }

    /// Whether what the next run does for them waits for a person. An offline plan lacks the newcomers, and may be empty
    /// and unheld for that reason alone; the first plan is held because of them all the same.
    fn awaits_approval(&self, user: &DirectoryId, candidate: bool, next: &Offline) -> Result<bool, RunError> {
        let occasion = self.occasion()?;
        let mut mine = next.reviewed.plan().changes.iter().filter(|change| concerns(change, user));
        // What a look-up in the target leads to is not in the plan yet; it waits if anything does.
        let waits = match next.is_parted() && !candidate {
            true => mine.any(|change| next.waits(&change)),
            false => !next.holds().is_empty(),
        };
        Ok(waits || (candidate && occasion.first_plan && !occasion.first_plan_waived))
    }

    /// Somebody who has an account of ours and is not in the directory any more.
    async fn explain_absent(
        &self,
        account: &LedgerAccount,
        known: &Known,
        live: bool,
    ) -> Result<Explanation, RunError> {
        let past = Past::of(&*self.store, &known.history)?;
        let mut answer = Explanation::about(account.address.to_string());
        let confirmed = self.last_roll()?.absences.get(&account.user).cloned();
        let why = match &confirmed {
            Some(leaving) => leaving.to_string(),
            None => "not in the directory as last read, and not yet confirmed to be gone".to_owned(),
        };
        answer.tell(GateVerdict::Stopped, "found", format!("id {}: {why}", account.user));
        telling::account(&mut answer, (&account.user, Some(account)), &past)?;
        let refused = telling::refusals(&mut answer, &account.user, &known.next.reviewed);
        let before = self.tell_what_the_target_said(&mut answer, &account.user, known)?;
        telling::holds(&mut answer, &account.user, &known.next);
        past.tell(&mut answer, &account.user)?;
        if live {
            self.ask_target(&account.user, known, Expected::NoLookUp, &mut answer).await;
        }
        answer.conclusion = Outlook {
            user: &account.user,
            expected: if before.is_some() { Expected::Unsettled } else { Expected::NoLookUp },
            unasked_roles: Vec::new(),
            refused,
            unapproved: self.awaits_approval(&account.user, false, &known.next)?,
            reviewed: &known.next.reviewed,
            standing: &Standing::Unwanted(confirmed.unwrap_or(roster::Leaving::Vanished)),
            account: Some(account),
        }
        .sentence();
        Ok(answer)
    }

    /// Somebody whom neither the mirror nor the ledger knows.
    async fn explain_nobody(
        &self,
        who: &str,
        (known, nearest): (&Known, &[String]),
        live: bool,
    ) -> Result<Explanation, RunError> {
        let mut answer = Explanation::about(who.to_owned());
        let read = self.store.certificate()?.map(|certificate| to_the_second(certificate.ended())).unwrap_or_default();
        answer.tell(
            GateVerdict::Stopped,
            "found",
            format!("nobody has this address, login, name or id in the directory as it was read at {read}"),
        );
        Past::of(&*self.store, &known.history)?.tell_by_name(&mut answer, who)?;
        let known_now = live && self.ask_directory_for(who, &mut answer).await;
        if !nearest.is_empty() {
            answer.notes.push(format!("The nearest are: {}.", nearest.join(", ")));
        }
        answer.conclusion = if known_now {
            "the next run reads this user from the directory, and decides then"
        } else {
            "the next run does nothing for somebody whom the directory does not know"
        }
        .to_owned();
        Ok(answer)
    }

    /// Tells what only the target could say of them, as the last plan had it, and what an earlier run left open.
    fn tell_what_the_target_said(
        &self,
        answer: &mut Explanation,
        user: &DirectoryId,
        known: &Known,
    ) -> Result<Option<Reason>, RunError> {
        let open = self.store.unsettled().map_err(|error| RunError::Internal(error.to_string()))?;
        let open = open.iter().find(|(_, intent)| intent.concerned().contains(user));
        let is_candidate = known.is_candidate(user);
        let still_true = |reason: Reason| match reason {
            Reason::WriteUnknown => open.is_some(),
            Reason::MatchAmbiguous | Reason::AccountContested | Reason::MatchUnknown => is_candidate,
            _ => false,
        };
        if let Some(run) = known.last_plan() {
            let mine = |refusal: &roster::Refusal| refusal.user.as_ref() == Some(user) && still_true(refusal.reason);
            if let Some(refusal) = run.refusals(&*self.store, mine).first() {
                let detail = format!(
                    "{} ({}); found by the run {} at {}",
                    refusal.detail,
                    refusal.reason,
                    run.record.id,
                    to_the_second(run.record.ended)
                );
                answer.tell(GateVerdict::Stopped, "refused", detail);
                return Ok(Some(refusal.reason));
            }
        }
        let Some((_, intent)) = open else { return Ok(None) };
        if known.going_on.as_ref() == Some(&intent.run) {
            answer.tell(GateVerdict::Told, "at work", format!("the run {} writes to this account now", intent.run));
            return Ok(None);
        }
        let detail = format!("the run {} ended while it wrote to this account", intent.run);
        answer.tell(GateVerdict::Stopped, "unsettled", detail);
        Ok(Some(Reason::WriteUnknown))
    }
}

/// To whom the change passes this user's account: the id under which the same person came back.
fn passes_on<'a>(change: &'a Change, user: &DirectoryId) -> Option<&'a DirectoryId> {
    match &change.action {
        Action::Relink { from, .. } if from == user => change.subject.user(),
        _ => None,
    }
}

/// Whether the change does something to this user's account, or passes it on.
fn concerns(change: &Change, user: &DirectoryId) -> bool {
    change.subject.user() == Some(user) || passes_on(change, user).is_some()
}

/// A point in time as reports show it; nobody asks for nanoseconds.
fn to_the_second(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// What a relink is to the one who had the account.
fn passing_on(to: &DirectoryId) -> String {
    format!("pass the account on to the directory id {to}")
}
