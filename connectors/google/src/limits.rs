//! Google's quotas: so many requests a minute for an administrator, a project and a customer, none of which is told.
//!
//! So an even pace keeps to a budget (`requests_per_minute`), and a refusal that passes by itself is waited for with
//! growing pauses, in which nobody else asks either: the quota is everybody's.

use std::time::Duration;

use rollcall_kit::http::Response;

use crate::refusal::Refusal;

/// No pause is longer: a quota is for a minute.
const LONGEST: Duration = Duration::from_secs(64);

/// The pause after a refusal that passes, where `first` is the first pause of our own: eight times that, then twice as
/// long each time, and of that a share, so that many do not come back in step.
pub(crate) fn pause(answer: &Response, first: Duration) -> Option<Duration> {
    if !Refusal::of(answer).is_passing() {
        return None;
    }
    let doublings = answer.attempts.saturating_add(2).min(16);
    let whole = first.saturating_mul(1 << doublings).min(LONGEST);
    Some(whole.mul_f64(0.5 + fastrand::f64() / 2.0))
}

#[cfg(test)]
mod tests {
    use rollcall_kit::http::HeaderMap;

    use super::*;

    #[test]
    fn pauses_grow_to_a_minute_and_only_for_what_passes() {
        let body =
            |reason: &str| format!(r#"{{"error": {{"errors": [{{"reason": "{reason}"}}]}}}}"#).into_bytes().into();
        let answer =
            |reason: &str, attempts| Response { status: 403, headers: HeaderMap::new(), body: body(reason), attempts };
        for (attempts, longest) in [(1, 8), (2, 16), (3, 32), (4, 64), (9, 64), (u32::MAX, 64)] {
            let pause = pause(&answer("userRateLimitExceeded", attempts), Duration::from_secs(1)).unwrap();
            let longest = Duration::from_secs(longest);
            assert!((longest / 2..=longest).contains(&pause), "{attempts}: {pause:?}");
        }
        assert_eq!(pause(&answer("forbidden", 1), Duration::from_secs(1)), None);
    }
}
