//! The audit logs (Reports API): whose record, and which group, somebody changed.
//!
//! They lag behind by minutes to hours, come out of order, and do not tell everything; what they tell is where to look,
//! and never what is there. `admin` holds what administrators and programs did, `groups_enterprise` what owners and
//! members of groups did themselves, in editions that have it.

use std::collections::BTreeSet;

use jiff::Timestamp;
use rollcall_kit::{Collection, ReadError};
use serde_json::Value as Json;

use crate::api::{self, Api, Query};
use crate::marks::Marks;
use crate::person::text;

/// The log of what administrators did.
pub(crate) const ADMIN: &str = "admin";
/// The log of what groups' own people did.
pub(crate) const GROUPS: &str = "groups_enterprise";

/// Parameters of events that name a user, a group, or either by a new address.
const PEOPLE: [&str; 2] = ["USER_EMAIL", "affected_email_address"];
const OF_GROUPS: [&str; 2] = ["GROUP_EMAIL", "group_id"];
const EITHER: &str = "NEW_VALUE";

/// Kinds of events after which the records of many may be others: units that moved, domains that came or went.
const WIDE: [&str; 2] = ["ORG_SETTINGS", "DOMAIN_SETTINGS"];

/// What the logs tell.
#[derive(Debug, Default)]
pub(crate) struct Told {
    /// Addresses of users who were changed.
    pub(crate) people: BTreeSet<String>,
    /// Addresses of groups that were changed.
    pub(crate) groups: BTreeSet<String>,
    /// Whether something happened that may have changed many.
    pub(crate) wide: bool,
    /// The events that lie within the time that is looked back to, heeded now or before.
    pub(crate) seen: Marks,
    pub(crate) collections: Vec<Collection>,
}

impl Told {
    /// Reads a log from a moment on. Events that were heeded `before` are not heeded again.
    pub(crate) async fn read(
        &mut self,
        api: &Api,
        application: &'static str,
        from: Timestamp,
        customer: Option<&str>,
        before: &Marks,
    ) -> Result<(), ReadError> {
        let from = format!("{from:.3}");
        let path = path(application);
        let mut parameters = vec![("startTime", &*from), ("maxResults", "1000")];
        parameters.extend(customer.map(|customer| ("customerId", customer.trim())));
        let mut list = api.log(&Query { collection: "log", path: &path, parameters: &parameters });
        let mut entries = 0;
        while let Some(activities) = list.next_by(api::activities).await? {
            entries += activities.len() as u64;
            activities.iter().for_each(|activity| self.heed(application, activity, before));
        }
        self.collections.push(Collection {
            name: "log".to_owned(),
            query: list.words().to_owned(),
            pages: list.pages(),
            entries,
            announced: None,
            end: "a page of the right kind without nextPageToken".to_owned(),
        });
        Ok(())
    }

    fn heed(&mut self, application: &str, activity: &Json, before: &Marks) {
        let id = activity.get("id").map(Json::to_string).unwrap_or_default();
        let events = activity["events"].as_array().map(Vec::as_slice).unwrap_or_default();
        // One activity may come again with further events.
        let count = events.len().to_string();
        let words = [application, &id, &count];
        self.seen.keep(&words);
        if before.hold(&words) {
            return;
        }
        for event in events {
            let name = text(event, "/name").unwrap_or_default();
            self.wide |= text(event, "/type").is_some_and(|kind| WIDE.contains(&&*kind)) || name.contains("BULK");
            for parameter in event["parameters"].as_array().into_iter().flatten() {
                let (Some(name), Some(value)) = (text(parameter, "/name"), text(parameter, "/value")) else { continue };
                if !value.contains('@') {
                    continue;
                }
                let value = value.to_lowercase();
                if PEOPLE.contains(&&*name) || name == EITHER {
                    self.people.insert(value.clone());
                }
                if OF_GROUPS.contains(&&*name) || name == EITHER {
                    self.groups.insert(value);
                }
            }
        }
    }
}

/// Whether a log can be read at all.
pub(crate) async fn readable(api: &Api, application: &'static str) -> Result<(), ReadError> {
    let path = path(application);
    let query = Query { collection: "log", path: &path, parameters: &[("maxResults", "1")] };
    api.log(&query).next_by(api::activities).await.map(drop)
}

fn path(application: &str) -> [&str; 7] {
    ["reports", "v1", "activity", "users", "all", "applications", application]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn heeded(events: &Json, before: &Marks) -> Told {
        let mut told = Told::default();
        told.heed(
            ADMIN,
            &json!({"id": {"time": "2026-11-24T10:00:00Z", "uniqueQualifier": "-7"}, "events": events}),
            before,
        );
        told
    }

    #[test]
    fn an_event_tells_whom_to_look_at_whatever_it_is_called() {
        let event =
            |kind: &str, name: &str, parameters: Json| json!([{"type": kind, "name": name, "parameters": parameters}]);
        let told = heeded(
            &event("USER_SETTINGS", "SOMETHING_NEW", json!([{"name": "USER_EMAIL", "value": "Maya@example.test"}])),
            &Marks::default(),
        );
        assert_eq!((told.people, told.groups.len(), told.wide), (["maya@example.test".to_owned()].into(), 0, false));
        let renamed = json!([{"name": "USER_EMAIL", "value": "a@x.test"}, {"name": "NEW_VALUE", "value": "b@x.test"}]);
        let told = heeded(&event("USER_SETTINGS", "RENAME_USER", renamed), &Marks::default());
        assert_eq!(told.people.len(), 2);
        let member = json!([{"name": "group_id", "value": "g@x.test"}, {"name": "member_id", "value": "a@x.test"}]);
        let told = heeded(&event("moderator_action", "add_member", member), &Marks::default());
        assert_eq!((told.people.len(), told.groups), (0, ["g@x.test".to_owned()].into()));
    }

    #[test]
    fn what_may_have_changed_many_is_told_apart() {
        for (kind, name, wide) in [
            ("ORG_SETTINGS", "MOVE_ORG_UNIT", true),
            ("DOMAIN_SETTINGS", "REMOVE_SECONDARY_DOMAIN", true),
            ("USER_SETTINGS", "BULK_UPLOAD", true),
            ("USER_SETTINGS", "SUSPEND_USER", false),
            ("APPLICATION_SETTINGS", "CHANGE_APPLICATION_SETTING", false),
        ] {
            assert_eq!(heeded(&json!([{"type": kind, "name": name}]), &Marks::default()).wide, wide, "{name}");
        }
    }

    #[test]
    fn an_event_is_heeded_once_and_again_if_there_is_more_to_it() {
        let event = json!({"name": "SUSPEND_USER", "parameters": [{"name": "USER_EMAIL", "value": "a@x.test"}]});
        let first = heeded(&json!([event]), &Marks::default());
        let again = heeded(&json!([event]), &first.seen);
        assert_eq!((again.people.len(), &again.seen), (0, &first.seen));
        assert_eq!(heeded(&json!([event, event]), &first.seen).people.len(), 1);
    }
}
