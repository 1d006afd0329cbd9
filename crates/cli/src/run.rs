//! `mainstay run`: one command under supervision, without a spec file. Signals go to it, and its exit code is ours.

use crate::args::{Global, RestartRule, RunArgs};
use crate::fault::{Fault, WRITABLE};
use crate::place;
use crate::up::{Declared, Manner, begin};
use mainstay_keeper::Init;
use mainstay_wire::Text;
use mainstay_wire::process::{Environment, Process};
use rustix::io::Errno;
use rustix::process::{Signal, set_parent_process_death_signal};
use std::fs;
use std::io::{IsTerminal, stdin};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// Carries out `mainstay run`.
pub(crate) fn run(args: &RunArgs, global: &Global) -> Result<ExitCode, Fault> {
    if let Some(signal) = args.parent_death {
        die_with_parent(signal)?;
    }
    if args.alone { Ok(alone(args)) } else { supervised(args, global).map_err(or_alone) }
}

/// Says that there is a way without what is missing.
fn or_alone(fault: Fault) -> Fault {
    let lacks_a_place =
        matches!(&fault, Fault::Place(place::PlaceError::Folder { .. }) | Fault::File { .. });
    if !lacks_a_place {
        return fault;
    }
    let mut text = fault.to_string();
    let mut cause = std::error::Error::source(&fault);
    while let Some(next) = cause {
        text = format!("{text}: {next}");
        cause = next.source();
    }
    let others = fault.hint().unwrap_or_else(|| WRITABLE.into());
    let hint = format!("{others}; or say `--alone`, which needs neither such folders nor /proc");
    Fault::Failed { text, hint: Some(hint) }
}

/// Runs it with a keeper and a brain.
fn supervised(args: &RunArgs, global: &Global) -> Result<ExitCode, Fault> {
    let program = args.command.first().map_or("", String::as_str);
    let stem = Path::new(program).file_name().unwrap_or_default().to_string_lossy();
    let name = match &global.name {
        Some(name) => name.clone(),
        None => place::folder_name(&stem),
    };
    let here = std::env::current_dir().map_err(place::PlaceError::Here)?;
    let state = if args.no_journal { Some(forgotten()?) } else { args.state.clone() };
    let text = Some(spec(&name, args, stdin().is_terminal()));
    let relay = Some(args.relay.clone());
    let declared = Declared { text, name, file: here, state, relay };
    let tells = !global.quiet;
    let manner = Manner { detach: false, wait: None, echo: true, bare: true, tells };
    let result = begin(&declared, &manner, global);
    if let (true, Some(state)) = (args.no_journal, &declared.state)
        && !place::is_in_use(&state.join("journal"))
    {
        // What cannot be removed now is at the next start.
        let _ = fs::remove_dir_all(state);
    }
    result
}

/// Runs it with nothing but this process.
fn alone(args: &RunArgs) -> ExitCode {
    let process = Process {
        command: args.command.iter().map(|word| Text::from(word.as_str())).collect(),
        environment: Environment { inherit: vec!["*".into()], set: Vec::new() },
        ..Process::default()
    };
    let init = Init { process, relay: args.relay.relay(), grace: args.grace, rest: args.rest };
    let code = mainstay_keeper::init(&init).unwrap_or_else(|error| {
        eprintln!("error: {error}");
        error.code()
    });
    code.into()
}

/// Asks the kernel for a signal at the end of whoever started this program.
fn die_with_parent(signal: i32) -> Result<(), Fault> {
    let asked = Signal::from_named_raw(signal).ok_or(Errno::INVAL);
    asked.and_then(|signal| set_parent_process_death_signal(Some(signal))).map_err(|error| {
        Fault::Failed {
            text: format!("signal {signal} cannot be asked for at the end of the parent: {error}"),
            hint: Some("`--parent-death TERM` is what most mean".into()),
        }
    })
}

/// Makes a folder in memory, of this process alone, and removes what earlier ones have left there.
fn forgotten() -> Result<PathBuf, Fault> {
    let memory = Path::new(MEMORY);
    remove_left(memory);
    let pid = std::process::id();
    let path = memory.join(format!("{LEAD}{pid}-{}", since(pid).unwrap_or_default()));
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(&path);
    made.map_err(|source| Fault::File { path: path.clone(), step: "make the folder", source })?;
    Ok(path)
}

/// Where files are that no disk keeps.
const MEMORY: &str = "/dev/shm";
/// What the names of such folders begin with; a pid and when its process began follow.
const LEAD: &str = "mainstay-";

/// Removes the folders of processes that have ended, unless a brain goes on without its keeper.
fn remove_left(memory: &Path) {
    let uid = rustix::process::geteuid().as_raw();
    for entry in fs::read_dir(memory).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let Some((pid, began)) = name.to_str().and_then(parts) else { continue };
        let is_own = entry.metadata().is_ok_and(|about| about.is_dir() && about.uid() == uid);
        let lives = since(pid) == Some(began) || place::is_in_use(&entry.path().join("journal"));
        if is_own && !lives {
            // Whatever keeps it there is no reason not to begin.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// Returns the pid in a folder's name, and when its process began.
fn parts(name: &str) -> Option<(u32, u64)> {
    let (pid, began) = name.strip_prefix(LEAD)?.split_once('-')?;
    Some((pid.parse().ok()?, began.parse().ok()?))
}

/// Returns when a process began, in the kernel's count since the boot: with it, no later process of the same pid is
/// taken for this one.
fn since(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The program's name may hold anything; the 22nd field is the 20th behind it.
    stat.rsplit_once(')')?.1.split_whitespace().nth(19)?.parse().ok()
}

/// Returns the spec file that says the same. JSON is YAML, so that nothing in a command needs a quote of its own.
fn spec(name: &str, args: &RunArgs, is_at_terminal: bool) -> String {
    // Who is at the terminal of a container has ended what runs there.
    let is_session = is_at_terminal && std::process::id() == 1;
    let default = if is_session { RestartRule::Never } else { RestartRule::OnFailure };
    let restart = match args.restart.unwrap_or(default) {
        RestartRule::Always => "always",
        RestartRule::OnFailure => "on-failure",
        RestartRule::Never => "never",
    };
    // What stands in a command is meant as it is.
    let command: Vec<String> = args.command.iter().map(|part| part.replace('$', "$$")).collect();
    let mut child = serde_json::json!({
        "command": command,
        "restart": restart,
        "criticality": "critical",
        "stdin": "inherit",
        "session": "group",
        "inherit": ["*"],
        "rest": millis(args.rest),
    });
    if !args.keep_output {
        child["output"] = "inherit".into();
    }
    let mut success: Vec<serde_json::Value> =
        args.relay.success.iter().map(|code| (*code).into()).collect();
    if is_at_terminal {
        // An interrupt is typed by whoever wants no more of it.
        success.extend(["INT".into(), 130.into()]);
    }
    if !success.is_empty() {
        child["success"] = success.into();
    }
    if let Some(preset) = &args.preset {
        child["preset"] = preset.as_str().into();
    }
    let relay = args.relay.relay();
    let rewritten = relay.rewrite.iter().find(|(from, _)| *from == TERM).and_then(|(_, to)| *to);
    if args.grace.is_some() || rewritten.is_some() {
        let signal = rewritten.unwrap_or(TERM).to_string();
        let within = millis(args.grace.unwrap_or(GRACE));
        child["stop"] = serde_json::json!([{ "signal": signal, "within": within }]);
    }
    serde_json::json!({ "name": name, "children": { name: child } }).to_string()
}

/// The number of the signal that asks for the end.
const TERM: i32 = 15;
/// How long a command gets to end where nothing is said.
const GRACE: Duration = Duration::from_secs(10);

fn millis(span: Duration) -> String {
    format!("{}ms", span.as_millis())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{Arguments, Command};
    use clap::Parser;

    fn arguments(typed: &[&str]) -> RunArgs {
        let typed = ["mainstay", "run"].iter().chain(typed);
        let Command::Run(args) = Arguments::try_parse_from(typed).unwrap().command else {
            unreachable!("that is what was typed")
        };
        args
    }

    /// Returns the spec file that is made of these arguments, and what it means.
    fn made(typed: &[&str]) -> (String, String) {
        let args = arguments(typed);
        let text = spec("web", &args, false);
        let here = Path::new("/here/mainstay.yaml");
        let loaded = mainstay_daemon::spec::load_text(&text, here, &|_| None, None)
            .unwrap_or_else(|problems| panic!("{text}\n{problems}"));
        (text, loaded.meanings["web"].clone())
    }

    #[test]
    fn every_option_makes_a_spec_file_that_is_right() {
        for typed in [
            &["--", "./serve", "--title", "a \"b\": # ${c}"][..],
            &["--restart", "always", "--", "./serve"],
            &["--restart", "never", "--", "./serve"],
            &["--preset", "systemd", "--", "./serve"],
            &["--rewrite", "TERM=RTMIN+3", "--success", "3,143", "--", "./serve"],
            &["--keep-output", "--rest", "0s", "--group", "--", "./serve"],
        ] {
            let (text, _) = made(typed);
            assert!(text.contains("./serve"), "{text}");
        }
    }

    #[test]
    fn what_ended_processes_have_left_in_memory_is_removed() {
        let memory = tempfile::tempdir().unwrap();
        let own = std::process::id();
        let began = since(own).unwrap();
        let make = |name: &str| {
            let path = memory.path().join(name);
            fs::create_dir_all(path.join("journal")).unwrap();
            path
        };
        let lives = make(&format!("mainstay-{own}-{began}"));
        let earlier = make(&format!("mainstay-{own}-{}", began - 1));
        let orphaned = make(&format!("mainstay-{own}-{}", began - 2));
        let other = make("mainstay-notes-1");
        let held = fs::File::open(orphaned.join("journal")).unwrap();
        held.try_lock().unwrap();
        remove_left(memory.path());
        assert!(lives.exists() && orphaned.exists() && other.exists());
        assert!(!earlier.exists());
    }

    #[test]
    fn who_interrupts_it_at_a_terminal_wants_no_more_of_it() {
        let args = arguments(&["--success", "3", "--", "./serve"]);
        let child = |is_at_terminal| {
            let spec: serde_json::Value =
                serde_json::from_str(&spec("web", &args, is_at_terminal)).unwrap();
            spec["children"]["web"].clone()
        };
        assert_eq!(child(true)["success"], serde_json::json!([3, "INT", 130]));
        assert_eq!(child(false)["success"], serde_json::json!([3]));
        // A terminal is a person's session only where this is the first process.
        assert_eq!(child(true)["restart"], "on-failure");
    }

    #[test]
    fn the_grace_is_that_of_the_stop() {
        let (_, meaning) = made(&["--grace", "2s", "--", "./serve"]);
        assert!(meaning.contains("Gets 2s to end"), "{meaning}");
    }
}
