//! Numbers for Prometheus.

use super::route::{Answer, Ask};
use crate::metrics::{Format, render};
use axum::http::{HeaderValue, header};
use axum::response::IntoResponse;

/// Answers in OpenMetrics where that is accepted, else in the text of Prometheus.
pub(super) async fn metrics(ask: Ask) -> Answer {
    let format = Format::suits(ask.accepts());
    let mut response = render(&ask.service, format).await.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(format.media_type()));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::VARY, HeaderValue::from_static("accept"));
    Ok(response)
}
