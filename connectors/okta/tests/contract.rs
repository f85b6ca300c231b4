//! The contract that every connector keeps.

use rollcall_kit::contract::{fails_without_certificate, reads_to_a_certificate};
use rollcall_kit::{Connector, ReadError};
use rollcall_okta::{GroupSettings, OktaSettings};
use wiremock::ResponseTemplate;

use crate::support::{APP, Okta, group_id, quick, refusal};

#[tokio::test]
async fn an_organisation_keeps_the_contract() {
    let okta = Okta::start().await;
    let (entries, certificate) = reads_to_a_certificate(&quick(okta.settings())).await;
    assert_eq!((certificate.entries_of("users"), certificate.entries_of("groups")), (9, 3));
    assert_eq!(entries.len(), 12);
    assert_eq!(certificate.source().identity, "client 0oaservice");
    assert_eq!(certificate.source().server, okta.server.uri());
    assert!(certificate.scopes().contains(&"okta.users.read".to_owned()), "{:?}", certificate.scopes());
}

#[tokio::test]
async fn every_reach_keeps_the_contract() {
    let okta = Okta::start().await;
    let assigned = OktaSettings { assigned_to: Some(APP.to_owned()), ..okta.settings() };
    let connector = quick(assigned.clone());
    assert!(connector.capabilities().assignment);
    let (_, certificate) = reads_to_a_certificate(&connector).await;
    assert_eq!(certificate.entries_of("users"), 4, "three assigned and one deactivated");
    let groups = Some(GroupSettings { assigned: true, ..GroupSettings::default() });
    reads_to_a_certificate(&quick(OktaSettings { groups, ..assigned })).await;
    let members = OktaSettings { members_of: vec![group_id(0), "eng".to_owned()], ..okta.settings() };
    okta.change(|state| state.groups[2]["profile"]["name"] = "eng".into());
    let (_, certificate) = reads_to_a_certificate(&quick(members)).await;
    assert_eq!(certificate.entries_of("users"), 3, "two members and one deactivated");
}

#[tokio::test]
async fn an_api_token_without_groups_keeps_the_contract() {
    let okta = Okta::start().await;
    let token = Some(okta.secret("token", "00secret"));
    let settings = OktaSettings { token, client_id: None, private_key: None, groups: None, ..okta.settings() };
    let connector = quick(settings);
    assert!(!connector.capabilities().groups);
    reads_to_a_certificate(&connector).await;
}

#[tokio::test]
async fn nothing_broken_is_certified() {
    let pages = ["/api/v1/users", "/api/v1/groups", &format!("/api/v1/groups/{}/users", group_id(0))];
    for path in pages.map(ToOwned::to_owned) {
        for (name, answer) in [
            ("a server error", refusal(500, "E0000009", "Internal Server Error")),
            ("maintenance", refusal(503, "E0000010", "Service is in read only mode")),
            ("a gateway", ResponseTemplate::new(502).set_body_string("<html>Bad Gateway</html>")),
            ("a page of something else", ResponseTemplate::new(200).set_body_raw("<html></html>", "text/html")),
            ("half a list", ResponseTemplate::new(200).set_body_raw(r#"[{"id":"00u1","#, "application/json")),
            ("no list", ResponseTemplate::new(200).set_body_raw("{}", "application/json")),
            ("a list of something else", ResponseTemplate::new(200).set_body_raw("[7]", "application/json")),
            (
                "an object without an id",
                ResponseTemplate::new(200).set_body_raw(r#"[{"id":null}]"#, "application/json"),
            ),
            ("a byte order mark", ResponseTemplate::new(200).set_body_raw("\u{feff}[]", "application/json")),
            ("nothing", ResponseTemplate::new(204)),
            ("a redirect", ResponseTemplate::new(302).insert_header("location", "/login")),
        ] {
            let okta = Okta::start().await;
            let (broken, path) = (answer, path.clone());
            // The first page is good; it is the second that breaks.
            okta.break_by(move |request, _| {
                let second = request.url.path() == path && request.url.query().unwrap_or_default().contains("after=");
                second.then(|| broken.clone())
            });
            let error = fails_without_certificate(&quick(okta.settings())).await;
            assert!(matches!(error, ReadError::Incomplete { .. }), "{name}: {error}");
            assert!(error.to_string().contains("page 2"), "{name}: {error}");
        }
    }
}
