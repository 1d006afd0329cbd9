//! The description of the API, made of the table of routes and the schemas of the forms.

use super::route::{Answer, Ask, ROUTES, Route, Says, json};
use crate::metrics::Format;
use mainstay_wire::api::schemas;
use serde_json::{Map, Value, json as value};

/// What every route may answer: the request is wrong, unknown, not allowed, too late, too often.
const COMMON: [u16; 5] = [400, 401, 403, 410, 429];

/// Returns the OpenAPI 3.1 document of the API.
pub fn openapi() -> Value {
    let mut paths = Map::new();
    for route in ROUTES {
        let method = if route.is_get { "get" } else { "post" };
        let place = paths.entry(route.path).or_insert_with(|| value!({}));
        place[method] = operation(route);
    }
    value!({
        "openapi": "3.1.0",
        "info": {
            "title": "Mainstay",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "One supervision tree: what it does, why, and commands. A path of the tree stands in an \
                address with its slashes as `%2F`, or as they are; `%2F` alone is the root.",
        },
        "paths": paths,
        "components": {
            "schemas": schemas(),
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        // Over the Unix socket the kernel says who asks.
        "security": [{}, {"token": []}],
    })
}

pub(super) async fn answer(_ask: Ask) -> Answer {
    std::future::ready(Ok(json(&openapi()))).await
}

fn operation(route: &Route) -> Value {
    let mut parameters: Vec<Value> = Vec::new();
    for name in route.path.split('{').skip(1).filter_map(|part| part.split('}').next()) {
        let schema = match name {
            "run" => value!({"type": "integer", "minimum": 1, "maximum": u64::MAX}),
            _ => value!({"type": "string", "minLength": 1}),
        };
        parameters.push(value!({"name": name, "in": "path", "required": true, "schema": schema}));
    }
    for parameter in route.parameters {
        parameters.push(value!({
            "name": parameter.name,
            "in": "query",
            "description": parameter.about,
            "schema": parameter.form.schema(),
        }));
    }
    let mut responses = Map::new();
    match route.says {
        Says::Socket(says, asks) => {
            let text = format!(
                "A WebSocket. Binary messages are bytes; a text message of the daemon is one {says}, one of the client \
                 one {asks}"
            );
            responses.insert("101".into(), value!({"description": text}));
        }
        Says::One(_)
        | Says::To(..)
        | Says::Many(_)
        | Says::Stream(..)
        | Says::Document
        | Says::Numbers => {
            let content = content(route.says);
            responses
                .insert("200".into(), value!({"description": "The answer", "content": content}));
        }
    }
    for status in COMMON.iter().chain(route.statuses) {
        let form = if route.role.is_none() && *status == 503 { "Checks" } else { "Problem" };
        let content = content(Says::One(form));
        responses.insert(
            status.to_string(),
            value!({"description": described(*status), "content": content}),
        );
    }
    // These come before a request is understood, and say nothing more.
    for status in [414, 431] {
        responses.insert(status.to_string(), value!({"description": described(status)}));
    }
    let mut operation = value!({
        "operationId": route.path.trim_matches('/').split('/').nth(usize::from(route.path.starts_with("/v1"))),
        "summary": route.about,
        "parameters": parameters,
        "responses": responses,
    });
    if let Some(role) = route.role {
        let text = format!("Takes the role {}, or a higher one.", role.word());
        operation["description"] = text.into();
    }
    if !route.is_get {
        let asks = match route.says {
            Says::To(asks, _) => asks,
            Says::One(_)
            | Says::Many(_)
            | Says::Stream(..)
            | Says::Document
            | Says::Socket(..)
            | Says::Numbers => "Command",
        };
        let content = content(Says::One(asks));
        operation["requestBody"] = value!({"required": true, "content": content});
    }
    operation
}

fn content(says: Says) -> Value {
    let one = |form: &str| value!({"$ref": format!("#/components/schemas/{form}")});
    match says {
        Says::One(form) | Says::To(_, form) => value!({"application/json": {"schema": one(form)}}),
        Says::Many(form) => {
            value!({"application/json": {"schema": {"type": "array", "items": one(form)}}})
        }
        Says::Stream(page, each) => {
            let about = format!("each `data` is one {each}, or a Lag where the event is `lagged`");
            value!({
                "application/json": {"schema": one(page)},
                "text/event-stream": {"schema": {"type": "string", "description": about}},
            })
        }
        Says::Numbers => {
            let text = value!({"schema": {"type": "string"}});
            let kinds = [Format::Text, Format::OpenMetrics].map(Format::media_type);
            let bare = |kind: &str| kind.split(';').next().unwrap_or(kind).to_owned();
            Value::Object(kinds.map(|kind| (bare(kind), text.clone())).into_iter().collect())
        }
        Says::Document => value!({"application/json": {"schema": {"type": "object"}}}),
        Says::Socket(..) => value!({}),
    }
}

const fn described(status: u16) -> &'static str {
    match status {
        400 => "The request is wrong",
        401 => "It is not known who asks",
        403 => "Whoever asks may not",
        404 => "There is no such thing",
        408 => "It did not come to be in time",
        409 => "The tree refuses",
        410 => "The tree has ended",
        412 => "It was meant for another run or revision",
        413 => "The body is too large",
        414 => "The address is too long",
        415 => "The body is not JSON",
        422 => "The declaration is wrong",
        426 => "It has to ask for a WebSocket",
        429 => "Too many requests",
        431 => "The headers are too long",
        501 => "Not part of the program that answers",
        503 => "Not now",
        _ => "An error",
    }
}
