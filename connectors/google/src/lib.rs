//! Reads users and groups from Google Workspace, through the Directory API of the Admin SDK.
//!
//! Google answers 200 with less than there is: an empty list lacks its key, and so does a broken answer; a list asked for
//! by `domain` leaves out the other domains; fields that are not named do not come. So an answer is a page only if it says
//! of what kind it is, one that holds nothing is asked for twice (`api`), the number of members that a group says it has
//! is compared with those it shows (`members`), and a user who comes without `suspended` is neither let in nor put out
//! (`person`).
//!
//! | what | where |
//! |---|---|
//! | the settings, and what each of them means | [`settings`] |
//! | how we prove who we are, with a key file or without | `sign_in`, `key_file`, `keyless` |
//! | how the Admin SDK is spoken to: pages, quotas, errors | `api`, `limits`, `refusal` |
//! | who is within reach: the customer, a domain, units, groups' members | `reach`, `asking` |
//! | the full read, groups, their members, and groups within groups | `read`, `groups`, `members` |
//! | from Google's words to ours | `person` |
//! | looking up by id and by address | `lookup` |
//! | what changed since, by etags or by the audit logs | `changes`, `marks`, `log` |
//! | what `check` says | `check` |
//!
//! What to set up at Google, which field each attribute comes from, what a status means and how groups are read:
//! `docs/connectors/google.md`.

mod api;
mod asking;
mod changes;
mod check;
mod groups;
mod key_file;
mod keyless;
mod kind;
mod limits;
mod log;
mod lookup;
mod marks;
mod members;
mod person;
mod reach;
mod read;
mod refusal;
pub mod settings;
mod sign_in;

use std::time::Duration;

use async_trait::async_trait;
use rollcall_kit::rest::{Provider, RestConnector};
use rollcall_kit::{Capabilities, Certificate, Changes, CheckFinding, Cursor, Entries, HumanDuration, ReadError};

use crate::api::Api;
use crate::lookup::Desk;
pub use crate::settings::{Called, GoogleSettings, GroupSettings, KeylessSettings};

/// A Google Workspace customer.
pub type GoogleConnector = RestConnector<Google>;

/// Makes a connector from its settings.
///
/// # Errors
///
/// [`ReadError::Settings`], naming the setting and what to write instead. Nothing is sent.
pub fn connector(settings: GoogleSettings) -> Result<GoogleConnector, ReadError> {
    RestConnector::new(settings)
}

/// Google Workspace as a provider.
pub enum Google {}

#[async_trait]
impl Provider for Google {
    type Settings = GoogleSettings;
    type Api = Api;
    type Desk = Desk;

    fn api(settings: &GoogleSettings, first_pause: Option<Duration>) -> Result<Api, ReadError> {
        Api::new(settings, first_pause)
    }

    fn capabilities(settings: &GoogleSettings) -> Capabilities {
        Capabilities {
            groups: settings.groups.is_some(),
            incremental: true,
            shows_inactive: true,
            assignment: false,
            // A deletion takes all memberships along.
            leaves_names: false,
        }
    }

    fn read_timeout(settings: &GoogleSettings) -> HumanDuration {
        settings.read_timeout
    }

    async fn check(settings: &GoogleSettings, api: &Api) -> Result<Vec<CheckFinding>, ReadError> {
        check::check(settings, api).await
    }

    async fn read(settings: &GoogleSettings, api: &Api, entries: Entries) -> Result<Certificate, ReadError> {
        read::read(settings, api, entries).await
    }

    async fn cursor(settings: &GoogleSettings, api: &Api) -> Result<Option<Cursor>, ReadError> {
        changes::cursor(settings, api).await
    }

    async fn read_changes(
        settings: &GoogleSettings,
        api: &Api,
        since: &Cursor,
        entries: Entries,
    ) -> Result<Option<Changes>, ReadError> {
        changes::read(settings, api, since, entries).await
    }
}
