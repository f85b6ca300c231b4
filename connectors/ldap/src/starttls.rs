//! The switch from clear text to TLS (RFC 4511, section 4.14), done on the bare connection.
//!
//! Until TLS stands, anybody on the way can answer. So exactly one request is sent and exactly one small answer is
//! read, by a parser that looks at nothing but its result code; the LDAP library, which would parse whatever comes,
//! gets the connection only afterwards.

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// An extended request, message 1, with the name 1.3.6.1.4.1.1466.20037.
const REQUEST: &[u8] = b"\x30\x1d\x02\x01\x01\x77\x18\x80\x161.3.6.1.4.1.1466.20037";
/// More than any honest answer needs.
const LONGEST_ANSWER: usize = 4096;

/// Why the connection did not become a TLS connection. It must not be used any further.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartTlsError {
    #[error("the connection ended during the switch to TLS: {0}")]
    Connection(#[from] std::io::Error),
    #[error("the server refuses to switch to TLS (result code {0}); use ldaps://, or configure TLS on the server")]
    Refused(u8),
    #[error("the server answered the switch to TLS with something that is no LDAP answer")]
    NoAnswer,
}

/// Asks for TLS and returns once the server has agreed: the very next byte belongs to the handshake.
pub(crate) async fn negotiate<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S) -> Result<(), StartTlsError> {
    stream.write_all(REQUEST).await?;
    stream.flush().await?;
    let mut head = [0; 2];
    stream.read_exact(&mut head).await?;
    if head[0] != 0x30 {
        return Err(StartTlsError::NoAnswer);
    }
    let length = match head[1] {
        short @ 0..=0x7f => usize::from(short),
        long @ 0x81..=0x84 => {
            let mut octets = vec![0; usize::from(long - 0x80)];
            stream.read_exact(&mut octets).await?;
            octets.iter().fold(0, |length, octet| length << 8 | usize::from(*octet))
        }
        _ => return Err(StartTlsError::NoAnswer),
    };
    if length > LONGEST_ANSWER {
        return Err(StartTlsError::NoAnswer);
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    match result_code(&body) {
        Some(0) => Ok(()),
        Some(code) => Err(StartTlsError::Refused(code)),
        None => Err(StartTlsError::NoAnswer),
    }
}

/// The result code of an extended response to message 1.
fn result_code(body: &[u8]) -> Option<u8> {
    let response = body.strip_prefix(b"\x02\x01\x01\x78")?;
    let content = match response.split_first()? {
        (0..=0x7f, content) => content,
        (long @ 0x81..=0x84, rest) => rest.get(usize::from(long - 0x80)..)?,
        _ => return None,
    };
    match content {
        [0x0a, 0x01, code, ..] => Some(*code),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn answered(answer: &[u8]) -> Result<(), StartTlsError> {
        let (mut ours, mut theirs) = tokio::io::duplex(8192);
        theirs.write_all(answer).await.unwrap();
        let outcome = negotiate(&mut ours).await;
        drop(ours);
        let mut sent = Vec::new();
        theirs.read_to_end(&mut sent).await.unwrap();
        assert_eq!(sent, REQUEST);
        outcome
    }

    #[tokio::test]
    async fn an_agreement_leaves_what_follows_for_the_handshake() {
        let (mut ours, mut theirs) = tokio::io::duplex(8192);
        theirs.write_all(b"\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x00\x04\x00\x04\x00hello").await.unwrap();
        negotiate(&mut ours).await.unwrap();
        let mut rest = [0; 5];
        ours.read_exact(&mut rest).await.unwrap();
        assert_eq!(&rest, b"hello");
        // Active Directory writes every length in four octets.
        let long = b"\x30\x84\x00\x00\x00\x10\x02\x01\x01\x78\x84\x00\x00\x00\x07\x0a\x01\x00\x04\x00\x04\x00";
        answered(long).await.unwrap();
    }

    #[tokio::test]
    async fn a_refusal_and_nonsense_never_count_as_agreement() {
        let refusal = answered(b"\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x02\x04\x00\x04\x00").await.unwrap_err();
        assert!(matches!(refusal, StartTlsError::Refused(2)), "{refusal}");
        for nonsense in [
            &b"HTTP/1.1 400 Bad Request\r\n"[..],
            b"\x30\x84\xff\xff\xff\xff",
            b"\x30\x80\x00\x00",
            b"\x30\x03\x02\x01\x01",
            b"\x30\x0c\x02\x01\x02\x78\x07\x0a\x01\x00\x04\x00\x04\x00",
            b"\x30\x0c\x02\x01\x01\x65\x07\x0a\x01\x00\x04\x00\x04\x00",
        ] {
            let error = answered(nonsense).await.unwrap_err();
            assert!(matches!(error, StartTlsError::NoAnswer), "{error}");
        }
    }
}
