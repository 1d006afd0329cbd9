//! Probes by HTTP/1.1: one question on a connection of its own, of whose answer only the status is read.

use super::connect::{Connection, Place, plain};
use std::fmt::Write as _;
use std::ops::RangeInclusive;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// What is read at most, interim answers included. A status line is far shorter.
const MOST: usize = 16 * 1024;

/// A page that is asked for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Http {
    place: Place,
    host: String,
    /// What stands behind the host: path and query.
    page: String,
    headers: Vec<(String, String)>,
    statuses: RangeInclusive<u16>,
}

impl Http {
    /// Reads a URL. What is wrong is noted.
    pub(super) fn parse_into(url: &str, wrong: &mut Vec<String>) -> Self {
        let parsed = Self::parse(url);
        let (place, host, page) = parsed.unwrap_or_else(|why| {
            wrong.push(format!("a probe cannot ask for `{url}`: {why}"));
            (Place::Unix(String::new()), String::new(), String::new())
        });
        Self { place, host, page, headers: Vec::new(), statuses: 200..=399 }
    }

    fn parse(url: &str) -> Result<(Place, String, String), &'static str> {
        let rest = match url.split_once("://") {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => rest,
            Some((scheme, _)) if scheme.eq_ignore_ascii_case("https") => {
                return Err("probes speak no TLS: ask over http, or by a command");
            }
            Some(_) | None => return Err("a URL begins with `http://`"),
        };
        let rest = rest.split('#').next().unwrap_or_default();
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (host, page) = rest.split_at(end);
        if host.contains('@') {
            return Err("it names a user: say `header(\"Authorization\", ..)`");
        }
        // A port is what follows the last colon, unless that stands within a v6 address.
        let has_port = host.rsplit_once(':').is_some_and(|(_, port)| !port.contains(']'));
        let address = if has_port { host.to_owned() } else { format!("{host}:80") };
        let place = Place::parse(&address)?;
        if matches!(place, Place::Unix(_)) {
            return Err("the host is no name and no address");
        }
        if !page.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err("spaces and other special characters are written as `%20`");
        }
        let page = if page.starts_with('/') { page.to_owned() } else { format!("/{page}") };
        Ok((place, host.to_owned(), page))
    }

    pub(super) fn header(&mut self, name: &str, value: &str, wrong: &mut Vec<String>) {
        let is_token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
        let is_text = |byte: u8| byte == b'\t' || (0x20..0x7f).contains(&byte) || byte >= 0x80;
        if name.is_empty() || !name.chars().all(is_token) || !value.bytes().all(is_text) {
            wrong.push(format!("a probe cannot send the header `{name}: {value}`"));
        } else if name.eq_ignore_ascii_case("host") {
            self.host = value.into();
        } else {
            self.headers.push((name.into(), value.into()));
        }
    }

    pub(super) fn status(&mut self, statuses: RangeInclusive<u16>, wrong: &mut Vec<String>) {
        if statuses.is_empty() || *statuses.start() < 200 || *statuses.end() > 599 {
            let (from, to) = (statuses.start(), statuses.end());
            wrong.push(format!("the status of a probe is within 200 and 599, not {from} to {to}"));
        } else {
            self.statuses = statuses;
        }
    }

    pub(super) fn through(&mut self, address: &str, wrong: &mut Vec<String>) {
        self.place = Place::parse_into(address, wrong);
    }

    fn question(&self) -> String {
        let (page, host) = (&self.page, &self.host);
        let mut text = format!("GET {page} HTTP/1.1\r\nHost: {host}\r\n");
        let says = |name: &str| self.headers.iter().any(|(of, _)| of.eq_ignore_ascii_case(name));
        for (name, value) in [("User-Agent", "mainstay"), ("Accept", "*/*")] {
            if !says(name) {
                let _ = write!(text, "{name}: {value}\r\n");
            }
        }
        for (name, value) in &self.headers {
            let _ = write!(text, "{name}: {value}\r\n");
        }
        text.push_str("Connection: close\r\n\r\n");
        text
    }

    /// Asks, and judges the status.
    pub(super) async fn ask(&self) -> Result<(), String> {
        let mut connection = self.place.connect().await?;
        // A server may answer and close before it has read all: what it says counts.
        let written = connection.write_all(self.question().as_bytes()).await;
        let status = match answer(&mut *connection).await {
            Ok(status) => status,
            Err(why) => {
                let place = &self.place;
                return Err(match written {
                    Ok(()) => format!("{place} {why}"),
                    Err(error) => format!("cannot ask {place}: {}", plain(&error)),
                });
            }
        };
        if self.statuses.contains(&status) { Ok(()) } else { Err(format!("status {status}")) }
    }
}

/// Reads the status of the final answer.
async fn answer(connection: &mut dyn Connection) -> Result<u16, String> {
    let mut read = Vec::with_capacity(1_024);
    loop {
        if let Some(status) = status(&read)? {
            return Ok(status);
        }
        if read.len() >= MOST {
            return Err("answers with more than a status".into());
        }
        let mut part = [0; 1_024];
        let count = connection.read(&mut part).await.map_err(|error| plain(&error))?;
        if count == 0 {
            return Err("closed the connection without an answer".into());
        }
        read.extend_from_slice(&part[..count]);
    }
}

/// Returns the status of the final answer; `None` as long as it is not there yet.
fn status(mut read: &[u8]) -> Result<Option<u16>, String> {
    let foreign = || "does not speak HTTP/1".to_owned();
    loop {
        let Some(end) = find(read, b"\n") else {
            // Who speaks something else need not be heard to the end of a line that may never come.
            let begins = b"HTTP/1.";
            let known = read.len().min(begins.len());
            return if read[..known] == begins[..known] { Ok(None) } else { Err(foreign()) };
        };
        let line = std::str::from_utf8(&read[..end]).unwrap_or_default().trim_end();
        let rest = line.strip_prefix("HTTP/1.").ok_or_else(foreign)?;
        let (_, rest) = rest.split_once(' ').ok_or_else(foreign)?;
        let code = rest.split(' ').next().unwrap_or_default();
        let status = code.parse().ok().filter(|status| (100..=599).contains(status));
        match status.ok_or_else(foreign)? {
            // An interim answer: the final one stands behind its headers. 101 is final.
            status if status < 200 && status != 101 => {
                let after = find(read, b"\r\n\r\n").map(|at| at + 4);
                let after = after.or_else(|| find(read, b"\n\n").map(|at| at + 2));
                match after {
                    Some(at) => read = &read[at..],
                    None => return Ok(None),
                }
            }
            status => return Ok(Some(status)),
        }
    }
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

#[cfg(test)]
mod tests {
    use super::{Http, status};

    #[test]
    fn a_url_says_where_and_what() {
        let mut wrong = Vec::new();
        let ask = |url: &str, wrong: &mut Vec<String>| Http::parse_into(url, wrong).question();
        let first = |text: String| text.lines().take(2).collect::<Vec<_>>().join(" ");
        for (url, expected) in [
            ("http://a.example:81/x/y?z=1#w", "GET /x/y?z=1 HTTP/1.1 Host: a.example:81"),
            ("HTTP://127.0.0.1", "GET / HTTP/1.1 Host: 127.0.0.1"),
            ("http://[::1]:8080?q", "GET /?q HTTP/1.1 Host: [::1]:8080"),
            ("http://[::1]/", "GET / HTTP/1.1 Host: [::1]"),
        ] {
            assert_eq!(first(ask(url, &mut wrong)), expected);
        }
        assert_eq!(wrong, Vec::<String>::new());
        for url in [
            "https://x/",
            "x",
            "http://",
            "http:///x",
            "http://x:y/",
            "http://u@x/",
            "http://x/a b",
            "http://x/\r\nA: b",
            "http://unix:/run/x",
        ] {
            Http::parse_into(url, &mut wrong);
            assert_eq!(wrong.len(), 1, "{url}");
            wrong.clear();
        }
    }

    #[test]
    fn headers_and_statuses_are_checked() {
        let mut wrong = Vec::new();
        let mut http = Http::parse_into("http://x/", &mut wrong);
        http.header("X-Token", "a b", &mut wrong);
        http.header("host", "other", &mut wrong);
        http.header("user-agent", "us", &mut wrong);
        http.status(204..=204, &mut wrong);
        assert_eq!(wrong, Vec::<String>::new());
        assert_eq!(
            http.question(),
            "GET / HTTP/1.1\r\nHost: other\r\nAccept: */*\r\nX-Token: a b\r\nuser-agent: us\r\nConnection: close\r\n\r\n"
        );
        http.header("a b", "c", &mut wrong);
        http.header("a", "b\r\nc: d", &mut wrong);
        http.status(100..=199, &mut wrong);
        assert_eq!(wrong.len(), 3);
    }

    #[test]
    fn a_status_is_read_as_it_comes() {
        let table: [(&str, Result<Option<u16>, ()>); 12] = [
            ("", Ok(None)),
            ("HTT", Ok(None)),
            ("HTTP/1.1 2", Ok(None)),
            ("HTTP/1.1 200 OK\r\n", Ok(Some(200))),
            ("HTTP/1.0 404\r\n", Ok(Some(404))),
            ("HTTP/1.1 503 Service Unavailable\n", Ok(Some(503))),
            ("HTTP/1.1 100 Continue\r\n", Ok(None)),
            ("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n", Ok(Some(204))),
            ("HTTP/1.1 101 Switching\r\n", Ok(Some(101))),
            ("SSH-2.0-x", Err(())),
            ("HTTP/1.1 99 x\r\n", Err(())),
            ("HTTP/1.1\r\n", Err(())),
        ];
        for (read, expected) in table {
            assert_eq!(status(read.as_bytes()).map_err(drop), expected, "{read:?}");
        }
    }
}
