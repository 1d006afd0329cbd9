//! The environment of a process: clean, but for what its settings and the keeper name.

use super::user::User;
use super::{Given, text};
use mainstay_wire::Text;
use mainstay_wire::keeper::{StartError, Step};
use mainstay_wire::process::Process;
use std::collections::BTreeMap;
use std::ffi::{CStr, CString};

/// Where programs are looked for when the environment of the child does not say.
const PATH: &[u8] = b"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// All variables of a process.
pub(super) struct Environment {
    variables: BTreeMap<Text, Text>,
    pub(super) own_number: Vec<&'static CStr>,
}

impl Environment {
    /// What is set wins over the user's entry, which wins over what is inherited; what the keeper gives wins
    /// over all.
    pub(super) fn make(process: &Process, who: Option<&User>, given: &Given<'_>) -> Self {
        let mut variables = BTreeMap::new();
        let inherit = &process.environment.inherit;
        if !inherit.is_empty() {
            for (name, value) in std::env::vars_os() {
                let name = Text::from(name);
                if inherit.iter().any(|pattern| covers(pattern.as_bytes(), name.as_bytes())) {
                    variables.insert(name, Text::from(value));
                }
            }
        }
        if let Some(entry) = who.and_then(|who| who.entry.as_ref()) {
            let entry = [
                ("USER", &entry.login),
                ("LOGNAME", &entry.login),
                ("HOME", &entry.home),
                ("SHELL", &entry.shell),
            ];
            variables.extend(entry.map(|(name, value)| (name.into(), value.as_str().into())));
        }
        variables.extend(process.environment.set.iter().cloned());
        for name in OURS {
            variables.remove(&Text::from(name));
        }
        variables.extend(given.variables.iter().cloned());
        Self { variables, own_number: given.own_number.clone() }
    }

    pub(super) fn search_path(&self) -> &[u8] {
        self.variables.get(&Text::from("PATH")).map_or(PATH, Text::as_bytes)
    }

    pub(super) fn into_texts(self) -> Result<Vec<CString>, StartError> {
        let join = |(name, value): (Text, Text)| {
            let joined = [name.as_bytes(), b"=", value.as_bytes()].concat();
            text(Step::Settings, &joined.into())
        };
        self.variables.into_iter().map(join).collect()
    }
}

/// Variables by which a supervisor speaks to its child: those of our own supervisor are not meant for it.
const OURS: [&str; 13] = [
    "NOTIFY_SOCKET",
    "NOTIFY_FD",
    "LISTEN_FDS",
    "LISTEN_FDNAMES",
    "LISTEN_PID",
    "WATCHDOG_USEC",
    "WATCHDOG_PID",
    "FDSTORE",
    "MAINSTAY_RUN",
    "MAINSTAY_KEEPER",
    "MAINSTAY_KEEPER_STATE",
    "MAINSTAY_SOCKETS",
    "LISTEN_PIDFDID",
];

fn covers(pattern: &[u8], name: &[u8]) -> bool {
    match pattern.strip_suffix(b"*") {
        Some(start) => name.starts_with(start),
        None => name == pattern,
    }
}
