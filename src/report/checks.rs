//! The findings of `rollcall check`: the configuration, the directory and the target, each with what was found.

use rollcall_kit::{CheckFinding, CheckLevel};

use super::document::{Document, Item, Text, Tone};
use super::words::{capital, clean, count, sentence};

/// What was checked, and what was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    /// The organization; none for what concerns all.
    pub organization: Option<String>,
    /// What: `configuration`, `directory`, `target`.
    pub part: String,
    /// What was found.
    pub findings: Vec<CheckFinding>,
}

/// Puts the report together.
#[must_use]
pub fn document(checks: &[Checked]) -> Document {
    let mut document = Document::new("Check");
    for check in checks {
        let part = clean(&check.part);
        document.heading(match &check.organization {
            Some(organization) => format!("{}: {part}", clean(organization)),
            None => capital(&part),
        });
        document.items(None, check.findings.iter().map(item).collect(), None);
    }
    document.heading("Summary");
    document.paragraph(summary(checks));
    document
}

fn item(finding: &CheckFinding) -> Item {
    let mark = match finding.level {
        CheckLevel::Good => Text::new("✓", Tone::Good),
        CheckLevel::Warning => Text::new("!", Tone::Warning),
        CheckLevel::Problem => Text::new("✗", Tone::Bad),
    };
    let text = Text::from(sentence(&clean(&finding.sentence)));
    Item { mark, cells: vec![text], below: Vec::new() }
}

fn summary(checks: &[Checked]) -> Text {
    let of =
        |level| checks.iter().flat_map(|check| &check.findings).filter(|finding| finding.level == level).count() as u64;
    let (problems, warnings) = (of(CheckLevel::Problem), of(CheckLevel::Warning));
    match (problems, warnings) {
        (0, 0) => Text::new("Everything is as it should be.", Tone::Good),
        (0, _) => {
            Text::new(format!("It will work; {} to look at.", count(warnings, "warning", "warnings")), Tone::Warning)
        }
        (_, 0) => Text::new(format!("{} to solve first.", count(problems, "problem", "problems")), Tone::Bad),
        _ => Text::new(
            format!(
                "{} to solve first, and {} to look at.",
                count(problems, "problem", "problems"),
                count(warnings, "warning", "warnings")
            ),
            Tone::Bad,
        ),
    }
}
