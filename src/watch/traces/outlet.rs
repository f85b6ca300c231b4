//! Where spans leave the process: nowhere, or by the settings of the moment.
//!
//! The layer is installed once, when the process starts and no configuration was read yet. What it hands spans to may be
//! changed at any time, as the configuration may.

use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::Duration;

use opentelemetry::trace::{Link, SpanKind, TraceContextExt as _, TraceId, TracerProvider as _};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::resource::TelemetryResourceDetector;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, Sampler, SamplingResult, SdkTracerProvider, ShouldSample, Span, SpanData,
    SpanLimits, SpanProcessor,
};
use rollcall_kit::traces::TARGET;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::registry::LookupSpan;

use super::export::Collector;
use super::settings::TraceSettings;

/// So many spans may wait to be exported; what comes beyond is dropped. A span takes about a kilobyte.
const WAITING: usize = 16_384;

/// So many are sent at a time, and after this time at the latest.
const BATCH: usize = 512;
const SOON: Duration = Duration::from_secs(2);

/// How long the end of the process may be held up, and that of an exporter which is replaced.
const AT_THE_END: Duration = Duration::from_secs(3);

/// The outlet of this process.
pub(super) fn process() -> &'static Outlet {
    static PROCESS: OnceLock<Outlet> = OnceLock::new();
    PROCESS.get_or_init(Outlet::default)
}

/// Takes in spans, and hands them to whoever exports them now.
#[derive(Clone, Debug, Default)]
pub(super) struct Outlet(Arc<RwLock<Option<Open>>>);

/// An exporter, and the settings by which it was made.
#[derive(Debug)]
struct Open {
    settings: TraceSettings,
    processor: BatchSpanProcessor,
}

impl Outlet {
    /// The layer through which spans come in. Only those that are meant for traces.
    pub(super) fn layer<S>(&self) -> Box<dyn Layer<S> + Send + Sync>
    where
        S: tracing::Subscriber + for<'span> LookupSpan<'span> + Send + Sync,
    {
        // Everything is said here, so that no variable of the environment (OTEL_…) decides.
        let provider = SdkTracerProvider::builder()
            .with_span_processor(self.clone())
            .with_sampler(self.clone())
            .with_span_limits(SpanLimits::default())
            .with_resource(Resource::builder_empty().build())
            .build();
        tracing_opentelemetry::layer()
            .with_tracer(provider.tracer("rollcall"))
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_tracked_inactivity(false)
            .with_filter(Targets::new().with_target(TARGET, LevelFilter::INFO))
            .boxed()
    }

    /// Exports by these settings from now on.
    pub(super) fn export_by(&self, settings: Option<&TraceSettings>) {
        let mut open = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if open.as_ref().map(|open| &open.settings) == settings {
            return;
        }
        let old = std::mem::replace(&mut *open, settings.map(Open::new));
        drop(open);
        if let Some(old) = old {
            // It waits for the collector, which may be gone.
            drop(tokio::task::spawn_blocking(move || old.processor.shutdown_with_timeout(AT_THE_END)));
        }
    }

    /// Exports what is left, and nothing after that.
    pub(super) fn finish(&self) {
        let open = self.0.write().unwrap_or_else(PoisonError::into_inner).take();
        let ended = open.map(|open| open.processor.shutdown_with_timeout(AT_THE_END));
        if let Some(Err(_)) = ended {
            tracing::warn!("the last traces were not exported: the collector did not take them within {AT_THE_END:?}");
        }
    }

    fn share(&self) -> Option<f64> {
        let open = self.0.read().unwrap_or_else(PoisonError::into_inner);
        open.as_ref().map(|open| f64::from(open.settings.share.get()) / 100.0)
    }
}

impl Open {
    fn new(settings: &TraceSettings) -> Self {
        let config = BatchConfigBuilder::default()
            .with_max_queue_size(WAITING)
            .with_max_export_batch_size(BATCH)
            .with_scheduled_delay(SOON)
            .build();
        let collector = Collector::new(settings.clone(), tokio::runtime::Handle::current());
        let mut processor = BatchSpanProcessor::new(collector, config);
        processor.set_resource(&resource(settings));
        Self { settings: settings.clone(), processor }
    }
}

/// Who the spans are of.
fn resource(settings: &TraceSettings) -> Resource {
    let mut about = vec![
        KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
        KeyValue::new("service.instance.id", uuid::Uuid::new_v4().to_string()),
        KeyValue::new("process.pid", i64::from(std::process::id())),
    ];
    if let Some(host) = rustix::system::uname().nodename().to_str().ok().filter(|name| !name.is_empty()) {
        about.push(KeyValue::new("host.name", host.to_owned()));
    }
    Resource::builder_empty()
        .with_detector(Box::new(TelemetryResourceDetector))
        .with_attributes(about)
        .with_service_name(settings.service.clone())
        .build()
}

impl SpanProcessor for Outlet {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    fn on_end(&self, span: SpanData) {
        if let Some(open) = &*self.0.read().unwrap_or_else(PoisonError::into_inner) {
            open.processor.on_end(span);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}

impl ShouldSample for Outlet {
    /// A run is taken whole or not at all. What is asked for outside of a run, such as the sign-in of a check or the
    /// delivery of a notice, belongs to no trace.
    fn should_sample(
        &self,
        parent: Option<&Context>,
        trace: TraceId,
        name: &str,
        kind: &SpanKind,
        attributes: &[KeyValue],
        links: &[Link],
    ) -> SamplingResult {
        let within = parent
            .map(|parent| parent.span().span_context().clone())
            .filter(opentelemetry::trace::SpanContext::is_valid);
        let sampler = match (within, self.share()) {
            (Some(within), Some(_)) if within.is_sampled() => Sampler::AlwaysOn,
            (None, Some(share)) if *kind == SpanKind::Internal => Sampler::TraceIdRatioBased(share),
            _ => Sampler::AlwaysOff,
        };
        sampler.should_sample(None, trace, name, kind, attributes, links)
    }
}
