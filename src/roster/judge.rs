//! The judge: one user in, one [`Judgement`] out, through the gates in their order.
//!
//! At each gate two questions were asked: may this path put somebody out by mistake, and may somebody who left stay
//! in? The answers:
//!
//! - **Status** comes first. A leaver is out however odd the rest of their record is: no missing address, failing
//!   expression or contested address holds them in. A status that is unknown or hidden decides nothing, and neither
//!   does anything behind it: a record of which something is hidden may hide more.
//! - **Assignment** is a positive word of the directory. Where it is not known, it does not narrow.
//! - **E-mail**: a missing or broken address withholds, for it may be hidden from us like a status, and without it
//!   nobody can say which account would be theirs. They are named in every run until somebody sees to it.
//! - **Domain** is an exact comparison of something that is there, so it may put out. What protects from a domain
//!   struck off by mistake is the guard.
//! - **Places** may put out only a record that stands at a place of the kind that the scope names. A record without a
//!   place is withheld: a directory that has places and hides one has hidden something.
//! - **Groups** may put out only if every group of the scope was found, or its deletion was confirmed. Who is in one
//!   that was found is in, whatever became of the others.
//! - **Expression**: false puts out; an error, a value that is no truth value, or a named group that cannot be found
//!   withholds, unless another clause is false anyway, as in CEL itself.
//! - **Conflict**: neither claimant is touched, in or out; both are named.
//!
//! Nothing here looks at another user, except the conflict, so one bad record stops only itself.

use std::collections::BTreeSet;

use rollcall_kit::{Address, Container, DirectoryUser, Status, Value};

use super::account::{DesiredAccount, Judgement, Leaving, Role, Standing};
use super::claims::{Claims, Counting};
use super::expression::{Outcome, Person};
use super::groups::{GroupIndex, Membership};
use super::mapping::{self, AddressOutcome, refusal};
use super::refusal::{Reason, Refusal};
use super::roles;
use super::rules::Rules;
use super::settings::GroupRef;
use super::trace::{self, Gate, Recorder, Silent, Trace};

/// Everything that judging takes.
#[derive(Clone, Debug)]
pub struct Roster {
    rules: Rules,
    groups: GroupIndex,
    claims: Claims,
}

/// Why a user goes no further.
type Stopped = Box<Judgement>;

impl Roster {
    /// Makes a roster of everybody in the mirror. `users` is called once, and a second time only if two users claim
    /// one address.
    ///
    /// # Errors
    ///
    /// Whatever reading the users yields.
    pub fn new<I, E>(rules: Rules, groups: GroupIndex, mut users: impl FnMut() -> I) -> Result<Self, E>
    where
        I: IntoIterator<Item = Result<DirectoryUser, E>>,
    {
        let mut roster = Self { rules, groups, claims: Claims::default() };
        let mut counting = Counting::default();
        for user in users() {
            if let Some(address) = roster.claim(&user?) {
                counting.add(&address);
            }
        }
        let mut suspects = counting.suspects();
        if !suspects.is_empty() {
            for user in users() {
                let user = user?;
                if let Some(address) = roster.claim(&user) {
                    suspects.add(&address, &user);
                }
            }
        }
        roster.claims = suspects.settle();
        Ok(roster)
    }

    /// The rules.
    #[must_use]
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// The groups.
    #[must_use]
    pub fn groups(&self) -> &GroupIndex {
        &self.groups
    }

    /// The contested addresses.
    #[must_use]
    pub fn claims(&self) -> &Claims {
        &self.claims
    }

    /// The groups that can give a role, by the names that they have now, or else by what the rules call them.
    #[must_use]
    pub fn groups_of_role(&self, role: &Role) -> Vec<String> {
        let rules = self.rules.settings().role_rules.iter().enumerate().filter(|(_, rule)| rule.role == *role);
        let mut names: Vec<String> =
            rules.map(|(at, rule)| self.groups.name_of_rule(at).unwrap_or(rule.group.label()).to_owned()).collect();
        names.sort();
        names.dedup();
        names
    }

    /// Groups that the scope and that role rules name and that are confirmed to be gone, by what the rules call them.
    #[must_use]
    pub fn gone_groups(&self) -> (BTreeSet<String>, BTreeSet<String>) {
        let settings = self.rules.settings();
        let scope = settings.scope.groups.iter().enumerate();
        let scope = scope.filter(|(at, _)| self.groups.is_gone_in_scope(*at)).map(|(_, group)| group);
        let roles = settings.role_rules.iter().enumerate();
        let roles = roles.filter(|(at, _)| self.groups.is_gone_rule(*at)).map(|(_, rule)| &rule.group);
        let label = |group: &GroupRef| group.label().to_owned();
        (scope.map(label).collect(), roles.map(label).collect())
    }

    /// Who this user should be in the target.
    #[must_use]
    pub fn judge(&self, user: &DirectoryUser) -> Judgement {
        self.decide(user, &mut Silent)
    }

    /// The same, with what every gate said.
    #[must_use]
    pub fn explain(&self, user: &DirectoryUser) -> (Judgement, Vec<Gate>) {
        let mut recorder = Recorder::default();
        let judgement = self.decide(user, &mut recorder);
        (judgement, recorder.finish())
    }

    fn person<'a>(&'a self, user: &'a DirectoryUser) -> Person<'a> {
        Person { user, belonging: self.groups.belonging(&user.id) }
    }

    /// The address that a user claims, if the scope lets them in.
    #[must_use]
    pub fn claim(&self, user: &DirectoryUser) -> Option<Address> {
        self.scope(&self.person(user), &mut Silent).ok()
    }

    fn decide(&self, user: &DirectoryUser, trace: &mut impl Trace) -> Judgement {
        let person = self.person(user);
        self.admit(&person, trace).unwrap_or_else(|stopped| *stopped)
    }

    fn admit(&self, person: &Person<'_>, trace: &mut impl Trace) -> Result<Judgement, Stopped> {
        let address = self.scope(person, trace)?;
        self.conflict(person.user, &address, trace)?;
        let mapped = mapping::map(&self.rules, person, &address, trace).map_err(|refusal| withheld(vec![refusal]))?;
        trace.passed(trace::ATTRIBUTES, || format!("{} attributes have a value", mapped.attributes.len()));
        let roles = roles::derive(&self.rules, &self.groups, &person.belonging);
        trace.passed(trace::ROLES, || roles.to_string());
        trace.passed(trace::ACCOUNT, || format!("there should be an active account for {address}"));
        let account = DesiredAccount {
            address,
            attributes: mapped.attributes,
            roles: roles.granted,
            undecided_roles: roles.undecided.into_iter().collect(),
            undecided_attributes: mapped.undecided,
        };
        Ok(Judgement { standing: Standing::Wanted(Box::new(account)), refusals: mapped.refusals })
    }

    /// All gates that decide who is in scope.
    fn scope(&self, person: &Person<'_>, trace: &mut impl Trace) -> Result<Address, Stopped> {
        trace.passed(trace::FOUND, || {
            format!("in the directory as {} with the id {}", person.user.login, person.user.id)
        });
        status(person.user, trace)?;
        assigned(person.user, trace)?;
        let address = self.address(person, trace)?;
        self.domain(person.user, &address, trace)?;
        self.places(person.user, trace)?;
        self.scope_groups(person, trace)?;
        self.expression(person, trace)?;
        Ok(address)
    }

    fn address(&self, person: &Person<'_>, trace: &mut impl Trace) -> Result<Address, Stopped> {
        let (reason, detail) = match mapping::address(&self.rules, person) {
            AddressOutcome::Address(address) => {
                trace.passed(trace::EMAIL, || address.to_string());
                return Ok(address);
            }
            AddressOutcome::Missing => (
                Reason::EmailMissing,
                "there is no e-mail address, so nobody can say which account it would be; enter one in the directory, or \
                 exclude this user from the scope"
                    .to_owned(),
            ),
            AddressOutcome::Invalid(text) => {
                (Reason::EmailInvalid, format!("{text:?} is no e-mail address; correct it in the directory"))
            }
            AddressOutcome::Failed(why) => (Reason::ExpressionFailed, format!("the expression of email failed: {why}")),
            AddressOutcome::GroupUnknown(why) => (Reason::GroupMissing, why),
        };
        trace.stopped(trace::EMAIL, || detail.clone());
        Err(withheld(vec![refusal(person.user, reason, detail)]))
    }

    /// Exactly one of the registered domains: a sub-domain must be listed itself.
    fn domain(&self, user: &DirectoryUser, address: &Address, trace: &mut impl Trace) -> Result<(), Stopped> {
        let domain = address.domain();
        if self.rules.owns(&domain) {
            trace.passed(trace::DOMAIN, || format!("{domain} is one of the organization's domains"));
            return Ok(());
        }
        let owned = self.rules.settings().domains.join(", ");
        let detail =
            format!("{domain} is not one of the organization's domains ({owned}); a sub-domain must be listed itself");
        trace.stopped(trace::DOMAIN, || detail.clone());
        Err(Box::new(Judgement {
            standing: Standing::Unwanted(Leaving::DomainNotOwned { domain }),
            refusals: vec![refusal(user, Reason::DomainNotOwned, detail)],
        }))
    }

    fn places(&self, user: &DirectoryUser, trace: &mut impl Trace) -> Result<(), Stopped> {
        let named = self.rules.places();
        if named.is_empty() {
            trace.passed(trace::PLACES, || "the scope names no places".to_owned());
            return Ok(());
        }
        let Some(place) = user.place.as_ref().filter(|place| place.problem().is_none()) else {
            let what_is_said = |place| Some(format!("{place}: {}", Container::problem(place)?));
            let said = user.place.as_ref().and_then(what_is_said).unwrap_or_else(|| "nothing".to_owned());
            let detail = format!("the scope names places, and the record does not say where it stands ({said})");
            trace.stopped(trace::PLACES, || detail.clone());
            return Err(withheld(vec![refusal(user, Reason::RecordUnreadable, detail)]));
        };
        let within: Vec<bool> = named.iter().filter_map(|outer| outer.contains(place)).collect();
        if within.contains(&true) {
            trace.passed(trace::PLACES, || format!("{place} is within the places that the scope names"));
            return Ok(());
        }
        if within.is_empty() {
            let detail = format!(
                "{place} cannot be compared with the places that the scope names; name them as the directory does"
            );
            trace.stopped(trace::PLACES, || detail.clone());
            return Err(withheld(vec![refusal(user, Reason::RecordUnreadable, detail)]));
        }
        Err(unwanted(trace::PLACES, Leaving::OutsidePlaces { place: place.clone() }, trace))
    }

    fn scope_groups(&self, person: &Person<'_>, trace: &mut impl Trace) -> Result<(), Stopped> {
        let named = &self.rules.settings().scope.groups;
        if named.is_empty() {
            trace.passed(trace::GROUPS, || "the scope names no groups".to_owned());
            return Ok(());
        }
        let mut unknown = None;
        for place in 0..named.len() {
            match person.belonging.in_scope_group(place) {
                Membership::In(number) => {
                    let name = self.groups.group(number).map_or("?", |(_, name)| name);
                    trace.passed(trace::GROUPS, || format!("a member of {name}"));
                    return Ok(());
                }
                Membership::Out => {}
                Membership::Unknown(why) => unknown = unknown.or(Some(why)),
            }
        }
        let Some(detail) = unknown else { return Err(unwanted(trace::GROUPS, Leaving::NotInGroups, trace)) };
        trace.stopped(trace::GROUPS, || detail.clone());
        Err(withheld(vec![refusal(person.user, Reason::GroupMissing, detail)]))
    }

    /// False if one clause is false, whatever the others are; true if all are true; else unknown.
    fn expression(&self, person: &Person<'_>, trace: &mut impl Trace) -> Result<(), Stopped> {
        let Some(when) = &self.rules.settings().scope.when else {
            trace.passed(trace::EXPRESSION, || "the scope has no expression".to_owned());
            return Ok(());
        };
        let mut open: Option<Refusal> = None;
        for clause in self.rules.clauses() {
            let (reason, why) = match clause.evaluate(person) {
                Outcome::Value(Value::Bool(true)) => continue,
                Outcome::Value(Value::Bool(false)) => {
                    trace.stopped(trace::EXPRESSION, || {
                        format!("{} is false for this user: {}", clause.source(), clause.inputs(person))
                    });
                    return Err(out(Leaving::WhenFalse { expression: when.clone() }));
                }
                Outcome::GroupUnknown(why) => (Reason::GroupMissing, why),
                Outcome::Failed(why) => (Reason::ExpressionFailed, why),
                Outcome::Absent => (Reason::ExpressionFailed, "it yields nothing, and not true or false".to_owned()),
                Outcome::Unfit(_) | Outcome::Value(_) => {
                    (Reason::ExpressionFailed, "it yields something else than true or false".to_owned())
                }
            };
            let detail = format!("the scope's expression {} cannot be decided: {why}", clause.source());
            open = open.or_else(|| Some(refusal(person.user, reason, detail)));
        }
        let Some(refusal) = open else {
            trace.passed(trace::EXPRESSION, || format!("{when} is true for this user"));
            return Ok(());
        };
        trace.stopped(trace::EXPRESSION, || refusal.detail.clone());
        Err(withheld(vec![refusal]))
    }

    fn conflict(&self, user: &DirectoryUser, address: &Address, trace: &mut impl Trace) -> Result<(), Stopped> {
        let rivals = self.claims.rivals(address, &user.id);
        let Some(first) = rivals.first() else {
            trace.passed(trace::CONFLICT, || format!("nobody else in scope has {address}"));
            return Ok(());
        };
        let others = match rivals.len() {
            1 => String::new(),
            several => format!(" and {} more", several - 1),
        };
        let detail = format!(
            "{address} is also the address of {} (id {}){others}; nothing is done to either until one of them has another",
            first.login, first.id
        );
        trace.stopped(trace::CONFLICT, || detail.clone());
        Err(withheld(vec![refusal(user, Reason::AddressConflict, detail)]))
    }
}

fn status(user: &DirectoryUser, trace: &mut impl Trace) -> Result<(), Stopped> {
    match &user.status {
        Status::Active => {
            trace.passed(trace::STATUS, || format!("active ({})", user.raw_status));
            Ok(())
        }
        Status::Inactive(reason) => {
            let leaving = Leaving::Inactive { reason: *reason, raw: user.raw_status.clone() };
            Err(unwanted(trace::STATUS, leaving, trace))
        }
        Status::Unknown(why) => {
            let detail = format!(
                "it is not known whether this user is active: {why} ({}); the account is left as it is",
                if user.raw_status.is_empty() { "the directory says nothing" } else { &user.raw_status }
            );
            trace.stopped(trace::STATUS, || detail.clone());
            Err(withheld(vec![refusal(user, Reason::StatusUnknown, detail)]))
        }
    }
}

fn assigned(user: &DirectoryUser, trace: &mut impl Trace) -> Result<(), Stopped> {
    match user.assigned {
        Some(false) => return Err(unwanted(trace::ASSIGNED, Leaving::NotAssigned, trace)),
        Some(true) => trace.passed(trace::ASSIGNED, || "assigned to the application".to_owned()),
        None => trace.passed(trace::ASSIGNED, || "this directory knows no assignment".to_owned()),
    }
    Ok(())
}

fn unwanted(gate: &str, leaving: Leaving, trace: &mut impl Trace) -> Stopped {
    trace.stopped(gate, || leaving.to_string());
    out(leaving)
}

fn out(leaving: Leaving) -> Stopped {
    Box::new(Judgement { standing: Standing::Unwanted(leaving), refusals: Vec::new() })
}

fn withheld(refusals: Vec<Refusal>) -> Stopped {
    Box::new(Judgement { standing: Standing::Withheld, refusals })
}

#[cfg(test)]
mod tests;
