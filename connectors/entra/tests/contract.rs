//! The contract that every connector keeps.

use rollcall_entra::{EntraSettings, GroupSettings, Guests};
use rollcall_kit::contract::{fails_without_certificate, reads_to_a_certificate};
use rollcall_kit::{Connector, ReadError};
use wiremock::ResponseTemplate;

use crate::support::{APP, Graph, PRINCIPAL, group_id, quick, with_groups};

#[tokio::test]
async fn a_tenant_keeps_the_contract() {
    let graph = Graph::start().await;
    let (entries, certificate) = reads_to_a_certificate(&quick(graph.settings())).await;
    assert_eq!((certificate.entries_of("users"), certificate.entries_of("groups")), (8, 3));
    assert_eq!(entries.len(), 11);
    assert_eq!(certificate.source().identity, "client 22222222-2222-2222-2222-222222222222");
    assert_eq!(certificate.source().server, graph.server.uri());
}

#[tokio::test]
async fn a_tenant_with_empty_pages_and_managers_keeps_the_contract() {
    let graph = Graph::start().await;
    graph.change(|state| {
        state.empty_pages = true;
        state.users[0]["manager"] = serde_json::json!({"id": "m"});
    });
    reads_to_a_certificate(&quick(EntraSettings { manager: true, page_size: 1, ..graph.settings() })).await;
}

#[tokio::test]
async fn every_reach_keeps_the_contract() {
    let graph = Graph::start().await;
    for app in [APP, PRINCIPAL] {
        let assigned = EntraSettings { assigned_to: Some(app.to_owned()), ..graph.settings() };
        let connector = quick(assigned.clone());
        assert!(connector.capabilities().assignment);
        let (_, certificate) = reads_to_a_certificate(&connector).await;
        assert_eq!(certificate.entries_of("users"), 5, "four assigned and one deleted");
        let groups = GroupSettings { assigned: true, ..GroupSettings::default() };
        let (_, certificate) = reads_to_a_certificate(&quick(with_groups(assigned, groups))).await;
        assert_eq!(certificate.entries_of("groups"), 1);
    }
    for (transitive, users) in [(false, 4), (true, 6)] {
        let members_of = vec![group_id(0), "SALES".to_owned(), group_id(0)];
        let settings = EntraSettings { members_of, transitive, ..graph.settings() };
        let (_, certificate) = reads_to_a_certificate(&quick(settings)).await;
        assert_eq!(certificate.entries_of("users"), users, "members and one deleted");
    }
    for (guests, users) in [(Guests::Exclude, 7), (Guests::Only, 1)] {
        let settings = EntraSettings { guests, ..graph.settings() };
        let mut groups = settings.clone();
        groups.groups = None;
        if guests == Guests::Only {
            graph.change(|state| (0..3).for_each(|number| state.users[number]["userType"] = "Guest".into()));
        }
        let (_, certificate) = reads_to_a_certificate(&quick(settings)).await;
        assert_eq!(certificate.entries_of("users"), if guests == Guests::Only { 4 } else { users });
    }
}

#[tokio::test]
async fn a_tenant_without_groups_and_with_a_sealed_token_keeps_the_contract() {
    let graph = Graph::start().await;
    graph.change(|state| state.roles = None);
    let connector = quick(crate::support::alone(graph.settings()));
    assert!(!connector.capabilities().groups);
    reads_to_a_certificate(&connector).await;
}

#[tokio::test]
async fn nothing_broken_is_certified() {
    let half = r#"{"value":[{"id":"u1","#;
    for (path, second) in [("/v1.0/users", true), ("/v1.0/groups", true), ("/v1.0/$batch", false)] {
        for (name, answer) in [
            ("a server error", ResponseTemplate::new(500).set_body_raw("{}", "application/json")),
            ("a gateway", ResponseTemplate::new(502).set_body_string("<html>Bad Gateway</html>")),
            ("a page of something else", ResponseTemplate::new(200).set_body_raw("<html></html>", "text/html")),
            ("half a list", ResponseTemplate::new(200).set_body_raw(half, "application/json")),
            ("no list", ResponseTemplate::new(200).set_body_raw("{}", "application/json")),
            ("a list itself", ResponseTemplate::new(200).set_body_raw("[]", "application/json")),
            ("no object", ResponseTemplate::new(200).set_body_raw(r#"{"value":[7]}"#, "application/json")),
            (
                "an object without an id",
                ResponseTemplate::new(200).set_body_raw(r#"{"value":[{}]}"#, "application/json"),
            ),
            (
                "a byte order mark",
                ResponseTemplate::new(200).set_body_raw("\u{feff}{\"value\":[]}", "application/json"),
            ),
            ("nothing", ResponseTemplate::new(204)),
            ("a redirect", ResponseTemplate::new(302).insert_header("location", "/login")),
        ] {
            let graph = Graph::start().await;
            let broken = answer;
            graph.break_front(move |request, _| {
                let is_second = request.url.query().unwrap_or_default().contains("skiptoken=");
                (request.url.path() == path && is_second == second).then(|| broken.clone())
            });
            let error = fails_without_certificate(&quick(graph.settings())).await;
            assert!(matches!(error, ReadError::Incomplete { .. }), "{name}: {error}");
            assert!(error.to_string().contains(if second { "page 2" } else { "$batch" }), "{name}: {error}");
        }
    }
}
