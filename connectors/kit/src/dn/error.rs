//! Why a text is no distinguished name, and where in it.

use std::fmt;

/// Why a text is no distinguished name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DnError {
    /// How many characters of the text stand before the place.
    pub at: usize,
    /// What is wrong there.
    pub problem: DnProblem,
}

impl fmt::Display for DnError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, at character {}", self.problem, self.at + 1)
    }
}

impl std::error::Error for DnError {}

/// What can be wrong with a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DnProblem {
    /// Two separators with nothing between them, or one at the beginning.
    EmptyPart,
    /// A separator with nothing behind it.
    CutOff,
    /// A part without an equals sign.
    NoValue,
    /// What stands before the equals sign names no type.
    Type,
    /// A backslash before something that it cannot stand before.
    Escape,
    /// Escaped bytes, or a text in a BER encoding, that are no UTF-8.
    NotUtf8,
    /// A quotation mark inside a value, or one that is not closed.
    Quote,
    /// No whole number of bytes as hexadecimal digits behind `#`.
    Digits,
    /// Something behind a value in quotation marks or hexadecimal digits.
    Behind,
    /// A NUL character.
    Nul,
}

impl fmt::Display for DnProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::EmptyPart => "a part of it is empty",
            Self::CutOff => "nothing stands behind a separator",
            Self::NoValue => "a part of it has no \"=\"",
            Self::Type => "what stands before \"=\" is no attribute type",
            Self::Escape => "a backslash stands before something that it cannot escape",
            Self::NotUtf8 => "escaped bytes are no UTF-8",
            Self::Quote => "a quotation mark is not closed, or stands inside a value",
            Self::Digits => "no whole number of bytes in hexadecimal digits stands behind \"#\"",
            Self::Behind => "something stands behind the end of a value",
            Self::Nul => "it contains a NUL character",
        })
    }
}
