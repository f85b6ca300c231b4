//! The stages of a run, put together as a run does, without a target.

use std::collections::{BTreeMap, BTreeSet};
use std::hint::black_box;
use std::path::Path;

use jiff::Timestamp;
use rollcall::apply::Settlement;
use rollcall::plan::{
    Basis, GroupMatches, Judged, LedgerAccount, Match, Matches, Origin, PlanInput, PlanSettings, Planned, Survey,
};
use rollcall::roster::{
    Bindings, GroupOutline, GroupRef, Role, RoleRule, Roster, RosterSettings, Rules, ScopeSettings, Standing,
};
use rollcall::snapshot::Store;
use rollcall_file::FileSettings;
use rollcall_kit::DirectoryUser;

/// Rules with three roles, and with this expression in the scope.
pub(crate) fn rules(when: Option<&str>) -> Rules {
    let rule = |group: &str, role: &str| RoleRule {
        group: GroupRef::Name(group.to_owned()),
        role: Role(role.to_owned()),
        protected: false,
        nested: true,
    };
    let settings = RosterSettings {
        domains: vec!["acme.com".to_owned()],
        scope: ScopeSettings { when: when.map(str::to_owned), ..ScopeSettings::default() },
        role_rules: vec![rule("editors", "editor"), rule("team-0", "admin"), rule("team-1", "auditor")],
        ..RosterSettings::default()
    };
    Rules::compile(&settings).unwrap()
}

/// Reads the file into the mirror.
pub(crate) fn read(store: &dyn Store, file: &Path) {
    let connector = rollcall_file::connector(FileSettings::of(file)).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let previous = store.certificate().unwrap();
    let mut staging = store.staging().unwrap();
    let reading = runtime
        .block_on(rollcall::read::drive(&connector, &mut *staging, previous.as_ref(), "settings", |_, _| {}))
        .unwrap();
    store.commit(staging, &reading).unwrap();
}

/// Every record of mirror and ledger, decoded and dropped.
pub(crate) fn decode(store: &dyn Store) {
    store.users().for_each(|user| drop(black_box(user.unwrap())));
    store.groups().for_each(|group| drop(black_box(group.unwrap())));
    store.accounts().for_each(|account| drop(black_box(account.unwrap())));
}

/// The roster of everybody in the mirror.
pub(crate) fn roster(store: &dyn Store, rules: &Rules) -> Roster {
    let mut outline = GroupOutline::default();
    for group in store.groups() {
        outline.add(&group.unwrap());
    }
    let mut builder = outline.index(rules, &Bindings::new(), &BTreeSet::new());
    for group in store.groups() {
        builder.add(&group.unwrap());
    }
    Roster::new(rules.clone(), builder.finish(), || store.users()).unwrap()
}

fn judged<'a>(store: &'a dyn Store, roster: &'a Roster) -> impl Iterator<Item = Judged> + 'a {
    store.users().map(|user| {
        let user = user.unwrap();
        let judgement = roster.judge(&user);
        (user.id.clone(), user.label(), judgement)
    })
}

/// A whole plan, in an application that has nobody whom the ledger does not know.
pub(crate) fn plan(store: &dyn Store, rules: &Rules) -> Planned {
    let roster = roster(store, rules);
    let mut settings = PlanSettings::new(Timestamp::UNIX_EPOCH);
    let managed = rules.mapped_roles().into_iter().map(|role| (role.clone(), roster.groups_of_role(&role)));
    settings.managed_roles = managed.collect();
    let accounts = || store.accounts().map(|account| account.unwrap());
    let survey = Survey::of(judged(store, &roster), accounts(), &settings);
    let matches: Matches = survey.candidates.iter().map(|candidate| (candidate.user, Match::None)).collect();
    rollcall::plan::plan(PlanInput {
        organization: "acme",
        basis: Basis { generation: 1, certificate: String::new(), configuration: String::new() },
        judged: judged(store, &roster),
        ledger_accounts: accounts(),
        ledger_groups: &BTreeMap::new(),
        survey: &survey,
        matches: &matches,
        group_matches: &GroupMatches::new(),
        absences: &BTreeMap::new(),
        settings: &settings,
        edited: None,
        refusals: roster.groups().refusals().to_vec(),
        notes: Vec::new(),
        others: None,
    })
}

/// Enters everybody who is wanted into the ledger, as a run would that wrote them.
pub(crate) fn settle(store: &dyn Store, rules: &Rules) {
    let roster = roster(store, rules);
    let written: Vec<LedgerAccount> = judged(store, &roster)
        .filter_map(|(user, _, judgement)| match judgement.standing {
            Standing::Wanted(desired) => Some(LedgerAccount {
                target_id: format!("usr-{user}"),
                user,
                address: desired.address,
                origin: Origin::Created,
                active: true,
                written: desired.attributes,
                roles: desired.roles.into_keys().collect(),
                deactivated_at: None,
                last_run: None,
            }),
            _ => None,
        })
        .collect();
    for accounts in written.chunks(500) {
        store.correct(Settlement { accounts: accounts.to_vec(), ..Settlement::default() }).unwrap();
    }
}

/// Judges each of these.
pub(crate) fn judge_all(roster: &Roster, users: &[DirectoryUser]) {
    for user in users {
        black_box(roster.judge(user));
    }
}
