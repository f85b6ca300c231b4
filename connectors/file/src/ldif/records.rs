//! Records: the lines between two empty lines, and the proof that the last of them is whole.

use std::path::Path;
use std::sync::Arc;

use rollcall_kit::ReadError;

use super::lines::{Lines, Logical};
use super::record::{Content, Record, parse_line};
use crate::settings::{EndProof, FileSettings};
use crate::tally::Line;
use crate::watched::{Watched, Whole};

/// The comment that `ldapsearch` ends with, once for all pages. (Its `result: 0 Success` ends every page, and so
/// vouches for nothing.)
const TRAILER: &str = "numEntries:";
/// What `ldapsearch` writes behind each page, as a comment or as a line; the last page has an empty cookie.
const COOKIE: &str = "pagedresults: cookie=";

/// What the file itself says about its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Vouched {
    Nothing,
    /// `# numEntries: N`
    Count(u64),
}

/// A file, record by record.
pub(super) struct Records {
    collection: &'static str,
    file: Arc<Path>,
    lines: Lines,
    end_proof: EndProof,
    count: u64,
    vouched: Vouched,
    /// The last record has no empty line behind it.
    open: bool,
    /// The search that wrote the file had more pages to fetch.
    more_pages: bool,
}

impl Records {
    pub(super) fn open(file: &Path, collection: &'static str, settings: &FileSettings) -> Result<Self, ReadError> {
        let reading = Watched::open(file, collection, settings.max_size_mib)?;
        let lines = Lines::new(reading)
            .map_err(|error| ReadError::incomplete(collection, format!("{}: {error}", file.display())))?;
        Ok(Self {
            collection,
            file: file.into(),
            lines,
            end_proof: settings.end_proof,
            count: 0,
            vouched: Vouched::Nothing,
            open: false,
            more_pages: false,
        })
    }

    /// A refusal of the whole read.
    pub(super) fn incomplete(&self, reason: impl Into<String>) -> ReadError {
        ReadError::incomplete(self.collection, reason)
    }

    /// The next record, or nothing at the end of the file.
    pub(super) fn next(&mut self) -> Result<Option<Record>, ReadError> {
        loop {
            let Some(record) = self.lines_of_one()? else { return Ok(None) };
            if record.is_empty() {
                continue;
            }
            // `ldapsearch` without -L ends each page with lines that are no record.
            if let Some(result) = search_result(&record) {
                self.check_result(&result)?;
                record.iter().for_each(|line| self.note(&String::from_utf8_lossy(&line.text)));
                continue;
            }
            let record = self.record(&record)?;
            self.count += 1;
            self.vouched = Vouched::Nothing;
            return Ok(Some(record));
        }
    }

    /// The content lines up to the next empty line; nothing at the end of the file.
    fn lines_of_one(&mut self) -> Result<Option<Vec<Content>>, ReadError> {
        let mut content = Vec::new();
        loop {
            let line =
                self.lines.next().map_err(|error| self.incomplete(format!("{}: {error}", self.file.display())))?;
            match line {
                Some(Logical::Content { number, text, cut }) => {
                    // At the start of the file, and of each page of `ldapsearch -L`.
                    if content.is_empty() && text.starts_with(b"version:") {
                        self.check_version(&text)?;
                        continue;
                    }
                    content.push(Content { number, text, cut });
                }
                Some(Logical::Comment(comment)) => self.note(&comment),
                Some(Logical::Blank) if content.is_empty() => {}
                Some(Logical::Blank) => return Ok(Some(content)),
                None if content.is_empty() => return Ok(None),
                None => {
                    self.open = true;
                    return Ok(Some(content));
                }
            }
        }
    }

    fn check_version(&self, text: &[u8]) -> Result<(), ReadError> {
        match String::from_utf8_lossy(text).split_once(':').map(|(_, version)| version.trim()) {
            Some("1") => Ok(()),
            _ => Err(self.incomplete(format!("{} is not LDIF version 1 (RFC 2849)", self.file.display()))),
        }
    }

    fn note(&mut self, comment: &str) {
        if let Some(count) = comment.strip_prefix(TRAILER).and_then(|count| count.trim().parse().ok()) {
            self.vouched = Vouched::Count(count);
        }
        if let Some(cookie) = comment.strip_prefix(COOKIE) {
            self.more_pages = !cookie.trim().is_empty();
        }
    }

    fn check_result(&self, result: &str) -> Result<(), ReadError> {
        if result.split_whitespace().next() == Some("0") {
            return Ok(());
        }
        Err(self.incomplete(format!(
            "the search that wrote {} ended with the result {result}, not with success",
            self.file.display()
        )))
    }

    fn record(&self, content: &[Content]) -> Result<Record, ReadError> {
        let mut record = Record::new(self.line(content.first().map_or(0, |line| line.number)));
        for line in content {
            parse_line(&mut record, line)
                .map_err(|fault| self.incomplete(format!("{}: {fault}", self.line(line.number))))?;
        }
        if record.dn.is_empty() {
            return Err(self.incomplete(format!("{}: the record does not begin with a dn", record.line)));
        }
        if let Some(attribute) = record.open_range() {
            return Err(self.incomplete(format!(
                "{}: the server gave only a part of the values of {attribute}; export with a tool that asks for the \
                 rest of a range",
                record.line
            )));
        }
        Ok(record)
    }

    fn line(&self, number: u64) -> Line {
        Line { file: Arc::clone(&self.file), number }
    }

    /// Ends the read of the file; the text says what vouched for its end.
    pub(super) fn finish(self) -> Result<(Whole, &'static str), ReadError> {
        let Self { collection, file, lines, end_proof, count, vouched, open, more_pages } = self;
        let incomplete = |reason: String| ReadError::incomplete(collection, reason);
        let file = file.display();
        let whole = lines.into_inner().into_inner().finish()?;
        if !whole.ends_in_line_end {
            return Err(incomplete(format!("the last line of {file} has no line end; the file was cut")));
        }
        if more_pages {
            return Err(incomplete(format!("the search that wrote {file} stopped before its last page")));
        }
        let sentence = match vouched {
            Vouched::Count(announced) if announced != count => {
                return Err(incomplete(format!("{file} says that it has {announced} entries and holds {count}")));
            }
            Vouched::Count(_) => ", its last line counts its entries",
            Vouched::Nothing if whole.checksum_agreed => "",
            Vouched::Nothing if open => {
                return Err(incomplete(format!(
                    "the last record of {file} is not closed by an empty line; the file may have been cut inside it"
                )));
            }
            Vouched::Nothing if end_proof == EndProof::WhereGiven => "",
            Vouched::Nothing => {
                return Err(incomplete(format!(
                    "nothing vouches for the end of {file}: it may have been cut between two records. Write \
                     {file}.sha256 with sha256sum, or end the file with the comment \"# {TRAILER} {count}\" as \
                     ldapsearch does, or set end_proof = \"where-given\""
                )));
            }
        };
        Ok((whole, sentence))
    }
}

/// The result of the search, if these lines are `ldapsearch`'s words behind a page: `search: 2` and
/// `result: 0 Success`.
fn search_result(content: &[Content]) -> Option<String> {
    let text = |line: &Content| String::from_utf8_lossy(&line.text).into_owned();
    let mut lines = content.iter().map(text);
    lines.next()?.starts_with("search: ").then_some(())?;
    lines.next()?.strip_prefix("result: ").map(str::to_owned)
}
