//! The console of whoever is at the other end of the socket.

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::mpsc::UnboundedSender;

use super::protocol::{Frame, Reply, Request};
use crate::daemon::desk::locked;
use crate::report::{Console, Steps};
use crate::run::Event;

/// How long a question waits for its answer: runs of the organization wait as long.
const PATIENCE: Duration = Duration::from_secs(300);

/// So many frames may wait for a client that reads slowly before it is told no more steps of runs.
const BACKLOG: usize = 256;

/// The console of a client. A command that uses it runs on a thread of its own, which may wait for an answer.
pub struct Remote {
    frames: UnboundedSender<Frame>,
    waiting: Arc<AtomicUsize>,
    replies: Mutex<Receiver<Reply>>,
    person: String,
    columns: usize,
    can_ask: bool,
}

impl Remote {
    pub(super) fn new(
        request: &Request,
        person: String,
        (frames, waiting): (UnboundedSender<Frame>, Arc<AtomicUsize>),
        replies: Receiver<Reply>,
    ) -> Self {
        Self {
            frames,
            waiting,
            replies: Mutex::new(replies),
            person,
            columns: request.columns.unwrap_or(usize::MAX),
            can_ask: request.can_ask,
        }
    }

    fn send(&self, frame: Frame) -> io::Result<()> {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        self.frames.send(frame).map_err(|_| gone())
    }

    fn reply(&self) -> io::Result<Reply> {
        match locked(&self.replies).recv_timeout(PATIENCE) {
            Ok(reply) => Ok(reply),
            Err(RecvTimeoutError::Disconnected) => Err(gone()),
            Err(RecvTimeoutError::Timeout) => Err(io::Error::new(
                io::ErrorKind::TimedOut,
                "nobody answered for five minutes, and runs wait; nothing was changed",
            )),
        }
    }
}

fn gone() -> io::Error {
    io::Error::new(io::ErrorKind::BrokenPipe, "whoever gave the command is not there any more; nothing was changed")
}

fn unexpected() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the client answered something else than it was asked")
}

impl Console for Remote {
    fn print(&self, text: &str) -> io::Result<()> {
        // A reader that went away is no error.
        let _ = self.send(Frame::Print { text: text.to_owned() });
        Ok(())
    }

    fn say(&self, text: &str) {
        let _ = self.send(Frame::Say { text: text.to_owned() });
    }

    fn columns(&self) -> usize {
        self.columns
    }

    fn can_ask(&self) -> bool {
        self.can_ask
    }

    fn ask(&self, question: &str) -> io::Result<String> {
        self.send(Frame::Ask { question: question.to_owned() })?;
        match self.reply()? {
            Reply::Answer { text } => Ok(text),
            _ => Err(unexpected()),
        }
    }

    fn person(&self) -> String {
        self.person.clone()
    }

    fn listener(&self) -> Box<dyn Fn(Event) + Send + Sync + '_> {
        let steps = Mutex::new(Steps::default());
        Box::new(move |event| {
            let step = locked(&steps).step(&event);
            if self.waiting.load(Ordering::Relaxed) < BACKLOG {
                let _ = self.send(Frame::Step { step });
            }
        })
    }

    fn file(&self, name: &str) -> Option<io::Result<String>> {
        let asked = self.send(Frame::Read { name: name.to_owned() }).and_then(|()| self.reply());
        match asked {
            Ok(Reply::File { error: Some(error), .. }) => Some(Err(io::Error::other(error))),
            Ok(Reply::File { text, .. }) => text.map(Ok),
            Ok(_) => Some(Err(unexpected())),
            Err(error) => Some(Err(error)),
        }
    }

    fn keep(&self, path: &Path, text: &str) -> io::Result<()> {
        self.send(Frame::Keep { path: path.to_owned(), text: text.to_owned() })?;
        match self.reply()? {
            Reply::Kept { error: None } => Ok(()),
            Reply::Kept { error: Some(error) } => Err(io::Error::other(error)),
            _ => Err(unexpected()),
        }
    }
}
