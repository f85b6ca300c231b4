//! Reads users and groups from LDAP servers and Active Directory.
//!
//! The whole difficulty is that LDAP servers say "success" and send less: after a size limit, for want of a right, when a
//! group is large, when something between strips the paging. So a read here is complete only by proof (`search`), names
//! are compared only after parsing (`dn`), large groups are fetched to their end (`range`), what was hidden is unknown
//! rather than guessed (`active`), and "gone" is said only by a server that has shown that it can find (`lookup`).
//!
//! Which attribute of the directory each of ours comes from is listed in [`flavour`].

mod active;
mod check;
mod connect;
mod dn;
mod entry;
pub mod flavour;
mod group;
mod ids;
mod lookup;
mod members;
mod person;
mod range;
mod read;
mod referral;
mod results;
mod root;
mod search;
pub mod settings;
mod starttls;
mod tls;

use std::time::Duration;

use async_trait::async_trait;
use rollcall_kit::{
    Address, Capabilities, Certificate, CheckFinding, Connector, DirectoryId, DirectoryUser, Entries, LookUp, ReadError,
};
use tokio::sync::Mutex;

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
    settings.validate()?;
    Ok(LdapConnector { settings, desk: Mutex::new(None) })
}

/// Runs a look-up at the desk. A desk that failed is not used again, and one that was closed meanwhile is opened anew.
macro_rules! at_the_desk {
    ($self:ident, $desk:ident => $look_up:expr) => {{
        let mut kept = $self.desk.lock().await;
        let is_new = kept.is_none();
        let mut desk = match kept.take() {
            Some(desk) => desk,
            None => Desk::open(&$self.settings).await?,
        };
        let $desk = &mut desk;
        let mut answer = $look_up.await;
        if answer.is_err() && !is_new {
            // Servers and firewalls close idle connections, often without a word.
            desk = Desk::open(&$self.settings).await?;
            let $desk = &mut desk;
            answer = $look_up.await;
        }
        if answer.is_ok() {
            *kept = Some(desk);
        }
        answer
    }};
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
        }
    }

    async fn check(&self) -> Result<Vec<CheckFinding>, ReadError> {
        check::check(&self.settings).await
    }

    async fn read(&self, entries: Entries) -> Result<Certificate, ReadError> {
        let patience = Duration::from_secs(self.settings.timeouts.read);
        tokio::time::timeout(patience, read::read(&self.settings, entries)).await.unwrap_or_else(|_| {
            Err(ReadError::incomplete(
                "directory",
                format!("it took longer than {} seconds (timeouts.read)", patience.as_secs()),
            ))
        })
    }

    async fn look_up(&self, id: &DirectoryId) -> Result<LookUp, ReadError> {
        at_the_desk!(self, desk => desk.user(&self.settings, id))
    }

    async fn look_up_address(&self, address: &Address) -> Result<Vec<DirectoryUser>, ReadError> {
        at_the_desk!(self, desk => desk.address(&self.settings, address))
    }

    async fn look_up_group(&self, id: &DirectoryId) -> Result<Option<String>, ReadError> {
        at_the_desk!(self, desk => desk.group(&self.settings, id))
    }
}
