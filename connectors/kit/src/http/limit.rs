//! What is left of a rate limit, as providers tell it in three headers, and how much of it is ours.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use reqwest::header::DATE;

use super::Response;

/// A rate limit as one answer tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// Requests per window.
    pub limit: u64,
    /// What is left of them.
    pub remaining: u64,
    /// Time until the next window, by the server's own clock: ours may be wrong by more than the window is long.
    pub resets_in: Duration,
}

impl RateLimit {
    /// Reads three headers: the limit, what is left of it, and the next window's start in seconds since 1970. Of a
    /// header that comes several times the smallest counts. None if one of them is missing or no number.
    #[must_use]
    pub fn read(answer: &Response, limit: &str, remaining: &str, reset: &str) -> Option<Self> {
        let smallest = |name: &str| {
            let values = answer.headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
            values.flat_map(|value| value.split(',')).filter_map(|value| value.trim().parse::<u64>().ok()).min()
        };
        let date = answer.header(DATE.as_str()).and_then(|date| httpdate::parse_http_date(date).ok());
        let now = date.unwrap_or_else(SystemTime::now).duration_since(UNIX_EPOCH).unwrap_or_default();
        let resets_in = Duration::from_secs(smallest(reset)?).saturating_sub(now);
        Some(Self { limit: smallest(limit)?, remaining: smallest(remaining)?, resets_in })
    }

    /// How long to wait until requests are taken again: to the next window, a second more because `Date` counts whole
    /// seconds, and a share of another so that many callers do not come back in step.
    #[must_use]
    pub fn pause(&self) -> Duration {
        self.resets_in + Duration::from_secs(1) + Duration::from_secs(1).mul_f64(fastrand::f64())
    }

    /// How long to stay away so that others who share the limit keep their part: until the next window, once no more
    /// is left than what is not our `share` (0 to 1) of it.
    #[must_use]
    pub fn pause_beyond(&self, share: f64) -> Option<Duration> {
        #[allow(clippy::cast_precision_loss, reason = "limits are a few thousand")]
        let others = self.limit as f64 * (1.0 - share.clamp(0.0, 1.0));
        #[allow(clippy::cast_precision_loss, reason = "limits are a few thousand")]
        let left = self.remaining as f64;
        (self.limit > 0 && left <= others).then(|| self.pause())
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

    use super::*;

    fn answer(headers: &[(&'static str, &'static str)]) -> Response {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        Response { status: 429, headers: map, body: Bytes::new(), attempts: 1 }
    }

    fn read(headers: &[(&'static str, &'static str)]) -> Option<RateLimit> {
        RateLimit::read(&answer(headers), "x-limit", "x-remaining", "x-reset")
    }

    #[test]
    fn the_wait_is_reckoned_by_the_servers_clock_and_not_by_ours() {
        // Some time in 2001: our clock would see a window that began long ago.
        let limit = read(&[
            ("date", "Sun, 09 Sep 2001 01:46:00 GMT"),
            ("x-limit", "600"),
            ("x-remaining", "0"),
            ("x-reset", "1000000000"),
        ])
        .unwrap();
        assert_eq!(limit, RateLimit { limit: 600, remaining: 0, resets_in: Duration::from_secs(40) });
        assert!((Duration::from_secs(41)..Duration::from_secs(42)).contains(&limit.pause()));
    }

    #[test]
    fn a_window_that_has_begun_costs_a_second_and_not_an_overflow() {
        let limit = read(&[("x-limit", "9"), ("x-remaining", "0"), ("x-reset", "1")]).unwrap();
        assert_eq!(limit.resets_in, Duration::ZERO);
        assert!(limit.pause() >= Duration::from_secs(1));
    }

    #[test]
    fn the_smallest_of_several_counts_and_what_is_no_number_does_not() {
        let limit = read(&[("x-limit", "9, 5"), ("x-remaining", "7"), ("x-remaining", "3"), ("x-reset", "1")]).unwrap();
        assert_eq!((limit.limit, limit.remaining), (5, 3));
        assert_eq!(read(&[("x-limit", "9"), ("x-remaining", "many"), ("x-reset", "1")]), None);
        assert_eq!(read(&[("x-limit", "9"), ("x-remaining", "1")]), None);
    }

    #[test]
    fn others_keep_their_share_of_the_limit() {
        let left = |remaining| RateLimit { limit: 600, remaining, resets_in: Duration::ZERO };
        assert_eq!(left(301).pause_beyond(0.5), None);
        assert!(left(300).pause_beyond(0.5).is_some());
        assert_eq!(left(1).pause_beyond(1.0), None);
        assert!(left(0).pause_beyond(1.0).is_some());
        // A limit of nothing is another kind of limit: no window will open it.
        assert_eq!(RateLimit { limit: 0, ..left(0) }.pause_beyond(0.5), None);
    }
}
