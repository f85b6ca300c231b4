//! A walk over the pages of a list, which ends as the provider says that a list ends, or in an error.
//!
//! A page that fails, a next page elsewhere, one that was there before and a list without end are errors and never
//! ends: whoever is missing behind them would look like somebody who left.
//!
//! A walk that goes one page ahead asks for the next page while the last one is worked on. It changes when a page is asked
//! for and nothing else: the link is checked first, what happens to that page is said when its turn comes, and a walk that
//! is given up takes the page with it.

use std::collections::BTreeSet;

use tokio::task::JoinHandle;
use tracing::Instrument as _;

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
    doubt: Option<Doubt>,
    goes_ahead: bool,
    /// The next page, which was asked for already.
    ahead: Option<Ahead>,
}

/// Finds answers that are asked for twice.
type Doubt = fn(&Response) -> bool;

/// A page on its way.
struct Ahead(JoinHandle<Result<Response, HttpError>>);

impl Drop for Ahead {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Ahead {
    /// Waits for the page.
    async fn arrival(mut self) -> Option<Result<Response, HttpError>> {
        match (&mut self.0).await {
            Ok(answer) => Some(answer),
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            // Somebody ends all tasks. Who still wants the page asks for it again.
            Err(_) => None,
        }
    }
}

/// Asks for a page, and once more if the answer is doubtful; the second answer counts.
async fn ask(client: Client, request: Request, doubt: Option<Doubt>) -> Result<Response, HttpError> {
    let answer = client.send(request.clone()).await?;
    if answer.status == 200 && doubt.is_some_and(|doubt| doubt(&answer)) {
        return client.send(request).await;
    }
    Ok(answer)
}

impl Pages {
    /// A walk that begins with this request. Its headers and class go with every page.
    #[must_use]
    pub fn new(client: Client, first: Request) -> Self {
        let next = Some(first.url.clone());
        Self {
            client,
            first,
            next,
            seen: BTreeSet::new(),
            read: 0,
            bound: BOUND,
            doubt: None,
            goes_ahead: false,
            ahead: None,
        }
    }

    /// The same walk, which asks for the next page while the last one is worked on: for a reader who wants them all.
    #[must_use]
    pub fn one_ahead(mut self) -> Self {
        self.goes_ahead = true;
        self
    }

    /// The same walk, which asks for no page before it is wanted.
    #[must_use]
    pub fn in_step(mut self) -> Self {
        self.goes_ahead = false;
        self
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
        let answer = self.answer(url.clone()).await.map_err(|error| PageError::Http { page, error })?;
        if answer.status != 200 {
            return Err(PageError::Refused { page, answer: Box::new(answer) });
        }
        let (content, next) = take(&answer).map_err(|problem| PageError::Shape { page, problem })?;
        self.read = page;
        self.next = self.follow(&url, next)?;
        if self.goes_ahead && self.read < self.bound {
            self.ahead = self.next.clone().map(|url| {
                let page = ask(self.client.clone(), self.request(url), self.doubt);
                Ahead(tokio::spawn(page.in_current_span()))
            });
        }
        Ok(Some(content))
    }

    fn request(&self, url: OriginUrl) -> Request {
        Request { url, ..self.first.clone() }
    }

    /// The answer to the page at this URL, which may be on its way.
    async fn answer(&mut self, url: OriginUrl) -> Result<Response, HttpError> {
        if let Some(ahead) = self.ahead.take()
            && let Some(answer) = ahead.arrival().await
        {
            return answer;
        }
        ask(self.client.clone(), self.request(url), self.doubt).await
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
