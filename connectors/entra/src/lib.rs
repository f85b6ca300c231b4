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
//! # Which of Graph's properties each attribute comes from
//!
//! | ours | Graph |
//! |---|---|
//! | `email` | `mail`, else the first of `otherMails`, else `userPrincipalName` unless it was made up for a guest (`#EXT#`) |
//! | `preferred_username`, the login | `userPrincipalName`; of a deleted user without the id that stands in front of it |
//! | `name` | `displayName` |
//! | `given_name`, `family_name` | `givenName`, `surname` |
//! | `picture` | none: a photo is a request of its own for each user |
//! | `phone_number` | `mobilePhone`, else the first of `businessPhones` |
//! | `locale`, `preferred_language` | `preferredLanguage` |
//! | `department`, `title`, `organization`, `office` | `department`, `jobTitle`, `companyName`, `officeLocation` |
//! | `employee_number`, `employee_type` | `employeeId`, `employeeType` |
//! | `cost_center` | `employeeOrgData.costCenter` |
//! | `manager` | with `manager = true`, the object id of the `manager` |
//! | `emails` | `mail`, `proxyAddresses` (`SMTP:` and `smtp:`) and `otherMails`, each once |
//!
//! Every property that is read is within reach of a mapping under Graph's name: `user.raw.usageLocation`,
//! `user.raw.onPremisesExtensionAttributes.extensionAttribute1`. `extra_properties` adds others:
//!
//! - directory extensions by their full name, `extension_{application id without dashes}_{name}`:
//!   `user.raw.extension_…_badge`; who has none has no such member;
//! - schema extensions by their id, `ext{eight letters}_{name}`: `user.raw.extkvbmkofy_staff.floor`;
//! - `customSecurityAttributes`, which need a permission of their own: `user.raw.customSecurityAttributes.HR.badge`.
//!
//! With `assigned_to`, `user.raw.app.roles` lists the values of the app roles that a user has on their own and through
//! groups, and `user.raw.app.groups` the groups that they are assigned through.
//!
//! # What to set up in Entra ID
//!
//! 1. App registrations, New registration, for this directory only, without a redirect URI. Its overview page shows
//!    `client_id` (application id) and `tenant` (directory id).
//! 2. Certificates & secrets: upload a certificate, add a federated credential, or make a client secret; its value, and
//!    not its id, is what `client_secret` points to. It expires. On Azure, a managed identity needs none of these.
//! 3. API permissions, Microsoft Graph, application permissions, each with admin consent: `User.Read.All`;
//!    `GroupMember.Read.All` for groups, `members_of` and `assigned_to`; `Application.Read.All` for `assigned_to`;
//!    `Member.Read.Hidden` for groups that hide their members; `CustomSecAttributeAssignment.Read.All` for custom
//!    security attributes. `rollcall check` names what is missing. A permission counts from the next run on; with a
//!    managed identity Azure may keep the old token for a day.
//!
//! # What a status means
//!
//! `accountEnabled` says whether a user is active. Null holds them as they are. Whoever is among the deleted users (thirty
//! days, then nowhere) is inactive, and active again under the same id when they are restored. A guest who has not accepted
//! their invitation yet is active; `user.raw.externalUserState` says so.

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
