//! When to send a request again, and after which pause.
//!
//! The rule that matters: an unknown outcome (time-out, reset, 500, 502, 504) is repeated only where a second request
//! does no more than the first. Everything else repeats only what certainly was not done.

use std::time::{Duration, SystemTime};

use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};

use super::failure::Failure;
use super::{Repeat, Response};

/// A provider's own way of stating a pause: `x-rate-limit-reset`, a quota error in the body. Asked for every answer
/// from 400 up; nothing means that the provider stated none.
pub(super) type PauseHook = dyn Fn(&Response) -> Option<Duration> + Send + Sync;

/// A longer pause than any server means seriously. Without a bound, an absurd number would overflow the clock.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 60 * 60);

/// What to do with the outcome of one attempt.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// It is what the caller gets.
    Done,
    /// Send again when the pause that the server stated is over; everybody waits.
    AfterToldPause(Duration),
    /// Send again after a pause of our own; only this request waits.
    AfterBackOff,
}

/// Decides what to do with the outcome of one attempt.
pub(super) fn next(outcome: &Result<Response, Failure>, repeat: Repeat, hook: Option<&PauseHook>) -> Next {
    let answer = match outcome {
        Ok(answer) => answer,
        Err(failure) => return if failure.may_repeat(repeat) { Next::AfterBackOff } else { Next::Done },
    };
    let not_done = matches!(answer.status, 403 | 429 | 503);
    let worth_repeating = matches!(answer.status, 429 | 500 | 502 | 503 | 504);
    match told_pause(answer, hook) {
        Some(pause) if not_done || (worth_repeating && repeat == Repeat::Safe) => Next::AfterToldPause(pause),
        _ if worth_repeating && repeat == Repeat::Safe => Next::AfterBackOff,
        _ => Next::Done,
    }
}

/// The pause that an answer states: the provider's own way, else `Retry-After`.
fn told_pause(answer: &Response, hook: Option<&PauseHook>) -> Option<Duration> {
    if answer.status < 400 {
        return None;
    }
    let pause = hook.and_then(|hook| hook(answer)).or_else(|| retry_after(&answer.headers, SystemTime::now()))?;
    Some(pause.min(LONGEST))
}

/// Reads `Retry-After` in both of its forms (RFC 9110, section 10.2.3). A date is compared with the answer's own
/// `Date`, because our clock and the server's may differ by more than the pause.
fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(text.parse().map_or(LONGEST, Duration::from_secs));
    }
    let until = httpdate::parse_http_date(text).ok()?;
    let date =
        headers.get(DATE).and_then(|date| date.to_str().ok()).and_then(|date| httpdate::parse_http_date(date).ok());
    Some(until.duration_since(date.unwrap_or(now)).unwrap_or(Duration::ZERO))
}

/// Pauses of our own: exponential, so that a sick server gets air, and jittered, so that many clients do not come back
/// in step.
#[derive(Clone, Copy, Debug)]
pub(super) struct BackOff {
    /// The longest first pause; doubled each time.
    pub(super) base: Duration,
}

impl BackOff {
    /// No pause is longer than this.
    const CAP: Duration = Duration::from_secs(64);

    /// The pause after the `failures`th failure, from 1: a `share` (0 to 1) of the doubled base.
    pub(super) fn pause(self, failures: u32, share: f64) -> Duration {
        let doubled = 2_u32.checked_pow(failures.saturating_sub(1)).and_then(|factor| self.base.checked_mul(factor));
        doubled.unwrap_or(Self::CAP).min(Self::CAP).mul_f64(share.clamp(0.0, 1.0))
    }
}

impl Default for BackOff {
    fn default() -> Self {
        Self { base: Duration::from_secs(1) }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use reqwest::header::HeaderValue;

    use super::*;

    fn answer(status: u16, headers: &[(reqwest::header::HeaderName, &'static str)]) -> Result<Response, Failure> {
        let headers = headers.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect();
        Ok(Response { status, headers, body: Bytes::new(), attempts: 1 })
    }

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_safe_request_is_repeated_after_every_answer_that_may_pass() {
        for status in [429, 500, 502, 503, 504] {
            assert_eq!(next(&answer(status, &[]), Repeat::Safe, None), Next::AfterBackOff, "{status}");
        }
        for status in [200, 201, 204, 301, 304, 400, 401, 403, 404, 409, 412, 413, 501, 505] {
            assert_eq!(next(&answer(status, &[]), Repeat::Safe, None), Next::Done, "{status}");
        }
    }

    #[test]
    fn an_unsafe_request_is_repeated_only_after_an_answer_that_says_not_done() {
        for status in [403, 429, 503] {
            let told = answer(status, &[(RETRY_AFTER, "7")]);
            assert_eq!(next(&told, Repeat::Never, None), Next::AfterToldPause(seconds(7)), "{status}");
            assert_eq!(next(&answer(status, &[]), Repeat::Never, None), Next::Done, "{status}");
        }
        for status in [500, 502, 504, 409, 202] {
            assert_eq!(next(&answer(status, &[(RETRY_AFTER, "7")]), Repeat::Never, None), Next::Done, "{status}");
        }
    }

    #[test]
    fn an_unknown_outcome_is_repeated_only_where_that_is_safe() {
        let lost = || Err(Failure::no_answer("https://x/", "the connection was reset"));
        assert_eq!(next(&lost(), Repeat::Safe, None), Next::AfterBackOff);
        assert_eq!(next(&lost(), Repeat::Never, None), Next::Done);
        let refused = Err(Failure::unreachable("https://x/", "connection refused"));
        assert_eq!(next(&refused, Repeat::Never, None), Next::AfterBackOff);
    }

    #[test]
    fn a_provider_can_state_a_pause_in_its_own_way() {
        let hook: &PauseHook = &|answer| (answer.status == 403).then_some(Duration::from_secs(3));
        assert_eq!(next(&answer(403, &[]), Repeat::Safe, Some(hook)), Next::AfterToldPause(seconds(3)));
        assert_eq!(next(&answer(404, &[]), Repeat::Safe, Some(hook)), Next::Done);
    }

    #[test]
    fn the_providers_own_pause_goes_before_retry_after() {
        let told = answer(429, &[(RETRY_AFTER, "7")]);
        assert_eq!(
            next(&told, Repeat::Safe, Some(&|_| Some(Duration::from_secs(3)))),
            Next::AfterToldPause(seconds(3))
        );
        assert_eq!(next(&told, Repeat::Safe, Some(&|_| None)), Next::AfterToldPause(seconds(7)));
    }

    #[test]
    fn a_date_is_measured_by_the_servers_clock_and_not_by_ours() {
        let told =
            answer(503, &[(RETRY_AFTER, "Fri, 31 Dec 1999 23:59:59 GMT"), (DATE, "Fri, 31 Dec 1999 23:59:49 GMT")]);
        assert_eq!(next(&told, Repeat::Safe, None), Next::AfterToldPause(seconds(10)));
    }

    #[test]
    fn a_date_without_the_servers_clock_is_measured_by_ours() {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, HeaderValue::from_static("Fri, 31 Dec 1999 23:59:59 GMT"));
        let now = httpdate::parse_http_date("Fri, 31 Dec 1999 23:59:29 GMT").unwrap();
        assert_eq!(retry_after(&headers, now), Some(seconds(30)));
        assert_eq!(retry_after(&headers, now + seconds(60)), Some(Duration::ZERO));
    }

    #[test]
    fn an_absurd_pause_does_not_overflow_and_nonsense_states_none() {
        let mut headers = HeaderMap::new();
        for (text, pause) in [
            ("99999999999999999999999999", Some(LONGEST)),
            ("0", Some(Duration::ZERO)),
            ("soon", None),
            ("-5", None),
            ("1.5", None),
            ("", None),
        ] {
            headers.insert(RETRY_AFTER, HeaderValue::from_static(text));
            assert_eq!(retry_after(&headers, SystemTime::now()), pause, "{text:?}");
        }
        let told = answer(429, &[(RETRY_AFTER, "18446744073709551615")]);
        assert_eq!(next(&told, Repeat::Safe, None), Next::AfterToldPause(LONGEST));
    }

    #[test]
    fn the_back_off_doubles_up_to_its_cap_and_is_a_share_of_that() {
        let back_off = BackOff::default();
        let pauses: Vec<u64> = (1..=9).map(|failures| back_off.pause(failures, 1.0).as_secs()).collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 64, 64, 64]);
        assert_eq!(back_off.pause(u32::MAX, 1.0), BackOff::CAP);
        assert_eq!(back_off.pause(3, 0.5), seconds(2));
        assert_eq!(back_off.pause(3, 0.0), Duration::ZERO);
    }
}
