//! Domains: whose addresses are the organization's own.

/// Folds a registered domain, or says what is wrong with it.
pub(crate) fn domain(text: &str) -> Result<String, String> {
    let folded = text.trim().to_lowercase();
    let wrong = if folded.is_empty() {
        "it is empty"
    } else if folded.contains('@') {
        "write the domain alone, without the @"
    } else if folded.contains('*') {
        "there are no wildcards; list every sub-domain itself"
    } else if folded.contains(|c: char| c.is_whitespace() || c.is_control() || c == '/' || c == ',') {
        "it contains something that no domain contains"
    } else if folded.starts_with('.') || folded.ends_with('.') || folded.contains("..") {
        "it has a dot too many"
    } else {
        return Ok(folded);
    };
    Err(format!("{text:?} is no domain: {wrong}"))
}

#[cfg(test)]
mod tests {
    use super::domain;

    #[test]
    fn a_domain_is_folded_and_what_is_no_domain_is_refused() {
        assert_eq!(domain(" ACME.com ").as_deref(), Ok("acme.com"));
        for wrong in ["", "@acme.com", "*.acme.com", "acme.com.", ".acme.com", "acme .com", "https://acme.com"] {
            assert!(domain(wrong).is_err(), "{wrong}");
        }
    }
}
