//! What the SCIM target sends again and what never: counted where it arrives, with the real HTTP client and several
//! attempts allowed.

use std::time::{Duration, Instant};

use rollcall::apply::{Write, WriteFailure};
use rollcall::demo::sandbox::{Fault, Sandbox};
use rollcall::scim::{ScimSettings, ScimTarget};
use serde_json::json;
use wiremock::matchers::{any, method, path};
use wiremock::{Mock, MockServer};

use crate::scim_support::{answer, bare, change, create, fail, keep, members, set_roles, update, user};

/// A target that tries a request three times and waits for at most two seconds.
fn target(url: &str, token_file: Option<&std::path::Path>) -> ScimTarget {
    let mut settings = json!({ "url": url, "http": { "attempts": 3, "max_wait": "2s" } });
    if let Some(file) = token_file {
        settings["token"] = json!({ "file": file });
    }
    let settings: ScimSettings = serde_json::from_value(settings).unwrap();
    ScimTarget::new(&settings).unwrap()
}

/// An application with one account and one group, and a target that knows it and has a connection to it open.
struct Known {
    sandbox: Sandbox,
    target: ScimTarget,
    account: String,
    group: String,
    _token: tempfile::TempDir,
}

impl Known {
    async fn start() -> Self {
        let sandbox = Sandbox::start().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let token = folder.path().join("token");
        std::fs::write(&token, sandbox.token()).unwrap();
        std::fs::set_permissions(&token, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        let target = target(sandbox.url(), Some(&token));
        let account = keep(&target, &create("u-ann", "ann@acme.com")).await.unwrap();
        let group = Write::CreateGroup { name: "Core".to_owned(), external_id: "g-core".to_owned() };
        let group = keep(&target, &group).await.unwrap();
        sandbox.forget_requests();
        Self { sandbox, target, account, group, _token: folder }
    }

    fn sent(&self, method: &str) -> u64 {
        self.sandbox.requests().get(method).copied().unwrap_or(0)
    }
}

#[tokio::test]
async fn a_creation_whose_answer_is_lost_is_sent_once_and_called_unknown() {
    for fault in [Fault::LoseNextAnswer { method: "POST" }, Fault::FailNext { method: "POST", status: 502 }] {
        let known = Known::start().await;
        known.sandbox.inject(fault.clone());
        assert_eq!(fail(&known.target, &create("u-ben", "ben@acme.com")).await.failure, WriteFailure::Unknown);
        assert_eq!(known.sent("POST"), 1, "{fault:?}");
        let carried_out = usize::from(matches!(fault, Fault::LoseNextAnswer { .. }));
        assert_eq!(known.sandbox.users().len(), 1 + carried_out, "it is the answer that was lost, not the request");
    }
}

#[tokio::test]
async fn an_addition_of_members_whose_answer_is_lost_is_sent_once_and_called_unknown() {
    for fault in [Fault::LoseNextAnswer { method: "PATCH" }, Fault::FailNext { method: "PATCH", status: 504 }] {
        let known = Known::start().await;
        known.sandbox.inject(fault.clone());
        let error = fail(&known.target, &members(&known.group, &[&known.account], &[])).await;
        assert_eq!(error.failure, WriteFailure::Unknown);
        assert_eq!(known.sent("PATCH"), 1, "{fault:?}");
    }
}

#[tokio::test]
async fn a_replacement_or_removal_whose_answer_is_lost_is_sent_again() {
    for fault in [Fault::LoseNextAnswer { method: "PATCH" }, Fault::FailNext { method: "PATCH", status: 502 }] {
        let known = Known::start().await;
        let (account, group) = (&known.account, &known.group);
        keep(&known.target, &members(group, &[account], &[])).await;
        for write in [
            update(account, &[change("name", Some("ann Lee"), Some("Ann Lee"))], None),
            update(account, &[], Some(false)),
            set_roles(account, &["editor"], &[]),
            members(group, &[], &[account]),
        ] {
            known.sandbox.forget_requests();
            known.sandbox.inject(fault.clone());
            keep(&known.target, &write).await;
            assert!(known.sent("PATCH") >= 2, "{fault:?}: {write:?}");
        }
        let account = &known.sandbox.users()[0];
        assert_eq!((account.display_name.as_deref(), account.active), (Some("Ann Lee"), false));
        assert_eq!(account.roles, ["editor"], "once, though it was sent twice");
        assert!(known.sandbox.groups()[0].members.is_empty());
    }
}

#[tokio::test]
async fn a_stated_pause_is_waited_for_and_then_everything_goes_through() {
    let known = Known::start().await;
    let (account, group) = (&known.account, &known.group);
    let replace = update(account, &[change("name", Some("ann Lee"), Some("Ann Lee"))], None);
    for (write, verb) in
        [(create("u-ben", "ben@acme.com"), "POST"), (replace, "PATCH"), (members(group, &[account], &[]), "PATCH")]
    {
        known.sandbox.forget_requests();
        known.sandbox.inject(Fault::ThrottleNext { retry_after: 1 });
        let before = Instant::now();
        keep(&known.target, &write).await;
        assert!(before.elapsed() >= Duration::from_secs(1), "{write:?} did not wait");
        assert_eq!(known.sent(verb), 2, "{write:?}");
    }
    assert_eq!(known.sandbox.users().len(), 2, "the creation that was put off was carried out once");
    assert_eq!(known.sandbox.groups()[0].members, std::slice::from_ref(account));
}

#[tokio::test]
async fn a_pause_beyond_what_is_allowed_is_not_now_and_holds_every_request() {
    let known = Known::start().await;
    known.sandbox.inject(Fault::ThrottleNext { retry_after: 30 });
    let before = Instant::now();
    for write in [create("u-ben", "ben@acme.com"), update(&known.account, &[], Some(false))] {
        let error = fail(&known.target, &write).await;
        assert_eq!(error.failure, WriteFailure::NotNow, "{error}");
    }
    assert!(before.elapsed() < Duration::from_secs(2), "a pause that is too long is not waited for at all");
    assert_eq!(known.sent("POST"), 1);
    assert_eq!(known.sent("PATCH"), 0, "nobody sends while the target asks to wait");
    assert!(known.sandbox.users()[0].active);
}

#[tokio::test]
async fn a_refusal_for_now_without_a_stated_pause_is_sent_once_where_twice_could_be_too_much() {
    for status in [429, 503] {
        let server = MockServer::start().await;
        Mock::given(any()).respond_with(bare(status)).mount(&server).await;
        let target = target(&server.uri(), None).with_profile(rollcall::scim::Profile::default());
        let created = fail(&target, &create("u", "ann@acme.com")).await;
        let expected = if status == 429 { WriteFailure::NotNow } else { WriteFailure::Unknown };
        assert_eq!(created.failure, expected, "{created}");
        let joined = fail(&target, &members("g", &[&"a".to_owned()], &[])).await;
        assert_eq!(joined.failure, expected, "{joined}");
        assert_eq!(server.received_requests().await.unwrap().len(), 2, "one of each after {status}");
    }
}

#[tokio::test]
async fn attempts_come_to_an_end() {
    let server = MockServer::start().await;
    Mock::given(method("PATCH")).and(path("/Users/1")).respond_with(bare(502)).expect(3).mount(&server).await;
    Mock::given(method("GET")).respond_with(answer(200, user("1", "ann"))).mount(&server).await;
    let target = target(&server.uri(), None).with_profile(rollcall::scim::Profile::default());
    let error = fail(&target, &update("1", &[change("locale", None, Some("de"))], None)).await;
    assert_eq!(error.failure, WriteFailure::Unknown, "{error}");
}
