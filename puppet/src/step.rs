//! The steps, as they are written on the command line.

use std::fmt;

/// One thing to do.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Step {
    /// Prints a text.
    Print {
        to: Stream,
        text: String,
    },
    /// Prints bytes as they are.
    Bytes(Vec<u8>),
    Flood {
        to: Stream,
        bytes: u64,
        line: usize,
        write: usize,
    },
    Seed(u64),
    Exit(u8),
    Abort,
    Core,
    Signal(i32),
    Ignore(i32),
    On(i32, Vec<Self>),
    Hang,
    Sleep(f64),
    Cpu(f64),
    Leak(usize),
    Repeat(u64, Vec<Self>),
    Thread(Vec<Self>),
    Fork {
        steps: Words,
        quiet: bool,
    },
    Daemon {
        steps: Words,
        quiet: bool,
    },
    ForkBomb(u32),
    Exec(Words),
    Wait,
    Setsid,
    Setpgid,
    Quiet,
    Touch(String),
    Write {
        path: String,
        text: String,
        append: bool,
    },
    Lock(String),
    Fifo(String),
    AwaitFifo(String),
    WaitStdin,
    StdinEcho,
    Args,
    Env(Option<String>),
    Pwd,
    Fds,
    Ids,
    Signals,
    Proc(String),
    Tty,
    Notify(String),
    NotifyFd(Option<i32>),
    NotifyPidfd,
    Barrier,
    Store {
        name: String,
        text: String,
    },
    StorePipe(String),
    Heartbeat {
        milliseconds: Option<u64>,
        count: Option<u64>,
    },
    Host(u32),
    ListenFds,
    ListenServe(Option<u64>),
    ReadFd(i32),
    WriteFd(i32, String),
}

/// Steps that another puppet takes: understood, and kept as they were written.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Words(pub(crate) String);

/// Where something is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stream {
    Out,
    Err,
}

/// The steps with what they take and do. What stands in brackets may be left out.
const HELP: &[(&str, &str)] = &[
    ("print:TEXT", "prints a line on standard output"),
    ("eprint:TEXT", "prints a line on standard error"),
    ("no-newline:TEXT", "prints a text without a newline"),
    ("bytes:HEX", "prints these bytes"),
    ("flood:BYTES[:LINE[:WRITE]]", "prints counted lines of LINE bytes, WRITE bytes at a time"),
    ("eflood:BYTES[:LINE[:WRITE]]", "the same on standard error"),
    ("seed:N", "chooses the letters of the next floods"),
    ("exit:N", "ends with this code"),
    ("abort", "ends by SIGABRT"),
    ("core", "raises the limit for core files as far as it may, then aborts"),
    ("signal:NAME", "sends itself a signal"),
    ("ignore:NAME", "takes this signal from now on and does nothing about it"),
    ("on:NAME=STEPS", "takes these steps at each such signal, beside whatever goes on"),
    ("hang", "waits for ever"),
    ("sleep:SECONDS", "waits"),
    ("cpu:SECONDS", "burns processor time"),
    ("leak:BYTES", "takes memory, writes to all of it and keeps it"),
    ("host[:N]", "serves version N of its contract, otherwise 1, until it is asked to end"),
    ("repeat:N:STEPS", "takes the steps N times"),
    ("thread:STEPS", "takes the steps in a thread"),
    ("fork:STEPS", "starts a child with the same files that takes the steps; {child} is its pid"),
    ("fork-quiet:STEPS", "the same, without the standard files"),
    (
        "daemon[:STEPS]",
        "leaves a grandchild in a session of its own (setsid, double fork) and prints its pid",
    ),
    ("daemon-quiet[:STEPS]", "the same, and the grandchild does not hold the standard files"),
    ("fork-bomb:N", "starts N children that hang"),
    ("exec:STEPS", "executes itself anew with these steps, under the same pid"),
    ("wait", "waits for all children to end"),
    ("setsid", "begins a session"),
    ("setpgid", "begins a process group"),
    ("quiet", "lets go of standard output and standard error"),
    ("touch:PATH", "makes an empty file, or leaves the one that is there"),
    ("write:PATH:TEXT", "replaces a file by this text"),
    ("append:PATH:TEXT", "adds the text to a file"),
    ("lock:PATH", "locks a file until the end; a second copy fails here"),
    (
        "fifo:PATH",
        "waits until somebody opens the fifo for reading, writes its pid, holds it open until the end",
    ),
    ("await-fifo:PATH", "waits until somebody has opened the fifo for writing and closed it"),
    ("wait-stdin", "waits for a line on standard input"),
    ("stdin-echo", "copies standard input to standard output until its end"),
    ("args", "prints its arguments, the name it was started by first"),
    ("env[:NAME]", "prints one variable, or all in order"),
    ("pwd", "prints the working folder"),
    ("fds", "prints the open descriptors and what they are"),
    ("ids", "prints users, groups, umask, nice, pid, parent, process group and session"),
    (
        "signals",
        "prints the blocked, ignored and caught signals (Rust itself ignores PIPE and catches SEGV and BUS)",
    ),
    ("proc:FILE", "prints /proc/self/FILE"),
    ("tty", "prints which standard files are a terminal, and its rows and columns"),
    ("notify:TEXT", "sends a text to NOTIFY_SOCKET"),
    ("notify-fd[:N]", "writes a newline to this descriptor, or to that of NOTIFY_FD"),
    ("notify-pidfd", "sends MAINPIDFD=1 with a pidfd of {child}"),
    ("barrier", "sends BARRIER=1 and waits until its pipe is closed"),
    ("store:NAME[:TEXT]", "stores a memory file with this text (FDSTORE=1)"),
    ("store-pipe:NAME", "stores the read end of a pipe and holds the other"),
    (
        "heartbeat[:MS[:COUNT]]",
        "sends WATCHDOG=1 each MS (or half of WATCHDOG_USEC), for ever or COUNT times",
    ),
    (
        "listen-fds",
        "checks LISTEN_PID, prints the descriptors that were passed, with name and kind",
    ),
    (
        "listen-serve[:COUNT]",
        "answers each connection on these with its pid, for ever or COUNT times",
    ),
    ("read-fd:N", "prints what can be read from this descriptor"),
    ("write-fd:N:TEXT", "writes a text to this descriptor"),
];

/// Writes what `puppet help` prints.
pub(crate) struct Help;

impl fmt::Display for Help {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "puppet STEP...: takes the steps in order, then ends with 0.\n")?;
        for (usage, what) in HELP {
            writeln!(f, "  {usage:<28} {what}")?;
        }
        f.write_str(
            "\nSTEPS is one step or several: [print:a;exit:3]. A TEXT may hold \\n, \\t, \\\\ and {pid}, {ppid},\n\
             {child}, {usec} (monotonic time). A step that is not understood ends it with 64 before anything\n\
             is done, one that fails with 70.\n",
        )
    }
}

/// Returns the steps these words mean, or what is wrong with the first that means none.
pub(crate) fn parse_all<'a>(words: impl IntoIterator<Item = &'a str>) -> Result<Vec<Step>, String> {
    let mut all = Vec::new();
    for word in words {
        all.append(&mut steps(word)?);
    }
    Ok(all)
}

fn parse(word: &str) -> Result<Step, String> {
    let (name, rest) = match word.split_once(':') {
        Some((name, rest)) => (name, Some(rest)),
        None => (word, None),
    };
    let Some((usage, _)) = HELP.iter().find(|(usage, _)| name_of(usage) == name) else {
        return Err("there is no such step; `puppet help` lists them".into());
    };
    let takes_none = usage.len() == name.len();
    if takes_none && rest.is_some() {
        return Err("this step takes no argument".into());
    }
    if usage[name.len()..].starts_with(':') && rest.is_none() {
        return Err(format!("an argument is missing: {usage}"));
    }
    parse_named(name, rest.unwrap_or_default(), rest).map_err(|why| format!("{why}; it is {usage}"))
}

/// Returns the name in the usage of a step.
fn name_of(usage: &str) -> &str {
    usage.split([':', '[']).next().unwrap_or_default()
}

/// Parses a step of a known name: `all` is what stands behind it, `some` whether anything does.
fn parse_named(name: &str, all: &str, some: Option<&str>) -> Result<Step, String> {
    let owned = || all.to_owned();
    Ok(match name {
        "print" => Step::Print { to: Stream::Out, text: text(all)? + "\n" },
        "eprint" => Step::Print { to: Stream::Err, text: text(all)? + "\n" },
        "no-newline" => Step::Print { to: Stream::Out, text: text(all)? },
        "bytes" => Step::Bytes(hex(all)?),
        "flood" => flood(Stream::Out, all)?,
        "eflood" => flood(Stream::Err, all)?,
        "seed" => Step::Seed(number(all)?),
        "exit" => Step::Exit(number(all)?),
        "abort" => Step::Abort,
        "core" => Step::Core,
        "signal" => Step::Signal(signal(all)?),
        "ignore" => Step::Ignore(catchable(all)?),
        "on" => {
            let (signal, then) = all.split_once('=').ok_or("there is no `=`")?;
            Step::On(catchable(signal)?, steps(then)?)
        }
        "hang" => Step::Hang,
        "sleep" => Step::Sleep(seconds(all)?),
        "cpu" => Step::Cpu(seconds(all)?),
        "leak" => Step::Leak(number(all)?),
        "repeat" => {
            let (count, then) = all.split_once(':').ok_or("the steps are missing")?;
            Step::Repeat(number(count)?, steps(then)?)
        }
        "thread" => Step::Thread(steps(all)?),
        "fork" => Step::Fork { steps: for_another(all)?, quiet: false },
        "fork-quiet" => Step::Fork { steps: for_another(all)?, quiet: true },
        "daemon" => Step::Daemon { steps: for_another(some.unwrap_or("hang"))?, quiet: false },
        "daemon-quiet" => Step::Daemon { steps: for_another(some.unwrap_or("hang"))?, quiet: true },
        "fork-bomb" => Step::ForkBomb(number(all)?),
        "exec" => Step::Exec(for_another(all)?),
        "host" => Step::Host(some.map_or(Ok(1), number)?),
        "wait" => Step::Wait,
        "setsid" => Step::Setsid,
        "setpgid" => Step::Setpgid,
        "quiet" => Step::Quiet,
        "touch" => Step::Touch(owned()),
        "write" | "append" => {
            let (path, content) = all.split_once(':').ok_or("the text is missing")?;
            Step::Write { path: path.into(), text: text(content)?, append: name == "append" }
        }
        "lock" => Step::Lock(owned()),
        "fifo" => Step::Fifo(owned()),
        "await-fifo" => Step::AwaitFifo(owned()),
        "wait-stdin" => Step::WaitStdin,
        "stdin-echo" => Step::StdinEcho,
        "args" => Step::Args,
        "env" => Step::Env(some.map(Into::into)),
        "pwd" => Step::Pwd,
        "fds" => Step::Fds,
        "ids" => Step::Ids,
        "signals" => Step::Signals,
        "proc" => Step::Proc(owned()),
        "tty" => Step::Tty,
        "notify" => Step::Notify(text(all)?),
        "notify-fd" => Step::NotifyFd(some.map(number).transpose()?),
        "notify-pidfd" => Step::NotifyPidfd,
        "barrier" => Step::Barrier,
        "store" => {
            let (name, content) = all.split_once(':').unwrap_or((all, ""));
            Step::Store { name: name.into(), text: text(content)? }
        }
        "store-pipe" => Step::StorePipe(owned()),
        "heartbeat" => {
            let mut parts = all.split(':').filter(|part| !part.is_empty()).map(number);
            let (milliseconds, count) = (parts.next().transpose()?, parts.next().transpose()?);
            Step::Heartbeat { milliseconds, count }
        }
        "listen-fds" => Step::ListenFds,
        "listen-serve" => Step::ListenServe(some.map(number).transpose()?),
        "read-fd" => Step::ReadFd(number(all)?),
        "write-fd" => {
            let (fd, content) = all.split_once(':').ok_or("the text is missing")?;
            Step::WriteFd(number(fd)?, text(content)?)
        }
        _ => return Err("this step is listed and not known".into()),
    })
}

fn flood(to: Stream, all: &str) -> Result<Step, String> {
    let mut parts = all.split(':');
    let bytes = number(parts.next().unwrap_or_default())?;
    let line = parts.next().map_or(Ok(puppet::FLOOD_LINE), number)?;
    let write = parts.next().map_or(Ok(65_536), number)?;
    if write == 0 || parts.next().is_some() {
        return Err("this is no flood".into());
    }
    Ok(Step::Flood { to, bytes, line, write })
}

/// Returns one step, or those between brackets: `[print:a;fork:[hang];exit:0]`.
fn steps(all: &str) -> Result<Vec<Step>, String> {
    let Some(inner) = all.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) else {
        return Ok(vec![parse(all).map_err(|why| format!("`{all}`: {why}"))?]);
    };
    let mut words = Vec::new();
    let (mut depth, mut from) = (0_i32, 0);
    for (at, character) in inner.char_indices() {
        match character {
            '[' => depth += 1,
            ']' => depth -= 1,
            ';' if depth == 0 => {
                words.push(&inner[from..at]);
                from = at + 1;
            }
            _ => {}
        }
        if depth < 0 {
            break;
        }
    }
    if depth != 0 {
        return Err("the brackets do not match".into());
    }
    words.push(&inner[from..]);
    parse_all(words)
}

fn for_another(all: &str) -> Result<Words, String> {
    steps(all).map(|_| Words(all.to_owned()))
}

fn number<T: std::str::FromStr>(all: &str) -> Result<T, String> {
    all.parse().map_err(|_| format!("`{all}` is no number that fits"))
}

fn seconds(all: &str) -> Result<f64, String> {
    let seconds: f64 = number(all)?;
    if (0.0..=1e6).contains(&seconds) { Ok(seconds) } else { Err("that is too long".into()) }
}

/// Returns a text with its escapes resolved. What is in braces waits until it is used.
fn text(all: &str) -> Result<String, String> {
    let mut text = String::with_capacity(all.len());
    let mut characters = all.chars();
    while let Some(character) = characters.next() {
        if character != '\\' {
            text.push(character);
            continue;
        }
        text.push(match characters.next() {
            Some('n') => '\n',
            Some('t') => '\t',
            Some('\\') => '\\',
            other => return Err(format!("`\\{}` is no escape", other.unwrap_or(' '))),
        });
    }
    Ok(text)
}

fn hex(all: &str) -> Result<Vec<u8>, String> {
    if !all.len().is_multiple_of(2) || !all.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return Err("bytes are pairs of hexadecimal digits".into());
    }
    let pairs = (0..all.len()).step_by(2);
    pairs.map(|at| u8::from_str_radix(&all[at..at + 2], 16).map_err(|e| e.to_string())).collect()
}

/// The signals by number, from 1.
pub(crate) const SIGNALS: [&str; 31] = [
    "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2",
    "PIPE", "ALRM", "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG",
    "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS",
];

/// Returns a signal by its name, with or without `SIG`, or by its number.
fn signal(name: &str) -> Result<i32, String> {
    let short = name.strip_prefix("SIG").unwrap_or(name);
    let named = SIGNALS.iter().position(|known| *known == short).map(|at| at as i32 + 1);
    // The C library keeps the first two real-time signals to itself.
    let real_time =
        || short.strip_prefix("RTMIN+").and_then(|n| n.parse::<i32>().ok()).map(|n| n + 34);
    let plain = || short.parse().ok();
    let found = named.or_else(real_time).or_else(plain).filter(|number| (1..=64).contains(number));
    found.ok_or_else(|| format!("there is no signal `{name}`"))
}

/// Returns a signal for which there can be a handler.
fn catchable(name: &str) -> Result<i32, String> {
    let number = signal(name)?;
    if signal_hook::consts::FORBIDDEN.contains(&number) {
        return Err(format!("signal `{name}` cannot be caught"));
    }
    Ok(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each step of the help, with arguments that suit it.
    fn sample(usage: &str) -> String {
        let mut sample = usage.replace("[:", ":").replace(']', "");
        for (from, to) in [
            ("NAME=STEPS", "TERM=exit:3"),
            ("signal:NAME", "signal:TERM"),
            ("ignore:NAME", "ignore:TERM"),
            ("STEPS", "[print:a;exit:0]"),
            ("HEX", "00ff"),
            ("SECONDS", "1.5"),
            ("BYTES", "100"),
            ("LINE", "10"),
            ("WRITE", "5"),
            ("MS", "7"),
            ("COUNT", "2"),
        ] {
            sample = sample.replace(from, to);
        }
        let parts = sample.split(':').map(|part| if part == "N" { "3" } else { part });
        parts.collect::<Vec<_>>().join(":")
    }

    #[test]
    fn each_step_of_the_help_is_understood_in_full_and_short() {
        for (usage, _) in HELP {
            let full = sample(usage);
            assert!(parse(&full).is_ok(), "{full}: {:?}", parse(&full));
            if let Some((short, _)) = usage.split_once('[') {
                let short = sample(short);
                assert!(parse(&short).is_ok(), "{short}: {:?}", parse(&short));
            }
        }
    }

    #[test]
    fn what_is_not_a_step_is_refused_with_a_reason() {
        let table = [
            ("jump", "no such step"),
            ("", "no such step"),
            ("print", "an argument is missing"),
            ("hang:1", "no argument"),
            ("exit:256", "no number"),
            ("exit:-1", "no number"),
            ("bytes:0", "pairs"),
            ("bytes:0g", "pairs"),
            ("signal:NONE", "no signal"),
            ("signal:65", "no signal"),
            ("on:TERM", "no `=`"),
            ("on:KILL=hang", "cannot be caught"),
            ("ignore:STOP", "cannot be caught"),
            ("fork:[hang", "no such step"),
            ("fork:[a]b]", "do not match"),
            ("fork:[print:a;jump]", "`jump`: there is no such step"),
            ("print:\\q", "no escape"),
            ("print:\\", "no escape"),
            ("flood:1:2:0", "no flood"),
            ("sleep:-1", "too long"),
            ("sleep:nan", "too long"),
            ("repeat:3", "steps are missing"),
        ];
        for (word, reason) in table {
            let why = parse(word).expect_err(word);
            assert!(why.contains(reason), "{word}: {why}");
        }
    }

    #[test]
    fn steps_nest() {
        let fork = parse("fork:[fork-quiet:[hang;exit:1];print:a:b]").expect("it is a step");
        let words = Words("[fork-quiet:[hang;exit:1];print:a:b]".into());
        assert_eq!(fork, Step::Fork { steps: words.clone(), quiet: false });
        let inner = Step::Fork { steps: Words("[hang;exit:1]".into()), quiet: true };
        let print = Step::Print { to: Stream::Out, text: "a:b\n".into() };
        assert_eq!(parse_all([words.0.as_str()]), Ok(vec![inner, print]));
    }

    #[test]
    fn signals_have_names_and_numbers() {
        for (name, number) in [("TERM", 15), ("SIGKILL", 9), ("10", 10), ("RTMIN+3", 37)] {
            assert_eq!(signal(name), Ok(number));
        }
    }
}
