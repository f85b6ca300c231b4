//! A 2xx is not proof: of ten servers, seven were seen to answer 2xx to a write that changed nothing.
//!
//! Where the answer carries the resource it is compared with what was sent; where it does not, or where it differs,
//! the resource is read back. What was not kept is named. An account that stays active after it was deactivated is no
//! note but a failure.

use serde_json::Value as Json;

use super::client::ScimTarget;
use super::errors;
use super::mapping::Wish;
use super::place::Place;
use super::resource::{Resource, truth};
use super::wire::Answer;
use crate::apply::{WriteError, WriteFailure};

/// The `active` flag.
pub(super) const ACTIVE: Place = Place::Plain("active");

impl ScimTarget {
    /// Compares a user with what was sent to it, after the target said that it was done.
    pub(super) async fn kept(
        &self,
        target_id: &str,
        wishes: &[Wish],
        answer: &Answer,
    ) -> Result<Vec<(String, String)>, WriteError> {
        let deactivates = wishes.iter().any(|wish| wish.place == ACTIVE && wish.value == Some(false.into()));
        let shown = answer.resource().filter(|user| user.id().as_deref() == Some(target_id));
        // Taking access away is the one promise that is never taken on trust: it is always read back.
        if let Some(user) = shown.filter(|_| !deactivates && answer.is_done())
            && wishes.iter().all(|wish| holds(&user, wish))
        {
            return Ok(Vec::new());
        }
        match self.read_user(target_id).await {
            Ok(Some(user)) => compare(&user, wishes, answer.status),
            // Some targets hide or delete whom they deactivate. They are out.
            Ok(None) if deactivates => Ok(Vec::new()),
            Ok(None) => Err(errors::failed(
                WriteFailure::NotFound,
                format!("the target answered {} and then did not find the account {target_id}", answer.status),
            )),
            Err(error) => Err(errors::failed(
                WriteFailure::Unknown,
                format!(
                    "the target answered {}, but the account {target_id} could not be read back: {error}",
                    answer.status
                ),
            )),
        }
    }
}

/// What a user does not show of what was sent. An attribute that stands in several places is kept if one holds it.
pub(super) fn compare(user: &Resource, wishes: &[Wish], status: u16) -> Result<Vec<(String, String)>, WriteError> {
    let mut lost: Vec<(String, String)> = Vec::new();
    for wish in wishes.iter().filter(|wish| !holds(user, wish)) {
        if status == 202 {
            let detail = format!("the target answered 202 and does not show {} yet", wish.attribute);
            return Err(errors::failed(WriteFailure::Unknown, detail));
        }
        if wish.place == ACTIVE {
            return Err(active_ignored(user, wish, status));
        }
        let elsewhere = wishes.iter().any(|other| other.attribute == wish.attribute && holds(user, other));
        if !elsewhere && lost.iter().all(|(name, _)| *name != wish.attribute) {
            lost.push((wish.attribute.clone(), not_kept(user, wish, status)));
        }
    }
    Ok(lost)
}

fn active_ignored(user: &Resource, wish: &Wish, status: u16) -> WriteError {
    let is = if wish.value == Some(false.into()) { "still active" } else { "still not active" };
    let id = user.id().unwrap_or_default();
    errors::failed(WriteFailure::Refused, format!("the target answered {status}, but the account {id} is {is}"))
}

fn not_kept(user: &Resource, wish: &Wish, status: u16) -> String {
    let Wish { attribute, place, value } = wish;
    match (value, place.read(user)) {
        (Some(_), None) => format!("the target answered {status} and kept no {attribute}"),
        (Some(sent), Some(shown)) => {
            format!("the target answered {status}, but shows {shown} as {attribute} where {sent} was sent")
        }
        (None, _) => format!("the target answered {status}, but still shows the {attribute} that was removed"),
    }
}

/// Whether a user shows what was wished for.
pub(super) fn holds(user: &Resource, wish: &Wish) -> bool {
    let shown = wish.place.read(user);
    match (&wish.value, shown, &wish.place) {
        // Absent counts as active.
        (Some(Json::Bool(sent)), shown, place) if *place == ACTIVE => shown.map_or(Some(true), truth) == Some(*sent),
        (None, shown, _) => shown.is_none(),
        (Some(_), None, _) => false,
        (Some(sent), Some(shown), place) => same(place, sent, shown),
    }
}

/// Whether two values are the same to the attribute that holds them.
fn same(place: &Place, sent: &Json, shown: &Json) -> bool {
    let (Some(sent), Some(shown)) = (sent.as_str(), shown.as_str()) else { return sent == shown };
    let folded = |text: &str| text.trim().to_lowercase();
    match place {
        Place::Plain("userName") | Place::Entry { list: "emails", .. } => folded(sent) == folded(shown),
        Place::Plain("locale") => folded(sent).replace('_', "-") == folded(shown).replace('_', "-"),
        // Targets normalise telephone numbers; the digits are what counts.
        Place::Entry { list: "phoneNumbers", .. } => {
            let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
            digits(sent) == digits(shown)
        }
        Place::Plain("externalId") => sent == shown,
        _ => sent.trim() == shown.trim(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn wish(attribute: &str, place: Place, value: Option<Json>) -> Wish {
        Wish { attribute: attribute.to_owned(), place, value }
    }

    fn lost(user: Json, wishes: &[Wish]) -> Vec<String> {
        compare(&Resource::new(user).unwrap(), wishes, 200).unwrap().into_iter().map(|(name, _)| name).collect()
    }

    #[test]
    fn what_the_target_did_not_keep_is_named_once() {
        let phone = Place::Entry { list: "phoneNumbers", kind: "work", primary: false };
        let wishes = [
            wish("name", Place::Plain("displayName"), Some(json!("Ann"))),
            wish("name", Place::Part("name", "formatted"), Some(json!("Ann"))),
            wish("phone_number", phone, Some(json!("+49 30 1"))),
            wish("locale", Place::Plain("locale"), None),
        ];
        assert_eq!(lost(json!({"id": "1", "displayName": "Ann", "locale": "de"}), &wishes), ["phone_number", "locale"]);
        assert_eq!(lost(json!({"id": "1", "phoneNumbers": [{"value": "tel:+49301"}]}), &wishes), ["name"]);
    }

    #[test]
    fn an_active_flag_that_was_not_taken_over_is_a_failure() {
        let off = [wish("active", ACTIVE, Some(json!(false)))];
        for user in [json!({"id": "1", "active": true}), json!({"id": "1"}), json!({"id": "1", "active": "True"})] {
            let error = compare(&Resource::new(user).unwrap(), &off, 200).unwrap_err();
            assert_eq!(error.failure, WriteFailure::Refused);
        }
        assert_eq!(lost(json!({"id": "1", "active": "False"}), &off), [""; 0]);
        let on = [wish("active", ACTIVE, Some(json!(true)))];
        assert_eq!(lost(json!({"id": "1"}), &on), [""; 0]);
        assert!(compare(&Resource::new(json!({"id": "1", "active": false})).unwrap(), &on, 200).is_err());
    }

    #[test]
    fn addresses_and_user_names_are_compared_without_regard_to_case_and_external_ids_exactly() {
        let user = json!({"id": "1", "userName": "ANN@acme.com", "externalId": "U1"});
        assert_eq!(
            lost(user.clone(), &[wish("email", Place::Plain("userName"), Some(json!("ann@acme.com")))]),
            [""; 0]
        );
        assert_eq!(lost(user, &[wish("externalId", Place::Plain("externalId"), Some(json!("u1")))]), ["externalId"]);
    }
}
