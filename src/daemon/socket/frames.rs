//! Lines of JSON, bounded: what is longer, or no JSON, ends the connection it came over.

use std::io;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncBufRead, AsyncBufReadExt as _, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

/// Bytes of a frame at most: a piece of a text, each of whose characters may be escaped.
pub(super) const FRAME: u64 = 4 << 20;

/// Reads one line of at most so many bytes; nothing at the end.
pub(super) async fn read<T: DeserializeOwned>(
    from: &mut (impl AsyncBufRead + Unpin + Send),
    most: u64,
) -> io::Result<Option<T>> {
    let mut line = Vec::new();
    from.take(most).read_until(b'\n', &mut line).await?;
    if line.is_empty() {
        return Ok(None);
    }
    if line.last() != Some(&b'\n') {
        let wrong = match line.len() as u64 == most {
            true => format!("a line on the control socket is longer than {most} bytes, which is the most"),
            false => "a line on the control socket was cut".to_owned(),
        };
        return Err(io::Error::new(io::ErrorKind::InvalidData, wrong));
    }
    serde_json::from_slice(&line).map(Some).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

/// Writes one line.
pub(super) async fn write(to: &mut (impl AsyncWrite + Unpin + Send), what: &(impl Serialize + Sync)) -> io::Result<()> {
    let mut line = serde_json::to_vec(what)?;
    line.push(b'\n');
    to.write_all(&line).await?;
    to.flush().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_line_that_is_too_long_is_not_read_to_its_end() {
        let mut long: &[u8] = b"\"0123456789\"\n";
        let error = read::<String>(&mut long, 5).await.unwrap_err().to_string();
        assert_eq!(error, "a line on the control socket is longer than 5 bytes, which is the most");
        let mut fits: &[u8] = b"\"0123456789\"\n\"next\"\n";
        assert_eq!(read::<String>(&mut fits, 13).await.unwrap().as_deref(), Some("0123456789"));
        assert_eq!(read::<String>(&mut fits, 13).await.unwrap().as_deref(), Some("next"));
        assert_eq!(read::<String>(&mut fits, 13).await.unwrap(), None);
        let mut cut: &[u8] = b"\"0123";
        assert!(read::<String>(&mut cut, 13).await.unwrap_err().to_string().ends_with("was cut"));
    }
}
