//! The interface over a tree of tasks: who may, and what is answered to what is no call.

use super::http::{Gate, router};
use super::{Interface, Settings};
use crate::api::{Caller, Role, Roles, Service};
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, header};
use std::sync::{Arc, mpsc};
use tokio::sync::watch;
use tower::ServiceExt;

struct World {
    owner: mainstay::Owner,
    gate: Gate,
    heard: mpsc::Receiver<(String, String)>,
}

impl World {
    /// A tree with one child, and what answers for it: by TCP with this role, else by a Unix socket.
    fn new(role: Option<Role>) -> Self {
        let stays = async |cx: mainstay::Context| cx.stopped().await;
        let tree = mainstay::tree().child(mainstay::task("web", stays));
        let owner = tree.start().expect("it starts");
        let (tell, heard) = mpsc::channel();
        let remote = move |kind: &str, data: &str| drop(tell.send((kind.into(), data.into())));
        let interface = Interface::new(Service::new(owner.handle()), |_| {}, remote);
        let settings = Settings {
            listen: Vec::new(),
            mode: 0o600,
            login: Some(("op".into(), "secret".into())),
            role: role.unwrap_or(Role::Viewer),
            roles: Roles::default(),
        };
        // Nothing of them changes in a test.
        let settings = watch::Sender::new(Some(settings)).subscribe();
        let interface = Arc::new(interface);
        Self { owner, gate: Gate { interface, settings, asks_password: role.is_some() }, heard }
    }

    async fn asks(&self, request: Request<Body>) -> (StatusCode, String) {
        let answer = router(self.gate.clone()).oneshot(request).await.expect("it answers");
        let status = answer.status();
        let bytes = to_bytes(answer.into_body(), usize::MAX).await.expect("a body");
        (status, String::from_utf8(bytes.to_vec()).expect("text"))
    }
}

fn call(method: &str, params: &[&str]) -> String {
    let params: String = params
        .iter()
        .map(|text| format!("<param><value><string>{text}</string></value></param>"))
        .collect();
    format!("<methodCall><methodName>{method}</methodName><params>{params}</params></methodCall>")
}

fn post(body: String) -> axum::http::request::Builder {
    let length = body.len();
    Request::post("/RPC2").header(header::CONTENT_LENGTH, length)
}

fn unix(body: &str, role: Option<Role>) -> Request<Body> {
    let mut request = post(body.to_owned()).body(Body::from(body.to_owned())).expect("a request");
    request.extensions_mut().insert(Caller::new("alice (uid 1000)", role));
    request
}

#[tokio::test]
async fn a_port_asks_for_the_password_and_gives_one_role() {
    let world = World::new(Some(Role::Viewer));
    let state = call("supervisor.getState", &[]);
    let by = |login: Option<&str>, body: &str| {
        let mut request = post(body.to_owned());
        if let Some(login) = login {
            request = request.header(header::AUTHORIZATION, format!("Basic {login}"));
        }
        request.body(Body::from(body.to_owned())).expect("a request")
    };
    // op:secret, op:wrong, op
    let right = Some("b3A6c2VjcmV0");
    for wrong in [None, Some("b3A6d3Jvbmc="), Some("b3A="), Some("?")] {
        let (status, text) = world.asks(by(wrong, &state)).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{wrong:?}");
        assert!(!text.contains("secret"), "{text}");
    }
    let (status, text) = world.asks(by(right, &state)).await;
    assert_eq!(status, StatusCode::OK);
    assert!(text.contains("RUNNING"), "{text}");
    let (status, text) = world.asks(by(right, &call("supervisor.stopProcess", &["web"]))).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    assert!(text.contains("supervisorctl as op (password) has viewer here"), "{text}");
    assert!(text.contains("takes the role operator"), "{text}");
}

#[tokio::test]
async fn who_has_no_role_is_told_so_and_who_has_is_answered() {
    let world = World::new(None);
    let status = async |body: String, role| world.asks(unix(&body, role)).await.0;
    assert_eq!(status(call("supervisor.getState", &[]), None).await, StatusCode::FORBIDDEN);
    let table = [
        ("supervisor.getAllProcessInfo", Role::Viewer),
        ("supervisor.startAllProcesses", Role::Operator),
        ("supervisor.sendRemoteCommEvent", Role::Operator),
        ("supervisor.reloadConfig", Role::Admin),
        ("supervisor.shutdown", Role::Admin),
    ];
    for (method, needed) in table {
        for role in [Role::Viewer, Role::Operator].into_iter().filter(|role| *role < needed) {
            let status = status(call(method, &[]), Some(role)).await;
            assert_eq!(status, StatusCode::FORBIDDEN, "{method} by {role:?}");
        }
    }
    let said = call("supervisor.sendRemoteCommEvent", &["alarm", "x &lt; y"]);
    let (status, text) = world.asks(unix(&said, Some(Role::Operator))).await;
    assert_eq!(status, StatusCode::OK, "{text}");
    let heard = world.heard.try_recv().expect("it is told");
    assert_eq!(heard, ("alarm".into(), "x < y".into()));
}

#[tokio::test]
async fn what_is_no_call_is_refused() {
    let world = World::new(None);
    let admin = Some(Role::Admin);
    let (status, text) = world.asks(unix("<methodCall/>", admin)).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(text.contains("at byte 0"), "{text}");
    let long = "x".repeat((1 << 20) + 1);
    assert_eq!(world.asks(unix(&long, admin)).await.0, StatusCode::PAYLOAD_TOO_LARGE);
    let mut page = unix(&call("supervisor.getState", &[]), admin);
    page.headers_mut().insert(header::ORIGIN, "http://evil".parse().expect("a value"));
    assert_eq!(world.asks(page).await.0, StatusCode::FORBIDDEN);
    let get = |path: &str| {
        let mut request = Request::get(path).body(Body::empty()).expect("a request");
        request.extensions_mut().insert(Caller::new("alice", admin));
        request
    };
    let table = [
        ("/", StatusCode::NOT_FOUND),
        ("/RPC2", StatusCode::METHOD_NOT_ALLOWED),
        ("/logtail/nobody/stdout", StatusCode::NOT_FOUND),
        ("/logtail/web", StatusCode::NOT_FOUND),
        ("/logtail/%zz", StatusCode::BAD_REQUEST),
    ];
    for (path, expected) in table {
        assert_eq!(world.asks(get(path)).await.0, expected, "{path}");
    }
}

#[tokio::test]
async fn a_tree_that_ends_says_so_to_every_call() {
    let world = World::new(None);
    let handle = world.owner.handle();
    let fault = async |method: &str, params: &[&str]| {
        let (status, text) = world.asks(unix(&call(method, params), Some(Role::Admin))).await;
        assert_eq!(status, StatusCode::OK, "{method}");
        let code = text.split_once("<int>").and_then(|(_, rest)| rest.split_once("</int>"));
        code.map(|(code, _)| code.to_owned()).unwrap_or_default()
    };
    assert_eq!(fault("supervisor.getProcessInfo", &["nobody"]).await, "10");
    assert_eq!(fault("supervisor.getProcessInfo", &[]).await, "2");
    assert_eq!(fault("supervisor.__init__", &[]).await, "1");
    assert_eq!(fault("system.methodHelp", &["nothing"]).await, "4");
    assert_eq!(fault("supervisor.signalProcess", &["web", "FOO"]).await, "11");
    assert_eq!(fault("supervisor.reloadConfig", &[]).await, "92", "it is declared in code");
    drop(handle.by("test").drain("the end").await);
    handle.ended().await;
    for method in ["supervisor.getState", "supervisor.getAllProcessInfo", "supervisor.getPID"] {
        assert_eq!(fault(method, &[]).await, "6", "{method}");
    }
}
