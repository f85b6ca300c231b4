//! What the tenant answers to each question.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use url::Url;
use wiremock::{Request, ResponseTemplate};

use super::{APP, Answer, Ask, PRINCIPAL, State, access_token, user};

impl State {
    pub(super) fn token(&mut self) -> ResponseTemplate {
        self.tokens += 1;
        let token = access_token(self.roles.as_deref(), self.tokens);
        ResponseTemplate::new(200).set_body_json(json!({
            "token_type": "Bearer", "expires_in": 3599, "ext_expires_in": 3599, "access_token": token,
        }))
    }

    pub(super) fn batch(&mut self, request: &Request) -> Answer {
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        let parts = body["requests"].as_array().unwrap();
        if parts.len() > 20 {
            return Answer::error(400, "BadRequest", "Number of batch request steps exceeds max value of 20");
        }
        let base = Url::parse(&format!("{}/v1.0", self.base)).unwrap();
        let mut responses: Vec<Value> = parts
            .iter()
            .map(|part| {
                let url = Url::parse(&format!("{base}{}", part["url"].as_str().unwrap())).unwrap();
                assert_eq!(part["method"], "GET");
                let answer = self.ask(&url, true);
                let headers: BTreeMap<&str, &str> =
                    answer.headers.iter().map(|(name, value)| (&**name, &**value)).collect();
                json!({"id": part["id"], "status": answer.status, "headers": headers, "body": answer.body})
            })
            .collect();
        // They come in any order.
        responses.reverse();
        Answer::ok(json!({"responses": responses}))
    }

    pub(super) fn by_ids(&mut self, body: &Value, query: &BTreeMap<String, String>) -> Answer {
        let ids: Vec<&str> = body["ids"].as_array().unwrap().iter().map(|id| id.as_str().unwrap()).collect();
        assert!(ids.len() <= 1000 && body["types"] == json!(["user"]));
        self.asked.push("/v1.0/directoryObjects/getByIds".to_owned());
        let ask =
            Ask { path: "/v1.0/directoryObjects/getByIds".to_owned(), query: query.clone(), number: 1, inner: false };
        if let Some(answer) = self.fault.as_ref().and_then(|fault| fault(&ask)) {
            return answer;
        }
        let is_wanted = |user: &&Value| {
            let id = user["id"].as_str().unwrap();
            ids.contains(&id) && !self.forgets.contains(id)
        };
        let of_many = ids.iter().filter_map(|id| id.rsplit('-').next()?.parse().ok());
        let many: Vec<Value> = of_many.filter(|number| *number < self.population).map(user).collect();
        let all = self.users.iter().chain(&many);
        let found: Vec<Value> = all.filter(is_wanted).map(|user| select(user, query, "user")).collect();
        Answer::ok(json!({"value": found}))
    }

    pub(super) fn ask(&mut self, url: &Url, inner: bool) -> Answer {
        let query: BTreeMap<String, String> = url.query_pairs().into_owned().collect();
        let path = url.path().to_owned();
        let words: Vec<String> = query.iter().map(|(name, value)| format!("{name}={value}")).collect();
        self.asked.push(format!("{path}?{}", words.join("&")));
        let number = self.seen.entry(path.clone()).or_default();
        *number += 1;
        let ask = Ask { path, query, number: *number, inner };
        if let Some(answer) = self.fault.as_ref().and_then(|fault| fault(&ask)) {
            return answer;
        }
        let path: Vec<&str> = ask.path.split('/').skip(2).collect();
        match path.as_slice() {
            [stream @ ("users" | "groups"), "delta"] => self.delta(stream, &ask),
            ["users"] if self.population > 0 && !ask.query.contains_key("$filter") => self.many(&ask),
            ["users"] => self.list(&ask, &self.matching(&ask.query), "user", false),
            ["users", id] => {
                one(self.users.iter().find(|user| user["id"] == *id || user["userPrincipalName"] == *id), &ask)
            }
            ["users", id, depth @ ("memberOf" | "transitiveMemberOf")] => {
                let of = self.groups_of(id, *depth == "transitiveMemberOf");
                self.list(&ask, &of, "group", true)
            }
            ["groups"] => self.list(&ask, &self.matching_groups(&ask.query), "group", false),
            ["groups", id] => one(self.groups.iter().find(|group| group["id"] == *id), &ask),
            ["groups", id, depth @ ("members" | "transitiveMembers")] => {
                if !self.groups.iter().any(|group| group["id"] == *id) {
                    return not_found(id);
                }
                let members = self.members_of(id, *depth == "transitiveMembers");
                self.list(&ask, &members, "directoryObject", true)
            }
            ["servicePrincipals", PRINCIPAL, "appRoleAssignedTo"] if self.principal.is_some() => {
                self.list(&ask, &self.assigned, "appRoleAssignment", false)
            }
            [principal] if *principal == format!("servicePrincipals(appId='{APP}')") => {
                one(self.principal.as_ref(), &ask)
            }
            ["servicePrincipals", PRINCIPAL] => one(self.principal.as_ref(), &ask),
            ["directory", "deletedItems", "microsoft.graph.user"] => self.list(&ask, &self.deleted, "user", false),
            ["directory", "deletedItems", id, "microsoft.graph.user"] => {
                one(self.deleted.iter().find(|user| user["id"] == *id), &ask)
            }
            other => not_found(&other.join("/")),
        }
    }

    /// A page of a stream of changes.
    fn delta(&self, stream: &str, ask: &Ask) -> Answer {
        for refused in ["$top", "$orderby", "$expand", "$filter"] {
            if ask.query.contains_key(refused) {
                return Answer::error(400, "Request_UnsupportedQuery", &format!("{refused} is not supported"));
            }
        }
        let link = |name: &str, value: &str| format!("{}/v1.0/{stream}/delta?{name}={value}", self.base);
        let page = match (ask.query.get("$deltatoken").map(String::as_str), ask.query.get("$skiptoken")) {
            (Some("latest"), _) => {
                return Answer::ok(json!({"value": [], "@odata.deltaLink": link("$deltatoken", "place-0")}));
            }
            (Some("place-0"), _) => 0,
            (None, Some(page)) => page.parse().unwrap(),
            _ => return Answer::error(400, "syncStateNotFound", "The sync state generation is not found."),
        };
        let pages = self.rounds.get(stream).cloned().unwrap_or_default();
        let mut body = json!({"value": pages.get(page).cloned().unwrap_or_default()});
        if page + 1 < pages.len() {
            body["@odata.nextLink"] = link("$skiptoken", &(page + 1).to_string()).into();
        } else {
            body["@odata.deltaLink"] = link("$deltatoken", "place-0").into();
        }
        Answer::ok(body)
    }

    fn matching(&self, query: &BTreeMap<String, String>) -> Vec<Value> {
        let wanted = |user: &&Value| {
            let Some(filter) = query.get("$filter") else { return true };
            let value = filter.split('\'').nth(1).unwrap().to_lowercase();
            let holds = |field: &str| user[field].as_str().is_some_and(|one| one.to_lowercase() == value);
            match filter.split(' ').next().unwrap() {
                "mail" => holds("mail"),
                "userPrincipalName" => holds("userPrincipalName"),
                _ => user["otherMails"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .any(|one| one.as_str().unwrap().to_lowercase() == value),
            }
        };
        self.users.iter().filter(wanted).cloned().collect()
    }

    fn matching_groups(&self, query: &BTreeMap<String, String>) -> Vec<Value> {
        let wanted = |group: &&Value| {
            let Some(filter) = query.get("$filter") else { return true };
            let value = filter.strip_prefix("displayName eq '").unwrap().strip_suffix('\'').unwrap().replace("''", "'");
            group["displayName"].as_str().is_some_and(|name| name.to_lowercase() == value.to_lowercase())
        };
        self.groups.iter().filter(wanted).cloned().collect()
    }

    fn holders(&self, kind: &str, id: &str) -> Vec<String> {
        let holds = |members: &Vec<(&str, String)>| members.iter().any(|(of, one)| *of == kind && one == id);
        self.members.iter().filter(|(_, members)| holds(members)).map(|(group, _)| group.clone()).collect()
    }

    fn groups_of(&self, user: &str, nested: bool) -> Vec<Value> {
        let mut found: Vec<String> = self.holders("user", user);
        let mut place = 0;
        while nested && place < found.len() {
            for group in self.holders("group", &found[place]) {
                if !found.contains(&group) {
                    found.push(group);
                }
            }
            place += 1;
        }
        found.into_iter().map(|id| json!({"@odata.type": "#microsoft.graph.group", "id": id})).collect()
    }

    fn members_of(&self, group: &str, nested: bool) -> Vec<Value> {
        let mut found: Vec<(&str, String)> = self.members.get(group).cloned().unwrap_or_default();
        let mut place = 0;
        while nested && place < found.len() {
            let (kind, id) = found[place].clone();
            let below = self.members.get(&id).filter(|_| kind == "group").cloned().unwrap_or_default();
            for member in below {
                if !found.contains(&member) {
                    found.push(member);
                }
            }
            place += 1;
        }
        let hollow = |(kind, id): (&str, String)| json!({"@odata.type": format!("#microsoft.graph.{kind}"), "id": id});
        found.into_iter().map(hollow).collect()
    }

    /// A page of a population that nobody would want to keep as a list.
    fn many(&self, ask: &Ask) -> Answer {
        self.page(ask, self.population, |place| select(&user(place), &ask.query, "user"))
    }

    /// A page of a list, with the link to the next.
    fn list(&self, ask: &Ask, all: &[Value], kind: &str, typed: bool) -> Answer {
        self.page(ask, all.len(), |place| match typed {
            true => all[place].clone(),
            false => select(&all[place], &ask.query, kind),
        })
    }

    fn page(&self, ask: &Ask, all: usize, row: impl Fn(usize) -> Value) -> Answer {
        let top = ask.query.get("$top").map_or(100, |top| top.parse().unwrap());
        if !(1..=999).contains(&top) {
            return Answer::error(400, "Request_UnsupportedQuery", "Invalid page size specified");
        }
        let first = !ask.query.contains_key("$skiptoken");
        let start: usize =
            ask.query.get("$skiptoken").map_or(0, |place| place.strip_prefix('c').unwrap().parse().unwrap());
        let size = if first && self.empty_pages { 0 } else { self.page.min(top) };
        let page: Vec<Value> = (start..all.min(start + size)).map(row).collect();
        let end = start + page.len();
        let mut body = json!({"@odata.context": "https://graph.microsoft.com/v1.0/$metadata", "value": page});
        if end < all {
            let mut next = Url::parse(&format!("{}{}", self.base, ask.path)).unwrap();
            let others = ask.query.iter().filter(|(name, _)| *name != "$skiptoken");
            next.query_pairs_mut().extend_pairs(others).append_pair("$skiptoken", &format!("c{end}"));
            body["@odata.nextLink"] = next.to_string().into();
        }
        Answer::ok(body)
    }
}

/// What was selected, and nothing else; names that nobody knows are left out without a word.
fn select(row: &Value, query: &BTreeMap<String, String>, kind: &str) -> Value {
    if kind == "appRoleAssignment" {
        return row.clone();
    }
    let by_default = "id,userPrincipalName,mail,displayName,givenName,surname,mobilePhone,businessPhones";
    let names = query.get("$select").map_or(by_default, |names| names.as_str());
    let mut selected = serde_json::Map::new();
    for name in names.split(',') {
        selected.extend(row.get(name).map(|value| (name.to_owned(), value.clone())));
    }
    if query.get("$expand").is_some_and(|expand| expand.starts_with("manager")) {
        selected.extend(row.get("manager").map(|manager| ("manager".to_owned(), manager.clone())));
    }
    Value::Object(selected)
}

fn one(found: Option<&Value>, ask: &Ask) -> Answer {
    match found {
        Some(found) => Answer::ok(select(found, &ask.query, "")),
        None => not_found(&ask.path),
    }
}

pub fn not_found(what: &str) -> Answer {
    Answer::error(404, "Request_ResourceNotFound", &format!("Resource '{what}' does not exist."))
}
