//! The sandbox against the RFCs, and its faults against what they promise.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::{Value, json};

use super::{Fault, Sandbox};

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

fn sandbox() -> Sandbox {
    Sandbox::start().expect("a sandbox")
}

fn user(sandbox: &Sandbox, name: &str) -> String {
    let sent = json!({
        "schemas": [USER], "userName": name, "externalId": format!("x-{name}"), "active": true,
        "name": { "givenName": "Ana", "familyName": "Lab" },
        "emails": [{ "value": name, "type": "work", "primary": true }, { "value": "home@x.org", "type": "home" }],
        "roles": [{ "value": "viewer" }],
    });
    let (status, body) = sandbox.by_hand("POST", "/Users", &sent);
    assert_eq!(status, 201, "{body}");
    body["id"].as_str().unwrap().to_owned()
}

/// PATCHes with one operation and returns the resource.
fn patched(sandbox: &Sandbox, path: &str, operation: &Value) -> (u16, Value) {
    let body = json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [operation] });
    sandbox.by_hand("PATCH", path, &body)
}

fn found(sandbox: &Sandbox, filter: &str) -> Vec<String> {
    let query: String = url::form_urlencoded::byte_serialize(filter.as_bytes()).collect();
    let (status, body) = sandbox.by_hand("GET", &format!("/Users?filter={query}"), &Value::Null);
    assert_eq!(status, 200, "{filter}: {body}");
    assert_eq!(body["totalResults"], body["Resources"].as_array().unwrap().len());
    body["Resources"].as_array().unwrap().iter().map(|user| user["userName"].as_str().unwrap().to_owned()).collect()
}

/// One request over the wire; the status, the head and the body, or nothing if the connection was cut.
fn request(sandbox: &Sandbox, token: &str, method: &str, path: &str, body: &str) -> Option<(u16, String, String)> {
    let (host, base) = sandbox.url().strip_prefix("http://").unwrap().split_once('/').unwrap();
    let mut stream = TcpStream::connect(host).unwrap();
    let text = format!(
        "{method} /{base}{path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\
         Content-Type: application/scim+json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(text.as_bytes()).unwrap();
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some((status, head.to_lowercase(), body.to_owned()))
}

#[test]
fn a_user_is_created_read_exchanged_and_deleted() {
    let sandbox = sandbox();
    let id = user(&sandbox, "ana@acme.com");
    let (status, body) = sandbox.by_hand("GET", &format!("/Users/{id}"), &Value::Null);
    assert_eq!((status, &body["schemas"], &body["meta"]["resourceType"]), (200, &json!([USER]), &json!("User")));
    assert_eq!(body["meta"]["location"], format!("{}/Users/{id}", sandbox.url()));

    patched(&sandbox, &format!("/Users/{id}"), &json!({ "op": "replace", "path": "active", "value": false }));
    let put = json!({ "schemas": [USER], "userName": "ana@acme.com", "title": "CTO" });
    let (status, body) = sandbox.by_hand("PUT", &format!("/Users/{id}"), &put);
    assert_eq!((status, &body["title"], body.get("externalId")), (200, &json!("CTO"), None));
    assert_eq!(body["active"], false, "nobody is switched on by silence");

    assert_eq!(sandbox.by_hand("DELETE", &format!("/Users/{id}"), &Value::Null).0, 204);
    for method in ["GET", "DELETE"] {
        let (status, body) = sandbox.by_hand(method, &format!("/Users/{id}"), &Value::Null);
        assert_eq!((status, &body["status"]), (404, &json!("404")));
    }
}

#[test]
fn what_a_schema_forbids_is_refused_with_its_scim_type() {
    let sandbox = sandbox();
    user(&sandbox, "ana@acme.com");
    for (sent, status, scim_type) in [
        (json!({ "schemas": [USER], "userName": "ANA@acme.com" }), 409, "uniqueness"),
        (json!({ "schemas": [USER] }), 400, "invalidValue"),
        (json!({ "userName": "bo" }), 400, "invalidValue"),
        (json!({ "schemas": [USER], "userName": "bo", "active": "True" }), 400, "invalidValue"),
        (json!({ "schemas": [USER], "userName": "bo", "roles": "admin" }), 400, "invalidValue"),
        (json!({ "schemas": [USER], "userName": "bo", "roles": ["admin"] }), 400, "invalidValue"),
        (json!([]), 400, "invalidSyntax"),
    ] {
        let (found, body) = sandbox.by_hand("POST", "/Users", &sent);
        assert_eq!((found, body["scimType"].as_str()), (status, Some(scim_type)), "{sent}");
    }
    assert_eq!(sandbox.users().len(), 1);
}

#[test]
fn filters_keep_the_case_rules_of_each_attribute() {
    let sandbox = sandbox();
    for name in ["Ana@acme.com", "bo@acme.com", "c\"y\\@acme.com"] {
        user(&sandbox, name);
    }
    let (ana, bo) = ("Ana@acme.com", "bo@acme.com");
    for (filter, expected) in [
        (r#"userName eq "ANA@ACME.COM""#, vec![ana]),
        (r#"USERNAME EQ "ana@acme.com""#, vec![ana]),
        (r#"userName eq "c\"y\\@acme.com""#, vec!["c\"y\\@acme.com"]),
        (r#"externalId eq "x-bo@acme.com""#, vec![bo]),
        (r#"externalId eq "X-bo@acme.com""#, vec![]),
        (r#"id eq "usr-0001""#, vec![ana]),
        (r#"id eq "USR-0001""#, vec![]),
        (r#"emails.value eq "BO@acme.com""#, vec![bo]),
        (r#"emails eq "bo@acme.com""#, vec![bo]),
        (r#"emails[type eq "work" and value eq "bo@acme.com"]"#, vec![bo]),
        (r#"emails[type eq "home" and value eq "bo@acme.com"]"#, vec![]),
        (r#"userName eq "bo@acme.com" and externalId eq "x-bo@acme.com""#, vec![bo]),
        (r#"userName eq "bo@acme.com" and externalId eq "other""#, vec![]),
        (r#"(userName sw "ana" or userName sw "bo") and not (active eq false)"#, vec![ana, bo]),
        (r#"title pr"#, vec![]),
        (r#"urn:ietf:params:scim:schemas:core:2.0:User:userName eq "bo@acme.com""#, vec![bo]),
        (r#"name.familyName eq "lab" and userName co "BO""#, vec![bo]),
    ] {
        assert_eq!(found(&sandbox, filter), expected, "{filter}");
    }
    for filter in
        ["shoe eq \"1\"", "userName", "userName eq", "userName eq \"a\" and", "(userName pr", "userName gt \"a\""]
    {
        let query: String = url::form_urlencoded::byte_serialize(filter.as_bytes()).collect();
        let (status, body) = sandbox.by_hand("GET", &format!("/Users?filter={query}"), &Value::Null);
        assert_eq!((status, body["scimType"].as_str()), (400, Some("invalidFilter")), "{filter}");
    }
}

#[test]
fn a_walk_over_pages_adds_up() {
    let sandbox = sandbox();
    for number in 0..7 {
        user(&sandbox, &format!("u{number}@acme.com"));
    }
    let page = |query: &str| sandbox.by_hand("GET", &format!("/Users?{query}"), &Value::Null).1;
    let names =
        |body: &Value| body["Resources"].as_array().unwrap().iter().map(|u| u["userName"].clone()).collect::<Vec<_>>();
    let walked: Vec<Value> =
        [1, 4, 7].iter().flat_map(|start| names(&page(&format!("startIndex={start}&count=3")))).collect();
    assert_eq!(walked.len(), 7);
    assert_eq!(walked[6], "u6@acme.com");
    let last = page("startIndex=7&count=3");
    assert_eq!((&last["totalResults"], &last["itemsPerPage"], &last["startIndex"]), (&json!(7), &json!(1), &json!(7)));
    assert_eq!(page("count=0")["totalResults"], 7);
    assert_eq!(names(&page("startIndex=0&count=1")), ["u0@acme.com"]);
    assert_eq!(names(&page("startIndex=99")), [] as [Value; 0]);
    let projected = &page("attributes=userName,emails.value&count=1")["Resources"][0];
    assert_eq!(
        (projected.get("name"), projected.get("emails").is_some(), projected.get("id").is_some()),
        (None, true, true)
    );
}

#[test]
fn every_shape_of_patch_does_what_it_says() {
    let sandbox = sandbox();
    let path = format!("/Users/{}", user(&sandbox, "ana@acme.com"));
    let patch = |operation: Value| {
        let (status, body) = patched(&sandbox, &path, &operation);
        assert_eq!(status, 200, "{body}");
        body
    };
    assert_eq!(patch(json!({ "op": "replace", "path": "active", "value": false }))["active"], false);
    assert_eq!(patch(json!({ "op": "Replace", "value": { "active": true } }))["active"], true);
    let named = patch(json!({ "op": "replace", "path": "name.givenName", "value": "Bea" }));
    assert_eq!(named["name"], json!({ "givenName": "Bea", "familyName": "Lab" }));
    assert_eq!(patch(json!({ "op": "add", "value": { "name": { "formatted": "B" } } }))["name"]["familyName"], "Lab");
    let mailed = patch(json!({ "op": "replace", "path": "emails[type eq \"work\"].value", "value": "b@acme.com" }));
    assert_eq!(
        (&mailed["emails"][0]["value"], &mailed["emails"][1]["value"]),
        (&json!("b@acme.com"), &json!("home@x.org"))
    );
    for _ in 0..2 {
        let roles = patch(json!({ "op": "add", "path": "roles", "value": [{ "value": "admin" }] }));
        assert_eq!(roles["roles"], json!([{ "value": "viewer" }, { "value": "admin" }]));
    }
    assert_eq!(
        patch(json!({ "op": "remove", "path": "roles[value eq \"viewer\"]" }))["roles"],
        json!([{ "value": "admin" }])
    );
    assert_eq!(patch(json!({ "op": "replace", "path": "roles", "value": [] })).get("roles"), None);
    let seated = patch(json!({ "op": "add", "path": "entitlements", "value": [{ "value": "seat" }] }));
    assert_eq!(seated["entitlements"], json!([{ "value": "seat" }]));
    let moved = patch(json!({ "op": "add", "path": format!("{ENTERPRISE}:department"), "value": "Ops" }));
    assert_eq!((&moved[ENTERPRISE]["department"], &moved["schemas"]), (&json!("Ops"), &json!([USER, ENTERPRISE])));
    let managed = patch(json!({ "op": "replace", "path": format!("{ENTERPRISE}:manager.value"), "value": "usr-9" }));
    assert_eq!(managed[ENTERPRISE], json!({ "department": "Ops", "manager": { "value": "usr-9" } }));
    let flat =
        patch(json!({ "op": "replace", "value": { "name.givenName": "Cy", ENTERPRISE: { "costCenter": "7" } } }));
    assert_eq!((&flat["name"]["givenName"], &flat[ENTERPRISE]["department"]), (&json!("Cy"), &json!("Ops")));
    assert_eq!(
        patch(json!({ "op": "remove", "path": format!("{ENTERPRISE}:department") }))[ENTERPRISE].get("department"),
        None
    );
    assert_eq!(patch(json!({ "op": "replace", "path": "userName", "value": "renamed" }))["userName"], "renamed");
}

#[test]
fn a_patch_that_fails_anywhere_changes_nothing() {
    let sandbox = sandbox();
    user(&sandbox, "bo@acme.com");
    let path = format!("/Users/{}", user(&sandbox, "ana@acme.com"));
    let before = sandbox.by_hand("GET", &path, &Value::Null).1;
    for (operation, status, scim_type) in [
        (json!({ "op": "replace", "path": "shoe", "value": 1 }), 400, "invalidPath"),
        (json!({ "op": "replace", "path": "id", "value": "x" }), 400, "mutability"),
        (json!({ "op": "replace", "path": "groups", "value": [] }), 400, "mutability"),
        (json!({ "op": "remove", "path": "userName" }), 400, "mutability"),
        (json!({ "op": "remove" }), 400, "noTarget"),
        (json!({ "op": "remove", "path": "emails", "value": [{ "value": "x" }] }), 400, "invalidSyntax"),
        (json!({ "op": "replace", "path": "emails[type eq \"fax\"].value", "value": "1" }), 400, "noTarget"),
        (json!({ "op": "replace", "path": "active", "value": "False" }), 400, "invalidValue"),
        (json!({ "op": "replace", "path": "userName", "value": "BO@acme.com" }), 409, "uniqueness"),
        (json!({ "op": "swap", "path": "title", "value": "x" }), 400, "invalidSyntax"),
    ] {
        let good = json!({ "op": "replace", "path": "title", "value": "CTO" });
        let body = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [good, operation],
        });
        let (found, answer) = sandbox.by_hand("PATCH", &path, &body);
        assert_eq!((found, answer["scimType"].as_str()), (status, Some(scim_type)), "{operation}");
    }
    assert_eq!(sandbox.by_hand("GET", &path, &Value::Null).1, before);
}

#[test]
fn members_join_and_leave_and_users_see_their_groups() {
    let sandbox = sandbox();
    let (ana, bo) = (user(&sandbox, "ana@acme.com"), user(&sandbox, "bo@acme.com"));
    let (status, group) =
        sandbox.by_hand("POST", "/Groups", &json!({ "schemas": [GROUP], "displayName": "eng", "externalId": "g" }));
    assert_eq!(status, 201);
    let path = format!("/Groups/{}", group["id"].as_str().unwrap());
    for _ in 0..2 {
        let (_, body) = patched(
            &sandbox,
            &path,
            &json!({ "op": "add", "path": "members", "value": [{ "value": ana }, { "value": bo }] }),
        );
        assert_eq!(body["members"].as_array().unwrap().len(), 2);
        assert_eq!(body["members"][0]["$ref"], format!("{}/Users/{ana}", sandbox.url()));
    }
    let accounts = sandbox.users();
    assert_eq!(
        (accounts[0].groups.as_slice(), accounts[0].roles.as_slice()),
        (&["eng".to_owned()][..], &["viewer".to_owned()][..])
    );
    let leave = json!({ "op": "remove", "path": format!("members[value eq \"{ana}\"]") });
    for _ in 0..2 {
        assert_eq!(patched(&sandbox, &path, &leave).0, 200);
    }
    assert_eq!(sandbox.groups()[0].members, std::slice::from_ref(&bo));
    let stranger = json!({ "op": "add", "path": "members", "value": [{ "value": "nobody" }] });
    assert_eq!(patched(&sandbox, &path, &stranger).1["scimType"], "invalidValue");
    sandbox.by_hand("DELETE", &format!("/Users/{bo}"), &Value::Null);
    assert_eq!(sandbox.groups()[0].members, [] as [String; 0]);
    assert_eq!(
        patched(&sandbox, &path, &json!({ "op": "replace", "path": "displayName", "value": "core" })).1["displayName"],
        "core"
    );
}

#[test]
fn discovery_describes_what_is_there() {
    let sandbox = sandbox();
    let get = |path: &str| sandbox.by_hand("GET", path, &Value::Null);
    assert_eq!(get("/ServiceProviderConfig").1["patch"]["supported"], true);
    assert_eq!(get("/ResourceTypes").1["totalResults"], 2);
    assert_eq!(get("/ResourceTypes/User").1["schemaExtensions"][0]["schema"], ENTERPRISE);
    assert_eq!(get("/Schemas").1["totalResults"], 3);
    let (_, schema) = get(&format!("/Schemas/{USER}"));
    let user_name = schema["attributes"].as_array().unwrap().iter().find(|a| a["name"] == "userName").unwrap();
    assert_eq!((&user_name["uniqueness"], &user_name["caseExact"]), (&json!("server"), &json!(false)));
    assert_eq!(get("/Shoes").0, 404);
    assert_eq!(sandbox.by_hand("DELETE", "/Schemas", &Value::Null).0, 405);
}

#[test]
fn only_the_right_token_gets_in_and_every_request_is_counted() {
    let sandbox = sandbox();
    let (status, head, body) = request(&sandbox, "wrong", "GET", "/Users", "").unwrap();
    assert_eq!((status, head.contains("www-authenticate: bearer")), (401, true));
    assert!(body.contains("\"status\":\"401\""));
    let sent = json!({ "schemas": [USER], "userName": "ana" }).to_string();
    let (status, head, _) = request(&sandbox, sandbox.token(), "POST", "/Users", &sent).unwrap();
    assert_eq!((status, head.contains(&format!("location: {}/users/usr-0001", sandbox.url()))), (201, true), "{head}");
    assert!(head.contains("content-type: application/scim+json"));
    assert_eq!(request(&sandbox, sandbox.token(), "GET", "/Users/usr-0001", "").unwrap().0, 200);
    assert_eq!(sandbox.requests(), [("GET".to_owned(), 2), ("POST".to_owned(), 1)].into());
    assert_eq!(sandbox.writes(), 1);
    sandbox.forget_requests();
    assert_eq!((sandbox.writes(), sandbox.requests().len()), (0, 0));
}

#[test]
fn a_lost_answer_is_a_write_that_happened_and_a_connection_that_broke() {
    let sandbox = sandbox();
    sandbox.inject(Fault::LoseNextAnswer { method: "POST" });
    assert_eq!(request(&sandbox, sandbox.token(), "GET", "/Users", "").unwrap().0, 200, "only a POST is lost");
    let sent = json!({ "schemas": [USER], "userName": "ana" }).to_string();
    assert_eq!(request(&sandbox, sandbox.token(), "POST", "/Users", &sent), None);
    assert_eq!(sandbox.users().len(), 1, "the write happened");
    assert_eq!(request(&sandbox, sandbox.token(), "POST", "/Users", &sent).unwrap().0, 409, "and only once lost");
}

#[test]
fn faults_do_what_they_promise_and_heal() {
    let sandbox = sandbox();
    let sent = |name: &str| json!({ "schemas": [USER], "userName": name, "roles": [{ "value": "admin" }] }).to_string();
    let post = |name: &str| request(&sandbox, sandbox.token(), "POST", "/Users", &sent(name)).unwrap();
    sandbox.inject(Fault::FailNext { method: "POST", status: 500 });
    sandbox.inject(Fault::ThrottleNext { retry_after: 7 });
    assert_eq!(post("ana").0, 500);
    let (status, head, _) = post("ana");
    assert_eq!((status, head.contains("retry-after: 7")), (429, true));
    assert_eq!(sandbox.users().len(), 0);

    sandbox.inject(Fault::Drop { attribute: "roles" });
    assert_eq!(post("ana").0, 201);
    let path = "/Users/usr-0001";
    assert_eq!(patched(&sandbox, path, &json!({ "op": "add", "path": "roles", "value": [{ "value": "x" }] })).0, 200);
    assert_eq!(sandbox.users()[0].roles, [] as [String; 0]);

    post("bo");
    sandbox.inject(Fault::IgnoreFilters);
    assert_eq!(found(&sandbox, "userName eq \"bo\"").len(), 2);
    sandbox.inject(Fault::CapLists { at: 1 });
    assert_eq!(sandbox.by_hand("GET", "/Users", &Value::Null).1["totalResults"], 1);
    sandbox.inject(Fault::RefuseTokens);
    assert_eq!(post("cy").0, 401);
    sandbox.heal();
    assert_eq!(post("cy").0, 201);
    assert_eq!(found(&sandbox, "userName eq \"bo\""), ["bo"]);
}

#[test]
fn a_sandbox_that_was_dropped_does_not_answer() {
    let sandbox = sandbox();
    let host = sandbox.url().trim_start_matches("http://").split('/').next().unwrap().to_owned();
    assert!(TcpStream::connect(&host).is_ok());
    drop(sandbox);
    assert!(TcpStream::connect(&host).is_err());
}

#[test]
fn where_twins_are_allowed_a_name_can_be_taken_twice() {
    let sandbox = sandbox();
    sandbox.inject(Fault::AllowTwins);
    assert_ne!(user(&sandbox, "ana@x.org"), user(&sandbox, "ana@x.org"));
}
