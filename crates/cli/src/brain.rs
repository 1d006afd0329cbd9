//! The two processes of a daemon: the keeper that holds every child, and the brain that decides.
//!
//! Both are this program, told by hidden commands. What they are told is the same, so that either can start the other.

use crate::args::HoldArgs;
use crate::fault::Fault;
use mainstay_daemon::brain::{self, Settings, Source};
use mainstay_wire::Text;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

impl HoldArgs {
    /// Returns where the declaration comes from.
    pub(crate) fn source(&self) -> Source {
        match &self.text {
            Some(text) => Source::Text(text.clone(), self.file.clone()),
            None => Source::File(self.file.clone()),
        }
    }

    /// Returns the command that starts this program as keeper or brain.
    pub(crate) fn command(&self, role: &str) -> Result<Vec<Text>, Fault> {
        let mut command = vec![text(&program()?), Text::from(role)];
        let mut option = |name: &str, value: Text| command.extend([Text::from(name), value]);
        option("--tree", Text::from(self.tree.as_str()));
        option("--file", text(&self.file));
        option("--state", text(&self.state));
        option("--answers-at", text(&self.answers_at));
        if let Some(text) = &self.text {
            option("--text", Text::from(text.as_str()));
        }
        for (flag, is_set) in [
            ("--foreground", self.foreground),
            ("--echo", self.echo),
            ("--bare", self.bare),
            ("--colour", self.colour),
            ("--relays", self.relays),
        ] {
            if is_set {
                command.push(Text::from(flag));
            }
        }
        command.extend(self.relay.typed().iter().map(|option| Text::from(option.as_str())));
        Ok(command)
    }

    fn settings(&self) -> Result<Settings, Fault> {
        Ok(Settings {
            name: self.tree.clone(),
            source: self.source(),
            state: self.state.clone(),
            socket: self.answers_at.clone(),
            is_foreground: self.foreground,
            echoes: self.echo,
            is_bare: self.bare,
            colour: self.colour,
            keeper_command: self.command("keeper")?,
            brain_command: self.command("brain")?,
        })
    }
}

/// Holds the children of a tree until it has ended. To be called before this program has another thread.
pub(crate) fn keep(args: &HoldArgs) -> Result<ExitCode, Fault> {
    let settings = args.settings()?;
    let identity = brain::identity(&settings);
    let relay = args.relays.then(|| args.relay.relay());
    let keeper = mainstay_keeper::Settings { identity, relay };
    let code = mainstay_keeper::keep(&keeper, settings.brain_command).map_err(|source| {
        Fault::Failed { text: format!("the keeper cannot begin: {source}"), hint: None }
    })?;
    Ok(ExitCode::from(code))
}

/// Decides until the tree has ended.
pub(crate) fn decide(args: &HoldArgs) -> Result<ExitCode, Fault> {
    match brain::run(args.settings()?) {
        Ok(code) => Ok(ExitCode::from(code)),
        Err(error) => Err(Fault::of(&error)),
    }
}

/// Returns the file of this program, also after another one has taken its place.
fn program() -> Result<PathBuf, Fault> {
    let path = std::env::current_exe().map_err(|source| Fault::File {
        path: "/proc/self/exe".into(),
        step: "find this program by",
        source,
    })?;
    let text = path.as_os_str().to_string_lossy();
    Ok(text.strip_suffix(" (deleted)").map_or_else(|| path.clone(), PathBuf::from))
}

fn text(path: &Path) -> Text {
    Text::from(path)
}
