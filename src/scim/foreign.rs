//! Whatever a target answers, it is read, or refused in words that fit on a line.

use http::header::{HeaderMap, HeaderValue, LOCATION};
use proptest::prelude::*;
use rollcall_kit::damage::{cases, damaged};
use rollcall_kit::http::Response;
use serde_json::{Value as Json, json};

use super::discovery::{has_groups, read_config, user_attributes};
use super::mapping::Mapping;
use super::place::Place;
use super::profile::Profile;
use super::resource::{Page, Resource};
use super::settings::ScimSettings;
use super::wire::Answer;

const SAMPLES: [&str; 7] = [
    r#"{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"id":"7","userName":"ana","active":"True","externalId":"u1",
        "name":{"givenName":"Ana"},"emails":[{"value":"ana@acme.com","type":"work","primary":true},"b@x"],
        "roles":[{"value":"admin"},"editor"],"meta":{"version":"W/\\"1\\""},
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":"IT","manager":{"value":"9"}}}"#,
    r#"{"schemas":["urn:ietf:params:scim:api:messages:2.0:ListResponse"],"totalResults":"2","startIndex":1,"nextCursor":"c",
        "Resources":[{"id":1,"userName":"ana"},{"id":"2","userName":"bo","emails":{"value":"bo@acme.com"}}]}"#,
    r#"{"schemas":["urn:ietf:params:scim:api:messages:2.0:Error"],"status":"409","scimType":"uniqueness","detail":"is taken"}"#,
    r#"{"Errors":[{"description":"one"},{"message":["two",{"msg":"three"}]}],"scimType":"invalidValue"}"#,
    "<html><head><title>502</title></head>\n<body>Bad &amp; gateway</body></html>",
    r#"{"patch":{"supported":"false"},"filter":{"supported":true,"maxResults":50},
        "pagination":{"cursor":true,"index":false,"maxPageSize":25},"etag":{"supported":true}}"#,
    r#"[{"id":"urn:ietf:params:scim:schemas:core:2.0:User","endpoint":"/Users","name":"Group","schema":"x",
        "attributes":[{"name":"name","subAttributes":[{"name":"givenName"}]},{"name":"groups","mutability":"readOnly"}]}]"#,
];

const WORDS: [&str; 30] = [
    "\"",
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    "\\",
    "\n",
    "null",
    "true",
    "\"false\"",
    "0",
    "-1",
    "1e999",
    "18446744073709551616",
    "\"..\"",
    "\"id\":",
    "\"ID\":",
    "\"value\":",
    "\"type\":\"work\",",
    "\"Resources\":",
    "\"totalResults\":",
    "\"emails\":",
    "\"detail\":",
    "\"scimType\":",
    "<",
    ">",
    "\u{1b}[31m",
    "\u{202e}",
];

fn mapping() -> Mapping {
    let settings: ScimSettings = serde_json::from_value(json!({"url": "http://localhost/scim"})).unwrap();
    Mapping::new(&settings)
}

/// An answer as it comes off the wire.
fn response(status: u16, body: Vec<u8>, location: &str) -> Response {
    let mut headers = HeaderMap::new();
    headers.extend(HeaderValue::from_str(location).ok().map(|value| (LOCATION, value)));
    Response { status, headers, body: body.into(), attempts: 1 }
}

proptest! {
    #![proptest_config(cases(1_000))]

    #[test]
    fn whatever_a_target_answers_is_read_or_refused_in_a_line(
        body in damaged(&SAMPLES, &WORDS),
        status in prop_oneof![Just(200), Just(409), 100..600_u16],
        location in "[ -~]{0,20}",
    ) {
        let answer = Answer::new(&response(status, body, &location));
        let words = answer.words();
        prop_assert!(!words.is_empty() && !words.contains('\n'), "{:?}", words);
        prop_assert!(words.chars().count() <= 2 * 302, "{} characters", words.chars().count());
        let _ = (answer.is_done(), answer.is_type(&["uniqueness"]));
        let _ = Page::read(&answer.json).map(|page| page.resources.len());
        let mut profile = Profile::default();
        read_config(&answer.json, &mut profile);
        prop_assert!(profile.page_size > 0);
        let _ = (has_groups(&answer.json), user_attributes(&answer.json));
    }

    #[test]
    fn a_value_that_is_written_into_whatever_a_target_shows_stands_there(body in damaged(&SAMPLES[..2], &WORDS)) {
        let Some(user) = serde_json::from_slice::<Json>(&body).ok().and_then(Resource::new) else { return Ok(()) };
        let _ = (user.active(), user.texts("emails.value"), user.texts("name.givenName"), mapping().account(&user));
        prop_assert!(user.id().is_none_or(|id| !matches!(id.trim(), "" | "." | "..")));
        let places = [
            Place::Plain("title"),
            Place::Part("name", "givenName"),
            Place::Entry { list: "emails", kind: "work", primary: true },
            Place::Extension { urn: "urn:acme".to_owned(), name: "badge".to_owned() },
        ];
        for place in places {
            let mut members = user.clone().into_members();
            place.write(&mut members, Some(&json!("new")));
            let _ = place.operation(Some(&user), Some(&json!("new")), false);
            let written = Resource::new(Json::Object(members)).unwrap();
            prop_assert_eq!(place.read(&written), Some(&json!("new")), "{:?} in {:?}", place, user);
        }
    }
}
