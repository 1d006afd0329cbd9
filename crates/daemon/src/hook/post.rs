//! Hooks that are web addresses: one POST with the CloudEvent in JSON.

use super::carry::Secrets;
use super::queue::Outcome;
use super::{Address, Hook, Receiver};
use crate::outbound::{Outbound, Target};
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use std::collections::BTreeMap;

/// Returns an address as it may be shown: a secret may stand behind the host.
pub(super) fn shown(url: &str) -> String {
    match url.parse::<Target>() {
        Ok(target) => target.authority(),
        Err(error) => error.to_string(),
    }
}

/// Returns why an address cannot be posted to, if it cannot.
pub(crate) fn wrong_address(url: &str) -> Option<String> {
    url.parse::<Target>().err().map(|error| error.to_string())
}

/// Returns why there can be no such header, if there cannot: those of the request itself are not to be set.
pub(crate) fn wrong_header(name: &str) -> Option<&'static str> {
    const OWN: [&str; 6] =
        ["host", "content-length", "content-type", "connection", "user-agent", "transfer-encoding"];
    match HeaderName::from_bytes(name.as_bytes()) {
        Ok(name) if OWN.contains(&name.as_str()) => Some("it is set by the program itself"),
        Ok(_) => None,
        Err(_) => Some("it is no name of a header"),
    }
}

/// Posts to the receiver of a hook.
pub(super) async fn post(
    outbound: &Outbound,
    hook: &Hook,
    (headers, secrets): (&BTreeMap<String, String>, &Secrets),
    body: Vec<u8>,
) -> Outcome {
    let url = match &hook.to {
        Receiver::Post { url: Address::Plain(url), .. } => url,
        Receiver::Post { url: Address::Secret(_), .. } => match secrets.get("") {
            Some(url) => url,
            None => return Outcome::Failed("its address is not known".into(), None),
        },
        Receiver::Run { .. } => return Outcome::Refused("it has no address".into()),
    };
    let target: Target = match url.trim().parse() {
        Ok(target) => target,
        Err(error) => return Outcome::Failed(format!("its address cannot be used: {error}"), None),
    };
    let mut all = HeaderMap::new();
    let named = secrets.iter().filter(|(name, _)| !name.is_empty());
    for (name, value) in headers.iter().chain(named) {
        let parsed = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value));
        let (Ok(name), Ok(mut value)) = parsed else {
            return Outcome::Failed(
                format!("the header `{name}` cannot be sent: its value is no text on one line"),
                None,
            );
        };
        value.set_sensitive(secrets.contains_key(name.as_str()));
        all.insert(name, value);
    }
    all.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("application/cloudevents+json; charset=utf-8"),
    );
    match outbound.post(&target, all, body.into(), hook.timeout).await {
        Ok(reply) => {
            let reason = reply.status.canonical_reason().unwrap_or_default();
            let body = String::from_utf8_lossy(&reply.body);
            let first = body.lines().map(str::trim).find(|line| !line.is_empty());
            let said = first.map_or_else(String::new, |line| format!(": {line}"));
            let text = format!("{} {reason}{said}", reply.status.as_u16());
            judge(reply.status.as_u16(), text, reply.retry_after)
        }
        Err(error) => Outcome::Failed(in_full(&error), None),
    }
}

/// Says what an answer means: a receiver that does not want this one event will not want it later either.
fn judge(status: u16, text: String, retry_after: Option<std::time::Duration>) -> Outcome {
    match status {
        200..300 => Outcome::Taken(text),
        400 | 410 | 413 | 415 | 422 => Outcome::Refused(text),
        _ => Outcome::Failed(text, retry_after),
    }
}

/// Returns an error with all its causes.
fn in_full(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        text = format!("{text}: {next}");
        cause = next.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn answers_are_judged() {
        let wish = Some(Duration::from_secs(7));
        let judge = |status| judge(status, String::new(), wish);
        for status in [200, 202, 204] {
            assert_eq!(judge(status), Outcome::Taken(String::new()), "{status}");
        }
        for status in [400, 410, 413, 415, 422] {
            assert_eq!(judge(status), Outcome::Refused(String::new()), "{status}");
        }
        for status in [301, 401, 403, 404, 408, 429, 500, 503] {
            assert_eq!(judge(status), Outcome::Failed(String::new(), wish), "{status}");
        }
    }

    #[test]
    fn what_may_be_shown_of_an_address_is_its_host() {
        assert_eq!(shown("https://ops.example.org/hooks/T0/secret?key=x"), "ops.example.org:443");
        assert!(wrong_address("ftp://x/").is_some() && wrong_address("https://x/").is_none());
        assert!(wrong_header("Content-Length").is_some() && wrong_header("a b").is_some());
        assert!(wrong_header("Authorization").is_none());
    }
}
