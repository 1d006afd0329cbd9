//! What the units say. A function of the facts alone.

use std::path::PathBuf;
use std::time::Duration;

/// The first systemd that reloads by signal and waits for the answer.
const RELOADS: u32 = 253;
/// What the end of a tree takes beside its drain: what force takes, and the journal.
const MARGIN: Duration = Duration::from_secs(30);

/// What units follow from.
#[derive(Clone, Debug)]
pub(super) struct Facts {
    /// The name of the tree.
    pub(super) name: String,
    /// Whether that is another one than its spec file has.
    pub(super) is_named: bool,
    pub(super) file: PathBuf,
    pub(super) program: PathBuf,
    /// How long a drain of it may take.
    pub(super) drain: Duration,
    /// Whether it is for a user's own systemd.
    pub(super) is_user: bool,
    /// Whether systemd opens the API's socket.
    pub(super) has_socket: bool,
    /// Where that is, if the spec file says it.
    pub(super) listens_at: Option<PathBuf>,
    /// The mode of its file, if the spec file says it.
    pub(super) mode: Option<u32>,
    /// For which version.
    pub(super) systemd: u32,
}

impl Facts {
    fn stem(&self) -> String {
        let fits = |c: char| c.is_ascii_alphanumeric() || "_.:-".contains(c);
        let plain: String = self.name.chars().map(|c| if fits(c) { c } else { '-' }).collect();
        if plain == "mainstay" { plain } else { format!("mainstay-{plain}") }
    }

    pub(super) fn service_name(&self) -> String {
        format!("{}.service", self.stem())
    }

    pub(super) fn socket_name(&self) -> String {
        format!("{}.socket", self.stem())
    }

    /// Returns the service.
    pub(super) fn service(&self) -> String {
        let mut lines = vec![format!(
            "# One tree of Mainstay, kept running from {} on. Its declaration is {}.",
            if self.is_user { "the first login" } else { "boot" },
            self.file.display()
        )];
        let mut add = |text: &str| lines.extend(text.lines().map(str::to_owned));
        add("[Unit]");
        add(&format!(
            "Description=Mainstay, which keeps processes running and says why{}",
            if self.stem() == "mainstay" {
                String::new()
            } else {
                format!(" ({})", escaped(&self.name))
            }
        ));
        if !self.is_user {
            add("Wants=network-online.target\nAfter=network-online.target");
        }
        add(&format!("ConditionPathExists={}", escaped(&self.file.to_string_lossy())));
        add("\n[Service]");
        if self.systemd >= RELOADS {
            add(
                "# `systemctl reload` sends SIGHUP: the spec file is read again. The brain says when that is done. systemd before 253",
            );
            add(
                "# does not know that, stays with the first line, and says so; `mainstay unit --systemd 252` writes a unit for it.",
            );
            add("Type=notify\nType=notify-reload");
        } else {
            add(
                "# `systemctl reload` sends SIGHUP: the spec file is read again. From systemd 253 on it can wait until that is done.",
            );
            add("Type=notify\nExecReload=/bin/kill -HUP $MAINPID");
        }
        add("# The brain speaks, and it is a child of the keeper, which is the main process.");
        add("NotifyAccess=all");
        add(&format!("ExecStart={}", self.command()));
        add(
            "\n# The brain gives a sign of life through the loop that decides, and the keeper passes it on. The keeper starts a brain\n\
             # that hangs again by itself; where that does not help, or it hangs too, all of it is started again.",
        );
        add("WatchdogSec=30\nRestart=on-failure\nRestartSec=1");
        add(
            "\n# SIGTERM goes to the keeper alone: it hands it to the brain, which stops children in their order and by their own\n\
             # steps. With `control-group` every child would get it at once. What is left after TimeoutStopSec is killed.",
        );
        add("KillMode=mixed");
        let drain = self.drain.as_secs();
        add(&format!("# Longer than `drain_timeout` in the spec file, which is {drain} s."));
        add(&format!("TimeoutStopSec={}", (self.drain + MARGIN).as_secs()));
        add("\n# The control groups of children are its own to make.\nDelegate=yes");
        add(
            "# A child that the kernel kills for its memory is the business of its policy, not the end of all others.",
        );
        add("OOMPolicy=continue\nTasksMax=infinity");
        if !self.is_user {
            add("LimitNOFILE=65536");
            add(
                "\n# Journal, runs and logs: /var/lib/mainstay/NAME. The socket: /run/mainstay/NAME. What a service is kept from, its\n\
                 # children are kept from too: ProtectSystem= and the like are for whoever knows them all.",
            );
            add("StateDirectory=mainstay\nStateDirectoryMode=0700");
            add("RuntimeDirectory=mainstay\nRuntimeDirectoryMode=0700");
            if self.has_socket {
                add("# The socket stays when the service ends.\nRuntimeDirectoryPreserve=yes");
            }
        }
        let target = if self.is_user { "default.target" } else { "multi-user.target" };
        add("\n[Install]");
        if self.has_socket {
            add(&format!("Also={}", self.socket_name()));
        }
        add(&format!("WantedBy={target}"));
        lines.join("\n") + "\n"
    }

    /// Returns the socket of its API.
    pub(super) fn socket(&self) -> String {
        let place = match &self.listens_at {
            Some(path) => escaped(&path.to_string_lossy()),
            None => format!("%t/mainstay/{}/api.sock", escaped(&self.name)),
        };
        format!(
            "# The socket on which a tree of Mainstay answers, open from {} on: who connects has the tree brought up.\n\
             [Unit]\n\
             Description=The API of Mainstay ({})\n\
             \n\
             [Socket]\n\
             ListenStream={place}\n\
             # By this name it is known among the sockets that are passed on.\n\
             FileDescriptorName=api\n\
             SocketMode={:04o}\n\
             DirectoryMode=0700\n\
             \n\
             [Install]\n\
             WantedBy=sockets.target\n",
            if self.is_user { "the first login" } else { "boot" },
            escaped(&self.name),
            self.mode.unwrap_or(0o600),
        )
    }

    fn command(&self) -> String {
        let mut words = vec![quoted(&self.program.to_string_lossy())];
        if self.is_named {
            words.extend(["--name".into(), quoted(&self.name)]);
        }
        words.extend(["up".into(), "--no-output".into(), quoted(&self.file.to_string_lossy())]);
        words.join(" ")
    }
}

/// Returns a text in which nothing is special to systemd.
fn escaped(text: &str) -> String {
    text.replace('%', "%%")
}

/// Returns a text as one word of a command.
fn quoted(text: &str) -> String {
    let text = escaped(text).replace('$', "$$");
    let is_plain = |c: char| c.is_alphanumeric() || "/._-+=:@,%$".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        return text;
    }
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    /// Returns the facts of a tree that is declared in this file.
    fn of(file: &Path) -> Facts {
        Facts {
            name: "mainstay".into(),
            is_named: false,
            file: file.into(),
            program: "/usr/bin/mainstay".into(),
            drain: Duration::from_secs(60),
            is_user: false,
            has_socket: false,
            listens_at: None,
            mode: None,
            systemd: RELOADS,
        }
    }

    #[test]
    fn the_packaged_unit_is_the_one_that_is_written() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packaging/mainstay.service");
        let written = of(Path::new("/etc/mainstay/mainstay.yaml")).service();
        if std::env::var_os("BLESS").is_some() {
            std::fs::write(&path, &written).expect("written");
        }
        assert_eq!(std::fs::read_to_string(&path).expect("it is there"), written);
    }

    #[test]
    fn what_is_special_to_systemd_is_not_in_a_unit() {
        let facts = Facts {
            name: "a b".into(),
            is_named: true,
            ..of(Path::new("/srv/50% \"of\" $it/mainstay.yaml"))
        };
        assert_eq!(facts.service_name(), "mainstay-a-b.service");
        let text = facts.service();
        let expected = "ExecStart=/usr/bin/mainstay --name \"a b\" up --no-output \
                        \"/srv/50%% \\\"of\\\" $$it/mainstay.yaml\"";
        assert!(text.contains(expected), "{text}");
        assert!(text.contains("ConditionPathExists=/srv/50%% \"of\" $it/mainstay.yaml"), "{text}");
    }

    #[test]
    fn it_says_what_the_spec_file_says() {
        let long = Facts { drain: Duration::from_secs(600), ..of(Path::new("/a.yaml")) };
        assert!(long.service().contains("TimeoutStopSec=630\n"));
        let old = Facts { systemd: 252, ..of(Path::new("/a.yaml")) }.service();
        assert!(old.contains("Type=notify\nExecReload=/bin/kill -HUP $MAINPID\n"), "{old}");
        let socket = Facts {
            has_socket: true,
            listens_at: Some("/run/own.sock".into()),
            mode: Some(0o660),
            ..of(Path::new("/a.yaml"))
        };
        assert!(socket.socket().contains("ListenStream=/run/own.sock\n"));
        assert!(socket.socket().contains("SocketMode=0660\n"));
        assert!(socket.service().contains("RuntimeDirectoryPreserve=yes\n"));
        let user = Facts { is_user: true, has_socket: true, ..of(Path::new("/a.yaml")) };
        assert!(user.service().contains("WantedBy=default.target\n"));
        assert!(!user.service().contains("StateDirectory"));
        assert!(user.socket().contains("ListenStream=%t/mainstay/mainstay/api.sock\n"));
    }
}
