//! What `check` says about a target: whether the sign-in works, and what the target cannot do.

use rollcall_kit::CheckFinding;

use super::ask::Asked;
use super::client::ScimTarget;
use super::errors;
use super::filter;
use super::key::Key;
use super::paging::List;
use super::profile::{Paging, Profile};
use super::resource::Page;
use super::settings::RoleDelivery;
use crate::apply::TargetError;

/// A user name and an id that nobody has. Asking for them shows whether filters are understood.
const NOBODY: &str = "rollcall-check-nobody@rollcall.invalid";

impl ScimTarget {
    /// Signs in, asks the target what it can do, and tries what can be tried by reading.
    pub(super) async fn findings(&self) -> Result<Vec<CheckFinding>, TargetError> {
        let profile = self.profile().await?;
        // Discovery may be open to everybody; the list of users is not.
        let what = "the list of users";
        let answer = self.first_page(List::USERS).await?;
        if answer.status != 200 {
            return Err(errors::refused(what, &answer));
        }
        let page = Page::read(&answer.json).map_err(|reason| errors::unreliable(what, reason))?;
        let mut findings = vec![CheckFinding::good(format!("Signed in to {}.", self.settings.url))];
        if self.settings.is_clear_text() {
            findings.push(CheckFinding::warning(format!(
                "{} is not encrypted: whoever is on the way reads the token and everybody's data; use https",
                self.settings.url
            )));
        }
        findings.push(paging(&profile, &page));
        findings.push(patch(&profile));
        if profile.filter {
            for key in self.keys() {
                findings.push(self.filtering(key).await?);
            }
        } else {
            findings.push(CheckFinding::warning(
                "The target takes no filters: the whole list of users is read whenever somebody is looked up.",
            ));
        }
        findings.push(self.group_finding(&profile).await?);
        findings.extend(self.role_finding(&profile));
        Ok(findings)
    }

    /// The attributes by which this target's accounts are looked up.
    fn keys(&self) -> Vec<Key> {
        let named = |key: &Key| self.settings.match_by.iter().any(|name| name == key.attribute());
        Key::ALL.into_iter().filter(|key| *key == Key::ExternalId || named(key)).collect()
    }

    async fn filtering(&self, key: Key) -> Result<CheckFinding, TargetError> {
        let attribute = key.attribute();
        Ok(match self.ask(key, NOBODY).await? {
            Asked::Matching(found) if found.is_empty() => {
                CheckFinding::good(format!("Accounts can be looked up by {attribute}."))
            }
            Asked::Matching(_) => {
                CheckFinding::warning(format!("An account has the {attribute} {NOBODY}, which no directory can hold."))
            }
            Asked::Cannot(reason) => {
                let remedy = match key {
                    Key::ExternalId => String::new(),
                    Key::UserName | Key::Email => format!(" To avoid that, take {attribute} out of match_by."),
                };
                CheckFinding::warning(format!(
                    "Accounts cannot be looked up by {attribute}, so the whole list of users is read whenever somebody \
                     is: {reason}.{remedy}"
                ))
            }
        })
    }

    async fn group_finding(&self, profile: &Profile) -> Result<CheckFinding, TargetError> {
        let needed = self.settings.roles == RoleDelivery::Groups;
        let has = profile.groups && {
            let filter = filter::equals("displayName", NOBODY);
            let answer = self.matching("Groups", &filter).await?;
            answer.status != 404
        };
        Ok(match (has, needed) {
            (true, _) => CheckFinding::good("The target has groups."),
            (false, true) => {
                CheckFinding::problem("The target has no groups, but roles = \"groups\" delivers roles through them.")
            }
            (false, false) => CheckFinding::warning("The target has no groups: none can be pushed to it."),
        })
    }

    fn role_finding(&self, profile: &Profile) -> Option<CheckFinding> {
        let attribute = self.mapping.roles()?;
        Some(match (&profile.user_attributes, profile.holds(attribute)) {
            (None, _) => CheckFinding::warning(format!(
                "The target does not say whether it keeps {attribute}; the first grant will show it."
            )),
            (Some(_), true) => CheckFinding::good(format!("The target's schemas have a place for {attribute}.")),
            (Some(_), false) => CheckFinding::problem(format!(
                "The target's schemas have no place for {attribute}, so roles cannot be delivered; set roles to another \
                 way of delivery."
            )),
        })
    }
}

fn paging(profile: &Profile, page: &Page) -> CheckFinding {
    let shown = page.resources.len();
    let how = match profile.paging {
        Paging::Index => "by index",
        Paging::Cursor => "by cursor",
    };
    match page.total {
        Some(total) if total > shown && shown < profile.page_size => CheckFinding::good(format!(
            "Lists are read {how}; the target hands out {shown} users at once although {} were asked for.",
            profile.page_size
        )),
        Some(total) => {
            CheckFinding::good(format!("Lists are read {how}, {} at once; there are {total} users.", profile.page_size))
        }
        None => CheckFinding::good(format!(
            "Lists are read {how}, {} at once; the target does not count its users.",
            profile.page_size
        )),
    }
}

fn patch(profile: &Profile) -> CheckFinding {
    if profile.patch {
        return CheckFinding::good("The target takes PATCH: only what changes is sent.");
    }
    CheckFinding::warning(
        "The target takes no PATCH: accounts are read, changed and put back whole, and groups cannot be changed.",
    )
}
