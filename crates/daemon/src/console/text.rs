//! What a console says itself: lines that begin with `@@@ ` and end with CR LF, as procServ writes them.
//!
//! Tools look for these texts, so each is procServ's own (2.8), letter by letter, where procServ has one. What it has no
//! text for begins the same way.

use super::key::Shown;
use jiff::Zoned;
use mainstay::Exit;
use mainstay_wire::spec::{Console, Keys, Mode};
use std::fmt::Write;
use std::path::Path;

/// The end of each line.
const END: &str = "\r\n";
/// What stands before an end and after a start.
const RULE: &str = "@@@ @@@ @@@ @@@ @@@\r\n";

/// What is the same for all texts of one console.
#[derive(Clone, Debug)]
pub(super) struct Around {
    /// The console.
    pub(super) console: Console,
    /// The process that people signal: the keeper.
    pub(super) pid: u32,
    /// The folder the program was started in.
    pub(super) folder: String,
    /// When the tree began.
    pub(super) began: Zoned,
}

/// How a child stands, as far as it is told to who joins.
#[derive(Clone, Debug)]
pub(super) struct Present {
    /// The mode.
    pub(super) mode: Mode,
    /// The live run: its process, where it is known, and since when it lives.
    pub(super) run: Option<(Option<u32>, Zoned)>,
    /// Why it is given up, where it is.
    pub(super) given_up: Option<String>,
}

/// Who else is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Crowd {
    /// Those who may type.
    pub(super) users: usize,
    /// Those who look.
    pub(super) loggers: usize,
}

/// What follows the end of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Future {
    /// Another run.
    Restart,
    /// None, in the mode OFF.
    Off,
    /// The end of the tree.
    End,
    /// None, and what is the reason.
    None(String),
}

impl Around {
    /// Returns what is said to who joins; a logger hears less.
    pub(super) fn hello(&self, present: &Present, others: Crowd, is_logger: bool) -> String {
        let mut text = String::new();
        let (console, keys) = (&self.console, &self.console.keys);
        if !is_logger {
            let version = env!("CARGO_PKG_VERSION");
            line(&mut text, format_args!("Welcome to procServ (Mainstay {version})"));
            let kill = keys.kill.map_or_else(
                || "Kill command disabled".to_owned(),
                |key| format!("Use {} to kill the child", Shown(key)),
            );
            let toggle = keys.toggle.map_or_else(
                || "auto restart toggle disabled".to_owned(),
                |key| format!("use {} to toggle auto restart", Shown(key)),
            );
            let mode = present.mode.word();
            line(&mut text, format_args!("{kill}, auto restart mode is {mode}, {toggle}"));
            if let Some(key) = keys.logout {
                let key = Shown(key);
                line(&mut text, format_args!("Use {key} to logout from procServ server"));
            }
        }
        line(&mut text, format_args!("procServ server PID: {}", self.pid));
        line(&mut text, format_args!("Server startup directory: {}", self.folder));
        line(&mut text, format_args!("Child startup directory: {}", console.folder));
        if console.title == console.command {
            line(&mut text, format_args!("Child started as: {}", console.command));
        } else {
            let Console { title, command, .. } = console;
            line(&mut text, format_args!("Child \"{title}\" started as: {command}"));
        }
        if let Some(transcript) = console.transcript.as_ref().filter(|at| at.path != Path::new("-"))
        {
            line(&mut text, format_args!("Child log file: {}", transcript.path.display()));
        }
        let title = &console.title;
        match &present.run {
            Some((Some(pid), _)) => line(&mut text, format_args!("Child \"{title}\" PID: {pid}")),
            Some((None, _)) => line(&mut text, format_args!("Child \"{title}\" is starting")),
            None => line(&mut text, format_args!("Child \"{title}\" is SHUT DOWN")),
        }
        line(&mut text, format_args!("procServ server started at: {}", self.moment(&self.began)));
        if let Some((_, since)) = &present.run {
            let since = self.moment(since);
            line(&mut text, format_args!("Child \"{title}\" started at: {since}"));
        }
        if !is_logger {
            let Crowd { users, loggers } = others;
            line(
                &mut text,
                format_args!("{users} user(s) and {loggers} logger(s) connected (plus you)"),
            );
        }
        if let Some(why) = &present.given_up {
            line(&mut text, format_args!("Child \"{title}\" is not restarted: {why}"));
        }
        if present.run.is_none() {
            text.push_str(&self.menu());
        }
        text
    }

    /// Returns which keys do something while the child is down.
    fn menu(&self) -> String {
        let Keys { kill, restart, quit, logout, .. } = self.console.keys;
        let starts: Vec<String> =
            [restart, kill].into_iter().flatten().map(|key| Shown(key).to_string()).collect();
        let starts =
            (!starts.is_empty()).then(|| format!("{} restarts the child", starts.join(" or ")));
        let quits = quit.map(|key| format!("{} quits the server", Shown(key)));
        let leaves = logout.map(|key| format!("{} closes this connection", Shown(key)));
        let parts: Vec<String> = [starts, quits, leaves].into_iter().flatten().collect();
        let mut text = String::new();
        if !parts.is_empty() {
            line(&mut text, format_args!("{}", parts.join(", ")));
        }
        text
    }

    /// Returns what is said when a start begins.
    pub(super) fn restarting(&self) -> String {
        let Console { title, command, .. } = &self.console;
        let mut text = String::new();
        line(&mut text, format_args!("Restarting child \"{title}\""));
        if title != command {
            line(&mut text, format_args!("   (as {command})"));
        }
        text
    }

    /// Returns what is said when a process has begun.
    pub(super) fn started(&self, pid: Option<u32>) -> String {
        let title = &self.console.title;
        let mut text = String::new();
        match pid {
            Some(pid) => {
                line(&mut text, format_args!("The PID of new child \"{title}\" is: {pid}"));
            }
            None => line(&mut text, format_args!("The new child \"{title}\" has ended already")),
        }
        text.push_str(RULE);
        text
    }

    /// Returns what is said when a run is over.
    pub(super) fn ended(&self, over: &Over, future: &Future, now: &Zoned) -> String {
        let mut text = format!("{END}{RULE}");
        match over {
            Over::Exit(pid, exit) => {
                let pid = pid.unwrap_or_default();
                let how = how(*exit);
                line(&mut text, format_args!("Received a sigChild for process {pid}.{how}"));
            }
            Over::NotStarted(why) => {
                let title = &self.console.title;
                line(&mut text, format_args!("Child \"{title}\" could not be started: {why}"));
            }
        }
        line(&mut text, format_args!("Current time: {}", self.moment(now)));
        let what = match future {
            Future::Restart => "a new one will be restarted shortly",
            Future::Off => "auto restart is disabled",
            Future::End => "oneshot mode: server will exit",
            Future::None(why) => why,
        };
        line(&mut text, format_args!("Child process is shutting down, {what}"));
        if *future != Future::End {
            text.push_str(&self.menu());
        }
        text
    }

    /// Returns what is said when the mode was changed.
    pub(super) fn toggled(mode: Mode) -> String {
        format!("{END}@@@ Toggled auto restart mode to {}{END}", mode.word())
    }

    /// Returns what is said when somebody pressed the kill key.
    pub(super) fn killed() -> String {
        format!("{END}@@@ Got a kill command{END}")
    }

    /// Returns what is said to one viewer alone.
    pub(super) fn aside(what: &str) -> String {
        format!("{END}@@@ {what}{END}")
    }

    fn moment(&self, at: &Zoned) -> String {
        written(&self.console.time, at)
    }
}

/// How a run ended, as far as it is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Over {
    /// Its process ended.
    Exit(Option<u32>, Option<Exit>),
    /// It never began.
    NotStarted(String),
}

fn how(exit: Option<Exit>) -> String {
    match exit {
        Some(Exit::Completed | Exit::Skipped) => " Normal exit status = 0".into(),
        Some(Exit::Failed { code: Some(code), .. }) => format!(" Normal exit status = {code}"),
        Some(Exit::Signaled { signal, .. }) => {
            format!(" The process was killed by signal {signal}")
        }
        Some(Exit::OutOfMemory) => " The process was killed by signal 9: memory ran out".into(),
        Some(Exit::OverLimit) => " The process went over a limit of its own".into(),
        Some(Exit::Unknown { .. }) => " Nobody saw how it ended".into(),
        Some(
            Exit::Failed { code: None, .. }
            | Exit::Panicked
            | Exit::StartFailed { .. }
            | Exit::Aborted,
        )
        | None => String::new(),
    }
}

/// Returns a moment in the signs of `strftime`. Signs that there are not stand for themselves.
pub(super) fn written(format: &str, at: &Zoned) -> String {
    // What C calls the locale's own is that of the locale `C`, which servers run in.
    let format = format
        .replace("%c", "%a %b %e %H:%M:%S %Y")
        .replace("%x", "%m/%d/%y")
        .replace("%X", "%H:%M:%S");
    let mut text = String::new();
    match jiff::fmt::strtime::BrokenDownTime::from(at).to_string(&format) {
        Ok(written) => text.push_str(&written),
        Err(_) => text.push_str(&format),
    }
    text
}

fn line(text: &mut String, what: std::fmt::Arguments<'_>) {
    let written = write!(text, "@@@ {what}{END}");
    debug_assert!(written.is_ok(), "a text takes every line");
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;
    use jiff::tz::TimeZone;
    use std::path::PathBuf;

    fn at(second: i8) -> Zoned {
        date(2026, 3, 4).at(5, 6, second, 0).to_zoned(TimeZone::UTC).expect("a moment")
    }

    fn around(keys: Keys) -> Around {
        let console = Console {
            title: "ioc".into(),
            command: "/bin/cat".into(),
            folder: "/ioc".into(),
            time: "%c".into(),
            keys,
            ..Console::default()
        };
        Around { console, pid: 7, folder: "/srv".into(), began: at(1) }
    }

    fn keys() -> Keys {
        Keys {
            kill: Some(0x18),
            restart: Some(0x12),
            toggle: Some(0x14),
            quit: Some(0x11),
            logout: None,
        }
    }

    #[test]
    fn a_user_is_greeted_as_by_the_original() {
        let present = Present { mode: Mode::On, run: Some((Some(9), at(2))), given_up: None };
        let said = around(keys()).hello(&present, Crowd { users: 1, loggers: 2 }, false);
        let version = env!("CARGO_PKG_VERSION");
        let expected = format!(
            "@@@ Welcome to procServ (Mainstay {version})\r\n\
             @@@ Use ^X to kill the child, auto restart mode is ON, use ^T to toggle auto restart\r\n\
             @@@ procServ server PID: 7\r\n\
             @@@ Server startup directory: /srv\r\n\
             @@@ Child startup directory: /ioc\r\n\
             @@@ Child \"ioc\" started as: /bin/cat\r\n\
             @@@ Child \"ioc\" PID: 9\r\n\
             @@@ procServ server started at: Wed Mar  4 05:06:01 2026\r\n\
             @@@ Child \"ioc\" started at: Wed Mar  4 05:06:02 2026\r\n\
             @@@ 1 user(s) and 2 logger(s) connected (plus you)\r\n"
        );
        assert_eq!(said, expected);
    }

    #[test]
    fn a_logger_hears_less_and_a_child_that_is_down_is_told_with_its_keys() {
        let mut around = around(Keys { logout: Some(4), ..keys() });
        around.console.title = "/bin/cat".into();
        around.console.transcript =
            Some(mainstay_wire::spec::Transcript { path: PathBuf::from("/ioc/log"), stamp: None });
        let present = Present { mode: Mode::Off, run: None, given_up: None };
        let said = around.hello(&present, Crowd::default(), true);
        let expected = "@@@ procServ server PID: 7\r\n\
             @@@ Server startup directory: /srv\r\n\
             @@@ Child startup directory: /ioc\r\n\
             @@@ Child started as: /bin/cat\r\n\
             @@@ Child log file: /ioc/log\r\n\
             @@@ Child \"/bin/cat\" is SHUT DOWN\r\n\
             @@@ procServ server started at: Wed Mar  4 05:06:01 2026\r\n\
             @@@ ^R or ^X restarts the child, ^Q quits the server, ^D closes this connection\r\n";
        assert_eq!(said, expected);
    }

    #[test]
    fn keys_that_are_off_are_not_offered() {
        let present = Present { mode: Mode::Oneshot, run: None, given_up: Some("broken".into()) };
        let said = around(Keys::default()).hello(&present, Crowd::default(), false);
        let disabled = "@@@ Kill command disabled, auto restart mode is ONESHOT, auto restart toggle disabled\r\n";
        assert!(said.contains(disabled), "{said}");
        assert!(said.ends_with("@@@ Child \"ioc\" is not restarted: broken\r\n"), "{said}");
        let only = Keys { restart: Some(0x12), ..Keys::default() };
        assert_eq!(around(only).menu(), "@@@ ^R restarts the child\r\n");
    }

    #[test]
    fn ends_and_starts_are_told_as_by_the_original() {
        let around = around(keys());
        assert_eq!(
            around.restarting() + &around.started(Some(9)),
            "@@@ Restarting child \"ioc\"\r\n@@@    (as /bin/cat)\r\n\
             @@@ The PID of new child \"ioc\" is: 9\r\n@@@ @@@ @@@ @@@ @@@\r\n"
        );
        let killed = Over::Exit(Some(9), Some(Exit::Signaled { signal: 9, core: false }));
        assert_eq!(
            around.ended(&killed, &Future::Restart, &at(3)),
            "\r\n@@@ @@@ @@@ @@@ @@@\r\n\
             @@@ Received a sigChild for process 9. The process was killed by signal 9\r\n\
             @@@ Current time: Wed Mar  4 05:06:03 2026\r\n\
             @@@ Child process is shutting down, a new one will be restarted shortly\r\n\
             @@@ ^R or ^X restarts the child, ^Q quits the server\r\n"
        );
        let failed =
            Exit::Failed { code: Some(3), class: mainstay::Class::Plain, retry_after: None };
        let said = around.ended(&Over::Exit(Some(9), Some(failed)), &Future::End, &at(3));
        assert!(said.contains("@@@ Received a sigChild for process 9. Normal exit status = 3\r\n"));
        assert!(
            said.ends_with(
                "@@@ Child process is shutting down, oneshot mode: server will exit\r\n"
            )
        );
        assert_eq!(Around::toggled(Mode::Off), "\r\n@@@ Toggled auto restart mode to OFF\r\n");
    }

    #[test]
    fn moments_are_written_as_strftime_does() {
        assert_eq!(written("[%Y-%m-%d %H:%M:%S] ", &at(3)), "[2026-03-04 05:06:03] ");
        assert_eq!(written("%X %x", &at(3)), "05:06:03 03/04/26");
        assert_eq!(written("%", &at(3)), "%");
    }
}
