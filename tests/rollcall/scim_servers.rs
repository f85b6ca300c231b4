//! The SCIM target against real servers that nobody here wrote.

use futures::stream::{self, StreamExt};
use rollcall::apply::{Probe, TargetError, TargetReader, Write, WriteFailure};
use rollcall::plan::Match;
use rollcall::scim::profile::Paging;
use rollcall::scim::{RoleDelivery, ScimTarget};
use rollcall_kit::CheckLevel;
use rollcall_test_servers::scim::{ScimKind, ScimServer};

use crate::scim_support::{
    candidate, change, create, fail, find, id, keep, matched, members, person, set_roles, settings, target, update,
};

/// Servers on which everything must work that a target may be asked for.
const ABLE: [ScimKind; 4] = [ScimKind::Scim2, ScimKind::Scim2Cursor, ScimKind::Scim2NoEtag, ScimKind::Scimmy];

#[tokio::test]
async fn an_account_lives_its_whole_life_on_every_able_server() {
    for kind in ABLE.into_iter().chain([ScimKind::Scim2NoPatch, ScimKind::Scim2NoFilter, ScimKind::Scimmy5]) {
        let server = ScimServer::start(kind);
        live(&target(&server, |_| ())).await;
    }
}

/// Creation, update, deactivation, reactivation and deletion of one account, each read back.
async fn live(target: &ScimTarget) {
    let ann = keep(target, &create("u-ann", "Ann@acme.com")).await.unwrap();
    let account = target.account(&ann).await.unwrap().unwrap();
    assert_eq!((account.external_id.as_deref(), account.user_name.as_str()), (Some("u-ann"), "Ann@acme.com"));
    assert!(account.active);
    for (name, value) in person("Ann@acme.com") {
        assert_eq!(account.attributes.get(&name), Some(&value), "{name}");
    }

    let changes = [
        change("family_name", Some("Lee"), Some("Lee-Öztürk")),
        change("locale", Some("de-DE"), None),
        change("phone_number", Some("+49 30 1234"), Some("+49 30 99")),
        change("picture", None, Some("https://acme.com/ann.png")),
        change("custom_attributes.department", Some("Engineering"), Some("Research")),
    ];
    keep(target, &update(&ann, &changes, None)).await;
    let account = target.account(&ann).await.unwrap().unwrap();
    assert_eq!(account.attributes.get("family_name"), Some(&"Lee-Öztürk".into()));
    assert_eq!(account.attributes.get("locale"), None);
    assert_eq!(account.attributes.get("phone_number"), Some(&"+49 30 99".into()));
    assert_eq!(account.attributes.get("picture"), Some(&"https://acme.com/ann.png".into()));
    assert_eq!(account.attributes.get("custom_attributes.department"), Some(&"Research".into()));
    assert_eq!(account.attributes.get("given_name"), Some(&"Ann".into()), "what was not changed stays");

    keep(target, &update(&ann, &[], Some(false))).await;
    assert!(!target.account(&ann).await.unwrap().unwrap().active);
    keep(target, &update(&ann, &[change("name", None, Some("Ann Ö"))], None)).await;
    assert!(!target.account(&ann).await.unwrap().unwrap().active, "an update does not re-activate");
    keep(target, &update(&ann, &[change("given_name", Some("Ann"), Some("Anna"))], Some(true))).await;
    assert!(target.account(&ann).await.unwrap().unwrap().active);

    let delete = Write::DeleteAccount { target_id: ann.clone() };
    keep(target, &delete).await;
    assert_eq!(target.account(&ann).await.unwrap(), None);
    keep(target, &delete).await;
    assert_eq!(target.probe(&delete).await.unwrap(), Probe::Done(None));
    let gone = fail(target, &update(&ann, &[], Some(true))).await;
    assert_eq!(gone.failure, WriteFailure::NotFound, "{gone}");
}

#[tokio::test]
async fn roles_of_others_stay_when_ours_change() {
    for kind in ABLE.into_iter().chain([ScimKind::Scim2NoPatch]) {
        for delivery in [RoleDelivery::Roles, RoleDelivery::Entitlements] {
            let server = ScimServer::start(kind);
            let target = target(&server, |settings| settings.roles = delivery);
            let ann = keep(&target, &create("u-ann", "ann@acme.com")).await.unwrap();
            keep(&target, &set_roles(&ann, &["theirs"], &[])).await;
            for (grant, revoke, expected) in [
                (&["editor", "viewer"][..], &[][..], &["theirs", "editor", "viewer"][..]),
                (&["editor"], &[], &["theirs", "editor", "viewer"]),
                (&["admin"], &["editor", "never had"], &["theirs", "viewer", "admin"]),
                (&[], &["viewer", "admin"], &["theirs"]),
                (&[], &["theirs"], &[]),
            ] {
                let write = set_roles(&ann, grant, revoke);
                keep(&target, &write).await;
                assert_eq!(target.probe(&write).await.unwrap(), Probe::Done(None));
                let account = target.account(&ann).await.unwrap().unwrap();
                let shown: Vec<&str> = account.roles.iter().map(|role| role.0.as_str()).collect();
                assert_eq!(shown, expected, "{kind:?}");
            }
        }
    }
}

#[tokio::test]
async fn groups_and_members_follow() {
    for kind in ABLE {
        let server = ScimServer::start(kind);
        let target = target(&server, |settings| settings.members_per_request = 2);
        let mut people = Vec::new();
        for name in ["ann", "ben", "cem", "dan", "eva"] {
            people.push(keep(&target, &create(&format!("u-{name}"), &format!("{name}@acme.com"))).await.unwrap());
        }
        let creation = Write::CreateGroup { name: "Engineers \"Süd\"".to_owned(), external_id: "g-1".to_owned() };
        assert_eq!(target.probe(&creation).await.unwrap(), Probe::NotDone);
        let group = keep(&target, &creation).await.unwrap();
        assert_eq!(target.probe(&creation).await.unwrap(), Probe::Done(Some(group.clone())));
        assert_eq!(target.group("Engineers \"Süd\"").await.unwrap(), Some(group.clone()));
        assert_eq!(target.group("engineers \"süd\"").await.unwrap(), None, "a name is matched exactly");

        let all: Vec<&String> = people.iter().collect();
        let join = members(&group, &all, &[]);
        let unclear = Probe::Unclear(format!("the target shows no members of the group {group}"));
        assert_eq!(target.probe(&join).await.unwrap(), unclear, "it may be empty, or hide them");
        keep(&target, &join).await;
        assert_eq!(target.probe(&join).await.unwrap(), Probe::Done(None), "{kind:?}");
        let leave = members(&group, &[], &all[..3]);
        assert_eq!(target.probe(&leave).await.unwrap(), Probe::NotDone);
        keep(&target, &leave).await;
        assert_eq!(target.probe(&leave).await.unwrap(), Probe::Done(None));
        keep(&target, &leave).await;
        let both = members(&group, &all[..1], &all[3..4]);
        keep(&target, &both).await;
        assert_eq!(target.probe(&both).await.unwrap(), Probe::Done(None));

        let rename = Write::RenameGroup { target_id: group.clone(), name: "Engineers".to_owned() };
        keep(&target, &rename).await;
        assert_eq!(target.group("Engineers").await.unwrap(), Some(group.clone()));
        let delete = Write::DeleteGroup { target_id: group.clone() };
        keep(&target, &delete).await;
        assert_eq!(target.probe(&delete).await.unwrap(), Probe::Done(None));
        assert_eq!(target.group("Engineers").await.unwrap(), None);
    }
}

#[tokio::test]
async fn odd_names_are_found_again() {
    let odd = [
        r#"o"neil@acme.com"#,
        r"back\slash@acme.com",
        "plus+tag@acme.com",
        "jürgen.größe@acme.com",
        "slash/and%20percent&amp?x=1#y@acme.com",
        "o'hara@acme.com",
    ];
    for kind in ABLE {
        let server = ScimServer::start(kind);
        let target = target(&server, |_| ());
        for (number, address) in odd.iter().enumerate() {
            let account = keep(&target, &create(&format!("id\"{number}\\"), address)).await.unwrap();
            let marked = candidate(&format!("id\"{number}\\"), address);
            let found = find(&target, std::slice::from_ref(&marked), 0).await.unwrap();
            assert_eq!(matched(&found[&marked.user]), Some(("externalId", account.as_str())), "{kind:?} {address}");
            let stranger = candidate("another", address);
            let found = find(&target, std::slice::from_ref(&stranger), 0).await.unwrap();
            assert_eq!(matched(&found[&stranger.user]), Some(("userName", account.as_str())), "{kind:?} {address}");
        }
    }
}

#[tokio::test]
async fn three_hundred_people_are_found_by_walking_the_list() {
    for kind in ABLE.into_iter().chain([ScimKind::Scim2NoFilter]) {
        let server = ScimServer::start(kind);
        let target = target(&server, |_| ());
        let people: Vec<_> = (0..300).map(|n| candidate(&format!("u-{n}"), &format!("p{n}@acme.com"))).collect();
        stream::iter(&people)
            .for_each_concurrent(8, async |person| {
                let write = Write::CreateAccount {
                    user: person.user.clone(),
                    attributes: person.attributes.clone(),
                    roles: Vec::new(),
                };
                keep(&target, &write).await;
            })
            .await;
        assert_eq!(target.accounts().await.unwrap().len(), 300, "{kind:?}");
        let mut asked = people.clone();
        asked.push(candidate("nobody", "nobody@acme.com"));
        asked.push(candidate("renamed", "P7@ACME.COM"));
        let found = find(&target, &asked, 0).await.unwrap();
        assert!(people.iter().all(|person| matched(&found[&person.user]).is_some_and(|(by, _)| by == "externalId")));
        assert_eq!(found[&id("nobody")], Match::None);
        assert_eq!(matched(&found[&id("renamed")]).map(|(by, _)| by), Some("userName"));
    }
}

#[tokio::test]
async fn a_server_whose_every_page_is_the_first_lets_nobody_be_taken_for_absent() {
    let server = ScimServer::start(ScimKind::Scimmy5);
    let target = target(&server, |_| ());
    for n in 0..60 {
        keep(&target, &create(&format!("u-{n}"), &format!("p{n}@acme.com"))).await;
    }
    let walk = target.accounts().await.unwrap_err();
    assert!(matches!(walk, TargetError::Unreliable { .. }), "{walk}");
    // More than are looked up one by one: the list is tried first, does not add up, and filters settle it.
    let people: Vec<_> = (0..70).map(|n| candidate(&format!("u-{n}"), &format!("p{n}@acme.com"))).collect();
    let found = find(&target, &people, 0).await.unwrap();
    for (n, person) in people.iter().enumerate() {
        match &found[&person.user] {
            Match::One(account, "externalId") if n < 60 => assert_eq!(account.external_id, Some(format!("u-{n}"))),
            Match::None if n >= 60 => {}
            other => panic!("{n}: {other:?}"),
        }
    }
    // Where the filter is not to be trusted either, nobody knows.
    let delicate = candidate("u-80", r#"o"neil@acme.com"#);
    match &find(&target, std::slice::from_ref(&delicate), 0).await.unwrap()[&delicate.user] {
        Match::Unknown(reason) => assert!(reason.contains("counts 60 and shows 20"), "{reason}"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_account_that_a_filter_hides_is_found_after_the_conflict_that_it_causes() {
    let server = ScimServer::start(ScimKind::Scimmy);
    let target = target(&server, |settings| settings.match_by = vec!["userName".to_owned()]);
    let ann = keep(&target, &create("u-1", "Ann@acme.com")).await.unwrap();
    let asked = candidate("u-2", "ann@acme.com");
    let find = async || find(&target, std::slice::from_ref(&asked), 0).await.unwrap()[&asked.user].clone();
    assert_eq!(find().await, Match::None, "this server's filter minds the case");
    let error = fail(&target, &create("u-2", "ann@acme.com")).await;
    assert_eq!(error.failure, WriteFailure::Conflict, "{error}");
    assert_eq!(matched(&find().await), Some(("userName", ann.as_str())));
}

#[tokio::test]
async fn a_name_that_is_taken_is_a_conflict_that_says_by_whom() {
    for kind in ABLE {
        let server = ScimServer::start(kind);
        let target = target(&server, |_| ());
        let first = keep(&target, &create("u-1", "ann@acme.com")).await.unwrap();
        keep(&target, &update(&first, &[], Some(false))).await;
        let error = fail(&target, &create("u-2", "ann@acme.com")).await;
        assert_eq!(error.failure, WriteFailure::Conflict);
        assert!(error.detail.contains(&format!("The deactivated account {first} has the userName")), "{error}");
        assert_eq!(target.probe(&create("u-2", "ann@acme.com")).await.unwrap(), Probe::NotDone);
        assert_eq!(target.probe(&create("u-1", "ann@acme.com")).await.unwrap(), Probe::Done(Some(first)));
    }
}

#[tokio::test]
async fn an_adopted_account_bears_our_mark() {
    for kind in ABLE.into_iter().chain([ScimKind::Scim2NoPatch]) {
        let server = ScimServer::start(kind);
        let target = target(&server, |_| ());
        let ann = keep(&target, &create("old", "ann@acme.com")).await.unwrap();
        let adopt = Write::UpdateAccount {
            target_id: ann.clone(),
            external_id: Some(id("new")),
            changes: vec![],
            active: Some(true),
        };
        assert_eq!(target.probe(&adopt).await.unwrap(), Probe::NotDone);
        keep(&target, &adopt).await;
        assert_eq!(target.probe(&adopt).await.unwrap(), Probe::Done(None));
        let asked = [candidate("new", "ann@acme.com"), candidate("old", "ann@acme.com")];
        let found = find(&target, &asked, 0).await.unwrap();
        assert_eq!(matched(&found[&id("new")]), Some(("externalId", ann.as_str())));
        assert_eq!(matched(&found[&id("old")]), Some(("userName", ann.as_str())));
    }
}

#[tokio::test]
async fn discovery_tells_the_servers_apart() {
    let profile = async |kind| {
        let server = ScimServer::start(kind);
        target(&server, |_| ()).profile().await.unwrap()
    };
    let able = profile(ScimKind::Scim2).await;
    assert!(able.patch && able.filter && able.etag && able.groups);
    assert!(able.user_attributes.is_some_and(|known| known.contains("name.givenname") && known.contains("roles")));
    let cursor = profile(ScimKind::Scim2Cursor).await;
    assert_eq!((cursor.paging, cursor.page_size), (Paging::Cursor, 25));
    assert!(!profile(ScimKind::Scim2NoPatch).await.patch);
    assert!(!profile(ScimKind::Scim2NoFilter).await.filter);
    let scimmy = profile(ScimKind::Scimmy).await;
    assert_eq!((scimmy.page_size, scimmy.etag), (200, false));
}

#[tokio::test]
async fn check_says_what_a_server_cannot_do() {
    let sentences = async |kind| {
        let server = ScimServer::start(kind);
        let findings = target(&server, |_| ()).check().await.unwrap();
        assert!(findings.iter().all(|finding| finding.level != CheckLevel::Problem), "{findings:?}");
        findings
            .into_iter()
            .map(|finding| format!("{:?}: {}", finding.level, finding.sentence.replace(server.url(), "URL")))
            .collect::<Vec<_>>()
            .join("\n")
    };
    insta::assert_snapshot!("check_scim2", sentences(ScimKind::Scim2).await);
    insta::assert_snapshot!("check_no_patch", sentences(ScimKind::Scim2NoPatch).await);
    insta::assert_snapshot!("check_no_filter", sentences(ScimKind::Scim2NoFilter).await);
    insta::assert_snapshot!("check_scimmy", sentences(ScimKind::Scimmy).await);
}

#[tokio::test]
async fn a_wrong_token_is_a_refused_sign_in() {
    for kind in [ScimKind::Scim2, ScimKind::Scimmy] {
        let server = ScimServer::start(kind);
        let wrong = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(wrong.path(), "wrong").unwrap();
        let target = ScimTarget::new(&settings(server.url(), wrong.path())).unwrap();
        assert!(matches!(target.check().await, Err(TargetError::SignIn(_))));
        let error = fail(&target, &create("u-1", "ann@acme.com")).await;
        assert_eq!(error.failure, WriteFailure::SignIn, "{error}");
        assert!(!error.detail.contains("wrong"), "{error}");
    }
}
