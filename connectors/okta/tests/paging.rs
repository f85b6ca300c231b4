//! `Link` headers in every form in which they are seen, and lists that do not end as lists end.

use rollcall_kit::Entry;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use crate::support::{Links, Okta, certified, failure, refusal};

/// A page of one user with this link.
fn linking(link: &str) -> ResponseTemplate {
    let user = serde_json::json!([crate::support::user(0, "ACTIVE")]);
    ResponseTemplate::new(200).set_body_json(user).insert_header("link", link)
}

/// The plain list of users, by its path and for want of a filter.
fn is_user_list(request: &Request) -> bool {
    request.url.path() == "/api/v1/users" && !request.url.query().unwrap_or_default().contains("filter")
}

#[tokio::test]
async fn links_are_found_in_every_form() {
    for links in [Links::Lines, Links::Joined, Links::Bare] {
        let okta = Okta::start().await;
        okta.change(|state| state.links = links);
        assert_eq!(certified(okta.settings()).await.len(), 12);
    }
}

#[tokio::test]
async fn a_list_on_one_page_ends_with_its_self_link() {
    let okta = Okta::start().await;
    okta.change(|state| state.page = 200);
    assert_eq!(certified(okta.settings()).await.len(), 12);
    let lists = okta.asked().await.into_iter().filter(|asked| asked.starts_with("/api/v1/users?")).count();
    assert_eq!(lists, 2, "one page each of those who are there and of the deactivated");
}

#[tokio::test]
async fn a_next_page_on_another_host_gets_no_token() {
    let okta = Okta::start().await;
    let other = MockServer::start().await;
    Mock::given(any()).respond_with(ResponseTemplate::new(200)).expect(0).mount(&other).await;
    let link = format!("<{}/api/v1/users?after=1>; rel=\"next\"", other.uri());
    okta.break_by(move |request, _| is_user_list(request).then(|| linking(&link)));
    let error = failure(okta.settings()).await;
    assert!(error.contains("the read of users is incomplete"), "{error}");
    assert!(error.contains("it was not followed") && !error.contains("after=1"), "{error}");
}

#[tokio::test]
async fn a_next_page_outside_of_the_interface_is_not_followed() {
    let okta = Okta::start().await;
    okta.break_by(|request, _| is_user_list(request).then(|| linking("</login?after=1>; rel=\"next\"")));
    assert!(failure(okta.settings()).await.contains("outside of /api/v1"));
}

#[tokio::test]
async fn a_cursor_that_comes_again_is_no_end() {
    let okta = Okta::start().await;
    okta.break_by(|request, _| {
        is_user_list(request).then(|| linking("</api/v1/users?after=c1&limit=200>; rel=\"next\""))
    });
    let error = failure(okta.settings()).await;
    assert!(error.contains("page 2 names a next page that was read before"), "{error}");
}

#[tokio::test]
async fn a_damaged_link_is_no_end() {
    let okta = Okta::start().await;
    okta.break_by(|request, _| is_user_list(request).then(|| linking("</api/v1/users?after=c1; rel=\"next\"")));
    assert!(failure(okta.settings()).await.contains("unknown whether there is a next page"));
}

#[tokio::test]
async fn a_page_that_fails_after_its_retries_voids_the_read_and_names_okta_s_words() {
    let okta = Okta::start().await;
    okta.break_by(|request, _| {
        request
            .url
            .query()
            .unwrap_or_default()
            .contains("after=c4")
            .then(|| refusal(500, "E0000009", "Internal Server Error"))
    });
    let error = failure(okta.settings()).await;
    assert_eq!(
        error,
        "the read of users is incomplete: page 3 of /api/v1/users?limit=200: Okta says E0000009 \"Internal Server \
         Error\" (status 500, request req-7); the next run tries again. Nothing was changed"
    );
    let tries = okta.asked().await.iter().filter(|asked| asked.contains("after=c4")).count();
    assert_eq!(tries, 3, "as often as the settings say");
}

#[tokio::test]
async fn somebody_who_moves_between_pages_comes_once() {
    let okta = Okta::start().await;
    okta.change(|state| {
        let again = state.users[0].clone();
        state.users.insert(3, again);
    });
    assert_eq!(certified(okta.settings()).await.len(), 12);
}

#[tokio::test]
async fn a_link_is_followed_as_it_came() {
    let okta = Okta::start().await;
    okta.change(|state| state.users.extend([20, 21, 22].map(|number| crate::support::user(number, "DEPROVISIONED"))));
    certified(okta.settings()).await;
    let requests = okta.requests().await;
    let followed: Vec<&str> =
        requests.iter().filter_map(|one| one.url.query()).filter(|query| query.contains("after=c2&filter")).collect();
    assert_eq!(followed, ["after=c2&filter=status+eq+%22DEPROVISIONED%22&limit=200"], "plus signs stay plus signs");
}

#[tokio::test]
async fn groups_are_fetched_while_users_are_and_come_after_them() {
    let okta = Okta::start().await;
    let entries = certified(okta.settings()).await;
    let first_group = entries.iter().position(|entry| matches!(entry, Entry::Group(_))).unwrap();
    assert!(entries[first_group..].iter().all(|entry| matches!(entry, Entry::Group(_))));

    let asked = okta.asked().await;
    let place = |wanted: &str| asked.iter().position(|asked| asked.starts_with(wanted)).unwrap();
    let (groups, second_page) = (place("/api/v1/groups?"), place("/api/v1/users?after="));
    assert!(groups < second_page, "the first pages of both are asked for together: {asked:#?}");
    // Whoever is deactivated while the list is read must be on the other list then.
    let deactivated = place("/api/v1/users?filter=status eq");
    let last_page = asked.iter().rposition(|asked| asked.starts_with("/api/v1/users?") && !asked.contains("filter"));
    assert!(last_page.unwrap() < deactivated, "{asked:#?}");
}

#[tokio::test]
async fn what_keeps_users_from_being_read_is_said_before_what_keeps_groups() {
    let okta = Okta::start().await;
    okta.break_by(|request, number| {
        let path = request.url.path();
        let second_page = path == "/api/v1/users" && number == 2;
        (second_page || path == "/api/v1/groups").then(|| refusal(404, "E0000007", "Not found"))
    });
    let error = failure(okta.settings()).await;
    assert!(error.contains("page 2 of /api/v1/users"), "{error}");
    okta.break_by(|request, _| (request.url.path() == "/api/v1/groups").then(|| refusal(404, "E0000007", "Not found")));
    assert!(failure(okta.settings()).await.contains("the read of groups is incomplete"));
}
