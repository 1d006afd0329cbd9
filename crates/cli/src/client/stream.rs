//! A stream of messages that goes on over the end of the brain that sends it.

pub(crate) use super::sse::Message;
use super::sse::Reader;
use super::{AGAIN, BACK, Client, Connection, Miss};
use crate::fault::Fault;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use std::collections::VecDeque;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How long a daemon may be away before a stream ends.
const AWAY: Duration = Duration::from_secs(10);

/// Messages as they are said, without a gap over the end of a brain: the next one is told the last id.
pub(crate) struct Stream {
    client: Client,
    path: String,
    last: Option<String>,
    reader: Reader,
    ready: VecDeque<Message>,
    open: Option<(Incoming, Option<Connection>)>,
    lost_at: Option<Instant>,
    openings: u64,
    patience: Duration,
}

impl Stream {
    pub(super) fn new(client: Client, path: String) -> Self {
        Self {
            client,
            path,
            last: None,
            reader: Reader::default(),
            ready: VecDeque::new(),
            open: None,
            lost_at: None,
            openings: 0,
            patience: AWAY,
        }
    }

    /// Ends it as soon as the daemon is gone for this long.
    pub(crate) const fn patient(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Returns how often it has been opened.
    pub(crate) const fn openings(&self) -> u64 {
        self.openings
    }

    /// Sets where it goes on when it has to be opened again, where its messages have no ids.
    pub(crate) fn resume_at(&mut self, path: String) {
        self.path = path;
    }

    const fn has_been_open(&self) -> bool {
        self.openings > 0
    }

    /// Opens it, unless it is open. False: the daemon has gone.
    pub(crate) async fn open(&mut self) -> Result<bool, Fault> {
        if self.open.is_some() { Ok(true) } else { self.reopen().await }
    }

    /// Returns the next message, or none when the daemon has gone.
    pub(crate) async fn next(&mut self) -> Result<Option<Message>, Fault> {
        loop {
            if let Some(message) = self.ready.pop_front() {
                if message.id.is_some() {
                    self.last.clone_from(&message.id);
                }
                return Ok(Some(message));
            }
            match &mut self.open {
                Some((body, connection)) => match piece(body, connection).await {
                    Some(bytes) => self.reader.take(&bytes, &mut self.ready),
                    None => self.open = None,
                },
                None => {
                    if !self.reopen().await? {
                        return Ok(None);
                    }
                }
            }
        }
    }

    /// Connects, again and again while the daemon may come back. False: it does not.
    async fn reopen(&mut self) -> Result<bool, Fault> {
        if self.has_been_open() {
            // One that closes at once is not asked without a pause.
            sleep(AGAIN).await;
        }
        loop {
            let last = self.last.as_deref();
            let opened = self.client.open(&self.path, None, "text/event-stream", last).await;
            let (fault, patience) = match opened {
                Ok((response, connection)) if response.status().is_success() => {
                    self.reader = Reader::default();
                    self.open = Some((response.into_body(), Some(connection)));
                    self.lost_at = None;
                    self.openings += 1;
                    return Ok(true);
                }
                Ok((response, connection)) => {
                    let status = response.status();
                    let (body, _) = tokio::join!(response.into_body().collect(), connection);
                    let body = body.map(http_body_util::Collected::to_bytes).unwrap_or_default();
                    let refusal = self.client.refusal(status, &body);
                    if !self.has_been_open() {
                        return Err(refusal);
                    }
                    // A brain that has just begun may not know yet what it will know in a moment.
                    (refusal, self.patience)
                }
                Err(Miss::Passing(fault)) if !self.has_been_open() => (fault, BACK),
                Err(Miss::Passing(fault)) => (fault, self.patience),
                Err(Miss::Final(fault)) if self.has_been_open() => (fault, self.patience),
                Err(Miss::Final(fault)) => return Err(fault),
            };
            let lost_at = *self.lost_at.get_or_insert_with(Instant::now);
            if lost_at.elapsed() >= patience {
                let has_gone = self.has_been_open() && !matches!(fault, Fault::Refused { .. });
                return if has_gone { Ok(false) } else { Err(fault) };
            }
            self.client.mention(&fault);
            sleep(AGAIN).await;
        }
    }
}

/// Returns the next bytes of a body, or none at its end.
async fn piece(
    body: &mut Incoming,
    connection: &mut Option<Connection>,
) -> Option<hyper::body::Bytes> {
    loop {
        let frame = match connection {
            Some(moving) => tokio::select! {
                biased;
                frame = body.frame() => frame,
                _ = moving => {
                    *connection = None;
                    continue;
                }
            },
            None => body.frame().await,
        };
        if let Ok(bytes) = frame?.ok()?.into_data() {
            return Some(bytes);
        }
    }
}
