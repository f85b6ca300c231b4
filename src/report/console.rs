//! Where a command is seen: the terminal of whoever typed it.
//!
//! That is this process's own, or, where the daemon carries a command out, that of the process at the other end of its
//! socket. A command says and asks everything through this, so that it is the same function in both.

use std::io::{self, Write};
use std::path::Path;

use crate::run::Event;

/// Makes a text while it is written, so that nobody holds all of it.
pub type Make<'a> = &'a mut dyn FnMut(&mut dyn Write) -> io::Result<()>;

/// The terminal, or what stands in its place, of whoever gave a command; and their files.
pub trait Console: Send + Sync {
    /// Prints a result.
    ///
    /// # Errors
    ///
    /// If it cannot be written. A reader that went away is no error.
    fn print(&self, text: &str) -> io::Result<()> {
        self.print_made(&mut |out| out.write_all(text.as_bytes()))
    }

    /// Prints a result, in UTF-8, while it is made.
    ///
    /// # Errors
    ///
    /// As [`Console::print`], and if it cannot be made.
    fn print_made(&self, make: Make<'_>) -> io::Result<()>;

    /// Says something beside the result, in a line.
    fn say(&self, text: &str);

    /// How many columns results may have; without end where they are no terminal's.
    fn columns(&self) -> usize;

    /// Whether somebody sits there who can be asked.
    fn can_ask(&self) -> bool;

    /// Asks a question and returns the answer without its surrounding white space.
    ///
    /// # Errors
    ///
    /// If there is no answer.
    fn ask(&self, question: &str) -> io::Result<String>;

    /// The login name of who gave the command, for the record.
    fn person(&self) -> String;

    /// Follows a run, as long as it is not dropped.
    fn listener(&self) -> Box<dyn Fn(Event) + Send + Sync + '_>;

    /// The text of their file of this name; nothing if there is none.
    fn file(&self, name: &str) -> Option<io::Result<String>>;

    /// Writes a file of theirs, in UTF-8, while it is made: whole or not at all, and readable by its owner only.
    ///
    /// # Errors
    ///
    /// If it cannot be made or written; then nothing of it is there.
    fn keep(&self, path: &Path, make: Make<'_>) -> io::Result<()>;
}
