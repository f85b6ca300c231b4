//! Lists that end as they should: whole pages of objects with ids, or an error that says where the walk ended.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use super::interface::{Interface, Query};
use crate::ReadError;
use crate::http::{NextPage, PageError, Pages, Response};

/// An object of a list.
#[derive(Clone, Debug)]
pub struct Item {
    /// Its id, which every object has.
    pub id: String,
    /// All of it.
    pub json: Json,
}

/// The objects of a page. Something without an id belongs to nobody whom we could hold as they are, so the page counts as
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

    /// A walk over the pages of what is asked for.
    #[must_use]
    pub fn of(api: &'a dyn Interface, pages: Pages, query: &Query<'_>, take: Take) -> Self {
        Self::new(api, pages, query.collection, api.words(query), take)
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
                api.refused(&*api.refusal(&answer), &what, collection)
            }
            PageError::Http { page: 1, error } => api.no_answer(error, collection),
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
    fn what_was_met_is_known_again() {
        let mut met = Met::default();
        assert!(met.meet("1") && !met.meet("1") && met.meet("2"));
        assert!(met.contains("2") && !met.contains("3"));
    }
}
