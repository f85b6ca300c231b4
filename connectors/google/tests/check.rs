//! What `check` says.

use rollcall_google::GoogleSettings;
use rollcall_kit::{CheckLevel, Connector, ReadError};

use crate::support::{Settings as _, quick};
use rollcall_test_servers::workspace::{ADMIN, Workspace, forbidden};

/// What is found, worst first, as the words of a level and the sentence.
async fn found(settings: GoogleSettings) -> Vec<(CheckLevel, String)> {
    let findings = quick(settings).check().await.unwrap();
    findings.into_iter().map(|finding| (finding.level, finding.sentence)).collect()
}

#[track_caller]
fn says(found: &[(CheckLevel, String)], level: CheckLevel, words: &str) {
    assert!(found.iter().any(|(of, said)| *of == level && said.contains(words)), "{words}: {found:#?}");
}

#[tokio::test]
async fn a_customer_that_is_set_up_well_has_no_problem() {
    let workspace = Workspace::start().await;
    let found = found(workspace.settings()).await;
    assert!(found.iter().all(|(level, _)| *level != CheckLevel::Problem), "{found:#?}");
    says(&found, CheckLevel::Good, &format!("signed in to Google as the administrator {ADMIN}"));
    says(&found, CheckLevel::Good, "7 users (3 inactive), 4 groups with 11 members");
    says(&found, CheckLevel::Good, "has an administrator's role");
    says(&found, CheckLevel::Warning, "keyless needs none");
}

#[tokio::test]
async fn a_scope_that_is_not_delegated_is_named() {
    let workspace = Workspace::start().await;
    workspace.change(|state| state.scopes.retain(|scope| !scope.contains("group")));
    let found = found(workspace.settings()).await;
    let sentence = "the scope https://www.googleapis.com/auth/admin.directory.group.readonly is not delegated";
    says(&found, CheckLevel::Problem, sentence);
    says(&found, CheckLevel::Problem, "unauthorized_client");
    assert!(!found.iter().any(|(_, said)| said.contains("user.readonly is not delegated")), "{found:#?}");
    workspace.change(|state| state.scopes.clear());
    let found = self::found(workspace.settings()).await;
    assert!(!found.iter().any(|(_, said)| said.contains("is not delegated to")), "with none it is not the scopes");
}

#[tokio::test]
async fn an_administrator_who_is_none_or_more_than_needed_or_suspended_is_named() {
    let workspace = Workspace::start().await;
    workspace.change(|state| state.users[0]["isDelegatedAdmin"] = false.into());
    says(&found(workspace.settings()).await, CheckLevel::Problem, "has no administrator's role");
    workspace.change(|state| state.users[0]["isAdmin"] = true.into());
    says(&found(workspace.settings()).await, CheckLevel::Warning, "is a super administrator");
    workspace.change(|state| state.users[0]["suspended"] = true.into());
    let found = found(workspace.settings()).await;
    says(&found, CheckLevel::Problem, &format!("the administrator {ADMIN} is suspended, renamed or deleted"));
}

#[tokio::test]
async fn an_administrator_without_the_right_is_told_which_right() {
    let workspace = Workspace::start().await;
    workspace.break_by(|request, _| request.url.path().starts_with("/admin").then(forbidden));
    let found = found(workspace.settings()).await;
    says(&found, CheckLevel::Problem, "Users > Read, Groups > Read, Organisational Units > Read");
}

#[tokio::test]
async fn the_audit_logs_are_tried_where_they_are_used() {
    let workspace = Workspace::start().await;
    let settings = GoogleSettings { activity: true, ..workspace.settings() };
    says(&found(settings.clone()).await, CheckLevel::Good, "the audit log groups_enterprise can be read");
    workspace.change(|state| drop(state.logs.remove("groups_enterprise")));
    says(&found(settings.clone()).await, CheckLevel::Warning, "changes are found by etags instead");
    workspace.change(|state| drop(state.logs.remove("admin")));
    says(&found(settings).await, CheckLevel::Problem, "the audit log admin cannot be read");
}

#[tokio::test]
async fn a_server_that_cannot_be_reached_is_an_error() {
    let workspace = Workspace::start().await;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let mut settings = workspace.settings();
    settings.http.attempts = 1;
    let token_url = format!("{nobody}/token").parse().ok();
    let error = quick(GoogleSettings { token_url, ..settings.clone() }).check().await.unwrap_err();
    assert!(matches!(error, ReadError::Unreachable { .. }), "{error}");
    let error = quick(GoogleSettings { api_url: nobody.parse().ok(), ..settings }).check().await.unwrap_err();
    assert!(matches!(error, ReadError::Unreachable { .. }), "{error}");
}
