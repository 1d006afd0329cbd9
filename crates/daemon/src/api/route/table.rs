//! Every route there is.

use super::{Route, Says};
use crate::api::caller::Role;
use crate::api::query::{Form, Parameter};
use crate::api::{
    choices, command, console, events, health, logs, metrics, openapi, read, sign_in, simulate,
};

/// Numbers that every reader of JSON holds exactly.
const LARGEST: u64 = (1 << 53) - 1;

macro_rules! answer {
    ($function:path) => {
        |ask| Box::pin($function(ask))
    };
}

const CHILD: &[u16] = &[404];

/// What can be asked of the health pages.
const HEALTH: &[Parameter] = &[
    Parameter {
        name: "verbose",
        form: Form::Switch,
        about: "Whether every child is told of, and not only what is not as it should be",
    },
    Parameter {
        name: "exclude",
        form: Form::Paths,
        about: "A check, or a child with all below it, that does not count",
    },
];

/// Every route there is.
pub(crate) static ROUTES: &[Route] = &[
    Route {
        is_get: true,
        path: "/v1/status",
        role: Some(Role::Viewer),
        about: "The whole tree, and who keeps it",
        parameters: &[],
        says: Says::One("Status"),
        statuses: &[],
        answer: answer!(read::status),
    },
    Route {
        is_get: true,
        path: "/v1/children/{path}",
        role: Some(Role::Viewer),
        about: "One child",
        parameters: &[],
        says: Says::One("Child"),
        statuses: CHILD,
        answer: answer!(read::child),
    },
    Route {
        is_get: true,
        path: "/v1/explain/{path}",
        role: Some(Role::Viewer),
        about: "Why a child does what it does, what comes next and what would change it",
        parameters: &[],
        says: Says::One("Explanation"),
        statuses: CHILD,
        answer: answer!(read::explain),
    },
    Route {
        is_get: true,
        path: "/v1/history",
        role: Some(Role::Viewer),
        about: "Runs that have ended, the latest first",
        parameters: &[
            Parameter {
                name: "path",
                form: Form::Path,
                about: "Of this child and all below it alone",
            },
            Parameter {
                name: "limit",
                form: Form::Count(1, 1_000),
                about: "At most so many; otherwise 50",
            },
            Parameter {
                name: "before",
                form: Form::Moment,
                about: "Only runs that ended before this moment: the end of the last one of a page",
            },
        ],
        says: Says::Many("Run"),
        statuses: CHILD,
        answer: answer!(read::history),
    },
    Route {
        is_get: true,
        path: "/v1/postmortem/{path}/{run}",
        role: Some(Role::Viewer),
        about: "All that is known of one run",
        parameters: &[],
        says: Says::One("Run"),
        statuses: CHILD,
        answer: answer!(read::postmortem),
    },
    Route {
        is_get: true,
        path: "/v1/alerts",
        role: Some(Role::Viewer),
        about: "What a person must see, the oldest first",
        parameters: &[],
        says: Says::Many("Alert"),
        statuses: &[],
        answer: answer!(read::alerts),
    },
    Route {
        is_get: true,
        path: "/v1/deliveries",
        role: Some(Role::Viewer),
        about: "What hooks were told and are to be told, the latest first",
        parameters: &[Parameter { name: "hook", form: Form::Text, about: "Of this hook alone" }],
        says: Says::Many("Delivery"),
        statuses: &[404],
        answer: answer!(read::deliveries),
    },
    Route {
        is_get: true,
        path: "/v1/dump",
        role: Some(Role::Operator),
        about: "What the brain is doing, thread by thread",
        parameters: &[],
        says: Says::One("Dump"),
        statuses: &[501],
        answer: answer!(read::dump),
    },
    Route {
        is_get: true,
        path: "/v1/events",
        role: Some(Role::Viewer),
        about: "What happened: a page, or with `Accept: text/event-stream` as it happens",
        parameters: &[
            Parameter {
                name: "from",
                form: Form::Count(0, LARGEST),
                about: "From this number on. Otherwise a page has the latest, and a stream what comes",
            },
            Parameter {
                name: "limit",
                form: Form::Count(1, 1_000),
                about: "At most so many in a page; otherwise 100",
            },
            Parameter {
                name: "path",
                form: Form::Paths,
                about: "Of these children and all below them alone",
            },
        ],
        says: Says::Stream("EventPage", "Event"),
        statuses: &[],
        answer: answer!(events::events),
    },
    Route {
        is_get: true,
        path: "/v1/logs",
        role: Some(Role::Viewer),
        about: "What children print: the last lines, or with `follow` as they come",
        parameters: &[
            Parameter {
                name: "path",
                form: Form::Paths,
                about: "Of these children and all below them; otherwise of all",
            },
            Parameter {
                name: "lines",
                form: Form::Count(0, logs::MOST_LINES),
                about: "The last so many of each child; otherwise 100, and with `since` 10000",
            },
            Parameter {
                name: "since",
                form: Form::Since,
                about: "From this moment on, or from so long ago",
            },
            Parameter {
                name: "follow",
                form: Form::Flag,
                about: "Whether the answer goes on, as a stream, with what comes",
            },
        ],
        says: Says::Stream("LogPage", "LogLine"),
        statuses: CHILD,
        answer: answer!(logs::logs),
    },
    Route {
        is_get: true,
        path: "/v1/wait/{path}",
        role: Some(Role::Viewer),
        about: "Waits until a child stands as wished",
        parameters: &[
            Parameter {
                name: "for",
                form: Form::Word(read::WAITS),
                about: "What for; otherwise `ready`. `ended` is every state without a live run",
            },
            Parameter {
                name: "after",
                form: Form::Count(0, LARGEST),
                about: "Only a run later than this one counts",
            },
            Parameter { name: "timeout", form: Form::Span, about: "For how long; otherwise 30 s" },
        ],
        says: Says::One("Child"),
        statuses: &[404, 408],
        answer: answer!(read::wait),
    },
    Route {
        is_get: true,
        path: "/v1/console/{path}",
        role: Some(Role::Viewer),
        about: "The terminal of a child: what it prints, and with the role operator what is typed",
        parameters: &[Parameter {
            name: "read_only",
            form: Form::Flag,
            about: "Whether to look alone, which viewers may",
        }],
        says: Says::Socket("ConsoleSays", "ConsoleAsks"),
        statuses: &[404, 409, 426, 503],
        answer: answer!(console::console),
    },
    Route {
        is_get: true,
        path: "/v1/consoles",
        role: Some(Role::Operator),
        about: "What was done at the terminals of children, the latest first",
        parameters: &[
            Parameter {
                name: "path",
                form: Form::Path,
                about: "Of this child and all below it alone",
            },
            Parameter {
                name: "limit",
                form: Form::Count(1, 1_000),
                about: "At most so many; otherwise 50",
            },
            Parameter {
                name: "before",
                form: Form::Moment,
                about: "Only what was done before this moment: that of the last one of a page",
            },
        ],
        says: Says::Many("ConsoleNote"),
        statuses: &[404, 501],
        answer: answer!(console::notes),
    },
    Route {
        is_get: false,
        path: "/v1/commands",
        role: Some(Role::Operator),
        about: "Changes something: one command, who asks and why",
        parameters: &[],
        says: Says::One("Reply"),
        statuses: &[404, 408, 409, 412, 413, 415, 422, 501, 503],
        answer: answer!(command::command),
    },
    Route {
        is_get: true,
        path: "/v1/choices/{path}",
        role: Some(Role::Viewer),
        about: "Which commands to a child are possible now, and why the others are not",
        parameters: &[],
        says: Says::Many("Choice"),
        statuses: CHILD,
        answer: answer!(choices::choices),
    },
    Route {
        is_get: false,
        path: "/v1/simulate",
        role: Some(Role::Viewer),
        about: "What policies would do, in virtual time; it touches nothing",
        parameters: &[],
        says: Says::To("Simulation", "Simulated"),
        statuses: &[404, 408, 409, 413, 415, 422],
        answer: answer!(simulate::simulate),
    },
    Route {
        is_get: true,
        path: "/v1/me",
        role: None,
        about: "Who asks, and what they may do",
        parameters: &[],
        says: Says::One("Me"),
        statuses: &[],
        answer: answer!(sign_in::me),
    },
    Route {
        is_get: false,
        path: "/v1/sign-in",
        role: None,
        about: "Signs a browser in: it gets a cookie for its token",
        parameters: &[],
        says: Says::To("SignIn", "Me"),
        statuses: &[408, 413, 415, 501],
        answer: answer!(sign_in::sign_in),
    },
    Route {
        is_get: false,
        path: "/v1/sign-out",
        role: None,
        about: "Signs a browser out",
        parameters: &[],
        says: Says::To("Nothing", "Nothing"),
        statuses: &[408, 413, 415, 501],
        answer: answer!(sign_in::sign_out),
    },
    Route {
        is_get: true,
        path: "/v1/openapi.json",
        role: Some(Role::Viewer),
        about: "This description",
        parameters: &[],
        says: Says::Document,
        statuses: &[],
        answer: answer!(openapi::answer),
    },
    Route {
        is_get: true,
        path: "/metrics",
        role: Some(Role::Viewer),
        about: "Numbers: OpenMetrics where that is accepted, else the text of Prometheus",
        parameters: &[],
        says: Says::Numbers,
        statuses: &[],
        answer: answer!(metrics::metrics),
    },
    Route {
        is_get: true,
        path: "/livez",
        role: None,
        about: "Whether the program lives",
        parameters: HEALTH,
        says: Says::One("Checks"),
        statuses: &[503],
        answer: answer!(health::live),
    },
    Route {
        is_get: true,
        path: "/readyz",
        role: None,
        about: "Whether work may be sent its way",
        parameters: HEALTH,
        says: Says::One("Checks"),
        statuses: &[503],
        answer: answer!(health::ready),
    },
    Route {
        is_get: true,
        path: "/startupz",
        role: None,
        about: "Whether it has come up once",
        parameters: HEALTH,
        says: Says::One("Checks"),
        statuses: &[503],
        answer: answer!(health::started),
    },
];
