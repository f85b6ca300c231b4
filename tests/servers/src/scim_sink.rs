//! A SCIM 2.0 service provider that is quick: one thread, in memory, more than 10,000 creations a second. Measurements
//! want a target that is never what they wait for, unless they ask for it: a delay before each answer, or so many calls
//! a second and 429 for the rest.
//!
//! It keeps what it is sent and shows what it keeps, roles included. What a client gets wrong is answered as RFC 7644
//! says, and never ends it. A million accounts take it about 700 bytes each.
//!
//! | what | where |
//! |---|---|
//! | the thread, its connections, the delay and the limit | here, `pace` |
//! | which answer belongs to which request | `answers` |
//! | accounts, groups, and how they are found | `accounts`, `groups`, `index` |
//! | the operations of a PATCH | `patch` |
//! | paths and filters | `path` |
//! | what it says about itself | `discovery` |

mod accounts;
mod answers;
mod discovery;
mod groups;
mod index;
mod pace;
mod patch;
mod path;
#[cfg(test)]
mod tests;

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use self::accounts::Accounts;
use self::answers::Answer;
use self::groups::Groups;
use self::pace::Pace;

/// The bearer token that it wants.
pub const TOKEN: &str = "sink-token";

/// The largest request that is taken, in bytes.
const LARGEST: usize = 16 << 20;

/// How it behaves. The default answers at once, and everybody.
#[derive(Clone, Copy, Debug, Default)]
pub struct SinkSettings {
    /// How long each answer waits after the work is done.
    pub delay: Duration,
    /// So many calls a second are served; what comes beyond that is answered with 429 and `Retry-After`.
    pub per_second: Option<u32>,
}

/// What it was asked, and what it holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Requests that were served, by method.
    pub get: u64,
    /// Creations.
    pub post: u64,
    /// Changes of single attributes.
    pub patch: u64,
    /// Replacements.
    pub put: u64,
    /// Deletions.
    pub delete: u64,
    /// Requests that were answered with 429, and are counted nowhere else.
    pub refused: u64,
    /// Bytes in the bodies of requests.
    pub bytes: u64,
    /// Accounts that it holds.
    pub users: u64,
    /// Groups that it holds.
    pub groups: u64,
}

impl Counts {
    /// Every request that was served.
    #[must_use]
    pub const fn calls(&self) -> u64 {
        self.get + self.post + self.patch + self.put + self.delete
    }
}

/// What all connections share.
struct Sink {
    settings: SinkSettings,
    base: String,
    pace: Option<Pace>,
    counts: Counts,
    accounts: Accounts,
    groups: Groups,
}

/// A sink that serves until this is dropped.
#[derive(Debug)]
pub struct ScimSink {
    address: SocketAddr,
    token: NamedTempFile,
    shared: Shared,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Clone)]
struct Shared(Arc<Mutex<Sink>>);

impl ScimSink {
    /// Starts one on a free port of loopback.
    ///
    /// # Errors
    ///
    /// If the port, the thread or the file with the token cannot be had.
    pub fn start(settings: SinkSettings) -> io::Result<Self> {
        Self::start_at(settings, 0)
    }

    /// The same on this port.
    ///
    /// # Errors
    ///
    /// As [`ScimSink::start`].
    pub fn start_at(settings: SinkSettings, port: u16) -> io::Result<Self> {
        let listener = std::net::TcpListener::bind(("127.0.0.1", port))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let mut token = NamedTempFile::new()?;
        io::Write::write_all(&mut token, TOKEN.as_bytes())?;
        let sink = Sink {
            settings,
            base: format!("http://{address}{}", answers::BASE),
            pace: settings.per_second.map(|limit| Pace::new(limit, Instant::now())),
            counts: Counts::default(),
            accounts: Accounts::default(),
            groups: Groups::default(),
        };
        let shared = Shared(Arc::new(Mutex::new(sink)));
        let (stop, stopped) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let served = shared.clone();
        let serve = move || runtime.block_on(serve(listener, served, stopped));
        let thread = std::thread::Builder::new().name("scim-sink".to_owned()).spawn(serve)?;
        Ok(Self { address, token, shared, stop: Some(stop), thread: Some(thread) })
    }

    /// The base URL, to which `/Users` is appended.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}{}", self.address, answers::BASE)
    }

    /// A file with the bearer token that only its owner can read.
    #[must_use]
    pub fn token_file(&self) -> &Path {
        self.token.path()
    }

    /// What it was asked so far, and what it holds.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.shared.lock().counted()
    }

    /// The accounts as they would be shown, in the order of their creation.
    #[must_use]
    pub fn users(&self) -> Vec<serde_json::Value> {
        let sink = self.shared.lock();
        let shown = sink.accounts.page(0, usize::MAX, &sink.base);
        shown.iter().filter_map(|text| serde_json::from_str(text).ok()).collect()
    }
}

impl Drop for ScimSink {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Sink> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Sink").finish_non_exhaustive()
    }
}

/// Takes connections until it is told to stop; those that are open end with the runtime.
async fn serve(listener: std::net::TcpListener, sink: Shared, mut stopped: oneshot::Receiver<()>) {
    let Ok(listener) = TcpListener::from_std(listener) else { return };
    loop {
        tokio::select! {
            _ = &mut stopped => return,
            accepted = listener.accept() => {
                if let Ok((stream, _)) = accepted {
                    tokio::spawn(connection(stream, sink.clone()));
                }
            }
        }
    }
}

/// Serves one client for as long as it stays.
async fn connection(stream: TcpStream, sink: Shared) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| respond(request, sink.clone()));
    // A client that goes away in the middle is nobody's fault here.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

/// Answers one request, after the delay.
async fn respond(request: Request<Incoming>, sink: Shared) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let answer = match Limited::new(body, LARGEST).collect().await {
        Ok(body) => sink.lock().answer(&head, &body.to_bytes(), Instant::now()),
        Err(_) => Answer::error(413, None, "the request is larger than this server takes"),
    };
    let delay = sink.lock().settings.delay;
    if !delay.is_zero() && !answer.is_refusal() {
        tokio::time::sleep(delay).await;
    }
    Ok(answer.into_response())
}
