//! The way in: the page that the secret leads to, and the browser that is started with it.

use super::forward::{Answer, html};
use hyper::header::SET_COOKIE;
use hyper::{Response, StatusCode};
use std::process::{Command, Stdio};

/// Gives the cookie and goes on to the first page. It goes on from a page of this very server, since browsers show a
/// cookie like this one only where one of its own pages leads.
pub(super) fn page(cookie: &str, place: &str) -> Response<Answer> {
    let text = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Mainstay</title>\
         <link rel=\"icon\" href=\"data:,\">\
         <meta http-equiv=\"refresh\" content=\"0; url={place}\">\
         <p><a href=\"{place}\">To the dashboard</a></p></html>"
    );
    let mut response = html(StatusCode::OK, text);
    if let Ok(cookie) = cookie.parse() {
        response.headers_mut().insert(SET_COOKIE, cookie);
    }
    response
}

/// Starts a browser, where there is a screen for one. Where there is none, the address has been printed.
pub(super) fn open(address: &str) {
    let has_screen = ["DISPLAY", "WAYLAND_DISPLAY"]
        .iter()
        .any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()));
    if !has_screen {
        return;
    }
    let mut command = Command::new("xdg-open");
    command.arg(address).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    match command.spawn() {
        Ok(mut child) => {
            // It may live as long as the browser; its end means nothing to us.
            std::thread::spawn(move || drop(child.wait()));
        }
        Err(error) => eprintln!("no browser could be started (xdg-open: {error})"),
    }
}
