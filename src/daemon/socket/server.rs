//! The daemon's end of the socket: who may connect, and one command for each connection.

use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, FileTypeExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufRead, BufReader};
use tokio::net::unix::OwnedWriteHalf;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use super::backlog::Backlog;
use super::frames as lines;
use super::peer::Peer;
use super::protocol::{Frame, Reply, Request, VERSION};
use super::remote::Remote;
use crate::config::SocketSettings;
use crate::daemon::{Call, Commands, Floor, is_true};

/// The longest request: a command line.
const REQUEST: u64 = 256 << 10;

/// How long a client may take to say what it wants.
const TO_ASK: Duration = Duration::from_secs(10);

/// How long a client may take to read one frame.
const TO_READ: Duration = Duration::from_secs(30);

/// So many clients are served at the same time.
const CLIENTS: usize = 64;

/// The socket, which is removed when this is dropped.
pub(in crate::daemon) struct Server {
    listener: UnixListener,
    path: PathBuf,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// Where the socket is.
#[must_use]
pub fn place(settings: &SocketSettings, state_dir: &Path) -> PathBuf {
    settings.path.clone().unwrap_or_else(|| state_dir.join("rollcall.sock"))
}

impl Server {
    /// Makes the socket. Nobody can connect before it has its mode and its group.
    ///
    /// # Errors
    ///
    /// In a sentence, also if another daemon answers there.
    pub(in crate::daemon) fn bind(settings: &SocketSettings, state_dir: &Path) -> Result<Self, String> {
        let path = place(settings, state_dir);
        let failed = |error: io::Error| format!("the control socket {} cannot be made: {error}", path.display());
        let folder = path.parent().unwrap_or(Path::new("."));
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
        if let Ok(there) = fs::symlink_metadata(&path) {
            if !there.file_type().is_socket() {
                return Err(format!("{} is there already and no socket; move it away", path.display()));
            }
            if std::os::unix::net::UnixStream::connect(&path).is_ok() {
                return Err(format!("another daemon answers at {}; stop it first", path.display()));
            }
        }
        let aside = folder.join(format!(".s{}", std::process::id()));
        let _ = fs::remove_dir_all(&aside);
        DirBuilder::new().mode(0o700).create(&aside).map_err(failed)?;
        let made = Self::make(&aside.join("s"), &path, settings);
        let _ = fs::remove_dir_all(&aside);
        let listener = made.map_err(failed)?;
        Ok(Self { listener, path })
    }

    fn make(aside: &Path, path: &Path, settings: &SocketSettings) -> io::Result<UnixListener> {
        let listener = UnixListener::bind(aside)?;
        if let Some(name) = &settings.group {
            let group = nix::unistd::Group::from_name(name)?
                .ok_or_else(|| io::Error::other(format!("there is no group {name}")))?;
            std::os::unix::fs::chown(aside, None, Some(group.gid.as_raw()))?;
        }
        fs::set_permissions(aside, Permissions::from_mode(settings.mode.bits()))?;
        fs::rename(aside, path)?;
        Ok(listener)
    }

    /// Serves clients until the daemon stops; commands that are being carried out then come to their end.
    pub(in crate::daemon) async fn serve(self, floor: Floor, commands: Commands, mut stopping: watch::Receiver<bool>) {
        let places = Arc::new(Semaphore::new(CLIENTS));
        let mut clients = JoinSet::new();
        let for_clients = stopping.clone();
        loop {
            let accepted = async {
                let place = Arc::clone(&places).acquire_owned().await;
                (self.listener.accept().await, place)
            };
            tokio::select! {
                (accepted, place) = accepted => match accepted {
                    Ok((stream, _)) => {
                        let (floor, commands, stopping) = (floor.clone(), Arc::clone(&commands), for_clients.clone());
                        clients.spawn(async move {
                            let _place = place;
                            if let Err(error) = client(stream, floor, commands, stopping).await {
                                tracing::debug!(%error, "a client of the control socket was let go of");
                            }
                        });
                    }
                    // Out of file descriptors, most likely: that passes.
                    Err(error) => {
                        tracing::warn!("the control socket accepts nobody right now: {error}");
                        tokio::time::sleep(Duration::from_secs(1)).await;
                    }
                },
                Some(_) = clients.join_next() => {}
                () = is_true(&mut stopping) => break,
            }
        }
        while clients.join_next().await.is_some() {}
    }
}

/// One client: their command, from the request to its end.
async fn client(
    stream: UnixStream,
    floor: Floor,
    commands: Commands,
    mut stopping: watch::Receiver<bool>,
) -> io::Result<()> {
    let peer = Peer::of(&stream)?;
    let (read, write) = stream.into_split();
    let mut read = BufReader::new(read);
    let asked = tokio::time::timeout(TO_ASK, lines::read::<Request>(&mut read, REQUEST)).await;
    let Some(request) = asked.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?? else {
        return Ok(());
    };
    let (sender, receiver) = unbounded_channel();
    let backlog = Arc::new(Backlog::default());
    let writer = tokio::spawn(write_frames(write, receiver, Arc::clone(&backlog)));
    if request.version != VERSION {
        let text = "error: the daemon is of another version than this command; restart the service".to_owned();
        let _ = sender.send(Frame::Say { text });
        let _ = sender.send(Frame::End { code: 1 });
        drop(sender);
        return writer.await.map_err(io::Error::other);
    }
    let (replies, theirs) = std::sync::mpsc::channel();
    let console = Arc::new(Remote::new(&request, peer.name(request.login), (sender.clone(), backlog), theirs));
    let (hang_up, hung_up) = watch::channel(false);
    let call = Call { request, console, floor: floor.clone(), hung_up };
    let mut command = tokio::task::spawn_blocking(move || commands(call));
    let mut replies = Some(replies);
    let code = loop {
        tokio::select! {
            ended = &mut command => break ended,
            reply = next(&mut read, replies.is_some()) => match (reply, &replies) {
                (Some(Reply::Interrupt) | None, _) => {
                    // Whoever waits for an answer gets none any more.
                    replies = None;
                    hang_up.send_replace(true);
                }
                (Some(reply), Some(replies)) => drop(replies.send(reply)),
                (Some(_), None) => {}
            },
            () = is_true(&mut stopping), if replies.is_some() => {
                replies = None;
                hang_up.send_replace(true);
            }
        }
    };
    let code = code.unwrap_or_else(|error| {
        tracing::error!("a command ended in a way that it never should: {error}");
        let text = "error: the command ended in a way that it never should; the daemon's log says more".to_owned();
        let _ = sender.send(Frame::Say { text });
        1
    });
    let _ = sender.send(Frame::End { code });
    drop(sender);
    floor.rest().await;
    writer.await.map_err(io::Error::other)
}

/// The next reply; nothing if there will be none that makes sense. Waits for ever once nobody listens any more.
async fn next(read: &mut (impl AsyncBufRead + Unpin + Send), wanted: bool) -> Option<Reply> {
    if !wanted {
        return std::future::pending().await;
    }
    lines::read(read, lines::FRAME).await.ok().flatten()
}

/// Writes what is to be written, and forgets the rest once nobody reads.
pub(super) async fn write_frames(
    mut write: OwnedWriteHalf,
    mut frames: UnboundedReceiver<Frame>,
    backlog: Arc<Backlog>,
) {
    let mut there = true;
    while let Some(frame) = frames.recv().await {
        if there {
            let written = tokio::time::timeout(TO_READ, lines::write(&mut write, &frame)).await;
            there = matches!(written, Ok(Ok(())));
        }
        match there {
            true => backlog.goes(),
            false => backlog.nobody_reads(),
        }
    }
}
