//! What `check` says.

use rollcall_entra::{EntraSettings, GroupSettings};
use rollcall_kit::{CheckLevel, Connector};
use serde_json::{Value, json};
use wiremock::ResponseTemplate;

use crate::support::{APP, Answer, Graph, quick, with_groups};

async fn check(settings: EntraSettings) -> Vec<(CheckLevel, String)> {
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
async fn a_sound_tenant_is_told_to_be_sound() {
    let graph = Graph::start().await;
    let findings = check(EntraSettings { assigned_to: Some(APP.to_owned()), ..graph.settings() }).await;
    says(&findings, CheckLevel::Good, "signed in to http://127.0.0.1");
    let carried = "the token carries the permissions Application.Read.All, GroupMember.Read.All, User.Read.All";
    says(&findings, CheckLevel::Good, carried);
    says(&findings, CheckLevel::Good, "the enterprise application \"Target\": 2 themselves and those in 1 groups");
    says(&findings, CheckLevel::Good, "5 users (2 inactive), 3 groups with 4 members");
    says(&findings, CheckLevel::Good, "3 members of groups are no users or groups of this read");
    says(&findings, CheckLevel::Warning, "in clear text");
    assert!(!findings.iter().any(|(level, _)| *level == CheckLevel::Problem), "{findings:#?}");
}

#[tokio::test]
async fn what_is_missing_is_named_with_what_would_come_back_hollow() {
    let graph = Graph::start().await;
    graph.change(|state| state.roles = Some(vec!["GroupMember.Read.All"]));
    let settings = EntraSettings {
        assigned_to: Some(APP.to_owned()),
        extra_properties: vec!["customSecurityAttributes".to_owned(), "employeeLeaveDateTime".to_owned()],
        ..graph.settings()
    };
    let findings = check(settings).await;
    for (permission, without) in [
        ("User.Read.All", "those among members of groups come back with an id and nothing else"),
        ("Application.Read.All", "who is assigned to it are refused"),
        ("CustomSecAttributeAssignment.Read.All", "customSecurityAttributes come back empty"),
        ("User-LifeCycleInfo.Read.All", "employeeLeaveDateTime is refused"),
    ] {
        let words = format!("the application permission {permission} is not granted");
        assert!(says(&findings, CheckLevel::Problem, &words).contains(without));
    }
    assert!(!findings.iter().any(|(_, sentence)| sentence.contains("permission GroupMember")), "{findings:#?}");
    assert!(graph.asked().is_empty(), "nothing is read that would come back hollow");
    // An app without any permission gets a token without the claim.
    graph.change(|state| state.roles = Some(vec![]));
    says(&check(graph.settings()).await, CheckLevel::Problem, "the application permission GroupMember.Read.All");
}

#[tokio::test]
async fn no_more_is_asked_for_than_what_is_read_needs() {
    let graph = Graph::start().await;
    graph.change(|state| state.roles = Some(vec!["User.Read.All"]));
    let findings = check(EntraSettings { groups: None, ..graph.settings() }).await;
    assert!(!findings.iter().any(|(level, _)| *level == CheckLevel::Problem), "{findings:#?}");
    graph.change(|state| state.roles = Some(vec!["Directory.ReadWrite.All"]));
    let findings = check(EntraSettings { assigned_to: Some(APP.to_owned()), ..graph.settings() }).await;
    says(&findings, CheckLevel::Warning, "Directory.ReadWrite.All lets the app write, which is never needed");
    assert!(!findings.iter().any(|(level, _)| *level == CheckLevel::Problem), "{findings:#?}");
}

#[tokio::test]
async fn a_token_that_does_not_say_what_it_may_is_told() {
    let graph = Graph::start().await;
    graph.change(|state| state.roles = None);
    let findings = check(graph.settings()).await;
    says(&findings, CheckLevel::Warning, "the token does not say which permissions it carries");
    says(&findings, CheckLevel::Good, "8 users (2 inactive)");
}

#[tokio::test]
async fn a_refused_sign_in_and_a_wrong_application_are_problems() {
    let graph = Graph::start().await;
    graph.change(|state| state.principal.as_mut().unwrap()["appRoleAssignmentRequired"] = false.into());
    let assigned = EntraSettings { assigned_to: Some(APP.to_owned()), ..graph.settings() };
    says(&check(assigned.clone()).await, CheckLevel::Warning, "lets everybody sign in (assignment is not required)");
    graph.change(|state| state.principal = None);
    says(&check(assigned).await, CheckLevel::Problem, "there is no enterprise application");
    graph.break_front(|request, _| {
        let said = json!({"error": "invalid_client", "error_description": "AADSTS7000222: expired"});
        request.url.path().ends_with("/token").then(|| ResponseTemplate::new(401).set_body_json(said))
    });
    let findings = check(graph.settings()).await;
    let sentence = says(&findings, CheckLevel::Problem, "AADSTS7000222");
    assert!(sentence.contains("the secret has expired") && !sentence.contains("hunter2"), "{sentence}");
}

#[tokio::test]
async fn attributes_that_are_missing_and_groups_that_are_not_read_are_told() {
    let graph = Graph::start().await;
    graph.change(|state| {
        for user in &mut state.users {
            user["displayName"] = Value::Null;
        }
        state.deleted.clear();
    });
    let none = GroupSettings { prefix: Some("zzz".to_owned()), ..GroupSettings::default() };
    let findings = check(with_groups(graph.settings(), none)).await;
    says(&findings, CheckLevel::Problem, "not one user has name");
    says(&findings, CheckLevel::Warning, "not one group is read; correct groups");
}

#[tokio::test]
async fn the_end_of_the_client_secret_is_told_where_the_registration_may_be_read_and_not_where_it_may_not() {
    let graph = Graph::start().await;
    graph.break_by(|ask| {
        let body = json!({ "value": [{ "passwordCredentials": [
            { "hint": "old", "endDateTime": "2026-12-01T00:00:00Z" },
            { "hint": "hun", "endDateTime": "2027-01-15T12:30:00Z" },
        ] }] });
        ask.path.ends_with("/applications").then(|| Answer::ok(body))
    });
    let ends = quick(graph.settings()).secret_ends().await;
    let end = "2027-01-15T12:30:00Z".parse().unwrap();
    assert_eq!(ends, [("the client secret of the app registration".to_owned(), end)]);
    graph.break_by(|ask| {
        let refusal = || Answer::error(403, "Authorization_RequestDenied", "Insufficient privileges.");
        ask.path.ends_with("/applications").then(refusal)
    });
    assert_eq!(quick(graph.settings()).secret_ends().await, []);
}
