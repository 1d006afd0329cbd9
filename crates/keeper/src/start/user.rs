//! Whom a process runs as. The files of the system are read at each start; directories elsewhere (LDAP) are
//! not asked, because their answer may take for ever: their users are named by number.

use super::failed;
use mainstay_wire::Text;
use mainstay_wire::keeper::{StartError, Step};
use mainstay_wire::process::Process;
use rustix::io::Errno;
use std::collections::BTreeSet;
use std::fs;

/// Whom a process runs as; what is absent stays as it is.
#[derive(Debug, Default, PartialEq)]
pub(super) struct User {
    /// As it was asked for.
    pub(super) name: String,
    pub(super) uid: Option<u32>,
    pub(super) gid: Option<u32>,
    pub(super) groups: Option<Vec<u32>>,
    /// What the system's file says: login name, home and shell.
    pub(super) entry: Option<Entry>,
}

#[derive(Debug, PartialEq)]
pub(super) struct Entry {
    pub(super) login: String,
    pub(super) home: String,
    pub(super) shell: String,
}

impl User {
    /// Looks up the user and the groups a process asks for.
    pub(super) fn find(process: &Process) -> Result<Option<Self>, StartError> {
        if process.user.is_none() && process.group.is_none() && process.groups.is_none() {
            return Ok(None);
        }
        let groups = read("/etc/group", Step::FindGroup)?;
        let mut user = match &process.user {
            None => Self::default(),
            Some(name) => {
                let users = read("/etc/passwd", Step::FindUser)?;
                let mut user = by_name(&users, name)
                    .ok_or_else(|| failed(Step::FindUser, name.to_string(), Errno::NOENT))?;
                // Never run with the groups of somebody else.
                user.groups = Some(memberships(&groups, &user));
                user
            }
        };
        if let Some(group) = &process.group {
            user.gid = Some(gid(&groups, group)?);
        }
        if let Some(wanted) = &process.groups {
            let wanted = wanted.iter().map(|group| gid(&groups, group));
            user.groups = Some(wanted.collect::<Result<_, _>>()?);
        }
        // Only root may set groups, and whoever is in them already need not.
        let is_root = rustix::process::geteuid().is_root();
        if !is_root && user.groups.as_ref().is_some_and(|groups| user.is_in_just(groups)) {
            user.groups = None;
        }
        Ok(Some(user))
    }

    /// Returns whether these are the groups of this process, whose own group it keeps or is to get as well.
    fn is_in_just(&self, groups: &[u32]) -> bool {
        let Ok(held) = rustix::process::getgroups() else { return false };
        let own = rustix::process::getegid().as_raw();
        if self.gid.is_some_and(|gid| gid != own) {
            return false;
        }
        let set = |groups: &mut dyn Iterator<Item = u32>| -> BTreeSet<u32> {
            groups.chain([own]).collect()
        };
        set(&mut held.iter().map(|group| group.as_raw())) == set(&mut groups.iter().copied())
    }
}

fn read(path: &str, step: Step) -> Result<String, StartError> {
    fs::read(path).map(|text| String::from_utf8_lossy(&text).into_owned()).map_err(|error| {
        let error = Errno::from_io_error(&error).unwrap_or(Errno::IO);
        failed(step, format!("in {path}"), error)
    })
}

fn by_name(users: &str, name: &Text) -> Option<User> {
    let name = name.to_str_lossy();
    let number: Option<u32> = name.parse().ok();
    let lines = || users.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let is_named = |fields: &Vec<&str>| fields.len() >= 7 && *fields[0] == *name;
    let is_numbered = |fields: &Vec<&str>| {
        fields.len() >= 7 && number.is_some() && fields[2].parse().ok() == number
    };
    let Some(fields) = lines().find(is_named).or_else(|| lines().find(is_numbered)) else {
        // A number needs no entry: containers use such users. Its group is then the same number.
        let number = number?;
        return Some(User {
            name: name.into_owned(),
            uid: Some(number),
            gid: Some(number),
            ..User::default()
        });
    };
    let entry = Entry { login: fields[0].into(), home: fields[5].into(), shell: fields[6].into() };
    Some(User {
        name: name.into_owned(),
        uid: Some(fields[2].parse().ok()?),
        gid: Some(fields[3].parse().ok()?),
        groups: None,
        entry: Some(entry),
    })
}

/// Returns the groups a user is in, its own among them.
fn memberships(groups: &str, user: &User) -> Vec<u32> {
    let mut found: Vec<u32> = user.gid.into_iter().collect();
    let Some(entry) = &user.entry else { return found };
    for line in groups.lines() {
        let fields: Vec<&str> = line.split(':').collect();
        let [_, _, gid, members] = fields[..] else { continue };
        let is_in = members.split(',').any(|member| member == entry.login);
        if let (true, Ok(gid)) = (is_in, gid.parse())
            && !found.contains(&gid)
        {
            found.push(gid);
        }
    }
    found
}

fn gid(groups: &str, name: &Text) -> Result<u32, StartError> {
    let name = name.to_str_lossy();
    let mut named = groups.lines().filter_map(|line| {
        let mut fields = line.split(':');
        let is_it = fields.next() == Some(&*name);
        is_it.then(|| fields.nth(1)?.parse().ok()).flatten()
    });
    named
        .next()
        .or_else(|| name.parse().ok())
        .ok_or_else(|| failed(Step::FindGroup, name.into_owned(), Errno::NOENT))
}

#[cfg(test)]
mod tests {
    use super::*;

    const USERS: &str = "root:x:0:0:root:/root:/bin/bash\nwww:x:33:34:www:/srv:/bin/sh\nbroken:x\n";
    const GROUPS: &str = "root:x:0:\nwww:x:34:\nlogs:x:40:someone,www\ndocker:x:41:someone\n";

    #[test]
    fn a_user_brings_its_groups() {
        let user = by_name(USERS, &"www".into()).expect("it is in the file");
        assert_eq!((user.uid, user.gid), (Some(33), Some(34)));
        assert_eq!(memberships(GROUPS, &user), [34, 40]);
        assert_eq!(by_name(USERS, &"33".into()).and_then(|user| user.entry), user.entry);
    }

    #[test]
    fn a_number_needs_no_entry_and_a_name_does() {
        let user = by_name(USERS, &"4711".into()).expect("a number");
        assert_eq!((user.uid, user.gid, &user.entry), (Some(4711), Some(4711), &None));
        assert_eq!(memberships(GROUPS, &user), [4711]);
        assert_eq!(by_name(USERS, &"nobody-here".into()), None);
        assert_eq!(by_name(USERS, &"broken".into()), None);
    }

    #[test]
    fn groups_are_found_by_name_and_by_number() {
        assert_eq!(gid(GROUPS, &"logs".into()), Ok(40));
        assert_eq!(gid(GROUPS, &"77".into()), Ok(77));
        let error = gid(GROUPS, &"nope".into()).expect_err("there is none");
        let text = "no such file or directory while looking up the group `nope`";
        assert_eq!(error.to_string(), text);
    }
}
