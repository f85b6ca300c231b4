//! What stands in a target, read over plain HTTP without the engine's client.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::TcpStream;

use rollcall_test_servers::scim::ScimServer;
use serde_json::Value as Json;

/// Everything in a target, by id.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Dump {
    pub(crate) users: BTreeMap<String, Json>,
    pub(crate) groups: BTreeMap<String, Json>,
}

/// An account, as far as the tests compute it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Seen {
    pub(crate) active: bool,
    pub(crate) roles: BTreeSet<String>,
}

impl Dump {
    /// Reads everything.
    pub(crate) fn of(server: &ScimServer) -> Self {
        Self { users: list(server, "Users"), groups: list(server, "Groups") }
    }

    /// The accounts by lower-case userName, with their roles: those that stand in them, and the groups that they are in.
    /// No userName and no externalId may occur twice.
    pub(crate) fn accounts(&self) -> BTreeMap<String, Seen> {
        let mut accounts = BTreeMap::new();
        let mut marks = BTreeSet::new();
        for (id, user) in &self.users {
            let name = user["userName"].as_str().unwrap().to_lowercase();
            let mark = user["externalId"].as_str().unwrap_or_else(|| panic!("{name} bears no mark: {user}"));
            assert!(marks.insert(mark.to_owned()), "two accounts bear the mark {mark}");
            let seen = Seen { active: user["active"].as_bool().unwrap(), roles: self.roles(id, user) };
            assert!(accounts.insert(name.clone(), seen).is_none(), "two accounts are called {name}");
        }
        accounts
    }

    fn roles(&self, id: &str, user: &Json) -> BTreeSet<String> {
        let mut roles = Vec::new();
        for role in user["roles"].as_array().into_iter().flatten() {
            roles.push(role["value"].as_str().unwrap().to_owned());
        }
        for group in self.groups.values() {
            for _ in group["members"].as_array().into_iter().flatten().filter(|member| member["value"] == id) {
                roles.push(group["displayName"].as_str().unwrap().to_owned());
            }
        }
        let distinct: BTreeSet<String> = roles.iter().cloned().collect();
        assert_eq!(distinct.len(), roles.len(), "a role twice: {user}");
        distinct
    }

    /// Nothing differs but the users with these names, and the groups with these.
    pub(crate) fn differs_only_in(&self, before: &Self, names: &[&str], groups: &[&str]) {
        let rest = |all: &BTreeMap<String, Json>, attribute: &str, left_out: &[&str]| {
            let mut rest = all.clone();
            rest.retain(|_, it| {
                it[attribute].as_str().is_some_and(|its| !left_out.iter().any(|name| name.eq_ignore_ascii_case(its)))
            });
            rest
        };
        same(&rest(&before.users, "userName", names), &rest(&self.users, "userName", names));
        same(&rest(&before.groups, "displayName", groups), &rest(&self.groups, "displayName", groups));
    }

    /// Nothing at all differs, not even a time of last change.
    pub(crate) fn is_the_same_as(&self, before: &Self) {
        self.differs_only_in(before, &[], &[]);
    }
}

/// Compares without printing thousands of records.
fn same(before: &BTreeMap<String, Json>, after: &BTreeMap<String, Json>) {
    let ids: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    for id in ids {
        assert_eq!(before.get(id), after.get(id), "the target's {id} before and after");
    }
}

fn list(server: &ScimServer, kind: &str) -> BTreeMap<String, Json> {
    let mut all = BTreeMap::new();
    loop {
        let page = get(server, &format!("/{kind}?startIndex={}&count=2000", all.len() + 1));
        let total = page["totalResults"].as_u64().unwrap();
        let before = all.len();
        for resource in page["Resources"].as_array().into_iter().flatten() {
            all.insert(resource["id"].as_str().unwrap().to_owned(), resource.clone());
        }
        if all.len() as u64 >= total {
            return all;
        }
        assert!(all.len() > before, "a page of {kind} brought nothing new after {before} of {total}");
    }
}

fn get(server: &ScimServer, path: &str) -> Json {
    by_hand(server, "GET", path, None)
}

/// What the application's own administrator does: one request, in HTTP/1.0, so that the answer ends with the connection.
pub(crate) fn by_hand(server: &ScimServer, method: &str, path: &str, body: Option<&Json>) -> Json {
    let url: url::Url = format!("{}{path}", server.url()).parse().unwrap();
    let mut stream = TcpStream::connect((url.host_str().unwrap(), url.port().unwrap())).unwrap();
    let body = body.map(Json::to_string).unwrap_or_default();
    let request = format!(
        "{method} {}?{} HTTP/1.0\r\nAuthorization: Bearer {}\r\nAccept: application/scim+json\r\n\
         Content-Type: application/scim+json\r\nContent-Length: {}\r\n\r\n{body}",
        url.path(),
        url.query().unwrap_or_default(),
        server.token(),
        body.len()
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let text = String::from_utf8(answer).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    assert!(head.lines().next().unwrap().contains(" 20"), "{method} {path}: {text}");
    if body.is_empty() { Json::Null } else { serde_json::from_str(body).unwrap() }
}
