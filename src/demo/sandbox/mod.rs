//! A SCIM 2.0 application in memory, on loopback: what `rollcall demo` writes to, and what the engine's tests do.
//!
//! It keeps to RFC 7643 and 7644 and is strict where they are: types, uniqueness of `userName`, paths, filters,
//! atomic PATCH. It forgets everything when it is dropped. A test can count the requests that reached it and make it
//! [misbehave](Fault) as real applications do.
//!
//! `wire` is HTTP, `answer` decides, `store` keeps, and `schema`, `filter`, `path` and `patch` are SCIM itself.

mod answer;
mod discovery;
mod error;
mod fault;
mod filter;
#[cfg(test)]
mod foreign;
mod patch;
mod schema;
mod store;
mod view;
mod wire;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use serde_json::Value;
use tokio::sync::oneshot;

use self::answer::{Question, World};
pub use self::fault::Fault;
pub use self::view::{AccountView, GroupView};

/// A running application. It stops when this is dropped.
#[derive(Debug)]
pub struct Sandbox {
    url: String,
    token: String,
    world: Arc<Mutex<World>>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Sandbox {
    /// Starts an empty application on a free port of 127.0.0.1, on a thread of its own, with a token that nobody else
    /// knows.
    ///
    /// # Errors
    ///
    /// If no port can be had or no thread can be started.
    pub fn start() -> io::Result<Self> {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0))?;
        listener.set_nonblocking(true)?;
        let url = format!("http://{}{}", listener.local_addr()?, wire::BASE_PATH);
        let token = format!("sandbox-{}", uuid::Uuid::new_v4().simple());
        let world = Arc::new(Mutex::new(World::new(url.clone())));
        let (stop, stopped) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let served = wire::Served { world: Arc::clone(&world), token: token.clone().into() };
        let thread = std::thread::Builder::new().name("sandbox".to_owned()).spawn(move || {
            // Whatever is still in flight when the sandbox is dropped ends with the runtime.
            runtime.block_on(async {
                tokio::select! {
                    () = wire::serve(listener, served) => {}
                    _ = stopped => {}
                }
            });
        })?;
        Ok(Self { url, token, world, stop: Some(stop), thread: Some(thread) })
    }

    /// The base URL, to which `/Users` is appended.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The bearer token. Not a secret worth the name: it opens an application that holds nothing real.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.token
    }

    /// Every account, in the order in which they were made.
    #[must_use]
    pub fn users(&self) -> Vec<AccountView> {
        view::accounts(&self.world().store)
    }

    /// Every group, in the order in which they were made.
    #[must_use]
    pub fn groups(&self) -> Vec<GroupView> {
        view::groups(&self.world().store)
    }

    /// How many requests came in, by method.
    #[must_use]
    pub fn requests(&self) -> BTreeMap<String, u64> {
        self.world().requests.clone()
    }

    /// How many requests came in that could change something.
    #[must_use]
    pub fn writes(&self) -> u64 {
        self.world().requests.iter().filter(|(method, _)| *method != "GET").map(|(_, count)| count).sum()
    }

    /// Counts from zero again.
    pub fn forget_requests(&self) {
        self.world().requests.clear();
    }

    /// Misbehaves from now on; see [`Fault`] for how long.
    pub fn inject(&self, fault: Fault) {
        self.world().faults.add(fault);
    }

    /// Behaves again.
    pub fn heal(&self) {
        self.world().faults.clear();
    }

    /// Does what the application's own administrator does in its user interface: a request such as
    /// `("PATCH", "/Users/usr-1", …)` that is not counted and meets no fault. Returns the status and the body.
    pub fn by_hand(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let answer = self.world().answer(&Question { method, path, query, body: &body });
        (answer.status, answer.body.unwrap_or_default())
    }

    fn world(&self) -> MutexGuard<'_, World> {
        lock(&self.world)
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The world, whatever happened to whoever held it before: nothing in it can be half done.
fn lock(world: &Mutex<World>) -> MutexGuard<'_, World> {
    world.lock().unwrap_or_else(PoisonError::into_inner)
}
