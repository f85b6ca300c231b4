//! Why there is no answer.

/// Why there is no answer, or none that we accept. Never contains a credential, and of a URL neither user name,
/// password nor query.
#[derive(Debug, Clone, thiserror::Error)]
pub enum HttpError {
    /// No connection: the request was certainly not carried out.
    #[error("{url} cannot be reached: {reason}")]
    Unreachable {
        /// Where to.
        url: String,
        /// Why.
        reason: String,
    },
    /// The server did not prove who it is: the request was certainly not carried out.
    #[error("{url} did not prove who it is: {reason}")]
    Untrusted {
        /// Where to.
        url: String,
        /// Why, and the remedy.
        reason: String,
    },
    /// The request may or may not have been carried out.
    #[error("{url} did not answer: {reason}; whether it did what was asked is unknown")]
    NoAnswer {
        /// Where to.
        url: String,
        /// Why.
        reason: String,
    },
    /// The answer is larger than the bound.
    #[error("the answer of {url} is larger than {limit_mib} MiB")]
    TooLarge {
        /// Where to.
        url: String,
        /// The bound.
        limit_mib: u64,
    },
    /// The server asks for a longer pause than the settings allow.
    #[error("{url} asks to wait {seconds} seconds, more than max_wait allows")]
    WaitTooLong {
        /// Where to.
        url: String,
        /// How long.
        seconds: u64,
    },
    /// A link leads to another origin: followed, it would carry our credentials there.
    #[error("{url} is not on {origin}; it was not followed")]
    ForeignOrigin {
        /// The link.
        url: String,
        /// The client's origin.
        origin: String,
    },
    /// There is no token to send.
    #[error("no token for {url}: {reason}")]
    Token {
        /// Where to.
        url: String,
        /// Why.
        reason: String,
    },
    /// The settings cannot work.
    #[error("{0}")]
    Settings(String),
}
