//! Okta's limits: per endpoint class and minute in three headers on every answer, and at once for the organisation.
//!
//! What each class allows differs between organisations by a factor of twelve, so it is learnt from the headers and
//! stands in no table.

use std::time::Duration;

use rollcall_kit::http::{RateLimit, Response};

/// Against which limit a request for this path counts.
pub(crate) fn class(path: &[&str]) -> &'static str {
    match path {
        ["users"] => "users",
        ["users", ..] => "user",
        ["groups"] => "groups",
        ["groups", ..] => "group",
        ["logs"] => "logs",
        _ => "app",
    }
}

fn limit(answer: &Response) -> Option<RateLimit> {
    RateLimit::read(answer, "x-rate-limit-limit", "x-rate-limit-remaining", "x-rate-limit-reset")
}

/// The pause that a refused request is told. Too many requests at once are refused with the same status, but then the
/// headers tell of no window that ends: of that the client backs off by itself.
pub(crate) fn told_pause(answer: &Response) -> Option<Duration> {
    let limit = limit(answer).filter(|_| answer.status == 429)?;
    let is_window = limit.limit > 0 && limit.remaining == 0;
    is_window.then(|| limit.pause())
}

/// The pause after which our share of a limit begins anew.
pub(crate) fn spent(answer: &Response, share: f64) -> Option<Duration> {
    limit(answer)?.pause_beyond(share)
}
