//! Browsers that are signed in: a page cannot show a token with each request, so it gets a cookie for one.

use super::is_same;
use crate::api::caller::Caller;
use axum::http::{HeaderMap, header};
use rustls::crypto::SecureRandom;
use std::fmt::Write as _;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long a browser stays signed in.
pub(crate) const LIFE: Duration = Duration::from_secs(12 * 3600);
/// The most browsers that are signed in; the one that came first has to go.
const MOST: usize = 256;

/// The browsers that are signed in. They are forgotten with the program.
#[derive(Default)]
pub(super) struct Sessions(Mutex<Vec<Session>>);

struct Session {
    secret: String,
    caller: Caller,
    until: Instant,
}

impl Sessions {
    /// Signs a browser in. Returns the secret that it shows from now on; none where the system gives no random number.
    pub(super) fn begin(&self, caller: Caller, random: &dyn SecureRandom) -> Option<String> {
        let mut bytes = [0; 32];
        random.fill(&mut bytes).ok()?;
        let secret = bytes.iter().fold(String::with_capacity(64), |mut text, byte| {
            // Text can always be written to.
            let _ = write!(text, "{byte:02x}");
            text
        });
        let mut all = self.present();
        if all.len() >= MOST {
            all.remove(0);
        }
        all.push(Session { secret: secret.clone(), caller, until: Instant::now() + LIFE });
        Some(secret)
    }

    /// Returns who shows this secret, and for how long it holds.
    pub(super) fn find(&self, shown: &str) -> Option<(Caller, Duration)> {
        let all = self.present();
        let mut found = None;
        for session in all.iter() {
            if is_same(session.secret.as_bytes(), shown.as_bytes()) {
                let left = session.until.saturating_duration_since(Instant::now());
                found = Some((session.caller.clone(), left));
            }
        }
        found
    }

    /// Signs a browser out.
    pub(super) fn end(&self, shown: &str) {
        self.present().retain(|session| !is_same(session.secret.as_bytes(), shown.as_bytes()));
    }

    fn present(&self) -> MutexGuard<'_, Vec<Session>> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        all.retain(|session| session.until > now);
        all
    }
}

/// Returns the name of the cookie. Browsers send it to every port of a host, so the port is part of it; its beginning
/// makes them refuse it from anywhere but this host itself, and without TLS.
pub(crate) fn name(headers: &HeaderMap) -> String {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("");
    let port = host.rsplit_once(':').map(|(_, port)| port);
    let port = port.filter(|port| !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()));
    format!("__Host-mainstay-{}", port.unwrap_or("443"))
}

/// Returns what a request shows as its cookie.
pub(crate) fn shown(headers: &HeaderMap) -> Option<&str> {
    let name = name(headers);
    let cookies = headers.get_all(header::COOKIE).iter();
    let mut pairs = cookies
        .filter_map(|cookies| cookies.to_str().ok())
        .flat_map(|cookies| cookies.split(';'))
        .filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(known, _)| *known == name).map(|(_, value)| value)
}
