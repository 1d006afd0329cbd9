//! What is asked of each program, and what is seen.

use super::super::harness::{kill, lives};
use super::case::{Case, Manner, Program, children, state};
use super::seats;
use std::io::Write;

/// One question, and the answer of each program.
pub(crate) struct Row {
    pub(crate) what: &'static str,
    pub(crate) see: fn(&Program) -> String,
    pub(crate) expected: [&'static str; 5],
}

pub(crate) const CODES: &str = "ends with the command's exit code";
pub(crate) const SIGNALLED: &str = "128 + n where signal n ends the command";
pub(crate) const ABSENT: &str = "exit code where there is no such command";
pub(crate) const CLOSED: &str = "exit code where it cannot be executed";
pub(crate) const SIGNALS: &str = "hands on the 18 signals that programs send to each other";
pub(crate) const ABORT: &str = "hands on SIGABRT";
pub(crate) const REAL_TIME: &str = "hands on the real-time signals (34 to 64)";
pub(crate) const EARLY: &str = "a SIGTERM in its first moments reaches the command";
pub(crate) const STANDS_STILL: &str = "SIGTSTP has the command stand still, SIGCONT go on";
pub(crate) const WITH_IT: &str = "stands still itself at SIGTSTP, where it is not process 1";
pub(crate) const GROUP: &str = "signals for the whole process group";
pub(crate) const REWRITE: &str = "one signal in place of another";
pub(crate) const DROP: &str = "a signal is dropped";
pub(crate) const SUCCESS: &str = "ends with 0 for a code that is named";
pub(crate) const ORPHANS: &str = "takes in processes that lose their parent";
pub(crate) const REST: &str = "what the command leaves behind may end in its own time";
pub(crate) const LEFT: &str = "leaves nothing behind where it is not process 1";
pub(crate) const GRACE: &str = "a deadline for a command that does not end";
pub(crate) const PARENT: &str = "a signal when its own parent dies";
pub(crate) const BYTES: &str = "input and output pass untouched";
pub(crate) const DESCRIPTORS: &str = "further descriptors pass too";
pub(crate) const SOCKETS: &str = "passed sockets are the command's (`LISTEN_PID`)";
pub(crate) const JOBS: &str = "a shell at a terminal has job control";
pub(crate) const SHELL: &str = "Ctrl-Z goes back to the shell that started it, `fg` goes on";
pub(crate) const VERBOSE: &str = "tells which signals come and go";
pub(crate) const RESTART: &str = "starts a command again that failed, and says why it ended";

const YES: &str = "yes";
const NO: &str = "no";

pub(super) fn yes(holds: bool) -> String {
    if holds { YES } else { NO }.to_owned()
}

/// Returns the options for something; `None`: there are none.
pub(super) fn options<'a>(
    program: &Program,
    of: [Option<&'a [&'a str]>; 5],
) -> Option<&'a [&'a str]> {
    let names = super::NAMES.iter();
    of.into_iter().zip(names).find(|(_, name)| **name == program.name).and_then(|(it, _)| it)
}

/// Signals that a program may be sent, and can catch.
const SENT: [&str; 18] = [
    "HUP", "INT", "QUIT", "USR1", "USR2", "PIPE", "ALRM", "TERM", "STKFLT", "CONT", "URG", "XCPU",
    "XFSZ", "VTALRM", "PROF", "WINCH", "IO", "PWR",
];

/// Sends each, and counts those that come.
fn hands_on(program: &Program, signals: &[(String, i32)], is_expected: bool) -> String {
    let mut steps: Vec<String> =
        signals.iter().map(|(name, _)| format!("on:{name}=print:<{name}>")).collect();
    if !is_expected {
        steps.push("on:USR1=print:<mark>".into());
    }
    steps.extend(["print:up".into(), "hang".into()]);
    let steps: Vec<&str> = steps.iter().map(String::as_str).collect();
    let mut case = Case::new(program, &[], &steps);
    case.sees("up");
    for (name, number) in signals {
        case.signal(*number);
        if !is_expected {
            // What comes behind it has come.
            case.signal(10);
            case.sees("<mark>");
            return yes(case.saw(&format!("<{name}>")));
        }
        case.sees(&format!("<{name}>"));
    }
    YES.to_owned()
}

pub(crate) const ROWS: &[Row] = &[
    Row {
        what: CODES,
        see: |program| {
            yes([0, 3, 255]
                .iter()
                .all(|code| program.run(&[], &[&format!("exit:{code}")]).0 == *code))
        },
        expected: [YES; 5],
    },
    Row {
        what: SIGNALLED,
        see: |program| {
            let ends = [("signal:KILL", 137), ("signal:TERM", 143), ("signal:USR1", 138)];
            yes(ends.iter().all(|(step, code)| program.run(&[], &[step]).0 == *code))
        },
        expected: [YES; 5],
    },
    Row {
        what: ABSENT,
        see: |program| {
            let manner = Manner { command: Some("/no/such/program"), ..Manner::default() };
            Case::with(program, manner, &[]).ends().to_string()
        },
        expected: ["127", "2", "1", "127", "127"],
    },
    Row {
        what: CLOSED,
        see: |program| {
            let manner = Manner { command: Some("/etc/passwd"), ..Manner::default() };
            Case::with(program, manner, &[]).ends().to_string()
        },
        expected: ["126", "2", "1", "126", "126"],
    },
    Row {
        what: SIGNALS,
        see: |program| {
            let numbers = [1, 2, 3, 10, 12, 13, 14, 15, 16, 18, 23, 24, 25, 26, 27, 28, 29, 30];
            let sent = SENT.iter().map(ToString::to_string).zip(numbers);
            hands_on(program, &sent.collect::<Vec<_>>(), true)
        },
        expected: [YES; 5],
    },
    Row {
        what: ABORT,
        see: |program| {
            hands_on(program, &[("ABRT".into(), 6)], !matches!(program.name, "tini" | "catatonit"))
        },
        expected: [NO, YES, NO, YES, YES],
    },
    Row {
        what: REAL_TIME,
        see: |program| {
            let all: Vec<_> = (34..=64).map(|number| (number.to_string(), number)).collect();
            hands_on(program, &all, true)
        },
        expected: [YES; 5],
    },
    Row {
        what: EARLY,
        see: |program| {
            let mut case = Case::new(program, &[], &["hang"]);
            // As soon as it is more than a process that has been made.
            let pid = case.pid();
            case.until(|| !children(pid).is_empty());
            case.signal(15);
            yes(case.ends() == 143)
        },
        expected: [YES; 5],
    },
    Row {
        what: STANDS_STILL,
        see: |program| {
            let mut case = Case::new(program, &[], &["on:USR1=print:on", "print:up", "hang"]);
            case.sees("up");
            let command = case.command();
            case.signal(20);
            let stands = seats::comes_to_stand(command);
            case.signal(18);
            case.until(|| state(command) != Some('T'));
            case.signal(10);
            case.sees("on");
            yes(stands)
        },
        expected: [YES, YES, NO, YES, YES],
    },
    Row { what: WITH_IT, see: seats::with_it, expected: [NO, YES, NO, YES, YES] },
    Row {
        what: GROUP,
        see: |program| {
            let Some(options) = options(
                program,
                [Some(&["-g"]), Some(&[]), None, Some(&["--group"]), Some(&["--group"])],
            ) else {
                return NO.to_owned();
            };
            let steps =
                ["on:USR1=print:parent", "fork:[on:USR1=print:child;print:up;hang]", "hang"];
            let mut case = Case::new(program, options, &steps);
            case.sees("up");
            case.signal(10);
            case.sees("parent");
            case.sees("child");
            YES.to_owned()
        },
        expected: ["`-g`", "always, or `-c`", NO, "`--group`", "`--group`"],
    },
    Row {
        what: REWRITE,
        see: |program| {
            let ours: &[&str] = &["--rewrite", "TERM=QUIT"];
            let of = [None, Some(&["-r", "15:3"][..]), None, Some(ours), Some(ours)];
            let Some(options) = options(program, of) else { return NO.to_owned() };
            let steps = ["on:QUIT=[print:quit;exit:6]", "on:TERM=exit:1", "print:up", "hang"];
            let mut case = Case::new(program, options, &steps);
            case.sees("up");
            case.signal(15);
            yes(case.ends() == 6)
        },
        expected: [NO, "`-r 15:3`", NO, "`--rewrite TERM=QUIT`", "`--rewrite TERM=QUIT`"],
    },
    Row {
        what: DROP,
        see: |program| {
            let ours: &[&str] = &["--rewrite", "TERM=0"];
            let of = [None, Some(&["-r", "15:0"][..]), None, Some(ours), Some(ours)];
            let Some(options) = options(program, of) else { return NO.to_owned() };
            let steps = ["on:TERM=exit:1", "on:USR1=exit:6", "print:up", "hang"];
            let mut case = Case::new(program, options, &steps);
            case.sees("up");
            case.signal(15);
            case.signal(10);
            yes(case.ends() == 6)
        },
        expected: [NO, "`-r 15:0`", NO, "`--rewrite TERM=0`", "`--rewrite TERM=0`"],
    },
    Row {
        what: SUCCESS,
        see: |program| {
            let ours: &[&str] = &["--success", "143"];
            let of = [Some(&["-e", "143"][..]), None, None, Some(ours), Some(ours)];
            let Some(options) = options(program, of) else { return NO.to_owned() };
            let mut case = Case::new(program, options, &["print:up", "hang"]);
            case.sees("up");
            case.signal(15);
            yes(case.ends() == 0 && program.run(options, &["exit:3"]).0 == 3)
        },
        expected: ["`-e 143`", NO, NO, "`--success 143`", "`--success 143`"],
    },
    Row {
        what: ORPHANS,
        see: |program| {
            let steps = ["daemon-quiet:exit:1", "daemon-quiet:exit:2", "print:up", "hang"];
            let mut case = Case::new(program, &[], &steps);
            case.sees("up");
            let (own, command) = (case.pid(), case.command());
            case.until(|| children(own).iter().all(|pid| *pid == command || *pid == brain(&case)));
            YES.to_owned()
        },
        expected: [YES; 5],
    },
    Row {
        what: REST,
        see: |program| {
            let steps =
                ["daemon:[on:TERM=[sleep:0.5;print:done;exit:0];print:up;hang]", "wait-stdin"];
            let mut case = Case::new(program, &[], &steps);
            case.sees("up");
            case.ends();
            yes(case.rest().contains("done"))
        },
        expected: [NO, NO, NO, YES, YES],
    },
    Row {
        what: LEFT,
        see: |program| {
            let manner = Manner { guest: true, ..Manner::default() };
            let steps = ["daemon-quiet:[setsid;ignore:TERM;hang]", "wait-stdin"];
            let ours: &[&str] = &["--rest", "100ms"];
            let options =
                options(program, [Some(&["-s"]), Some(&[]), Some(&[]), Some(ours), Some(ours)]);
            let manner = Manner { options: options.unwrap_or_default(), ..manner };
            let mut case = Case::with(program, manner, &steps);
            let printed = case.sees("");
            let left: u32 = printed.parse().expect("the pid of what is left");
            case.ends();
            let is_left = lives(left);
            if is_left {
                kill(left);
            }
            yes(!is_left)
        },
        expected: [NO, NO, NO, YES, YES],
    },
    Row {
        what: GRACE,
        see: |program| {
            let ours: &[&str] = &["--grace", "100ms"];
            let Some(options) = options(program, [None, None, None, Some(ours), Some(ours)]) else {
                return NO.to_owned();
            };
            // What is said twice is said last.
            let words = program.words.iter().filter(|word| !["--grace", "60s"].contains(&&***word));
            let program = Program { name: program.name, words: words.cloned().collect() };
            let mut case = Case::new(&program, options, &["ignore:TERM", "print:up", "hang"]);
            case.sees("up");
            case.signal(15);
            yes(case.ends() == 137)
        },
        expected: [NO, NO, NO, "10 s, `--grace`", "`--grace`"],
    },
    Row {
        what: PARENT,
        see: seats::parent,
        expected: ["`-p TERM`", NO, NO, "`--parent-death TERM`", "`--parent-death TERM`"],
    },
    Row {
        what: BYTES,
        see: |program| {
            let mut case = Case::new(program, &[], &["stdin-echo"]);
            let mut input = case.input.take().expect("a pipe");
            input.write_all(b"a\x00\xc2\xa0b\x1b[1m\rc").expect("it reads");
            drop(input);
            yes(case.ends() == 0 && case.rest() == "a\0\u{a0}b\u{1b}[1m\rc")
        },
        expected: [YES; 5],
    },
    Row {
        what: DESCRIPTORS,
        see: |program| {
            let script = Some("echo through >f; exec 5<f; exec \"$@\"");
            let manner = Manner { script, ..Manner::default() };
            let mut case = Case::with(program, manner, &["read-fd:5"]);
            yes(case.ends() == 0 && case.rest().contains("through"))
        },
        expected: [YES; 5],
    },
    Row {
        what: SOCKETS,
        see: |program| {
            let script = Some(
                "exec 3</dev/null; export LISTEN_FDS=1 LISTEN_FDNAMES=web LISTEN_PID=$$; exec \"$@\"",
            );
            let manner = Manner { script, ..Manner::default() };
            let mut case = Case::with(program, manner, &["listen-fds"]);
            yes(case.ends() == 0 && case.rest().contains("3 web"))
        },
        expected: [NO, NO, YES, YES, YES],
    },
    Row { what: JOBS, see: seats::jobs, expected: [YES, YES, NO, YES, YES] },
    Row { what: SHELL, see: seats::shell, expected: [NO, YES, NO, YES, YES] },
    Row {
        what: VERBOSE,
        see: |program| {
            let of = [Some(&["-vvv"][..]), Some(&["-v"]), None, Some(&["-v"]), Some(&["-v"])];
            let Some(options) = options(program, of) else { return NO.to_owned() };
            let mut case = Case::new(program, options, &["on:USR1=exit:0", "print:up", "hang"]);
            case.sees("up");
            case.signal(10);
            case.ends();
            let said = case.rest();
            let said = ["SIGUSR1", "User defined signal 1", "signal 10"]
                .iter()
                .any(|it| said.contains(it));
            yes(said)
        },
        expected: ["`-vvv`", "`-v`", NO, "`-v`", "`-v`"],
    },
    Row {
        what: RESTART,
        see: |program| {
            if program.name != "`run`" {
                return NO.to_owned();
            }
            let words =
                program.words.iter().filter(|word| !["--restart", "never"].contains(&&***word));
            let program = Program { name: program.name, words: words.cloned().collect() };
            // It ends well once a file is there.
            let script = "[ -e f ] && exit 0; touch f; exit 3";
            let manner = Manner { command: Some("sh"), ..Manner::default() };
            let mut case = Case::with(&program, manner, &["-c", script]);
            let code = case.ends();
            yes(code == 0 && case.rest().contains("code 3"))
        },
        expected: [NO, NO, NO, YES, NO],
    },
];

/// Returns the brain of a case, or no process.
fn brain(case: &Case) -> u32 {
    children(case.pid()).into_iter().find(|pid| super::case::is_brain(*pid)).unwrap_or_default()
}
