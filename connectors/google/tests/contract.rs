//! The contract that every connector keeps.

use rollcall_google::{GoogleSettings, GroupSettings};
use rollcall_kit::contract::{fails_without_certificate, reads_to_a_certificate};
use rollcall_kit::{Connector, ReadError};
use wiremock::ResponseTemplate;

use crate::support::{Settings as _, quick};
use rollcall_test_servers::workspace::{ADMIN, Workspace, group_id, refusal};

#[tokio::test]
async fn a_customer_keeps_the_contract() {
    let workspace = Workspace::start().await;
    let (entries, certificate) = reads_to_a_certificate(&quick(workspace.settings())).await;
    assert_eq!((certificate.entries_of("users"), certificate.entries_of("groups")), (7, 4));
    assert_eq!(entries.len(), 11);
    assert_eq!(certificate.source().identity, format!("the administrator {ADMIN}"));
    assert_eq!(certificate.source().server, workspace.server.uri());
    assert_eq!(certificate.scopes().len(), 2, "{:?}", certificate.scopes());
}

#[tokio::test]
async fn every_reach_keeps_the_contract() {
    let workspace = Workspace::start().await;
    let all = workspace.settings();
    for (settings, users) in [
        (GoogleSettings { domain: Some("example.test".to_owned()), ..all.clone() }, 6),
        (GoogleSettings { org_units: vec!["/Engineering".to_owned()], ..all.clone() }, 4),
        (GoogleSettings { members_of: vec![group_id(1)], ..all.clone() }, 2),
        (GoogleSettings { members_of: vec![group_id(1)], transitive: true, ..all.clone() }, 5),
        (GoogleSettings { members_of: vec!["everyone@example.test".to_owned()], ..all.clone() }, 7),
        (
            GoogleSettings {
                groups: Some(GroupSettings { all: true, transitive: true, ..GroupSettings::default() }),
                ..all.clone()
            },
            7,
        ),
    ] {
        let words = format!("{settings:?}");
        if settings.members_of == [group_id(1)] && !settings.transitive {
            // The only direct member is archived, and the contract wants somebody who works.
            workspace.change(|state| state.users[5]["archived"] = false.into());
        }
        let (_, certificate) = reads_to_a_certificate(&quick(settings)).await;
        assert_eq!(certificate.entries_of("users"), users, "{words}");
    }
}

#[tokio::test]
async fn users_alone_keep_the_contract() {
    let workspace = Workspace::start().await;
    let connector = quick(workspace.alone());
    assert!(!connector.capabilities().groups);
    workspace.change(|state| state.scopes.retain(|scope| *scope == "admin.directory.user.readonly"));
    // Groups cannot be looked up without their scope, which the contract asks for: with it, and without reading any.
    workspace.change(|state| state.scopes.push("admin.directory.group.readonly"));
    let scopes = ["user", "group"]
        .map(|what| format!("{}admin.directory.{what}.readonly", rollcall_test_servers::workspace::SCOPES));
    reads_to_a_certificate(&quick(GoogleSettings { scopes: Some(scopes.to_vec()), ..workspace.alone() })).await;
}

#[tokio::test]
async fn nothing_broken_is_certified() {
    let members = format!("/admin/directory/v1/groups/{}/members", group_id(0));
    for path in ["/admin/directory/v1/users", "/admin/directory/v1/groups", &members] {
        for (name, answer) in [
            ("a server error", refusal(500, "backendError", "Internal error")),
            ("unavailable", refusal(503, "backendError", "Backend Error")),
            ("a gateway", ResponseTemplate::new(502).set_body_string("<html>Bad Gateway</html>")),
            ("a page of something else", ResponseTemplate::new(200).set_body_raw("<html></html>", "text/html")),
            ("half a page", ResponseTemplate::new(200).set_body_raw(r#"{"kind":"admin#"#, "application/json")),
            ("no page", ResponseTemplate::new(200).set_body_raw("{}", "application/json")),
            ("a list", ResponseTemplate::new(200).set_body_raw("[]", "application/json")),
            (
                "a page of another kind",
                ResponseTemplate::new(200).set_body_raw(r#"{"kind":"admin#directory#roles"}"#, "application/json"),
            ),
            ("a byte order mark", ResponseTemplate::new(200).set_body_raw("\u{feff}{}", "application/json")),
            ("nothing", ResponseTemplate::new(204)),
            ("a redirect", ResponseTemplate::new(302).insert_header("location", "/login")),
            ("a token that is too old", refusal(400, "invalid", "Invalid Input: pageToken")),
        ] {
            let workspace = Workspace::start().await;
            let (broken, wanted) = (answer, path.to_owned());
            // The first page is good; it is the second that breaks.
            workspace.break_by(move |request, _| {
                let second =
                    request.url.path() == wanted && request.url.query().unwrap_or_default().contains("pageToken");
                second.then(|| broken.clone())
            });
            let error = fails_without_certificate(&quick(workspace.settings())).await;
            assert!(matches!(error, ReadError::Incomplete { .. }), "{path}: {name}: {error}");
            assert!(error.to_string().contains("page 2"), "{path}: {name}: {error}");
        }
    }
}
