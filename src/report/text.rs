//! Renders a report for a terminal or a pipe.
//!
//! The text carries ANSI colours. Whoever prints it does so through `anstream`, which takes them out again where there
//! is no terminal or `NO_COLOR` is set; [`plain`] does the same for text that is kept.

use std::fmt::Write as _;

use owo_colors::{OwoColorize, Style};
use unicode_width::UnicodeWidthStr;

use super::document::{Block, Document, Item, Text, Tone};
use super::words;

/// Renders a report with colours.
#[must_use]
pub fn render(document: &Document) -> String {
    let mut out = String::new();
    line(&mut out, 0, &paint(&document.title, Tone::Strong));
    let mut before: Option<&Block> = None;
    for block in &document.blocks {
        // Paragraphs that follow each other, and what follows a heading, belong together.
        let together = matches!(
            (before, block),
            (Some(Block::Heading(_)), _) | (Some(Block::Paragraph(_)), Block::Paragraph(_)) | (None, Block::Facts(_))
        );
        if !together {
            out.push('\n');
        }
        self::block(&mut out, block);
        before = Some(block);
    }
    out
}

/// The same without colours.
#[must_use]
pub fn plain(text: &str) -> String {
    anstream::adapter::strip_str(text).to_string()
}

fn block(out: &mut String, block: &Block) {
    match block {
        Block::Heading(text) => {
            let tone = if text.tone == Tone::Plain { Tone::Strong } else { text.tone };
            line(out, 0, &paint(&text.text, tone));
        }
        Block::Paragraph(text) => line(out, 0, &painted(text)),
        Block::Items { title, items, hidden } => self::items(out, title.as_deref(), items, *hidden),
        Block::Table { head, rows } => table(out, head, rows),
        Block::Facts(facts) => {
            let rows: Vec<Vec<Text>> =
                facts.iter().map(|(name, value)| vec![Text::new(name.as_str(), Tone::Faint), value.clone()]).collect();
            let widths = widths(rows.iter().map(Vec::as_slice));
            rows.iter().for_each(|row| line(out, 2, &columns(row, &widths)));
        }
    }
}

fn items(out: &mut String, title: Option<&str>, items: &[Item], hidden: u64) {
    let indent = if let Some(title) = title {
        line(out, 2, title);
        4
    } else {
        2
    };
    let widths = widths(items.iter().map(|item| item.cells.as_slice()));
    for item in items {
        line(out, indent, &format!("{} {}", painted(&item.mark), columns(&item.cells, &widths)));
        let inner = self::widths(item.below.iter().map(Vec::as_slice));
        item.below.iter().for_each(|row| line(out, indent + 4, &columns(row, &inner)));
    }
    if hidden > 0 {
        let text = format!("… and {} more (use --all, or --format json)", words::number(hidden));
        line(out, indent, &paint(&text, Tone::Faint));
    }
}

fn table(out: &mut String, head: &[String], rows: &[Vec<Text>]) {
    let head: Vec<Text> = head.iter().map(|name| Text::new(name.as_str(), Tone::Faint)).collect();
    let widths = widths(std::iter::once(head.as_slice()).chain(rows.iter().map(Vec::as_slice)));
    line(out, 0, &columns(&head, &widths));
    rows.iter().for_each(|row| line(out, 0, &columns(row, &widths)));
}

/// The widths of columns. A few very long cells do not push everything else out of sight.
fn widths<'a>(rows: impl Iterator<Item = &'a [Text]>) -> Vec<usize> {
    const WIDEST: usize = 48;
    let mut widths: Vec<usize> = Vec::new();
    for row in rows {
        for (index, cell) in row.iter().enumerate() {
            let width = cell.text.width().min(WIDEST);
            match widths.get_mut(index) {
                Some(widest) => *widest = width.max(*widest),
                None => widths.push(width),
            }
        }
    }
    widths
}

/// One row, aligned. Nothing follows the last cell that has text.
fn columns(cells: &[Text], widths: &[usize]) -> String {
    let mut out = String::new();
    let last = cells.iter().rposition(|cell| !cell.text.is_empty()).map_or(0, |last| last + 1);
    for (index, (cell, width)) in cells.iter().zip(widths).take(last).enumerate() {
        out.push_str(&painted(cell));
        if index + 1 < last && *width > 0 {
            out.push_str(&" ".repeat(width.saturating_sub(cell.text.width()) + 2));
        }
    }
    out
}

fn line(out: &mut String, indent: usize, text: &str) {
    let _ = writeln!(out, "{:indent$}{text}", "");
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
