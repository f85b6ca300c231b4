//! The one place that writes to the terminal. Results go to standard output, everything else to standard error; both
//! lose their colours in a pipe, or where `NO_COLOR` is set.

use std::io::{self, BufRead, IsTerminal, Write};

use super::failure::Failure;
use crate::report::clean_lines;

/// Prints a result. A reader that goes away (`| head`) is no error.
///
/// # Errors
///
/// If standard output cannot be written.
pub(super) fn print(text: &str) -> io::Result<()> {
    let mut out = anstream::stdout().lock();
    let ending = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
    match write!(out, "{text}{ending}").and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

/// Says something beside the result.
pub(super) fn say(text: &str) {
    let mut err = anstream::stderr().lock();
    let _ = writeln!(err, "{text}");
}

/// Says how a command failed.
pub(super) fn complain(failure: &Failure) {
    say(&complaint(failure));
}

/// A failure, in the form in which it is said. It may quote a server or a record of the directory, whose words could
/// rewrite what the terminal shows.
fn complaint(failure: &Failure) -> String {
    let hints = failure.hints.iter().map(|hint| format!("\nhint: {}", clean_lines(hint)));
    format!("error: {}{}", clean_lines(&failure.message), hints.collect::<String>())
}

/// Whether somebody sits there who can be asked.
#[must_use]
pub(super) fn can_ask() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Asks a question and returns the answer without its surrounding white space.
///
/// # Errors
///
/// If the answer cannot be read.
pub(super) fn ask(question: &str) -> io::Result<String> {
    let mut err = anstream::stderr().lock();
    write!(err, "{question} ")?;
    err.flush()?;
    drop(err);
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(answer.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_a_server_in_an_error_cannot_steer_the_terminal() {
        let failure = Failure::error("the target refused: 500 \u{1b}[2Jall is well").hint("look\nthere\u{7}");
        assert_eq!(
            complaint(&failure),
            "error: the target refused: 500 <U+001B>[2Jall is well\nhint: look\nthere<U+0007>"
        );
    }
}
