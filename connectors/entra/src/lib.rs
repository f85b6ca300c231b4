//! Reads users and groups from Microsoft Entra ID, through Microsoft Graph v1.0.
//!
//! Graph answers 200 with less than there is in ways of its own: a property whose name it does not know is left out, a
//! member whom the app may not read comes with an id only, a list reads replicas that lag behind, and a page can be empty
//! and still not be the last. So the names of properties are compared with a list before they are asked for (`select`), a
//! row without what decides whether somebody may work voids the read (`read`), the permissions in the token are compared
//! with what is configured (`permissions`), and a list ends only where there is no next link (`api`).
//!
//! | what | where |
//! |---|---|
//! | the settings, and what each of them means | [`settings`], `cloud` |
//! | how we prove who we are | `sign_in`, `managed`, `permissions` |
//! | how Graph is spoken to: pages, batches, limits, errors | `api`, `batch`, `limits`, `refusal` |
//! | who is within reach: everybody, those assigned, groups' members | `reach`, `members` |
//! | the full read, groups and their members | `read`, `groups` |
//! | what changed since the last read | `changes` |
//! | from Graph's words to ours | `person`, `select` |
//! | looking up by id, twenty at once, and by address | `lookup` |
//! | what `check` says | `check` |
//!
//! What to set up in Entra ID, which property each attribute comes from and what a status means:
//! `docs/connectors/entra.md`.

mod api;
mod batch;
mod changes;
mod check;
mod cloud;
mod expiry;
mod groups;
mod kind;
mod limits;
mod lookup;
mod managed;
mod members;
mod permissions;
mod person;
mod reach;
mod read;
mod refusal;
mod select;
pub mod settings;
mod sign_in;

use std::time::Duration;

use async_trait::async_trait;
use rollcall_kit::rest::{Provider, RestConnector};
use rollcall_kit::{Capabilities, Certificate, Changes, CheckFinding, Cursor, Entries, HumanDuration, ReadError};

use crate::api::Api;
pub use crate::cloud::Cloud;
use crate::lookup::Desk;
pub use crate::settings::{EntraSettings, GroupKind, GroupSettings, Guests, ManagedIdentitySettings};

/// An Entra ID tenant.
pub type EntraConnector = RestConnector<Entra>;

/// Makes a connector from its settings.
///
/// # Errors
///
/// [`ReadError::Settings`], naming the setting and what to write instead. Nothing is sent.
pub fn connector(settings: EntraSettings) -> Result<EntraConnector, ReadError> {
    RestConnector::new(settings)
}

/// Microsoft Entra ID as a provider.
pub enum Entra {}

#[async_trait]
impl Provider for Entra {
    type Settings = EntraSettings;
    type Api = Api;
    type Desk = Desk;

    fn api(settings: &EntraSettings, first_pause: Option<Duration>) -> Result<Api, ReadError> {
        Api::new(settings, first_pause)
    }

    fn capabilities(settings: &EntraSettings) -> Capabilities {
        Capabilities {
            groups: settings.groups.is_some(),
            incremental: changes::possible(settings),
            shows_inactive: true,
            assignment: settings.assigned_to.is_some(),
            leaves_names: false,
        }
    }

    fn read_timeout(settings: &EntraSettings) -> HumanDuration {
        settings.read_timeout
    }

    async fn check(settings: &EntraSettings, api: &Api) -> Result<Vec<CheckFinding>, ReadError> {
        check::check(settings, api).await
    }

    async fn read(settings: &EntraSettings, api: &Api, entries: Entries) -> Result<Certificate, ReadError> {
        read::read(settings, api, entries).await
    }

    async fn cursor(settings: &EntraSettings, api: &Api) -> Result<Option<Cursor>, ReadError> {
        changes::cursor(settings, api).await
    }

    async fn read_changes(
        settings: &EntraSettings,
        api: &Api,
        since: &Cursor,
        entries: Entries,
    ) -> Result<Option<Changes>, ReadError> {
        changes::read(settings, api, since, entries).await
    }

    async fn secret_ends(settings: &EntraSettings, api: &Api) -> Vec<(String, jiff::Timestamp)> {
        expiry::secret_ends(settings, api).await
    }
}
