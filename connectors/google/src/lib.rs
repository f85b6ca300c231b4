//! Reads users and groups from Google Workspace, through the Directory API of the Admin SDK.
//!
//! Google answers 200 with less than there is: an empty list lacks its key, and so does a broken answer; a list asked for
//! by `domain` leaves out the other domains; fields that are not named do not come. So an answer is a page only if it says
//! of what kind it is, one that holds nothing is asked for twice (`api`), the number of members that a group says it has
//! is compared with those it shows (`members`), and a user of whom it is not told whether they are suspended is neither let
//! in nor put out (`person`).
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
//! # Which of Google's fields each attribute comes from
//!
//! | ours | Google |
//! |---|---|
//! | `email`, `preferred_username`, the login | `primaryEmail` |
//! | `name` | `name.displayName`, else `name.fullName`, else the two parts |
//! | `given_name`, `family_name` | `name.givenName`, `name.familyName`; the zero-width space that stands for a missing part is none |
//! | `picture` | `thumbnailPhotoUrl`; Google may let it expire, or show it to signed-in users only |
//! | `phone_number` | of `phones` the primary one, else the first of the types `work_mobile`, `mobile`, `work`, `main`; never a private one |
//! | `locale` | of `languages` the preferred one, else the first: `languageCode` |
//! | `preferred_language` | the same, else its `customLanguage` |
//! | `department`, `title`, `organization`, `cost_center` | of `organizations` the primary one, else the first: `department`, `title`, `name`, `costCenter` |
//! | `employee_type` | its `description`, which the admin console calls type of employee |
//! | `employee_number` | of `externalIds` the one of the type `organization` |
//! | `manager` | of `relations` the one of the type `manager`: an address, and no id |
//! | `office` | of `locations` the primary one, else the first: `buildingId` |
//! | `emails` | `primaryEmail` and `aliases`, each once |
//!
//! Every field that is read is within reach of a mapping under Google's name: `user.raw.organizations`,
//! `user.raw.relations`, `user.raw.orgUnitPath`, and fields of custom schemas as
//! `user.raw.customSchemas.SCHEMA.FIELD`, where one with several values is a list of `{value, type}`. `custom_schemas`
//! narrows those down; `extra_fields` adds others, such as `recoveryEmail`, which is private and not read otherwise.
//!
//! # What to set up at Google
//!
//! 1. In a Google Cloud project: enable the Admin SDK API, and make a service account. Either make a key for it (JSON),
//!    which `key_file` points to; or, on a machine of Google's, grant the machine's service account the role Service
//!    Account Token Creator on it, enable the IAM Service Account Credentials API, and write `keyless`.
//! 2. In the admin console: an account of its own for `admin`, which no person leaves with, with a role that holds
//!    Users > Read, Groups > Read and Organisational Units > Read (and Reports, for `activity`), for the whole organisation.
//! 3. Security, API controls, Domain-wide delegation: the service account's numeric client id, with exactly these scopes,
//!    each under `https://www.googleapis.com/auth/`: `admin.directory.user.readonly`;
//!    `admin.directory.group.readonly` for groups and `members_of`; `admin.directory.orgunit.readonly` for `org_units`;
//!    `admin.reports.audit.readonly` for `activity`. A new entry may take a day to count; `rollcall check` names what is
//!    missing.
//!
//! Without delegation, assign the role of step 2 to the service account itself, leave `admin` out and name `customer`.
//!
//! # What a status means
//!
//! | rule, in this order | status |
//! |---|---|
//! | in the list of the deleted (twenty days), or `deletionTime` is there | inactive: deleted |
//! | `suspended` is true, whatever the reason | inactive: suspended; `suspensionReason` is quoted |
//! | `archived` is true | inactive: archived |
//! | both are false | active; whether they ever signed in does not matter |
//! | one of them is missing | held as they are: it was not read |
//!
//! # Groups
//!
//! Rules name groups by address, which no two groups share, unless `groups.called = "name"`. A member who is everybody
//! (`CUSTOMER`) stands for every user who is read. People of other organisations, service accounts and members of unknown
//! types are left out and counted. Groups within groups are worked out from the groups that are read; with `transitive`,
//! each is walked here.

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
