//! Who asks: everybody may hear it, and a browser can say it.

use super::route::{Answer, Ask, json};
use super::tls::session;
use super::trouble::Trouble;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use mainstay_wire::api::{Me, Nothing, SignIn};

pub(super) async fn me(ask: Ask) -> Answer {
    let until_at = ask.secure.as_ref().and_then(|secure| secure.session(&ask.headers));
    let until_at = until_at.map(|(_, left)| {
        jiff::Timestamp::now().as_millisecond().saturating_add(super::look::millis(left))
    });
    let role = ask.caller.role().map(|role| role.word().to_owned());
    std::future::ready(Ok(json(&Me { name: ask.caller.name().into(), role, until_at }))).await
}

pub(super) async fn sign_in(ask: Ask) -> Answer {
    let Some(secure) = &ask.secure else { return Err(elsewhere()) };
    let form: SignIn = ask.form("what a browser signs in with")?;
    let Some(caller) = secure.holder(form.token.trim().as_bytes()) else {
        tracing::warn!("a browser showed a token that is not known");
        let text = "no such token is known";
        return Err(Trouble::new(StatusCode::UNAUTHORIZED, "unknown-token", text));
    };
    let Some(secret) = secure.begin(caller.clone()) else {
        let text = "the system gives no random number";
        return Err(Trouble::inside("no-random", text));
    };
    tracing::info!(who = caller.name(), "a browser signed in");
    let until_at = jiff::Timestamp::now().as_millisecond();
    let until_at = Some(until_at.saturating_add(super::look::millis(session::LIFE)));
    let role = caller.role().map(|role| role.word().to_owned());
    let me = json(&Me { name: caller.name().into(), role, until_at });
    std::future::ready(Ok(cookie(&ask, me, &secret, session::LIFE.as_secs()))).await
}

pub(super) async fn sign_out(ask: Ask) -> Answer {
    let Some(secure) = &ask.secure else { return Err(elsewhere()) };
    let _: Nothing = ask.form("a request to sign out")?;
    secure.end(&ask.headers);
    std::future::ready(Ok(cookie(&ask, json(&Nothing {}), "", 0))).await
}

fn elsewhere() -> Trouble {
    Trouble::absent("nobody signs in here: who asks is known from the connection")
}

/// Adds the cookie: sent by this browser to this host alone, over TLS alone, read by no script, and never with a
/// request that another site has caused.
fn cookie(ask: &Ask, mut answer: Response, secret: &str, seconds: u64) -> Response {
    let name = session::name(&ask.headers);
    let text =
        format!("{name}={secret}; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age={seconds}");
    if let Ok(text) = HeaderValue::from_str(&text) {
        answer.headers_mut().insert(header::SET_COOKIE, text);
    }
    answer
}
