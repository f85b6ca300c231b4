//! The connector: one walk over the files, for reads, look-ups and checks alike.
//!
//! A look-up walks the files again from the first byte to the last. It costs a read of the file, and it means that
//! "gone" is never said on the strength of a file that is not whole.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use jiff::Timestamp;
use rollcall_kit::settings::refuse;
use rollcall_kit::{
    Address, Capabilities, Certificate, CertificateDraft, CheckFinding, Connector, Container, DirectoryId,
    DirectoryUser, Entries, Entry, LookUp, ReadError, Source,
};
use tokio::runtime::Handle;

use crate::findings::Findings;
use crate::settings::{FileSettings, Format};
use crate::walk::{Sink, Walked};
use crate::{json, ldif, table};

/// Reads a directory from files.
#[derive(Clone, Debug)]
pub struct FileConnector {
    settings: FileSettings,
    format: Format,
}

/// A connector for these settings. No file is opened yet.
///
/// # Errors
///
/// [`ReadError::Settings`] if the settings contradict each other.
pub fn connector(settings: FileSettings) -> Result<FileConnector, ReadError> {
    refuse(&settings.problems())?;
    let format = settings.told_format()?;
    Ok(FileConnector { settings, format })
}

impl FileConnector {
    /// Whether these files can hold groups. A JSON document and an LDIF file always can.
    fn has_groups(&self) -> bool {
        self.format != Format::Csv || self.settings.groups.is_some()
    }

    /// Walks the files from the first byte to the last. Blocking.
    fn walk(&self, sink: Sink<'_>) -> Result<(Certificate, Walked), ReadError> {
        let announced: &[&'static str] = if self.has_groups() { &["users", "groups"] } else { &["users"] };
        let source = Source {
            connector: "file".to_owned(),
            server: self.settings.users.display().to_string(),
            identity: "the user that Rollcall runs as".to_owned(),
        };
        let mut draft = CertificateDraft::new(source, announced, Timestamp::now());
        let walked = match self.format {
            Format::Ldif => ldif::walk(&self.settings, Timestamp::now(), sink),
            Format::Json => json::walk(&self.settings, sink),
            Format::Csv => table::walk(&self.settings, sink),
        }?;
        for collection in &walked.collections {
            if collection.name == "users" && collection.entries == 0 {
                return Err(ReadError::incomplete("users", format!("{} names nobody", collection.query)));
            }
            draft.completed(collection.clone());
        }
        Ok((draft.certify(Timestamp::now())?, walked))
    }

    /// Walks on a thread that may block, and keeps of the entries what `keep` makes of them; beside them
    /// stands what was set aside.
    async fn gather<T: Send + 'static>(
        &self,
        mut keep: impl FnMut(Entry) -> Option<T> + Send + 'static,
    ) -> Result<(Vec<T>, BTreeMap<DirectoryId, String>), ReadError> {
        let connector = self.clone();
        joined(tokio::task::spawn_blocking(move || {
            let mut kept = Vec::new();
            let (_, walked) = connector.walk(&mut |entry| {
                kept.extend(keep(entry));
                Ok(())
            })?;
            Ok((kept, walked.set_aside))
        }))
        .await
    }
}

/// Entries that are handed over together.
#[derive(Default)]
struct Batch {
    entries: Vec<Entry>,
    weight: usize,
}

impl Batch {
    /// How much is handed over together, in users; so many members of a group count as much as a user.
    const FULL: usize = 128;
    const MEMBERS: usize = 8;

    /// Adds an entry, and gives the batch away if that made it full.
    fn add(&mut self, entry: Entry) -> Option<Vec<Entry>> {
        self.weight += match &entry {
            Entry::Group(group) => 1 + group.members.len() / Self::MEMBERS,
            Entry::User(_) | Entry::Unreadable(_) => 1,
        };
        self.entries.push(entry);
        (self.weight >= Self::FULL).then(|| self.rest())
    }

    /// What was added since the batch was given away.
    fn rest(&mut self) -> Vec<Entry> {
        self.weight = 0;
        std::mem::take(&mut self.entries)
    }
}

/// The result of a blocking walk. One that ended without a result proves nothing.
async fn joined<T>(walk: tokio::task::JoinHandle<Result<T, ReadError>>) -> Result<T, ReadError> {
    walk.await.map_err(|_| ReadError::Cancelled)?
}

#[async_trait]
impl Connector for FileConnector {
    fn kind(&self) -> &'static str {
        "file"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            groups: self.has_groups(),
            incremental: false,
            shows_inactive: true,
            assignment: self.format == Format::Json,
            leaves_names: self.settings.leaves_names,
        }
    }

    async fn check(&self) -> Result<Vec<CheckFinding>, ReadError> {
        let connector = self.clone();
        let walk = tokio::task::spawn_blocking(move || {
            let mut findings = Findings::default();
            let walked = connector.walk(&mut |entry| {
                findings.count(&entry);
                Ok(())
            });
            match walked {
                Ok((certificate, walked)) => Ok(findings.sentences(&certificate, walked.remarks)),
                Err(error @ (ReadError::Incomplete { .. } | ReadError::Settings(_))) => {
                    Ok(vec![CheckFinding::problem(error.to_string())])
                }
                Err(error) => Err(error),
            }
        });
        joined(walk).await
    }

    async fn read(&self, entries: Entries) -> Result<Certificate, ReadError> {
        let connector = self.clone();
        let runtime = Handle::current();
        let walk = tokio::task::spawn_blocking(move || {
            // The channel is bounded: this waits, and so the file is read no faster than it is consumed.
            let mut batch = Batch::default();
            let mut send = |batch: Vec<Entry>| runtime.block_on(entries.send_all(batch));
            let (certificate, _) = connector.walk(&mut |entry| batch.add(entry).map_or(Ok(()), &mut send))?;
            send(batch.rest())?;
            Ok(certificate)
        });
        joined(walk).await
    }

    async fn look_up(&self, id: &DirectoryId) -> Result<LookUp, ReadError> {
        let mut answers = self.look_up_many(std::slice::from_ref(id)).await?;
        answers.pop().ok_or(ReadError::Cancelled)
    }

    /// One walk answers for everybody.
    fn look_up_batch(&self) -> usize {
        usize::MAX
    }

    async fn look_up_many(&self, ids: &[DirectoryId]) -> Result<Vec<LookUp>, ReadError> {
        let wanted: BTreeSet<DirectoryId> = ids.iter().cloned().collect();
        let (found, set_aside) = self
            .gather(move |entry| match entry {
                Entry::User(user) if wanted.contains(&user.id) => Some((user.id.clone(), Ok(user))),
                Entry::Unreadable(record) if wanted.contains(&record.id) => Some((record.id, Err(record.problem))),
                _ => None,
            })
            .await?;
        let found: BTreeMap<_, _> = found.into_iter().collect();
        let answer = |id: &DirectoryId| match (found.get(id), set_aside.get(id)) {
            (Some(Ok(user)), _) => Ok(LookUp::Found(user.clone())),
            // They are there; what they are cannot be told.
            (Some(Err(why)), _) | (None, Some(why)) => Err(ReadError::incomplete("users", why.clone())),
            (None, None) => Ok(LookUp::Gone),
        };
        ids.iter().map(answer).collect()
    }

    async fn look_up_address(&self, address: &Address) -> Result<Vec<DirectoryUser>, ReadError> {
        let wanted = address.clone();
        self.gather(move |entry| match entry {
            Entry::User(user) if user.address().as_ref() == Some(&wanted) => Some(*user),
            _ => None,
        })
        .await
        .map(|(users, _)| users)
    }

    async fn look_up_group(&self, id: &DirectoryId) -> Result<Option<String>, ReadError> {
        let wanted = id.clone();
        let (mut found, _) = self
            .gather(move |entry| match entry {
                Entry::Group(group) if group.id == wanted => Some(group.name),
                _ => None,
            })
            .await?;
        Ok(found.pop())
    }

    fn container(&self, place: &Container) -> Option<Container> {
        match self.format {
            // The place of an LDIF record is its DN; that of the others is the unit that it belongs to.
            Format::Ldif => place.above(),
            Format::Json | Format::Csv => Some(place.clone()),
        }
    }
}
