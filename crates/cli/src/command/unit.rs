//! The command `unit`: files that have systemd bring a tree up.

mod text;

use super::spec::{find, load};
use crate::args::{Global, UnitArgs};
use crate::fault::{Exit, Fault};
use crate::place;
use crate::screen::say;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use text::Facts;

/// What is written for where no systemd is asked.
const NEWEST: u32 = 260;

/// Writes the unit of a spec file, and that of its socket.
pub(super) fn unit(args: &UnitArgs, global: &Global) -> Result<Exit, Fault> {
    let named = find(args.file.as_deref())?;
    let file = fs::canonicalize(&named).map_err(|source| Fault::File {
        path: named.clone(),
        step: "read the spec file",
        source,
    })?;
    let loaded = load(&file).map_err(|problems| Fault::Failed {
        text: format!("{} is refused: {}", named.display(), problems.details().join("; ")),
        hint: Some("see `mainstay check`".into()),
    })?;
    let spec = loaded.tree.clone().into_spec();
    let drain = spec.map_or(Duration::ZERO, |(spec, _)| spec.drain_timeout);
    let facts = Facts {
        name: match &global.name {
            Some(name) => name.clone(),
            None => place::name_of(&file)?,
        },
        is_named: global.name.is_some(),
        file,
        program: match &args.program {
            Some(program) => program.clone(),
            None => program()?,
        },
        drain,
        is_user: args.user,
        has_socket: args.with_socket,
        listens_at: loaded.api.socket.clone(),
        mode: loaded.api.mode,
        systemd: args.systemd.or_else(version).unwrap_or(NEWEST),
    };
    let mut files = vec![(facts.service_name(), facts.service())];
    if args.with_socket {
        files.push((facts.socket_name(), facts.socket()));
    }
    let Some(folder) = &args.output else {
        let many = files.len() > 1;
        let one = |(name, text): &(String, String)| match many {
            true => format!("# {name}\n{}", text.trim_end()),
            false => text.trim_end().to_owned(),
        };
        say(&files.iter().map(one).collect::<Vec<_>>().join("\n\n"))?;
        return Ok(Exit::Done);
    };
    let taken = files.iter().map(|(name, _)| folder.join(name)).find(|path| path.exists());
    if let Some(path) = taken.filter(|_| !args.force) {
        return Err(Fault::Failed {
            text: format!("`{}` is there already", path.display()),
            hint: Some("`--force` replaces it; nothing was written".into()),
        });
    }
    for (name, text) in &files {
        write(&folder.join(name), text)?;
    }
    if !global.quiet {
        let first = files.last().map_or("", |(name, _)| name);
        let user = if args.user { " --user" } else { "" };
        say(&format!(
            "{} is written: `systemctl{user} daemon-reload`, then `systemctl{user} enable --now {first}`",
            files.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(" and ")
        ))?;
    }
    Ok(Exit::Done)
}

/// Returns the file of this program.
fn program() -> Result<PathBuf, Fault> {
    std::env::current_exe().map_err(|source| Fault::File {
        path: "/proc/self/exe".into(),
        step: "find this program by",
        source,
    })
}

/// Returns the version of systemd on this machine, where it has one.
fn version() -> Option<u32> {
    let output = Command::new("systemctl").arg("--version").output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let word = text.strip_prefix("systemd ")?.split_whitespace().next()?;
    word.split(['~', '.', '-']).next()?.parse().ok()
}

fn write(path: &Path, text: &str) -> Result<(), Fault> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(|source| Fault::File {
            path: folder.into(),
            step: "make the folder",
            source,
        })?;
    }
    let mut options = OpenOptions::new();
    let made = options.write(true).truncate(true).create(true).open(path);
    made.and_then(|mut file| file.write_all(text.as_bytes())).map_err(|source| Fault::File {
        path: path.into(),
        step: "write",
        source,
    })
}
