//! Reads users and groups from Okta.
//!
//! Okta answers 200 with less than there is: to an admin role that is too narrow, to a token with fewer scopes than were
//! asked for, in the plain list of users (which leaves out deactivated ones), in an application's list (which loses them).
//! So a read here asks for the deactivated in a list of their own, walks each list to an answer without a next link
//! (`api`), and takes an application or group that cannot be found for an error and not for an empty one (`reach`).
//!
//! | what | where |
//! |---|---|
//! | the settings, and what each of them means | [`settings`] |
//! | how Okta is spoken to: token, pages, errors | `api`, `refusal` |
//! | its limits, learnt from its headers | `limits` |
//! | who is within reach: everybody, an application's users, groups' members | `reach` |
//! | the full read, groups and their members | `read`, `groups` |
//! | from Okta's words to ours | `person`, `lifecycle` |
//! | looking up by id and by address | `lookup` |
//! | what changed since | `changes` |
//! | what `check` says | `check` |
//!
//! What to set up at Okta, which of its fields each attribute comes from and what a status means: `docs/connectors/okta.md`.

mod api;
mod changes;
mod check;
mod groups;
mod kind;
mod lifecycle;
mod limits;
mod lookup;
mod person;
mod reach;
mod read;
mod refusal;
pub mod settings;

use std::time::Duration;

use async_trait::async_trait;
use rollcall_kit::rest::{Provider, RestConnector};
use rollcall_kit::{Capabilities, Certificate, Changes, CheckFinding, Cursor, Entries, HumanDuration, ReadError};

use crate::api::Api;
pub use crate::lifecycle::Reading;
use crate::lookup::Desk;
pub use crate::settings::{GroupSettings, OktaSettings};

/// An Okta organisation.
pub type OktaConnector = RestConnector<Okta>;

/// Makes a connector from its settings.
///
/// # Errors
///
/// [`ReadError::Settings`], naming the setting and what to write instead. Nothing is sent.
pub fn connector(settings: OktaSettings) -> Result<OktaConnector, ReadError> {
    RestConnector::new(settings)
}

/// Okta as a provider.
pub enum Okta {}

#[async_trait]
impl Provider for Okta {
    type Settings = OktaSettings;
    type Api = Api;
    type Desk = Desk;

    fn api(settings: &OktaSettings, first_pause: Option<Duration>) -> Result<Api, ReadError> {
        Api::new(settings, first_pause)
    }

    fn capabilities(settings: &OktaSettings) -> Capabilities {
        Capabilities {
            groups: settings.groups.is_some(),
            incremental: true,
            shows_inactive: true,
            assignment: settings.assigned_to.is_some(),
            // A deletion takes all memberships along.
            leaves_names: false,
        }
    }

    fn read_timeout(settings: &OktaSettings) -> HumanDuration {
        settings.read_timeout
    }

    async fn check(settings: &OktaSettings, api: &Api) -> Result<Vec<CheckFinding>, ReadError> {
        check::check(settings, api).await
    }

    async fn read(settings: &OktaSettings, api: &Api, entries: Entries) -> Result<Certificate, ReadError> {
        read::read(settings, api, entries).await
    }

    async fn cursor(settings: &OktaSettings, api: &Api) -> Result<Option<Cursor>, ReadError> {
        changes::cursor(settings, api).await.map(Some)
    }

    async fn read_changes(
        settings: &OktaSettings,
        api: &Api,
        since: &Cursor,
        entries: Entries,
    ) -> Result<Option<Changes>, ReadError> {
        changes::read(settings, api, since, entries).await
    }
}
