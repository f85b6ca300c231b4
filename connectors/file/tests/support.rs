//! A folder with files, and a connector that reads them.

use std::path::{Path, PathBuf};

use rollcall_file::{FileSettings, connector};
use rollcall_kit::{Certificate, Connector, DirectoryGroup, DirectoryId, DirectoryUser, Entries, Entry, ReadError};
use tempfile::TempDir;

/// A folder that goes away with the test.
pub(crate) struct Folder(TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, content).expect("a written file");
        path
    }

    /// The text of an error with the folder's name, which changes from run to run, left out.
    pub(crate) fn said(&self, error: &ReadError) -> String {
        error.to_string().replace(&format!("{}/", self.0.path().display()), "")
    }
}

/// All that a read handed over, if it ended in a certificate.
#[derive(Debug)]
pub(crate) struct Reading {
    pub(crate) users: Vec<DirectoryUser>,
    pub(crate) groups: Vec<DirectoryGroup>,
    pub(crate) unreadable: Vec<rollcall_kit::Unreadable>,
    pub(crate) certificate: Certificate,
}

impl Reading {
    pub(crate) fn user(&self, id: &str) -> &DirectoryUser {
        self.users.iter().find(|user| user.id.as_str() == id).unwrap_or_else(|| panic!("no user {id} was read"))
    }

    pub(crate) fn group(&self, name: &str) -> &DirectoryGroup {
        self.groups.iter().find(|group| group.name == name).unwrap_or_else(|| panic!("no group {name} was read"))
    }
}

pub(crate) fn id(text: &str) -> DirectoryId {
    DirectoryId::new(text).expect("an id")
}

pub(crate) fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap().block_on(future)
}

/// Reads everything.
pub(crate) fn read(settings: &FileSettings) -> Result<Reading, ReadError> {
    let connector = connector(settings.clone())?;
    let (entries, mut received) = Entries::channel(4);
    wait(async move {
        let reader = tokio::spawn(async move { connector.read(entries).await });
        let (mut users, mut groups, mut unreadable) = (Vec::new(), Vec::new(), Vec::new());
        while let Some(entry) = received.recv().await {
            match entry {
                Entry::User(user) => {
                    assert!(groups.is_empty(), "users come before groups");
                    users.push(*user);
                }
                Entry::Group(group) => groups.push(*group),
                Entry::Unreadable(record) => unreadable.push(record),
            }
        }
        let certificate = reader.await.expect("the reader does not panic")?;
        Ok(Reading { users, groups, unreadable, certificate })
    })
}

/// Reads one file that must be refused, and says why.
pub(crate) fn refused(folder: &Folder, settings: &FileSettings) -> String {
    folder.said(&read(settings).expect_err("this read must not be certified"))
}
