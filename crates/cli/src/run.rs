//! `mainstay run`: one command under supervision, without a spec file.

use crate::args::{Global, RestartRule, RunArgs};
use crate::fault::Fault;
use crate::place;
use crate::up::{Declared, Manner, begin};
use std::fs;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Carries out `mainstay run`.
pub(crate) fn run(args: &RunArgs, global: &Global) -> Result<ExitCode, Fault> {
    let program = args.command.first().map_or("", String::as_str);
    let stem = Path::new(program).file_name().unwrap_or_default().to_string_lossy();
    let name = match &global.name {
        Some(name) => name.clone(),
        None => place::folder_name(&stem),
    };
    let here = std::env::current_dir().map_err(place::PlaceError::Here)?;
    let state = if args.no_journal { Some(forgotten()?) } else { args.state.clone() };
    let declared = Declared { text: Some(spec(&name, args)), name, file: here, state };
    let manner = Manner { detach: false, wait: None, echo: true, bare: true, tells: true };
    let result = begin(&declared, &manner, global);
    if let (true, Some(state)) = (args.no_journal, &declared.state)
        && !place::is_in_use(&state.join("journal"))
    {
        // What cannot be removed now is at the next start.
        let _ = fs::remove_dir_all(state);
    }
    result
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
fn spec(name: &str, args: &RunArgs) -> String {
    let restart = match args.restart {
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
        "inherit": ["*"],
    });
    if let Some(preset) = &args.preset {
        child["preset"] = preset.as_str().into();
    }
    if let Some(grace) = args.grace {
        child["stop"] =
            serde_json::json!([{ "signal": "TERM", "within": format!("{}ms", grace.as_millis()) }]);
    }
    serde_json::json!({ "name": name, "children": { name: child } }).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{Arguments, Command};
    use clap::Parser;

    /// Returns the spec file that is made of these arguments, and what it means.
    fn made(typed: &[&str]) -> (String, String) {
        let typed = ["mainstay", "run"].iter().chain(typed);
        let Command::Run(args) = Arguments::try_parse_from(typed).unwrap().command else {
            unreachable!("that is what was typed")
        };
        let text = spec("web", &args);
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
    fn the_grace_is_that_of_the_stop() {
        let (_, meaning) = made(&["--grace", "2s", "--", "./serve"]);
        assert!(meaning.contains("Gets 2s to end"), "{meaning}");
    }
}
