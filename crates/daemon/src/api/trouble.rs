//! Requests without an answer, as an HTTP status and a [`Problem`].

use super::near;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use mainstay::{AskError, CommandError, Handle, Refusal};
use mainstay_wire::api::Problem;
use std::error::Error;

/// Why a request has no answer.
#[derive(Clone, Debug)]
pub(crate) struct Trouble {
    pub(crate) status: StatusCode,
    pub(crate) problem: Box<Problem>,
}

impl Trouble {
    pub(crate) fn new(status: StatusCode, code: &str, text: impl Into<String>) -> Self {
        let problem = Problem { code: code.into(), text: text.into(), hint: None, details: vec![] };
        Self { status, problem: Box::new(problem) }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.problem.hint = Some(hint.into());
        self
    }

    /// The request itself is wrong.
    pub(crate) fn bad(code: &str, text: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, text)
    }

    /// What was asked for is not part of the program that answers.
    pub(crate) fn absent(text: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_IMPLEMENTED, "not-here", text)
    }

    /// Something on this side does not work.
    pub(crate) fn inside(code: &str, text: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, code, text)
    }

    /// Puts the problem of a seam behind a status that fits its code.
    pub(crate) fn of(problem: Problem) -> Self {
        let status = match problem.code.as_str() {
            "not-here" => StatusCode::NOT_IMPLEMENTED,
            "refused" => StatusCode::CONFLICT,
            "inside" => StatusCode::INTERNAL_SERVER_ERROR,
            _ => StatusCode::UNPROCESSABLE_ENTITY,
        };
        Self { status, problem: Box::new(problem) }
    }

    /// There is no such child; those with a name like it are offered.
    pub(crate) async fn unknown(handle: &Handle, path: &str) -> Self {
        let trouble =
            Self::new(StatusCode::NOT_FOUND, "unknown-child", format!("there is no child {path}"));
        let known = handle.status().await.unwrap_or_default();
        let near = near::near(path, known.iter().map(|view| view.path.as_str()));
        match near.as_slice() {
            [] => trouble.hint("`mainstay status` shows every child"),
            [only] => trouble.hint(format!("did you mean `{only}`?")),
            several => trouble.hint(format!("did you mean one of `{}`?", several.join("`, `"))),
        }
    }

    /// A question to the tree that was not answered.
    pub(crate) async fn ask(handle: &Handle, error: AskError) -> Self {
        match error {
            AskError::Unknown { path } => Self::unknown(handle, path.as_str()).await,
            error @ AskError::Ended => Self::new(StatusCode::GONE, "ended", error.to_string()),
            error @ (AskError::Unplaced { .. } | _) => Self::inside("command", error.to_string()),
        }
    }

    /// A command that was not carried out.
    pub(crate) async fn command(handle: &Handle, error: CommandError) -> Self {
        let text = told(&error);
        match error {
            CommandError::Refused { path, refusal, .. } => {
                Self::refusal(handle, path.as_str(), refusal).await
            }
            CommandError::Spec { source, .. } => {
                let mut trouble = Self::new(
                    StatusCode::UNPROCESSABLE_ENTITY,
                    "spec",
                    "the declaration is wrong; nothing has changed",
                );
                let details = source.problems().iter().map(ToString::to_string);
                trouble.problem.details = details.collect();
                trouble
            }
            CommandError::Target { source } => Self::ask(handle, source).await,
            CommandError::Ended { .. } => Self::new(StatusCode::GONE, "ended", text),
            CommandError::Late { .. } => Self::new(StatusCode::SERVICE_UNAVAILABLE, "late", text)
                .hint("send it again with the same id: it has one effect"),
            _ => Self::inside("command", text),
        }
    }

    pub(crate) async fn refusal(handle: &Handle, path: &str, refusal: Refusal) -> Self {
        let name = if path.is_empty() { "/" } else { path };
        let (code, hint) = match &refusal {
            Refusal::Unknown { path } => return Self::unknown(handle, path.as_str()).await,
            Refusal::Anonymous => {
                return Self::bad("anonymous", "a command must say why")
                    .hint("give a reason in `why`: it stands in the audit trail");
            }
            Refusal::Spec { problems } => {
                let text = "the declaration does not fit; nothing has changed";
                let mut trouble = Self::new(StatusCode::UNPROCESSABLE_ENTITY, "spec", text);
                trouble.problem.details = problems.iter().map(ToString::to_string).collect();
                return trouble;
            }
            Refusal::OtherRun { .. } => ("other-run", Some("look again before you ask".into())),
            Refusal::OtherRevision { .. } => {
                ("other-revision", Some("look again before you ask".into()))
            }
            Refusal::IdReused => ("id-reused", Some("give each command an id of its own".into())),
            Refusal::Draining => ("draining", None),
            Refusal::Quarantined => ("quarantined", Some(format!("mainstay release {name}"))),
            Refusal::BreakerOpen => {
                ("breaker-open", Some(format!("mainstay reset {name} --start")))
            }
            Refusal::Occupied { .. } => {
                ("occupied", Some(format!("mainstay start {name} --override")))
            }
            Refusal::Leaving => ("leaving", Some("wait until it is gone".into())),
            Refusal::NotRunning => ("not-running", Some(format!("mainstay start {name}"))),
            Refusal::Unfit { .. } => ("unfit", None),
            Refusal::Exists { path } => ("exists", Some(format!("mainstay remove {path}"))),
            Refusal::Full { .. } => ("full", Some("remove a child of it first".into())),
            _ => ("refused", None),
        };
        let status = match code {
            "other-run" | "other-revision" => StatusCode::PRECONDITION_FAILED,
            _ => StatusCode::CONFLICT,
        };
        let mut trouble = Self::new(status, code, refusal.to_string());
        trouble.problem.hint = hint;
        trouble
    }
}

/// Returns an error with all its causes.
pub(crate) fn told(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}

impl IntoResponse for Trouble {
    fn into_response(self) -> Response {
        let mut response = (self.status, axum::Json(self.problem)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
