//! Certificates: the proof that a read was complete.
//!
//! A connector drafts one while it reads and gets it certified only when every collection that it announced has
//! ended as its protocol says that a collection ends. Without a certificate nothing that is absent is absent.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{DigestError, ReadError, digest};

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
    #[serde(default)]
    scopes: Vec<String>,
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

    /// What the directory had granted to our sign-in, where it says so: OAuth scopes, application roles.
    #[must_use]
    pub fn scopes(&self) -> &[String] {
        &self.scopes
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
    ///
    /// # Errors
    ///
    /// If it cannot be written down.
    pub fn id(&self) -> Result<String, DigestError> {
        digest(self)
    }
}

/// A certificate in the making.
#[derive(Debug)]
pub struct CertificateDraft {
    source: Source,
    scopes: Vec<String>,
    announced: Vec<&'static str>,
    collections: Vec<Collection>,
    exceptions: Vec<String>,
    started: Timestamp,
}

impl CertificateDraft {
    /// Opens a draft and announces the names of the collections that must all end before it can be certified.
    #[must_use]
    pub fn new(source: Source, announced: &[&'static str], started: Timestamp) -> Self {
        let announced = announced.to_vec();
        Self { source, scopes: Vec::new(), announced, collections: Vec::new(), exceptions: Vec::new(), started }
    }

    /// Records what the directory has granted to our sign-in.
    pub fn granted(&mut self, scopes: impl IntoIterator<Item = String>) {
        self.scopes.extend(scopes);
        self.scopes.sort();
        self.scopes.dedup();
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
            scopes: self.scopes,
            collections: self.collections,
            exceptions: self.exceptions,
            started: self.started,
            ended,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft() -> CertificateDraft {
        let source = Source {
            connector: "ldap".to_owned(),
            server: "ldaps://dc.acme.com".to_owned(),
            identity: "CN=rollcall".to_owned(),
        };
        CertificateDraft::new(source, &["users", "groups"], Timestamp::UNIX_EPOCH)
    }

    fn collection(name: &str, entries: u64, announced: Option<u64>) -> Collection {
        Collection {
            name: name.to_owned(),
            query: "(objectClass=person)".to_owned(),
            pages: 1,
            entries,
            announced,
            end: "result code 0 and an empty paging cookie".to_owned(),
        }
    }

    fn certify(draft: CertificateDraft) -> Result<Certificate, String> {
        draft.certify(Timestamp::UNIX_EPOCH).map_err(|error| error.to_string())
    }

    #[test]
    fn a_read_that_ended_in_every_collection_is_certified() {
        let mut draft = draft();
        draft.completed(collection("users", 3, Some(3)));
        draft.completed(collection("users", 2, None));
        draft.completed(collection("groups", 0, None));
        draft.exception("ou=secret is out of reach by configuration");
        let certificate = certify(draft).unwrap();
        assert_eq!((certificate.entries_of("users"), certificate.entries_of("groups")), (5, 0));
        assert_eq!(certificate.exceptions(), ["ou=secret is out of reach by configuration"]);
    }

    #[test]
    fn a_collection_that_was_announced_and_did_not_end_is_an_incomplete_read() {
        let mut draft = draft();
        draft.completed(collection("users", 3, None));
        assert_eq!(
            certify(draft).unwrap_err(),
            "the read of groups is incomplete: the read ended before this collection did. Nothing was changed"
        );
    }

    #[test]
    fn another_count_than_the_servers_own_is_an_incomplete_read() {
        for sent in [2, 4] {
            let mut draft = draft();
            draft.completed(collection("users", sent, Some(3)));
            draft.completed(collection("groups", 0, None));
            let error = certify(draft).unwrap_err();
            assert!(error.contains(&format!("the server announced 3 entries and sent {sent}")), "{error}");
        }
    }

    #[test]
    fn a_certificates_name_is_stable_and_changes_with_what_it_says() {
        let of = |entries| {
            let mut draft = draft();
            draft.completed(collection("users", entries, None));
            draft.completed(collection("groups", 0, None));
            certify(draft).unwrap()
        };
        assert_eq!(of(1).id().unwrap(), of(1).id().unwrap());
        assert_ne!(of(1).id().unwrap(), of(2).id().unwrap());
        assert_eq!(of(1).id().unwrap().len(), 32);
    }

    #[test]
    fn a_certificate_survives_both_forms_in_which_it_is_kept() {
        let mut draft = draft();
        draft.completed(collection("users", 1, Some(1)));
        draft.completed(collection("groups", 0, None));
        let certificate = certify(draft).unwrap();
        let json = serde_json::to_string(&certificate).unwrap();
        assert_eq!(serde_json::from_str::<Certificate>(&json).unwrap(), certificate);
        let bytes = postcard::to_stdvec(&certificate).unwrap();
        assert_eq!(postcard::from_bytes::<Certificate>(&bytes).unwrap(), certificate);
    }
}
