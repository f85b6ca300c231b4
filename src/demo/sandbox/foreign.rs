//! Whatever a filter, a path or a PATCH says, the sandbox answers, and what it understood means one thing.

use proptest::prelude::*;
use rollcall_kit::damage::{cases, damaged_text};
use serde_json::{Value, json};

use super::filter::{Path, parse_filter};
use super::patch;
use super::schema::{Object, Resource};

const FILTERS: [&str; 5] = [
    r#"userName eq "ana@acme.com""#,
    r#"emails[type eq "work" and primary eq true].value co "acme" or not (active eq false)"#,
    "urn:ietf:params:scim:schemas:core:2.0:User:name.givenName pr and (title sw \"A\" or title ew \"b\")",
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value ne \"7\"",
    r#"meta.created eq 1e3"#,
];

const WORDS: [&str; 26] = [
    "(",
    ")",
    "[",
    "]",
    "\"",
    "\\",
    " ",
    " eq ",
    " ne ",
    " pr",
    " and ",
    " or ",
    "not ",
    "not (",
    "true",
    "null",
    "-1",
    "1e999",
    "{}",
    "emails",
    "active",
    ".",
    ":",
    "$ref",
    "\u{212a}",
    "urn:ietf:params:scim:schemas:core:2.0:User:",
];

fn ana() -> Object {
    let ana = json!({
        "id": "7", "userName": "ana@acme.com", "active": true, "title": "Ab", "name": {"givenName": "Ana"},
        "emails": [{"value": "ana@acme.com", "type": "work", "primary": true}, {"value": "a@x", "type": "home"}],
        "roles": [{"value": "viewer"}],
    });
    ana.as_object().cloned().unwrap()
}

fn json_of_any_kind() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[a-c@]{0,3}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        let name = prop::sample::select(vec!["value", "type", "primary", "givenName", "emails", "active", "x"]);
        let members = prop::collection::btree_map(name, inner.clone(), 0..3);
        prop_oneof![
            prop::collection::vec(inner, 0..3).prop_map(Value::from),
            members.prop_map(|members| Value::Object(members.into_iter().map(|(k, v)| (k.to_owned(), v)).collect())),
        ]
    })
}

proptest! {
    #![proptest_config(cases(1_000))]

    #[test]
    fn a_filter_is_refused_or_admits_exactly_whom_its_opposite_does_not(text in damaged_text(&FILTERS, &WORDS)) {
        for resource in Resource::ALL {
            let _ = Path::parse(resource, &text);
            match parse_filter(resource, &text) {
                Err(error) => prop_assert!(!error.detail.is_empty()),
                Ok(filter) => {
                    let not = parse_filter(resource, &format!("not ({text})"));
                    prop_assert_eq!(not.map(|not| not.admits(&ana())), Ok(!filter.admits(&ana())), "{}", text);
                }
            }
        }
    }

    #[test]
    fn a_patch_of_any_kind_is_answered(
        path in damaged_text(&["emails[type eq \"work\"].value", "name.givenName", "roles", "active"], &WORDS),
        op in prop::sample::select(vec!["add", "Replace", "remove", "move"]),
        value in json_of_any_kind(),
        pathless in any::<bool>(),
    ) {
        let path = if pathless { Value::Null } else { path.into() };
        let mut operation = json!({"op": op, "path": path, "value": value});
        if pathless {
            operation.as_object_mut().unwrap().remove("path");
        }
        let body = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [operation]});
        let _ = patch::apply(Resource::User, &mut ana(), body.as_object().unwrap());
    }
}

#[test]
fn a_filter_that_goes_on_and_on_is_refused_before_it_exhausts_the_stack() {
    let endless = vec!["id pr"; 200_000].join(" or ");
    assert!(parse_filter(Resource::User, &endless).unwrap_err().detail.contains("at most"));
    let long = vec!["id pr"; 1_500].join(" and ");
    assert!(parse_filter(Resource::User, &long).unwrap().admits(&ana()));
}
