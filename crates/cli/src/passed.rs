//! Sockets that systemd, or somebody like it, has opened for this program (`LISTEN_FDS`): looked at while somebody
//! looks on. The keeper takes them.

use crate::fault::Fault;
use mainstay_daemon::brain::{API, OBSERVE};
use mainstay_keeper::{PassedKind, PassedSocket, passed_sockets};
use std::path::PathBuf;

/// Returns the path of the API's socket, where it was passed to this program.
pub(crate) fn api(detaches: bool) -> Result<Option<PathBuf>, Fault> {
    let passed = passed_sockets();
    if detaches && !passed.is_empty() {
        return Err(fault(
            "sockets were passed to this program, and the daemon would be another process".into(),
            "leave `--detach` out",
        ));
    }
    find(&passed)
}

fn find(passed: &[PassedSocket]) -> Result<Option<PathBuf>, Fault> {
    let mut api = None;
    for (index, PassedSocket { name, kind }) in passed.iter().enumerate() {
        if passed[..index].iter().any(|before| before.name == *name) {
            let what = format!("two of the sockets that were passed to this program are `{name}`");
            return Err(fault(what, "name one socket alone so in LISTEN_FDNAMES"));
        }
        match (name.as_str(), kind) {
            (API, PassedKind::Unix(Some(path))) => api = Some(path.clone()),
            (OBSERVE, PassedKind::Tcp) => {}
            (API, PassedKind::Unix(None) | PassedKind::Tcp | PassedKind::Other) => {
                let what = "the socket `api` that was passed to this program is no Unix stream \
                            socket that listens at a path";
                return Err(fault(what.into(), "say `ListenStream=/run/...` of it"));
            }
            (OBSERVE, PassedKind::Unix(_) | PassedKind::Other) => {
                let what = "the socket `observe` that was passed to this program is no TCP socket \
                            that listens";
                return Err(fault(what.into(), "say `ListenStream=127.0.0.1:PORT` of it"));
            }
            (other, _) => {
                let what = format!(
                    "a socket named `{other}` was passed to this program, which knows `{API}` and \
                     `{OBSERVE}` alone"
                );
                let hint =
                    "say `FileDescriptorName=api` in the .socket unit, or leave the socket out";
                return Err(fault(what, hint));
            }
        }
    }
    Ok(api)
}

fn fault(text: String, hint: &str) -> Fault {
    Fault::Failed { text, hint: Some(hint.into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is passed by which names; the API's path, or the beginning of the complaint.
    type Row<'a> = (&'a [(&'a str, PassedKind)], Result<Option<&'a str>, &'a str>);

    #[test]
    fn only_sockets_that_are_known_are_taken() {
        let unix = || PassedKind::Unix(Some("/run/api".into()));
        let table: [Row<'_>; 9] = [
            (&[], Ok(None)),
            (&[("api", unix())], Ok(Some("/run/api"))),
            (&[("observe", PassedKind::Tcp)], Ok(None)),
            (&[("observe", PassedKind::Tcp), ("api", unix())], Ok(Some("/run/api"))),
            (&[("api", PassedKind::Unix(None))], Err("the socket `api`")),
            (&[("api", PassedKind::Tcp)], Err("the socket `api`")),
            (&[("observe", unix())], Err("the socket `observe`")),
            (&[("api", unix()), ("api", unix())], Err("two of the sockets")),
            (&[("mainstay.socket", unix())], Err("a socket named `mainstay.socket`")),
        ];
        for (passed, expected) in table {
            let passed: Vec<_> = passed
                .iter()
                .map(|(name, kind)| PassedSocket { name: (*name).into(), kind: kind.clone() })
                .collect();
            match (find(&passed), expected) {
                (Ok(found), Ok(path)) => assert_eq!(found, path.map(PathBuf::from)),
                (Err(fault), Err(text)) => assert!(fault.to_string().contains(text), "{fault}"),
                (found, expected) => panic!("{passed:?}: {found:?} is not {expected:?}"),
            }
        }
    }
}
