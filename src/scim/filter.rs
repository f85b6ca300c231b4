//! Filter expressions (RFC 7644, section 3.4.2.2): only `eq`, the one operator that every target has.

/// `attribute eq "value"`. The value is a JSON string; percent-encoding is the URL's business.
pub(super) fn equals(attribute: &str, value: &str) -> String {
    format!("{attribute} eq {}", quoted(value))
}

/// A JSON string.
pub(super) fn quoted(value: &str) -> String {
    serde_json::Value::from(value).to_string()
}

/// Whether the value has to be escaped inside a filter. Some targets read `\"` as the end of the text and answer
/// that there is nobody, so an empty answer to such a filter proves nothing.
pub(super) fn is_delicate(value: &str) -> bool {
    value.contains(['"', '\\']) || value.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_and_backslashes_are_escaped() {
        assert_eq!(equals("userName", r#"o"n\e"#), r#"userName eq "o\"n\\e""#);
        assert!(is_delicate(r#"o"n"#) && is_delicate(r"o\n") && !is_delicate("o'nén+x@y.z"));
    }
}
