//! Reports: what people and programs get to see of plans, runs and findings.
//!
//! Pure but for the width of the terminal: values in, text out. Each report ([`plan`], [`drift`], [`run`], [`history`], [`status`], [`checks`], [`explain`]) is put
//! together once as a [`document::Document`] and rendered from there as [`text`], [`markdown`] or [`html`]; [`json`]
//! has documented shapes of its own. [`progress`] alone is no value: it follows a run's events on a terminal. A
//! [`Console`] is where all of it is seen.
//!
//! Names come from the directory and are nobody's friend: what could steer a terminal or mean something in HTML or
//! Markdown is taken its meaning in one place each.

use std::io::{self, Write as _};

pub mod checks;
pub mod console;
pub mod decided;
pub mod document;
pub mod drift;
pub mod explain;
pub mod history;
pub mod html;
pub mod json;
pub mod markdown;
pub mod plan;
pub mod progress;
pub mod run;
pub mod status;
pub mod text;

mod causes;
mod edited;
mod holds;
pub(crate) mod pieces;
mod sections;
mod streamed;
mod words;

pub use console::{Console, Make};
pub use document::Document;
use pieces::Pieces;
pub use progress::{Progress, Step, Steps, listening};
pub use words::clean_lines;

/// In which form a report is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Aligned text, coloured on a terminal.
    #[default]
    Text,
    /// JSON, for programs.
    Json,
    /// Markdown, for tickets and merge requests.
    Markdown,
    /// One HTML file that needs nothing else.
    Html,
}

/// How much a report shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Every line, however many there are. Otherwise long lists are cut.
    pub all: bool,
}

impl Options {
    /// How many lines of one list are shown.
    const fn most(self) -> Option<usize> {
        if self.all { None } else { Some(10) }
    }

    /// What suits a format: a file is read with a search box, a terminal is not.
    #[must_use]
    pub fn of(format: Format, all: bool) -> Self {
        Self { all: all || format == Format::Html }
    }
}

/// Renders a report for people in the form that is asked for, text within so many columns.
#[must_use]
pub fn render(format: Format, document: &Document, columns: usize) -> String {
    match format {
        // Programs get another document, which is made while it is printed.
        Format::Text | Format::Json => text::render_within(document, columns),
        Format::Markdown => markdown::render(document),
        Format::Html => html::render(document),
    }
}

/// The report as text for standard output: folded to the terminal, or whole where there is none.
#[must_use]
pub fn text_for_terminal(document: &Document) -> String {
    text::render_within(document, columns())
}

/// How many columns standard output has; without end where it is no terminal.
#[must_use]
pub fn columns() -> usize {
    let size = rustix::termios::tcgetwinsize(io::stdout()).ok().filter(|size| size.ws_col > 0);
    size.map_or(usize::MAX, |size| size.ws_col.into())
}

/// Prints to standard output: with its colours on a terminal, without them into a pipe or under `NO_COLOR`.
///
/// # Errors
///
/// If it cannot be written. A reader that went away (`| head`) is no error.
pub fn print(text: &str) -> io::Result<()> {
    print_made(&mut |out| out.write_all(text.as_bytes()))
}

/// Prints a result to standard output while it is made.
///
/// # Errors
///
/// If it cannot be made or written. A reader that went away is no error.
pub fn print_made(make: Make<'_>) -> io::Result<()> {
    let mut out = anstream::stdout().lock();
    // A colour may begin in one piece and end in the next, a letter may not.
    let mut pieces = Pieces::new(|text| out.write_all(text.as_bytes()));
    match make(&mut pieces).and_then(|()| pieces.finish()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod tests;
