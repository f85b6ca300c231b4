//! The one place that writes to the terminal. Results go to standard output, everything else to standard error; both
//! lose their colours in a pipe, or where `NO_COLOR` is set.

use std::io::{self, BufRead, BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use super::failure::Failure;
use crate::report::{self, Console, Make, Progress, clean_lines, listening};
use crate::run::Event;

/// Bytes of a file that are written at a time.
const PIECE: usize = 64 << 10;

/// The terminal of this process.
pub(super) struct Terminal;

impl Console for Terminal {
    fn print_made(&self, make: Make<'_>) -> io::Result<()> {
        report::print_made(make)
    }

    fn say(&self, text: &str) {
        say(text);
    }

    fn columns(&self) -> usize {
        report::columns()
    }

    fn can_ask(&self) -> bool {
        io::stdin().is_terminal() && io::stderr().is_terminal()
    }

    fn ask(&self, question: &str) -> io::Result<String> {
        let mut err = anstream::stderr().lock();
        write!(err, "{question} ")?;
        err.flush()?;
        drop(err);
        let mut answer = String::new();
        io::stdin().lock().read_line(&mut answer)?;
        Ok(answer.trim().to_owned())
    }

    fn person(&self) -> String {
        let name = |variable| std::env::var(variable).ok().filter(|name: &String| !name.is_empty());
        name("SUDO_USER").or_else(|| name("USER")).or_else(|| name("LOGNAME")).unwrap_or_else(|| "unknown".to_owned())
    }

    fn listener(&self) -> Box<dyn Fn(Event) + Send + Sync + '_> {
        let progress = Mutex::new(Progress::on_terminal());
        Box::new(move |event| listening(&progress)(event))
    }

    fn file(&self, name: &str) -> Option<io::Result<String>> {
        Path::new(name).is_file().then(|| std::fs::read_to_string(name))
    }

    fn keep(&self, path: &Path, make: Make<'_>) -> io::Result<()> {
        use std::os::unix::fs::OpenOptionsExt;
        let mut name = path.as_os_str().to_owned();
        name.push(".part");
        let part = PathBuf::from(name);
        // One that is there already may be open to others, or lead elsewhere.
        match std::fs::remove_file(&part) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&part)?;
        let mut file = BufWriter::with_capacity(PIECE, file);
        let written = make(&mut file).and_then(|()| file.flush()).and_then(|()| file.get_ref().sync_all());
        let kept = written.and_then(|()| std::fs::rename(&part, path));
        kept.inspect_err(|_| drop(std::fs::remove_file(&part)))
    }
}

/// Prints a result, with the end of its last line. A reader that goes away (`| head`) is no error.
///
/// # Errors
///
/// If standard output cannot be written.
pub(super) fn print(text: &str) -> io::Result<()> {
    let ending = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
    report::print(&format!("{text}{ending}"))
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
pub(super) fn complaint(failure: &Failure) -> String {
    let hints = failure.hints.iter().map(|hint| format!("\nhint: {}", clean_lines(hint)));
    format!("error: {}{}", clean_lines(&failure.message), hints.collect::<String>())
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
