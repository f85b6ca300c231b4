//! An even pace: no more requests a minute than we were told to send, or than the server was seen to take.
//!
//! A server that limits its callers says so by refusing (429) and by naming a pause. A client that sends at full speed, is
//! refused, waits and does it again gets less through than the limit, because most pauses are rounded up, and some
//! servers lengthen them. So a pace that learns takes from a refusal what the limit must be: as many requests as were
//! taken since the last pause, in the time from then to the end of this one. It stays a little below that, and creeps up
//! after so long that the refusals by which it finds a higher limit cost next to nothing.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Fewer requests than these say nothing about a limit: somebody else may have used it up.
const ENOUGH: u32 = 10;

/// The share of what the server was seen to take that is sent, so that no jitter goes over it.
const KEPT_BELOW: f64 = 0.98;

/// The pace creeps up only after so many pauses as long as the last one.
const PAUSES_UNTIL_GROWTH: u32 = 60;

/// It does after this time at the latest.
const LONGEST_HOLD: Duration = Duration::from_secs(600);

/// By how much it creeps up first, and by how much at most.
const GROWTH: (f64, f64) = (0.02, 0.25);

/// After a rest this long, or of four requests at the pace, the count of what is taken starts anew.
const REST: Duration = Duration::from_secs(2);

/// A faster pace than this is none.
const FASTEST: Duration = Duration::from_micros(50);

/// When the next request may be sent.
#[derive(Debug)]
pub(super) struct Pace {
    /// The time from one request to the next that is never gone below.
    least: Duration,
    learns: bool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The time from one request to the next as it was learnt; zero while nothing was.
    learnt: Duration,
    /// The next turn that nobody has.
    next: Option<Instant>,
    /// Since when requests are counted; in the future while everybody waits.
    since: Option<Instant>,
    /// Requests that were taken since then.
    taken: u32,
    /// The last turn that was given.
    last: Option<Instant>,
    /// What the last refusal was learnt from.
    measured: Option<Measured>,
    /// The last pace that held for an interval.
    good: Duration,
    /// When the pace creeps up, in what steps of time, and by how much.
    grows_at: Option<Instant>,
    interval: Duration,
    growth: f64,
}

/// So many requests were taken in so many seconds, at this time from one to the next.
#[derive(Clone, Copy, Debug)]
struct Measured {
    taken: u32,
    seconds: u64,
    before: Duration,
}

impl Measured {
    fn step(self) -> Duration {
        let seen = (Duration::from_secs(self.seconds) / self.taken.max(1)).div_f64(KEPT_BELOW);
        match self.before {
            Duration::ZERO => seen,
            before => seen.clamp(before.div_f64(KEPT_BELOW), before * 2),
        }
    }
}

impl Pace {
    /// A pace of so many requests a minute, at least one.
    pub(super) fn new(per_minute: u32) -> Self {
        Self { least: step(per_minute), learns: false, state: Mutex::default() }
    }

    /// A pace that learns, from what was learnt before; never faster than `limit`. All are in requests a minute.
    pub(super) fn learning(limit: Option<u32>, known: Option<u32>) -> Self {
        let learnt = known.map(step).unwrap_or_default();
        let state =
            State { learnt, good: learnt, interval: Duration::from_secs(1), growth: GROWTH.0, ..State::default() };
        Self { least: limit.map(step).unwrap_or_default(), learns: true, state: Mutex::new(state) }
    }

    /// What was learnt, in requests a minute.
    pub(super) fn learnt(&self) -> Option<u32> {
        let learnt = self.state().learnt;
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a step is 50 µs at least")]
        (!learnt.is_zero()).then(|| (60.0 / learnt.as_secs_f64()).round().max(1.0) as u32)
    }

    /// Waits for a turn of its own. Turns that nobody took are lost, so that no burst follows a quiet time.
    pub(super) async fn pass(&self) {
        let turn = {
            let mut state = self.state();
            let now = Instant::now();
            state.creep(now);
            let turn = state.next.map_or(now, |next| next.max(now));
            state.next = turn.checked_add(self.least.max(state.learnt));
            let rest = REST.max(state.learnt * 4).max(self.least * 4);
            if state.since.is_none() || state.last.is_some_and(|last| turn.saturating_duration_since(last) > rest) {
                (state.since, state.taken) = (Some(turn), 0);
            }
            state.last = Some(turn);
            turn
        };
        // Timers round up to a millisecond, which a turn that has come need not wait for.
        if turn > Instant::now() {
            tokio::time::sleep_until(turn).await;
        }
    }

    /// The server took a request, whatever it answered.
    pub(super) fn taken(&self) {
        self.state().taken(Instant::now());
    }

    /// The server refused a request because there were too many, and asks to wait this long.
    pub(super) fn refused(&self, pause: Duration) {
        if self.learns {
            self.state().refused(Instant::now(), pause);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn taken(&mut self, now: Instant) {
        if self.since.is_none_or(|since| since <= now) {
            self.taken = self.taken.saturating_add(1);
        } else if let Some(measured) = &mut self.measured {
            // It was under way when another one was refused.
            measured.taken = measured.taken.saturating_add(1);
            self.learnt = measured.step();
        }
    }

    fn refused(&mut self, now: Instant, pause: Duration) {
        let since = self.since.unwrap_or(now);
        if now < since {
            // The same refusal, told to another of those that were under way together.
            return;
        }
        // Servers count in whole seconds and round a pause up, so the time that it all took is rounded down.
        let seconds = (now - since + pause).as_secs().max(1);
        let taken = std::mem::take(&mut self.taken);
        self.since = now.checked_add(pause);
        self.measured = None;
        if taken < ENOUGH {
            return;
        }
        if self.growth > GROWTH.0 {
            self.learnt = self.good;
        } else {
            let measured = Measured { taken, seconds, before: self.learnt };
            (self.learnt, self.measured) = (measured.step(), Some(measured));
        }
        self.next = None;
        self.interval = pause.max(Duration::from_secs(1));
        self.growth = GROWTH.0;
        self.grows_at = now.checked_add(pause + self.hold());
    }

    /// Creeps up, once in an interval and each time by more, if no refusal came for long.
    fn creep(&mut self, now: Instant) {
        if self.learnt.is_zero() {
            return;
        }
        let at = *self.grows_at.get_or_insert(now + self.hold());
        if now < at {
            return;
        }
        self.good = self.learnt;
        self.learnt = self.learnt.div_f64(1.0 + self.growth);
        self.growth = (self.growth * 2.0).min(GROWTH.1);
        self.grows_at = now.checked_add(self.interval);
        if self.learnt < FASTEST {
            (self.learnt, self.grows_at) = (Duration::ZERO, None);
        }
    }

    fn hold(&self) -> Duration {
        (self.interval * PAUSES_UNTIL_GROWTH).min(LONGEST_HOLD)
    }
}

/// The time from one request to the next, at so many a minute.
fn step(per_minute: u32) -> Duration {
    Duration::from_secs(60) / per_minute.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn requests_go_out_evenly_however_many_ask_at_once() {
        let (pace, began) = (Pace::new(120), Instant::now());
        futures::future::join_all((0..9).map(|_| pace.pass())).await;
        assert_eq!(began.elapsed(), Duration::from_secs(4), "the ninth waits for eight steps of half a second");
    }

    #[tokio::test(start_paused = true)]
    async fn a_quiet_time_is_not_saved_up() {
        let pace = Pace::new(60);
        pace.pass().await;
        tokio::time::sleep(Duration::from_secs(30)).await;
        let began = Instant::now();
        pace.pass().await;
        pace.pass().await;
        pace.pass().await;
        assert_eq!(began.elapsed(), Duration::from_secs(2));
    }

    /// A server that takes so many requests in each of its seconds, or from a bucket that holds a second's worth.
    struct Server {
        limit: f64,
        bucket: bool,
        left: f64,
        at: Instant,
        refusals: u32,
    }

    impl Server {
        fn new(limit: f64, bucket: bool) -> Self {
            Self { limit, bucket, left: limit, at: Instant::now(), refusals: 0 }
        }

        fn takes(&mut self) -> bool {
            let passed = self.at.elapsed();
            if self.bucket {
                self.left = (self.left + self.limit * passed.as_secs_f64()).min(self.limit);
                self.at = Instant::now();
            } else if passed >= SECOND {
                self.left = self.limit;
                self.at += SECOND * u32::try_from(passed.as_secs()).unwrap();
            }
            let takes = self.left >= 1.0;
            if takes {
                self.left -= 1.0;
            } else {
                self.refusals += 1;
            }
            takes
        }
    }

    /// Sends so many requests, each taking `latency`, eight at a time; the time that it took.
    async fn send(pace: &Pace, server: &Mutex<Server>, count: u32, latency: Duration) -> Duration {
        let (began, left, closed) = (Instant::now(), Mutex::new(count), Mutex::new(Instant::now()));
        let lane = || async {
            loop {
                {
                    let mut left = left.lock().unwrap();
                    if *left == 0 {
                        return;
                    }
                    *left -= 1;
                }
                loop {
                    loop {
                        let opens = *closed.lock().unwrap();
                        tokio::time::sleep_until(opens).await;
                        pace.pass().await;
                        if *closed.lock().unwrap() <= Instant::now() {
                            break;
                        }
                    }
                    let taken = server.lock().unwrap().takes();
                    tokio::time::sleep(latency).await;
                    if taken {
                        pace.taken();
                        break;
                    }
                    pace.refused(SECOND);
                    *closed.lock().unwrap() = Instant::now() + SECOND;
                }
            }
        };
        futures::future::join_all((0..8).map(|_| lane())).await;
        began.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn a_limit_is_learnt_from_one_refusal_and_kept_from_then_on() {
        for bucket in [true, false] {
            for latency in [Duration::from_millis(2), Duration::from_millis(20)] {
                let (pace, server) = (Pace::learning(None, None), Mutex::new(Server::new(200.0, bucket)));
                let took = send(&pace, &server, 10_000, latency).await;
                let refusals = server.lock().unwrap().refusals;
                assert!(took < SECOND * 105 / 2, "{took:?} with {refusals} refusals, bucket {bucket}, {latency:?}");
                assert!(refusals <= 16, "those under way together, twice at most: {refusals}");
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_limit_that_was_learnt_before_is_not_hit_at_all() {
        let (pace, server) = (Pace::learning(None, Some(11_760)), Mutex::new(Server::new(200.0, false)));
        send(&pace, &server, 5_000, Duration::from_millis(20)).await;
        assert_eq!(server.lock().unwrap().refusals, 0);
        assert_eq!(pace.learnt(), Some(11_760));
    }

    #[tokio::test(start_paused = true)]
    async fn the_pace_creeps_up_to_a_limit_that_was_raised() {
        let (pace, server) = (Pace::learning(None, Some(600)), Mutex::new(Server::new(50.0, true)));
        send(&pace, &server, 3_000, Duration::from_millis(5)).await;
        let learnt = pace.learnt().unwrap();
        assert!((2_000..3_100).contains(&learnt), "{learnt} a minute where 3,000 are allowed");
    }

    #[tokio::test(start_paused = true)]
    async fn the_pace_never_goes_over_the_limit_that_was_set() {
        let (pace, began) = (Pace::learning(Some(60), Some(6_000)), Instant::now());
        for _ in 0..11 {
            pace.pass().await;
        }
        assert_eq!(began.elapsed(), Duration::from_secs(10));
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_after_a_handful_of_requests_teaches_nothing() {
        let pace = Pace::learning(None, None);
        for _ in 0..3 {
            pace.pass().await;
            pace.taken();
        }
        pace.refused(SECOND * 60);
        assert_eq!(pace.learnt(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_limit_a_minute_is_told_by_how_long_the_pause_is() {
        let pace = Pace::learning(None, None);
        for _ in 0..100 {
            pace.pass().await;
            tokio::time::sleep(Duration::from_millis(50)).await;
            pace.taken();
        }
        pace.refused(SECOND * 55);
        assert_eq!(pace.learnt(), Some(98), "100 in the minute that ends with the pause, and a little below");
    }
}
