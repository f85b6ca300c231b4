//! How users are asked for: the same parameters on every way, because a list, a look-up and a read of changes must see
//! the same person.

use crate::person;
use crate::reach::Reach;
use crate::settings::GoogleSettings;

/// What tells a user who changed from one who did not.
pub(crate) const MARKED: &str = "kind,etag,nextPageToken,users(id,etag)";

/// Parameters of requests for users.
pub(crate) struct Asking {
    size: String,
    list: String,
    one: String,
    projection: &'static str,
    schemas: Option<String>,
    /// The customer or the domain.
    whose: (&'static str, String),
}

impl Asking {
    pub(crate) fn new(settings: &GoogleSettings, reach: &Reach) -> Self {
        let fields = person::fields(settings);
        let schemas = settings.custom_schemas.as_ref().map(|schemas| schemas.join(","));
        let projection = match &schemas {
            None => "full",
            Some(schemas) if schemas.is_empty() => "basic",
            Some(_) => "custom",
        };
        let whose = match reach {
            Reach::Domain(domain) => ("domain", domain.clone()),
            _ => ("customer", settings.customer().to_owned()),
        };
        Self {
            size: settings.page_size.to_string(),
            list: format!("kind,etag,nextPageToken,users({fields})"),
            one: fields,
            projection,
            schemas: schemas.filter(|schemas| !schemas.is_empty()),
            whose,
        }
    }

    /// Of a list of users; with `deleted`, of those who were deleted and of nobody else.
    pub(crate) fn list<'a>(&'a self, query: Option<&'a str>, deleted: bool) -> Vec<(&'a str, &'a str)> {
        let mut parameters = vec![(self.whose.0, &*self.whose.1), ("maxResults", &*self.size)];
        parameters.extend(query.map(|query| ("query", query)));
        if deleted {
            parameters.push(("showDeleted", "true"));
        }
        parameters.extend(self.projected());
        parameters.push(("fields", &self.list));
        parameters
    }

    /// Of the same list with no more than what tells whether somebody changed.
    pub(crate) fn marks<'a>(&'a self, query: Option<&'a str>) -> Vec<(&'a str, &'a str)> {
        let mut parameters = self.list(query, false);
        parameters.retain(|(name, _)| *name != "fields");
        parameters.push(("fields", MARKED));
        parameters
    }

    /// Of one user.
    pub(crate) fn one(&self) -> Vec<(&str, &str)> {
        let mut parameters = self.projected();
        parameters.push(("fields", &self.one));
        parameters
    }

    fn projected(&self) -> Vec<(&str, &str)> {
        let mut parameters = vec![("projection", self.projection)];
        parameters.extend(self.schemas.as_deref().map(|schemas| ("customFieldMask", schemas)));
        parameters
    }
}
