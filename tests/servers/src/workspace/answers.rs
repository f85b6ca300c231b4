//! What the customer answers.

use std::collections::BTreeMap;

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RsaKeyPair, RsaPublicKeyComponents};
use serde_json::{Value, json};
use wiremock::{Request, ResponseTemplate};

use super::{ACCOUNT, ADMIN, KEY, SCOPES, State, forbidden, refusal};

type Query = BTreeMap<String, String>;

/// What a refused token request says, in Google's words.
fn refused(status: u16, error: &str, description: &str) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_json(json!({"error": error, "error_description": description}))
}

/// The claims of an assertion that the service account's key signed.
fn claims(assertion: &str) -> Option<Value> {
    let (message, signature) = assertion.rsplit_once('.')?;
    let (header, body) = message.split_once('.')?;
    let part = |text: &str| BASE64_URL_SAFE_NO_PAD.decode(text).ok();
    let header: Value = serde_json::from_slice(&part(header)?).ok()?;
    if header["alg"] != "RS256" || header["kid"] != "k1" {
        return None;
    }
    let der = pem(KEY);
    let pair = RsaKeyPair::from_pkcs8(&der).ok()?;
    let public: RsaPublicKeyComponents<Vec<u8>> = pair.public().into();
    public.verify(&RSA_PKCS1_2048_8192_SHA256, message.as_bytes(), &part(signature)?).ok()?;
    serde_json::from_slice(&part(body)?).ok()
}

fn pem(text: &str) -> Vec<u8> {
    let body: String = text.lines().filter(|line| !line.starts_with("-----")).collect();
    base64::prelude::BASE64_STANDARD.decode(body.trim()).unwrap()
}

impl State {
    pub(super) fn token(&mut self, request: &Request) -> ResponseTemplate {
        let form: Query = url::form_urlencoded::parse(&request.body).into_owned().collect();
        if form.get("grant_type").map(String::as_str) != Some("urn:ietf:params:oauth:grant-type:jwt-bearer") {
            return refused(400, "unsupported_grant_type", "Invalid grant_type");
        }
        let Some(claims) = form.get("assertion").and_then(|assertion| claims(assertion)) else {
            return refused(400, "invalid_grant", "Invalid JWT Signature.");
        };
        let number = |name: &str| claims[name].as_i64().unwrap_or_default();
        let (issued, ends) = (number("iat"), number("exp"));
        let now = i64::try_from(std::time::UNIX_EPOCH.elapsed().unwrap().as_secs()).unwrap();
        if ends - issued > 3600 || issued > now + 60 || ends < now {
            let description =
                "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe.";
            return refused(400, "invalid_grant", description);
        }
        let audience = claims["aud"].as_str().unwrap_or_default();
        if claims["iss"] != ACCOUNT || !audience.ends_with("/token") {
            return refused(400, "invalid_grant", "Invalid JWT: Failed audience check.");
        }
        if claims["sub"] != ADMIN || self.user(ADMIN).is_none_or(|admin| admin["suspended"] == true) {
            return refused(400, "invalid_grant", "Invalid email or User ID");
        }
        let asked: Vec<&str> = claims["scope"].as_str().unwrap_or_default().split(' ').collect();
        let delegated = |scope: &&str| scope.strip_prefix(SCOPES).is_some_and(|scope| self.scopes.contains(&scope));
        if !asked.iter().all(delegated) {
            let description = "Client is unauthorized to retrieve access tokens using this method, or client not \
                               authorized for any of the scopes requested.";
            return refused(401, "unauthorized_client", description);
        }
        self.granted = asked.iter().map(|scope| (*scope).to_owned()).collect();
        ResponseTemplate::new(200)
            .set_body_json(json!({"access_token": "ya29.lab", "expires_in": 3599, "token_type": "Bearer"}))
    }

    fn may(&self, scope: &str) -> bool {
        self.granted.iter().any(|granted| *granted == format!("{SCOPES}{scope}"))
    }

    pub(super) fn answer(&self, request: &Request) -> ResponseTemplate {
        let query: Query = request.url.query_pairs().into_owned().collect();
        let decoded = percent_decoded(request.url.path());
        let path: Vec<&str> = decoded.split('/').skip(2).collect();
        let scope = match path.as_slice() {
            ["directory", "v1", "users", ..] => "admin.directory.user.readonly",
            ["directory", "v1", "groups", ..] => "admin.directory.group.readonly",
            ["directory", "v1", "customer", _, "orgunits", ..] => "admin.directory.orgunit.readonly",
            ["reports", ..] => "admin.reports.audit.readonly",
            _ => return refusal(404, "notFound", "Not Found"),
        };
        if !self.may(scope) {
            return refusal(403, "insufficientPermissions", "Request had insufficient authentication scopes.");
        }
        match path.as_slice() {
            ["directory", "v1", "users"] => self.users(&query),
            ["directory", "v1", "users", id] => {
                self.one(&query, id, "userKey", self.user(id).map(|user| seen(user, &query)))
            }
            ["directory", "v1", "groups"] => self.groups(&query),
            ["directory", "v1", "groups", id] => self.one(&query, id, "groupKey", self.group(id)),
            ["directory", "v1", "groups", id, "members"] => self.members(&query, id),
            ["directory", "v1", "customer", "my_customer", "orgunits", rest @ ..] => self.unit(&rest.join("/")),
            ["reports", "v1", "activity", "users", "all", "applications", log] => self.log(&query, log),
            _ => refusal(404, "notFound", "Not Found"),
        }
    }

    fn one(&self, query: &Query, id: &str, what: &str, found: Option<Value>) -> ResponseTemplate {
        match found {
            Some(found) => ResponseTemplate::new(200).set_body_json(selected(&found, query.get("fields"))),
            None if self.foreign.iter().any(|foreign| foreign == id) => forbidden(),
            None => refusal(404, "notFound", &format!("Resource Not Found: {what}")),
        }
    }

    /// A user by id, address or alias.
    fn user(&self, key: &str) -> Option<Value> {
        let same = |value: &Value| value.as_str().is_some_and(|value| value.eq_ignore_ascii_case(key));
        let is = |user: &&Value| {
            same(&user["id"])
                || same(&user["primaryEmail"])
                || user["aliases"].as_array().is_some_and(|aliases| aliases.iter().any(same))
        };
        self.users.iter().find(is).cloned()
    }

    fn group(&self, key: &str) -> Option<Value> {
        let group = self.groups.iter().find(|group| group["id"] == key || group["email"] == key)?;
        let mut group = group.clone();
        if group.get("directMembersCount").is_none() {
            let members = self.members.get(group["id"].as_str().unwrap()).map_or(0, Vec::len);
            group["directMembersCount"] = members.to_string().into();
        }
        Some(group)
    }

    fn users(&self, query: &Query) -> ResponseTemplate {
        if !(1..=500).contains(&size(query, 100)) {
            return refusal(400, "invalid", "Invalid Input: maxResults");
        }
        let whole = query.get("customer").is_some_and(|customer| customer == "my_customer");
        let domains = ["example.test", "second.test"];
        match query.get("domain") {
            None if whole => {}
            Some(domain) if domains.contains(&&**domain) => {}
            Some(_) => return refusal(404, "notFound", "Domain not found."),
            None => return refusal(400, "badRequest", "Bad Request"),
        }
        let all = if query.get("showDeleted").is_some_and(|show| show == "true") { &self.deleted } else { &self.users };
        let found: Vec<Value> =
            all.iter().filter(|user| matches(user, query)).map(|user| seen(user.clone(), query)).collect();
        self.page("users", "admin#directory#users", query, &found)
    }

    fn groups(&self, query: &Query) -> ResponseTemplate {
        if !(1..=200).contains(&size(query, 200)) {
            return refusal(400, "invalid", "Invalid Input: maxResults");
        }
        let of_domain = |group: &&Value| {
            query.get("domain").is_none_or(|domain| group["email"].as_str().unwrap().ends_with(&format!("@{domain}")))
        };
        let ids = self.groups.iter().filter(of_domain).filter_map(|group| self.group(group["id"].as_str()?));
        self.page("groups", "admin#directory#groups", query, &ids.collect::<Vec<_>>())
    }

    fn members(&self, query: &Query, id: &str) -> ResponseTemplate {
        if !(1..=200).contains(&size(query, 200)) {
            return refusal(400, "invalid", "Invalid Input: maxResults");
        }
        match self.group(id) {
            Some(group) => {
                let members = self.members.get(group["id"].as_str().unwrap()).cloned().unwrap_or_default();
                self.page("members", "admin#directory#members", query, &members)
            }
            None if self.foreign.iter().any(|foreign| foreign == id) => forbidden(),
            None => refusal(404, "notFound", "Resource Not Found: groupKey"),
        }
    }

    fn unit(&self, key: &str) -> ResponseTemplate {
        let found = self.units.iter().find(|(id, path)| *id == key || path.trim_start_matches('/') == key);
        match found {
            Some((id, path)) => ResponseTemplate::new(200).set_body_json(json!({
                "kind": "admin#directory#orgUnit", "etag": "\"o\"", "name": path.rsplit('/').next(), "description": "",
                "orgUnitPath": path, "orgUnitId": id, "parentOrgUnitPath": "/", "parentOrgUnitId": "id:03ph8a2z1root",
            })),
            None => refusal(404, "notFound", "Org unit not found"),
        }
    }

    fn log(&self, query: &Query, log: &str) -> ResponseTemplate {
        match self.logs.get(log) {
            Some(log) => self.page("items", "admin#reports#activities", query, log),
            None => refusal(403, "forbidden", "Access denied. You are not authorized to read activity records."),
        }
    }

    /// A page of a list. The key of an empty one is absent.
    fn page(&self, key: &str, kind: &str, query: &Query, all: &[Value]) -> ResponseTemplate {
        let start = match query.get("pageToken") {
            None => 0,
            Some(token) => match token.strip_prefix("p-").and_then(|start| start.parse().ok()) {
                Some(start) => start,
                None => return refusal(400, "invalid", "Invalid Input: pageToken"),
            },
        };
        let page: Vec<Value> = all.iter().skip(start).take(self.page.min(size(query, 100))).cloned().collect();
        let end = start + page.len();
        let mut body = json!({"kind": kind, "etag": "\"list\""});
        if !page.is_empty() {
            body[key] = page.into();
        }
        if end < all.len() {
            body["nextPageToken"] = format!("p-{end}").into();
        }
        ResponseTemplate::new(200).set_body_json(selected(&body, query.get("fields")))
    }
}

fn size(query: &Query, usual: usize) -> usize {
    query.get("maxResults").map_or(usual, |size| size.parse().unwrap_or_default())
}

/// Whether a list's query and domain find a user.
fn matches(user: &Value, query: &Query) -> bool {
    let address = user["primaryEmail"].as_str().unwrap_or_default();
    let of_domain = query.get("domain").is_none_or(|domain| address.ends_with(&format!("@{domain}")));
    let words = query.get("query").map(String::as_str).unwrap_or_default();
    let suspended = !words.contains("isSuspended=true") || user["suspended"] == true;
    let unit = words.strip_prefix("orgUnitPath='").and_then(|rest| rest.split('\'').next());
    let path = user["orgUnitPath"].as_str().unwrap_or_default();
    let below = unit.is_none_or(|unit| path == unit || path.starts_with(&format!("{unit}/")));
    of_domain && suspended && below
}

/// A user as a projection shows them: custom fields come only when they are asked for.
fn seen(mut user: Value, query: &Query) -> Value {
    let projection = query.get("projection").map(String::as_str).unwrap_or("basic");
    let schemas: Vec<&str> = query.get("customFieldMask").map(|mask| mask.split(',').collect()).unwrap_or_default();
    if let Some(own) = user.get_mut("customSchemas").and_then(Value::as_object_mut) {
        own.retain(|name, _| projection == "full" || (projection == "custom" && schemas.contains(&&**name)));
        if own.is_empty() {
            user.as_object_mut().unwrap().remove("customSchemas");
        }
    }
    user
}

/// What `fields` selects of an object: names, and names of what is within in parentheses.
fn selected(body: &Value, fields: Option<&String>) -> Value {
    let Some(fields) = fields else { return body.clone() };
    let mut kept = serde_json::Map::new();
    let mut rest = fields.as_str();
    while !rest.is_empty() {
        let end = rest.find([',', '(']).unwrap_or(rest.len());
        let name = &rest[..end];
        let within = rest[end..].strip_prefix('(').and_then(|within| within.split_once(')'));
        let value = body.get(name);
        match within {
            Some((inner, after)) => {
                let inner = inner.to_owned();
                let cut = |value: &Value| match value {
                    Value::Array(rows) => rows.iter().map(|row| selected(row, Some(&inner))).collect(),
                    one => selected(one, Some(&inner)),
                };
                kept.extend(value.map(|value| (name.to_owned(), cut(value))));
                rest = after.strip_prefix(',').unwrap_or(after);
            }
            None => {
                kept.extend(value.map(|value| (name.to_owned(), value.clone())));
                rest = rest[end..].strip_prefix(',').unwrap_or_default();
            }
        }
    }
    Value::Object(kept)
}

fn percent_decoded(path: &str) -> String {
    url::form_urlencoded::parse(format!("p={}", path.replace('+', "%2B").replace('&', "%26")).as_bytes())
        .map(|(_, value)| value.into_owned())
        .collect()
}
