//! Renders a report for a terminal or a pipe.
//!
//! The text carries ANSI colours. Whoever prints it does so through `anstream`, which takes them out again where there
//! is no terminal or `NO_COLOR` is set; [`plain`] does the same for text that is kept.

use owo_colors::{OwoColorize, Style};
use unicode_width::UnicodeWidthStr;

use super::document::{Block, Document, Item, LONGEST, Text, Tone};
use super::words;

/// Renders a report with colours, each line as long as it has to be: for pipes, files and `grep`.
#[must_use]
pub fn render(document: &Document) -> String {
    render_within(document, usize::MAX)
}

/// Renders a report with colours, its lines folded to this many columns where they have words to fold at.
#[must_use]
pub fn render_within(document: &Document, room: usize) -> String {
    let mut page = Page { out: String::new(), room: room.max(NARROWEST) };
    if !document.title.is_empty() {
        page.line(0, &Text::new(document.title.as_str(), Tone::Strong));
    }
    let mut before: Option<&Block> = None;
    for block in &document.blocks {
        // Paragraphs that follow each other, and what follows a heading, belong together.
        let together = matches!(
            (before, block),
            (Some(Block::Heading(_)), _) | (Some(Block::Paragraph(_)), Block::Paragraph(_)) | (None, Block::Facts(_))
        );
        if !together && !page.out.is_empty() {
            page.out.push('\n');
        }
        page.block(block);
        before = Some(block);
    }
    page.out
}

/// The same without colours.
#[must_use]
pub fn plain(text: &str) -> String {
    anstream::adapter::strip_str(text).to_string()
}

/// Less than this is no terminal that anybody reads on.
const NARROWEST: usize = 40;

/// What is written so far, and how many columns there are.
struct Page {
    out: String,
    room: usize,
}

impl Page {
    fn block(&mut self, block: &Block) {
        match block {
            Block::Heading(text) => {
                let tone = if text.tone == Tone::Plain { Tone::Strong } else { text.tone };
                self.line(0, &Text::new(text.text.as_str(), tone));
            }
            Block::Paragraph(text) => self.line(0, text),
            Block::Items { title, items, hidden, is_all } => self.items(title.as_deref(), items, (*hidden, *is_all)),
            Block::Table { head, rows } => self.table(head, rows),
            Block::Facts(facts) => {
                let rows: Vec<Vec<Text>> = facts
                    .iter()
                    .map(|(name, value)| vec![Text::new(name.as_str(), Tone::Faint), value.clone()])
                    .collect();
                let widths = widths(rows.iter().map(Vec::as_slice));
                rows.iter().for_each(|row| self.row(2, None, row, &widths));
            }
        }
    }

    fn items(&mut self, title: Option<&str>, items: &[Item], (hidden, is_all): (u64, bool)) {
        let indent = if let Some(title) = title {
            self.line(2, &title.into());
            4
        } else {
            2
        };
        let widths = widths(items.iter().map(|item| item.cells.as_slice()));
        for item in items {
            self.row(indent, Some(&item.mark), &item.cells, &widths);
            let inner = self::widths(item.below.iter().map(Vec::as_slice));
            item.below.iter().for_each(|row| self.row(indent + 4, None, row, &inner));
        }
        if hidden > 0 {
            let rest = match is_all {
                true => format!(
                    "a report shows {} lines of a kind; use --format json for all",
                    words::number(LONGEST as u64)
                ),
                false => "use --all, or --format json".to_owned(),
            };
            let text = format!("… and {} more ({rest})", words::number(hidden));
            self.line(indent, &Text::new(text, Tone::Faint));
        }
    }

    fn table(&mut self, head: &[String], rows: &[Vec<Text>]) {
        let head: Vec<Text> = head.iter().map(|name| Text::new(name.as_str(), Tone::Faint)).collect();
        let widths = widths(std::iter::once(head.as_slice()).chain(rows.iter().map(Vec::as_slice)));
        self.row(0, None, &head, &widths);
        rows.iter().for_each(|row| self.row(0, None, row, &widths));
    }

    /// One row, aligned. Nothing follows the last cell that has text; that one is folded if the line is too long, and
    /// begins on a line of its own if too little room is left beside the others.
    fn row(&mut self, indent: usize, mark: Option<&Text>, cells: &[Text], widths: &[usize]) {
        let mut line = " ".repeat(indent);
        let mut column = indent;
        if let Some(mark) = mark {
            line.push_str(&format!("{} ", painted(mark)));
            column += mark.text.width() + 1;
        }
        let start = column;
        let last = cells.iter().rposition(|cell| !cell.text.is_empty()).unwrap_or_default();
        for (cell, width) in cells.iter().zip(widths).take(last).filter(|(_, width)| **width > 0) {
            let gap = width.saturating_sub(cell.text.width()) + 2;
            line.push_str(&painted(cell));
            line.push_str(&" ".repeat(gap));
            column += cell.text.width() + gap;
        }
        if let Some(cell) = cells.get(last) {
            let too_long = column + cell.text.width() > self.room;
            if too_long && column > start && column * 5 > self.room * 2 {
                self.out.push_str(line.trim_end());
                self.out.push('\n');
                column = start + 2;
                line = " ".repeat(column);
            }
            for (index, piece) in folded(&cell.text, self.room.saturating_sub(column)).into_iter().enumerate() {
                if index > 0 {
                    line.push('\n');
                    line.push_str(&" ".repeat(column));
                }
                line.push_str(&paint(piece, cell.tone));
            }
        }
        self.out.push_str(line.trim_end());
        self.out.push('\n');
    }

    fn line(&mut self, indent: usize, text: &Text) {
        let own = text.text.len() - text.text.trim_start().len();
        let trimmed = Text::new(text.text.trim_start(), text.tone);
        self.row(indent + own, None, &[trimmed], &[0]);
    }
}

/// Text in pieces that fit, cut between words. A word that is longer than the room stays whole, so that an address or
/// a URL can still be copied.
fn folded(text: &str, room: usize) -> Vec<&str> {
    let (mut pieces, mut start, mut end, mut width) = (Vec::new(), 0, 0, 0);
    for word in text.split_inclusive(' ') {
        if end > start && width + word.trim_end().width() > room {
            pieces.push(text[start..end].trim_end());
            (start, width) = (end, 0);
        }
        end += word.len();
        width += word.width();
    }
    pieces.push(text[start..].trim_end());
    pieces
}

/// The widths of columns. The last cell of a row has nobody to make room for, and a few very long cells do not push
/// everything else out of sight.
fn widths<'a>(rows: impl Iterator<Item = &'a [Text]>) -> Vec<usize> {
    const WIDEST: usize = 48;
    let mut widths: Vec<usize> = Vec::new();
    for row in rows {
        let last = row.iter().rposition(|cell| !cell.text.is_empty()).unwrap_or_default();
        for (index, cell) in row.iter().enumerate() {
            let width = if index < last { cell.text.width().min(WIDEST) } else { 0 };
            match widths.get_mut(index) {
                Some(widest) => *widest = width.max(*widest),
                None => widths.push(width),
            }
        }
    }
    widths
}

fn painted(text: &Text) -> String {
    paint(&text.text, text.tone)
}

fn paint(text: &str, tone: Tone) -> String {
    let style = match tone {
        Tone::Plain => return text.to_owned(),
        Tone::Faint => Style::new().dimmed(),
        Tone::Good => Style::new().green(),
        Tone::Warning => Style::new().yellow(),
        Tone::Bad => Style::new().red(),
        Tone::Strong => Style::new().bold(),
    };
    if text.is_empty() { String::new() } else { text.style(style).to_string() }
}
