//! Reads users and groups from LDAP servers and Active Directory.
//!
//! The whole difficulty is that LDAP servers say "success" and send less: after a size limit, for want of a right, when a
//! group is large, when something between strips the paging. So a read here is complete only by proof (`search`), names
//! are compared only after parsing (the kit's `dn`), large groups are fetched to their end (`range`), what was hidden is
//! unknown rather than guessed (`active`), and "gone" is said only by a server that has shown that it can find (`lookup`).
//!
//! What to set up, which attribute of the directory each of ours comes from and what makes a user active:
//! `docs/connectors/ldap.md`.

mod active;
mod check;
mod connect;
pub mod dialect;
mod entry;
pub mod flavour;
#[cfg(test)]
mod foreign;
mod group;
mod ids;
mod kind;
mod lookup;
mod members;
mod person;
mod range;
mod read;
mod referral;
mod request;
mod results;
mod root;
mod search;
pub mod settings;
mod starttls;
mod template;
mod tls;

use async_trait::async_trait;
use rollcall_kit::settings::refuse;
use rollcall_kit::{
    Address, Capabilities, Certificate, CheckFinding, Connector, Container, DirectoryId, DirectoryUser, Entries,
    LookUp, ReadError,
};
use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tracing::Instrument as _;
use tracing::instrument::WithSubscriber as _;

pub use crate::active::{Absent, ActiveRule};
pub use crate::flavour::Flavour;
use crate::lookup::Desk;
pub use crate::settings::{AttributeNames, Canary, GroupSettings, LdapSettings, Timeouts, UserSettings};

/// An LDAP directory.
pub struct LdapConnector {
    settings: LdapSettings,
    /// The session of the look-ups, kept because a run may confirm many people in a row.
    desk: Mutex<Option<Desk>>,
}

/// Makes a connector from its settings.
///
/// # Errors
///
/// [`ReadError::Settings`], naming the setting and what to write instead. Nothing is sent.
pub fn connector(settings: LdapSettings) -> Result<LdapConnector, ReadError> {
    refuse(&settings.problems())?;
    Ok(LdapConnector { settings, desk: Mutex::new(None) })
}

impl LdapConnector {
    /// A desk for one look-up: the kept one, or a new one. Two look-ups at once have two.
    async fn desk(&self) -> Result<Desk, ReadError> {
        match self.desk.lock().await.take().filter(Desk::is_fresh) {
            Some(desk) => Ok(desk),
            None => Desk::open(&self.settings).await,
        }
    }

    /// Keeps the desk for the next look-up, unless this one failed: what made it fail may have ended its session.
    async fn keep<T>(&self, desk: Desk, answer: &Result<T, ReadError>) {
        if answer.is_ok() {
            *self.desk.lock().await = Some(desk);
        }
    }
}

/// Reads in a task of its own, so that entries are understood while others are taken in. The task ends when nobody waits
/// for it any more, and its panic goes on to the caller.
async fn aside(settings: LdapSettings, entries: Entries) -> Result<Certificate, ReadError> {
    let mut task = JoinSet::new();
    let reading = async move { read::read(&settings, entries).await };
    task.spawn(reading.in_current_span().with_current_subscriber());
    match task.join_next().await {
        Some(Ok(outcome)) => outcome,
        Some(Err(error)) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        Some(Err(_)) | None => Err(ReadError::Cancelled),
    }
}

#[async_trait]
impl Connector for LdapConnector {
    fn kind(&self) -> &'static str {
        "ldap"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            groups: self.settings.groups.is_some(),
            incremental: false,
            shows_inactive: true,
            assignment: false,
            leaves_names: self.settings.groups.as_ref().is_some_and(|groups| groups.leaves_names),
        }
    }

    async fn check(&self) -> Result<Vec<CheckFinding>, ReadError> {
        check::check(&self.settings).await
    }

    async fn read(&self, entries: Entries) -> Result<Certificate, ReadError> {
        let patience = self.settings.timeouts.read;
        tokio::time::timeout(patience.duration(), aside(self.settings.clone(), entries)).await.unwrap_or_else(|_| {
            Err(ReadError::incomplete("directory", format!("it took longer than {patience} (timeouts.read)")))
        })
    }

    async fn look_up(&self, id: &DirectoryId) -> Result<LookUp, ReadError> {
        let mut desk = self.desk().await?;
        let answer = desk.user(&self.settings, id).await;
        self.keep(desk, &answer).await;
        answer
    }

    /// So many conditions on an indexed attribute are no burden to a server, and far below its limit for a filter.
    fn look_up_batch(&self) -> usize {
        50
    }

    async fn look_up_many(&self, ids: &[DirectoryId]) -> Result<Vec<LookUp>, ReadError> {
        let mut desk = self.desk().await?;
        let answer = desk.users(&self.settings, ids).await;
        self.keep(desk, &answer).await;
        answer
    }

    async fn look_up_address(&self, address: &Address) -> Result<Vec<DirectoryUser>, ReadError> {
        let mut desk = self.desk().await?;
        let answer = desk.address(&self.settings, address).await;
        self.keep(desk, &answer).await;
        answer
    }

    async fn look_up_group(&self, id: &DirectoryId) -> Result<Option<String>, ReadError> {
        let mut desk = self.desk().await?;
        let answer = desk.group(&self.settings, id).await;
        self.keep(desk, &answer).await;
        answer
    }

    /// The place of an entry is its name.
    fn container(&self, place: &Container) -> Option<Container> {
        place.above()
    }

    async fn shows_container(&self, container: &Container) -> Result<bool, ReadError> {
        let mut desk = self.desk().await?;
        let answer = desk.shows(container).await;
        self.keep(desk, &answer).await;
        answer
    }
}
