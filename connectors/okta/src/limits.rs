//! Okta's limits: per endpoint class and minute in three headers on every answer, and at once for the organisation.
//!
//! What each class allows differs between organisations by a factor of twelve, so it is learnt from the headers and
//! stands in no table.

use std::time::Duration;

use rollcall_kit::http::{RateLimit, Response};

/// The classes of endpoints that Okta counts apart.
pub(crate) mod class {
    /// The list of users.
    pub(crate) const USERS: &str = "users";
    /// One user.
    pub(crate) const USER: &str = "user";
    /// The list of groups.
    pub(crate) const GROUPS: &str = "groups";
    /// One group and its members.
    pub(crate) const GROUP: &str = "group";
    /// The System Log.
    pub(crate) const LOGS: &str = "logs";
    /// One application and who is assigned to it.
    pub(crate) const APP: &str = "app";
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
