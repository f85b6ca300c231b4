//! Renders a report as Markdown (GitHub's dialect), for tickets and merge requests.

use std::fmt::Write as _;

use super::document::{Block, Document, Item, Text, Tone};
use super::words;

/// Renders a report.
#[must_use]
pub fn render(document: &Document) -> String {
    let mut out = format!("# {}\n", escape(&document.title));
    for block in &document.blocks {
        out.push('\n');
        self::block(&mut out, block);
    }
    out
}

fn block(out: &mut String, block: &Block) {
    match block {
        Block::Heading(text) => _ = writeln!(out, "## {}", escape(&text.text)),
        Block::Paragraph(text) => _ = writeln!(out, "{}", toned(text)),
        Block::Items { title, items, hidden, .. } => {
            if let Some(title) = title {
                let _ = writeln!(out, "**{}**\n", escape(title));
            }
            items.iter().for_each(|item| self::item(out, item));
            if *hidden > 0 {
                let _ = writeln!(out, "- … and {} more", words::number(*hidden));
            }
        }
        Block::Table { head, rows } => table(out, head, rows),
        Block::Facts(facts) => {
            facts.iter().for_each(|(name, value)| _ = writeln!(out, "- {}: {}", escape(name), escape(&value.text)));
        }
    }
}

fn item(out: &mut String, item: &Item) {
    let line = |cells: &[Text]| {
        let cells: Vec<String> =
            cells.iter().filter(|cell| !cell.text.is_empty()).map(|cell| escape(&cell.text)).collect();
        cells.join(" · ").replace(" · → · ", " → ")
    };
    let _ = writeln!(out, "- `{}` {}", item.mark.text, line(&item.cells));
    for row in &item.below {
        let _ = writeln!(out, "  - {}", line(row));
    }
}

fn table(out: &mut String, head: &[String], rows: &[Vec<Text>]) {
    let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    out.push_str(&line(head.iter().map(|name| escape(name)).collect()));
    out.push_str(&line(head.iter().map(|_| "---".to_owned()).collect()));
    rows.iter().for_each(|row| out.push_str(&line(row.iter().map(|cell| escape(&cell.text)).collect())));
}

fn toned(text: &Text) -> String {
    match text.tone {
        Tone::Strong | Tone::Bad | Tone::Warning => format!("**{}**", escape(&text.text)),
        _ => escape(&text.text),
    }
}

/// Takes its meaning from everything that means something in Markdown or HTML. Addresses would become links and
/// mentions (`@acme`) would write to people, so the at sign goes out as an entity.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '@' => out.push_str("&#64;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '#' | '~' | '!' => {
                out.push('\\');
                out.push(c);
            }
            '\n' | '\r' => out.push(' '),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::escape;

    #[test]
    fn nothing_keeps_a_meaning_in_markdown() {
        assert_eq!(
            escape("<script>*x*_y_|[z](http://e) @all #1\n- q"),
            "&lt;script&gt;\\*x\\*\\_y\\_\\|\\[z\\](http://e) &#64;all \\#1 - q"
        );
    }
}
