//! The SCIM target's lists and look-ups against targets that lie, and answers that get lost.

use rollcall::apply::{Probe, TargetError, TargetReader};
use rollcall::plan::Match;
use rollcall::scim::Profile;
use rollcall::scim::profile::Paging;
use rollcall_test_servers::scim::{ScimKind, ScimServer};
use serde_json::{Value as Json, json};
use wiremock::ResponseTemplate;

use crate::cut::CutOff;
use crate::scim_support::{
    Scripted, answer, bare, candidate, create, fail, find, id, keep, matched, page, settings, target, user,
};

fn users(range: std::ops::Range<usize>) -> Vec<Json> {
    range.map(|n| user(&format!("i{n}"), &format!("p{n}@acme.com"))).collect()
}

fn marked(id: &str, name: &str, mark: &str) -> Json {
    json!({ "id": id, "userName": name, "externalId": mark, "emails": [{ "value": name }] })
}

/// A target that is asked for two users at once.
fn by_twos() -> Profile {
    Profile { page_size: 2, ..Profile::default() }
}

async fn walked(lines: Vec<(&'static str, ResponseTemplate)>) -> Result<usize, String> {
    let script = Scripted::with(by_twos(), lines).await;
    let walked = script.target.accounts().await;
    script.played().await;
    walked.map(|accounts| accounts.len()).map_err(|error| {
        assert!(matches!(error, TargetError::Unreliable { .. }), "{error}");
        error.to_string()
    })
}

const FIRST: &str = "GET /Users?startIndex=1&count=2";
const SECOND: &str = "GET /Users?startIndex=2&count=2";
const THIRD: &str = "GET /Users?startIndex=3&count=2";
const FOURTH: &str = "GET /Users?startIndex=4&count=2";

#[tokio::test]
async fn a_walk_goes_on_by_what_it_received_until_a_page_brings_nothing_new() {
    let short_pages = vec![(FIRST, page(3, &users(0..1))), (SECOND, page(3, &users(1..3))), (FOURTH, page(3, &[]))];
    assert_eq!(walked(short_pages).await, Ok(3));
    let past_the_end_is_the_first_page_again = vec![(FIRST, page(2, &users(0..2))), (THIRD, page(2, &users(0..2)))];
    assert_eq!(walked(past_the_end_is_the_first_page_again).await, Ok(2));
    let total_is_the_page =
        vec![(FIRST, page(2, &users(0..2))), (THIRD, page(2, &users(2..3))), (FOURTH, page(2, &[]))];
    assert_eq!(walked(total_is_the_page).await, Ok(3));
}

#[tokio::test]
async fn a_walk_that_does_not_add_up_is_an_error() {
    let every_page_is_the_first = vec![(FIRST, page(5, &users(0..2))), (THIRD, page(5, &users(0..2)))];
    insta::assert_snapshot!("walk_that_falls_short", walked(every_page_is_the_first).await.unwrap_err());
    let ends_early = vec![(FIRST, page(5, &users(0..2))), (THIRD, page(5, &[]))];
    assert!(walked(ends_early).await.is_err());
    let nameless = vec![(FIRST, page(1, &[json!({ "id": "1" })])), (SECOND, page(1, &[]))];
    assert!(walked(nameless).await.is_err());
    let without_id = vec![(FIRST, page(1, &[json!({ "userName": "ann" })]))];
    assert!(walked(without_id).await.is_err());
    let no_list = vec![(FIRST, answer(200, json!({ "hello": "world" })))];
    assert!(walked(no_list).await.is_err());
}

#[tokio::test]
async fn a_walk_under_which_the_list_changes_begins_anew() {
    let script = vec![
        (FIRST, page(3, &users(0..2))),
        (THIRD, page(2, &users(3..4))),
        (FIRST, page(2, &users(0..2))),
        (THIRD, page(2, &[])),
    ];
    assert_eq!(walked(script).await, Ok(2));
    let restless = (0..4).flat_map(|n| [(FIRST, page(9 + n, &users(0..2))), (THIRD, page(8 - n, &users(2..4)))]);
    assert!(walked(restless.collect()).await.unwrap_err().contains("totalResults changed"));
}

#[tokio::test]
async fn a_failed_page_is_no_end() {
    let script = Scripted::with(by_twos(), [(FIRST, page(2, &users(0..2))), (THIRD, bare(500))]).await;
    assert!(matches!(script.target.accounts().await, Err(TargetError::Refused { status: 500, .. })));
}

fn cursor_page(total: Option<usize>, resources: &[Json], next: Option<&str>) -> ResponseTemplate {
    let mut list = json!({ "Resources": resources });
    if let Some(total) = total {
        list["totalResults"] = total.into();
    }
    if let Some(next) = next {
        list["nextCursor"] = next.into();
    }
    answer(200, list)
}

#[tokio::test]
async fn cursors_are_followed_where_the_index_is_not_to_be_had() {
    let rest = || {
        [
            ("GET /Users?cursor=&count=2", cursor_page(None, &users(0..2), Some("a/b"))),
            // A page may be empty and not be the last.
            ("GET /Users?cursor=a%2Fb&count=2", cursor_page(None, &[], Some("c"))),
            ("GET /Users?cursor=c&count=2", cursor_page(Some(3), &users(2..3), None)),
        ]
    };
    for first in [bare(501), cursor_page(Some(3), &users(0..2), Some("z"))] {
        let script = Scripted::with(by_twos(), [(FIRST, first)].into_iter().chain(rest())).await;
        assert_eq!(script.target.accounts().await.unwrap().len(), 3);
        script.played().await;
        assert_eq!(script.target.known().paging, Paging::Cursor);
    }
}

#[tokio::test]
async fn an_expired_cursor_begins_the_walk_anew_and_a_circle_of_cursors_is_an_error() {
    let profile = || Profile { paging: Paging::Cursor, ..by_twos() };
    let expired = || answer(400, json!({ "scimType": "expiredCursor" }));
    let start = || ("GET /Users?cursor=&count=2", cursor_page(None, &users(0..2), Some("c")));
    let script = Scripted::with(
        profile(),
        [
            start(),
            ("GET /Users?cursor=c&count=2", expired()),
            start(),
            ("GET /Users?cursor=c&count=2", cursor_page(None, &users(2..4), None)),
        ],
    )
    .await;
    assert_eq!(script.target.accounts().await.unwrap().len(), 4);

    let circle = ("GET /Users?cursor=c&count=2", cursor_page(None, &users(0..2), Some("c")));
    let script = Scripted::with(profile(), [start(), circle]).await;
    assert!(matches!(script.target.accounts().await, Err(TargetError::Unreliable { .. })));

    let short = ("GET /Users?cursor=c&count=2", cursor_page(Some(9), &users(2..4), None));
    let script = Scripted::with(profile(), [start(), short]).await;
    assert!(matches!(script.target.accounts().await, Err(TargetError::Unreliable { .. })));
}

const BY_MARK: &str = "GET /Users?filter=externalId%20eq%20%22u%22";
const BY_NAME: &str = "GET /Users?filter=userName%20eq%20%22ann%40acme.com%22";
const BY_MAIL: &str = "GET /Users?filter=emails.value%20eq%20%22ann%40acme.com%22";
const WALK: &str = "GET /Users?startIndex=1&count=100";

async fn found(lines: impl IntoIterator<Item = (&'static str, ResponseTemplate)>) -> (Match, Scripted) {
    let script = Scripted::new(lines).await;
    let found = find(&script.target, &[candidate("u", "ann@acme.com")], 0).await.unwrap();
    script.played().await;
    (found[&id("u")].clone(), script)
}

#[tokio::test]
async fn our_mark_settles_whose_an_account_is() {
    let (found, _) = found([(BY_MARK, page(1, &[marked("7", "other@acme.com", "u")]))]).await;
    assert_eq!(matched(&found), Some(("externalId", "7")));
}

#[tokio::test]
async fn a_target_that_ignores_the_filter_never_yields_a_stranger() {
    let mut everybody = users(0..40);
    everybody.push(marked("7", "ANN@acme.com", "theirs"));
    let after = "GET /Users?startIndex=42&count=100";
    let (found, script) = found([
        (BY_MARK, page(41, &everybody)),
        (BY_NAME, page(41, &everybody)),
        (BY_MAIL, page(41, &everybody)),
        (WALK, page(41, &everybody)),
        (after, page(41, &[])),
    ])
    .await;
    assert_eq!(
        matched(&found),
        Some(("userName", "7")),
        "one of the strangers' page is the user, without regard to case"
    );
    assert_eq!(script.target.known().unfilterable.len(), 3, "and it is not asked like this again");
}

#[tokio::test]
async fn a_target_that_ignores_the_filter_and_does_not_add_up_leaves_it_unknown() {
    let (found, _) = found([
        (BY_MARK, page(90, &users(0..20))),
        (BY_NAME, page(0, &[])),
        (BY_MAIL, page(0, &[])),
        (WALK, page(90, &users(0..20))),
        ("GET /Users?startIndex=21&count=100", page(90, &users(0..20))),
    ])
    .await;
    let Match::Unknown(reason) = found else { panic!("{found:?}") };
    insta::assert_snapshot!("look_up_that_settles_nothing", reason);
}

#[tokio::test]
async fn a_filter_that_counts_more_than_it_shows_is_not_believed() {
    let (found, _) = found([
        (BY_MARK, page(1, &[])),
        (BY_NAME, page(0, &[])),
        (BY_MAIL, page(0, &[])),
        (WALK, page(1, &[marked("7", "x@acme.com", "u")])),
        ("GET /Users?startIndex=2&count=100", page(1, &[])),
    ])
    .await;
    assert_eq!(matched(&found), Some(("externalId", "7")));
}

#[tokio::test]
async fn a_filter_whose_answer_goes_on_behind_a_cursor_is_not_believed() {
    let (found, _) = found([
        (BY_MARK, cursor_page(None, &[], Some("more"))),
        (BY_NAME, page(0, &[])),
        (BY_MAIL, page(0, &[])),
        (WALK, page(1, &[marked("7", "x@acme.com", "u")])),
        ("GET /Users?startIndex=2&count=100", page(1, &[])),
    ])
    .await;
    assert_eq!(matched(&found), Some(("externalId", "7")));
}

#[tokio::test]
async fn a_filter_that_is_refused_is_made_up_for_by_the_list() {
    let (found, _) = found([
        (BY_MARK, page(0, &[])),
        (BY_NAME, page(0, &[])),
        (BY_MAIL, answer(400, json!({ "scimType": "invalidFilter" }))),
        (WALK, page(1, &[json!({ "id": "7", "userName": "a", "emails": [{ "value": "Ann@ACME.com" }] })])),
        ("GET /Users?startIndex=2&count=100", page(1, &[])),
    ])
    .await;
    assert_eq!(matched(&found), Some(("emails.value", "7")));
}

#[tokio::test]
async fn a_list_that_is_refused_says_nothing_about_anybody() {
    let profile = Profile { filter: false, ..Profile::default() };
    let script = Scripted::with(profile, [(WALK, bare(403))]).await;
    let matches = find(&script.target, &[candidate("u", "ann@acme.com")], 0).await.unwrap();
    assert!(matches!(&matches[&id("u")], Match::Unknown(reason) if reason.contains("403")), "{matches:?}");
}

#[tokio::test]
async fn a_list_that_shows_fewer_accounts_than_ours_leaves_it_unknown() {
    let profile = || Profile { filter: false, ..Profile::default() };
    let walk = || [(WALK, page(2, &users(0..2))), ("GET /Users?startIndex=3&count=100", page(2, &[]))];
    let asked = async |ours: usize| {
        let script = Scripted::with(profile(), walk()).await;
        find(&script.target, &[candidate("u", "ann@acme.com")], ours).await.unwrap()[&id("u")].clone()
    };
    assert_eq!(asked(2).await, Match::None);
    let Match::Unknown(reason) = asked(3).await else { panic!("three are ours, and two are shown") };
    insta::assert_snapshot!("list_that_shows_fewer_than_ours", reason);
}

#[tokio::test]
async fn many_candidates_are_sought_in_the_list_if_that_takes_fewer_requests() {
    let many: Vec<_> = (0..51).map(|n| candidate(&format!("u{n}"), &format!("p{n}@acme.com"))).collect();
    let script = Scripted::with(
        by_twos(),
        [
            (FIRST, page(3, &users(49..51))),
            (FIRST, page(3, &users(49..51))),
            (THIRD, page(3, &users(51..52))),
            (FOURTH, page(3, &[])),
        ],
    )
    .await;
    let matches = find(&script.target, &many, 0).await.unwrap();
    script.played().await;
    assert_eq!(matches.len(), 51);
    assert_eq!(matches.values().filter(|found| **found == Match::None).count(), 49);
    assert_eq!(matched(&matches[&id("u50")]), Some(("userName", "i50")));

    // A list of half a million users is not read for the sake of fifty-one.
    let script = Scripted::with(by_twos(), [(FIRST, page(500_000, &users(0..2)))]).await;
    assert!(find(&script.target, &many, 0).await.is_err(), "the script ends where the filters begin");
    let asked = script.requests().await;
    assert!(asked[1].contains("filter"), "{asked:?}");
}

#[tokio::test]
async fn two_accounts_for_one_person_are_both_named() {
    let twice = [marked("7", "a@acme.com", "u"), marked("8", "b@acme.com", "u")];
    let (same_mark, _) = found([(BY_MARK, page(2, &twice))]).await;
    let named = |id: &str, name: &str| (id.to_owned(), name.to_owned());
    assert_eq!(same_mark, Match::Many(vec![named("7", "a@acme.com"), named("8", "b@acme.com")]));

    let by_mail = json!({ "id": "9", "userName": "annie", "emails": [{ "value": "ann@acme.com" }] });
    let (name_and_address, _) = found([
        (BY_MARK, page(0, &[])),
        (BY_NAME, page(1, &[marked("7", "ann@acme.com", "theirs")])),
        (BY_MAIL, page(1, &[by_mail])),
    ])
    .await;
    assert_eq!(name_and_address, Match::Many(vec![named("7", "ann@acme.com"), named("9", "annie")]));
}

#[tokio::test]
async fn a_look_up_that_fails_is_an_error_and_not_an_absence() {
    for status in [500, 503, 429, 403] {
        let script = Scripted::new([(BY_MARK, bare(status))]).await;
        assert!(find(&script.target, &[candidate("u", "ann@acme.com")], 0).await.is_err(), "{status}");
    }
}

#[tokio::test]
async fn several_groups_of_one_name_are_an_error_and_one_of_another_case_is_another() {
    let by_name = "GET /Groups?filter=displayName%20eq%20%22Eng%22";
    let group = |id: &str, name: &str| json!({ "id": id, "displayName": name });
    let asked =
        async |groups: &[Json]| Scripted::new([(by_name, page(groups.len(), groups))]).await.target.group("Eng").await;
    assert_eq!(asked(&[]).await.unwrap(), None);
    assert_eq!(asked(&[group("1", "eng"), group("2", "Eng")]).await.unwrap().as_deref(), Some("2"));
    assert!(matches!(asked(&[group("1", "Eng"), group("2", "Eng")]).await, Err(TargetError::Unreliable { .. })));
}

#[tokio::test]
async fn an_account_whose_creation_got_no_answer_is_found_and_not_created_twice() {
    for kind in [ScimKind::Scim2NoEtag, ScimKind::Scimmy] {
        let server = ScimServer::start(kind);
        let cut = CutOff::before(server.url()).await;
        let lossy = rollcall::scim::ScimTarget::new(&settings(&cut.url(), server.token_file()))
            .unwrap()
            .with_profile(Profile::default());
        let error = fail(&lossy, &create("u", "ann@acme.com")).await;
        assert_eq!(error.failure, rollcall::apply::WriteFailure::Unknown, "{error}");

        let target = target(&server, |_| ());
        let Probe::Done(Some(ann)) = target.probe(&create("u", "ann@acme.com")).await.unwrap() else {
            panic!("{kind:?}: it was created");
        };
        let accounts = target.accounts().await.unwrap();
        assert_eq!(accounts.iter().map(|account| account.target_id.as_str()).collect::<Vec<_>>(), [ann.as_str()]);
        assert_eq!(target.probe(&create("v", "ben@acme.com")).await.unwrap(), Probe::NotDone);
        keep(&target, &create("v", "ben@acme.com")).await;
    }
}

#[tokio::test]
async fn an_unmarked_account_is_ours_only_if_it_holds_all_that_was_sent() {
    let full = json!({
        "id": "7", "userName": "ann@acme.com", "active": true, "locale": "de-DE", "nickName": "ann",
        "displayName": "ann Lee", "name": { "formatted": "ann Lee", "givenName": "ann", "familyName": "Lee" },
        "emails": [{ "value": "ann@acme.com", "type": "work" }], "phoneNumbers": [{ "value": "+49301234" }],
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": { "department": "Engineering" },
    });
    let mut other = full.clone();
    other["locale"] = "fr-FR".into();
    let mut marked = full.clone();
    marked["externalId"] = "theirs".into();
    for (account, expected) in
        [(full, Probe::Done(Some("7".to_owned()))), (other, Probe::NotDone), (marked, Probe::NotDone)]
    {
        let script = Scripted::new([(BY_MARK, page(0, &[])), (BY_NAME, page(1, &[account]))]).await;
        assert_eq!(script.target.probe(&create("u", "ann@acme.com")).await.unwrap(), expected);
    }
}

#[tokio::test]
async fn what_cannot_be_looked_up_is_not_said_to_be_undone() {
    let script = Scripted::with(
        Profile { filter: false, ..by_twos() },
        [(FIRST, page(9, &users(0..2))), (THIRD, page(9, &users(0..2)))],
    )
    .await;
    let probed = script.target.probe(&create("u", "ann@acme.com")).await;
    assert!(matches!(probed, Err(TargetError::Unreliable { .. })), "{probed:?}");
}
