//! Long texts, which are printed and sent in pieces: nobody holds more than one where they need not.

use std::io::{self, Write};

/// Bytes of a piece at most.
pub(crate) const PIECE: usize = 256 << 10;

/// Sends what is written into it on in pieces. Each is text of its own: none ends within a character.
pub(crate) struct Pieces<F: FnMut(String) -> io::Result<()>> {
    pending: Vec<u8>,
    send: F,
}

impl<F: FnMut(String) -> io::Result<()>> Pieces<F> {
    /// Sends pieces by this.
    pub(crate) fn new(send: F) -> Self {
        Self { pending: Vec::new(), send }
    }

    /// Sends the rest.
    ///
    /// # Errors
    ///
    /// If it cannot be sent, or what was written was no text.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        if !self.pending.is_empty() {
            self.send_on()?;
        }
        if self.pending.is_empty() { Ok(()) } else { Err(no_text()) }
    }

    fn send_on(&mut self) -> io::Result<()> {
        let whole = match std::str::from_utf8(&self.pending) {
            Ok(text) => text.len(),
            Err(error) if error.error_len().is_none() => error.valid_up_to(),
            Err(_) => return Err(no_text()),
        };
        let rest = self.pending.split_off(whole);
        let piece = std::mem::replace(&mut self.pending, rest);
        (self.send)(String::from_utf8(piece).map_err(|_| no_text())?)
    }
}

impl<F: FnMut(String) -> io::Result<()>> Write for Pieces<F> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(PIECE - self.pending.len());
        self.pending.extend_from_slice(&bytes[..taken]);
        if self.pending.len() == PIECE {
            self.send_on()?;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn no_text() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "what is no text cannot be printed")
}

/// The pieces of a text; one if it is empty.
pub(crate) fn of(text: &str) -> impl Iterator<Item = &str> {
    cut(text, |piece| (piece, ""))
}

/// The pieces of a text that is several lines, cut between two of them where that is possible.
pub(crate) fn of_lines(text: &str) -> impl Iterator<Item = &str> {
    cut(text, |piece| piece.rsplit_once('\n').unwrap_or((piece, "")))
}

/// Cuts a text. `back` says what of a piece is taken, and what of it goes with the next one.
fn cut(text: &str, back: impl Fn(&str) -> (&str, &str)) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest.take()?;
        if text.len() <= PIECE {
            return Some(text);
        }
        let end = (0..=PIECE).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(text.len());
        let (piece, left) = back(&text[..end]);
        rest = Some(&text[end - left.len()..]);
        Some(piece)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_comes_in_pieces_that_are_text_and_make_it_up() {
        let text = "ä€𝄞x\n".repeat(100_000);
        let mut sent = Vec::new();
        let mut pieces = Pieces::new(|piece| {
            sent.push(piece);
            Ok(())
        });
        text.as_bytes().chunks(7_001).for_each(|some| pieces.write_all(some).unwrap());
        pieces.finish().unwrap();
        assert!(sent.len() > 3 && sent.iter().all(|piece| piece.len() <= PIECE));
        assert_eq!(sent.concat(), text);
        assert_eq!(of(&text).collect::<String>(), text);
        assert!(of(&text).all(|piece| piece.len() <= PIECE));
        assert_eq!(of("").collect::<Vec<_>>(), [""]);
    }

    #[test]
    fn lines_stay_whole_if_they_are_no_longer_than_a_piece() {
        let text = "a line of a long complaint\n".repeat(50_000);
        let pieces: Vec<&str> = of_lines(&text).collect();
        assert!(pieces.len() > 3 && pieces.iter().all(|piece| piece.len() <= PIECE));
        assert_eq!(pieces.join("\n"), text);
        let long = "x".repeat(3 * PIECE);
        assert_eq!(of_lines(&long).collect::<String>(), long);
    }

    #[test]
    fn what_is_no_text_is_not_sent() {
        let mut pieces = Pieces::new(|_| Ok(()));
        pieces.write_all(b"half a character: \xc3").unwrap();
        assert!(pieces.finish().is_err());
    }
}
