//! From what the target answered to what the engine should think of it.
//!
//! The HTTP status decides; the body is a hint, because targets send numbers for text, lists for sentences, pages in
//! HTML or nothing at all. What was done is only believed where the target says so, and an outcome that is unknown is
//! called unknown: the executor then looks before it tries again.

use rollcall_kit::http::HttpError;

use super::wire::Answer;
use crate::apply::{TargetError, WriteError, WriteFailure};

/// A read that got no answer.
pub(super) fn no_answer(error: HttpError) -> TargetError {
    match error {
        HttpError::Token { .. } => TargetError::SignIn(error.to_string()),
        HttpError::Settings(sentence) => TargetError::Settings(sentence),
        HttpError::Unreachable { url, reason } => {
            TargetError::Unreachable(format!("{url}: {reason}; check the url, and whether the application runs"))
        }
        other => TargetError::Unreachable(other.to_string()),
    }
}

/// A read that got a refusal.
pub(super) fn refused(what: &str, answer: &Answer) -> TargetError {
    match answer.status {
        401 => TargetError::SignIn(format!("401 {}; check the token", answer.words().trim_end_matches('.'))),
        status => TargetError::Refused { what: what.to_owned(), status, detail: answer.words() },
    }
}

/// An answer that cannot be relied on.
pub(super) fn unreliable(what: &str, reason: impl Into<String>) -> TargetError {
    TargetError::Unreliable { what: what.to_owned(), reason: reason.into() }
}

/// A write that failed in this way.
pub(super) fn failed(failure: WriteFailure, detail: impl Into<String>) -> WriteError {
    WriteError { failure, detail: detail.into() }
}

/// A write that got no answer. Only what certainly never reached the target counts as not done.
pub(super) fn write_without_answer(what: &str, error: &HttpError) -> WriteError {
    let failure = match error {
        HttpError::Unreachable { .. } | HttpError::Untrusted { .. } | HttpError::WaitTooLong { .. } => {
            WriteFailure::NotNow
        }
        HttpError::Token { .. } => WriteFailure::SignIn,
        HttpError::ForeignOrigin { .. } | HttpError::Settings(_) => WriteFailure::Refused,
        // An answer that is too large is an answer to something that was done.
        HttpError::NoAnswer { .. } | HttpError::TooLarge { .. } => WriteFailure::Unknown,
    };
    failed(failure, format!("{what}: {error}"))
}

/// A write whose answer is not a plain success.
pub(super) fn write_refused(what: &str, answer: &Answer) -> WriteError {
    let (status, words) = (answer.status, answer.words());
    let (failure, hint) = match status {
        202 => (WriteFailure::Unknown, "it will do so later, which cannot be relied on"),
        300..=399 => (WriteFailure::Refused, "redirects are not followed; check the target's url"),
        401 => (WriteFailure::SignIn, "check the token"),
        403 | 503 if answer.retry_after => (WriteFailure::NotNow, "it asks to come back later"),
        404 | 410 => (WriteFailure::NotFound, "it is not there any more"),
        409 => (WriteFailure::Conflict, "a value that must be unique is taken"),
        412 => (WriteFailure::NotNow, "it was changed by somebody else at the same time"),
        425 | 429 => (WriteFailure::NotNow, "it asks to slow down"),
        501 => (WriteFailure::Refused, "the target cannot do this"),
        // Time-outs and server errors say nothing about what was done before them.
        408 | 500..=599 => (WriteFailure::Unknown, "whether it was done is unknown"),
        _ => (WriteFailure::Refused, ""),
    };
    let hint = if hint.is_empty() { String::new() } else { format!(" ({hint})") };
    failed(failure, format!("asked to {what}, the target answered {status} {words}{hint}"))
}

/// A read that a write depends on and that failed: nothing has been sent, so nothing was done.
pub(super) fn before_write(what: &str, error: &TargetError) -> WriteError {
    let failure = match error {
        TargetError::SignIn(_) => WriteFailure::SignIn,
        TargetError::Unreachable(_) => WriteFailure::NotNow,
        TargetError::Refused { status: 408 | 429 | 500..=599, .. } => WriteFailure::NotNow,
        TargetError::Refused { .. } | TargetError::Unreliable { .. } | TargetError::Settings(_) => {
            WriteFailure::Refused
        }
    };
    failed(failure, format!("{what} was not tried: {error}"))
}
