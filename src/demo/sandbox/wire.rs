//! HTTP: the token, the counting, the faults, and a connection that can be cut before the answer.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Response, header};
use axum::serve::Listener;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};

use super::answer::{Answer, Question, World};
use super::error::ScimError;
use super::fault::Fate;
use super::lock;

/// Where the service lives on its host.
pub(super) const BASE_PATH: &str = "/scim/v2";
const LARGEST_BODY: usize = 4 << 20;
/// A status that no server answers. A connection that is about to write it is cut instead; the client sees what it
/// sees when a proxy dies between the write and the answer.
const CUT: u16 = 599;
const CUT_LINE: &[u8] = b"HTTP/1.1 599";

/// What a request needs.
#[derive(Clone)]
pub(super) struct Served {
    pub(super) world: Arc<Mutex<World>>,
    pub(super) token: Arc<str>,
}

/// Serves until it is dropped.
pub(super) async fn serve(listener: std::net::TcpListener, served: Served) {
    let Ok(listener) = TcpListener::from_std(listener) else { return };
    let router = Router::new().fallback(handle).with_state(served);
    // It never ends by itself.
    let _ = axum::serve(Cuttable(listener), router).await;
}

async fn handle(State(served): State<Served>, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, LARGEST_BODY).await else {
        return respond(Answer::error(&ScimError::new(413, None, "The body is too large.")), None);
    };
    let method = parts.method.as_str();
    let mut world = lock(&served.world);
    *world.requests.entry(method.to_owned()).or_default() += 1;
    if world.faults.refuses_tokens() || !authorised(&parts.headers, &served.token) {
        return respond(Answer::error(&ScimError::new(401, None, "The token is not right.")), None);
    }
    let fate = world.faults.fate(method);
    if let Fate::Failed { status, retry_after } = fate {
        return respond(Answer::error(&ScimError::new(status, None, "Not now.")), retry_after);
    }
    let Some(path) = parts.uri.path().strip_prefix(BASE_PATH) else {
        return respond(Answer::error(&ScimError::not_found("such endpoint")), None);
    };
    if !body.is_empty() && !is_json(&parts.headers) {
        let error = ScimError::new(415, None, "The content type is application/scim+json.");
        return respond(Answer::error(&error), None);
    }
    let query = parts.uri.query().unwrap_or_default();
    let answer = world.answer(&Question { method, path, query, body: &body });
    if fate == Fate::Lost {
        return respond(Answer { status: CUT, location: None, body: None }, None);
    }
    respond(answer, None)
}

fn authorised(headers: &HeaderMap, token: &str) -> bool {
    let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    given.and_then(|given| given.strip_prefix("Bearer ")) == Some(token)
}

fn is_json(headers: &HeaderMap) -> bool {
    let given = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = given.split(';').next().unwrap_or_default().trim().to_lowercase();
    matches!(essence.as_str(), "application/scim+json" | "application/json")
}

fn respond(answer: Answer, retry_after: Option<u64>) -> Response<Body> {
    let mut response = Response::builder().status(answer.status);
    if answer.body.is_some() {
        response = response.header(header::CONTENT_TYPE, "application/scim+json");
    }
    if answer.status == 401 {
        response = response.header(header::WWW_AUTHENTICATE, "Bearer realm=\"sandbox\"");
    }
    if let Some(seconds) = retry_after {
        response = response.header(header::RETRY_AFTER, seconds);
    }
    if let Some(location) = answer.location {
        response = response.header(header::LOCATION, location);
    }
    let body = answer.body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
    response.body(body).unwrap_or_default()
}

/// A listener whose connections can be cut.
struct Cuttable(TcpListener);

impl Listener for Cuttable {
    type Io = CuttableStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        let (stream, address) = Listener::accept(&mut self.0).await;
        (CuttableStream(stream), address)
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.0.local_addr()
    }
}

/// A connection that breaks when the forbidden status is about to be written.
struct CuttableStream(TcpStream);

impl AsyncRead for CuttableStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}

impl AsyncWrite for CuttableStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if bytes.starts_with(CUT_LINE) {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
