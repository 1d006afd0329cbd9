//! The routes: one table that the router and the description are both made of.

mod table;

use super::Service;
use super::caller::{Caller, Role};
use super::query::{Parameter, Query};
use super::tls::{self, Secure};
use super::trouble::Trouble;
use super::web;
use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{
    FromRequestParts, OriginalUri, Query as Pairs, Request, State, WebSocketUpgrade,
};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};
pub(crate) use table::ROUTES;

/// What a request leads to.
pub(crate) type Answer = Result<Response, Trouble>;

/// The most bytes that a request may carry.
const MOST: usize = 1 << 20;
/// How long a body may take to come.
const BODY: Duration = Duration::from_secs(10);

/// One route.
pub(crate) struct Route {
    pub(crate) is_get: bool,
    /// As it is described: `{path}` stands for all that follows, slashes too.
    pub(crate) path: &'static str,
    /// The least role it takes; absent: none.
    pub(crate) role: Option<Role>,
    pub(crate) about: &'static str,
    pub(crate) parameters: &'static [Parameter],
    pub(crate) says: Says,
    /// Answers other than 200, beyond those of every route.
    pub(crate) statuses: &'static [u16],
    answer: fn(Ask) -> Pin<Box<dyn Future<Output = Answer> + Send>>,
}

/// What an answer is made of.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Says {
    /// One form.
    One(&'static str),
    /// One form, to a request of another form.
    To(&'static str, &'static str),
    /// A list of forms.
    Many(&'static str),
    /// One form, or a stream of server-sent events with this form in each.
    Stream(&'static str, &'static str),
    /// A JSON document of its own kind.
    Document,
    /// Numbers, in one of the texts of Prometheus.
    Numbers,
    /// A WebSocket: binary messages both ways, and text messages, those of the daemon in the first form and those of
    /// the client in the second.
    Socket(&'static str, &'static str),
}

impl Route {
    /// Returns the path up to its first parameter.
    fn head(&self) -> &'static str {
        self.path.split_once('{').map_or(self.path, |(head, _)| head)
    }

    const fn method(&self) -> &'static str {
        if self.is_get { "GET" } else { "POST" }
    }

    /// Returns the path in the words of the router.
    fn place(&self) -> String {
        if self.path.contains('{') { format!("{}{{*rest}}", self.head()) } else { self.path.into() }
    }

    fn on(&'static self) -> MethodRouter<Service> {
        let handler = move |State(service): State<Service>, request: Request| async move {
            let began = Instant::now();
            let answer = match self.admit(service.clone(), request).await {
                Ok(ask) => (self.answer)(ask).await,
                Err(trouble) => Err(trouble),
            };
            let answer = answer.into_response();
            let (status, took) = (answer.status().as_u16(), began.elapsed());
            service.metrics().requests.count(self.path, self.method(), status, took);
            answer
        };
        if self.is_get { get(handler) } else { post(handler) }
    }

    /// The gates that every request passes: the origin, the caller and its role, the address, the size of its body.
    async fn admit(&self, service: Service, request: Request) -> Result<Ask, Trouble> {
        let (mut parts, body) = request.into_parts();
        let secure = parts.extensions.get::<Arc<Secure>>().cloned();
        check_origin(&service, &parts.headers, secure.is_some())?;
        let mut caller = parts.extensions.get::<Caller>().cloned();
        for most in parts.headers.get_all("mainstay-role") {
            let most = most.to_str().unwrap_or("");
            caller = caller.map(|caller| caller.at_most(most)).transpose()?;
        }
        let caller = match (caller, self.role) {
            (Some(caller), Some(role)) => {
                caller.require(role)?;
                caller
            }
            (Some(caller), None) => caller,
            (None, None) => Caller::new("nobody", None),
            (None, Some(_)) => {
                let text = "it is not known who asks";
                return Err(Trouble::new(StatusCode::UNAUTHORIZED, "unknown-caller", text));
            }
        };
        let rest = rest(&parts.uri, self.head())?;
        let Ok(Pairs(pairs)) = Pairs::<Vec<(String, String)>>::try_from_uri(&parts.uri) else {
            return Err(Trouble::bad("bad-parameter", "what stands behind `?` cannot be read"));
        };
        let query = Query::read(pairs, self.parameters)?;
        let upgrade = match self.says {
            Says::Socket(..) => WebSocketUpgrade::from_request_parts(&mut parts, &()).await.ok(),
            Says::One(_)
            | Says::To(..)
            | Says::Many(_)
            | Says::Stream(..)
            | Says::Document
            | Says::Numbers => None,
        };
        let headers = parts.headers;
        let body = if self.is_get { Bytes::new() } else { read_body(&headers, body).await? };
        Ok(Ask { service, caller, secure, rest, query, upgrade, headers, body })
    }
}

/// Makes the router of the API. Every request needs a [`Caller`] as an extension, which says who asks.
///
/// It can be nested below a path, or merged with routes of your own:
///
/// ```no_run
/// # fn example(service: mainstay_daemon::api::Service) -> axum::Router {
/// use axum::routing::get;
///
/// axum::Router::new()
///     .route("/", get(|| async { "hello" }))
///     .nest("/supervision", mainstay_daemon::api::router(service))
/// # }
/// ```
pub fn router(service: Service) -> Router {
    let router = routes(|_| true).merge(web::routes());
    router.fallback(unknown).method_not_allowed_fallback(unfit).with_state(service)
}

/// Makes a router of those routes alone that are wanted: without the dashboard, and without anything else.
pub(super) fn some(service: Service, wants: impl Fn(&Route) -> bool) -> Router {
    let unknown = async |uri: Uri| nothing(&uri);
    routes(wants).fallback(unknown).method_not_allowed_fallback(unfit).with_state(service)
}

fn routes(wants: impl Fn(&Route) -> bool) -> Router<Service> {
    let mut router = Router::new();
    for route in ROUTES.iter().filter(|route| wants(route)) {
        router = router.route(&route.place(), route.on());
    }
    router
}

fn nothing(uri: &Uri) -> Trouble {
    let text = format!("there is nothing at {}", uri.path());
    Trouble::new(StatusCode::NOT_FOUND, "unknown-route", text).hint("see /v1/openapi.json")
}

/// The root has no route of its own, so that the router can be merged with one that has.
async fn unknown(method: Method, original: OriginalUri, uri: Uri) -> Response {
    if uri.path() == "/" && method == Method::GET {
        return web::root(original).await;
    }
    nothing(&uri).into_response()
}

async fn unfit(method: Method, uri: Uri) -> Trouble {
    let text = format!("{} does not take {method}", uri.path());
    let trouble = Trouble::new(StatusCode::METHOD_NOT_ALLOWED, "method", text);
    trouble.hint("the header `Allow` says what it takes; commands go to /v1/commands")
}

/// A page of a browser says where it comes from: those that came from here are answered, and those that are listed.
///
/// `is_checked`: the name in `Host` is one of this server. Otherwise only numbers and `localhost` are believed, since
/// any other name may be a stranger's that leads here.
fn check_origin(service: &Service, headers: &HeaderMap, is_checked: bool) -> Result<(), Trouble> {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let here = host.filter(|host| is_checked || tls::is_number_or_local(tls::name_in(host)));
    let is_known = |origin: &HeaderValue| {
        let origin = origin.to_str().unwrap_or("");
        let from = origin.split_once("://").map(|(_, from)| from);
        service.inner.origins.iter().any(|listed| origin == listed)
            || (from.is_some() && from == here)
    };
    let mut origins = headers.get_all(header::ORIGIN).iter().peekable();
    // What a page only links to or shows says so, and says no origin.
    let is_led = origins.peek().is_none()
        && headers
            .get_all("sec-fetch-site")
            .iter()
            .any(|site| !matches!(site.as_bytes(), b"same-origin" | b"none"));
    let stranger = match origins.find(|origin| !is_known(origin)) {
        Some(origin) => String::from_utf8_lossy(origin.as_bytes()).into_owned(),
        None if is_led => "elsewhere".into(),
        None => return Ok(()),
    };
    let text = format!("pages from {stranger} get no answer");
    Err(Trouble::new(StatusCode::FORBIDDEN, "origin", text))
}

/// Returns what follows `head` in the path of an address, with its `%` signs resolved.
fn rest(uri: &Uri, head: &str) -> Result<String, Trouble> {
    let Some(rest) = uri.path().strip_prefix(head) else { return Ok(String::new()) };
    let bad = || {
        let text = format!("`{rest}` is no path: its `%` signs do not make UTF-8");
        Trouble::bad("bad-path", text)
    };
    let (mut bytes, mut left) = (Vec::new(), rest.as_bytes());
    while let [first, others @ ..] = left {
        left = others;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let (digits, others) = left.split_at_checked(2).ok_or_else(bad)?;
        let digits = std::str::from_utf8(digits).map_err(|_| bad())?;
        let is_hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        let byte = u8::from_str_radix(digits, 16).ok().filter(|_| is_hex).ok_or_else(bad)?;
        bytes.push(byte);
        left = others;
    }
    String::from_utf8(bytes).map_err(|_| bad())
}

/// One request that has passed the gates.
pub(crate) struct Ask {
    pub(crate) service: Service,
    pub(crate) caller: Caller,
    /// Who may ask over TCP, where it came from there.
    pub(crate) secure: Option<Arc<Secure>>,
    /// What follows the route's head in the path.
    pub(crate) rest: String,
    pub(crate) query: Query,
    /// The way to a WebSocket, where the route is one and the request asks for it.
    pub(crate) upgrade: Option<WebSocketUpgrade>,
    pub(crate) headers: HeaderMap,
    body: Bytes,
}

impl Ask {
    /// Returns the children that the parameter `path` names, without slashes around them.
    pub(crate) fn paths(&self) -> Vec<String> {
        self.query.all("path").map(|path| path.trim_matches('/').to_owned()).collect()
    }

    /// Returns whether the answer is to be a stream of server-sent events.
    pub(crate) fn wants_stream(&self) -> bool {
        self.accepts().any(|accept| {
            accept.split(',').any(|kind| {
                kind.split(';').next().is_some_and(|kind| kind.trim() == "text/event-stream")
            })
        })
    }

    /// Returns what whoever asks says that they accept.
    pub(crate) fn accepts(&self) -> impl Iterator<Item = &str> {
        self.headers.get_all(header::ACCEPT).iter().filter_map(|accept| accept.to_str().ok())
    }

    /// Returns a header that is text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// Returns the number of the last event that the client has seen.
    pub(crate) fn last_event(&self) -> Result<Option<u64>, Trouble> {
        let Some(last) = self.headers.get("last-event-id") else { return Ok(None) };
        let number = last.to_str().ok().and_then(|last| last.parse().ok());
        match number {
            Some(number) => Ok(Some(number)),
            None => Err(Trouble::bad("bad-parameter", "`Last-Event-ID` is not a number")),
        }
    }

    /// Reads the body as JSON; `what` it is to be.
    pub(crate) fn form<T: serde::de::DeserializeOwned>(&self, what: &str) -> Result<T, Trouble> {
        serde_json::from_slice(&self.body)
            .map_err(|error| Trouble::bad("bad-command", format!("not {what}: {error}")))
    }
}

/// Reads a body, which must call itself JSON: no form of a page can do that without asking first.
async fn read_body(headers: &HeaderMap, body: Body) -> Result<Bytes, Trouble> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let kind = kind.and_then(|kind| kind.split(';').next()).map_or("", str::trim);
    if !kind.eq_ignore_ascii_case("application/json") {
        let text = format!("a request with a body is `application/json`, not `{kind}`");
        return Err(Trouble::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "media-type", text));
    }
    match tokio::time::timeout(BODY, to_bytes(body, MOST)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        // It is cut off, or longer than it may be; only the latter still hears the answer.
        Ok(Err(_)) => {
            let text = format!("the body is longer than {MOST} bytes, or cut off");
            Err(Trouble::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", text))
        }
        Err(_) => {
            let text = "the body did not come in time";
            Err(Trouble::new(StatusCode::REQUEST_TIMEOUT, "slow", text))
        }
    }
}

/// Makes an answer of a form.
pub(crate) fn json(form: &impl serde::Serialize) -> Response {
    let mut response = axum::Json(form).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
