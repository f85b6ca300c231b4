//! What `check` says.

use rollcall_kit::{CheckLevel, Connector, ReadError};
use rollcall_okta::OktaSettings;
use serde_json::json;
use wiremock::ResponseTemplate;

use crate::support::{APP, Okta, quick, refusal};

async fn check(settings: OktaSettings) -> Vec<(CheckLevel, String)> {
    let findings = quick(settings).check().await.unwrap();
    findings.into_iter().map(|finding| (finding.level, finding.sentence)).collect()
}

/// The sentence of the one finding that holds these words.
fn says<'a>(findings: &'a [(CheckLevel, String)], level: CheckLevel, words: &str) -> &'a str {
    let found = findings.iter().find(|(_, sentence)| sentence.contains(words));
    let (found, sentence) = found.unwrap_or_else(|| panic!("nobody says {words:?}: {findings:#?}"));
    assert_eq!(*found, level, "{sentence}");
    sentence
}

#[tokio::test]
async fn a_sound_organisation_is_told_to_be_sound() {
    let okta = Okta::start().await;
    let findings = check(OktaSettings { ..okta.settings() }).await;
    says(&findings, CheckLevel::Good, "signed in to http://127.0.0.1");
    says(&findings, CheckLevel::Good, "with the scopes okta.users.read, okta.groups.read");
    says(&findings, CheckLevel::Good, "9 users (3 inactive), 3 groups with 4 members");
    says(&findings, CheckLevel::Good, "the 9 members whom Okta counts in the group Everyone are all shown");
    says(&findings, CheckLevel::Warning, "in clear text");
}

#[tokio::test]
async fn a_scope_that_is_missing_is_named() {
    let okta = Okta::start().await;
    okta.change(|state| state.scopes.retain(|scope| *scope != "okta.groups.read"));
    let findings = check(okta.settings()).await;
    says(&findings, CheckLevel::Problem, "the scope okta.groups.read is not granted to client 0oaservice");
    says(&findings, CheckLevel::Problem, "invalid_scope");
    assert!(
        !findings.iter().any(|(_, sentence)| sentence.contains("the scope okta.users.read is not")),
        "{findings:?}"
    );
}

#[tokio::test]
async fn an_app_that_is_refused_altogether_is_not_told_about_scopes() {
    let okta = Okta::start().await;
    okta.break_by(|request, _| {
        (request.url.path() == "/oauth2/v1/token")
            .then(|| ResponseTemplate::new(401).set_body_json(json!({"error": "invalid_client"})))
    });
    let findings = check(okta.settings()).await;
    says(&findings, CheckLevel::Problem, "invalid_client");
    assert!(!findings.iter().any(|(_, sentence)| sentence.contains("is not granted")), "{findings:?}");
}

#[tokio::test]
async fn a_missing_role_is_a_problem_and_named() {
    let okta = Okta::start().await;
    okta.break_by(|request, _| {
        let denied = refusal(403, "E0000006", "You do not have permission to perform the requested action");
        (request.url.path() == "/api/v1/users").then_some(denied)
    });
    let findings = check(okta.settings()).await;
    let sentence = says(&findings, CheckLevel::Problem, "E0000006");
    assert!(sentence.contains("Read-Only Administrator") && sentence.contains("req-7"), "{sentence}");
}

#[tokio::test]
async fn a_role_that_is_narrower_than_the_organisation_is_betrayed_by_everyone() {
    let okta = Okta::start().await;
    okta.change(|state| state.everyone = Some(40));
    let findings = check(okta.settings()).await;
    let sentence = says(&findings, CheckLevel::Warning, "Okta counts 40 members in the group Everyone and shows 9");
    assert!(sentence.contains("looks as if they had left"), "{sentence}");
    // A group administrator is not shown the group at all.
    okta.change(|state| state.everyone = None);
    says(&check(okta.settings()).await, CheckLevel::Warning, "its role may be narrower than the organisation");
}

#[tokio::test]
async fn a_narrower_reach_is_compared_with_everyone_too() {
    let okta = Okta::start().await;
    okta.change(|state| {
        state.app.as_mut().unwrap()["status"] = "INACTIVE".into();
        state.everyone = Some(40);
    });
    let assigned = OktaSettings { assigned_to: Some(APP.to_owned()), ..okta.settings() };
    let findings = check(assigned.clone()).await;
    says(&findings, CheckLevel::Warning, "the application \"Target\" of assigned_to is INACTIVE");
    says(&findings, CheckLevel::Warning, "Okta counts 40 members in the group Everyone and shows 9");
    okta.change(|state| state.everyone = Some(20_001));
    says(&check(assigned).await, CheckLevel::Warning, "more than are read for a comparison");
}

#[tokio::test]
async fn without_a_scope_for_groups_it_is_told_that_the_role_cannot_be_compared() {
    let okta = Okta::start().await;
    let findings = check(OktaSettings { groups: None, ..okta.settings() }).await;
    says(&findings, CheckLevel::Warning, "without the scope okta.groups.read it cannot be told");
}

#[tokio::test]
async fn what_an_api_token_depends_on_is_told() {
    let okta = Okta::start().await;
    let token = Some(okta.secret("token", "00secret"));
    let findings = check(OktaSettings { token, client_id: None, private_key: None, ..okta.settings() }).await;
    says(&findings, CheckLevel::Warning, "it ends with the administrator who made it");
}

#[tokio::test]
async fn attributes_that_are_missing_and_statuses_that_are_unknown_are_told() {
    let okta = Okta::start().await;
    okta.change(|state| {
        for user in &mut state.users {
            user["profile"]["email"] = serde_json::Value::Null;
        }
        state.users[0]["status"] = "ACTIVATING".into();
        state.users[1]["profile"] = serde_json::Value::Null;
    });
    let findings = check(okta.settings()).await;
    says(&findings, CheckLevel::Problem, "not one user has email");
    says(&findings, CheckLevel::Warning, "whether 1 users are active cannot be known");
    says(&findings, CheckLevel::Warning, "1 records cannot be understood");
}

#[tokio::test]
async fn an_organisation_that_cannot_be_reached_is_an_error() {
    let okta = Okta::start().await;
    let settings = okta.nobody();
    let error = quick(settings).check().await.unwrap_err();
    assert!(matches!(error, ReadError::Unreachable { .. }), "{error}");
}
