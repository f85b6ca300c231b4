//! What is told of a snapshot at a glance is what it would tell itself, or nothing is.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde_json::{Value, json};

use super::sample::{account, commit, entry, intent, settle_account, user};
use crate::snapshot::{
    Facts as _, History as _, Intents as _, MemoryStore, RepairStep, SledStore, Store, compact, fact, repair,
};

/// A sealed snapshot with a little of everything.
fn filled(directory: &Path, runs: u32) {
    let store = SledStore::open(directory).unwrap();
    commit(&store, (0..20).map(|number| entry(user(&format!("u{number}")))).collect());
    settle_account(&store, account("jane", "t-1"));
    store.begin(vec![intent("joe")]).unwrap();
    for number in 0..runs {
        let run = json!({"plan": "x".repeat(9_000), "counts": {"done": number}});
        store.record_run(&format!("run-{number:03}"), &run).unwrap();
    }
    store.set_fact(fact::PAUSED, &json!({"by": "jo"})).unwrap();
    store.seal().unwrap();
    store.set_fact(fact::DECISIONS, &json!({"held": []})).unwrap();
}

/// Everything that is asked at a glance.
fn told(store: &dyn Store) -> Value {
    let unsettled: Vec<String> = store.unsettled().unwrap().into_iter().map(|(_, intent)| intent.run).collect();
    json!({
        "sealed": store.is_sealed(),
        "mirror": store.mirror_counts(),
        "active": store.account_counts().active,
        "unsettled": unsettled,
        "read": store.certificate().unwrap().unwrap().ended(),
        "facts": [store.fact(fact::PAUSED).unwrap(), store.fact(fact::DECISIONS).unwrap()],
        "runs": store.run_headers(20).unwrap(),
        "generation": store.generation().unwrap(),
    })
}

fn glance(directory: &Path) -> Option<MemoryStore> {
    SledStore::at_a_glance(directory, 20)
}

#[test]
fn what_is_told_at_a_glance_is_what_the_snapshot_tells_itself() {
    for runs in [3, 40] {
        let directory = tempfile::tempdir().unwrap();
        filled(directory.path(), runs);
        let at_a_glance = told(&glance(directory.path()).unwrap());
        assert_eq!(at_a_glance, told(&SledStore::open(directory.path()).unwrap()));
        assert!(glance(directory.path()).is_some(), "also after somebody looked at it");
        assert_eq!(SledStore::at_a_glance(directory.path(), 100).is_some(), runs == 3, "of {runs} runs");
        let mode = fs::metadata(directory.path().join("glance")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

#[test]
fn what_was_written_since_is_never_missing() {
    let directory = tempfile::tempdir().unwrap();
    filled(directory.path(), 3);
    let store = SledStore::open(directory.path()).unwrap();
    assert!(glance(directory.path()).is_none(), "while it is open, whatever happens to it");
    store.set_fact(fact::PAUSED, &Value::Null).unwrap();
    assert!(!directory.path().join("glance").exists());
    drop(store);
    assert_eq!(glance(directory.path()).unwrap().fact(fact::PAUSED).unwrap(), Some(Value::Null));
}

#[test]
fn after_a_crash_nothing_is_told_at_a_glance() {
    let directory = tempfile::tempdir().unwrap();
    filled(directory.path(), 3);
    let store = SledStore::open(directory.path()).unwrap();
    store.crash_after(1);
    store.set_fact(fact::PAUSED, &Value::Null).unwrap();
    assert!(store.set_fact(fact::PAUSED, &json!(1)).is_err());
    drop(store);
    assert!(glance(directory.path()).is_none());
    assert!(SledStore::open(directory.path()).unwrap().is_sealed());
    assert!(glance(directory.path()).is_some(), "until it was counted");
}

#[test]
fn a_snapshot_that_is_not_as_it_was_left_is_opened() {
    type Spoil = fn(&Path);
    let spoilt: [(&str, Spoil); 5] = [
        ("another seal", |directory| fs::write(directory.join("seal.json"), r#"{"format": 2}"#).unwrap()),
        ("no seal", |directory| fs::remove_file(directory.join("seal.json")).unwrap()),
        ("no database", |directory| fs::remove_dir_all(directory.join("db")).unwrap()),
        ("an emptied database", |directory| drop(File::create(directory.join("db/db")).unwrap())),
        ("half a glance", |directory| {
            let path = directory.join("glance");
            let half = fs::metadata(&path).unwrap().len() / 2;
            File::options().write(true).open(path).unwrap().set_len(half).unwrap();
        }),
    ];
    for (what, spoil) in spoilt {
        let directory = tempfile::tempdir().unwrap();
        filled(directory.path(), 3);
        assert!(glance(directory.path()).is_some());
        spoil(directory.path());
        assert!(glance(directory.path()).is_none(), "{what}");
    }
}

#[test]
fn a_compaction_and_a_repair_leave_nothing_of_what_was_told_before() {
    let directory = tempfile::tempdir().unwrap();
    filled(directory.path(), 3);
    let before = told(&glance(directory.path()).unwrap());
    compact(directory.path()).unwrap();
    if let Some(after) = glance(directory.path()) {
        assert_eq!(told(&after), before);
    }
    drop(repair(directory.path(), RepairStep::StartAnew).unwrap());
    assert!(glance(directory.path()).is_none(), "it is not sealed");
}
