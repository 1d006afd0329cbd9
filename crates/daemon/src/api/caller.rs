//! Who asks, and what they may do.

use super::trouble::Trouble;
use axum::http::StatusCode;
use std::fs;

/// What a caller may do. Each role may also do what those before it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Looks.
    Viewer,
    /// Starts, stops and restarts, pauses, quarantines, silences.
    Operator,
    /// Changes the tree, passes limits, ends it, replaces the program.
    Admin,
}

impl Role {
    /// Returns its name.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }
}

/// Who is connected. Every request that reaches the router carries one as an extension: those who serve it put it
/// there, and a request without one is refused.
///
/// Whoever mounts the router elsewhere adds it, after they have found out who asks:
///
/// ```
/// use axum::Extension;
/// use mainstay_daemon::api::{Caller, Role, Service, router};
///
/// fn mounted(service: Service) -> axum::Router {
///     router(service).layer(Extension(Caller::new("panel", Some(Role::Viewer))))
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    name: String,
    role: Option<Role>,
}

impl Caller {
    /// Names a caller, as it is to stand in the audit trail. Without a role every request is refused.
    pub fn new(name: impl Into<String>, role: Option<Role>) -> Self {
        Self { name: name.into(), role }
    }

    /// Returns its name: `alice (uid 1000)`, `token ci`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns what it may do.
    pub const fn role(&self) -> Option<Role> {
        self.role
    }

    /// Takes a caller at its word that it wants to be no more than this.
    ///
    /// # Errors
    ///
    /// It is no role.
    pub(crate) fn at_most(self, word: &str) -> Result<Self, Trouble> {
        let roles = [Role::Viewer, Role::Operator, Role::Admin];
        let Some(most) = roles.into_iter().find(|role| role.word() == word) else {
            let text = format!("`{word}` is no role");
            let hint = "`Mainstay-Role` is `viewer`, `operator` or `admin`";
            return Err(Trouble::bad("bad-role", text).hint(hint));
        };
        Ok(Self { role: self.role.map(|role| role.min(most)), ..self })
    }

    /// Refuses whoever has a lesser role than is needed.
    pub(crate) fn require(&self, needed: Role) -> Result<(), Trouble> {
        match self.role {
            Some(role) if role >= needed => Ok(()),
            held => {
                let has = held.map_or("no role", Role::word);
                let text =
                    format!("{} has {has} here; this takes the role {}", self.name, needed.word());
                let hint = "whoever runs the program, and root, may do everything on its Unix socket; \
                            others stand in `admins`, `operators` or `viewers` under `api`";
                Err(Trouble::new(StatusCode::FORBIDDEN, "forbidden", text).hint(hint))
            }
        }
    }
}

/// Who has which role on the Unix socket: names of users, numbers of users, or `@group`.
///
/// The user that the program runs as and root are admins. Nobody else has a role unless it is listed; whoever is
/// listed more than once has the highest. The mode of the socket must let them connect as well.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Roles {
    /// Who may do everything.
    pub admins: Vec<String>,
    /// Who may operate.
    pub operators: Vec<String>,
    /// Who may look.
    pub viewers: Vec<String>,
}

impl Roles {
    /// Returns who is connected, from what the kernel says. Users and groups are looked up in the system's files.
    pub(crate) fn caller(&self, uid: u32, gid: u32) -> Caller {
        let user = field(&read("/etc/passwd"), 2, uid, 0);
        let name = match &user {
            Some(user) => format!("{user} (uid {uid})"),
            None => format!("uid {uid}"),
        };
        let is_own = uid == 0 || uid == rustix::process::geteuid().as_raw();
        let role = if is_own { Some(Role::Admin) } else { self.find(user.as_deref(), uid, gid) };
        Caller { name, role }
    }

    fn find(&self, user: Option<&str>, uid: u32, gid: u32) -> Option<Role> {
        let lists = [
            (Role::Admin, &self.admins),
            (Role::Operator, &self.operators),
            (Role::Viewer, &self.viewers),
        ];
        if lists.iter().all(|(_, list)| list.is_empty()) {
            return None;
        }
        let groups = read("/etc/group");
        lists.into_iter().find_map(|(role, list)| {
            let is_in = list.iter().any(|entry| match entry.strip_prefix('@') {
                Some(group) => is_member(&groups, group, user, gid),
                None => Some(entry.as_str()) == user || entry.parse() == Ok(uid),
            });
            is_in.then_some(role)
        })
    }
}

/// Returns a file of the system; where it cannot be read nobody is in it.
fn read(path: &str) -> String {
    fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
}

/// Returns a field of the line whose field at `at` is this number.
fn field(file: &str, at: usize, number: u32, wanted: usize) -> Option<String> {
    let lines = file.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let mut found =
        lines.filter(|fields| fields.get(at).and_then(|id| id.parse().ok()) == Some(number));
    found.next()?.get(wanted).map(|text| (*text).to_owned())
}

fn is_member(groups: &str, group: &str, user: Option<&str>, gid: u32) -> bool {
    groups.lines().map(|line| line.split(':').collect::<Vec<_>>()).any(|fields| {
        let [name, _, number, members] = fields[..] else { return false };
        let is_it = name == group || number == group;
        is_it
            && (number.parse() == Ok(gid)
                || user.is_some_and(|user| members.split(',').any(|member| member == user)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_role_counts() {
        let roles = Roles {
            admins: vec!["4000000001".into()],
            operators: vec!["alice".into()],
            viewers: vec!["alice".into(), "4000000002".into()],
        };
        let table = [
            (Some("alice"), 4_000_000_009, Some(Role::Operator)),
            (None, 4_000_000_001, Some(Role::Admin)),
            (Some("bob"), 4_000_000_002, Some(Role::Viewer)),
            (Some("bob"), 4_000_000_003, None),
            (None, 4_000_000_003, None),
        ];
        for (user, uid, expected) in table {
            assert_eq!(roles.find(user, uid, 4_000_000_000), expected, "{user:?} {uid}");
        }
        assert_eq!(Roles::default().find(Some("alice"), 4_000_000_009, 0), None);
    }

    #[test]
    fn groups_are_looked_up() {
        let groups = "root:x:0:\nstaff:x:50:alice,bob\nops:x:60:\n";
        assert!(is_member(groups, "staff", Some("bob"), 100));
        assert!(!is_member(groups, "staff", Some("bo"), 100));
        assert!(is_member(groups, "ops", None, 60));
        assert!(is_member(groups, "60", None, 60));
        assert!(!is_member(groups, "ops", Some("alice"), 50));
        assert!(!is_member(groups, "wheel", Some("alice"), 50));
    }

    #[test]
    fn whoever_runs_the_program_is_admin() {
        let uid = rustix::process::geteuid().as_raw();
        let caller = Roles::default().caller(uid, 0);
        assert_eq!(caller.role(), Some(Role::Admin));
        assert!(caller.name().contains(&format!("uid {uid}")), "{}", caller.name());
        let stranger = Roles::default().caller(4_000_000_003, 4_000_000_003);
        assert_eq!(stranger, Caller::new("uid 4000000003", None));
        let trouble = stranger.require(Role::Viewer).expect_err("it has no role");
        assert_eq!(trouble.problem.code, "forbidden");
    }
}
