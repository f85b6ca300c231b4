//! Keys: names and logins as 128 bits, which is all that comparing very many of them needs.
//!
//! A directory of a million people names each of them twice at least, so a key is made without a [`super::Dn`]: each part
//! of a name is written into one buffer that is used again, and hashed there together with the key of what is above it.
//! Most names stand beside the name before, so the keys of the last few parents are kept.

use super::prepare::{is_unseen, prepare};
use super::read;

/// What equal names, or equal logins, share.
pub type Key = (u64, u64);

/// How many parents are remembered: users, groups and members take turns in a handful of containers.
const PARENTS: usize = 8;
/// Room for the key of what is above, in front of each part of a name.
const ABOVE: [u8; 16] = [0; 16];
/// The key of the empty name, which is above everything.
const ROOT: Key = (0, 0);

/// Makes keys.
#[derive(Debug, Default)]
pub struct Keys {
    /// The parts of the name at hand, each behind room for a key.
    buffer: Vec<u8>,
    /// Where in the buffer the parts of its parent begin and end.
    ends: Vec<usize>,
    /// Parents as they were spelled, with their keys.
    parents: Vec<(String, Key)>,
    /// The parent that goes next.
    oldest: usize,
}

impl Keys {
    /// The key of a distinguished name; nothing if it is none. Names have the same key exactly if they are the same
    /// [`super::Dn`].
    pub fn name(&mut self, text: &str) -> Option<Key> {
        let text = read::trimmed(text);
        if text.is_empty() {
            return Some(ROOT);
        }
        self.buffer.clear();
        let above = part(text, &mut self.buffer)?;
        let end = self.buffer.len();
        let parent = match above {
            None => ROOT,
            Some(above) => self.parent(above)?,
        };
        Some(hash_below(parent, &mut self.buffer[..end]))
    }

    /// The key of a login. Logins are compared in any case: `uid` is, though `memberUid` is not.
    pub fn login(&mut self, text: &str) -> Key {
        self.buffer.clear();
        if text.bytes().all(|byte| byte.is_ascii() && !is_unseen(byte)) {
            for word in text.split(char::is_whitespace).filter(|word| !word.is_empty()) {
                if !self.buffer.is_empty() {
                    self.buffer.push(b' ');
                }
                self.buffer.extend(word.bytes().map(|byte| byte.to_ascii_lowercase()));
            }
        } else {
            self.buffer.extend_from_slice(prepare(text).as_bytes());
        }
        hash(&self.buffer)
    }

    /// The key of the name above the one at hand, whose parts are written behind its own.
    fn parent(&mut self, text: &str) -> Option<Key> {
        if let Some((_, key)) = self.parents.iter().find(|(known, _)| known == text) {
            return Some(*key);
        }
        self.ends.clear();
        self.ends.push(self.buffer.len());
        let mut above = Some(text);
        while let Some(rest) = above {
            above = part(rest, &mut self.buffer)?;
            self.ends.push(self.buffer.len());
        }
        let mut key = ROOT;
        for at in (1..self.ends.len()).rev() {
            key = hash_below(key, &mut self.buffer[self.ends[at - 1]..self.ends[at]]);
        }
        self.remember(text, key);
        Some(key)
    }

    fn remember(&mut self, text: &str, key: Key) {
        if self.parents.len() < PARENTS {
            self.parents.push((text.to_owned(), key));
            return;
        }
        let (known, its_key) = &mut self.parents[self.oldest];
        known.clear();
        known.push_str(text);
        *its_key = key;
        self.oldest = (self.oldest + 1) % PARENTS;
    }
}

/// The hash of a part of a name together with the key of what is above it, for which it has left room.
fn hash_below(above: Key, part: &mut [u8]) -> Key {
    let (room, _) = part.split_at_mut(ABOVE.len());
    room[..8].copy_from_slice(&above.0.to_be_bytes());
    room[8..].copy_from_slice(&above.1.to_be_bytes());
    hash(part)
}

fn hash(bytes: &[u8]) -> Key {
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, ..] = *blake3::hash(bytes).as_bytes();
    (u64::from_be_bytes([a, b, c, d, e, f, g, h]), u64::from_be_bytes([i, j, k, l, m, n, o, p]))
}

/// Writes the first part of a name behind room for a key, and returns what is above it, if anything is.
fn part<'a>(text: &'a str, out: &mut Vec<u8>) -> Option<Option<&'a str>> {
    out.extend_from_slice(&ABOVE);
    read::part(text, out).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_does_not_depend_on_which_parents_are_remembered() {
        let names: Vec<String> = (0..3 * PARENTS).map(|n| format!("uid=a,ou=o{n},dc=lab")).collect();
        let mut keys = Keys::default();
        for name in names.iter().chain(names.iter().rev()) {
            assert_eq!(keys.name(name), Keys::default().name(name));
        }
        assert!(keys.parents.len() <= PARENTS);
    }
}
