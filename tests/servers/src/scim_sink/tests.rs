//! The sink as its clients see it, over the wire.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};

use super::*;

/// A client with one connection that stays open.
struct Client(TcpStream);

impl Client {
    fn new(sink: &ScimSink) -> Self {
        let stream = TcpStream::connect(sink.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        Self(stream)
    }

    /// Sends a request as it stands and reads one answer: its status, its headers, its body.
    fn raw(&mut self, request: &str) -> (u16, String, String) {
        self.0.write_all(request.as_bytes()).unwrap();
        let mut bytes = Vec::new();
        let mut one = [0];
        while !bytes.ends_with(b"\r\n\r\n") && self.0.read(&mut one).unwrap() == 1 {
            bytes.extend(one);
        }
        let head = String::from_utf8(bytes).unwrap();
        let length = head.to_ascii_lowercase();
        let length =
            length.split("content-length: ").nth(1).map_or(0, |rest| rest.lines().next().unwrap().parse().unwrap());
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).unwrap();
        let status = head.split(' ').nth(1).unwrap_or_default().parse().unwrap_or(0);
        (status, head, String::from_utf8(body).unwrap())
    }

    fn send(&mut self, method: &str, path: &str, body: &str) -> (u16, Value) {
        let length = body.len();
        let request = format!(
            "{method} /scim/v2{path} HTTP/1.1\r\nhost: here\r\nauthorization: Bearer {TOKEN}\r\n\
             content-length: {length}\r\n\r\n{body}"
        );
        let (status, _, body) = self.raw(&request);
        (status, serde_json::from_str(&body).unwrap_or(Value::Null))
    }
}

fn sink() -> ScimSink {
    ScimSink::start(SinkSettings::default()).unwrap()
}

fn ann() -> Value {
    json!({"userName": "Ann@acme.com", "externalId": "A1", "emails": [{"value": "ann@acme.com", "type": "work"}],
        "roles": [{"value": "editor"}]})
}

#[test]
fn what_was_sent_is_shown_and_found_by_each_key() {
    let sink = sink();
    let mut client = Client::new(&sink);
    let (status, created) = client.send("POST", "/Users", &ann().to_string());
    assert_eq!((status, &created["roles"], &created["active"]), (201, &json!([{"value": "editor"}]), &json!(true)));
    let id = created["id"].as_str().unwrap();
    assert_eq!(client.send("GET", &format!("/Users/{id}"), ""), (200, created.clone()));
    for filter in ["userName+eq+%22ann%40ACME.com%22", "externalId+eq+%22A1%22", "emails.value+eq+%22Ann@acme.com%22"] {
        let (_, found) = client.send("GET", &format!("/Users?filter={filter}"), "");
        assert_eq!((&found["totalResults"], &found["Resources"][0]), (&json!(1), &created), "{filter}");
    }
    let (_, found) = client.send("GET", "/Users?filter=roles.value+eq+%22editor%22", "");
    assert_eq!(found["totalResults"], 1, "an attribute without an index is found by a walk");
    assert_eq!(client.send("GET", "/Users?filter=userName+co+%22a%22", "").0, 400);
}

#[test]
fn a_name_is_given_once_and_free_again_after_a_change_or_a_deletion() {
    let sink = sink();
    let mut client = Client::new(&sink);
    assert_eq!(client.send("POST", "/Users", &ann().to_string()).0, 201);
    let (status, refused) = client.send("POST", "/Users", r#"{"userName": "ANN@acme.com"}"#);
    assert_eq!((status, &refused["scimType"]), (409, &json!("uniqueness")));
    let patch = |name: &str| json!({"Operations": [{"op": "replace", "path": "userName", "value": name}]}).to_string();
    assert_eq!(client.send("PATCH", "/Users/usr-1", &patch("bo@acme.com")).1["userName"], "bo@acme.com");
    assert_eq!(client.send("POST", "/Users", r#"{"userName": "ann@acme.com"}"#).0, 201);
    assert_eq!(client.send("PATCH", "/Users/usr-1", &patch("ann@acme.com")).0, 409);
    assert_eq!(client.send("PUT", "/Users/usr-1", r#"{"userName": "bo@acme.com"}"#).1["roles"], Value::Null);
    assert_eq!(client.send("DELETE", "/Users/usr-1", "").0, 204);
    assert_eq!((client.send("GET", "/Users/usr-1", "").0, client.send("DELETE", "/Users/usr-1", "").0), (404, 404));
    assert_eq!(client.send("POST", "/Users", r#"{"userName": "bo@acme.com"}"#).0, 201);
    let (_, all) = client.send("GET", "/Users?startIndex=2&count=5", "");
    assert_eq!(
        (&all["totalResults"], &all["Resources"][0]["id"]),
        (&json!(2), &json!("usr-3")),
        "holes are no accounts"
    );
    assert_eq!(sink.counts(), Counts { get: 2, post: 4, patch: 2, put: 1, delete: 2, refused: 0, ..sink.counts() });
    assert_eq!((sink.counts().users, sink.users().len()), (2, 2));
}

#[test]
fn members_come_and_go_and_other_attributes_stay() {
    let sink = sink();
    let mut client = Client::new(&sink);
    let (_, group) = client.send("POST", "/Groups", r#"{"displayName": "Eng", "externalId": "g"}"#);
    let place = format!("/Groups/{}", group["id"].as_str().unwrap());
    let change = |operation: Value| json!({"Operations": [operation]}).to_string();
    let add = change(json!({"op": "add", "path": "members", "value": [{"value": "usr-1"}, {"value": "usr-2"}]}));
    assert_eq!((client.send("PATCH", &place, &add).0, client.send("PATCH", &place, &add).0), (204, 204));
    let remove = change(json!({"op": "remove", "path": "members[value eq \"usr-1\"]"}));
    assert_eq!(client.send("PATCH", &place, &remove).0, 204);
    assert_eq!(client.send("GET", &place, "").1["members"], json!([{"value": "usr-2"}]));
    let rename = change(json!({"op": "replace", "path": "displayName", "value": "Engineering"}));
    assert_eq!(client.send("PATCH", &place, &rename).0, 204);
    let (_, found) =
        client.send("GET", "/Groups?filter=displayName+eq+%22engineering%22&excludedAttributes=members", "");
    assert_eq!((&found["Resources"][0]["externalId"], &found["Resources"][0]["members"]), (&json!("g"), &Value::Null));
    assert_eq!(client.send("GET", "/Groups?filter=displayName+eq+%22Eng%22", "").1["totalResults"], 0);
}

#[test]
fn odd_requests_are_answered_and_the_connection_goes_on() {
    let sink = sink();
    let mut client = Client::new(&sink);
    for (method, path, body, status) in [
        ("POST", "/Users", "", 400),
        ("POST", "/Users", "{", 400),
        ("POST", "/Users", "[]", 400),
        ("POST", "/Users", r#"{"userName": 7}"#, 400),
        ("POST", "/Users", r#"{"userName": "x", "emails": 7, "externalId": [], "active": null}"#, 201),
        ("PATCH", "/Users/usr-1", r#"{"Operations": 7}"#, 400),
        (
            "PATCH",
            "/Users/usr-1",
            r#"{"Operations": [{"op": "add", "path": "emails[type eq \"x\"].value", "value": 1}]}"#,
            400,
        ),
        ("PATCH", "/Users/usr-99999999999", "{}", 400),
        ("GET", "/Users/usr-0", "", 404),
        ("GET", "/Users/../..", "", 404),
        ("GET", "/Users?startIndex=-5&count=99999999999999999999", "", 200),
        ("GET", "/Users?filter=%FF%00", "", 400),
        ("PATCH", "/Users", "{}", 405),
        ("GET", "/Nothing", "", 404),
        ("POST", "/Groups", r#"{"displayName": ""}"#, 400),
        ("PATCH", "/Groups/grp-7", r#"{"Operations": []}"#, 404),
    ] {
        assert_eq!(client.send(method, path, body).0, status, "{method} {path} {body}");
    }
    let (status, _, _) = client.raw("GET /scim/v2/Users HTTP/1.1\r\nhost: here\r\n\r\n");
    assert_eq!(status, 401);
    let mut other = Client::new(&sink);
    let (status, _, _) = other.raw("nonsense\r\n\r\n");
    assert_eq!(status, 400);
    assert_eq!(client.send("GET", "/Schemas", "").1["totalResults"], 3);
}

#[test]
fn beyond_the_limit_it_answers_429_and_when_to_come_again() {
    let sink = ScimSink::start(SinkSettings { per_second: Some(2), ..SinkSettings::default() }).unwrap();
    let mut client = Client::new(&sink);
    let request = format!("GET /scim/v2/Users HTTP/1.1\r\nhost: here\r\nauthorization: Bearer {TOKEN}\r\n\r\n");
    let answers: Vec<_> = (0..50).map(|_| client.raw(&request)).collect();
    let refused: Vec<_> = answers.iter().filter(|(status, _, _)| *status == 429).collect();
    assert!(!refused.is_empty() && refused.iter().all(|(_, head, _)| head.contains("retry-after: 1\r\n")));
    let counts = sink.counts();
    assert_eq!((counts.refused as usize, counts.calls() as usize), (refused.len(), 50 - refused.len()));
}

#[test]
fn the_counts_can_be_asked_for_from_outside() {
    let sink = sink();
    let mut client = Client::new(&sink);
    client.send("POST", "/Users", &ann().to_string());
    let (_, _, body) = client.raw("GET /counts HTTP/1.1\r\nhost: here\r\n\r\n");
    assert_eq!(serde_json::from_str::<Counts>(&body).unwrap(), sink.counts());
}
