//! Who is at the other end of a socket, by the word of the system and not his own.

use std::io;

use nix::unistd::{Uid, User};
use tokio::net::UnixStream;

/// The login name of the peer. Of somebody who became root (by sudo, say) also the name under which he had logged in,
/// where the system keeps that.
pub(super) fn name(stream: &UnixStream) -> io::Result<String> {
    let peer = stream.peer_cred()?;
    let name = of(peer.uid());
    if peer.uid() != 0 {
        return Ok(name);
    }
    let behind = peer.pid().and_then(login).filter(|uid| *uid != 0).map(of);
    Ok(behind.map_or_else(|| name.clone(), |behind| format!("{behind} (as {name})")))
}

/// The name of a user id; the number itself if it has none.
fn of(uid: u32) -> String {
    let user = User::from_uid(Uid::from_raw(uid)).ok().flatten();
    user.map_or_else(|| format!("uid {uid}"), |user| user.name)
}

/// As whom a process was logged in, which nobody but root can change.
fn login(process: i32) -> Option<u32> {
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
        let named = name(&ours).unwrap();
        assert!(named == us || named.ends_with(&format!("(as {us})")), "{named}");
        assert_eq!(of(4_000_000_000), "uid 4000000000");
    }
}
