//! Who should have an account, and as what, computed from the rules of the servers' seeds alone.
//!
//! `openldap-seed.py` and `samba-seed.py` say what is seeded; nothing here asks the engine or the directory.

use std::collections::{BTreeMap, BTreeSet};

use super::dump::Seen;

/// The groups of the OpenLDAP seed that give roles, with the role.
pub(crate) const OPENLDAP_ROLES: [(&str, &str); 8] = [
    ("nest-a", "looped"),
    ("deep-00", "deep"),
    ("selfloop", "self"),
    ("Sales, EMEA + APAC", "sales"),
    ("Vertrieb Süd", "vertrieb"),
    ("odd-names", "odd"),
    ("unique", "unique"),
    ("posix", "posix"),
];

/// The groups of the Samba seed that give roles, with the role.
pub(crate) const SAMBA_ROLES: [(&str, &str); 8] = [
    ("big", "everybody"),
    ("nest-a", "looped"),
    ("deep-00", "deep"),
    ("Sales, EMEA + APAC", "sales"),
    ("Vertrieb Süd", "vertrieb"),
    ("primarygrp", "primary"),
    ("domlocal", "local"),
    ("hiddenmember", "half-hidden"),
];

/// People with their roles, under construction.
struct People(BTreeMap<String, Seen>);

impl People {
    fn add(&mut self, local: &str) {
        let seen = Seen { active: true, roles: BTreeSet::new() };
        self.0.insert(format!("{local}@example.com"), seen);
    }

    /// Gives the role to those of them who have an account.
    fn give(&mut self, role: &str, locals: &[&str]) {
        for local in locals {
            if let Some(seen) = self.0.get_mut(&format!("{local}@example.com")) {
                seen.roles.insert(role.to_owned());
            }
        }
    }
}

fn ordinary(number: u32) -> String {
    format!("u{number:07}")
}

/// The accounts that an OpenLDAP with so many ordinary people should lead to.
pub(crate) fn openldap(users: u32) -> BTreeMap<String, Seen> {
    let mut people = People(BTreeMap::new());
    for number in 1..=users {
        // Every 97th has no address; the address that counts of every 200th lies in another domain.
        if number % 97 != 0 && number % 200 != 3 {
            people.add(&ordinary(number));
        }
    }
    // Left out: dup-a and dup-b share an address, nomail has none, locked and expired are not active, and the reader
    // does not see hidden1.
    for local in ["juergen", "john.doe", "odd.chars", "trailing", "multi", "upper.case", "inject", "nfc", "lockedout"]
        .into_iter()
        .chain(["unexpired", "photo", "lang"])
    {
        people.add(local);
    }
    people.give("looped", &["u0000001", "u0000002", "u0000003"]);
    people.give("deep", &["u0000005"]);
    people.give("self", &["u0000004"]);
    people.give("sales", &["john.doe"]);
    people.give("vertrieb", &["juergen"]);
    people.give("odd", &["odd.chars", "trailing", "multi"]);
    people.give("unique", &["u0000008", "u0000009"]);
    people.give("posix", &["u0000010", "u0000011", "u0000012", "u0000013", "u0000014", "upper.case"]);
    people.0
}

/// The accounts that a Samba with so many ordinary people should lead to.
pub(crate) fn samba(users: u32) -> BTreeMap<String, Seen> {
    let mut people = People(BTreeMap::new());
    for number in 1..=users {
        // Every 97th has no address, every 50th is disabled.
        if number % 97 != 0 && number % 50 != 0 {
            people.add(&ordinary(number));
            people.give("everybody", &[&ordinary(number)]);
        }
    }
    for local in ["expfuture", "never0", "nevermax", "jmueller", "john.doe", "odd.chars", "photo", "mover", "primary"]
        .into_iter()
        .chain(["inetorg"])
    {
        people.add(local);
    }
    people.give("looped", &["u0000001", "u0000002", "u0000003"]);
    people.give("deep", &["u0000005"]);
    people.give("sales", &["john.doe", "odd.chars"]);
    people.give("vertrieb", &["jmueller"]);
    people.give("primary", &["primary"]);
    people.give("local", &["u0000007"]);
    people.give("half-hidden", &["u0000008"]);
    people.0
}
