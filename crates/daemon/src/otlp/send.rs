//! From the queue to the collector: batches, retries with backoff, and an end to every patience.

use super::queue::BATCH;
use super::{Exporter, Settings, Signal, form};
use crate::outbound::{Outbound, OutboundError, Reply};
use axum::body::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use serde_json::Value;
use std::time::Duration;

/// A batch that failed so often is given up: what is newer is worth more.
const MOST_TRIES: u32 = 8;
/// The longest wait between two tries.
const LONGEST: Duration = Duration::from_secs(60);

/// What came of one try.
enum Outcome {
    /// The collector has taken all of it but so many.
    Taken(u64),
    /// It may take it later.
    Later(Option<Duration>),
    /// It never will.
    Never,
}

/// Sends for as long as it is not dropped. What was under way then is put back.
pub(super) async fn send(
    exporter: &Exporter,
    signal: Signal,
    settings: &Settings,
    outbound: &Outbound,
) {
    let queue = exporter.queue(signal);
    loop {
        while queue.len() == 0 {
            queue.filled().await;
        }
        // Others come along, unless there are enough already.
        let enough = async {
            while queue.len() < BATCH {
                queue.filled().await;
            }
        };
        let _ = tokio::time::timeout(settings.every, enough).await;
        batch(exporter, signal, settings, outbound, MOST_TRIES).await;
    }
}

/// Sends all there is, each batch with one try.
pub(super) async fn rest(
    exporter: &Exporter,
    signal: Signal,
    settings: &Settings,
    outbound: &Outbound,
) {
    while exporter.queue(signal).len() > 0 {
        batch(exporter, signal, settings, outbound, 1).await;
    }
}

/// Sends one batch. Dropped on its way, it puts the batch back: the next settings may lead to a better collector.
async fn batch(
    exporter: &Exporter,
    signal: Signal,
    settings: &Settings,
    outbound: &Outbound,
    most: u32,
) {
    let queue = exporter.queue(signal);
    let mut under_way = UnderWay { queue, batch: queue.take() };
    let count = under_way.batch.len() as u64;
    let body = Bytes::from(form::request(exporter, signal, &under_way.batch).to_string());
    let mut wait = settings.again;
    for tried in 1..=most {
        match attempt(signal, settings, outbound, body.clone()).await {
            Outcome::Taken(rejected) => {
                under_way.batch.clear();
                return queue.settle(count.saturating_sub(rejected), rejected.min(count));
            }
            Outcome::Later(_) if tried == most => queue.failed(),
            Outcome::Later(asked) => {
                queue.failed();
                tokio::time::sleep(asked.unwrap_or(wait).min(LONGEST)).await;
                wait = wait.saturating_mul(2).min(LONGEST);
            }
            Outcome::Never => {
                queue.failed();
                break;
            }
        }
    }
    under_way.batch.clear();
    queue.settle(0, count);
}

/// A batch that was taken and whose fate is not known.
struct UnderWay<'a> {
    queue: &'a super::Queue,
    batch: Vec<Value>,
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.queue.put_back(std::mem::take(&mut self.batch));
    }
}

async fn attempt(signal: Signal, settings: &Settings, outbound: &Outbound, body: Bytes) -> Outcome {
    let above = settings.endpoint.path().trim_end_matches('/');
    let Ok(target) = settings.endpoint.at(&format!("{above}/v1/{}", signal.word())) else {
        return Outcome::Never;
    };
    let mut headers = settings.headers.clone();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    match outbound.post(&target, headers, body, settings.timeout).await {
        Ok(reply) => judge(&reply, signal),
        Err(error) => {
            tracing::debug!(%error, "telemetry could not be sent");
            match error {
                OutboundError::Connect { .. }
                | OutboundError::Tls { .. }
                | OutboundError::Http { .. }
                | OutboundError::Late { .. }
                | OutboundError::Authorities { .. } => Outcome::Later(None),
            }
        }
    }
}

/// Judges an answer as OTLP/HTTP says.
fn judge(reply: &Reply, signal: Signal) -> Outcome {
    match reply.status.as_u16() {
        200..=299 => {
            let said: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
            let name = match signal {
                Signal::Traces => "rejectedSpans",
                Signal::Logs => "rejectedLogRecords",
            };
            let rejected = &said["partialSuccess"][name];
            // A number of 64 bits is a text in JSON, and some write it as a number.
            let of_text = rejected.as_str().and_then(|text| text.parse().ok());
            Outcome::Taken(of_text.or_else(|| rejected.as_u64()).unwrap_or_default())
        }
        429 | 502 | 503 | 504 => Outcome::Later(reply.retry_after),
        _ => Outcome::Never,
    }
}
