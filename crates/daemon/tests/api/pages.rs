//! The dashboard's pages and files, as a browser asks for them.

use crate::world::{World, request};
use axum::http::{Request, StatusCode};
use axum::{Extension, Router, body::Body};
use http_body_util::{BodyExt, Full};
use hyper::Response;
use hyper::body::{Bytes, Incoming};
use mainstay_daemon::api::{Caller, Role, Service, router};
use tower::ServiceExt;

async fn text(response: Response<Incoming>) -> String {
    let body = response.into_body().collect().await.expect("a whole body").to_bytes();
    String::from_utf8(body.to_vec()).expect("UTF-8")
}

fn get(address: &str) -> Request<Full<Bytes>> {
    request("GET", address, &[], "")
}

#[tokio::test]
async fn the_root_leads_to_the_first_page() {
    let world = World::new().await;
    for (address, place) in [("/", "ui/"), ("/ui", "ui/")] {
        let response = world.send(get(address)).await;
        assert_eq!(response.status(), 303, "{address}");
        assert_eq!(response.headers()["location"], place, "{address}");
    }
}

#[tokio::test]
async fn every_page_finds_its_files_where_they_are() {
    let world = World::new().await;
    for address in ["/ui/", "/ui/alerts", "/ui/child/app/db", "/ui/child/app%2Fdb/runs"] {
        let response = world.send(get(address)).await;
        assert_eq!(response.status(), 200, "{address}");
        assert_eq!(response.headers()["content-type"], "text/html; charset=utf-8");
        let policy = response.headers()["content-security-policy"].to_str().expect("text");
        assert!(policy.starts_with("default-src 'none'; script-src 'self';"), "{policy}");
        assert_eq!(response.headers()["referrer-policy"], "no-referrer");
        let page = text(response).await;
        let (_, rest) = page.split_once("<script type=\"module\" src=\"").expect("a script");
        let (script, _) = rest.split_once('"').expect("its end");
        let ups = script.matches("../").count();
        let mut folders: Vec<&str> = address.split('/').collect();
        folders.truncate(folders.len() - 1 - ups);
        let file = format!("{}/{}", folders.join("/"), script.trim_start_matches("../"));
        assert_eq!(file, "/web/main.js", "{address}");
        assert_eq!(world.send(get(&file)).await.status(), 200);
    }
}

#[tokio::test]
async fn a_file_that_is_known_is_not_sent_again() {
    let world = World::new().await;
    let first = world.send(get("/web/main.js")).await;
    assert_eq!(first.status(), 200);
    assert_eq!(first.headers()["content-type"], "text/javascript; charset=utf-8");
    assert_eq!(first.headers()["x-content-type-options"], "nosniff");
    assert_eq!(first.headers()["cache-control"], "no-cache");
    let tag = first.headers()["etag"].to_str().expect("text").to_owned();
    assert!(!text(first).await.is_empty());
    for (shown, status) in [(tag.as_str(), 304), ("\"other\"", 200)] {
        let again = request("GET", "/web/main.js", &[("if-none-match", shown)], "");
        assert_eq!(world.send(again).await.status(), status, "{shown}");
    }
    for address in ["/web/nothing.js", "/web/../Cargo.toml", "/web/%2e%2e/Cargo.toml", "/web/"] {
        assert_eq!(world.send(get(address)).await.status(), 404, "{address}");
    }
    assert_eq!(world.send(request("POST", "/ui/", &[], "")).await.status(), 405);
}

#[tokio::test]
async fn it_works_below_a_prefix_and_beside_another_root() {
    let world = World::new().await;
    let ours = || {
        let service = Service::new(world.handle.clone());
        router(service).layer(Extension(Caller::new("panel", Some(Role::Viewer))))
    };
    let root = axum::routing::get(|| async { "mine" });
    let app = Router::new().route("/", root.clone()).nest("/tree", ours());
    let ask = async |app: Router, address: &str| {
        let request = Request::get(address).body(Body::empty()).expect("a request");
        app.oneshot(request).await.expect("an answer")
    };
    let answer = ask(app.clone(), "/tree").await;
    assert_eq!(answer.headers()["location"], "tree/ui/");
    assert_eq!(ask(app.clone(), "/tree/ui").await.headers()["location"], "ui/");
    for address in ["/tree/ui/child/web", "/tree/web/main.js", "/tree/v1/status", "/"] {
        assert_eq!(ask(app.clone(), address).await.status(), StatusCode::OK, "{address}");
    }
    let merged = Router::new().route("/", root).merge(ours());
    let mine = ask(merged, "/").await.into_body().collect().await.expect("a body").to_bytes();
    assert_eq!(&mine[..], b"mine");
}
