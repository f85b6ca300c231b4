//! One span for each attempt of a request, by the conventions of OpenTelemetry for HTTP clients.
//!
//! They ask for the whole URL (`url.full`), which is left out on purpose: paths and queries hold ids, addresses and
//! tokens. The path is shown as the template that the client was told of ([`super::Client::with_endpoints`]), or not at
//! all, so that only words of our own are shown.

use std::time::Duration;

use tracing::field::Empty;
use tracing::{Span, info_span};
use url::Url;

use super::endpoint::template;
use super::failure::Failure;
use super::{HttpError, Request, Response};
use crate::traces::{TARGET, fails, seconds};

/// The span of one attempt.
pub(super) struct Attempt(pub(super) Span);

impl Attempt {
    /// Begins: the attempt before which so many were made, and for which so long was waited.
    pub(super) fn new(
        request: &Request,
        base: &Url,
        endpoints: &'static [&'static str],
        before: u32,
        waited: Duration,
    ) -> Self {
        let span = info_span!(
            target: TARGET,
            "request",
            otel.name = Empty,
            otel.kind = "client",
            otel.status_code = Empty,
            http.request.method = request.method.as_str(),
            http.request.resend_count = Empty,
            http.response.status_code = Empty,
            server.address = base.host_str(),
            server.port = base.port_or_known_default(),
            url.scheme = base.scheme(),
            url.template = Empty,
            "error.type" = Empty,
            rollcall.request.class = Empty,
            rollcall.request.waited = Empty,
            rollcall.request.told_to_wait = Empty,
        );
        if span.is_disabled() {
            return Self(span);
        }
        match template(base, request.url.as_url(), endpoints) {
            Some(template) => {
                span.record("otel.name", format_args!("{} {template}", request.method));
                span.record("url.template", template);
            }
            None => drop(span.record("otel.name", request.method.as_str())),
        }
        if !request.class.is_empty() {
            span.record("rollcall.request.class", request.class);
        }
        if before > 0 {
            span.record("http.request.resend_count", before);
        }
        if !waited.is_zero() {
            span.record("rollcall.request.waited", seconds(waited));
        }
        Self(span)
    }

    /// How it ended.
    pub(super) fn ended(&self, outcome: &Result<Response, Failure>) {
        match outcome {
            Ok(answer) => {
                self.0.record("http.response.status_code", answer.status);
                if answer.status >= 400 {
                    fails(&self.0, &answer.status.to_string());
                }
            }
            Err(failure) => fails(&self.0, kind(failure.error())),
        }
    }

    /// The server asked to wait for so long.
    pub(super) fn told_to_wait(&self, pause: Duration) {
        self.0.record("rollcall.request.told_to_wait", seconds(pause));
    }
}

/// The word for a failure.
fn kind(error: &HttpError) -> &'static str {
    match error {
        HttpError::Unreachable { .. } => "unreachable",
        HttpError::Untrusted { .. } => "untrusted",
        HttpError::NoAnswer { .. } => "no_answer",
        HttpError::TooLarge { .. } => "too_large",
        HttpError::WaitTooLong { .. } => "wait_too_long",
        HttpError::ForeignOrigin { .. } => "foreign_origin",
        HttpError::Token { .. } => "no_token",
        HttpError::Settings(_) => "settings",
    }
}
