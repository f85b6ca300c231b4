//! Reads one part of a name after the other, and writes each in the form in which it is compared.
//!
//! Nearly all names are plain ASCII after a type of the usual ones, so such parts are read in one pass and without memory
//! of their own ([`plain`]). Whatever is not plain is read as RFC 4514 has it ([`any`]), and the properties see to it that
//! both write the same.

use super::error::{DnError, DnProblem};
use super::prepare::{is_unseen, prepare};
use super::types::canonical;

/// Types that are written in their short form nearly always.
const SHORT_TYPES: [&str; 5] = ["uid", "cn", "ou", "dc", "o"];

/// What is wrong with a text, and how much of it is left there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fault {
    problem: DnProblem,
    left: usize,
}

impl Fault {
    fn at(rest: &str, problem: DnProblem) -> Self {
        Self { problem, left: rest.len() }
    }

    /// The same as an error about the whole text.
    pub(super) fn within(self, whole: &str) -> DnError {
        let begins = whole.len() - whole.trim_start().len();
        let at = (begins + trimmed(whole).len()).saturating_sub(self.left);
        DnError { at: whole.get(..at).map_or(0, |before| before.chars().count()), problem: self.problem }
    }
}

/// A whole name without the white space around it. A space behind a backslash is part of the name.
pub(super) fn trimmed(text: &str) -> &str {
    let text = text.trim_start();
    let end = text.trim_end();
    let is_escaped = end.ends_with('\\') && end.bytes().rev().take_while(|byte| *byte == b'\\').count() % 2 == 1;
    if is_escaped && text[end.len()..].starts_with(' ') { &text[..=end.len()] } else { end }
}

/// Writes the first part of a [`trimmed`] name as it is compared, and returns what is above it, if anything is.
pub(super) fn part<'a>(text: &'a str, out: &mut Vec<u8>) -> Result<Option<&'a str>, Fault> {
    let start = out.len();
    if let Some(above) = plain(text, out) {
        return Ok(above);
    }
    out.truncate(start);
    any(text, out)
}

/// As [`part`], for a single value in ASCII without escapes, after one of the usual types; nothing for any other.
fn plain<'a>(text: &'a str, out: &mut Vec<u8>) -> Option<Option<&'a str>> {
    let (kind, rest) = text.split_once('=')?;
    let kind = kind.trim();
    let kind = SHORT_TYPES.iter().find(|short| kind.eq_ignore_ascii_case(short))?;
    out.extend_from_slice(kind.as_bytes());
    out.push(b'=');
    let value = rest.trim_start_matches(' ');
    if value.starts_with(['"', '#']) {
        return None;
    }
    let start = out.len();
    let mut gap = false;
    for (at, byte) in value.bytes().enumerate() {
        match byte {
            b',' | b';' => {
                let above = &value[at + 1..];
                return (!above.trim().is_empty()).then_some(Some(above));
            }
            b'+' | b'\\' | b'"' | 128.. => return None,
            b'\t'..=b'\r' | b' ' => gap = out.len() > start,
            unseen if is_unseen(unseen) => return None,
            byte => {
                if gap {
                    out.push(b' ');
                    gap = false;
                }
                if must_be_escaped(byte, out.len() == start) {
                    out.push(b'\\');
                }
                out.push(byte.to_ascii_lowercase());
            }
        }
    }
    Some(None)
}

/// As [`part`], for whatever a name may hold.
fn any<'a>(text: &'a str, out: &mut Vec<u8>) -> Result<Option<&'a str>, Fault> {
    let (first, mut separator, mut rest) = type_and_value(text)?;
    let mut several = vec![first];
    while separator == Some('+') {
        let (more, next, tail) = type_and_value(rest)?;
        several.push(more);
        (separator, rest) = (next, tail);
    }
    several.sort();
    several.dedup();
    out.extend_from_slice(several.join("+").as_bytes());
    Ok(separator.map(|_| rest))
}

/// A value as it is compared.
enum Value {
    Text(String),
    /// What is no text, by the hexadecimal digits of its encoding.
    Digits(String),
}

/// What a value is read to: itself, the separator behind it, and what is left.
type Read<'a, T> = Result<(T, Option<char>, &'a str), Fault>;

/// Reads one `type=value`.
fn type_and_value(text: &str) -> Read<'_, String> {
    let end = text.find(['=', ',', ';', '+']).unwrap_or(text.len());
    let (kind, rest) = text.split_at(end);
    let Some(rest) = rest.strip_prefix('=') else {
        let problem = if kind.trim().is_empty() { DnProblem::EmptyPart } else { DnProblem::NoValue };
        return Err(Fault::at(text.trim_start(), problem));
    };
    let kind = canonical(kind).ok_or_else(|| Fault::at(text.trim_start(), DnProblem::Type))?;
    let rest = rest.trim_start_matches(' ');
    let (value, separator, rest) = match rest.chars().next() {
        Some('"') => quoted(&rest[1..])?,
        Some('#') => digits(&rest[1..])?,
        _ => unquoted(rest)?,
    };
    if separator.is_some() && rest.trim().is_empty() {
        return Err(Fault::at(rest, DnProblem::CutOff));
    }
    let value = match value {
        Value::Text(text) => escaped(&prepare(&text)),
        Value::Digits(digits) => format!("#{digits}"),
    };
    Ok((format!("{kind}={value}"), separator, rest))
}

fn is_separator(c: char) -> bool {
    matches!(c, ',' | ';' | '+')
}

/// A value without quotation marks, up to the next separator that is not escaped. Spaces at its ends are trimmed when it is
/// prepared, escaped or not.
fn unquoted(text: &str) -> Read<'_, Value> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let tail = &rest[c.len_utf8()..];
        match c {
            separator if is_separator(separator) => return Ok((utf8(bytes, text)?, Some(separator), tail)),
            '\\' => rest = unescape(tail, &mut bytes)?,
            '"' => return Err(Fault::at(rest, DnProblem::Quote)),
            '\0' => return Err(Fault::at(rest, DnProblem::Nul)),
            _ => {
                bytes.extend_from_slice(&rest.as_bytes()[..c.len_utf8()]);
                rest = tail;
            }
        }
    }
    Ok((utf8(bytes, text)?, None, rest))
}

/// A value in the quotation marks of LDAP version 2, which old tools still write (RFC 4514 lets readers accept it).
fn quoted(text: &str) -> Read<'_, Value> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let tail = &rest[c.len_utf8()..];
        match c {
            '"' => {
                let (separator, rest) = after_value(tail)?;
                return Ok((utf8(bytes, text)?, separator, rest));
            }
            '\\' => rest = unescape(tail, &mut bytes)?,
            '\0' => return Err(Fault::at(rest, DnProblem::Nul)),
            _ => {
                bytes.extend_from_slice(&rest.as_bytes()[..c.len_utf8()]);
                rest = tail;
            }
        }
    }
    Err(Fault::at(text, DnProblem::Quote))
}

fn utf8(bytes: Vec<u8>, value: &str) -> Result<Value, Fault> {
    String::from_utf8(bytes).map(Value::Text).map_err(|_| Fault::at(value, DnProblem::NotUtf8))
}

/// Writes what a backslash stands before, two hexadecimal digits for a byte or a character that means itself, and returns
/// what is left.
fn unescape<'a>(text: &'a str, out: &mut Vec<u8>) -> Result<&'a str, Fault> {
    if let Some(byte) = text.get(..2).and_then(byte) {
        out.push(byte);
        return Ok(&text[2..]);
    }
    match text.bytes().next() {
        Some(special @ (b' ' | b'"' | b'#' | b'+' | b',' | b';' | b'<' | b'=' | b'>' | b'\\')) => {
            out.push(special);
            Ok(&text[1..])
        }
        _ => Err(Fault::at(text, DnProblem::Escape)),
    }
}

/// A byte from two hexadecimal digits.
fn byte(pair: &str) -> Option<u8> {
    pair.bytes().all(|b| b.is_ascii_hexdigit()).then(|| u8::from_str_radix(pair, 16).ok()).flatten()
}

/// A value as the hexadecimal digits of its BER encoding.
fn digits(text: &str) -> Read<'_, Value> {
    let end = text.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(text.len());
    let digits = &text[..end];
    if digits.is_empty() || !digits.len().is_multiple_of(2) {
        return Err(Fault::at(text, DnProblem::Digits));
    }
    let bytes: Vec<u8> = (0..digits.len()).step_by(2).filter_map(|at| byte(&digits[at..at + 2])).collect();
    let (separator, rest) = after_value(&text[end..])?;
    let value = match text_in(&bytes) {
        Some(content) => utf8(content.to_vec(), text)?,
        None => Value::Digits(digits.to_ascii_lowercase()),
    };
    Ok((value, separator, rest))
}

/// The text in a BER encoding, if it is one of the strings that names are made of: OCTET STRING, UTF8String,
/// PrintableString, IA5String.
fn text_in(encoded: &[u8]) -> Option<&[u8]> {
    let (0x04 | 0x0c | 0x13 | 0x16, rest) = encoded.split_first()? else { return None };
    let (first, rest) = rest.split_first()?;
    let more = match first {
        0..=0x7f => 0,
        0x81..=0x84 => usize::from(first - 0x80),
        _ => return None,
    };
    let (length, content) = rest.split_at_checked(more)?;
    let length = match more {
        0 => usize::from(*first),
        _ => length.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)),
    };
    (length == content.len()).then_some(content)
}

/// What may follow a value in quotation marks or hexadecimal digits: spaces and then a separator or the end.
fn after_value(text: &str) -> Result<(Option<char>, &str), Fault> {
    let text = text.trim_start_matches(' ');
    match text.chars().next() {
        None => Ok((None, text)),
        Some(c) if is_separator(c) => Ok((Some(c), &text[c.len_utf8()..])),
        Some(_) => Err(Fault::at(text, DnProblem::Behind)),
    }
}

/// Whether a byte of a prepared value is written with a backslash before it: what separates, and what RFC 4514 wants
/// escaped.
fn must_be_escaped(byte: u8, is_first: bool) -> bool {
    matches!(byte, b',' | b';' | b'+' | b'\\' | b'=' | b'<' | b'>' | b'"') || is_first && byte == b'#'
}

/// Escapes a prepared value, so that two different names never come out as the same text.
fn escaped(value: &str) -> String {
    let mut result = String::with_capacity(value.len());
    for c in value.chars() {
        if u8::try_from(c).is_ok_and(|byte| must_be_escaped(byte, result.is_empty())) {
            result.push('\\');
        }
        result.push(c);
    }
    result
}

#[cfg(test)]
pub(super) mod oracle {
    //! The two ways of reading a part, each by itself, so that they can be compared.

    /// What the fast way says, if it says anything.
    pub(in crate::dn) fn plain(text: &str) -> Option<(Vec<u8>, Option<&str>)> {
        let mut out = Vec::new();
        super::plain(text, &mut out).map(|above| (out, above))
    }

    /// What the thorough way says.
    pub(in crate::dn) fn any(text: &str) -> Option<(Vec<u8>, Option<&str>)> {
        let mut out = Vec::new();
        super::any(text, &mut out).ok().map(|above| (out, above))
    }
}
