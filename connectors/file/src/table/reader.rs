//! One CSV file, row by row, to its proven end.

use std::io::BufRead;
use std::path::Path;
use std::sync::Arc;

use csv::ByteRecord;
use rollcall_kit::{Collection, ReadError};

use super::quotes::Quotes;
use crate::settings::{EndProof, FileSettings};
use crate::tally::Line;
use crate::watched::{Reading, Watched};

/// The last line that says how many rows there were: `# rows: 42`.
const TRAILER: &str = "# rows:";

/// A CSV file with its header read.
pub(super) struct Table {
    collection: &'static str,
    file: Arc<Path>,
    reader: csv::Reader<Quotes<Reading>>,
    header: Vec<String>,
    rows: u64,
    announced: Option<u64>,
    end_proof: EndProof,
}

/// One row, with as many fields as the header.
pub(super) struct Row {
    fields: ByteRecord,
    pub(super) line: Line,
}

impl Row {
    /// A field as text; nothing if it is not UTF-8.
    pub(super) fn text(&self, column: usize) -> Option<&str> {
        self.fields.get(column).and_then(|field| std::str::from_utf8(field).ok()).map(str::trim)
    }
}

impl Table {
    /// Opens a file and reads its header.
    pub(super) fn open(path: &Path, collection: &'static str, settings: &FileSettings) -> Result<Self, ReadError> {
        let mut reading = Watched::open(path, collection, settings.max_size_mib)?;
        skip_byte_order_mark(&mut reading, path, collection)?;
        let delimiter = settings.delimiter.and_then(|c| u8::try_from(c).ok()).unwrap_or(b',');
        // Lengths are compared by us: the parser's own complaint has no words for an administrator.
        let reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(delimiter)
            .from_reader(Quotes::new(reading, delimiter));
        let mut table = Self {
            collection,
            file: path.into(),
            reader,
            header: Vec::new(),
            rows: 0,
            announced: None,
            end_proof: settings.end_proof,
        };
        let Some(header) = table.record()? else {
            return Err(table.incomplete(format!("{} holds no header", path.display())));
        };
        for field in &header {
            let name = std::str::from_utf8(field)
                .map_err(|_| table.incomplete(format!("the header of {} is not UTF-8 text", path.display())))?;
            table.header.push(name.trim().to_owned());
        }
        Ok(table)
    }

    /// The names in the header.
    pub(super) fn header(&self) -> &[String] {
        &self.header
    }

    /// The next row, or nothing at the end of the file.
    pub(super) fn next(&mut self) -> Result<Option<Row>, ReadError> {
        let fields = loop {
            match self.record()? {
                None => return Ok(None),
                // Spreadsheets leave such rows behind; one without any text concerns nobody.
                Some(fields) if fields.iter().all(|field| field.trim_ascii().is_empty()) => {}
                Some(fields) => break fields,
            }
        };
        let line = self.line(&fields);
        if let Some(count) = trailer(&fields) {
            let count = count.map_err(|text| self.incomplete(format!("{line}: {text:?} is no number of rows")))?;
            self.announced = Some(count);
            if self.record()?.is_some() {
                return Err(self.incomplete(format!("{line}: rows follow behind the line that counts them")));
            }
            return Ok(None);
        }
        if fields.len() != self.header.len() {
            return Err(self.incomplete(format!(
                "{line}: the row has {} fields and the header {}; the row is torn, or a field with a delimiter in it \
                 lacks its quotes",
                fields.len(),
                self.header.len()
            )));
        }
        self.rows += 1;
        Ok(Some(Row { fields, line }))
    }

    /// Ends the read of the table.
    pub(super) fn finish(self) -> Result<Collection, ReadError> {
        let (collection, rows, announced, end_proof) = (self.collection, self.rows, self.announced, self.end_proof);
        let incomplete = |reason: String| ReadError::incomplete(collection, reason);
        let file = self.file.display().to_string();
        let quotes = self.reader.into_inner();
        if !quotes.closed() {
            return Err(incomplete(format!("{file} ends inside a quoted field; the file was cut")));
        }
        let whole = quotes.into_inner().into_inner().finish()?;
        if !whole.ends_in_line_end {
            return Err(incomplete(format!("the last line of {file} has no line end; the file was cut")));
        }
        if let Some(announced) = announced.filter(|announced| *announced != rows) {
            return Err(incomplete(format!("{file} says that it has {announced} rows and holds {rows}")));
        }
        if announced.is_none() && !whole.checksum_agreed && end_proof == EndProof::Required {
            return Err(incomplete(format!(
                "nothing vouches for the end of {file}: it may have been cut between two rows. Write {file}.sha256 with \
                 sha256sum, or end the file with the line \"{TRAILER} {rows}\", or set end_proof = \"where-given\""
            )));
        }
        let counted = if announced.is_some() { ", its last line counts its rows" } else { "" };
        Ok(Collection {
            name: collection.to_owned(),
            query: file,
            pages: 1,
            entries: rows,
            announced,
            end: whole.proof(counted),
        })
    }

    /// A refusal of the whole read.
    pub(super) fn incomplete(&self, reason: String) -> ReadError {
        ReadError::incomplete(self.collection, reason)
    }

    fn record(&mut self) -> Result<Option<ByteRecord>, ReadError> {
        let mut record = ByteRecord::new();
        match self.reader.read_byte_record(&mut record) {
            Ok(true) => Ok(Some(record)),
            Ok(false) => Ok(None),
            Err(error) => Err(self.incomplete(format!("{}: {error}", self.file.display()))),
        }
    }

    fn line(&self, fields: &ByteRecord) -> Line {
        let number = fields.position().map_or(0, csv::Position::line);
        Line { file: Arc::clone(&self.file), number }
    }
}

/// The count of a trailer line; the text behind the colon if it is no number.
fn trailer(fields: &ByteRecord) -> Option<Result<u64, String>> {
    let first = std::str::from_utf8(fields.get(0)?).ok()?;
    let count = first.trim().strip_prefix(TRAILER)?.trim();
    // A spreadsheet pads the line with empty fields.
    fields.iter().skip(1).all(<[u8]>::is_empty).then(|| count.parse().map_err(|_| count.to_owned()))
}

/// Spreadsheets put a byte order mark in front; it would become part of the first header. UTF-16 is not read.
fn skip_byte_order_mark(reading: &mut Reading, path: &Path, collection: &'static str) -> Result<(), ReadError> {
    let incomplete = |reason| ReadError::incomplete(collection, format!("{}: {reason}", path.display()));
    let start = reading.fill_buf().map_err(|error| incomplete(error.to_string()))?;
    if start.starts_with(&[0xff, 0xfe]) || start.starts_with(&[0xfe, 0xff]) {
        return Err(incomplete("this is UTF-16; save it as UTF-8".to_owned()));
    }
    if start.starts_with(&[0xef, 0xbb, 0xbf]) {
        reading.consume(3);
    }
    Ok(())
}
