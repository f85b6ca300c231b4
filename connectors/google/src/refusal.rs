//! Google's errors as sentences: its reason, its own words, and what to do.
//!
//! A 403 has two meanings, and only its reasons tell them apart: too many requests for now, which passes, or a right that
//! is missing, which does not. Their domain does not help: an API that was never enabled is a `usageLimits` too.

use rollcall_kit::http::Response;
use rollcall_kit::rest::{self, Meaning};
use serde_json::Value as Json;

/// Reasons of refusals that pass by themselves within minutes.
const PASSING: [&str; 5] =
    ["rateLimitExceeded", "userRateLimitExceeded", "quotaExceeded", "servingLimitExceeded", "concurrentLimitExceeded"];

/// What Google says in an answer that is no success.
#[derive(Debug)]
pub(crate) struct Refusal {
    status: u16,
    reason: String,
    message: String,
}

impl Refusal {
    pub(crate) fn of(answer: &Response) -> Self {
        let body: Json = serde_json::from_slice(&answer.body).unwrap_or_default();
        let error = &body["error"];
        let text = |json: &Json| json.as_str().unwrap_or_default().to_owned();
        let errors = error["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
        let reasons = || errors.iter().filter_map(|error| error["reason"].as_str());
        // One that passes does not make the others pass.
        let lasting = reasons().find(|reason| !PASSING.contains(reason));
        let reason = lasting.or_else(|| reasons().next()).or(error["status"].as_str()).unwrap_or_default();
        Self { status: answer.status, reason: reason.to_owned(), message: text(&error["message"]) }
    }

    /// Whether this says that there were too many requests for now.
    pub(crate) fn is_passing(&self) -> bool {
        match self.status {
            403 => PASSING.contains(&&*self.reason),
            429 => self.reason != "dailyLimitExceeded",
            _ => false,
        }
    }
}

impl rest::Refusal for Refusal {
    fn is_not_found(&self) -> bool {
        self.status == 404 && matches!(&*self.reason, "notFound" | "NOT_FOUND")
    }

    fn meaning(&self) -> Meaning {
        match self.status {
            401 => Meaning::SignIn,
            403 if !self.is_passing() => Meaning::Denied,
            _ => Meaning::Incomplete,
        }
    }

    fn words(&self) -> String {
        let Self { status, reason, message } = self;
        match (&**reason, &**message) {
            ("", "") => format!("the answer has the status {status} and none of Google's reasons"),
            ("", message) => format!("Google says \"{message}\" (status {status})"),
            (reason, message) => format!("Google says {reason} \"{message}\" (status {status})"),
        }
    }

    fn remedy(&self) -> String {
        let remedy = match (&*self.reason, self.status) {
            ("accessNotConfigured" | "SERVICE_DISABLED", _) => {
                "enable the Admin SDK API in the service account's Cloud project"
            }
            ("insufficientPermissions" | "ACCESS_TOKEN_SCOPE_INSUFFICIENT", _) => {
                "the token was issued without the scope for this; leave scopes out, and delegate what `rollcall check` names"
            }
            ("dailyLimitExceeded" | "dailyLimitExceededUnreg", _) => {
                "the project's quota for the day is used up; ask Google for another one, or run less often"
            }
            ("domainCannotUseApis", _) => "API access is switched off for this customer; allow it in the admin console",
            (_, 401) => "the token is not valid (any more); check the service account's key and its delegation",
            (_, 403) if !self.is_passing() => {
                "give the administrator a role that may read it: Users > Read, Groups > Read, Organisational Units > Read, \
                 for the whole organisation and not for one unit"
            }
            (_, 403 | 429) => {
                "the quota was used up again after each pause; lower requests_per_minute, or run at a quieter time"
            }
            (_, 404) => "it is not there (any more), or not this customer's; correct it in the settings",
            ("conditionNotMet" | "invalid" | "badRequest" | "INVALID_ARGUMENT", _) => {
                "correct the name or id in the settings that this asks for; a list that took days has to be read anew"
            }
            (_, 500..) => "the next run tries again",
            _ => "check that api_url is the Admin SDK, and not a page in front of it",
        };
        remedy.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use rollcall_kit::http::HeaderMap;
    use serde_json::json;

    use rollcall_kit::rest::Refusal as _;

    use super::*;

    fn refusal(status: u16, body: &Json) -> Refusal {
        let (headers, body) = (HeaderMap::new(), body.to_string().into_bytes().into());
        Refusal::of(&Response { status, headers, body, attempts: 1 })
    }

    fn said(status: u16, domain: &str, reason: &str) -> Refusal {
        let error = json!({"message": "m", "domain": domain, "reason": reason});
        refusal(status, &json!({"error": {"code": status, "message": "m", "errors": [error]}}))
    }

    #[test]
    fn the_two_meanings_of_a_403_are_told_apart_by_their_reason() {
        for reason in ["rateLimitExceeded", "userRateLimitExceeded", "quotaExceeded"] {
            assert!(said(403, "usageLimits", reason).is_passing(), "{reason}");
        }
        for (domain, reason) in [
            ("global", "forbidden"),
            ("global", "insufficientPermissions"),
            // These have the domain of the others.
            ("usageLimits", "accessNotConfigured"),
            ("usageLimits", "dailyLimitExceeded"),
            ("usageLimits", "something new"),
        ] {
            let refusal = said(403, domain, reason);
            assert!(!refusal.is_passing(), "{reason}");
            assert_eq!(refusal.meaning(), Meaning::Denied, "{reason}");
        }
        assert!(!refusal(403, &json!("<html>")).is_passing(), "a page of something in between");
    }

    #[test]
    fn one_lasting_reason_among_passing_ones_lasts() {
        let errors = json!([{"reason": "rateLimitExceeded"}, {"reason": "forbidden"}]);
        assert!(!refusal(403, &json!({"error": {"errors": errors}})).is_passing());
    }

    #[test]
    fn only_google_says_that_something_is_not_there() {
        assert!(said(404, "global", "notFound").is_not_found());
        assert!(!refusal(404, &json!({"message": "no route"})).is_not_found());
        assert!(!said(400, "global", "notFound").is_not_found());
    }
}
