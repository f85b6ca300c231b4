//! Containers: where a directory keeps a record, as it spells it and as it is compared.
//!
//! A connector makes one when it makes a user or a group; the scope, the doubts and the reports use it as it is, and take no
//! name apart themselves. What is stored is the text that the directory gave, so that it can be shown and sent back; what is
//! compared is made from it once, when it is first compared. Two spellings of one container are one container.

use std::cmp::Ordering;
use std::fmt;
use std::sync::OnceLock;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::dn::{self, Dn, DnError, prepare};

/// Where a record stands: a DN, the path of an organisational unit (`/Sales/Berlin`), or whatever else a directory says.
///
/// Compared and sorted by what it means, shown and stored as the directory spells it. Texts that are neither a DN nor a path
/// are compared without regard to case, white space and the Unicode normal form.
#[derive(Clone)]
pub struct Container {
    text: String,
    form: OnceLock<Box<Form>>,
}

/// A container as it is compared.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Form {
    Dn(Dn),
    /// The names of the units, the outermost first.
    Units(Vec<String>),
    Other(String),
}

/// Why a text is neither a DN nor a path.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ContainerError {
    /// Nothing stands there.
    #[error("it is empty")]
    Empty,
    /// A path has two slashes with no name between them.
    #[error("a part of the path is empty")]
    EmptyUnit,
    /// No path, and no DN.
    #[error(transparent)]
    Dn(#[from] DnError),
}

impl Container {
    /// Takes what a directory says, whatever it is.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), form: OnceLock::new() }
    }

    /// Takes what somebody wrote into the configuration: a DN, or a path, which begins with `/`.
    ///
    /// # Errors
    ///
    /// Why it is neither.
    pub fn named(text: &str) -> Result<Self, ContainerError> {
        let container = Self::new(text);
        match container.problem() {
            None => Ok(container),
            Some(problem) => Err(problem),
        }
    }

    /// Why it is neither a DN nor a path, if it is neither.
    #[must_use]
    pub fn problem(&self) -> Option<ContainerError> {
        match self.form() {
            Form::Dn(_) | Form::Units(_) => None,
            Form::Other(_) => parse(&self.text).err(),
        }
    }

    /// As the directory spells it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The container of the entry whose name this is, spelled as it stands there. Nothing for a root and for what is no DN.
    #[must_use]
    pub fn above(&self) -> Option<Self> {
        dn::above(&self.text).map(Self::new)
    }

    /// Whether `inner` is this container or stands below it; nothing if the two are not of one kind and cannot be compared.
    #[must_use]
    pub fn contains(&self, inner: &Self) -> Option<bool> {
        match (self.form(), inner.form()) {
            (Form::Dn(outer), Form::Dn(inner)) => Some(inner.is_within(outer)),
            (Form::Units(outer), Form::Units(inner)) => Some(inner.starts_with(outer)),
            _ => None,
        }
    }

    fn form(&self) -> &Form {
        self.form.get_or_init(|| Box::new(parse(&self.text).unwrap_or_else(|_| Form::Other(prepare(&self.text)))))
    }
}

fn parse(text: &str) -> Result<Form, ContainerError> {
    let trimmed = text.trim();
    if trimmed.is_empty() {
        return Err(ContainerError::Empty);
    }
    let Some(path) = trimmed.strip_prefix('/') else { return Ok(Form::Dn(Dn::parse(text)?)) };
    let path = path.trim_end_matches('/');
    if path.is_empty() {
        return Ok(Form::Units(Vec::new()));
    }
    let units: Vec<String> = path.split('/').map(prepare).collect();
    if units.iter().any(String::is_empty) { Err(ContainerError::EmptyUnit) } else { Ok(Form::Units(units)) }
}

impl From<&str> for Container {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl fmt::Display for Container {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Container {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Container").field(&self.text).finish()
    }
}

impl PartialEq for Container {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text || self.form() == other.form()
    }
}

impl Eq for Container {}

impl PartialOrd for Container {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Container {
    fn cmp(&self, other: &Self) -> Ordering {
        if self.text == other.text { Ordering::Equal } else { self.form().cmp(other.form()) }
    }
}

/// As the text alone, which is how records were written before there was this type.
impl Serialize for Container {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for Container {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn contains(outer: &str, inner: &str) -> Option<bool> {
        Container::named(outer).unwrap().contains(&Container::new(inner))
    }

    #[test]
    fn a_dn_is_at_or_below_its_container_however_both_are_spelled() {
        assert_eq!(contains("OU=Staff,DC=acme,DC=com", "CN=Jane,ou = staff , dc=ACME,dc=com"), Some(true));
        assert_eq!(contains("OU=Staff,DC=acme,DC=com", "OU=Staff,DC=acme,DC=com"), Some(true));
        assert_eq!(contains("OU=Sales  Team,DC=acme", "CN=Jane,OU=sales team,DC=acme"), Some(true));
        assert_eq!(contains("OU=Büro,DC=acme", "CN=Jane,2.5.4.11=\"Bu\u{308}ro\",DC=acme"), Some(true));
        assert_eq!(contains("organizationalUnitName=A\\, B,DC=acme", "CN=Jane,OU=A\\2C B;DC=acme"), Some(true));
        assert_eq!(contains("OU=A+L=Berlin,DC=acme", "CN=Jane,l=berlin+ou=a,DC=acme"), Some(true));
    }

    #[test]
    fn a_dn_is_compared_part_by_part_and_never_as_text() {
        assert_eq!(contains("OU=Staff,DC=acme,DC=com", "CN=Jane,OU=Old Staff,DC=acme,DC=com"), Some(false));
        assert_eq!(contains("OU=Staff,DC=acme", r"CN=Jane\,OU=Staff,DC=acme"), Some(false));
        assert_eq!(contains("DC=acme,DC=com", "CN=Jane,DC=notacme,DC=com"), Some(false));
    }

    #[test]
    fn a_path_contains_what_is_below_it_and_not_what_only_begins_alike() {
        assert_eq!(contains("/Staff", "/staff/Berlin"), Some(true));
        assert_eq!(contains("/Büro/", "/BU\u{308}RO"), Some(true));
        assert_eq!(contains("/Staff", "/Staffing"), Some(false));
        assert_eq!(contains("/", "/anything"), Some(true));
    }

    #[test]
    fn containers_of_two_kinds_cannot_be_compared() {
        assert_eq!(contains("/Staff", "OU=Staff,DC=acme"), None);
        assert_eq!(contains("OU=Staff,DC=acme", "Staff"), None);
        assert_eq!(contains("/Staff", ""), None);
    }

    #[test]
    fn what_is_neither_a_path_nor_a_dn_is_refused_with_the_reason() {
        let refused = |text: &str| Container::named(text).unwrap_err().to_string();
        assert_eq!(refused(" "), "it is empty");
        assert_eq!(refused("Staff"), "a part of it has no \"=\", at character 1");
        assert_eq!(refused("OU=Staff,,DC=acme"), "a part of it is empty, at character 10");
        assert_eq!(refused("/Staff//Berlin"), "a part of the path is empty");
    }

    #[test]
    fn two_spellings_are_one_container_and_each_is_shown_as_it_is_spelled() {
        for (one, other) in [
            ("OU=Büro,DC=acme", "organizationalUnitName=bu\u{308}ro, dc=Acme"),
            ("/Sales/Berlin", "/sales/BERLIN/"),
            ("Berlin/Finance", "berlin/finance "),
            ("OU=a,,DC=b", "ou=A,,dc=b"),
        ] {
            let (one, other) = (Container::new(one), Container::new(other));
            assert_eq!(one, other);
            assert_ne!(one.to_string(), other.to_string());
            assert_eq!(BTreeSet::from([one, other]).len(), 1);
        }
        assert_ne!(Container::new("OU=a,DC=b"), Container::new("/a"));
    }

    #[test]
    fn the_container_of_an_entry_is_spelled_as_in_its_name() {
        let above = |text: &str| Container::new(text).above().map(|above| above.to_string());
        assert_eq!(above("uid=a, OU=Bu\u{308}ro,DC=Acme").as_deref(), Some("OU=Bu\u{308}ro,DC=Acme"));
        assert_eq!((above("dc=corp"), above("/Sales/Berlin"), above("Berlin")), (None, None, None));
    }

    #[test]
    fn it_is_stored_as_the_text_that_was_stored_before_there_was_this_type() {
        for text in ["uid=a, OU=Bu\u{308}ro,DC=Acme", "/Sales", "", " odd "] {
            let bytes = postcard::to_stdvec(&Some(text.to_owned())).unwrap();
            assert_eq!(postcard::to_stdvec(&Some(Container::new(text))).unwrap(), bytes);
            let read: Option<Container> = postcard::from_bytes(&bytes).unwrap();
            assert_eq!(read.unwrap().as_str(), text);
            assert_eq!(serde_json::to_value(Container::new(text)).unwrap(), serde_json::json!(text));
        }
    }
}
