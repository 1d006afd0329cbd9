//! Rows about terminals, and about those who start a program.

use super::super::harness::kill;
use super::super::pty::Terminal;
use super::case::{Case, Manner, Program, children, contained, is_brain, state};
use std::process::Command;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long is waited for what a program does not do.
const LONG: Duration = Duration::from_secs(5);

/// At SIGTSTP it stands still beside its command, and goes on with it.
pub(super) fn with_it(program: &Program) -> String {
    let manner = Manner { guest: true, ..Manner::default() };
    let steps = ["on:USR1=print:on", "print:up", "hang"];
    let mut case = Case::with(program, manner, &steps);
    case.sees("up");
    let (own, command) = (case.pid(), case.command());
    case.signal(20);
    let stands = comes_to_stand(command) && comes_to_stand(own);
    case.signal(18);
    case.until(|| state(command) != Some('T') && state(own) != Some('T'));
    case.signal(10);
    case.sees("on");
    super::rows::yes(stands)
}

pub(super) fn comes_to_stand(pid: u32) -> bool {
    let until = Instant::now() + LONG;
    while state(pid) != Some('T') && Instant::now() < until {
        std::thread::park_timeout(Duration::from_millis(5));
    }
    state(pid) == Some('T')
}

/// Whoever started it dies.
pub(super) fn parent(program: &Program) -> String {
    let ours: &[&str] = &["--parent-death", "TERM"];
    let of = [Some(&["-p", "SIGTERM"][..]), None, None, Some(ours), Some(ours)];
    let Some(options) = super::rows::options(program, of) else { return "no".into() };
    let manner =
        Manner { options, script: Some("\"$@\" <&0 & wait"), guest: true, ..Manner::default() };
    let mut case =
        Case::with(program, manner, &["on:TERM=[print:heard;exit:0]", "print:up", "hang"]);
    case.sees("up");
    kill(case.pid());
    case.sees("heard");
    "yes".into()
}

fn within(mut command: Command, folder: &TempDir) -> Command {
    command
        .current_dir(folder.path())
        .env("MAINSTAY_STATE", folder.path().join("state"))
        .env("MAINSTAY_RUNTIME", folder.path().join("run"))
        .env("PS1", "$ ");
    command
}

const SHELL: [&str; 3] = ["bash", "--norc", "-i"];
/// Whoever runs the tests in the background may have them ignore interrupts, which jobs of a shell would then do too.
const HEARS: [&str; 2] = ["env", "--default-signal"];

/// An interactive shell as the command: its jobs get interrupts, stop and go on.
pub(super) fn jobs(program: &Program) -> String {
    let folder = TempDir::new().expect("a folder");
    let mut command = contained().expect("there are namespaces: this was found out before");
    // As in a container: the first process leads the session of the terminal.
    command.args(["setsid", "--ctty"]).args(HEARS).args(&program.words).arg("--").args(SHELL);
    let mut terminal = Terminal::of(&within(command, &folder));
    terminal.types(b"echo here-$((40+2))\n");
    let begins = terminal.sees("here-42");
    let job: &[u8] = b"sh -c 'echo in-$((1+1)); exec sleep 1000'\n";
    terminal.types(job);
    terminal.sees("in-2");
    terminal.types(b"\x03");
    terminal.types(b"echo code=$?\n");
    terminal.sees("code=130");
    terminal.types(job);
    terminal.sees("in-2");
    terminal.types(b"\x1a");
    if !terminal.shows("Stopped", LONG) {
        return "no".into();
    }
    // Said once, it is answered by who still stands there.
    terminal.types(b"exit 5\n");
    terminal.types(b"exit 5\n");
    let code = terminal.ends().code();
    super::rows::yes(code == Some(5) && !begins.contains("no job control"))
}

/// A shell starts the program, and gets its terminal back.
pub(super) fn shell(program: &Program) -> String {
    let folder = TempDir::new().expect("a folder");
    let mut command = Command::new(HEARS[0]);
    command.args(&HEARS[1..]).args(SHELL);
    let mut terminal = Terminal::of(&within(command, &folder));
    let words = program.words.join(" ");
    let line = format!("{words} -- sh -c 'echo in-$((1+1)); read x; echo got-$x'\n");
    terminal.types(line.as_bytes());
    terminal.sees("in-2");
    // The shell is what was started; the program is its only child.
    let own = terminal.pid();
    let command = children(own).into_iter().find(|pid| !is_brain(*pid)).expect("the command");
    terminal.types(b"\x1a");
    let until = Instant::now() + LONG;
    while state(command) != Some('T') && Instant::now() < until {
        std::thread::park_timeout(Duration::from_millis(5));
    }
    if !comes_to_stand(own) {
        kill(command);
        return "no".into();
    }
    terminal.types(b"echo back-$((2+3))\n");
    terminal.sees("back-5");
    terminal.types(b"fg\n");
    terminal.types(b"word\n");
    terminal.sees("got-word");
    terminal.types(b"exit 5\n");
    super::rows::yes(terminal.ends().code() == Some(5))
}
