//! A provider's JSON interface, as one identity sees it: lists that end as they should, things by their ids, and errors
//! in our words.
//!
//! What differs between providers is said by [`Interface`]: what a page looks like, what a refusal means. What does not
//! is here: whoever walks a list through [`List`] gets whole pages of objects with ids, or an error that says where the
//! walk ended and what was asked for.

use std::collections::BTreeSet;

use serde_json::Value as Json;
use url::{Host, Url};

use crate::ReadError;
use crate::http::{Client, HttpError, NextPage, PageError, Pages, Request, Response};
use crate::settings::Problem;

/// How one provider is asked, and as whom.
pub trait Interface: Sync {
    /// The client that is signed in.
    fn client(&self) -> &Client;

    /// The server, for sentences.
    fn server(&self) -> &str;

    /// As whom we ask, for sentences.
    fn identity(&self) -> &str;

    /// What an answer that is no success means; `what` was asked for.
    fn refused(&self, answer: &Response, what: &str, collection: &str) -> ReadError;

    /// Whether the provider itself, and not something between, says by this answer that there is no such thing.
    fn is_absent(&self, answer: &Response) -> bool;
}

/// What the lack of an answer means.
#[must_use]
pub fn no_answer(api: &dyn Interface, error: HttpError, collection: &str) -> ReadError {
    let server = api.server().to_owned();
    match error {
        HttpError::Unreachable { reason, .. } => ReadError::Unreachable { server, reason },
        HttpError::Untrusted { reason, .. } => ReadError::Untrusted { server, reason },
        HttpError::Token { reason, .. } => ReadError::SignIn { server, identity: api.identity().to_owned(), reason },
        HttpError::Settings(sentence) => ReadError::Settings(sentence),
        other => ReadError::incomplete(collection, other.to_string()),
    }
}

/// One thing; nothing if the provider itself says that there is none. `what` was asked for.
///
/// # Errors
///
/// [`ReadError`] for every answer that settles nothing.
pub async fn one(
    api: &dyn Interface,
    request: Request,
    what: &str,
    collection: &str,
) -> Result<Option<Json>, ReadError> {
    let answer = api.client().send(request).await.map_err(|error| no_answer(api, error, collection))?;
    if answer.status == 200 {
        return json(&answer)
            .map(Some)
            .map_err(|problem| ReadError::incomplete(collection, format!("{what}: {problem}")));
    }
    if api.is_absent(&answer) { Ok(None) } else { Err(api.refused(&answer, what, collection)) }
}

/// What is asked for, in words that a certificate can keep: a path below `root`, and the query.
#[must_use]
pub fn words(root: &str, path: &[&str], parameters: &[(&str, &str)]) -> String {
    let parameters: Vec<String> = parameters.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let mark = if parameters.is_empty() { "" } else { "?" };
    format!("/{root}/{}{mark}{}", path.join("/"), parameters.join("&"))
}

/// An object of a list.
#[derive(Clone, Debug)]
pub struct Item {
    /// Its id, which every object has.
    pub id: String,
    /// All of it.
    pub json: Json,
}

/// The objects of a page. Something without an id belongs to nobody whom we could hold as he is, so the page counts as
/// damaged.
///
/// # Errors
///
/// A sentence about the page.
pub fn items(rows: Vec<Json>) -> Result<Vec<Item>, String> {
    let item = |json: Json| {
        let id = json.get("id").and_then(Json::as_str).map(str::trim).filter(|id| !id.is_empty());
        let id = id.ok_or("an object came without an id, so that the answer cannot be trusted")?.to_owned();
        Ok(Item { id, json })
    };
    rows.into_iter().map(item).collect::<Result<_, &str>>().map_err(ToOwned::to_owned)
}

/// The body as JSON.
///
/// # Errors
///
/// A sentence about the body.
pub fn json(answer: &Response) -> Result<Json, String> {
    serde_json::from_slice(&answer.body).map_err(|_| "the answer is no JSON".to_owned())
}

/// Reads a page: its objects, and what follows it.
pub type Take = fn(&Response) -> Result<(Vec<Item>, NextPage), String>;

/// A list under way. Its next page is asked for while the last one is worked on, if its [`Pages`] go one ahead.
pub struct List<'a> {
    api: &'a dyn Interface,
    pages: Pages,
    collection: &'static str,
    words: String,
    take: Take,
}

impl<'a> List<'a> {
    /// A walk over these pages, each of which is read by `take`. `words` say what is asked for.
    #[must_use]
    pub fn new(api: &'a dyn Interface, pages: Pages, collection: &'static str, words: String, take: Take) -> Self {
        Self { api, pages, collection, words, take }
    }

    /// The objects of the next page, each with its id; nothing when the list has ended.
    ///
    /// # Errors
    ///
    /// [`ReadError`]; after one the walk is over, and what it has read is no list.
    pub async fn next(&mut self) -> Result<Option<Vec<Item>>, ReadError> {
        self.next_by(self.take).await
    }

    /// The objects of the first page, for a reader who wants no other.
    ///
    /// # Errors
    ///
    /// As [`List::next`].
    pub async fn first(self) -> Result<Vec<Item>, ReadError> {
        Ok(self.in_step().next().await?.unwrap_or_default())
    }

    /// The same list, of which no page is asked for before it is wanted.
    #[must_use]
    pub fn in_step(self) -> Self {
        Self { pages: self.pages.in_step(), ..self }
    }

    /// As [`List::next`], for pages of something else than objects with ids.
    ///
    /// # Errors
    ///
    /// As [`List::next`].
    pub async fn next_by<T>(
        &mut self,
        take: impl FnOnce(&Response) -> Result<(T, NextPage), String>,
    ) -> Result<Option<T>, ReadError> {
        self.pages.next(take).await.map_err(|error| self.error(error))
    }

    /// All objects of a list that is known to be short.
    ///
    /// # Errors
    ///
    /// As [`List::next`].
    pub async fn all(mut self) -> Result<Vec<Item>, ReadError> {
        let mut all = Vec::new();
        while let Some(page) = self.next().await? {
            all.extend(page);
        }
        Ok(all)
    }

    /// How many pages were read.
    #[must_use]
    pub fn pages(&self) -> u64 {
        self.pages.read()
    }

    /// What was asked for.
    #[must_use]
    pub fn words(&self) -> &str {
        &self.words
    }

    fn error(&self, error: PageError) -> ReadError {
        let Self { api, collection, words, .. } = self;
        match error {
            PageError::Refused { answer, page } => {
                let what = if page == 1 { words.clone() } else { format!("page {page} of {words}") };
                api.refused(&answer, &what, collection)
            }
            PageError::Http { page: 1, error } => no_answer(*api, error, collection),
            other => ReadError::incomplete(*collection, format!("{words}: {other}")),
        }
    }
}

/// Whose objects were met already: a hash of each id, few bytes, because there may be a million.
#[derive(Debug, Default)]
pub struct Met(BTreeSet<u128>);

impl Met {
    /// Notes an id; false if it was met before.
    pub fn meet(&mut self, id: &str) -> bool {
        self.0.insert(Self::hash(id))
    }

    /// Whether an id was met.
    #[must_use]
    pub fn contains(&self, id: &str) -> bool {
        self.0.contains(&Self::hash(id))
    }

    fn hash(id: &str) -> u128 {
        let hash = blake3::hash(id.as_bytes());
        u128::from_le_bytes(std::array::from_fn(|place| hash.as_bytes()[place]))
    }
}

/// A value that is one value, as text; null, blank, lists and objects are none.
#[must_use]
pub fn text(json: &Json) -> Option<String> {
    let text = match json {
        Json::String(text) => text.trim().to_owned(),
        Json::Number(number) => number.to_string(),
        Json::Bool(_) | Json::Null | Json::Array(_) | Json::Object(_) => return None,
    };
    (!text.is_empty()).then_some(text)
}

/// What is wrong with the URL of an interface: our token goes there, so it is https, or plain http on this machine.
#[must_use]
pub fn unfit(url: &Url) -> Option<&'static str> {
    let loopback = match url.host() {
        None => return Some("has no host"),
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
    };
    match url.scheme() {
        "https" => None,
        "http" if loopback => None,
        _ => Some("must begin with https, or everybody on the way can read the token"),
    }
}

/// Where an interface is, without a path: what the administrator set, else the usual place.
///
/// # Errors
///
/// A problem with `setting`, for a URL that is unfit or holds something behind the host.
pub fn place(own: Option<&Url>, usual: &str, setting: &str) -> Result<Url, Problem> {
    let refused =
        |why: &str| Problem::new(setting, format!("{setting} {why}; write, for example, {setting} = {usual:?}"));
    let url = match own {
        Some(url) => url.clone(),
        None => Url::parse(usual).map_err(|_| refused("is no URL"))?,
    };
    if let Some(problem) = unfit(&url) {
        return Err(refused(problem));
    }
    if !matches!(url.path(), "" | "/") || url.query().is_some() {
        return Err(refused("must hold nothing behind the host"));
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_object_without_an_id_damages_the_page() {
        for rows in [json!([{"id": "1"}, {}]), json!([{"id": null}]), json!([{"id": " "}]), json!([7])] {
            let Json::Array(rows) = rows else { unreachable!() };
            assert!(items(rows).is_err());
        }
        let found = items(vec![json!({"id": " 1 ", "name": "x"})]).unwrap();
        assert_eq!((found[0].id.as_str(), &found[0].json["name"]), ("1", &json!("x")));
    }

    #[test]
    fn only_one_value_is_text() {
        assert_eq!(text(&json!(" a ")).as_deref(), Some("a"));
        assert_eq!(text(&json!(10_442)).as_deref(), Some("10442"));
        for none in [json!(null), json!(true), json!(" "), json!(["a"]), json!({"a": 1})] {
            assert_eq!(text(&none), None, "{none}");
        }
    }

    #[test]
    fn a_token_goes_nowhere_in_the_clear_but_to_this_machine() {
        let fit = |url: &str| unfit(&Url::parse(url).unwrap()).is_none();
        for url in ["https://acme.example", "http://127.0.0.1:8080", "http://[::1]", "http://localhost"] {
            assert!(fit(url), "{url}");
        }
        for url in ["http://acme.example", "ftp://127.0.0.1", "http://127.0.0.1.acme.example", "data:,x"] {
            assert!(!fit(url), "{url}");
        }
    }

    #[test]
    fn whoever_was_met_is_known_again() {
        let mut met = Met::default();
        assert!(met.meet("1") && !met.meet("1") && met.meet("2"));
        assert!(met.contains("2") && !met.contains("3"));
    }

    #[test]
    fn what_was_asked_for_is_told_by_path_and_query() {
        assert_eq!(words("api/v1", &["users", "7"], &[]), "/api/v1/users/7");
        assert_eq!(words("v1.0", &["users"], &[("a", "1"), ("b", "2")]), "/v1.0/users?a=1&b=2");
    }
}
