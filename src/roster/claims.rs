//! Addresses that more than one user in scope claims.
//!
//! Found in a pass of its own, because the first of two claimants cannot know of the second. Only users whom the
//! scope lets in compete: a leaver whose record still shows the address does not keep their successor out, and a
//! record that is held back for a reason of its own stops only itself.

use std::collections::BTreeMap;

use rollcall_kit::{Address, DirectoryId, DirectoryUser};

/// Who else claims an address.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Claimant {
    /// Their id.
    pub id: DirectoryId,
    /// What people call their record.
    pub login: String,
}

/// Addresses with several claimants.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claims {
    /// By folded address; sorted by id.
    contested: BTreeMap<String, Vec<Claimant>>,
}

impl Claims {
    /// Everybody else who claims this address.
    #[must_use]
    pub fn rivals(&self, address: &Address, user: &DirectoryId) -> Vec<&Claimant> {
        if self.contested.is_empty() {
            return Vec::new();
        }
        let claimants = self.contested.get(&address.folded());
        claimants.into_iter().flatten().filter(|claimant| claimant.id != *user).collect()
    }

    /// How many addresses are contested.
    #[must_use]
    pub fn len(&self) -> usize {
        self.contested.len()
    }

    /// Whether no address is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.contested.is_empty()
    }
}

/// The first pass: 16 bytes a claim, and no names.
#[derive(Debug, Default)]
pub(crate) struct Counting {
    hashes: Vec<[u8; 16]>,
}

impl Counting {
    pub(crate) fn add(&mut self, address: &Address) {
        self.hashes.push(hash(address));
    }

    /// What was counted more than once. Usually nothing, and then no second pass is needed.
    pub(crate) fn suspects(mut self) -> Suspects {
        self.hashes.sort_unstable();
        let mut repeated: Vec<[u8; 16]> =
            self.hashes.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0]).collect();
        repeated.dedup();
        Suspects { repeated, claims: BTreeMap::new() }
    }
}

/// The second pass: names, for repeated hashes only, and by the address itself.
#[derive(Debug)]
pub(crate) struct Suspects {
    repeated: Vec<[u8; 16]>,
    claims: BTreeMap<String, Vec<Claimant>>,
}

impl Suspects {
    pub(crate) fn is_empty(&self) -> bool {
        self.repeated.is_empty()
    }

    pub(crate) fn add(&mut self, address: &Address, user: &DirectoryUser) {
        if self.repeated.binary_search(&hash(address)).is_ok() {
            let claimant = Claimant { id: user.id.clone(), login: user.login.clone() };
            self.claims.entry(address.folded()).or_default().push(claimant);
        }
    }

    /// A record read twice is one claimant.
    pub(crate) fn settle(self) -> Claims {
        let mut contested = self.claims;
        for claimants in contested.values_mut() {
            claimants.sort();
            claimants.dedup_by(|a, b| a.id == b.id);
        }
        contested.retain(|_, claimants| claimants.len() > 1);
        Claims { contested }
    }
}

fn hash(address: &Address) -> [u8; 16] {
    let mut hash = [0; 16];
    hash.copy_from_slice(&blake3::hash(address.folded().as_bytes()).as_bytes()[..16]);
    hash
}
