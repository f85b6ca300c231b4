//! Quotas: two kinds of 403, and refusals that pass.

use rollcall_google::GoogleSettings;
use rollcall_kit::ReadError;

use crate::support::{Settings as _, certified, failure, users};
use rollcall_test_servers::workspace::{Workspace, group_id, refusal};

#[tokio::test]
async fn a_quota_that_passes_is_waited_for() {
    for (status, reason) in [
        (403, "userRateLimitExceeded"),
        (403, "rateLimitExceeded"),
        (403, "quotaExceeded"),
        (429, "rateLimitExceeded"),
        (429, ""),
    ] {
        let workspace = Workspace::start().await;
        workspace.break_by(move |request, number| {
            let first = request.url.path().ends_with("/users") && number <= 2;
            first.then(|| refusal(status, reason, "Quota exceeded"))
        });
        let (entries, _) = certified(workspace.alone()).await;
        assert_eq!(users(&entries).len(), 7, "{status} {reason}");
    }
}

#[tokio::test]
async fn a_quota_that_does_not_pass_ends_the_read_and_is_named() {
    let workspace = Workspace::start().await;
    workspace.break_by(|request, _| {
        request.url.path().ends_with("/users").then(|| refusal(403, "userRateLimitExceeded", "Quota exceeded"))
    });
    let error = failure(workspace.alone()).await;
    assert!(matches!(error, ReadError::Incomplete { .. }), "{error}");
    assert!(error.to_string().contains("lower requests_per_minute"), "{error}");
    assert_eq!(workspace.asked().await.len(), 1 + 3, "a token and three attempts");
}

#[tokio::test]
async fn a_403_that_means_a_right_is_not_tried_again() {
    for (reason, remedy) in [
        ("forbidden", "a role that may read it"),
        ("insufficientPermissions", "without the scope"),
        ("accessNotConfigured", "enable the Admin SDK API"),
        ("dailyLimitExceeded", "quota for the day"),
        ("domainCannotUseApis", "API access is switched off"),
    ] {
        let workspace = Workspace::start().await;
        workspace
            .break_by(move |request, _| request.url.path().ends_with("/users").then(|| refusal(403, reason, "No")));
        let error = failure(workspace.alone()).await;
        assert!(matches!(error, ReadError::Denied { .. }), "{reason}: {error}");
        assert!(error.to_string().contains(remedy), "{reason}: {error}");
        assert_eq!(workspace.asked().await.len(), 2, "{reason}: a token and one attempt");
    }
}

#[tokio::test]
async fn one_group_s_members_may_be_throttled_alone() {
    let workspace = Workspace::start().await;
    let path = format!("/admin/directory/v1/groups/{}/members", group_id(0));
    workspace.break_by(move |request, number| {
        (request.url.path() == path && number == 2).then(|| refusal(403, "quotaExceeded", "Quota exceeded"))
    });
    certified(workspace.settings()).await;
}

#[tokio::test]
async fn a_token_that_is_refused_is_renewed_once() {
    let workspace = Workspace::start().await;
    workspace.break_by(|request, number| {
        (request.url.path().ends_with("/users") && number == 1)
            .then(|| refusal(401, "authError", "Invalid Credentials"))
    });
    certified(workspace.alone()).await;
    assert_eq!(workspace.asked().await.iter().filter(|asked| asked.starts_with("/token")).count(), 2);
    workspace.break_by(|request, _| request.url.path().ends_with("/users").then(|| refusal(401, "authError", "No")));
    assert!(matches!(failure(workspace.alone()).await, ReadError::SignIn { .. }));
}

#[tokio::test]
async fn the_budget_of_requests_a_minute_is_kept() {
    let workspace = Workspace::start().await;
    let began = std::time::Instant::now();
    // Four pages of users, and one of the deleted: five requests, fifty milliseconds apart.
    certified(GoogleSettings { requests_per_minute: 1200, ..workspace.alone() }).await;
    let requests = workspace.asked().await.len() - 1;
    let least = std::time::Duration::from_millis(50 * (u64::try_from(requests).unwrap() - 1));
    assert!(began.elapsed() >= least, "{requests} requests within {:?}", began.elapsed());
}

#[tokio::test]
async fn no_more_is_asked_for_than_is_read() {
    let workspace = Workspace::start().await;
    certified(workspace.settings()).await;
    let requests = workspace.server.received_requests().await.unwrap();
    for request in requests.iter().filter(|request| request.url.path().starts_with("/admin")) {
        let fields =
            request.url.query_pairs().find(|(name, _)| name == "fields").map(|(_, fields)| fields.into_owned());
        let fields = fields.unwrap_or_default();
        assert!(fields.contains("kind") && fields.contains("nextPageToken"), "{}: {fields}", request.url);
        assert!(!fields.contains("recovery") && !fields.contains("lastLoginTime"), "{fields}");
        assert!(!request.headers.contains_key("if-none-match"));
    }
}
