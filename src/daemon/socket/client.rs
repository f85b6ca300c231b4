//! A command's end of the socket: passes on what the daemon says to the terminal, and what is answered back.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::io::BufReader;
use tokio::net::UnixStream;
use tokio::net::unix::OwnedReadHalf;
use tokio::net::unix::OwnedWriteHalf;
use tokio::sync::Mutex;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::frames::{self, FRAME};
use super::protocol::{Frame, Reply, Request};
use crate::report::{Console, Progress, pieces};

/// A connection to the daemon.
pub struct Client {
    stream: UnixStream,
}

/// Interrupts a command that the daemon carries out.
#[derive(Clone)]
pub struct Interrupter {
    write: Arc<Mutex<OwnedWriteHalf>>,
    asking: Arc<AtomicBool>,
}

impl Interrupter {
    /// Tells the daemon that somebody wants the command to end. False if a question is open: then it is enough to
    /// leave.
    pub async fn interrupt(&self) -> bool {
        !self.asking.load(Ordering::Relaxed)
            && frames::write(&mut *self.write.lock().await, &Reply::Interrupt).await.is_ok()
    }
}

impl Client {
    /// Connects to the daemon; nothing if none answers there.
    ///
    /// # Errors
    ///
    /// If one may answer there, but not to us.
    pub async fn connect(path: &Path) -> io::Result<Option<Self>> {
        match UnixStream::connect(path).await {
            Ok(stream) => Ok(Some(Self { stream })),
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Has a command carried out, and returns its exit code. `began` gets what can interrupt it.
    ///
    /// # Errors
    ///
    /// If the connection is lost.
    pub async fn ask(
        self,
        request: &Request,
        console: &dyn Console,
        began: impl FnOnce(Interrupter),
    ) -> io::Result<u8> {
        let (read, mut write) = self.stream.into_split();
        frames::write(&mut write, request).await?;
        let (write, asking) = (Arc::new(Mutex::new(write)), Arc::new(AtomicBool::new(false)));
        began(Interrupter { write: Arc::clone(&write), asking: Arc::clone(&asking) });
        let mut frames = received(read);
        let mut progress: Option<Progress> = None;
        while let Some(frame) = frames.recv().await.transpose()? {
            if !matches!(frame, Frame::Step { .. }) {
                progress = None;
            }
            let reply = match frame {
                Frame::End { code } => return Ok(code),
                Frame::Step { step } => {
                    progress.get_or_insert_with(Progress::on_terminal).show(&step);
                    None
                }
                other => {
                    asking.store(matches!(other, Frame::Ask { .. }), Ordering::Relaxed);
                    let reply = tokio::task::block_in_place(|| answer(console, other, &mut frames));
                    asking.store(false, Ordering::Relaxed);
                    reply?
                }
            };
            if let Some(reply) = reply {
                send(&mut *write.lock().await, reply).await?;
            }
        }
        Err(ended())
    }
}

fn ended() -> io::Error {
    io::Error::new(
        io::ErrorKind::UnexpectedEof,
        "the daemon ended before the command did; `rollcall status` tells how things stand once it is back",
    )
}

/// Frames as they come. They are taken from the daemon at once, however slowly what is printed is read: it lets go of a
/// client that takes nothing.
fn received(read: OwnedReadHalf) -> UnboundedReceiver<io::Result<Frame>> {
    let (sender, receiver) = unbounded_channel();
    tokio::spawn(async move {
        let mut read = BufReader::new(read);
        while let Some(frame) = frames::read(&mut read, FRAME).await.transpose() {
            let is_last = frame.is_err();
            if sender.send(frame).is_err() || is_last {
                break;
            }
        }
    });
    receiver
}

/// Sends a reply; the text of a file in pieces.
async fn send(write: &mut OwnedWriteHalf, reply: Reply) -> io::Result<()> {
    let Reply::File { text: Some(text), .. } = &reply else { return frames::write(write, &reply).await };
    let mut all = pieces::of(text).peekable();
    while let Some(piece) = all.next() {
        let piece = Reply::File { text: Some(piece.to_owned()), more: all.peek().is_some(), error: None };
        frames::write(write, &piece).await?;
    }
    Ok(())
}

/// Writes the text that comes into a file. All of it is taken also if it cannot be written, so that the daemon learns of
/// that. Fails itself only if the daemon does not come to its end.
fn keep(
    console: &dyn Console,
    path: &Path,
    frames: &mut UnboundedReceiver<io::Result<Frame>>,
) -> io::Result<io::Result<()>> {
    let mut is_over = false;
    let kept = console.keep(path, &mut |into| {
        while let Some(text) = more(frames, &mut is_over)? {
            into.write_all(text.as_bytes())?;
        }
        Ok(())
    });
    while !is_over {
        let next = more(frames, &mut is_over);
        if !is_over {
            next?;
        }
    }
    Ok(kept)
}

/// The next piece of a text; none at its end.
fn more(frames: &mut UnboundedReceiver<io::Result<Frame>>, is_over: &mut bool) -> io::Result<Option<String>> {
    match frames.blocking_recv().ok_or_else(ended)?? {
        Frame::More { text } => Ok(Some(text)),
        Frame::Done { whole } => {
            *is_over = true;
            if whole { Ok(None) } else { Err(io::Error::other("it could not be made; what failed was said")) }
        }
        _ => Err(io::Error::new(io::ErrorKind::InvalidData, "the daemon sent something else than the text of a file")),
    }
}

fn answer(
    console: &dyn Console,
    frame: Frame,
    frames: &mut UnboundedReceiver<io::Result<Frame>>,
) -> io::Result<Option<Reply>> {
    Ok(match frame {
        Frame::Print { text } => {
            console.print(&text)?;
            None
        }
        Frame::Say { text } => {
            console.say(&text);
            None
        }
        Frame::Ask { question } => Some(Reply::Answer { text: console.ask(&question)? }),
        Frame::Read { name } => Some(match console.file(&name) {
            None => Reply::File { text: None, more: false, error: None },
            Some(Ok(text)) => Reply::File { text: Some(text), more: false, error: None },
            Some(Err(error)) => Reply::File { text: None, more: false, error: Some(error.to_string()) },
        }),
        Frame::Keep { path } => {
            Some(Reply::Kept { error: keep(console, &path, frames)?.err().map(|error| error.to_string()) })
        }
        Frame::More { .. } | Frame::Done { .. } | Frame::Step { .. } | Frame::End { .. } => None,
    })
}
