//! Reads users and groups from Google Workspace, through the Directory API of the Admin SDK.
//!
//! Google answers 200 with less than there is: an empty list lacks its key, and so does a broken answer; a list asked for
//! by `domain` leaves out the other domains; fields that are not named do not come. So an answer is a page only if it says
//! of what kind it is, one that holds nothing is asked for twice (`api`), the number of members that a group says it has
//! is compared with those it shows (`members`), and a user of whom it is not told whether he is suspended is neither let
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
//! | both are false | active; whether he ever signed in does not matter |
//! | one of them is missing | held as he is: it was not read |
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
use rollcall_kit::settings::refuse;
use rollcall_kit::{
    Address, Capabilities, Certificate, Changes, CheckFinding, Connector, Cursor, DirectoryId, DirectoryUser, Entries,
    LookUp, ReadError,
};
use tokio::sync::Mutex;

use crate::api::Api;
use crate::lookup::Desk;
pub use crate::settings::{Called, GoogleSettings, GroupSettings, KeylessSettings};

/// A Google Workspace customer.
pub struct GoogleConnector {
    settings: GoogleSettings,
    api: Api,
    /// What look-ups share.
    desk: Mutex<Option<Desk>>,
}

/// Makes a connector from its settings.
///
/// # Errors
///
/// [`ReadError::Settings`], naming the setting and what to write instead. Nothing is sent.
pub fn connector(settings: GoogleSettings) -> Result<GoogleConnector, ReadError> {
    refuse(&settings.problems())?;
    let api = Api::new(&settings, None)?;
    Ok(GoogleConnector { settings, api, desk: Mutex::new(None) })
}

impl GoogleConnector {
    /// The same connector with another first pause between attempts: for tests, which cannot wait.
    ///
    /// # Errors
    ///
    /// As [`connector`].
    pub fn with_back_off(self, first: Duration) -> Result<Self, ReadError> {
        let api = Api::new(&self.settings, Some(first))?;
        Ok(Self { api, ..self })
    }

    /// A desk for one look-up: the kept one, or a new one. Two look-ups at once have two.
    async fn desk(&self) -> Result<Desk, ReadError> {
        match self.desk.lock().await.take().filter(Desk::is_fresh) {
            Some(desk) => Ok(desk),
            None => Desk::open(&self.api, &self.settings).await,
        }
    }

    /// Keeps the desk for the next look-up, unless this one failed.
    async fn keep<T>(&self, desk: Desk, answer: &Result<T, ReadError>) {
        if answer.is_ok() {
            *self.desk.lock().await = Some(desk);
        }
    }
}

#[async_trait]
impl Connector for GoogleConnector {
    fn kind(&self) -> &'static str {
        "google"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            groups: self.settings.groups.is_some(),
            incremental: true,
            shows_inactive: true,
            assignment: false,
            // A deletion takes all memberships along.
            leaves_names: false,
        }
    }

    async fn check(&self) -> Result<Vec<CheckFinding>, ReadError> {
        check::check(&self.settings, &self.api).await
    }

    async fn read(&self, entries: Entries) -> Result<Certificate, ReadError> {
        let patience = self.settings.read_timeout;
        tokio::time::timeout(patience.duration(), read::read(&self.settings, &self.api, entries)).await.unwrap_or_else(
            |_| Err(ReadError::incomplete("directory", format!("it took longer than {patience} (read_timeout)"))),
        )
    }

    async fn cursor(&self) -> Result<Option<Cursor>, ReadError> {
        changes::cursor(&self.settings, &self.api).await
    }

    async fn read_changes(&self, since: &Cursor, entries: Entries) -> Result<Option<Changes>, ReadError> {
        changes::read(&self.settings, &self.api, since, entries).await
    }

    async fn look_up(&self, id: &DirectoryId) -> Result<LookUp, ReadError> {
        let mut desk = self.desk().await?;
        let answer = desk.user(&self.api, &self.settings, id).await;
        self.keep(desk, &answer).await;
        answer
    }

    async fn look_up_address(&self, address: &Address) -> Result<Vec<DirectoryUser>, ReadError> {
        let mut desk = self.desk().await?;
        let answer = desk.address(&self.api, &self.settings, address).await;
        self.keep(desk, &answer).await;
        answer
    }

    async fn look_up_group(&self, id: &DirectoryId) -> Result<Option<String>, ReadError> {
        let mut desk = self.desk().await?;
        let answer = desk.group(&self.api, &self.settings, id).await;
        self.keep(desk, &answer).await;
        answer
    }
}
