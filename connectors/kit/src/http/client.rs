//! The exchange itself: one request, as many attempts as are safe, one answer read whole.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, HeaderValue};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};
use tracing::Instrument as _;
use url::Url;
use zeroize::Zeroizing;

use super::endpoint::template;
use super::failure::Failure;
use super::gate::{Gate, Gates};
use super::meter::{Call, meter};
use super::origin::{Origin, shown};
use super::pace::Pace;
use super::retry::{BackOff, Next, PauseHook, next};
use super::span::Attempt;
use super::stats::Counters;
use super::token::{CHALLENGES, DPOP};
use super::{HttpError, HttpSettings, OriginUrl, Request, Response, Stats, TokenSource, tls};
use crate::secret::Secret;

/// How we introduce ourselves, so that the administrator of the other side knows whose calls these are.
const USER_AGENT: &str = concat!("rollcall/", env!("CARGO_PKG_VERSION"), " (directory provisioning)");

/// The window of a limit of which the server does not say when it opens again.
const UNTOLD_PAUSE: Duration = Duration::from_secs(1);

/// Looks at every good answer for what is left of a limit, and says how long the next requests of its class wait.
type BudgetHook = dyn Fn(&Response) -> Option<Duration> + Send + Sync;

/// Sends requests to one origin. Clones share connections, pauses and counts.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    origin: Origin,
    settings: HttpSettings,
    tokens: Option<Arc<dyn TokenSource>>,
    gates: Arc<Gates>,
    counters: Arc<Counters>,
    pause_hook: Option<Arc<PauseHook>>,
    budget_hook: Option<Arc<BudgetHook>>,
    back_off: BackOff,
    hides_path: bool,
    pace: Option<Arc<Pace>>,
    seats: Option<Arc<Semaphore>>,
    endpoints: &'static [&'static str],
}

impl Client {
    /// A client for everything at and below `base`.
    ///
    /// # Errors
    ///
    /// [`HttpError::Settings`] for files that cannot be read, a base that is no HTTP URL or that holds a password.
    pub fn new(base: Url, settings: HttpSettings, tokens: Option<Arc<dyn TokenSource>>) -> Result<Self, HttpError> {
        settings.validate()?;
        let origin = Origin::new(base)?;
        let proxy_is_secure = settings.proxy.as_ref().is_some_and(|proxy| proxy.scheme() == "https");
        let mut builder = reqwest::Client::builder()
            // A redirect would carry the token to wherever the answer says.
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .user_agent(USER_AGENT)
            .connect_timeout(settings.connect_timeout.duration())
            .tls_backend_preconfigured(tls::config(&settings, origin.is_secure() || proxy_is_secure)?);
        match &settings.proxy {
            Some(proxy) => {
                let proxy = reqwest::Proxy::all(proxy.clone())
                    .map_err(|_| HttpError::Settings(format!("proxy: {} cannot be used as a proxy", shown(proxy))))?;
                builder = builder.proxy(proxy);
            }
            // The environment's proxy is meant for the way out, not for the application beside us.
            None if origin.is_beside_us() => builder = builder.no_proxy(),
            None => {}
        }
        let http =
            builder.build().map_err(|error| HttpError::Settings(format!("no HTTP client can be made: {error}")))?;
        Ok(Self {
            http,
            origin,
            settings,
            tokens,
            gates: Arc::default(),
            counters: Arc::default(),
            pause_hook: None,
            budget_hook: None,
            back_off: BackOff::default(),
            hides_path: false,
            pace: None,
            seats: None,
            endpoints: &[],
        })
    }

    /// The same client, which asks `hook` for the pause that a provider states in its own way: by a header like
    /// `x-rate-limit-reset` or by a quota error in the body. The hook is asked for every answer from status 400 up
    /// and goes before `Retry-After`; a pause that it states is waited for by all clones, for requests of that class. It
    /// counts only where a pause makes sense (403, 429, 503, and 500, 502, 504 for requests that are safe to repeat).
    #[must_use]
    pub fn with_pause(mut self, hook: impl Fn(&Response) -> Option<Duration> + Send + Sync + 'static) -> Self {
        self.pause_hook = Some(Arc::new(hook));
        self
    }

    /// The same client, which asks `hook` after every good answer how long to stay away from that class of requests, so
    /// that others who share the provider's limit keep their part and no request has to be refused first.
    #[must_use]
    pub fn with_budget(mut self, hook: impl Fn(&Response) -> Option<Duration> + Send + Sync + 'static) -> Self {
        self.budget_hook = Some(Arc::new(hook));
        self
    }

    /// The same client with another first pause of its own (one second unless told), where the server states none.
    /// Each further one is up to twice as long, to at most 64 seconds.
    #[must_use]
    pub fn with_back_off(mut self, first: Duration) -> Self {
        self.back_off = BackOff { base: first };
        self
    }

    /// The same client for URLs that are secrets themselves, as those of chats are: errors and logs name the origin alone.
    #[must_use]
    pub fn with_secret_path(mut self) -> Self {
        self.hides_path = true;
        self
    }

    /// What of a URL of ours may be shown.
    fn shown(&self, url: &Url) -> String {
        if self.hides_path { url.origin().ascii_serialization() } else { shown(url) }
    }

    /// The same client, which sends no more than so many requests a minute, evenly, repeated ones and those of all clones
    /// included: for providers that state a quota and do not say what is left of it.
    #[must_use]
    pub fn with_pace(mut self, per_minute: u32) -> Self {
        self.pace = Some(Arc::new(Pace::new(per_minute)));
        self
    }

    /// The same client, which learns from refusals (429) how many requests a minute the server takes, and then sends no
    /// more than these, evenly, until it has crept up again. `known` is what was learnt earlier, `limit` what is never
    /// gone beyond, both in requests a minute.
    #[must_use]
    pub fn with_learning_pace(mut self, limit: Option<u32>, known: Option<u32>) -> Self {
        self.pace = Some(Arc::new(Pace::learning(limit, known)));
        self
    }

    /// How many requests a minute the server was seen to take, if it ever refused one because there were too many.
    #[must_use]
    pub fn learnt_pace(&self) -> Option<u32> {
        self.pace.as_ref().and_then(|pace| pace.learnt())
    }

    /// The same client, which has no more than so many requests in flight, those of all clones included, whoever fetches
    /// what beside whom.
    #[must_use]
    pub fn with_parallel(mut self, requests: usize) -> Self {
        self.seats = Some(Arc::new(Semaphore::new(requests.max(1))));
        self
    }

    /// The same client, which knows the templates of the paths below its base, such as `/users/{id}`: traces show these,
    /// and never a path.
    #[must_use]
    pub fn with_endpoints(mut self, endpoints: &'static [&'static str]) -> Self {
        self.endpoints = endpoints;
        self
    }

    /// What this client and all its clones did so far.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.counters.read()
    }

    /// The URL of a path below the base; each segment is percent-encoded. A segment that a path cannot hold (empty,
    /// `.`, `..`) never names its parent: it is sent in a form that names nothing.
    #[must_use]
    pub fn url(&self, segments: &[&str]) -> OriginUrl {
        self.origin.below(segments)
    }

    /// The base itself, exactly as it was given.
    #[must_use]
    pub fn base(&self) -> OriginUrl {
        self.origin.itself()
    }

    /// Checks a link that the server gave, absolute or relative to the base.
    ///
    /// # Errors
    ///
    /// [`HttpError::ForeignOrigin`] unless scheme, host and port are the base's, and for links with a user name or
    /// password.
    pub fn follow(&self, link: &str) -> Result<OriginUrl, HttpError> {
        self.origin.check(None, link)
    }

    /// Checks a link that the server gave on a page, absolute or relative to that page (RFC 3986, section 5).
    ///
    /// # Errors
    ///
    /// As [`Client::follow`].
    pub fn follow_from(&self, page: &OriginUrl, link: &str) -> Result<OriginUrl, HttpError> {
        self.origin.check(Some(page), link)
    }

    /// Sends a request and reads the whole answer, whatever its status: a redirect, a 401 after the one renewal and
    /// a 503 after the last attempt are answers too.
    ///
    /// # Errors
    ///
    /// If there is no answer, or none that the settings accept.
    pub async fn send(&self, request: Request) -> Result<Response, HttpError> {
        self.send_fresh(&|| Ok(request.clone())).await
    }

    /// As [`Client::send`], for requests that hold something that counts only once: each attempt sends what `make`
    /// makes for it.
    ///
    /// # Errors
    ///
    /// As [`Client::send`], and what `make` fails with.
    pub async fn send_fresh(
        &self,
        make: &(dyn Fn() -> Result<Request, HttpError> + Sync),
    ) -> Result<Response, HttpError> {
        let (mut sent, mut failures, mut challenges, mut renewed) = (0, 0, 0, false);
        let mut refused: Option<Secret> = None;
        let mut waited = Duration::ZERO;
        loop {
            let request = make()?;
            let url = self.shown(request.url.as_url());
            self.origin.own(request.url.clone()).map_err(|foreign| self.origin.foreign(&foreign))?;
            let gate = self.gates.of(request.class);
            let queued = Instant::now();
            let seat = self.seat(&gate, &url).await?;
            waited += queued.elapsed();
            let token = self.authorization(&url, refused.take()).await?;
            let span = self.span(&request, sent, std::mem::take(&mut waited));
            sent += 1;
            self.counters.sent(sent);
            let outcome = self.attempt(&url, &request, token.as_ref()).instrument(span.0.clone()).await;
            drop(seat);
            span.ended(&outcome);
            let outcome = outcome.map(|mut answer| {
                answer.attempts = sent;
                answer
            });
            self.count(&request, outcome.as_ref().ok(), None);
            if let Ok(answer) = &outcome {
                if self.asks_for_another_proof(answer) && challenges < CHALLENGES {
                    (challenges, refused) = (challenges + 1, None);
                    continue;
                }
                if let Some(pause) = self.spent(answer) {
                    tracing::debug!(url, seconds = pause.as_secs_f64(), "our share of the limit is used up");
                    gate.close_for(pause);
                }
            }
            if let (Ok(Response { status: 401, .. }), Some(token), false) = (&outcome, token, renewed) {
                (renewed, refused) = (true, Some(token));
                continue;
            }
            failures += 1;
            let todo = next(&outcome, request.repeat, self.pause_hook.as_deref());
            self.heed(&outcome, &todo);
            if let Next::AfterToldPause(pause) = todo {
                self.count(&request, outcome.as_ref().ok(), Some(pause));
                span.told_to_wait(pause);
                self.told_to_wait(&gate, &url, pause)?;
            }
            if todo == Next::Done || failures >= self.settings.attempts {
                return outcome.map_err(Failure::into_error);
            }
            if todo == Next::AfterBackOff {
                let pause = self.back_off.pause(failures, fastrand::f64());
                drop(span);
                tokio::time::sleep(pause).await;
                waited += pause;
            }
        }
    }

    /// The span of an attempt before which `sent` were made.
    fn span(&self, request: &Request, sent: u32, waited: Duration) -> Attempt {
        // An open gate is passed within moments, which are no wait.
        let waited = if waited < Duration::from_millis(1) { Duration::ZERO } else { waited };
        Attempt::new(request, self.origin.itself().as_url(), self.endpoints, sent, waited)
    }

    /// Whether an answer only asks for the same request with another proof of possession.
    fn asks_for_another_proof(&self, answer: &Response) -> bool {
        self.tokens.as_ref().is_some_and(|tokens| tokens.heed(answer))
    }

    /// How long to stay away, if our share of a limit is used up.
    fn spent(&self, answer: &Response) -> Option<Duration> {
        self.budget_hook.as_ref().filter(|_| answer.status < 400).and_then(|hook| hook(answer))
    }

    /// Waits until the gate is open and one more request may be in flight, which it may until the seat is given back.
    async fn seat(&self, gate: &Gate, url: &str) -> Result<Option<OwnedSemaphorePermit>, HttpError> {
        loop {
            self.pass(gate, url).await?;
            let Some(seats) = &self.seats else { return Ok(None) };
            // Nobody closes it.
            let seat = Arc::clone(seats).acquire_owned().await.ok();
            // Those who wait for a pause keep no seat from those who need not.
            if gate.is_open() {
                return Ok(seat);
            }
        }
    }

    /// Waits with everybody else until the pause that the server stated is over, and for a turn.
    async fn pass(&self, gate: &Gate, url: &str) -> Result<(), HttpError> {
        let longest = self.settings.max_wait.duration();
        loop {
            gate.pass(longest).await.map_err(|remaining| wait_too_long(url, remaining))?;
            let Some(pace) = &self.pace else { return Ok(()) };
            pace.pass().await;
            // Others may have been told to wait while this one waited for its turn.
            if gate.is_open() {
                return Ok(());
            }
        }
    }

    /// Lets the pace learn from an answer.
    fn heed(&self, outcome: &Result<Response, Failure>, todo: &Next) {
        let Some(pace) = &self.pace else { return };
        match (outcome, todo) {
            (Ok(Response { status: 429, .. }), Next::AfterToldPause(pause)) => pace.refused(*pause),
            (Ok(Response { status: 429, .. }), _) => pace.refused(UNTOLD_PAUSE),
            _ => pace.taken(),
        }
    }

    /// Tells whoever counts of an attempt, or of the pause that its answer asks for.
    fn count(&self, request: &Request, answer: Option<&Response>, pause: Option<Duration>) {
        let Some(meter) = meter() else { return };
        let base = self.origin.itself();
        let call = Call {
            origin: &base.as_url().origin().ascii_serialization(),
            method: request.method.as_str(),
            endpoint: template(base.as_url(), request.url.as_url(), self.endpoints).unwrap_or_default(),
            class: request.class,
            status: answer.map(|answer| answer.status),
        };
        match pause {
            Some(pause) => meter.told_to_wait(call, pause),
            None => meter.called(call),
        }
    }

    /// Notes a pause for all clones.
    fn told_to_wait(&self, gate: &Gate, url: &str, pause: Duration) -> Result<(), HttpError> {
        self.counters.told_to_wait();
        gate.close_for(pause);
        tracing::debug!(url, seconds = pause.as_secs_f64(), "the server asks to wait");
        if pause > self.settings.max_wait.duration() { Err(wait_too_long(url, pause)) } else { Ok(()) }
    }

    /// The token to send. After a refusal another one than the refused: perhaps somebody renewed it meanwhile, and
    /// only otherwise is it renewed here, so that many refused requests together renew once.
    async fn authorization(&self, url: &str, refused: Option<Secret>) -> Result<Option<Secret>, HttpError> {
        let Some(tokens) = &self.tokens else { return Ok(None) };
        let failed = |reason| HttpError::Token { url: url.to_owned(), reason };
        let current = tokens.authorization(false).await.map_err(failed)?;
        match refused {
            Some(refused) if refused.expose() == current.expose() => {
                tokens.authorization(true).await.map(Some).map_err(failed)
            }
            _ => Ok(Some(current)),
        }
    }

    /// One attempt, within its time.
    async fn attempt(&self, url: &str, request: &Request, token: Option<&Secret>) -> Result<Response, Failure> {
        let longest = self.settings.timeout;
        let outcome = match timeout(longest.duration(), self.exchange(url, request, token)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(Failure::no_answer(url, format!("the answer was not complete within {longest}"))),
        };
        match &outcome {
            Ok(answer) => tracing::debug!(method = %request.method, url, status = answer.status, "answered"),
            Err(failure) => tracing::debug!(method = %request.method, url, ?failure, "failed"),
        }
        outcome
    }

    /// The proof that goes with the token, if it needs one.
    fn proof(&self, request: &Request, token: &Secret) -> Result<Option<HeaderValue>, String> {
        let Some(tokens) = &self.tokens else { return Ok(None) };
        tokens.proof(&request.method, request.url.as_url(), token)
    }

    /// Sends once and reads the answer.
    async fn exchange(&self, url: &str, request: &Request, token: Option<&Secret>) -> Result<Response, Failure> {
        let mut builder =
            self.http.request(request.method.clone(), request.url.as_url().clone()).headers(request.headers.clone());
        if let Some(token) = token {
            builder = builder.header(AUTHORIZATION, token_header(url, token)?);
            if let Some(proof) = self.proof(request, token).map_err(|reason| Failure::unusable_token(url, &reason))? {
                builder = builder.header(DPOP, proof);
            }
        }
        if let Some(body) = &request.body {
            builder = builder.body(body.clone());
        }
        // Until the first byte the connection may still have to be made, which has a time-out of its own.
        let first_byte = self.settings.idle_timeout.duration() + self.settings.connect_timeout.duration();
        let answer = match timeout(first_byte, builder.send()).await {
            Ok(answer) => answer.map_err(|error| Failure::of(url, &error))?,
            Err(_) => return Err(self.silence(url)),
        };
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let mut body = self.read_body(url, answer).await?;
        if let Some(token) = token.filter(|_| !(200..300).contains(&status)) {
            body = without_token(body, token);
        }
        Ok(Response { status, headers, body: body.into(), attempts: 1 })
    }

    /// Reads the body piece by piece, so that one that is too large is dropped at the bound and not after it. Pieces
    /// come decompressed: the bound holds for what a small body unpacks to as well.
    async fn read_body(&self, url: &str, mut answer: reqwest::Response) -> Result<Vec<u8>, Failure> {
        let limit = self.settings.max_body();
        let too_large = || Failure::too_large(url, self.settings.max_body_mib);
        // Its length is announced only for a body that is not compressed.
        if answer.content_length().is_some_and(|length| length > limit as u64) {
            return Err(too_large());
        }
        let mut body = Vec::new();
        loop {
            let piece = match timeout(self.settings.idle_timeout.duration(), answer.chunk()).await {
                Ok(piece) => piece.map_err(|error| Failure::of(url, &error))?,
                Err(_) => return Err(self.silence(url)),
            };
            let Some(piece) = piece else { return Ok(body) };
            if piece.len() > limit - body.len() {
                return Err(too_large());
            }
            body.extend_from_slice(&piece);
        }
    }

    /// The server went silent.
    fn silence(&self, url: &str) -> Failure {
        Failure::no_answer(url, format!("not a byte came for {}", self.settings.idle_timeout))
    }
}

/// The error for a pause that is longer than we may wait.
fn wait_too_long(url: &str, pause: Duration) -> HttpError {
    HttpError::WaitTooLong { url: url.to_owned(), seconds: pause.as_secs() }
}

/// An answer that is no success without our token: some servers, and proxies before them, print the request that they
/// refuse, and what they say is quoted in errors and kept in the history.
fn without_token(body: Vec<u8>, token: &Secret) -> Vec<u8> {
    let bare = token.expose().rsplit(' ').next().unwrap_or_default();
    // JSON may write a slash with a backslash before it.
    let forms = [bare.to_owned(), bare.replace('/', "\\/")].map(Zeroizing::new);
    let text = String::from_utf8_lossy(&body);
    if bare.is_empty() || !forms.iter().any(|form| text.contains(form.as_str())) {
        return body;
    }
    forms.iter().fold(text.into_owned(), |text, form| text.replace(form.as_str(), "[secret]")).into_bytes()
}

/// The token as a header that no debug print shows.
fn token_header(url: &str, token: &Secret) -> Result<HeaderValue, Failure> {
    let mut value = HeaderValue::from_str(token.expose()).map_err(|_| {
        Failure::unusable_token(url, "it holds characters that no header can hold, such as a line break")
    })?;
    value.set_sensitive(true);
    Ok(value)
}
