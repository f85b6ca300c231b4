//! The answer of `rollcall explain`: every gate between a person and an account, in order, with the value that decided.

use serde::Serialize;

use super::document::{Document, Item, Text, Tone};
use super::words::{capital, clean, sentence};

/// How a gate decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It lets the person through.
    Passed,
    /// It stops the person.
    Stopped,
    /// It did not have to decide, or only tells something.
    Told,
}

/// One gate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Gate {
    /// How it decided.
    pub verdict: Verdict,
    /// What it asks: "domain owned".
    pub title: String,
    /// The value that decided: "acme.com is one of acme.com, acme.co.uk".
    pub detail: String,
}

impl Gate {
    /// A gate.
    #[must_use]
    pub fn new(verdict: Verdict, title: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { verdict, title: title.into(), detail: detail.into() }
    }
}

/// The answer about one person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Answer {
    /// Who was asked for, as far as known: `jane@acme.com (Jane Doe)`.
    pub who: String,
    /// The organization.
    pub organization: String,
    /// The gates, in order.
    pub gates: Vec<Gate>,
    /// What follows from them, in a sentence: what the next run will do.
    pub conclusion: String,
    /// What else there is to know, in sentences.
    pub notes: Vec<String>,
}

/// Puts the report together.
#[must_use]
pub fn document(answers: &[Answer]) -> Document {
    let title = answers.first().map_or_else(|| "Nobody".to_owned(), |answer| clean(&answer.who));
    let mut document = Document::new(title);
    for answer in answers {
        let several = answers.len() > 1;
        let whom = if several { format!("{} in ", clean(&answer.who)) } else { "In ".to_owned() };
        document.heading(format!("{whom}{}", clean(&answer.organization)));
        document.items(None, answer.gates.iter().map(item).collect(), None);
        document.paragraph(Text::new(sentence(&clean(&answer.conclusion)), Tone::Strong));
        for note in &answer.notes {
            document.paragraph(Text::new(sentence(&clean(note)), Tone::Plain));
        }
    }
    document
}

fn item(gate: &Gate) -> Item {
    let (mark, tone) = match gate.verdict {
        Verdict::Passed => ("✓", Tone::Good),
        Verdict::Stopped => ("✗", Tone::Bad),
        Verdict::Told => ("·", Tone::Faint),
    };
    let detail = Text::new(clean(&gate.detail), if gate.verdict == Verdict::Stopped { Tone::Bad } else { Tone::Plain });
    Item { mark: Text::new(mark, tone), cells: vec![capital(&clean(&gate.title)).into(), detail], below: Vec::new() }
}
