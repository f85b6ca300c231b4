//! What goes over the control socket, a line of JSON each. A text that is long comes in several.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::report::Step;

/// The protocol's version: a client of another one is told so.
pub const VERSION: u32 = 2;

/// What a client asks for, once.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Request {
    /// The protocol's version.
    pub version: u32,
    /// The command line, without the program's name.
    pub arguments: Vec<String>,
    /// The configuration file that they mean.
    pub config: PathBuf,
    /// How many columns their standard output has, if it is a terminal.
    pub columns: Option<usize>,
    /// Whether they can be asked.
    pub can_ask: bool,
    /// The user id under which they had logged in, as the system keeps it (`/proc/self/loginuid`). It is believed of root
    /// only, who could be anybody anyway: the daemon, which is no root, may not be able to see it.
    #[serde(default)]
    pub login: Option<u32>,
}

/// What the daemon answers, in order; the last is an end.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "is")]
pub enum Frame {
    /// A result, for standard output, or a piece of one.
    Print {
        /// As it is, colours included.
        text: String,
    },
    /// Something beside the result, for standard error.
    Say {
        /// A line.
        text: String,
    },
    /// Where a run is.
    Step {
        /// Where.
        step: Step,
    },
    /// A question, which a reply must follow.
    Ask {
        /// The question.
        question: String,
    },
    /// What is the text of this file? A reply must follow.
    Read {
        /// As it was typed.
        name: String,
    },
    /// The text that follows belongs into this file.
    Keep {
        /// As it was typed.
        path: PathBuf,
    },
    /// A piece of that text.
    More {
        /// The piece.
        text: String,
    },
    /// The end of that text. A reply must follow.
    Done {
        /// Whether this is all of it. Otherwise nothing is kept.
        whole: bool,
    },
    /// The command has ended.
    End {
        /// Its exit code.
        code: u8,
    },
}

/// What a client says after their request.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "is")]
pub enum Reply {
    /// The answer to a question.
    Answer {
        /// Without its surrounding white space.
        text: String,
    },
    /// The text of a file, or a piece of it; nothing if there is none of this name.
    File {
        /// The text.
        text: Option<String>,
        /// Whether another piece follows.
        more: bool,
        /// Why it cannot be read.
        error: Option<String>,
    },
    /// A file was written, or why not.
    Kept {
        /// Why not.
        error: Option<String>,
    },
    /// They want the command to end.
    Interrupt,
}
