//! Who is at the other end of a socket, by the word of the system and not their own.

use std::fmt::Display;
use std::io;

use nix::unistd::{Uid, User};
use tokio::net::UnixStream;

/// Somebody at the other end of a socket.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer {
    uid: u32,
    process: Option<i32>,
}

impl Peer {
    /// Whoever holds the other end.
    pub(super) fn of(stream: &UnixStream) -> io::Result<Self> {
        let credentials = stream.peer_cred()?;
        Ok(Self { uid: credentials.uid(), process: credentials.pid() })
    }

    /// Their login name. Of somebody who became root (by sudo, say) also the name under which they had logged in, where the
    /// system keeps that: if root's processes cannot be seen from here, as in a unit with `ProtectProc=`, by their own
    /// word.
    pub(super) fn name(self, claimed: Option<u32>) -> String {
        let name = of(self.uid);
        if self.uid != 0 {
            return name;
        }
        let behind = self.process.and_then(login).or(claimed).filter(|uid| *uid != 0).map(of);
        behind.map_or_else(|| name.clone(), |behind| format!("{behind} (as {name})"))
    }
}

/// The name of a user id; the number itself if it has none.
fn of(uid: u32) -> String {
    let user = User::from_uid(Uid::from_raw(uid)).ok().flatten();
    user.map_or_else(|| format!("uid {uid}"), |user| user.name)
}

/// As whom a process (a number, or `self`) was logged in, which nobody but root can change.
pub fn login(process: impl Display) -> Option<u32> {
    let uid: u32 = std::fs::read_to_string(format!("/proc/{process}/loginuid")).ok()?.trim().parse().ok()?;
    (uid != u32::MAX).then_some(uid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_system_says_who_is_at_the_other_end() {
        let (ours, _theirs) = UnixStream::pair().unwrap();
        let us = of(Uid::current().as_raw());
        let named = Peer::of(&ours).unwrap().name(None);
        assert!(named == us || named.ends_with(&format!("(as {us})")), "{named}");
        assert_eq!(of(4_000_000_000), "uid 4000000000");
    }

    #[test]
    fn only_root_may_say_under_which_name_he_logged_in() {
        let unseen = |uid| Peer { uid, process: None };
        assert_eq!(unseen(0).name(Some(4_000_000_001)), "uid 4000000001 (as root)");
        assert_eq!((unseen(0).name(None), unseen(0).name(Some(0))), ("root".to_owned(), "root".to_owned()));
        assert_eq!(unseen(4_000_000_000).name(Some(0)), "uid 4000000000");
    }
}
