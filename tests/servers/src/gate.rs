//! A gate in front of a SCIM server: it lets a number of writes through and holds the next ones, so that a test can
//! kill the client at exactly that moment, however quick or slow the machine is.
//!
//! It understands just enough of HTTP/1.1 to find where a request ends; answers are passed on as they come.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Where a write is cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// The request never reaches the server.
    Request,
    /// The server does what it was asked for, and its answer never reaches the client.
    Answer,
    /// Nothing is cut off: the request waits, and goes on once the gate is set anew.
    Nothing,
}

/// A relay on loopback that runs until this is dropped.
#[derive(Debug)]
pub struct WriteGate {
    url: String,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
enum Mode {
    /// Everything passes.
    #[default]
    Open,
    /// The method that is counted, how many more may pass, and what happens to the next.
    Armed(&'static str, u64, Cut),
    /// Nothing passes.
    Shut,
}

#[derive(Debug, Default)]
struct State {
    mode: Mode,
    /// Counts how often the gate was set, so that what was held before is let go.
    setting: u64,
    /// Writes that are held.
    holding: u64,
    /// Requests to accounts that the server has and did not answer yet.
    unanswered: u64,
    closed: bool,
}

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// It does not concern the gate.
    Pass,
    /// It passes, and its answer is waited for.
    Count(u64),
    /// It passes, and its answer is held until the gate is set anew.
    Mute(u64),
    /// It is held until the gate is set anew.
    Hold(u64),
    /// The same, and then it passes.
    Delay(u64),
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, mode: Mode) {
        let mut state = self.lock();
        state.mode = mode;
        state.setting += 1;
        state.holding = 0;
        self.changed.notify_all();
    }

    /// What becomes of a request.
    fn verdict(&self, head: &str) -> Verdict {
        let mut state = self.lock();
        let setting = state.setting;
        let (method, left, cut) = match &mut state.mode {
            Mode::Open => return Verdict::Pass,
            Mode::Shut => return Verdict::Hold(setting),
            Mode::Armed(method, left, cut) => (method, left, cut),
        };
        let line = head.lines().next().unwrap_or_default();
        if !line.starts_with(&format!("{method} ")) || !line.contains("/Users") {
            return Verdict::Pass;
        }
        let verdict = match (left.checked_sub(1), *cut) {
            (Some(rest), _) => {
                *left = rest;
                Verdict::Count(setting)
            }
            (None, Cut::Request) => return Verdict::Hold(setting),
            (None, Cut::Nothing) => return Verdict::Delay(setting),
            (None, Cut::Answer) => Verdict::Mute(setting),
        };
        state.unanswered += 1;
        verdict
    }

    /// A request was answered, or its connection ended without an answer: the server closes idle connections, and what
    /// came upon that moment was never heard. The client sends it again, so it did not pass.
    fn answered(&self, verdict: Verdict, heard: bool) {
        let mut state = self.lock();
        state.unanswered -= 1;
        if let (Verdict::Count(setting), false) = (verdict, heard)
            && state.setting == setting
            && let Mode::Armed(_, left, _) = &mut state.mode
        {
            *left += 1;
        }
        self.changed.notify_all();
    }

    /// Says that a write is held, and waits until the gate is set anew.
    fn hold(&self, setting: u64) {
        let mut state = self.lock();
        if state.setting == setting {
            state.holding += 1;
            self.changed.notify_all();
        }
        while state.setting == setting && !state.closed {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl WriteGate {
    /// Starts one in front of the server with this base URL. It stands open.
    ///
    /// # Panics
    ///
    /// If the URL is none, or no port is free.
    #[must_use]
    #[allow(clippy::expect_used, reason = "only tests call this")]
    pub fn start(url: &str) -> Self {
        let rest = url.strip_prefix("http://").expect("a URL in clear text");
        let (server, path) = rest.split_once('/').unwrap_or((rest, ""));
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let port = listener.local_addr().expect("a bound address").port();
        let shared = Arc::<Shared>::default();
        let (server, accepting) = (server.to_owned(), Arc::clone(&shared));
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if accepting.lock().closed {
                    return;
                }
                let (server, shared) = (server.clone(), Arc::clone(&accepting));
                std::thread::spawn(move || relay(&client, &server, &shared));
            }
        });
        Self { url: format!("http://127.0.0.1:{port}/{path}"), shared }
    }

    /// The base URL to give to the client.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Lets so many more requests to accounts with this method pass, and cuts off all that come after them.
    pub fn arm(&self, method: &'static str, more: u64, cut: Cut) {
        self.shared.set(Mode::Armed(method, more, cut));
    }

    /// Lets everything pass.
    pub fn open(&self) {
        self.shared.set(Mode::Open);
    }

    /// Lets nothing pass any more, and drops what is held: a client that was killed may have left requests on the way.
    pub fn shut(&self) {
        self.shared.set(Mode::Shut);
    }

    /// Waits until a write is held.
    ///
    /// # Panics
    ///
    /// If none is within this time.
    pub fn wait_until_holding(&self, patience: Duration) {
        let waited = self.wait_while(patience, |state| state.holding == 0);
        assert!(waited, "no write came to the gate that it had to hold");
    }

    /// Waits until the server has answered all that it was handed, whether or not the client is still there.
    ///
    /// # Panics
    ///
    /// If it does not within this time.
    pub fn wait_until_answered(&self, patience: Duration) {
        assert!(self.wait_while(patience, |state| state.unanswered > 0), "the server owes an answer");
    }

    fn wait_while(&self, patience: Duration, condition: impl FnMut(&mut State) -> bool) -> bool {
        let waited = self.shared.changed.wait_timeout_while(self.shared.lock(), patience, condition);
        !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }
}

impl Drop for WriteGate {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.changed.notify_all();
        // Wakes the thread that accepts connections.
        let _ = TcpStream::connect(self.url.trim_start_matches("http://").split('/').next().unwrap_or_default());
    }
}

/// Passes on what a client sends, request by request, and on a thread of its own what the server answers.
fn relay(client: &TcpStream, server: &str, shared: &Arc<Shared>) -> Option<()> {
    let mut upstream = TcpStream::connect(server).ok()?;
    let pending = Arc::new(Mutex::new(Verdict::Pass));
    let (answers, to_client) = (upstream.try_clone().ok()?, client.try_clone().ok()?);
    let (asked, held_by) = (Arc::clone(&pending), Arc::clone(shared));
    std::thread::spawn(move || pass_answers(answers, to_client, &asked, &held_by));
    let mut requests = BufReader::new(client);
    while let Some((head, body)) = request(&mut requests) {
        let mut verdict = shared.verdict(&head);
        if let Verdict::Hold(setting) | Verdict::Delay(setting) = verdict {
            shared.hold(setting);
            if verdict == Verdict::Hold(setting) {
                break;
            }
            verdict = Verdict::Pass;
        }
        *pending.lock().unwrap_or_else(PoisonError::into_inner) = verdict;
        upstream.write_all(head.as_bytes()).and_then(|()| upstream.write_all(&body)).ok()?;
    }
    // The server may still be at work for a client that is gone; its answer tells when it is done.
    upstream.shutdown(Shutdown::Write).ok()
}

fn pass_answers(mut answers: TcpStream, mut client: TcpStream, pending: &Mutex<Verdict>, shared: &Shared) {
    let mut buffer = [0; 16 * 1024];
    loop {
        let length = answers.read(&mut buffer).unwrap_or_default();
        let verdict = std::mem::replace(&mut *pending.lock().unwrap_or_else(PoisonError::into_inner), Verdict::Pass);
        if verdict != Verdict::Pass {
            shared.answered(verdict, length > 0);
        }
        if let (Verdict::Mute(setting), 1..) = (verdict, length) {
            shared.hold(setting);
            break;
        }
        if length == 0 || client.write_all(&buffer[..length]).is_err() {
            break;
        }
    }
    let _ = client.shutdown(Shutdown::Both);
    let _ = answers.shutdown(Shutdown::Both);
}

/// One request: its head with the empty line, and its body.
fn request(from: &mut impl BufRead) -> Option<(String, Vec<u8>)> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if from.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let length = head
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, value)| value.trim().parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    from.read_exact(&mut body).ok()?;
    Some((head, body))
}
