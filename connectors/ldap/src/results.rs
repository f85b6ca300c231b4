//! LDAP result codes (RFC 4511, appendix A) as errors with a remedy.
//!
//! No code but 0 ends a collection. Some come with entries, which makes them look like success to a careless reader:
//! 3, 4, 10 and 11 all mean that there is more.

use ldap3::LdapResult;
use rollcall_kit::ReadError;

pub(crate) const SUCCESS: u32 = 0;
pub(crate) const ADMIN_LIMIT: u32 = 11;
pub(crate) const UNAVAILABLE_CRITICAL_EXTENSION: u32 = 12;
pub(crate) const NO_SUCH_OBJECT: u32 = 32;
const INVALID_CREDENTIALS: u32 = 49;

/// Whether a code means "not now, or not here": another server may be asked.
pub(crate) fn is_transient(code: u32) -> bool {
    matches!(code, 51 | 52)
}

/// Whether a code for one entry means that nobody whom we may see has its name: it is not there, not shown, held by
/// another server, or no name to this one.
pub(crate) fn is_nobody(code: u32) -> bool {
    matches!(code, 10 | NO_SUCH_OBJECT | 34 | 50)
}

/// The server's code and words, for the end of a sentence.
pub(crate) fn words(result: &LdapResult) -> String {
    let text = result.text.trim_end_matches('\0').trim();
    if text.is_empty() {
        format!("result code {}", result.rc)
    } else {
        format!("result code {}, \"{text}\"", result.rc)
    }
}

/// The error for a search that did not end in success.
pub(crate) fn search_error(collection: &str, base: &str, identity: &str, result: &LdapResult) -> ReadError {
    let words = words(result);
    let remedy = match result.rc {
        1 if is_not_signed_in(result) => "the server takes us for anonymous; check bind_dn and bind_password".to_owned(),
        3 => "the server's time limit was reached; lower page_size, or name narrower bases".to_owned(),
        4 => format!(
            "the server's size limit was reached, and paging does not get around it for {identity}; raise the limit for \
             this account (OpenLDAP: limits … size.prtotal=unlimited; 389-ds: nsSizeLimit and nsPagedSizeLimit)"
        ),
        8 | 13 => "the server asks for encryption; use ldaps:// or start_tls = true".to_owned(),
        10 => format!("\"{base}\" is held by another server; name that server, or a base that this one holds"),
        ADMIN_LIMIT => format!(
            "an administrative limit was reached; raise it for {identity} (389-ds: nsLookThroughLimit), lower page_size, or \
             narrow the filter to indexed attributes"
        ),
        UNAVAILABLE_CRITICAL_EXTENSION => {
            "the server cannot send this in pages, or lost its place; without pages a read cannot be known to be complete"
                .to_owned()
        }
        NO_SUCH_OBJECT => format!(
            "the base \"{base}\" does not exist, was moved, or is hidden from {identity}; correct the base or grant the \
             right to read it"
        ),
        34 => format!("\"{base}\" is not a DN to this server; correct it"),
        50 => {
            return ReadError::Denied {
                identity: identity.to_owned(),
                what: format!("\"{base}\""),
                reason: format!("{words}; grant this account the right to read there"),
            };
        }
        51 | 52 | 80 => "the server cannot answer now; the next run tries again".to_owned(),
        _ => "the search did not end as a complete one ends".to_owned(),
    };
    ReadError::incomplete(collection, format!("{remedy} ({words})"))
}

/// Active Directory answers whoever is not signed in with an operations error.
fn is_not_signed_in(result: &LdapResult) -> bool {
    result.text.contains("000004DC") || result.text.contains("00002020")
}

/// The error for a refused sign-in.
pub(crate) fn bind_error(server: &str, identity: &str, result: &LdapResult) -> ReadError {
    let reason = match result.rc {
        INVALID_CREDENTIALS => active_directory_reason(&result.text).unwrap_or(
            "the name or the password is wrong; correct bind_dn or bind_password. It was tried once and is not tried again, \
             so that the account is not locked",
        ),
        7 => "the server does not let accounts sign in with a password",
        8 | 13 => "the server asks for encryption before a password; use ldaps:// or start_tls = true",
        34 => "bind_dn is not a DN to this server; write the account's whole DN",
        48 => "the server does not let this account sign in with a password",
        53 => "the server will not let this account in: it is inactive, locked or has no password",
        50 => "this account may not sign in",
        _ => "the sign-in failed",
    };
    ReadError::SignIn {
        server: server.to_owned(),
        identity: identity.to_owned(),
        reason: format!("{reason} ({})", words(result)),
    }
}

/// Active Directory hides the true reason in the text, as `data 52e` (Windows error codes, in hexadecimal).
fn active_directory_reason(text: &str) -> Option<&'static str> {
    let code = text.split("data ").nth(1)?.split([',', ' ', '\0']).next()?;
    Some(match code {
        "525" => "there is no such account; correct bind_dn",
        "52e" => {
            "the password is wrong; correct bind_password. It was tried once and is not tried again, so that the account is \
             not locked"
        }
        "530" | "531" => "the account may not sign in at this time or from this machine",
        "532" => "the account's password has expired; set a new one, and let it never expire",
        "533" => "the account is disabled",
        "701" => "the account has expired",
        "773" => "the account must change its password first; set one that need not be changed",
        "775" => "the account is locked out; unlock it",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(rc: u32, text: &str) -> LdapResult {
        LdapResult { rc, matched: String::new(), text: text.to_owned(), refs: Vec::new(), ctrls: Vec::new() }
    }

    #[test]
    fn every_code_but_nought_is_an_error_that_says_what_to_do() {
        for rc in (1..=123).filter(|rc| *rc != 50) {
            let error = search_error("users", "ou=people", "cn=reader", &result(rc, ""));
            assert!(matches!(error, ReadError::Incomplete { .. }), "{rc}: {error}");
            assert!(error.to_string().contains(&format!("result code {rc}")), "{error}");
        }
        let denied = search_error("users", "ou=people", "cn=reader", &result(50, "no"));
        assert!(matches!(denied, ReadError::Denied { .. }), "{denied}");
    }

    #[test]
    fn active_directory_says_why_a_sign_in_failed() {
        let text = "80090308: LdapErr: DSID-0C09041C, comment: AcceptSecurityContext error, data 775, v4563\0";
        let error = bind_error("ldaps://dc1", "svc", &result(49, text)).to_string();
        assert!(error.contains("locked out") && !error.contains('\0'), "{error}");
        let plain = bind_error("ldaps://dc1", "svc", &result(49, "")).to_string();
        assert!(plain.contains("not tried again"), "{plain}");
    }
}
