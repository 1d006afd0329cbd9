//! Groups and names: where a child of a tree stands among supervisord's groups of processes.
//!
//! | path | group | name | written |
//! | --- | --- | --- | --- |
//! | `web` | `web` | `web` | `web` |
//! | `app/web` | `app` | `web` | `app:web` |
//! | `app/db/writer` | `app/db` | `writer` | `app/db:writer` |
//! | `web@2` | `web` | `web@2` | `web:web@2` |
//!
//! Instances at the top are a group of their own, as `numprocs` makes one; below a supervisor they stay in its group.
//! The last name of a path is always the whole name, so no two children are written alike: beside a supervisor that is
//! called as its base, an instance at the top is a group by itself.

/// The group of a child and its name in there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Name<'a> {
    pub(crate) group: &'a str,
    pub(crate) name: &'a str,
}

/// Returns where a child stands that is no supervisor. `is_supervisor` knows which paths are one.
pub(crate) fn name(path: &str, is_supervisor: impl Fn(&str) -> bool) -> Name<'_> {
    match path.rsplit_once('/') {
        Some((group, name)) => Name { group, name },
        None => {
            let base = path.split_once('@').map(|(base, _)| base).filter(|base| !base.is_empty());
            let group = base.filter(|base| !is_supervisor(base)).unwrap_or(path);
            Name { group, name: path }
        }
    }
}

/// What somebody names: one process, or all of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted<'a> {
    One(Name<'a>),
    Group(&'a str),
}

/// Reads `web`, `app:web`, `app:*` and `app:`.
pub(crate) fn wanted(text: &str) -> Wanted<'_> {
    match text.split_once(':') {
        None => Wanted::One(Name { group: text, name: text }),
        Some((group, "" | "*")) => Wanted::Group(group),
        Some((group, name)) => Wanted::One(Name { group, name }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_child_has_one_place() {
        let table = [
            ("web", "web", "web"),
            ("app/web", "app", "web"),
            ("app/db/writer", "app/db", "writer"),
            ("web@2", "web", "web@2"),
            ("app/web@2", "app", "web@2"),
            // Else it would be written as the child of the supervisor.
            ("app@2", "app@2", "app@2"),
            ("@2", "@2", "@2"),
        ];
        for (path, group, of) in table {
            let is_supervisor = |path: &str| path == "app" || path == "app/db";
            assert_eq!(name(path, is_supervisor), Name { group, name: of }, "{path}");
        }
    }

    #[test]
    fn what_is_wanted_is_read_as_supervisord_reads_it() {
        let one = |group, name| Wanted::One(Name { group, name });
        let table = [
            ("web", one("web", "web")),
            ("app:web", one("app", "web")),
            ("app/db:writer", one("app/db", "writer")),
            ("app:*", Wanted::Group("app")),
            ("app:", Wanted::Group("app")),
            ("", one("", "")),
            ("a:b:c", one("a", "b:c")),
        ];
        for (text, expected) in table {
            assert_eq!(wanted(text), expected, "{text}");
        }
    }
}
