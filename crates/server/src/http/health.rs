//! `/healthz` for whoever watches the process, `/metrics` in the text format of Prometheus.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use std::sync::OnceLock;

use super::{ApiError, Peer};
use crate::App;
use crate::access::Permission;

/// The process-wide recorder of metrics.
pub struct Metrics;

static RECORDER: OnceLock<Option<PrometheusHandle>> = OnceLock::new();

impl Metrics {
    /// Installs the recorder once for the process. Where another one is in place already, ours
    /// stays silent.
    pub fn install() {
        RECORDER.get_or_init(|| PrometheusBuilder::new().install_recorder().ok());
    }
}

/// `GET /healthz`: 200 while records can be taken and the database answers.
pub async fn healthz(State(app): State<App>) -> Response {
    let database = app.store.leaf_count().await.is_ok();
    let spool = !app.spool.is_refusing();
    let body = axum::Json(serde_json::json!({ "database": database, "spool": spool }));
    let status = if database && spool {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, body).into_response()
}

/// `GET /metrics`: from loopback, or with the permission `metrics.read`.
pub async fn metrics(
    State(app): State<App>,
    Peer(peer): Peer,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    if !peer.is_loopback() {
        let who = app.who(&headers).await?;
        if !who.permissions.contains(&Permission::MetricsRead) {
            return Err(ApiError::not_allowed(Permission::MetricsRead));
        }
    }
    gauges(&app);
    let text = RECORDER
        .get()
        .and_then(Option::as_ref)
        .map(PrometheusHandle::render);
    let text = text.unwrap_or_default() + &correlations(&app);
    let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4")];
    Ok((kind, text).into_response())
}

/// The correlations in service, each under its id. The recorder of the process keeps every label
/// for ever; one for each answer names those alone that are in service now.
#[expect(clippy::cast_precision_loss, reason = "gauges are floats")]
fn correlations(app: &App) -> String {
    let recorder = PrometheusBuilder::new().build_recorder();
    let in_service = app.rules();
    let figures = app.correlation_figures.all();
    metrics::with_local_recorder(&recorder, || {
        for one in in_service.detector.plans().correlations() {
            let now = figures.get(&one.id).copied().unwrap_or_default();
            let rule = || one.id.clone();
            metrics::gauge!("saqshy_correlation_groups", "rule" => rule()).set(now.groups as f64);
            metrics::counter!("saqshy_correlation_dropped_total", "rule" => rule())
                .absolute(now.dropped);
            metrics::counter!("saqshy_correlation_late_total", "rule" => rule()).absolute(now.late);
            metrics::counter!("saqshy_correlation_fired_total", "rule" => rule())
                .absolute(now.fired);
        }
    });
    recorder.handle().render()
}

/// Values that are read when they are asked for.
#[expect(clippy::cast_precision_loss, reason = "gauges are floats")]
fn gauges(app: &App) {
    let spool = app.spool.usage();
    let lake = app.lake.usage();
    let set = |name: &'static str, value: u64| metrics::gauge!(name).set(value as f64);
    set("saqshy_spool_bytes", spool.bytes);
    set("saqshy_spool_bytes_max", spool.bytes_max);
    set("saqshy_spool_records", spool.records);
    set("saqshy_lake_files", lake.files as u64);
    set("saqshy_lake_file_bytes", lake.file_bytes);
    set("saqshy_lake_rows", lake.file_rows + lake.fresh_rows);
    set("saqshy_journal_leaves", app.journal.size());
    let rows = app.ledger.snapshot();
    set(
        "saqshy_intake_records",
        rows.iter().map(|row| row.accepted).sum(),
    );
    set(
        "saqshy_intake_dropped_records",
        rows.iter().map(|row| row.received - row.accepted).sum(),
    );
}
