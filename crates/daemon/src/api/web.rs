//! The dashboard: its files are part of the program, and its pages are one file.
//!
//! A page is any address below `ui/`, so that what somebody sees can be shared as a link; the code of the page reads
//! the address. Files are below `web/`. All addresses in them are relative, so it works wherever the router is
//! mounted. Nothing here looks at the tree: what the pages show, they ask the API for.

mod files;

use super::Service;
use super::caller::Caller;
use super::tls::Secure;
use axum::extract::{OriginalUri, Path};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router};
use files::{FILES, File, PAGE, SIGN_IN};
use std::sync::Arc;

/// What a page may do: use files and the API of where it came from, and nothing else.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
    img-src 'self' data:; base-uri 'none'; frame-ancestors 'none'; form-action 'self'";

/// How a page names the folder of its files; it stands one level below the root itself.
const FOLDER: &str = "\"../web/";

/// Makes the routes of pages and files.
pub(super) fn routes() -> Router<Service> {
    Router::new()
        .route("/ui", get(root))
        .route("/ui/", get(page))
        .route("/ui/{*page}", get(page))
        .route("/web/{*name}", get(file))
}

/// Leads whoever asks for the root, or for the pages without a slash, to the first page.
pub(super) async fn root(OriginalUri(uri): OriginalUri) -> Response {
    let path = uri.path();
    // A relative address leaves out the last part of the one that it stands in.
    let last = path.rsplit('/').next().unwrap_or("");
    let place = match last {
        "" => "ui/".to_owned(),
        "ui" => "ui/".to_owned(),
        mounted => format!("{mounted}/ui/"),
    };
    let place = HeaderValue::from_str(&place);
    let place = place.unwrap_or_else(|_| HeaderValue::from_static("ui/"));
    (StatusCode::SEE_OTHER, [(header::LOCATION, place)]).into_response()
}

/// Over TCP whoever has not said who they are is asked for it, wherever they wanted to go.
async fn page(
    uri: Uri,
    caller: Option<Extension<Caller>>,
    secure: Option<Extension<Arc<Secure>>>,
) -> Response {
    let (status, page) = match (caller, secure) {
        (None, Some(_)) => (StatusCode::UNAUTHORIZED, SIGN_IN),
        (None, None) | (Some(_), _) => (StatusCode::OK, PAGE),
    };
    let ups = uri.path().bytes().filter(|byte| *byte == b'/').count().saturating_sub(1);
    let text = page.replace(FOLDER, &format!("\"{}web/", "../".repeat(ups)));
    guarded((status, text).into_response(), "text/html; charset=utf-8")
}

async fn file(Path(name): Path<String>, headers: HeaderMap) -> Response {
    let Ok(at) = FILES.binary_search_by(|file| file.name.cmp(&name)) else {
        return guarded(
            (StatusCode::NOT_FOUND, format!("there is no file {name} here\n")).into_response(),
            "text/plain; charset=utf-8",
        );
    };
    let file = &FILES[at];
    let tag = tag(file);
    let known = headers.get_all(header::IF_NONE_MATCH).iter();
    let is_known = known
        .filter_map(|known| known.to_str().ok())
        .any(|known| known.split(',').any(|one| one.trim().trim_start_matches("W/") == tag));
    let mut response = if is_known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        file.bytes.into_response()
    };
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    guarded(response, kind(file.name))
}

/// Returns what tells one version of a file from another.
fn tag(file: &File) -> String {
    format!("\"{:08x}-{:x}\"", crc32c::crc32c(file.bytes), file.bytes.len())
}

fn kind(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        _ => "application/octet-stream",
    }
}

/// Says what a browser may do with an answer: ask again each time whether it is still the newest, take it for nothing
/// else than it says, show it in no other page, tell nobody where it was.
fn guarded(mut response: Response, kind: &'static str) -> Response {
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE, kind),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::CACHE_CONTROL, "no-cache"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (header::HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}
