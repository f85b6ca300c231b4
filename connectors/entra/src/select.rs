//! Which properties of users are asked for.
//!
//! Graph answers a property name that it does not know with 200 and without the property, which would look like
//! everybody having lost it. So a name is compared with this list before anything is sent, and [`Seen`] notices a
//! property that came with nobody.

use std::collections::BTreeSet;

use rollcall_kit::settings::Problems;
use serde_json::Value as Json;

/// What decides whether somebody may work, and who they are. Every row must hold these.
pub(crate) const LIFECYCLE: [&str; 4] = ["id", "accountEnabled", "userPrincipalName", "userType"];

/// What is asked for of every user besides.
const ALWAYS: [&str; 21] = [
    "mail",
    "displayName",
    "givenName",
    "surname",
    "otherMails",
    "proxyAddresses",
    "mobilePhone",
    "businessPhones",
    "preferredLanguage",
    "usageLocation",
    "jobTitle",
    "department",
    "companyName",
    "officeLocation",
    "employeeId",
    "employeeType",
    "employeeOrgData",
    "createdDateTime",
    "externalUserState",
    "onPremisesSyncEnabled",
    "onPremisesExtensionAttributes",
];

/// What else a user in the directory has, by Graph's own description of the type (v1.0).
const MORE: [&str; 40] = [
    "ageGroup",
    "assignedLicenses",
    "assignedPlans",
    "authorizationInfo",
    "city",
    "consentProvidedForMinor",
    "country",
    "creationType",
    "customSecurityAttributes",
    "employeeHireDate",
    "employeeLeaveDateTime",
    "externalUserStateChangeDateTime",
    "faxNumber",
    "identities",
    "identityParentId",
    "imAddresses",
    "isManagementRestricted",
    "isResourceAccount",
    "lastPasswordChangeDateTime",
    "legalAgeGroupClassification",
    "licenseAssignmentStates",
    "mailNickname",
    "onPremisesDistinguishedName",
    "onPremisesDomainName",
    "onPremisesImmutableId",
    "onPremisesLastSyncDateTime",
    "onPremisesProvisioningErrors",
    "onPremisesSamAccountName",
    "onPremisesSecurityIdentifier",
    "onPremisesUserPrincipalName",
    "passwordPolicies",
    "postalCode",
    "preferredDataLocation",
    "provisionedPlans",
    "securityIdentifier",
    "serviceProvisioningErrors",
    "showInAddressList",
    "signInSessionsValidFromDateTime",
    "state",
    "streetAddress",
];

/// What Graph keeps outside of the directory: asked for in a list, it refuses the list.
const ELSEWHERE: [&str; 14] = [
    "aboutMe",
    "birthday",
    "deviceEnrollmentLimit",
    "hireDate",
    "interests",
    "mailboxSettings",
    "mySite",
    "pastProjects",
    "preferredName",
    "print",
    "responsibilities",
    "schools",
    "signInActivity",
    "skills",
];

/// The properties of users that a read asks for: the usual ones, and those that the settings add.
pub(crate) fn properties(extra: &[String]) -> Vec<&str> {
    let mut all: Vec<&str> = LIFECYCLE.iter().chain(&ALWAYS).copied().collect();
    let more = extra.iter().map(|name| name.trim());
    for name in more {
        if !all.contains(&name) {
            all.push(name);
        }
    }
    all
}

/// Checks the names that the settings add: one that no user has is told with the nearest that users have.
pub(crate) fn check(names: &[String], problems: &mut Problems) {
    let known = || LIFECYCLE.iter().chain(&ALWAYS).chain(&MORE).copied();
    for (index, name) in names.iter().map(|name| name.trim()).enumerate() {
        if known().any(|one| one == name) || is_extension(name) {
            continue;
        }
        let message = if ELSEWHERE.contains(&name) {
            format!(
                "extra_properties: {name} is not kept in the directory, and Graph refuses a list with it; leave it out"
            )
        } else {
            let likeness = |one: &str| strsim::jaro_winkler(&one.to_lowercase(), &name.to_lowercase());
            let nearest = known().max_by(|a, b| likeness(a).total_cmp(&likeness(b))).unwrap_or_default();
            format!(
                "extra_properties: no user has a property {name:?}, and Graph would leave it out without a word; is it \
                 {nearest}? A directory extension is spelled extension_APPID_NAME, a schema extension as its id"
            )
        };
        problems.add(format!("extra_properties[{index}]"), message);
    }
}

/// Whether this is spelled as a directory extension (`extension_{appId without dashes}_{name}`) or a schema extension
/// (`ext{eight letters}_{name}`, or a domain in place of the former).
fn is_extension(name: &str) -> bool {
    let sound = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let Some((owner, rest)) = name.split_once('_').filter(|_| sound) else { return false };
    if owner != "extension" {
        return !owner.is_empty() && !rest.is_empty();
    }
    rest.split_once('_').is_some_and(|(app, name)| {
        app.len() == 32 && app.bytes().all(|byte| byte.is_ascii_hexdigit()) && !name.is_empty()
    })
}

/// Which properties came with anybody.
#[derive(Default)]
pub(crate) struct Seen(BTreeSet<&'static str>);

impl Seen {
    /// Notes the properties of a row.
    pub(crate) fn add(&mut self, user: &Json) {
        if self.0.len() < ALWAYS.len() {
            self.0.extend(ALWAYS.iter().filter(|name| user.get(**name).is_some()));
        }
    }

    /// The properties that were asked for and came with nobody, not even empty.
    pub(crate) fn missing(&self) -> Vec<&'static str> {
        ALWAYS.iter().filter(|name| !self.0.contains(*name)).copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use rollcall_kit::settings;

    use super::*;

    fn told(name: &str) -> Result<(), String> {
        let mut problems = Problems::new();
        check(&[name.to_owned()], &mut problems);
        settings::refuse(&problems.all()).map_err(|error| error.to_string())
    }

    #[test]
    fn properties_and_extensions_of_every_kind_can_be_asked_for() {
        for name in [
            "onPremisesSamAccountName",
            "customSecurityAttributes",
            "extension_4b1c0d2e3f405162738495a6b7c8d9e0_badge",
            "extkvbmkofy_mySchema",
            "contoso_staff",
        ] {
            assert_eq!(told(name), Ok(()), "{name}");
        }
    }

    #[test]
    fn a_name_that_no_user_has_is_refused_with_the_nearest() {
        assert!(told("onPremiseSamAccountName").unwrap_err().contains("is it onPremisesSamAccountName?"));
        assert!(told("employeeid").unwrap_err().contains("is it employeeId?"));
        for name in ["", "extension_badge", "extension_4b1c_badge", "_x", "a b_c", "department,id"] {
            assert!(told(name).is_err(), "{name}");
        }
        assert!(told("mailboxSettings").unwrap_err().contains("not kept in the directory"));
    }

    #[test]
    fn no_property_is_asked_for_twice_or_in_two_lists() {
        let all: Vec<&str> = LIFECYCLE.iter().chain(&ALWAYS).chain(&MORE).chain(&ELSEWHERE).copied().collect();
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
    }
}
