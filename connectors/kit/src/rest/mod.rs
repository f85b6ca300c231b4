//! Directories behind a JSON interface over HTTP: what is the same for all of them stands here once.
//!
//! | what | where |
//! |---|---|
//! | the connector itself: its time limit, and what look-ups share | [`shell`] |
//! | how a provider is asked, and what its refusals mean | [`interface`], [`refusal`] |
//! | lists that end as they should | [`list`] |
//! | URLs that our token may go to | [`origin`] |
//!
//! A provider says by [`Provider`], [`Interface`] and [`Refusal`] what its pages, refusals and records look like. Each thing
//! that is asked for comes back whole, or as an error that says where the walk ended and what was asked for.

pub mod interface;
pub mod list;
pub mod origin;
pub mod refusal;
pub mod shell;

use serde_json::Value as Json;

pub use self::interface::{Interface, Query};
pub use self::list::{Item, List, Met, Take, items};
pub use self::origin::{place, unfit};
pub use self::refusal::{Meaning, Refusal};
pub use self::shell::{Desk, Provider, RestConnector};
use crate::http::Response;

/// The body as JSON.
///
/// # Errors
///
/// A sentence about the body.
pub fn json(answer: &Response) -> Result<Json, String> {
    serde_json::from_slice(&answer.body).map_err(|_| "the answer is no JSON".to_owned())
}

/// A value that is one value, as text; null, blank, lists and objects are none.
#[must_use]
pub fn text(json: &Json) -> Option<String> {
    let text = match json {
        Json::String(text) => text.trim().to_owned(),
        Json::Number(number) => number.to_string(),
        Json::Bool(_) | Json::Null | Json::Array(_) | Json::Object(_) => return None,
    };
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_one_value_is_text() {
        assert_eq!(text(&json!(" a ")).as_deref(), Some("a"));
        assert_eq!(text(&json!(10_442)).as_deref(), Some("10442"));
        for none in [json!(null), json!(true), json!(" "), json!(["a"]), json!({"a": 1})] {
            assert_eq!(text(&none), None, "{none}");
        }
    }
}
