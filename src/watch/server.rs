//! The server that monitors ask.

use std::net::SocketAddr;
use std::os::fd::AsFd as _;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use rollcall_kit::secret::{Secret, SecretRef};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::settings::WatchSettings;
use super::tls;

/// How long a monitor may take for its part of the TLS handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// Handshakes and established connections that wait at the same time.
const BACKLOG: usize = 64;

/// Whether the daemon can do its work, and how each organization stands.
pub struct Readiness {
    /// Whether every organization is as it should be.
    pub ready: bool,
    /// The whole answer.
    pub json: serde_json::Value,
}

/// What is watched.
pub trait Watched: Send + Sync {
    /// How each organization stands.
    fn readiness(&self) -> Readiness;

    /// Every number in the text format of Prometheus.
    fn metrics(&self) -> String;
}

/// The server, bound to its address and not yet at work.
pub struct Server {
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    router: Router,
}

struct Asked {
    watched: Arc<dyn Watched>,
    token: Option<SecretRef>,
}

/// Binds the address that the settings name.
///
/// # Errors
///
/// In a sentence, if the address is taken, or a file cannot be used.
pub async fn serve(settings: &WatchSettings, watched: Arc<dyn Watched>) -> Result<Server, String> {
    let listener = TcpListener::bind(settings.listen).await.map_err(|error| {
        format!("daemon.watch.listen: {} cannot be listened on: {error}; choose another port", settings.listen)
    })?;
    server(settings, watched, listener)
}

/// The same where we listen already: nobody is left without an answer in between.
///
/// # Errors
///
/// In a sentence, if a file cannot be used.
pub fn serve_at(
    place: &std::net::TcpListener,
    settings: &WatchSettings,
    watched: Arc<dyn Watched>,
) -> Result<Server, String> {
    let listener = place.try_clone().and_then(TcpListener::from_std);
    let listener =
        listener.map_err(|error| format!("daemon.watch.listen: {} is not ours any more: {error}", settings.listen))?;
    server(settings, watched, listener)
}

fn server(settings: &WatchSettings, watched: Arc<dyn Watched>, listener: TcpListener) -> Result<Server, String> {
    // Checked when the configuration was loaded; checked again where the port is opened.
    if let Some((_, message)) = settings.problems().into_iter().next() {
        return Err(format!("daemon.watch: {message}"));
    }
    let tls = match &settings.certificate {
        Some(path) => Some(TlsAcceptor::from(Arc::new(tls::config(path, settings.client_ca.as_deref())?))),
        None => None,
    };
    let asked = Arc::new(Asked { watched, token: settings.token.clone() });
    let router = Router::new()
        .route("/readyz", get(readiness))
        .route("/metrics", get(metrics))
        .layer(middleware::from_fn_with_state(Arc::clone(&asked), authorize))
        .route("/healthz", get(|| async { "ok\n" }))
        .with_state(asked);
    Ok(Server { listener, tls, router })
}

impl Server {
    /// Where it listens.
    ///
    /// # Errors
    ///
    /// If the system does not say.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// The place where it listens, for a server of other settings.
    ///
    /// # Errors
    ///
    /// If the system has no more of what it takes.
    pub fn place(&self) -> std::io::Result<std::net::TcpListener> {
        Ok(self.listener.as_fd().try_clone_to_owned()?.into())
    }

    /// Answers for as long as it is polled.
    pub async fn run(self) {
        let outcome = match self.tls {
            None => axum::serve(self.listener, self.router).await,
            Some(acceptor) => axum::serve(Secured::new(self.listener, acceptor), self.router).await,
        };
        if let Err(error) = outcome {
            tracing::error!("monitors are not answered any more: {error}");
        }
    }
}

/// Lets through whoever has the token, if there is one. It is read anew each time, so that it can be rotated.
async fn authorize(State(asked): State<Arc<Asked>>, request: Request, next: Next) -> Response {
    let Some(place) = &asked.token else { return next.run(request).await };
    let token = match place.resolve() {
        Ok(token) => token,
        Err(error) => {
            tracing::warn!("a monitor was refused, because the token cannot be read: {error}");
            return (StatusCode::SERVICE_UNAVAILABLE, "the token cannot be read\n").into_response();
        }
    };
    let sent = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let sent = sent.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
    if is_same(&token, sent) {
        return next.run(request).await;
    }
    let challenge = [(header::WWW_AUTHENTICATE, "Bearer realm=\"rollcall\"")];
    (StatusCode::UNAUTHORIZED, challenge, "a token is needed\n").into_response()
}

/// Compares in a time that tells nothing of where two tokens differ: hashes of them, which nobody can choose.
fn is_same(token: &Secret, sent: &str) -> bool {
    blake3::hash(token.expose().as_bytes()) == blake3::hash(sent.as_bytes())
}

async fn readiness(State(asked): State<Arc<Asked>>) -> Response {
    let readiness = asked.watched.readiness();
    let status = if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, axum::Json(readiness.json)).into_response()
}

async fn metrics(State(asked): State<Arc<Asked>>) -> Response {
    let text = tokio::task::spawn_blocking(move || asked.watched.metrics()).await;
    match text {
        Ok(text) => ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response(),
        Err(error) => {
            tracing::error!("the metrics cannot be put together: {error}");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// Connections whose handshake is done. Handshakes go on beside each other, so that a slow one holds up nobody.
struct Secured {
    ready: mpsc::Receiver<(TlsStream<TcpStream>, SocketAddr)>,
    address: std::io::Result<SocketAddr>,
    accepting: tokio::task::JoinHandle<()>,
}

impl Secured {
    fn new(listener: TcpListener, acceptor: TlsAcceptor) -> Self {
        let (sender, ready) = mpsc::channel(BACKLOG);
        let address = listener.local_addr();
        Self { ready, address, accepting: tokio::spawn(accept(listener, acceptor, sender)) }
    }
}

impl Drop for Secured {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(
    listener: TcpListener,
    acceptor: TlsAcceptor,
    sender: mpsc::Sender<(TlsStream<TcpStream>, SocketAddr)>,
) {
    let places = Arc::new(tokio::sync::Semaphore::new(BACKLOG));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let (stream, address) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                // Mostly too many open files; a pause lets some of them go.
                tracing::warn!("a monitor's connection cannot be taken: {error}");
                tokio::time::sleep(Duration::from_secs(1)).await;
                continue;
            }
        };
        let (acceptor, sender) = (acceptor.clone(), sender.clone());
        tokio::spawn(async move {
            match tokio::time::timeout(HANDSHAKE, acceptor.accept(stream)).await {
                Ok(Ok(stream)) => drop(sender.send((stream, address)).await),
                Ok(Err(error)) => tracing::debug!(%address, %error, "a monitor's TLS handshake failed"),
                Err(_) => tracing::debug!(%address, "a monitor's TLS handshake took too long"),
            }
            drop(place);
        });
    }
}

impl axum::serve::Listener for Secured {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        match self.ready.recv().await {
            Some(connection) => connection,
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        match &self.address {
            Ok(address) => Ok(*address),
            Err(error) => Err(error.kind().into()),
        }
    }
}
