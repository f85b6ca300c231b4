//! The bytes of every kind of record: a change of what lies on disk is seen here, and not in somebody's snapshot.
//!
//! A change that is meant needs a new version of the record, and the old decoder kept (`codec.rs`), or a new format with its
//! migration (`legacy.rs`). Only then is the golden file written anew.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use rollcall_kit::Entry;
use serde_json::json;

use super::changes::{create, grant, run, settle};
use super::sample::{
    account, commit, commit_changes, entry, group, id, intent, ledger_group, rich_user, settle_account, unreadable,
    user,
};
use crate::apply::Settlement;
use crate::guard::Approval;
use crate::plan::Carried;
use crate::roster::{Reason, Refusal, Role};
use crate::snapshot::database::Database;
use crate::snapshot::engine::memory::MemoryEngine;
use crate::snapshot::engine::{Engine as _, Table};
use crate::snapshot::seal::HashKey;
use crate::snapshot::{
    Agenda as _, ChangeHistory as _, Facts as _, History as _, Intents as _, LedgerAccount, MemoryStore, RunFact, keys,
};

/// A store with something of every kind in it. Its secret is fixed, so that hashes are, too.
fn furnished() -> MemoryStore {
    let secret = HashKey::from_bytes(&[7; 32]).unwrap();
    let database = Database::with_secret(MemoryEngine::default(), secret).unwrap();
    let store = MemoryStore::over(database, None).unwrap();
    let people = vec![entry(rich_user("jane")), entry(user("joe")), entry(user("jim"))];
    commit(&store, [people, vec![Entry::Group(Box::new(group("eng", &["jane", "joe"])))]].concat());
    let left = LedgerAccount { active: false, ..account("joe", "t-joe") };
    settle_account(&store, account("jane", "t-jane"));
    settle_account(&store, left);
    let groups = Settlement { groups: vec![ledger_group("editor", &["jane"])], ..Settlement::default() };
    store.correct(groups).unwrap();
    settle(&store, &run(1), vec![create(1, "jane"), grant(2, "jane")]);
    let refused = Refusal {
        reason: Reason::DomainNotOwned,
        user: Some(id("jim")),
        label: "jim@acme.com".to_owned(),
        detail: "acme.com is not registered".to_owned(),
    };
    let carried = Carried {
        open: BTreeSet::new(),
        refused: BTreeMap::from([(id("jim"), vec![refused])]),
        holders: BTreeMap::from([(Role("editor".to_owned()), BTreeSet::from([id("jane")]))]),
    };
    store.planned(None, &carried, "the rules").unwrap();
    commit_changes(&store, &[entry(user("joe")), Entry::Unreadable(unreadable("jim"))], "place 2");
    store.begin(vec![intent("jean")]).unwrap();
    store.record_run(&run(1), &json!({ "id": run(1), "result": "applied" })).unwrap();
    store.record_fact(&RunFact::of(&run(1), "2026-11-01T12:00:00Z".parse().unwrap(), &Approval::Guard)).unwrap();
    store.set_fact("bindings", &json!({ "Editors": "eng" })).unwrap();
    store
}

/// A store whose mirror is so large that it has pages, with the same secret.
fn large() -> MemoryStore {
    let secret = HashKey::from_bytes(&[7; 32]).unwrap();
    let database = Database::with_secret(MemoryEngine::default(), secret).unwrap();
    let store = MemoryStore::over(database, None).unwrap();
    let people = (0..1_500).map(|number| entry(user(&format!("u{number:04}"))));
    let group = Entry::Group(Box::new(group("eng", &["u0001", "u0700", "u1400"])));
    commit(&store, people.chain([group]).collect());
    store
}

/// Bytes as text, what is not printable escaped.
fn shown(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}

#[test]
fn every_kind_of_record_has_the_bytes_that_it_always_had() {
    let store = furnished();
    let mut text = String::new();
    for table in store.database.engine.tables().unwrap() {
        writeln!(text, "[{}]", table.name()).unwrap();
        for pair in store.database.engine.range(table, b"", None).unwrap() {
            let (key, value) = pair.unwrap();
            writeln!(text, "{} = {}", shown(&key), shown(&value)).unwrap();
        }
    }
    insta::assert_snapshot!(text);
}

#[test]
fn every_kind_of_record_of_a_large_mirror_has_the_bytes_that_it_always_had() {
    let store = large();
    let mirror = mirror_of(&store);
    let mut kinds: BTreeMap<u8, (u64, String, blake3::Hasher)> = BTreeMap::new();
    for pair in store.database.engine.range(mirror, keys::FIRST, None).unwrap() {
        let (key, value) = pair.unwrap();
        let (number, _, hasher) = kinds.entry(key[0]).or_insert_with(|| (0, shown(&key), blake3::Hasher::new()));
        *number += 1;
        hasher.update(&key);
        // Pages are packed by zstd, whose next version may pack them otherwise and reads them all the same.
        if !key.starts_with(keys::USER) && !key.starts_with(keys::GROUP) {
            hasher.update(&value);
        }
    }
    let mut text = String::new();
    for (kind, (number, first, hasher)) in kinds {
        let hash = hasher.finalize().to_hex();
        writeln!(text, "{}: {number} values, the first of {first}, {}", shown(&[kind]), &hash[..16]).unwrap();
    }
    insta::assert_snapshot!(text);
}

fn mirror_of(store: &MemoryStore) -> Table {
    let tables = store.database.engine.tables().unwrap();
    tables.into_iter().find(|table| matches!(table, Table::Mirror(_))).expect("a mirror was written")
}

#[test]
fn no_kind_of_record_is_left_out() {
    let (store, large) = (furnished(), large());
    let is_there = |store: &MemoryStore, table: Table, kind: &[u8]| {
        let mut pairs = store.database.engine.range(table, kind, None).unwrap();
        pairs.next().is_some_and(|pair| pair.unwrap().0.starts_with(kind))
    };
    let of_mirror = [
        keys::USER,
        keys::GROUP,
        keys::USER_PRINTS,
        keys::GROUP_PRINTS,
        keys::PAGES_OF_USERS,
        keys::NAMES,
        keys::GROUP_USERS,
        keys::USER_GROUPS,
    ];
    for kind in of_mirror {
        assert!(is_there(&large, mirror_of(&large), kind), "nothing of the kind {} in the mirror", shown(kind));
    }
    let of_ledger = [
        keys::ACCOUNT,
        keys::COUNTS,
        keys::LEDGER_GROUP,
        keys::MEMBERS,
        keys::TOUCHED,
        keys::REFUSED,
        keys::GROUND,
        keys::ADDRESS,
        keys::TARGET_ID,
        keys::INACTIVE,
        keys::WITH_ROLE,
        keys::HOLDER,
        keys::VERSION_OF_LEDGER,
        keys::LAYOUT,
    ];
    let of_history = [keys::RUN, keys::PERSON_CHANGES, keys::STEP, keys::TOPIC, keys::RUN_FACT];
    let kinds: [(Table, &[&[u8]]); 5] = [
        (Table::Overlay, &[keys::USER, keys::GROUP, keys::GROUP_USERS, keys::USER_GROUPS, keys::UNREADABLE]),
        (Table::Ledger, &of_ledger),
        (Table::Facts, &[keys::FACT]),
        (Table::Hot, &[keys::INTENT, keys::GENERATION, keys::HEAD]),
        (Table::History, &of_history),
    ];
    for (table, kinds) in kinds {
        for kind in kinds {
            assert!(is_there(&store, table, kind), "nothing of the kind {} in {}", shown(kind), table.name());
        }
    }
}
