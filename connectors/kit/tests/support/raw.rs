//! A TCP server whose every connection follows a script, for what a proper HTTP server would never do.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What happens on one connection, after its request was read.
#[derive(Clone, Copy)]
pub(crate) enum Act {
    /// Answer properly, with this text.
    Answer(&'static str),
    /// Answer these bytes and then go silent.
    Stall(&'static str),
    /// Answer these bytes and then cut the connection hard.
    Reset(&'static str),
}

/// The server; it ends when it is dropped.
pub(crate) struct Raw {
    pub(crate) url: String,
    requests: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Raw {
    /// Starts a server that does `script[n]` on its nth connection, and the last act from then on.
    pub(crate) async fn start(script: &'static [Act]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let requests = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&requests);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, script, Arc::clone(&counter)));
            }
        });
        Self { url, requests, task }
    }

    /// How many requests arrived whole.
    pub(crate) fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(mut stream: TcpStream, script: &'static [Act], requests: Arc<AtomicUsize>) {
    if read_request(&mut stream).await.is_none() {
        return;
    }
    let number = requests.fetch_add(1, Ordering::SeqCst);
    match script[number.min(script.len() - 1)] {
        Act::Answer(text) => {
            let head = format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", text.len());
            stream.write_all(format!("{head}{text}").as_bytes()).await.unwrap();
        }
        Act::Stall(text) => {
            stream.write_all(text.as_bytes()).await.unwrap();
            std::future::pending::<()>().await;
        }
        Act::Reset(text) => {
            stream.write_all(text.as_bytes()).await.unwrap();
            // What was written must be on its way before the reset overtakes it.
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            stream.set_zero_linger().unwrap();
        }
    }
}

/// Reads one request with its body; nothing if the connection ends before.
pub(crate) async fn read_request(stream: &mut (impl AsyncRead + Unpin)) -> Option<String> {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length =
                head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length:").map(str::to_owned));
            if body.len() >= length.map_or(0, |length| length.trim().parse().unwrap()) {
                return Some(text);
            }
        }
        let mut piece = [0; 4096];
        match stream.read(&mut piece).await {
            Ok(0) | Err(_) => return None,
            Ok(count) => bytes.extend_from_slice(&piece[..count]),
        }
    }
}
