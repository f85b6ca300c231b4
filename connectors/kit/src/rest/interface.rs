//! How a provider is asked, as one identity sees it.

use async_trait::async_trait;
use jiff::Timestamp;
use jiff::fmt::rfc2822;
use serde_json::Value as Json;

use super::json;
use super::refusal::Refusal;
use crate::ReadError;
use crate::http::token::TokenError;
use crate::http::{Client, HttpError, Pages, Request, Response};

/// One thing to ask for.
#[derive(Clone, Copy, Debug)]
pub struct Query<'a> {
    /// The name of the collection, for sentences.
    pub collection: &'static str,
    /// The path below the interface's root.
    pub path: &'a [&'a str],
    /// The query parameters.
    pub parameters: &'a [(&'a str, &'a str)],
}

/// How one provider is asked, and as whom.
#[async_trait]
pub trait Interface: Sync {
    /// The client that is signed in.
    fn client(&self) -> &Client;

    /// The server, for sentences.
    fn server(&self) -> &str;

    /// As whom we ask, for sentences.
    fn identity(&self) -> &str;

    /// Where tokens come from, for sentences.
    fn issuer(&self) -> &str {
        self.server()
    }

    /// Where the interface lies below the server, for sentences.
    fn root(&self) -> &'static str;

    /// Whether a parameter is told in sentences and certificates.
    fn tells(&self, _parameter: &str) -> bool {
        true
    }

    /// The request with what this provider wants of each.
    fn dressed(&self, request: Request, _query: &Query<'_>) -> Request {
        request
    }

    /// What the provider says in an answer that is no success.
    fn refusal(&self, answer: &Response) -> Box<dyn Refusal>;

    /// What to do about a sign-in that was refused for this reason, if that is known.
    fn sign_in_remedy(&self, _reason: &str) -> Option<String> {
        None
    }

    /// What is asked for, in words that a certificate can keep: the path, and the query.
    fn words(&self, query: &Query<'_>) -> String {
        let told = query.parameters.iter().filter(|(name, _)| self.tells(name));
        let parameters: Vec<String> = told.map(|(name, value)| format!("{name}={value}")).collect();
        let mark = if parameters.is_empty() { "" } else { "?" };
        format!("/{}/{}{mark}{}", self.root(), query.path.join("/"), parameters.join("&"))
    }

    /// The request for it.
    fn request(&self, query: &Query<'_>) -> Request {
        self.dressed(Request::get(self.client().url(query.path).with_query(query.parameters)), query)
    }

    /// The pages of a list, of which the next is asked for while the last one is worked on.
    fn pages(&self, query: &Query<'_>) -> Pages {
        Pages::new(self.client().clone(), self.request(query)).one_ahead()
    }

    /// One thing; nothing if the provider itself says that there is none.
    ///
    /// # Errors
    ///
    /// [`ReadError`] for every answer that settles nothing.
    async fn one(&self, query: &Query<'_>) -> Result<Option<Json>, ReadError> {
        let answer = self.answer(query).await?;
        let what = self.words(query);
        if answer.status == 200 {
            let body = json(&answer).map(Some);
            return body.map_err(|problem| ReadError::incomplete(query.collection, format!("{what}: {problem}")));
        }
        let refusal = self.refusal(&answer);
        if refusal.is_not_found() { Ok(None) } else { Err(self.refused(&*refusal, &what, query.collection)) }
    }

    /// What time it is at the provider, whose clock its time stamps are by, as the answer to this question tells.
    ///
    /// # Errors
    ///
    /// [`ReadError`] for an answer that is no success, or that tells no time.
    async fn now(&self, query: &Query<'_>) -> Result<Timestamp, ReadError> {
        let answer = self.answer(query).await?;
        if answer.status != 200 {
            return Err(self.refused(&*self.refusal(&answer), &self.words(query), query.collection));
        }
        let date = answer.header("date").and_then(|date| rfc2822::parse(date).ok());
        let missing =
            || ReadError::incomplete(query.collection, format!("{} does not say what time it is there", self.server()));
        date.map(|date| date.timestamp()).ok_or_else(missing)
    }

    /// The answer to a question, whatever it is.
    ///
    /// # Errors
    ///
    /// [`ReadError`] if there is none.
    async fn answer(&self, query: &Query<'_>) -> Result<Response, ReadError> {
        let answer = self.client().send(self.request(query)).await;
        answer.map_err(|error| self.no_answer(error, query.collection))
    }

    /// What a refusal means; `what` was asked for.
    fn refused(&self, refusal: &dyn Refusal, what: &str, collection: &str) -> ReadError {
        refusal.error((self.server(), self.identity()), what, collection)
    }

    /// What the lack of an answer means.
    fn no_answer(&self, error: HttpError, collection: &str) -> ReadError {
        let server = self.server().to_owned();
        match error {
            HttpError::Unreachable { reason, .. } => ReadError::Unreachable { server, reason },
            HttpError::Untrusted { reason, .. } => ReadError::Untrusted { server, reason },
            HttpError::Token { reason, .. } => {
                ReadError::SignIn { server, identity: self.identity().to_owned(), reason }
            }
            HttpError::Settings(sentence) => ReadError::Settings(sentence),
            other => ReadError::incomplete(collection, other.to_string()),
        }
    }

    /// Why there is no token.
    fn no_token(&self, error: TokenError) -> ReadError {
        let server = self.issuer().to_owned();
        let reason = match error {
            TokenError::Http(HttpError::Unreachable { reason, .. }) => {
                return ReadError::Unreachable { server, reason };
            }
            TokenError::Http(HttpError::Untrusted { reason, .. }) => return ReadError::Untrusted { server, reason },
            TokenError::Http(error) => error.to_string(),
            TokenError::Refused(reason) => reason,
        };
        let reason = match self.sign_in_remedy(&reason) {
            Some(remedy) => format!("{reason}; {remedy}"),
            None => reason,
        };
        ReadError::SignIn { server, identity: self.identity().to_owned(), reason }
    }
}
