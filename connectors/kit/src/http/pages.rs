//! A walk over the pages of a list, which ends as the provider says that a list ends, or in an error.
//!
//! A page that fails, a next page elsewhere, one that was there before and a list without end are errors and never
//! ends: whoever is missing behind them would look like somebody who left.

use std::collections::BTreeSet;

use super::{Client, HttpError, OriginUrl, Request, Response};

/// More pages than any honest list has.
const BOUND: u64 = 100_000;

/// What follows a page, as its answer says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NextPage {
    /// Nothing: the list is complete.
    End,
    /// A link, as it came.
    Link(String),
    /// A word to send with the first page's request.
    Parameter {
        /// The name of the query parameter.
        name: &'static str,
        /// The word.
        value: String,
    },
}

/// Why a walk ended before the list did.
#[derive(Debug, thiserror::Error)]
pub enum PageError {
    /// There was no answer, or the next link leads to another origin.
    #[error("page {page}: {error}")]
    Http {
        /// The page, from 1.
        page: u64,
        /// What happened.
        error: HttpError,
    },
    /// The answer is no page.
    #[error("page {page} was answered with status {}", answer.status)]
    Refused {
        /// The page, from 1.
        page: u64,
        /// The answer, after its retries.
        answer: Box<Response>,
    },
    /// The page cannot be understood.
    #[error("page {page}: {problem}")]
    Shape {
        /// The page, from 1.
        page: u64,
        /// What is wrong with it.
        problem: String,
    },
    /// A next page that was read already.
    #[error("page {page} names a next page that was read before, so that the list has no end")]
    Repeated {
        /// The page, from 1.
        page: u64,
    },
    /// A next page that is no part of the interface.
    #[error("page {page} names a next page outside of {below}; it was not followed")]
    Astray {
        /// The page, from 1.
        page: u64,
        /// Where the client's resources are.
        below: String,
    },
    /// Too many pages.
    #[error("the list did not end within {bound} pages")]
    Endless {
        /// The bound.
        bound: u64,
    },
}

/// A walk over the pages of one list.
pub struct Pages {
    client: Client,
    first: Request,
    next: Option<OriginUrl>,
    seen: BTreeSet<String>,
    read: u64,
    bound: u64,
    doubt: Option<fn(&Response) -> bool>,
}

impl Pages {
    /// A walk that begins with this request. Its headers and class go with every page.
    #[must_use]
    pub fn new(client: Client, first: Request) -> Self {
        let next = Some(first.url.clone());
        Self { client, first, next, seen: BTreeSet::new(), read: 0, bound: BOUND, doubt: None }
    }

    /// The same walk with another bound on pages; reached, it is an error.
    #[must_use]
    pub fn with_bound(mut self, bound: u64) -> Self {
        self.bound = bound;
        self
    }

    /// The same walk, which asks for a page once more if `doubt` finds its answer doubtful; the second answer counts. For
    /// providers whose lists have been answered with nothing, and with success.
    #[must_use]
    pub fn with_second_look(mut self, doubt: fn(&Response) -> bool) -> Self {
        self.doubt = Some(doubt);
        self
    }

    /// How many pages were read.
    #[must_use]
    pub fn read(&self) -> u64 {
        self.read
    }

    /// Fetches the next page. `take` reads it and says what follows; nothing is left when the list has ended.
    ///
    /// # Errors
    ///
    /// [`PageError`]; after one the walk is over, and what it has read is no list.
    pub async fn next<T>(
        &mut self,
        take: impl FnOnce(&Response) -> Result<(T, NextPage), String>,
    ) -> Result<Option<T>, PageError> {
        let Some(url) = self.next.take() else { return Ok(None) };
        if self.read >= self.bound {
            return Err(PageError::Endless { bound: self.bound });
        }
        let page = self.read + 1;
        self.seen.insert(url.as_url().to_string());
        let request = Request { url: url.clone(), ..self.first.clone() };
        let mut answer = self.fetch(request.clone()).await?;
        if answer.status == 200 && self.doubt.is_some_and(|doubt| doubt(&answer)) {
            answer = self.fetch(request).await?;
        }
        if answer.status != 200 {
            return Err(PageError::Refused { page, answer: Box::new(answer) });
        }
        let (content, next) = take(&answer).map_err(|problem| PageError::Shape { page, problem })?;
        self.read = page;
        self.next = self.follow(&url, next)?;
        Ok(Some(content))
    }

    /// Sends for the page that comes after those that were read.
    async fn fetch(&self, request: Request) -> Result<Response, PageError> {
        let page = self.read + 1;
        self.client.send(request).await.map_err(|error| PageError::Http { page, error })
    }

    /// Checks what follows a page.
    fn follow(&self, from: &OriginUrl, next: NextPage) -> Result<Option<OriginUrl>, PageError> {
        let page = self.read;
        let url = match next {
            NextPage::End => return Ok(None),
            NextPage::Link(link) => {
                self.client.follow_from(from, &link).map_err(|error| PageError::Http { page, error })?
            }
            NextPage::Parameter { name, value } => self.first.url.clone().with_query(&[(name, &value)]),
        };
        let base = self.client.url(&[]);
        let below = base.as_url().path().trim_end_matches('/');
        let inside =
            url.as_url().path().strip_prefix(below).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        if !inside {
            return Err(PageError::Astray { page, below: below.to_owned() });
        }
        if self.seen.contains(url.as_url().as_str()) {
            return Err(PageError::Repeated { page });
        }
        Ok(Some(url))
    }
}
