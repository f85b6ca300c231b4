//! The one HTTP client of the house.
//!
//! Every provider connector and the SCIM target speak through [`Client`]. It is bound to one origin; an
//! [`OriginUrl`] can only be made by it, so credentials cannot leave that origin. It pools connections, bounds bodies
//! and times, repeats only what is safe to repeat, waits exactly as long as it is told to, and renews a token once.
//!
//! | file | idea |
//! |---|---|
//! | `settings` | what an administrator can set |
//! | `message` | requests, answers, and what may be repeated |
//! | `meter` | counts for whoever watches the process |
//! | `span` | what traces tell of an attempt |
//! | `origin` | URLs that lie on the client's own origin; what of a URL may be shown |
//! | `tls` | whom we trust and how we prove ourselves |
//! | `failure` | what a failed exchange means: surely not carried out, or unknown |
//! | `retry` | when to send again, and after which pause |
//! | `gate` | one pause for all clones of a client |
//! | `pace` | no more requests a minute than we were told, or than the server was seen to take |
//! | `limit` | what is left of a rate limit, and how much of it is ours |
//! | `pages` | a walk over pages that ends as a list ends, or in an error |
//! | `client` | the exchange itself |
//! | `token` | where `Authorization` comes from |

mod client;
mod endpoint;
mod error;
mod failure;
#[cfg(test)]
mod foreign;
mod gate;
mod limit;
mod message;
pub mod meter;
mod origin;
mod pace;
mod pages;
mod retry;
mod settings;
mod span;
mod stats;
mod tls;
pub mod token;

pub use client::Client;
pub use error::HttpError;
pub use limit::RateLimit;
pub use message::{DamagedLink, Repeat, Request, Response};
pub use origin::OriginUrl;
pub use pages::{NextPage, PageError, Pages};
pub use reqwest::Method;
pub use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
pub use settings::HttpSettings;
pub use stats::Stats;
pub use token::TokenSource;
