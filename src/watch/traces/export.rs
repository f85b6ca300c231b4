//! Sends spans to a collector, over OTLP (HTTP with protobuf).
//!
//! With the one HTTP client of the house, so that certificates, proxies, pauses and repetitions are as everywhere. What it
//! does for this is itself not traced. A collector that does not take spans is told of once, and so is one that takes them
//! again: its troubles must not fill the log of what matters.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use opentelemetry_proto::transform::common::tonic::ResourceAttributesWithSchema;
use opentelemetry_proto::transform::trace::tonic::group_spans_by_resource_and_scope;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SpanData, SpanExporter};
use prost::Message as _;
use rollcall_kit::HumanDuration;
use rollcall_kit::http::{Client, HeaderName, HeaderValue, HttpSettings, Method, Repeat, Request, Response};
use tokio::runtime::Handle;
use tracing::instrument::WithSubscriber as _;
use tracing::subscriber::NoSubscriber;

use super::settings::TraceSettings;

/// The longest that one attempt may take, in seconds, and that a collector may ask us to wait: spans that come meanwhile
/// wait in memory.
const PATIENCE: HumanDuration = HumanDuration::seconds(10);

/// How often a batch is sent at most.
const ATTEMPTS: u32 = 3;

/// A collector.
pub(super) struct Collector {
    sender: Arc<Sender>,
    resource: ResourceAttributesWithSchema,
    runtime: Handle,
    failing: AtomicBool,
}

/// What sends.
struct Sender {
    settings: TraceSettings,
    /// Kept for as long as it works; made anew after a failure, with the files as they are then.
    client: Mutex<Option<Client>>,
}

impl fmt::Debug for Collector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Collector").finish_non_exhaustive()
    }
}

impl Collector {
    /// A collector by its settings. Nothing is sent yet; the runtime is the one to send in.
    pub(super) fn new(settings: TraceSettings, runtime: Handle) -> Self {
        let sender = Arc::new(Sender { settings, client: Mutex::default() });
        Self { sender, resource: ResourceAttributesWithSchema::default(), runtime, failing: AtomicBool::new(false) }
    }

    /// Says how it went, if it went otherwise before.
    fn note(&self, outcome: Result<(), String>) {
        let collector = self.sender.settings.endpoint.origin().ascii_serialization();
        let failing = outcome.is_err();
        if self.failing.swap(failing, Ordering::Relaxed) == failing {
            return;
        }
        match outcome {
            Ok(()) => tracing::info!(collector, "traces are exported again"),
            Err(reason) => tracing::warn!(
                collector,
                "traces are not exported, and no run waits for that: {reason}. It is said once, until they are again"
            ),
        }
    }
}

impl SpanExporter for Collector {
    /// Called on a thread that has nothing else to do.
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let spans = group_spans_by_resource_and_scope(batch, &self.resource);
        let body = ExportTraceServiceRequest { resource_spans: spans }.encode_to_vec();
        let sender = Arc::clone(&self.sender);
        let sending = async move { sender.send(body).await };
        // Nobody listens to what happens in there, so that no export is traced, which would be exported in turn.
        let sent = self.runtime.spawn(sending.with_subscriber(NoSubscriber::default())).await;
        // Without an outcome the process ends, and whoever ends it knows.
        if let Ok(outcome) = sent {
            self.note(outcome);
        }
        // The library would say it again for each batch.
        Ok(())
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.resource = resource.into();
    }
}

impl Sender {
    async fn send(&self, body: Vec<u8>) -> Result<(), String> {
        let sent = self.try_to_send(body).await;
        if sent.is_err() {
            *self.client.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
        sent
    }

    async fn try_to_send(&self, body: Vec<u8>) -> Result<(), String> {
        let client = self.client()?;
        let mut request = Request {
            method: Method::POST,
            body: Some(body.into()),
            // A collector tells by its id that it has a span already.
            repeat: Repeat::Safe,
            ..Request::get(client.base()).class("traces")
        }
        .header(HeaderName::from_static("content-type"), HeaderValue::from_static("application/x-protobuf"));
        for (name, place) in &self.settings.headers {
            let name = HeaderName::try_from(name.as_str()).map_err(|error| error.to_string())?;
            let secret = place.resolve().map_err(|error| error.to_string())?;
            let unusable = |_| format!("the value of the header {name} holds characters that no header can hold");
            let mut value = HeaderValue::from_str(secret.expose()).map_err(unusable)?;
            value.set_sensitive(true);
            request = request.header(name, value);
        }
        accepted(&client.send(request).await.map_err(|error| error.to_string())?)
    }

    fn client(&self) -> Result<Client, String> {
        let mut kept = self.client.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = &*kept {
            return Ok(client.clone());
        }
        let http = &self.settings.http;
        let http = HttpSettings {
            timeout: http.timeout.min(PATIENCE),
            max_wait: http.max_wait.min(PATIENCE),
            attempts: http.attempts.min(ATTEMPTS),
            ..http.clone()
        };
        let client = Client::new(self.settings.address(), http, None).map_err(|error| error.to_string())?;
        Ok(kept.insert(client).clone())
    }
}

/// Whether all spans were taken.
fn accepted(answer: &Response) -> Result<(), String> {
    if !(200..300).contains(&answer.status) {
        return Err(format!("the collector answered {}", answer.status));
    }
    let partial = ExportTraceServiceResponse::decode(&*answer.body).ok().and_then(|answer| answer.partial_success);
    match partial.map_or(0, |partial| partial.rejected_spans) {
        0 => Ok(()),
        rejected => Err(format!("the collector rejected {rejected} spans")),
    }
}
