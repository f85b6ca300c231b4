//! The SCIM target's wire shapes, against targets that answer by a script: every row of the error table, and writes
//! that were answered and not carried out.

use rollcall::apply::{Probe, Target, TargetError, TargetReader, Write, WriteFailure};
use rollcall::scim::Profile;
use rollcall::scim::profile::MemberRemoval;
use serde_json::{Value as Json, json};

use crate::scim_support::{
    Scripted, answer, attributes, bare, change, create, fail, id, keep, members, set_roles, update, user,
};

fn off(id: &str) -> Write {
    update(id, &[], Some(false))
}

#[tokio::test]
async fn each_error_of_a_write_means_one_thing() {
    let scim = |status: &str, kind: &str| json!({ "status": status, "scimType": kind, "detail": "in its own words" });
    let later = |status| bare(status).insert_header("retry-after", "99");
    let table = [
        (answer(400, scim("400", "invalidValue")), WriteFailure::Refused),
        (answer(400, scim("400", "mutability")), WriteFailure::Refused),
        (answer(400, json!({ "status": 400, "detail": ["one", "two"] })), WriteFailure::Refused),
        (bare(301).insert_header("location", "https://elsewhere.example/Users/1"), WriteFailure::Refused),
        (bare(401), WriteFailure::SignIn),
        (bare(403), WriteFailure::Refused),
        (later(403), WriteFailure::NotNow),
        (bare(404), WriteFailure::NotFound),
        (bare(408), WriteFailure::Unknown),
        (answer(409, scim("409", "uniqueness")), WriteFailure::Conflict),
        (bare(409), WriteFailure::Conflict),
        (bare(412), WriteFailure::NotNow),
        (bare(413), WriteFailure::Refused),
        (bare(429), WriteFailure::NotNow),
        (later(429), WriteFailure::NotNow),
        (later(503), WriteFailure::NotNow),
        (bare(500), WriteFailure::Unknown),
        (bare(502).set_body_string("<html><h1>Bad Gateway</h1></html>"), WriteFailure::Unknown),
        (bare(504), WriteFailure::Unknown),
    ];
    for (template, expected) in table {
        let script = Scripted::new([("PATCH /Users/1", template.clone())]).await;
        let error = fail(&script.target, &off("1")).await;
        assert_eq!(error.failure, expected, "{template:?}: {error}");
    }
}

#[tokio::test]
async fn an_error_repeats_the_targets_own_words() {
    let words = async |template| {
        let script = Scripted::new([("PATCH /Users/1", template)]).await;
        fail(&script.target, &off("1")).await.detail
    };
    let lines = [
        words(answer(409, json!({ "scimType": "uniqueness", "detail": "taken" }))).await,
        words(answer(400, json!({ "status": 400, "detail": ["one", "two"] }))).await,
        words(bare(502).set_body_string("<html><h1>Bad Gateway</h1></html>")).await,
        words(bare(404)).await,
        words(bare(401)).await,
        words(bare(503).insert_header("retry-after", "0")).await,
    ];
    insta::assert_snapshot!("words_of_errors", lines.join("\n"));
}

#[tokio::test]
async fn a_creation_that_is_not_answered_with_an_id_is_unknown_and_one_without_an_endpoint_is_refused() {
    let created = async |template| {
        let script = Scripted::new([("POST /Users", template)]).await;
        fail(&script.target, &create("u", "ann@acme.com")).await.failure
    };
    assert_eq!(created(bare(201)).await, WriteFailure::Unknown);
    assert_eq!(created(answer(202, user("1", "ann@acme.com"))).await, WriteFailure::Unknown);
    assert_eq!(created(bare(500)).await, WriteFailure::Unknown);
    assert_eq!(created(bare(404)).await, WriteFailure::Refused);
}

#[tokio::test]
async fn a_creation_without_a_body_is_read_back_by_its_location() {
    let write =
        Write::CreateAccount { user: id("u"), attributes: attributes(&[("email", "a@acme.com")]), roles: vec![] };
    let full = json!({ "id": "7", "userName": "a@acme.com", "externalId": "u", "active": true,
        "emails": [{ "value": "a@acme.com", "type": "work" }] });
    let located = || bare(201).insert_header("location", "https://acme.example/scim/Users/7");
    let script = Scripted::new([("POST /Users", located()), ("GET /Users/7", answer(200, full))]).await;
    assert_eq!(keep(&script.target, &write).await.as_deref(), Some("7"));

    let script = Scripted::new([("POST /Users", located()), ("GET /Users/7", bare(404))]).await;
    assert_eq!(fail(&script.target, &write).await.failure, WriteFailure::Unknown);
}

#[tokio::test]
async fn what_a_creation_did_not_keep_is_named_and_the_account_is_still_ours() {
    let kept = json!({ "id": "7", "userName": "ANN@acme.com", "displayName": "ann Lee" });
    let script = Scripted::new([("POST /Users", answer(201, kept.clone())), ("GET /Users/7", answer(200, kept))]).await;
    let written = script.target.write(&create("u", "ann@acme.com")).await.unwrap();
    assert_eq!(written.target_id.as_deref(), Some("7"));
    let mut lost: Vec<String> = written.not_kept.into_iter().map(|(name, _)| name).collect();
    lost.sort();
    let expected = [
        "custom_attributes.department",
        "externalId",
        "family_name",
        "given_name",
        "locale",
        "phone_number",
        "preferred_username",
    ];
    assert_eq!(lost, expected, "the address is kept as userName, the name as displayName");
}

#[tokio::test]
async fn a_deactivation_that_was_answered_and_not_carried_out_is_a_failure() {
    let (on, out) = (user("1", "ann"), json!({ "id": "1", "userName": "ann", "active": false }));
    for template in [bare(204), answer(200, on.clone()), answer(200, out.clone())] {
        let script = Scripted::new([("PATCH /Users/1", template), ("GET /Users/1", answer(200, on.clone()))]).await;
        let error = fail(&script.target, &off("1")).await;
        assert_eq!(error.failure, WriteFailure::Refused);
        assert!(error.detail.contains("still active"), "{error}");
        let bodies = script.played().await;
        assert_eq!(bodies[0]["Operations"], json!([{ "op": "replace", "path": "active", "value": false }]));
    }
    let script = Scripted::new([("PATCH /Users/1", bare(204)), ("GET /Users/1", answer(200, out))]).await;
    keep(&script.target, &off("1")).await;
    script.played().await;
}

#[tokio::test]
async fn whom_the_target_hides_once_he_is_deactivated_is_out() {
    let script = Scripted::new([("PATCH /Users/1", bare(200)), ("GET /Users/1", bare(404))]).await;
    keep(&script.target, &off("1")).await;
    let script = Scripted::new([("GET /Users/1", bare(404))]).await;
    assert_eq!(script.target.probe(&off("1")).await.unwrap(), Probe::Done(None));
}

#[tokio::test]
async fn a_deactivation_that_cannot_be_read_back_is_unknown() {
    for template in [bare(500), answer(200, user("2", "ben")), bare(200)] {
        let script = Scripted::new([("PATCH /Users/1", bare(204)), ("GET /Users/1", template)]).await;
        assert_eq!(fail(&script.target, &off("1")).await.failure, WriteFailure::Unknown);
    }
}

#[tokio::test]
async fn an_answer_that_promises_to_act_later_is_judged_by_what_is_there() {
    let rename = update("1", &[change("name", Some("A"), Some("B"))], None);
    for (shown, expected) in [("B", None), ("A", Some(WriteFailure::Unknown))] {
        let read = json!({ "id": "1", "displayName": shown, "name": { "formatted": shown } });
        let script = Scripted::new([("PATCH /Users/1", bare(202)), ("GET /Users/1", answer(200, read))]).await;
        assert_eq!(script.target.write(&rename).await.err().map(|error| error.failure), expected);
        script.played().await;
    }
}

#[tokio::test]
async fn a_change_without_an_answer_is_read_back_and_what_was_not_kept_is_named() {
    let changes = [
        change("name", Some("A"), Some("B")),
        change("given_name", None, Some("Bea")),
        change("locale", Some("de"), None),
    ];
    let read = json!({ "id": "1", "displayName": "B", "name": { "givenName": "Ann" } });
    let script = Scripted::new([("PATCH /Users/1", bare(204)), ("GET /Users/1", answer(200, read))]).await;
    let written = script.target.write(&update("1", &changes, None)).await.unwrap();
    assert_eq!(written.not_kept.len(), 1, "{written:?}");
    assert_eq!(written.not_kept[0].0, "given_name");
    let bodies = script.played().await;
    assert_eq!(
        bodies[0]["Operations"],
        json!([
            { "op": "replace", "path": "displayName", "value": "B" },
            { "op": "replace", "path": "name.formatted", "value": "B" },
            { "op": "replace", "path": "name.givenName", "value": "Bea" },
            { "op": "remove", "path": "locale" },
        ])
    );
}

#[tokio::test]
async fn a_target_without_patch_gets_the_whole_resource_back_with_everything_that_was_in_it() {
    let before = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "id": "1", "userName": "ann", "active": false,
        "title": "Boss", "urn:theirs": { "badge": 7 }, "meta": { "version": "1" }, "groups": [{ "value": "g" }],
    });
    let mut after = before.clone();
    after["locale"] = "de".into();
    let script = Scripted::new([
        ("PATCH /Users/1", bare(501)),
        ("GET /Users/1", answer(200, before)),
        ("PUT /Users/1", answer(200, after.clone())),
    ])
    .await;
    keep(&script.target, &update("1", &[change("locale", None, Some("de"))], None)).await;
    let put = script.played().await.pop().unwrap();
    after.as_object_mut().unwrap().retain(|name, _| name != "meta" && name != "groups");
    assert_eq!(put, after, "active, the title and their extension go back; meta and groups do not");
    assert!(!script.target.known().patch, "it is not asked to PATCH again");
}

#[tokio::test]
async fn a_put_is_tied_to_the_version_that_was_read_where_the_target_keeps_versions() {
    let profile = |etag| Profile { patch: false, etag, ..Profile::default() };
    let read = |version: &'static str| answer(200, user("1", "ann")).insert_header("etag", version);
    let shown = json!({ "id": "1", "userName": "ann", "active": true, "locale": "de" });
    let write = update("1", &[change("locale", None, Some("de"))], None);
    let script = Scripted::with(
        profile(true),
        [
            ("GET /Users/1", read("\"1\"")),
            ("PUT /Users/1", bare(412)),
            ("GET /Users/1", read("\"2\"")),
            ("PUT /Users/1", answer(200, shown.clone())),
        ],
    )
    .await;
    keep(&script.target, &write).await;
    script.played().await;
    assert_eq!(script.header(1, "if-match").await.as_deref(), Some("\"1\""));
    assert_eq!(script.header(3, "if-match").await.as_deref(), Some("\"2\""));

    let script =
        Scripted::with(profile(false), [("GET /Users/1", read("\"1\"")), ("PUT /Users/1", answer(200, shown))]).await;
    keep(&script.target, &write).await;
    assert_eq!(script.header(1, "if-match").await, None);
}

#[tokio::test]
async fn a_path_into_a_list_that_is_refused_is_sent_again_as_the_whole_list() {
    let phones = |work: &str| json!([{ "value": "1", "type": "home" }, { "value": work, "type": "work" }]);
    let shown = |work: &str| answer(200, json!({ "id": "1", "userName": "ann", "phoneNumbers": phones(work) }));
    let script = Scripted::new([
        ("GET /Users/1", shown("2")),
        ("PATCH /Users/1", answer(400, json!({ "scimType": "invalidPath" }))),
        ("PATCH /Users/1", shown("3")),
    ])
    .await;
    keep(&script.target, &update("1", &[change("phone_number", Some("2"), Some("3"))], None)).await;
    let bodies = script.played().await;
    let operation = |body: &Json| body["Operations"][0].clone();
    assert_eq!(
        operation(&bodies[1]),
        json!({ "op": "replace", "path": "phoneNumbers[type eq \"work\"].value", "value": "3" })
    );
    assert_eq!(operation(&bodies[2]), json!({ "op": "replace", "path": "phoneNumbers", "value": phones("3") }));
}

#[tokio::test]
async fn roles_that_the_target_drops_are_named_and_roles_that_stay_are_a_failure() {
    let with = |names: &[&str]| {
        let roles: Vec<Json> = names.iter().map(|name| json!({ "value": name })).collect();
        answer(200, json!({ "id": "1", "userName": "ann", "roles": roles }))
    };
    let script =
        Scripted::new([("GET /Users/1", with(&[])), ("PATCH /Users/1", with(&[])), ("GET /Users/1", with(&[]))]).await;
    let written = script.target.write(&set_roles("1", &["admin"], &[])).await.unwrap();
    assert_eq!(
        written.not_kept,
        [("roles".to_owned(), "the target answered 200 and kept no \"admin\" in roles".to_owned())]
    );
    script.played().await;

    // The answer says that it is gone; the account says that it is not.
    let script = Scripted::new([
        ("GET /Users/1", with(&["admin", "theirs"])),
        ("PATCH /Users/1", with(&["theirs"])),
        ("GET /Users/1", with(&["admin", "theirs"])),
    ])
    .await;
    let error = fail(&script.target, &set_roles("1", &[], &["admin"])).await;
    assert_eq!(error.failure, WriteFailure::Refused, "{error}");
    let bodies = script.played().await;
    assert_eq!(
        bodies[1]["Operations"],
        json!([{ "op": "replace", "path": "roles", "value": [{ "value": "theirs" }] }])
    );
}

#[tokio::test]
async fn roles_are_not_sent_to_a_target_whose_schemas_have_no_place_for_them() {
    let profile = Profile { user_attributes: Some(["username".to_owned()].into()), ..Profile::default() };
    let script = Scripted::with(profile, [("GET /Users/1", answer(200, user("1", "ann")))]).await;
    let written = script.target.write(&set_roles("1", &["admin"], &[])).await.unwrap();
    assert_eq!(written.not_kept[0].0, "roles");
    script.played().await;
}

fn group(ids: &[&str]) -> wiremock::ResponseTemplate {
    let members: Vec<Json> = ids.iter().map(|id| json!({ "value": id })).collect();
    answer(200, json!({ "id": "g", "displayName": "G", "members": members }))
}

#[tokio::test]
async fn members_that_were_answered_and_not_taken_over_are_a_failure() {
    let (a, b) = ("a".to_owned(), "b".to_owned());
    let join = members("g", &[&a, &b], &[]);
    for script in [
        vec![("PATCH /Groups/g", group(&["a"]))],
        vec![("PATCH /Groups/g", bare(204)), ("GET /Groups/g", group(&["a"]))],
    ] {
        let script = Scripted::new(script).await;
        let error = fail(&script.target, &join).await;
        assert_eq!(error.failure, WriteFailure::Refused);
        assert!(error.detail.contains("does not list b"), "{error}");
        script.played().await;
    }
    let script = Scripted::new([("PATCH /Groups/g", bare(204)), ("GET /Groups/g", group(&["a", "c"]))]).await;
    let error = fail(&script.target, &members("g", &[], &[&a])).await;
    assert!(error.detail.contains("still lists a"), "{error}");
}

#[tokio::test]
async fn a_target_that_hides_members_is_believed_and_not_asked_twice() {
    let a = "a".to_owned();
    let script =
        Scripted::new([("PATCH /Groups/g", bare(204)), ("GET /Groups/g", group(&[])), ("PATCH /Groups/g", bare(204))])
            .await;
    keep(&script.target, &members("g", &[&a], &[])).await;
    keep(&script.target, &members("g", &[], &[&a])).await;
    script.played().await;
    assert_eq!(script.target.known().shows_members, Some(false));
}

#[tokio::test]
async fn members_are_removed_by_value_where_the_path_is_refused() {
    let (a, b) = ("a".to_owned(), "b".to_owned());
    let refused = || answer(400, json!({ "scimType": "invalidValue" }));
    let script = Scripted::new([
        ("PATCH /Groups/g", refused()),
        ("GET /Groups/g", group(&["a", "b", "c"])),
        ("PATCH /Groups/g", bare(204)),
        ("GET /Groups/g", group(&["c"])),
        ("GET /Groups/g", group(&["c"])),
    ])
    .await;
    keep(&script.target, &members("g", &[], &[&a, &b])).await;
    let bodies = script.played().await;
    assert_eq!(
        bodies[0]["Operations"],
        json!([{ "op": "remove", "path": "members[value eq \"a\"]" }, { "op": "remove", "path": "members[value eq \"b\"]" }])
    );
    assert_eq!(
        bodies[2]["Operations"],
        json!([{ "op": "remove", "path": "members", "value": [{ "value": "a" }, { "value": "b" }] }])
    );
    assert_eq!(script.target.known().member_removal, MemberRemoval::ByValue);
}

#[tokio::test]
async fn a_removal_that_hit_others_too_is_undone() {
    let a = "a".to_owned();
    let script = Scripted::new([
        ("PATCH /Groups/g", answer(400, json!({ "scimType": "invalidPath" }))),
        ("GET /Groups/g", group(&["a", "b", "c"])),
        ("PATCH /Groups/g", bare(204)),
        ("GET /Groups/g", group(&[])),
        ("PATCH /Groups/g", bare(204)),
    ])
    .await;
    let error = fail(&script.target, &members("g", &[], &[&a])).await;
    assert!(error.detail.contains("2 others too"), "{error}");
    let put_back = script.played().await.pop().unwrap();
    assert_eq!(
        put_back["Operations"],
        json!([{ "op": "add", "path": "members", "value": [{ "value": "b" }, { "value": "c" }] }])
    );
    assert_eq!(script.target.known().member_removal, MemberRemoval::ByPath);
}

#[tokio::test]
async fn a_removal_whose_reach_cannot_be_seen_is_not_tried_in_another_shape() {
    let a = "a".to_owned();
    let refused = answer(400, json!({ "scimType": "invalidPath" }));
    let script = Scripted::new([("PATCH /Groups/g", refused), ("GET /Groups/g", group(&[]))]).await;
    assert_eq!(fail(&script.target, &members("g", &[], &[&a])).await.failure, WriteFailure::Refused);
    script.played().await;
}

#[tokio::test]
async fn a_list_of_members_that_is_too_long_is_halved() {
    let all: Vec<String> = ["a", "b", "c"].map(str::to_owned).into();
    let script = Scripted::new([
        ("PATCH /Groups/g", bare(413)),
        ("PATCH /Groups/g", bare(204)),
        ("PATCH /Groups/g", group(&["a", "b", "c"])),
    ])
    .await;
    keep(&script.target, &members("g", &all.iter().collect::<Vec<_>>(), &[])).await;
    let bodies = script.played().await;
    let sent = |number: usize| bodies[number]["Operations"][0]["value"].clone();
    assert_eq!(sent(1), json!([{ "value": "a" }]));
    assert_eq!(sent(2), json!([{ "value": "b" }, { "value": "c" }]));
}

#[tokio::test]
async fn who_is_not_in_a_group_any_more_does_not_keep_the_others_in() {
    let (a, b) = ("a".to_owned(), "b".to_owned());
    let none = || answer(400, json!({ "scimType": "noTarget" }));
    let script = Scripted::new([
        ("PATCH /Groups/g", none()),
        ("PATCH /Groups/g", none()),
        ("PATCH /Groups/g", bare(204)),
        ("GET /Groups/g", group(&["c"])),
    ])
    .await;
    keep(&script.target, &members("g", &[], &[&a, &b])).await;
    let bodies = script.played().await;
    assert_eq!(bodies[2]["Operations"], json!([{ "op": "remove", "path": "members[value eq \"b\"]" }]));
}

#[tokio::test]
async fn a_group_is_never_put() {
    let a = "a".to_owned();
    let script = Scripted::with(Profile { patch: false, ..Profile::default() }, []).await;
    assert_eq!(fail(&script.target, &members("g", &[&a], &[])).await.failure, WriteFailure::Refused);
    let rename = Write::RenameGroup { target_id: "g".to_owned(), name: "H".to_owned() };
    assert_eq!(fail(&script.target, &rename).await.failure, WriteFailure::Refused);
    script.played().await;
}

#[tokio::test]
async fn a_rename_that_was_answered_and_not_carried_out_is_a_failure() {
    let rename = Write::RenameGroup { target_id: "g".to_owned(), name: "H".to_owned() };
    let script = Scripted::new([("PATCH /Groups/g", bare(204)), ("GET /Groups/g", group(&[]))]).await;
    let error = fail(&script.target, &rename).await;
    assert!(error.detail.contains("still called \"G\""), "{error}");
}

#[tokio::test]
async fn each_error_of_a_read_means_one_thing() {
    let read = async |template| {
        let script = Scripted::new([("GET /Users/1", template)]).await;
        script.target.account("1").await
    };
    assert!(matches!(read(bare(404)).await, Ok(None)));
    assert!(matches!(read(bare(401)).await, Err(TargetError::SignIn(_))));
    assert!(matches!(read(bare(403)).await, Err(TargetError::Refused { status: 403, .. })));
    assert!(matches!(read(bare(500)).await, Err(TargetError::Refused { status: 500, .. })));
    assert!(matches!(read(answer(200, user("2", "ben"))).await, Err(TargetError::Unreliable { .. })));
    assert!(matches!(read(bare(200).set_body_string("<html>")).await, Err(TargetError::Unreliable { .. })));
}

#[tokio::test]
async fn nobody_listens() {
    let settings = serde_json::from_value(json!({ "url": "http://127.0.0.1:9", "http": { "attempts": 1 } })).unwrap();
    let target = rollcall::scim::ScimTarget::new(&settings).unwrap();
    assert!(matches!(target.check().await, Err(TargetError::Unreachable(_))));
    let error = fail(&target, &off("1")).await;
    assert_eq!(error.failure, WriteFailure::NotNow, "nothing was sent: {error}");
}
