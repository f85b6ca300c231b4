//! Samples and what can happen to them, for tests of everything that reads bytes of others.
//!
//! Such a test takes damaged samples, and pure noise, and holds its reader to what it promises: it never panics, and what
//! it refuses it refuses in words. A test run tries few cases. `ROLLCALL_FUZZ=100` tries a hundred times as many
//! (`CONTRIBUTING.md`).

use std::ops::Range;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

/// The settings of a test that tries so many cases, times what `ROLLCALL_FUZZ` says.
#[must_use]
pub fn cases(cases: u32) -> ProptestConfig {
    let times = std::env::var("ROLLCALL_FUZZ").ok().and_then(|times| times.parse().ok()).unwrap_or(1);
    ProptestConfig::with_cases(cases.saturating_mul(times))
}

/// One thing that happens to a sample.
#[derive(Clone, Debug)]
enum Damage {
    /// It ends here.
    Cut(Index),
    /// So many bytes are lost.
    Lost(Index, usize),
    /// One byte is another one.
    Other(Index, u8),
    /// This comes between.
    Put(Index, Vec<u8>),
    /// So many bytes stand there so many times.
    Again(Index, usize, usize),
    /// So many bytes stand elsewhere as well.
    Copied(Index, usize, Index),
}

/// Samples with up to six damages, some of them with none, and noise. `words` are what means something to the reader:
/// brackets, keywords, numbers at a limit.
pub fn damaged(samples: &[&str], words: &'static [&'static str]) -> impl Strategy<Value = Vec<u8>> + use<> {
    let samples: Vec<Vec<u8>> = samples.iter().map(|sample| sample.as_bytes().to_vec()).collect();
    let several = (select(samples), vec(damage(words), 0..6));
    prop_oneof![
        12 => several.prop_map(|(sample, damages)| damages.iter().fold(sample, apply)),
        2 => vec(select(words), 0..40).prop_map(|words| words.concat().into_bytes()),
        1 => vec(any::<u8>(), 0..200),
    ]
}

/// The same for readers of text.
pub fn damaged_text(samples: &[&str], words: &'static [&'static str]) -> impl Strategy<Value = String> + use<> {
    damaged(samples, words).prop_map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

fn damage(words: &'static [&'static str]) -> impl Strategy<Value = Damage> {
    let at = any::<Index>;
    prop_oneof![
        1 => at().prop_map(Damage::Cut),
        2 => (at(), 1_usize..20).prop_map(|(at, length)| Damage::Lost(at, length)),
        2 => (at(), any::<u8>()).prop_map(|(at, byte)| Damage::Other(at, byte)),
        3 => (at(), select(words)).prop_map(|(at, word)| Damage::Put(at, word.as_bytes().to_vec())),
        1 => (at(), "\\PC{1,6}").prop_map(|(at, text)| Damage::Put(at, text.into_bytes())),
        1 => (at(), 1_usize..30, 2_usize..60).prop_map(|(at, length, times)| Damage::Again(at, length, times)),
        2 => (at(), 1_usize..60, at()).prop_map(|(from, length, to)| Damage::Copied(from, length, to)),
    ]
}

fn apply(mut bytes: Vec<u8>, damage: &Damage) -> Vec<u8> {
    let place = |at: &Index, bytes: &[u8]| at.index(bytes.len() + 1);
    let range = |at: &Index, length: usize, bytes: &[u8]| -> Range<usize> {
        let start = place(at, bytes);
        start..(start + length).min(bytes.len())
    };
    match damage {
        Damage::Cut(at) => bytes.truncate(place(at, &bytes)),
        Damage::Lost(at, length) => drop(bytes.drain(range(at, *length, &bytes))),
        Damage::Other(at, byte) => {
            let at = place(at, &bytes);
            if let Some(there) = bytes.get_mut(at) {
                *there = *byte;
            }
        }
        Damage::Put(at, put) => {
            let at = place(at, &bytes);
            bytes.splice(at..at, put.iter().copied());
        }
        Damage::Again(at, length, times) => {
            let range = range(at, *length, &bytes);
            let again = bytes[range.clone()].repeat(*times);
            bytes.splice(range, again);
        }
        Damage::Copied(from, length, to) => {
            let copy = bytes[range(from, *length, &bytes)].to_vec();
            let to = place(to, &bytes);
            bytes.splice(to..to, copy);
        }
    }
    bytes
}
