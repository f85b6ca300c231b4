//! What a large organization costs. Prints its figures; run it by name, in a release build, when they matter.

use std::time::Instant;

use super::sample::{commit, entry, named, user};
use crate::snapshot::{Mirror as _, SledStore, Store as _};

#[test]
#[ignore = "takes a while; it measures"]
fn a_hundred_thousand_users() {
    let directory = tempfile::tempdir().unwrap();
    let entries = || (0..100_000).map(|number| entry(user(&format!("user-{number:07}-{:x}", number * 7_919))));
    let mut mark = Instant::now();
    let mut lap = |what: &str| {
        println!("{what}: {:.2} s", mark.elapsed().as_secs_f64());
        mark = Instant::now();
    };
    let store = SledStore::open(directory.path()).unwrap();
    commit(&store, entries().collect());
    lap("first reading, all new");
    store.seal().unwrap();
    lap("seal");
    commit(&store, entries().collect());
    lap("second reading, nothing new");
    let changed = |number: usize| entry(named(&format!("user-{number:07}-{:x}", number * 7_919), "Changed"));
    commit(&store, entries().enumerate().map(|(at, same)| if at % 100 == 0 { changed(at) } else { same }).collect());
    lap("third reading, one in a hundred changed");
    drop(store);
    lap("close");
    let store = SledStore::open(directory.path()).unwrap();
    lap("open and verify");
    assert!(store.is_sealed());
    assert_eq!(store.users().count(), 100_000);
    lap("scan and decode");
}
