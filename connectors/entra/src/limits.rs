//! Graph's limits: a bucket of resource units per app and tenant, refilled every ten seconds.
//!
//! How large the bucket is depends on the tenant and what a request costs on the request, so neither is reckoned here:
//! from four fifths of the bucket on, Graph says in a header how full it is, and we slow down by that before we are
//! told to. A refused request states its pause in `Retry-After`, which the client waits for.

use std::time::Duration;

use rollcall_kit::http::Response;

/// How full the bucket is, as a share; beyond one, requests are refused.
pub(crate) const FULLNESS: &str = "x-ms-throttle-limit-percentage";

/// From here on Graph says how full the bucket is.
const TOLD_FROM: f64 = 0.8;

/// How long it takes to be refilled.
const WINDOW: Duration = Duration::from_secs(10);

/// How long to stay away: nothing below four fifths, then the more the fuller the bucket is, and the whole window when
/// nothing is left.
pub(crate) fn slow_down(answer: &Response) -> Option<Duration> {
    pause_at(answer.header(FULLNESS)?)
}

/// The same by the words of the header alone, for answers within a batch, each of which has one of its own.
pub(crate) fn pause_at(fullness: &str) -> Option<Duration> {
    let fullness: f64 = fullness.trim().parse().ok()?;
    if !(TOLD_FROM..f64::MAX).contains(&fullness) {
        return None;
    }
    let share = ((fullness - TOLD_FROM) / (1.0 - TOLD_FROM)).clamp(0.05, 1.0);
    Some(WINDOW.mul_f64(share))
}
