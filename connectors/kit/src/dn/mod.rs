//! Distinguished names (RFC 4514), parsed once into the one form in which they are compared.
//!
//! Servers spell the same name in many ways, and one server spells it differently as an entry's name and as a member:
//! `UID=U7, OU=People` and `uid=u7,ou=People`, `Doe\2C John` and `Doe\, John`. So names are never compared as text. Every
//! connector that meets names, the scope and the doubts use this type, and nothing else takes a name apart. Where there
//! are very many names, their [`Keys`] are compared. A normalised name is never sent back to a server.
//!
//! What is one name, and what is none:
//!
//! - **Types** are one by their short name, their long name and their OID, in any case ([`types`]); any other type is
//!   compared in lower case.
//! - **Values** are compared as [`prepare()`] says: case, the Unicode normal form, white space at the ends and runs of it do
//!   not count. It does not matter either whether a character is written as itself, behind a backslash, as hexadecimal
//!   digits or between quotation marks.
//! - **Several values** of one part (`cn=a+uid=b`) are a set.
//! - **Separators** are the comma and, as in RFC 2253, the semicolon, with any spaces around them.
//! - **An empty value** (`ou=,dc=acme`) is a value. **An empty part** (`ou=a,,dc=acme`) and **a separator with nothing
//!   behind it** (`ou=a,`) are errors: such a name was cut off, or put together wrongly.
//! - **`#` with digits** is the BER encoding of a value. A text in it is that text; anything else is compared byte by byte.
//! - **A backslash** before anything but two hexadecimal digits or a character that RFC 4514 lets one escape is an error,
//!   and so are escaped bytes that are no UTF-8.
//! - **The empty name** is the root, which is above everything.

mod error;
mod key;
mod prepare;
mod read;
mod types;

#[cfg(test)]
mod properties;

use std::fmt;

pub use self::error::{DnError, DnProblem};
pub use self::key::{Key, Keys};
pub use self::prepare::prepare;

/// A distinguished name as it is compared.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Dn {
    /// From the entry itself up to the root, each as RFC 4514 writes it with prepared values, those of a part with several
    /// sorted.
    parts: Vec<String>,
}

impl Dn {
    /// Parses a name. The empty name is the root.
    ///
    /// # Errors
    ///
    /// Why it is none, and where.
    pub fn parse(text: &str) -> Result<Self, DnError> {
        let fault = |fault: read::Fault| fault.within(text);
        let mut parts = Vec::new();
        let mut above = Some(read::trimmed(text)).filter(|text| !text.is_empty());
        while let Some(rest) = above {
            let mut part = Vec::new();
            above = read::part(rest, &mut part).map_err(fault)?;
            // What was read from text is text.
            parts.push(String::from_utf8_lossy(&part).into_owned());
        }
        Ok(Self { parts })
    }

    /// Whether this is `other` or lies somewhere below it.
    #[must_use]
    pub fn is_within(&self, other: &Self) -> bool {
        self.parts.ends_with(&other.parts)
    }

    /// The part that is the entry's own, as it is compared: `cn=configuration`. Nothing for the root.
    #[must_use]
    pub fn own_part(&self) -> Option<&str> {
        self.parts.first().map(String::as_str)
    }
}

/// The form in which it is compared, which is itself a name that RFC 4514 allows.
impl fmt::Display for Dn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.parts.join(","))
    }
}

/// The name of the entry above, spelled as it stands, so that it can be sent to the server it came from; nothing for the
/// root and for what is no name.
#[must_use]
pub fn above(name: &str) -> Option<&str> {
    read::part(read::trimmed(name), &mut Vec::new()).ok()?.map(str::trim_start)
}

/// The value of a `member` or `uniqueMember` as a name: without the optional unique identifier (`#'0101'B`) of
/// RFC 4517, section 3.3.21.
#[must_use]
pub fn without_unique_identifier(value: &str) -> &str {
    match value.rsplit_once("#'") {
        Some((name, bits))
            if bits.strip_suffix("'B").is_some_and(|bits| bits.bytes().all(|b| b == b'0' || b == b'1')) =>
        {
            name
        }
        _ => value,
    }
}

#[cfg(test)]
mod tests;
