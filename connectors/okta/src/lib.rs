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
//! # What to set up at Okta
//!
//! 1. Applications, Create App Integration, API Services. Its client id is `client_id`.
//! 2. Client authentication: public key / private key. Okta makes a key or takes the public half of yours; the private
//!    half, PEM or JWK, is what `private_key` points to. "Require DPoP" may stay switched on.
//! 3. Okta API Scopes: `okta.users.read`; `okta.groups.read` for groups and `members_of`; `okta.apps.read` for
//!    `assigned_to`; `okta.logs.read` for `system_log`.
//! 4. Admin roles: Read-Only Administrator, or a custom role whose resource set holds all that is to be read. A role that
//!    is narrower hides people without an error; `rollcall check` compares with the group Everyone.
//!
//! # Which of Okta's fields each attribute comes from
//!
//! | ours | Okta's `profile` |
//! |---|---|
//! | `email` | `email` |
//! | `preferred_username`, the login | `login`, which need not be an address |
//! | `name` | `displayName`, else `firstName` and `lastName` |
//! | `given_name`, `family_name` | `firstName`, `lastName` |
//! | `picture` | none: `profileUrl` is a web page |
//! | `phone_number` | `mobilePhone`, else `primaryPhone` |
//! | `locale` | `locale` (`en_US` becomes `en-US`), else `preferredLanguage` |
//! | `preferred_language` | `preferredLanguage` |
//! | `department`, `title`, `organization` | the same |
//! | `employee_number`, `employee_type`, `cost_center` | `employeeNumber`, `userType`, `costCenter` |
//! | `manager` | `manager`, else `managerId`: whatever the organisation keeps there |
//! | `emails` | `email` and `secondEmail` |
//!
//! Everything in the profile, custom attributes of every type among it, is within reach of a mapping as
//! `user.raw.profile.NAME`; beside it stand `status`, `created`, `activated`, `statusChanged`, `lastUpdated`, `type` and
//! `realmId`. With `assigned_to`, the application's own profile of the user is `user.raw.app.profile.NAME`, and their name
//! there `user.raw.app.userName`.
//!
//! # What a status means
//!
//! `ACTIVE`, `PROVISIONED`, `RECOVERY`, `PASSWORD_EXPIRED` and `LOCKED_OUT` are active; `STAGED`, `SUSPENDED` and
//! `DEPROVISIONED` are not. Any other word holds the user as they are. `statuses` overrides each of them.

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
