//! What the tests of the SCIM target share: people, settings, and short ways to write.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

use rollcall::apply::{Target, TargetError, TargetReader, Write, WriteError, Written};
use rollcall::plan::{AttributeChange, Candidate, Match};
use rollcall::roster::Role;
use rollcall::roster::account::Attributes;
use rollcall::scim::{Profile, ScimSettings, ScimTarget};
use rollcall_kit::{Address, DirectoryId, Value};
use rollcall_test_servers::scim::ScimServer;
use serde_json::{Value as Json, json};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

/// Settings for a target at this URL, with a token from a file.
pub(crate) fn settings(url: &str, token_file: &std::path::Path) -> ScimSettings {
    serde_json::from_value(json!({
        "url": url,
        "token": { "file": token_file },
        "http": { "attempts": 1, "max_wait": "1s" },
    }))
    .unwrap()
}

/// A target on a real server, with its settings changed.
pub(crate) fn target(server: &ScimServer, change: impl FnOnce(&mut ScimSettings)) -> ScimTarget {
    let mut settings = settings(server.url(), server.token_file());
    change(&mut settings);
    ScimTarget::new(&settings).unwrap()
}

pub(crate) fn id(text: &str) -> DirectoryId {
    DirectoryId::new(text).unwrap()
}

pub(crate) fn roles(names: &[&str]) -> Vec<Role> {
    names.iter().map(|&name| Role(name.to_owned())).collect()
}

pub(crate) fn attributes(pairs: &[(&str, &str)]) -> Attributes {
    pairs.iter().map(|&(name, value)| (name.to_owned(), Value::from(value))).collect()
}

/// A person with everything that the default mapping yields.
pub(crate) fn person(address: &str) -> Attributes {
    let local = address.split('@').next().unwrap();
    attributes(&[
        ("email", address),
        ("preferred_username", local),
        ("name", &format!("{local} Lee")),
        ("given_name", local),
        ("family_name", "Lee"),
        ("phone_number", "+49 30 1234"),
        ("locale", "de-DE"),
        ("custom_attributes.department", "Engineering"),
    ])
}

pub(crate) fn candidate(user: &str, address: &str) -> Candidate {
    Candidate { user: id(user), address: Address::parse(address).unwrap(), attributes: person(address) }
}

/// What the target answers for these candidates, by user; everybody is answered for.
pub(crate) async fn find(
    target: &ScimTarget,
    candidates: &[Candidate],
    ours: usize,
) -> Result<BTreeMap<DirectoryId, Match>, TargetError> {
    let matches = target.find(&candidates.iter().cloned().collect(), ours).await?;
    assert_eq!(matches.len(), candidates.len());
    let answer = |one: &Candidate| (one.user.clone(), matches.get(&one.user).unwrap().clone());
    Ok(candidates.iter().map(answer).collect())
}

pub(crate) fn create(user: &str, address: &str) -> Write {
    Write::CreateAccount { user: id(user), attributes: person(address), roles: Vec::new() }
}

pub(crate) fn change(attribute: &str, before: Option<&str>, after: Option<&str>) -> AttributeChange {
    AttributeChange { attribute: attribute.to_owned(), before: before.map(Value::from), after: after.map(Value::from) }
}

pub(crate) fn update(target_id: &str, changes: &[AttributeChange], active: Option<bool>) -> Write {
    Write::UpdateAccount { target_id: target_id.to_owned(), external_id: None, changes: changes.to_vec(), active }
}

pub(crate) fn set_roles(target_id: &str, grant: &[&str], revoke: &[&str]) -> Write {
    Write::SetRoles { target_id: target_id.to_owned(), grant: roles(grant), revoke: roles(revoke) }
}

pub(crate) fn members(group: &str, add: &[&String], remove: &[&String]) -> Write {
    let owned = |ids: &[&String]| ids.iter().map(|&id| id.clone()).collect();
    Write::ChangeMembers { target_id: group.to_owned(), add: owned(add), remove: owned(remove) }
}

/// Writes something that must go through and be kept whole.
pub(crate) async fn keep(target: &ScimTarget, write: &Write) -> Option<String> {
    let Written { target_id, not_kept, .. } =
        target.write(write).await.unwrap_or_else(|error| panic!("{write:?}: {error}"));
    assert_eq!(not_kept, [], "{write:?}");
    target_id
}

/// Writes something that must fail.
pub(crate) async fn fail(target: &ScimTarget, write: &Write) -> WriteError {
    match target.write(write).await {
        Err(error) => error,
        Ok(written) => panic!("{write:?} went through: {written:?}"),
    }
}

/// What a match says, in short: by what it was recognised, and the target's id.
pub(crate) fn matched(found: &Match) -> Option<(&str, &str)> {
    match found {
        Match::One(account, by) => Some((*by, &account.target_id)),
        _ => None,
    }
}

/// A target that answers by a script: each request must be the next one of the script, and gets its answer.
pub(crate) struct Scripted {
    server: MockServer,
    left: Arc<Mutex<VecDeque<Line>>>,
    pub(crate) target: ScimTarget,
}

/// A request (`"GET /Users/1"`), and the answer to it.
type Line = (&'static str, ResponseTemplate);

impl Scripted {
    /// A target that is known to be able to do everything.
    pub(crate) async fn new(lines: impl IntoIterator<Item = Line>) -> Self {
        Self::with(Profile::default(), lines).await
    }

    /// A target of which this is known.
    pub(crate) async fn with(profile: Profile, lines: impl IntoIterator<Item = Line>) -> Self {
        let server = MockServer::start().await;
        let left: Arc<Mutex<VecDeque<Line>>> = Arc::new(Mutex::new(lines.into_iter().collect()));
        let script = Arc::clone(&left);
        let respond = move |request: &Request| {
            let mut asked = format!("{} {}", request.method, request.url.path());
            if let Some(query) = request.url.query() {
                asked = format!("{asked}?{query}");
            }
            match script.lock().unwrap().pop_front() {
                Some((expected, answer)) if asked == expected => answer,
                Some((expected, _)) => unexpected(&format!("asked {asked} instead of {expected}")),
                None => unexpected(&format!("asked {asked} after the script ended")),
            }
        };
        Mock::given(wiremock::matchers::any()).respond_with(respond).mount(&server).await;
        let settings: ScimSettings = serde_json::from_value(json!({
            "url": server.uri(), "parallel": 1, "http": { "attempts": 1, "max_wait": "1s" },
        }))
        .unwrap();
        let target = ScimTarget::new(&settings).unwrap().with_profile(profile);
        Self { server, left, target }
    }

    /// Asserts that every line of the script was played, and hands back the requests' bodies, null for none.
    pub(crate) async fn played(&self) -> Vec<Json> {
        let left: Vec<&str> = self.left.lock().unwrap().iter().map(|(line, _)| *line).collect();
        assert_eq!(left, [""; 0], "these were not asked for");
        let requests = self.server.received_requests().await.unwrap();
        requests.iter().map(|request| serde_json::from_slice(&request.body).unwrap_or(Json::Null)).collect()
    }

    /// The URLs that were asked for.
    pub(crate) async fn requests(&self) -> Vec<String> {
        self.server.received_requests().await.unwrap().iter().map(|request| request.url.to_string()).collect()
    }

    /// A header of the request of this number.
    pub(crate) async fn header(&self, request: usize, name: &str) -> Option<String> {
        let requests = self.server.received_requests().await.unwrap();
        requests[request].headers.get(name).map(|value| value.to_str().unwrap().to_owned())
    }
}

/// An answer that no test expects, so that a request that strays from the script shows.
fn unexpected(what: &str) -> ResponseTemplate {
    ResponseTemplate::new(418).set_body_json(json!({ "detail": what }))
}

/// An answer with a JSON body.
pub(crate) fn answer(status: u16, body: Json) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_json(body)
}

/// An answer without a body.
pub(crate) fn bare(status: u16) -> ResponseTemplate {
    ResponseTemplate::new(status)
}

/// A page of a list that says how many there are in all.
pub(crate) fn page(total: usize, resources: &[Json]) -> ResponseTemplate {
    answer(200, json!({ "totalResults": total, "Resources": resources }))
}

/// A small user.
pub(crate) fn user(id: &str, name: &str) -> Json {
    json!({ "id": id, "userName": name, "active": true })
}
