//! Where supervisord's language is spoken.

use super::Findings;
use crate::api::{Role, Roles};
use crate::spec::scalar;
use crate::spec::secret;
use crate::spec::syntax::Node;
use crate::supervisord::names::{self, Name};
use crate::supervisord::{Listen, Settings};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;

/// The rights of its sockets where nothing is said, as those of the API.
const RIGHTS: u32 = 0o600;

/// Returns where it is spoken, if anywhere. Relative paths of sockets begin at `folder`.
pub(in super::super) fn supervisord(
    top: &Node,
    folder: &Path,
    environment: &dyn Fn(&str) -> Option<String>,
    found: &mut Findings<'_>,
) -> Option<Settings> {
    let at = top.get("supervisord")?;
    let is_open = at.word("beyond_loopback") == Some("true");
    let mut listen = Vec::new();
    for one in at.get("listen").map_or(&[][..], Node::each) {
        let Some(text) = one.text() else { continue };
        match place(text, folder) {
            Some(place) if listen.contains(&place) => {
                found.wrong(one, format!("`{text}` stands twice"), "leave one out");
            }
            Some(Listen::Tcp(address))
                if !address.ip().to_canonical().is_loopback() && !is_open =>
            {
                let text =
                    format!("{address} can be reached from other machines, and there is no TLS");
                let help = "say an address of this machine, as `127.0.0.1:9001`, or `beyond_loopback: true` \
                            where that is meant";
                found.wrong(one, text, help);
            }
            Some(place) => listen.push(place),
            None => {
                let help = "say `unix:PATH` or `127.0.0.1:9001`";
                found.wrong(one, format!("`{text}` is no place to listen at"), help);
            }
        }
    }
    let password = at.get("password").map(|reference| {
        secret::read(reference, environment).unwrap_or_else(|why| {
            found.hidden(reference, format!("the password cannot be read: {why}"));
            String::new()
        })
    });
    let login = match (at.word("user"), password) {
        (Some(user), Some(password)) => Some((user.to_owned(), password)),
        (None, None) => None,
        (Some(_), None) | (None, Some(_)) => {
            found.wrong(at, "`user` and `password` mean nothing without each other", "say both");
            None
        }
    };
    let has_port = listen.iter().any(|place| matches!(place, Listen::Tcp(_)));
    match (&login, has_port) {
        (None, true) => {
            let text =
                "nobody could use this port: who comes by TCP must say a user and a password";
            found.wrong(
                at,
                text,
                "say `user` and `password: {file: ..}`, or listen at `unix:PATH`",
            );
        }
        (Some((_, password)), true) if password.is_empty() => {
            let at = at.get("password").unwrap_or(at);
            found.wrong(at, "the password is empty", "");
        }
        (Some(_), false) if !listen.is_empty() => {
            let text =
                "nobody is asked for this password: on a Unix socket the kernel says who asks";
            let at = at.get("password").unwrap_or(at);
            found.wrong(at, text, "leave out `user` and `password`, or listen at a port too");
        }
        (Some(_), true | false) | (None, false) => {}
    }
    let api = top.get("api");
    let names = |key: &str| {
        let names = api.map_or_else(Vec::new, |api| api.texts(key));
        names.into_iter().map(str::to_owned).collect()
    };
    Some(Settings {
        listen,
        mode: at.word("mode").and_then(scalar::rights).unwrap_or(RIGHTS),
        login,
        role: match at.word("role") {
            Some("viewer") => Role::Viewer,
            Some("operator") => Role::Operator,
            Some(_) | None => Role::Admin,
        },
        roles: Roles {
            admins: names("admins"),
            operators: names("operators"),
            viewers: names("viewers"),
        },
    })
}

/// Returns what supervisord would tell a process: where its interface is, and who the process is there. `tops` are the
/// supervisors at the top.
pub(in super::super) fn says(
    listen: Option<&[Listen]>,
    path: &str,
    tops: &BTreeSet<String>,
) -> Vec<(&'static str, String)> {
    let Some(listen) = listen else { return Vec::new() };
    let Name { group, name } = names::name(path, |path| tops.contains(path));
    let mut all = vec![
        ("SUPERVISOR_ENABLED", "1".to_owned()),
        ("SUPERVISOR_PROCESS_NAME", name.to_owned()),
        ("SUPERVISOR_GROUP_NAME", group.to_owned()),
    ];
    // A port that is chosen later is not known here.
    let is_fixed = |listen: &&Listen| !matches!(listen, Listen::Tcp(at) if at.port() == 0);
    all.extend(listen.iter().find(is_fixed).map(|at| ("SUPERVISOR_SERVER_URL", at.url())));
    all
}

/// Reads `unix:PATH`, `unix:///PATH`, a path or `ADDRESS:PORT`.
fn place(text: &str, folder: &Path) -> Option<Listen> {
    let path = text.strip_prefix("unix://").or_else(|| text.strip_prefix("unix:"));
    match path.or_else(|| text.starts_with(['/', '.']).then_some(text)) {
        Some("") => None,
        Some(path) => Some(Listen::Unix(folder.join(path))),
        None => text.parse::<SocketAddr>().ok().map(Listen::Tcp),
    }
}
