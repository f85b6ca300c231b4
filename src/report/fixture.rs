//! Plans and runs of a small company, for the tests of what people read.

use jiff::Timestamp;
use rollcall_kit::{CertificateDraft, Collection, DirectoryId, InactiveReason, Source, Value};

use crate::apply::{Outcome, Skip, SkipCode, WriteFailure};
use crate::guard::{Approval, Hold};
use crate::plan::document::Digest;
use crate::plan::{Action, AttributeChange, Basis, Cause, Change, Estimate, GroupKey, Note, Origin, Plan, Subject};
use crate::roster::account::GrantCause;
use crate::roster::{Leaving, Reason, Refusal, Role};
use crate::run::{RunRecord, RunResult};

pub(super) fn id(text: &str) -> DirectoryId {
    DirectoryId::new(text).unwrap()
}

pub(super) fn role(name: &str) -> Role {
    Role(name.to_owned())
}

/// Collects changes and numbers them.
#[derive(Default)]
pub(super) struct Changes(pub Vec<Change>);

impl Changes {
    pub(super) fn account(&mut self, login: &str, name: &str, action: Action, cause: Cause) -> &mut Self {
        let subject = Subject::Account {
            user: id(login),
            target_id: None,
            label: format!("{login}@acme.com"),
            name: (!name.is_empty()).then(|| name.to_owned()),
        };
        self.push(subject, action, cause)
    }

    pub(super) fn group(&mut self, name: &str, action: Action, cause: Cause) -> &mut Self {
        let subject = Subject::Group { key: GroupKey::Directory(id(name)), target_id: None, name: name.to_owned() };
        self.push(subject, action, cause)
    }

    fn push(&mut self, subject: Subject, action: Action, cause: Cause) -> &mut Self {
        let destructive = action.is_destructive();
        let id = u32::try_from(self.0.len()).unwrap() + 1;
        self.0.push(Change { id, subject, action, causes: vec![cause], destructive, after: Vec::new() });
        self
    }
}

pub(super) fn create() -> Action {
    Action::Create { attributes: [("email".to_owned(), Value::from("x@acme.com"))].into() }
}

pub(super) fn from_to(attribute: &str, before: &str, after: &str) -> AttributeChange {
    let value = |text: &str| (text != "-").then(|| Value::from(text));
    AttributeChange { attribute: attribute.to_owned(), before: value(before), after: value(after) }
}

pub(super) fn update(changes: &[(&str, &str, &str)]) -> Action {
    Action::Update { changes: changes.iter().map(|(name, before, after)| from_to(name, before, after)).collect() }
}

pub(super) fn through(groups: &[&str]) -> Cause {
    let group = |name: &&str| GrantCause::Group { id: id(name), name: (*name).to_owned() };
    Cause::RoleGiven { through: groups.iter().map(group).collect() }
}

pub(super) fn left(leaving: Leaving) -> Cause {
    Cause::Left { leaving }
}

pub(super) fn refusal(reason: Reason, label: &str, detail: &str) -> Refusal {
    Refusal { reason, user: Some(id(label)), label: label.to_owned(), detail: detail.to_owned() }
}

pub(super) fn plan(changes: Changes, refusals: impl IntoIterator<Item = Refusal>, notes: Vec<Note>) -> Plan {
    let estimate = Estimate { calls: changes.0.len() as u64, seconds: changes.0.len() as u64 / 8 };
    Plan {
        version: 1,
        organization: "acme".to_owned(),
        basis: Basis {
            generation: 42,
            certificate: "5b1f0c9a77e24d10".to_owned(),
            configuration: "c0ffee1234567890".to_owned(),
        },
        changes: changes.0.into(),
        refusals: refusals.into_iter().collect(),
        notes,
        estimate,
        active_before: 120,
        undoes: None,
        digest: Digest::default(),
    }
}

/// A bit of everything.
pub(super) fn mixed() -> Plan {
    let mut changes = Changes::default();
    let disabled = |raw: &str| left(Leaving::Inactive { reason: InactiveReason::Disabled, raw: raw.to_owned() });
    let lost = || Cause::RoleLost { groups: vec!["App Admins".to_owned()] };
    changes
        .account("joe", "Joe Doe", Action::RevokeRole { role: role("editor") }, disabled("userAccountControl=514"))
        .account("kim", "Kim Park", Action::RevokeRole { role: role("admin") }, lost())
        .account(
            "lee",
            "Lee Ray",
            Action::RemoveMember { group: GroupKey::Directory(id("g1")), group_name: "Finance".into() },
            Cause::MembershipChanged,
        )
        .account("joe", "Joe Doe", Action::Deactivate, disabled("userAccountControl=514"))
        .account("max", "Max Poe", Action::Deactivate, disabled("userAccountControl=66050"));
    for name in ["ann", "bob", "cyd"] {
        changes.account(name, "", Action::Deactivate, left(Leaving::Vanished));
    }
    changes
        .account("jane", "Jane Doe", create(), Cause::Joined)
        .account("zoe", "Zoë 田中", create(), Cause::Joined)
        .account(
            "pat",
            "Pat Ode",
            Action::Adopt {
                matched_by: "userName".into(),
                changes: vec![from_to("name", "P. Ode", "Pat Ode")],
                activate: true,
            },
            Cause::FoundInTarget { origin: Origin::Adopted },
        )
        .account(
            "rex",
            "Rex Fox",
            Action::Relink { from: id("old-rex"), changes: Vec::new(), activate: true },
            Cause::Returned,
        )
        .account("sue", "Sue Lin", Action::Reactivate { changes: vec![from_to("locale", "de", "en")] }, Cause::Returned)
        .account(
            "kim",
            "Kim Park",
            update(&[
                ("family_name", "Poe", "Park"),
                ("name", "Kim Poe", "Kim Park"),
                ("phone_number", "+49 30 1", "-"),
            ]),
            Cause::AttributesChanged,
        )
        .account("tom", "Tom Orr", update(&[("custom_attributes.cost_center", "-", "4711")]), Cause::AttributesChanged)
        .group("Marketing", Action::CreateGroup, Cause::GroupMapped)
        .group("Sales EMEA", Action::RenameGroup { from: "Sales".into() }, Cause::GroupRenamed)
        .account(
            "jane",
            "Jane Doe",
            Action::AddMember { group: GroupKey::Directory(id("g2")), group_name: "Marketing".into() },
            Cause::MembershipChanged,
        )
        .account("jane", "Jane Doe", Action::GrantRole { role: role("editor") }, through(&["eng-core", "eng-leads"]))
        .account("tom", "Tom Orr", Action::GrantRole { role: role("admin") }, through(&["App Admins"]))
        .group("Old", Action::DeleteGroup, Cause::GroupUnmapped)
        .account("uma", "Uma Vey", Action::Delete, Cause::DeletionDue { days: 90 });
    let refusals = vec![
        refusal(
            Reason::DomainNotOwned,
            "joe@ext.acme.com",
            "ext.acme.com is not registered; add it to domains if its people are yours",
        ),
        refusal(
            Reason::DomainNotOwned,
            "eve@gmail.com",
            "gmail.com is not registered; add it to domains if its people are yours",
        ),
        refusal(
            Reason::EmailImmutable,
            "kim@acme.com",
            "kim.poe@acme.com became kim@acme.com; change it in the target by hand, or set mutable_email",
        ),
    ];
    let note =
        Note { sentence: "the group eng-all was renamed to Engineering; the rule follows its id".into(), holds: false };
    plan(changes, refusals, vec![note])
}

/// Everybody of a company of 5,000.
pub(super) fn first() -> Plan {
    let mut changes = Changes::default();
    for number in 0..5_000 {
        changes.account(&format!("user{number:04}"), &format!("User {number}"), create(), Cause::Joined);
    }
    for number in 0..5_000 {
        let (role, group) = if number % 100 == 0 { ("admin", "App Admins") } else { ("member", "Everybody") };
        changes.account(
            &format!("user{number:04}"),
            "",
            Action::GrantRole { role: self::role(role) },
            through(&[group]),
        );
    }
    plan(changes, Vec::new(), Vec::new())
}

/// One group vanished, and with it everybody in it; one attribute changed everywhere.
pub(super) fn held() -> (Plan, Vec<Hold>) {
    let mut changes = Changes::default();
    for number in 0..14 {
        changes.account(
            &format!("eng{number:02}"),
            "",
            Action::RevokeRole { role: role("editor") },
            Cause::RoleLost { groups: vec!["eng-all".into()] },
        );
    }
    for number in 0..14 {
        changes.account(
            &format!("eng{number:02}"),
            &format!("Engineer {number}"),
            Action::Deactivate,
            left(Leaving::NotInGroups),
        );
    }
    for number in 0..40 {
        let phone = format!("+49 30 {number}");
        changes.account(
            &format!("staff{number:02}"),
            &format!("Staff {number}"),
            update(&[("phone_number", &phone, "-")]),
            Cause::AttributesChanged,
        );
    }
    let missing = Note {
        sentence: "the group eng-all cannot be found, and nobody confirmed that it was deleted".into(),
        holds: true,
    };
    let holds = vec![
        Hold::OverLimit {
            limit: "deactivations".into(),
            within: None,
            number: 14,
            of: 120,
            count: 50,
            percent: Some(5),
            because: vec![(
                14,
                "the group eng-all vanished, and they are in no other group that the scope names".into(),
            )],
            people: vec![vec!["eng00@acme.com".into(), "eng01@acme.com".into(), "eng02@acme.com".into()]],
        },
        Hold::Finding { sentence: missing.sentence.clone() },
    ];
    (plan(changes, Vec::new(), vec![missing]), holds)
}

pub(super) fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// A run that went through but for two changes.
pub(super) fn record() -> RunRecord {
    let plan = mixed();
    let (started, ended) = (time("2026-11-23T09:00:00Z"), time("2026-11-23T09:00:12.4Z"));
    let source = Source {
        connector: "ldap".into(),
        server: "ldaps://ldap.acme.com".into(),
        identity: "cn=rollcall,dc=acme,dc=com".into(),
    };
    let mut draft = CertificateDraft::new(source, &["users"], started);
    draft.completed(Collection {
        name: "users".into(),
        query: "ou=people,dc=acme,dc=com (objectClass=inetOrgPerson)".into(),
        pages: 3,
        entries: 1_214,
        announced: Some(1_214),
        end: "result code 0 and an empty paging cookie".into(),
    });
    draft.exception("the referral to ldap://old.acme.com was left aside, as configured");
    let certificate = draft.certify(time("2026-11-23T09:00:02Z")).unwrap();
    let outcome = |change: &Change| match change.id {
        4 => Outcome::Failed {
            failure: WriteFailure::Refused,
            detail: "the target answered 403: the last owner cannot be deactivated".into(),
        },
        14 => Outcome::Done { notes: vec!["the target kept no phone_number".into()] },
        18 => Outcome::Skipped(Skip::new(SkipCode::PredecessorFailed, "change 16 failed before it")),
        _ => Outcome::Done { notes: Vec::new() },
    };
    RunRecord {
        id: "20261123T090000-7f3a".into(),
        organization: "acme".into(),
        started,
        ended,
        result: RunResult::AppliedInPart { failed: 2 },
        certificate: Some(certificate),
        changes: None,
        plan_id: Some(plan.id()),
        approval: Some(Approval::Person { who: "root".into(), how: "at the prompt".into(), decision: None }),
        outcomes: plan.changes.iter().map(|change| (change.id, outcome(&change))).collect(),
        plan: Some(plan.into()),
        waiting: None,
        decision: None,
        drift: None,
        undoes: None,
        unchanged_since: None,
        folded: None,
    }
}
