//! A command's end of the socket: passes on what the daemon says to the terminal, and what is answered back.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::io::BufReader;
use tokio::net::UnixStream;
use tokio::net::unix::OwnedWriteHalf;
use tokio::sync::Mutex;

use super::frames;
use super::protocol::{Frame, Reply, Request};
use crate::report::{Console, Progress};

/// The longest frame: a report, which the daemon made and may be long.
const FRAME: u64 = 4 << 30;

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
        let mut read = BufReader::new(read);
        let mut progress: Option<Progress> = None;
        while let Some(frame) = frames::read(&mut read, FRAME).await? {
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
                    let reply = tokio::task::block_in_place(|| answer(console, other));
                    asking.store(false, Ordering::Relaxed);
                    reply?
                }
            };
            if let Some(reply) = reply {
                frames::write(&mut *write.lock().await, &reply).await?;
            }
        }
        Err(io::Error::new(
            io::ErrorKind::UnexpectedEof,
            "the daemon ended before the command did; `rollcall status` tells how things stand once it is back",
        ))
    }
}

fn answer(console: &dyn Console, frame: Frame) -> io::Result<Option<Reply>> {
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
            None => Reply::File { text: None, error: None },
            Some(Ok(text)) => Reply::File { text: Some(text), error: None },
            Some(Err(error)) => Reply::File { text: None, error: Some(error.to_string()) },
        }),
        Frame::Keep { path, text } => {
            Some(Reply::Kept { error: console.keep(&path, &text).err().map(|error| error.to_string()) })
        }
        Frame::Step { .. } | Frame::End { .. } => None,
    })
}
