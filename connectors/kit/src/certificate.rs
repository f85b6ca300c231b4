//! Certificates: the proof that a read was complete.
//!
//! A connector drafts one while it reads and gets it certified only when every collection that it announced has
//! ended as its protocol says that a collection ends. Without a certificate nothing that is absent is absent.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ReadError;

/// Who answered, and as whom we asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// The kind of connector, such as `ldap`.
    pub connector: String,
    /// The server that answered: a URL without credentials, or a file.
    pub server: String,
    /// The identity that we read as, as far as it is no secret: a bind DN, a client id.
    pub identity: String,
}

/// One collection that was read to its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Collection {
    /// What it is: `users`, `groups`, `members`.
    pub name: String,
    /// What was asked: a base and filter, an endpoint and query.
    pub query: String,
    /// Pages fetched.
    pub pages: u64,
    /// Entries received.
    pub entries: u64,
    /// The server's own count, where it gives one that can be compared.
    pub announced: Option<u64>,
    /// What proved the end: "result code 0 and an empty paging cookie".
    pub end: String,
}

/// The proof that a read was complete in every collection. Made only by [`CertificateDraft::certify`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certificate {
    source: Source,
    collections: Vec<Collection>,
    exceptions: Vec<String>,
    started: Timestamp,
    ended: Timestamp,
}

impl Certificate {
    /// Who answered.
    #[must_use]
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// What was read, in the order in which it was read.
    #[must_use]
    pub fn collections(&self) -> &[Collection] {
        &self.collections
    }

    /// Named exceptions: parts that the administrator declared out of reach, records that lead nowhere.
    #[must_use]
    pub fn exceptions(&self) -> &[String] {
        &self.exceptions
    }

    /// When the read began.
    #[must_use]
    pub fn started(&self) -> Timestamp {
        self.started
    }

    /// When the read ended.
    #[must_use]
    pub fn ended(&self) -> Timestamp {
        self.ended
    }

    /// Entries over all collections of this name.
    #[must_use]
    pub fn entries_of(&self, name: &str) -> u64 {
        self.collections.iter().filter(|c| c.name == name).map(|c| c.entries).sum()
    }

    /// A short, stable name of this certificate: a hash of all that it says.
    #[must_use]
    pub fn id(&self) -> String {
        let text = serde_json::to_vec(self).unwrap_or_default();
        blake3::hash(&text).to_hex()[..16].to_owned()
    }
}

/// A certificate in the making.
#[derive(Debug)]
pub struct CertificateDraft {
    source: Source,
    announced: Vec<&'static str>,
    collections: Vec<Collection>,
    exceptions: Vec<String>,
    started: Timestamp,
}

impl CertificateDraft {
    /// Opens a draft and announces the names of the collections that must all end before it can be certified.
    #[must_use]
    pub fn new(source: Source, announced: &[&'static str], started: Timestamp) -> Self {
        Self { source, announced: announced.to_vec(), collections: Vec::new(), exceptions: Vec::new(), started }
    }

    /// Records a collection that was read to its end.
    pub fn completed(&mut self, collection: Collection) {
        self.collections.push(collection);
    }

    /// Records an exception, in a sentence.
    pub fn exception(&mut self, sentence: impl Into<String>) {
        self.exceptions.push(sentence.into());
    }

    /// Certifies the read.
    ///
    /// # Errors
    ///
    /// [`ReadError::Incomplete`] if an announced collection did not end, or ended with another number of entries
    /// than the server itself announced.
    pub fn certify(self, ended: Timestamp) -> Result<Certificate, ReadError> {
        for name in &self.announced {
            if !self.collections.iter().any(|collection| collection.name == *name) {
                return Err(ReadError::incomplete(*name, "the read ended before this collection did"));
            }
        }
        for collection in &self.collections {
            if let Some(announced) = collection.announced.filter(|count| *count != collection.entries) {
                return Err(ReadError::incomplete(
                    &collection.name,
                    format!("the server announced {announced} entries and sent {}", collection.entries),
                ));
            }
        }
        Ok(Certificate {
            source: self.source,
            collections: self.collections,
            exceptions: self.exceptions,
            started: self.started,
            ended,
        })
    }
}
