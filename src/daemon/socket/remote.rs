//! The console of whoever is at the other end of the socket.

use std::io;
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::mpsc::UnboundedSender;

use super::backlog::{Backlog, gone};
use super::protocol::{Frame, Reply, Request};
use crate::daemon::desk::locked;
use crate::report::pieces::{self, Pieces};
use crate::report::{Console, Make, Steps};
use crate::run::Event;

/// How long a question waits for its answer: runs of the organization wait as long.
const PATIENCE: Duration = Duration::from_secs(300);

/// So many frames may wait for a client that reads slowly before it is told no more steps of runs.
const BACKLOG: usize = 256;

/// Bytes of a file of the client's at most: a plan file has hundreds of megabytes for a large organization's first plan.
const FILE: usize = 1 << 30;

/// The console of a client. A command that uses it runs on a thread of its own, which may wait for an answer.
pub struct Remote {
    frames: UnboundedSender<Frame>,
    backlog: Arc<Backlog>,
    replies: Mutex<Receiver<Reply>>,
    person: String,
    columns: usize,
    can_ask: bool,
}

impl Remote {
    pub(super) fn new(
        request: &Request,
        person: String,
        (frames, backlog): (UnboundedSender<Frame>, Arc<Backlog>),
        replies: Receiver<Reply>,
    ) -> Self {
        Self {
            frames,
            backlog,
            replies: Mutex::new(replies),
            person,
            columns: request.columns.unwrap_or(usize::MAX),
            can_ask: request.can_ask,
        }
    }

    fn send(&self, frame: Frame) -> io::Result<()> {
        self.backlog.comes();
        self.frames.send(frame).map_err(|_| gone())
    }

    /// Sends a text piece by piece while it is made, as fast as it is read.
    fn send_text(&self, make: Make<'_>, frame: impl Fn(String) -> Frame) -> io::Result<()> {
        let mut pieces = Pieces::new(|text| {
            self.backlog.room(PATIENCE)?;
            self.send(frame(text))
        });
        make(&mut pieces)?;
        pieces.finish()
    }

    /// The text of a file of the client's, of which pieces came so far.
    fn rest_of_file(&self, mut text: String, mut more: bool) -> io::Result<String> {
        let mut is_too_long = false;
        while more {
            let Reply::File { text: Some(piece), more: another, error: None } = self.reply()? else {
                return Err(unexpected());
            };
            is_too_long |= text.len() + piece.len() > FILE;
            if !is_too_long {
                text.push_str(&piece);
            }
            more = another;
        }
        match is_too_long {
            true => Err(io::Error::other(format!("it is longer than {FILE} bytes, the most that the daemon takes"))),
            false => Ok(text),
        }
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

fn unexpected() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the client answered something else than it was asked")
}

impl Console for Remote {
    fn print_made(&self, make: Make<'_>) -> io::Result<()> {
        match self.send_text(make, |text| Frame::Print { text }) {
            // A reader that went away is no error.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            other => other,
        }
    }

    fn say(&self, text: &str) {
        for text in pieces::of_lines(text) {
            let _ = self.send(Frame::Say { text: text.to_owned() });
        }
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
            if self.backlog.waiting() < BACKLOG {
                let _ = self.send(Frame::Step { step });
            }
        })
    }

    fn file(&self, name: &str) -> Option<io::Result<String>> {
        let asked = self.send(Frame::Read { name: name.to_owned() }).and_then(|()| self.reply());
        match asked {
            Ok(Reply::File { error: Some(error), .. }) => Some(Err(io::Error::other(error))),
            Ok(Reply::File { text, more, .. }) => text.map(|text| self.rest_of_file(text, more)),
            Ok(_) => Some(Err(unexpected())),
            Err(error) => Some(Err(error)),
        }
    }

    fn keep(&self, path: &Path, make: Make<'_>) -> io::Result<()> {
        self.send(Frame::Keep { path: path.to_owned() })?;
        let made = self.send_text(make, |text| Frame::More { text });
        self.send(Frame::Done { whole: made.is_ok() })?;
        let reply = self.reply();
        made?;
        match reply? {
            Reply::Kept { error: None } => Ok(()),
            Reply::Kept { error: Some(error) } => Err(io::Error::other(error)),
            _ => Err(unexpected()),
        }
    }
}
