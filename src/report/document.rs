//! What every report is made of: headings, paragraphs, marked lines and tables.
//!
//! A report is put together once, as a [`Document`], and rendered as text, Markdown or HTML from there, so that the
//! three never say different things. All text in it is plain; whoever renders it escapes it.

/// How a piece of text is meant. Colours on a terminal and in HTML; the words must do without.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tone {
    /// As it is.
    #[default]
    Plain,
    /// Beside the point.
    Faint,
    /// As it should be; given.
    Good,
    /// Somebody should look; changed.
    Warning,
    /// Wrong; taken away.
    Bad,
    /// Important.
    Strong,
}

/// A piece of text with its tone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text {
    /// The text.
    pub text: String,
    /// How it is meant.
    pub tone: Tone,
}

impl Text {
    /// Text in a tone.
    #[must_use]
    pub fn new(text: impl Into<String>, tone: Tone) -> Self {
        Self { text: text.into(), tone }
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self::new(text, Tone::Plain)
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self::new(text, Tone::Plain)
    }
}

/// One line behind a mark: `+ jane@acme.com  Jane Doe`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Item {
    /// The mark.
    pub mark: Text,
    /// The columns; they are aligned within one list.
    pub cells: Vec<Text>,
    /// Lines below it, in columns of their own.
    pub below: Vec<Vec<Text>>,
}

/// Lines that a list has at most, even if all are asked for: nobody reads more, and a report is made in memory. A program
/// gets all.
pub(super) const LONGEST: usize = 100_000;

/// How many lines of a list are shown if so many are asked for, or all.
pub(super) fn lines(most: Option<usize>) -> usize {
    most.unwrap_or(LONGEST)
}

/// A part of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Block {
    /// Begins a section.
    Heading(Text),
    /// A paragraph.
    Paragraph(Text),
    /// Marked lines.
    Items {
        /// What they have in common, if that is worth saying.
        title: Option<String>,
        /// The lines.
        items: Vec<Item>,
        /// How many more there are that are not shown.
        hidden: u64,
        /// Whether all were asked for, so that they are hidden only because a list has an end.
        is_all: bool,
    },
    /// A table. The first row are the heads.
    Table {
        /// The heads of the columns.
        head: Vec<String>,
        /// The rows.
        rows: Vec<Vec<Text>>,
    },
    /// Names and values, below each other.
    Facts(Vec<(String, Text)>),
}

/// A report.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Document {
    /// Its title.
    pub title: String,
    /// Its parts.
    pub blocks: Vec<Block>,
}

/// A report of one table.
#[must_use]
pub fn table<const N: usize>(title: &str, head: [&str; N], rows: Vec<[String; N]>) -> Document {
    let rows = rows.into_iter().map(|row| row.map(Text::from).to_vec()).collect();
    let mut document = Document::new(title);
    document.blocks.push(Block::Table { head: head.map(str::to_owned).to_vec(), rows });
    document
}

impl Document {
    /// An empty report.
    #[must_use]
    pub fn new(title: impl Into<String>) -> Self {
        Self { title: title.into(), blocks: Vec::new() }
    }

    pub(super) fn heading(&mut self, text: impl Into<Text>) {
        self.blocks.push(Block::Heading(text.into()));
    }

    pub(super) fn paragraph(&mut self, text: impl Into<Text>) {
        self.blocks.push(Block::Paragraph(text.into()));
    }

    /// Adds a list, of which at most so many lines are shown. A rest of one is shown, too: "and 1 more" takes the
    /// same line.
    pub(super) fn items(&mut self, title: Option<String>, items: Vec<Item>, most: Option<usize>) {
        let total = items.len();
        self.first_items(title, items, total, most);
    }

    /// The same of a list that has so many lines in all, of which at least those that are shown are here.
    pub(super) fn first_items(
        &mut self,
        title: Option<String>,
        mut items: Vec<Item>,
        total: usize,
        most: Option<usize>,
    ) {
        if total == 0 {
            return;
        }
        if total > lines(most) + 1 {
            items.truncate(lines(most));
        }
        let hidden = (total - items.len()) as u64;
        self.blocks.push(Block::Items { title, items, hidden, is_all: most.is_none() });
    }

    pub(super) fn facts<const N: usize>(&mut self, facts: [Option<(&str, Text)>; N]) {
        let facts = facts.into_iter().flatten().map(|(name, value)| (name.to_owned(), value)).collect();
        self.blocks.push(Block::Facts(facts));
    }
}
