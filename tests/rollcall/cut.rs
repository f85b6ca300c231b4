//! A connection that is cut after the request has gone through: the server acts, and nobody hears of it.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use url::Url;

/// Stands before a server, passes every request on, and cuts the connection when the answer comes.
pub(crate) struct CutOff {
    url: Url,
}

impl CutOff {
    /// Stands before the server at this URL until the test ends.
    pub(crate) async fn before(server: &str) -> Self {
        let mut url: Url = server.parse().unwrap();
        let behind = (url.host_str().unwrap().to_owned(), url.port().unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        url.set_port(Some(listener.local_addr().unwrap().port())).unwrap();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(pass_on(client, behind.clone()));
            }
        });
        Self { url }
    }

    /// Where to send requests.
    pub(crate) fn url(&self) -> String {
        self.url.to_string()
    }
}

async fn pass_on(client: TcpStream, behind: (String, u16)) {
    let mut server = TcpStream::connect(behind).await.unwrap();
    let (mut from_client, _to_client) = client.into_split();
    let mut buffer = vec![0; 65536];
    let mut answer = vec![0; 1];
    loop {
        tokio::select! {
            read = from_client.read(&mut buffer) => match read {
                Ok(length) if length > 0 => server.write_all(&buffer[..length]).await.unwrap(),
                _ => return,
            },
            // The first byte of the answer proves that the server has done its work.
            _ = server.read(&mut answer) => return,
        }
    }
}
