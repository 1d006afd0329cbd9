//! A browser over TCP: it signs in, and acts with its cookie.

use crate::secure::{LOOKER, OPERATOR, Remote, STOP};
use crate::world::request;
use http_body_util::BodyExt;
use hyper::Response;
use hyper::body::Incoming;

const JSON: (&str, &str) = ("content-type", "application/json");

/// What a browser says of a request that its own page has made.
const OWN: (&str, &str) = ("origin", "https://localhost:8443");

type Headers<'a> = &'a [(&'a str, &'a str)];

async fn ask(
    remote: &Remote,
    method: &str,
    address: &str,
    headers: Headers<'_>,
    body: &str,
) -> Response<Incoming> {
    let mut asked = request(method, address, headers, body);
    asked.headers_mut().insert("host", "localhost:8443".parse().expect("a host"));
    remote.send(None, asked).await.expect("an answer")
}

/// Signs in, and returns what the browser keeps.
async fn signed_in(remote: &Remote, token: &str) -> String {
    let body = format!(r#"{{"token": "{token}"}}"#);
    let answer = ask(remote, "POST", "/v1/sign-in", &[JSON, OWN], &body).await;
    assert_eq!(answer.status(), 200);
    let cookie = answer.headers()["set-cookie"].to_str().expect("text").to_owned();
    assert!(cookie.starts_with("__Host-mainstay-8443="), "{cookie}");
    for part in ["Path=/", "Secure", "HttpOnly", "SameSite=Strict", "Max-Age=43200"] {
        assert!(cookie.split("; ").any(|found| found == part), "{cookie}");
    }
    cookie.split(';').next().expect("a pair").to_owned()
}

#[tokio::test]
async fn whoever_signs_in_acts_with_the_role_of_their_token() {
    let remote = Remote::new().await;
    let page = ask(&remote, "GET", "/ui/child/web", &[], "").await;
    assert_eq!(page.status(), 401);
    let text = page.into_body().collect().await.expect("a page").to_bytes();
    assert!(String::from_utf8_lossy(&text).contains("../../web/sign-in.js"));
    for (token, stop) in [(LOOKER, 403), (OPERATOR, 200)] {
        let cookie = signed_in(&remote, token).await;
        let cookie = ("cookie", cookie.as_str());
        let others = ("cookie", "theme=dark; __Host-mainstay-1=x");
        for (address, status) in [("/ui/child/web", 200), ("/v1/status", 200), ("/v1/me", 200)] {
            let answer = ask(&remote, "GET", address, &[others, cookie], "").await;
            assert_eq!(answer.status(), status, "{address}");
        }
        let answer = ask(&remote, "POST", "/v1/commands", &[JSON, OWN, cookie], STOP).await;
        assert_eq!(answer.status(), stop, "{token}");
        let me = ask(&remote, "GET", "/v1/me", &[cookie], "").await;
        let me = me.into_body().collect().await.expect("a body").to_bytes();
        let me: serde_json::Value = serde_json::from_slice(&me).expect("JSON");
        assert!(me["until_at"].as_i64().is_some_and(|at| at > 0), "{me}");
        let out = ask(&remote, "POST", "/v1/sign-out", &[JSON, OWN, cookie], "{}").await;
        assert!(out.headers()["set-cookie"].to_str().expect("text").contains("Max-Age=0"));
        let answer = ask(&remote, "GET", "/v1/status", &[cookie], "").await;
        assert_eq!(answer.status(), 401, "it is signed out");
    }
    let body = r#"{"token": "00000000000000000000000000000000"}"#;
    let answer = ask(&remote, "POST", "/v1/sign-in", &[JSON, OWN], body).await;
    assert_eq!(answer.status(), 401);
    assert!(answer.headers().get("set-cookie").is_none());
}

/// What a page of somebody else can make a browser send, even where the browser adds the cookie.
#[tokio::test]
async fn no_other_page_acts_in_their_name() {
    let remote = Remote::new().await;
    let cookie = signed_in(&remote, OPERATOR).await;
    let cookie = ("cookie", cookie.as_str());
    let text = ("content-type", "text/plain");
    let site = |site| ("sec-fetch-site", site);
    let table: [(&str, &str, Headers<'_>, u16); 9] = [
        ("POST", "/v1/commands", &[cookie, JSON, ("origin", "https://evil.example.org")], 403),
        ("POST", "/v1/commands", &[cookie, JSON, ("origin", "https://localhost:9999")], 403),
        ("POST", "/v1/commands", &[cookie, JSON, ("origin", "null")], 403),
        ("POST", "/v1/commands", &[cookie, text, OWN], 415),
        ("POST", "/v1/sign-in", &[cookie, JSON, ("origin", "https://evil.example.org")], 403),
        ("OPTIONS", "/v1/commands", &[cookie, ("origin", "https://evil.example.org")], 405),
        ("GET", "/v1/status", &[cookie, site("cross-site")], 403),
        ("GET", "/v1/status", &[cookie, site("same-site")], 403),
        ("GET", "/v1/status", &[cookie, site("same-origin")], 200),
    ];
    for (method, address, headers, status) in table {
        let answer = ask(&remote, method, address, headers, STOP).await;
        assert_eq!(answer.status(), status, "{method} {address} {headers:?}");
        let allows = answer.headers().get("access-control-allow-origin");
        assert!(allows.is_none(), "no page of another origin reads an answer");
    }
    let view = remote.world.handle.child("web").await.expect("it is there");
    assert_eq!(view.standing, mainstay::Standing::Ready, "nothing was stopped");
}
