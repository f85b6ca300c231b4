//! Renders a report as one HTML file: no script, no picture, nothing from elsewhere, light or dark as the reader has
//! it. The template escapes everything, and a content security policy says the same to the browser.

use askama::Template;

use super::document::{Block, Document, Tone};

#[derive(Template)]
#[template(path = "report.html")]
struct Page<'a> {
    document: &'a Document,
}

/// Renders a report.
#[must_use]
pub fn render(document: &Document) -> String {
    // Rendering into memory fails only if formatting does, and nothing here formats by a fallible hand.
    Page { document }.render().unwrap_or_else(|error| format!("The report could not be rendered: {error}."))
}

impl Page<'_> {
    #[expect(clippy::unused_self, reason = "the template calls it as a method")]
    fn class(&self, tone: &Tone) -> &'static str {
        match tone {
            Tone::Plain => "plain",
            Tone::Faint => "faint",
            Tone::Good => "good",
            Tone::Warning => "warning",
            Tone::Bad => "bad",
            Tone::Strong => "strong",
        }
    }
}
