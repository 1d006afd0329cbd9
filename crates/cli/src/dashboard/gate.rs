//! Who gets through: requests that are meant for here, made by our own pages, in the browser that has the secret.

use hyper::header::{COOKIE, HOST, ORIGIN};
use hyper::{HeaderMap, Method, StatusCode, Uri};
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The name of the cookie.
const COOKIE_NAME: &str = "mainstay";
/// How long the address holds that a browser is started with: others can see its command line.
const ONCE: Duration = Duration::from_secs(30);

/// What becomes of a request.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It shows the secret: from now on its browser shows a cookie.
    Enter { cookie: String, place: String },
    /// It goes to the daemon, for this address.
    Forward(Uri),
    /// It goes elsewhere.
    Lead(String),
    /// It goes nowhere.
    Refuse(StatusCode, &'static str),
}

/// The secrets of one dashboard.
pub(super) struct Gate {
    port: u16,
    is_read_only: bool,
    /// The first part of every path. It is no secret to whoever looks over a shoulder, and still nobody else can know
    /// it: a cookie that is bound to it reaches no other port of this machine.
    place: String,
    /// What the printed address ends with.
    secret: String,
    /// What the cookie says.
    cookie: String,
    /// What the address ends with that a browser is started with, and when that was.
    once: Mutex<Option<(String, Instant)>>,
}

impl Gate {
    /// Draws the secrets.
    pub(super) fn new(port: u16, is_read_only: bool) -> io::Result<Self> {
        Ok(Self {
            port,
            is_read_only,
            place: random(8)?,
            secret: random(16)?,
            cookie: random(16)?,
            once: Mutex::new(Some((random(16)?, Instant::now()))),
        })
    }

    pub(super) const fn is_read_only(&self) -> bool {
        self.is_read_only
    }

    /// Returns the address that is printed.
    pub(super) fn address(&self) -> String {
        format!("http://127.0.0.1:{}/{}", self.port, self.secret)
    }

    /// Returns the address that a browser is started with.
    pub(super) fn address_once(&self) -> String {
        let once = self.once.lock().unwrap_or_else(PoisonError::into_inner);
        let secret = once.as_ref().map_or(self.secret.as_str(), |(secret, _)| secret);
        format!("http://127.0.0.1:{}/{secret}", self.port)
    }

    /// Looks at a request before anything of it is read.
    pub(super) fn judge(&self, method: &Method, uri: &Uri, headers: &HeaderMap) -> Verdict {
        let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or("");
        let is_here = ["127.0.0.1", "localhost", "[::1]"].iter().any(|name| {
            host.strip_prefix(name).and_then(|rest| rest.strip_prefix(':'))
                == Some(self.port.to_string().as_str())
        });
        if !is_here {
            return Verdict::Refuse(StatusCode::FORBIDDEN, "Nobody of that name is served here.");
        }
        let own = format!("http://{host}");
        if headers.get_all(ORIGIN).iter().any(|origin| origin.as_bytes() != own.as_bytes()) {
            let text = "Pages from elsewhere get no answer.";
            return Verdict::Refuse(StatusCode::FORBIDDEN, text);
        }
        let path = uri.path().trim_start_matches('/');
        if method == Method::GET && (is_same(path, &self.secret) || self.is_once(path)) {
            let place = format!("/{}/ui/", self.place);
            let cookie = format!(
                "{COOKIE_NAME}={}; Path=/{}/; HttpOnly; SameSite=Strict",
                self.cookie, self.place
            );
            return Verdict::Enter { cookie, place };
        }
        let (place, rest) = path.split_once('/').unwrap_or((path, ""));
        if place != self.place || !self.has_cookie(headers) {
            let text = "Open the address that `mainstay dashboard` has printed. It is another one \
                each time.";
            return Verdict::Refuse(StatusCode::UNAUTHORIZED, text);
        }
        if rest.is_empty() {
            return Verdict::Lead(format!("/{}/ui/", self.place));
        }
        let is_harmless = matches!(*method, Method::GET | Method::HEAD) || rest == "v1/simulate";
        if self.is_read_only && !is_harmless {
            let text = "This dashboard only looks: it was started with --read-only.";
            return Verdict::Refuse(StatusCode::FORBIDDEN, text);
        }
        let query = uri.query().map_or_else(String::new, |query| format!("?{query}"));
        match format!("/{rest}{query}").parse() {
            Ok(address) => Verdict::Forward(address),
            Err(_) => Verdict::Refuse(StatusCode::BAD_REQUEST, "That is no address."),
        }
    }

    fn is_once(&self, path: &str) -> bool {
        let mut once = self.once.lock().unwrap_or_else(PoisonError::into_inner);
        let is_it = once
            .as_ref()
            .is_some_and(|(secret, since)| is_same(path, secret) && since.elapsed() < ONCE);
        if is_it {
            *once = None;
        }
        is_it
    }

    fn has_cookie(&self, headers: &HeaderMap) -> bool {
        let cookies = headers.get_all(COOKIE).iter().filter_map(|cookies| cookies.to_str().ok());
        let mut pairs = cookies
            .flat_map(|cookies| cookies.split(';'))
            .filter_map(|pair| pair.trim().split_once('='));
        pairs.any(|(name, value)| name == COOKIE_NAME && is_same(value, &self.cookie))
    }
}

/// Returns so many random bytes in hexadecimal.
fn random(bytes: usize) -> io::Result<String> {
    let mut drawn = vec![0; bytes];
    File::open("/dev/urandom")?.read_exact(&mut drawn)?;
    let mut text = String::with_capacity(2 * bytes);
    for byte in drawn {
        // Text can always be written to.
        let _ = write!(text, "{byte:02x}");
    }
    Ok(text)
}

/// Compares without stopping at the first difference.
fn is_same(shown: &str, secret: &str) -> bool {
    let pairs = shown.bytes().zip(secret.bytes());
    let differences = pairs.fold(0, |all, (a, b)| std::hint::black_box(all | (a ^ b)));
    shown.len() == secret.len() && std::hint::black_box(differences) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(gate: &Gate, method: Method, path: &str, headers: &[(&'static str, &str)]) -> Verdict {
        let mut all = HeaderMap::new();
        for (name, value) in headers {
            all.insert(*name, value.parse().expect("a header"));
        }
        gate.judge(&method, &path.parse().expect("an address"), &all)
    }

    fn status(verdict: &Verdict) -> u16 {
        match verdict {
            Verdict::Refuse(status, _) => status.as_u16(),
            Verdict::Enter { .. } | Verdict::Forward(_) | Verdict::Lead(_) => 200,
        }
    }

    const HERE: (&str, &str) = ("host", "127.0.0.1:7000");

    #[test]
    fn nobody_gets_through_without_the_cookie() {
        let gate = Gate::new(7000, false).expect("secrets");
        let status_of = format!("/{}/v1/status?x=1", gate.place);
        let (good, bad) =
            (format!("a=b; mainstay={}", gate.cookie), format!("mainstay={}", gate.secret));
        let table: [(&[(&'static str, &str)], u16); 9] = [
            (&[HERE], 401),
            (&[HERE, ("cookie", "mainstay=")], 401),
            (&[HERE, ("cookie", &bad)], 401),
            (&[HERE, ("cookie", &good)], 200),
            (&[("host", "localhost:7000"), ("cookie", &good)], 200),
            (&[("host", "127.0.0.1:7001"), ("cookie", &good)], 403),
            (&[("host", "evil.example.org:7000"), ("cookie", &good)], 403),
            (&[HERE, ("cookie", &good), ("origin", "http://127.0.0.1:7000")], 200),
            (&[HERE, ("cookie", &good), ("origin", "http://127.0.0.1:8000")], 403),
        ];
        for (headers, expected) in table {
            let verdict = judge(&gate, Method::POST, &status_of, headers);
            assert_eq!(status(&verdict), expected, "{headers:?}: {verdict:?}");
        }
        let verdict = judge(&gate, Method::GET, &status_of, &[HERE, ("cookie", &good)]);
        assert_eq!(verdict, Verdict::Forward("/v1/status?x=1".parse().expect("an address")));
        // Without the place a cookie is worth nothing: another port cannot use what it was sent.
        let verdict = judge(&gate, Method::GET, "/v1/status", &[HERE, ("cookie", &good)]);
        assert_eq!(status(&verdict), 401);
    }

    #[test]
    fn the_secret_becomes_a_cookie_of_its_place() {
        let gate = Gate::new(7000, false).expect("secrets");
        for path in [gate.address(), gate.address(), gate.address_once()] {
            let Verdict::Enter { cookie, place } = judge(&gate, Method::GET, &path, &[HERE]) else {
                panic!("{path} is refused")
            };
            assert_eq!(place, format!("/{}/ui/", gate.place));
            let scope = format!("Path=/{}/; HttpOnly; SameSite=Strict", gate.place);
            assert!(cookie.starts_with("mainstay=") && cookie.ends_with(&scope), "{cookie}");
        }
        let gate = Gate::new(7000, false).expect("secrets");
        let once = gate.address_once();
        assert_eq!(status(&judge(&gate, Method::GET, &once, &[HERE])), 200);
        assert_eq!(status(&judge(&gate, Method::GET, &once, &[HERE])), 401, "it worked once");
    }

    #[test]
    fn who_only_looks_changes_nothing() {
        let gate = Gate::new(7000, true).expect("secrets");
        let cookie = format!("mainstay={}", gate.cookie);
        for (method, path, expected) in [
            (Method::GET, "v1/status", 200),
            (Method::POST, "v1/simulate", 200),
            (Method::POST, "v1/commands", 403),
            (Method::DELETE, "v1/status", 403),
        ] {
            let path = format!("/{}/{path}", gate.place);
            let verdict = judge(&gate, method, &path, &[HERE, ("cookie", &cookie)]);
            assert_eq!(status(&verdict), expected, "{path}");
        }
    }
}
