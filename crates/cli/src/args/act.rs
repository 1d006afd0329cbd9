//! Arguments of the commands that change something.

use clap::{ArgGroup, Args};
use std::path::PathBuf;

/// Which children are meant. Patterns are matched against the paths of the tree.
#[derive(Clone, Debug, Args)]
#[command(group = ArgGroup::new("which").required(true).args(["children", "all"]))]
pub(crate) struct Which {
    /// Paths of children: `web`, `app/db`; or patterns: `app/*`, `**/worker@?`
    #[arg(value_name = "CHILD")]
    pub(crate) children: Vec<String>,
    /// The whole tree
    #[arg(long)]
    pub(crate) all: bool,
    /// Only if this is the child's present run
    #[arg(long, value_name = "RUN", value_parser = super::look::run_number)]
    pub(crate) if_run: Option<u64>,
}

/// What every command says about itself.
#[derive(Clone, Debug, Args)]
pub(crate) struct Acting {
    /// Why; shown by `explain` and kept in the journal
    #[arg(long, value_name = "TEXT", default_value = "by hand")]
    pub(crate) why: String,
    /// Who asks [default: the user's name]
    #[arg(long, value_name = "NAME")]
    pub(crate) who: Option<String>,
    /// Sent twice with the same id a command has one effect [default: drawn by chance]
    #[arg(long, value_name = "HEX", value_parser = command_id)]
    pub(crate) id: Option<String>,
}

/// Arguments of a command that needs nothing but children.
#[derive(Clone, Debug, Args)]
pub(crate) struct ActArgs {
    #[command(flatten)]
    pub(crate) which: Which,
    #[command(flatten)]
    pub(crate) acting: Acting,
}

/// Arguments of `start`.
#[derive(Clone, Debug, Args)]
pub(crate) struct StartArgs {
    #[command(flatten)]
    pub(crate) which: Which,
    /// Even while a breaker is open, or an abandoned run occupies the child
    #[arg(long = "override")]
    pub(crate) over: bool,
    #[command(flatten)]
    pub(crate) acting: Acting,
}

/// Arguments of `pause`.
#[derive(Clone, Debug, Args)]
pub(crate) struct PauseArgs {
    #[command(flatten)]
    pub(crate) which: Which,
    /// Suspend the live runs too
    #[arg(long)]
    pub(crate) freeze: bool,
    #[command(flatten)]
    pub(crate) acting: Acting,
}

/// Arguments of `reset`.
#[derive(Clone, Debug, Args)]
pub(crate) struct ResetArgs {
    #[command(flatten)]
    pub(crate) which: Which,
    /// Start them too
    #[arg(long)]
    pub(crate) start: bool,
    #[command(flatten)]
    pub(crate) acting: Acting,
}

/// Arguments of `add`.
#[derive(Clone, Debug, Args)]
#[command(
    group = ArgGroup::new("what").required(true).args(["file", "command"]),
    after_help = "Examples:\n  mainstay add web -- ./serve --port 80\n  \
                  mainstay add --below app --file more.yaml"
)]
pub(crate) struct AddArgs {
    /// The name of the new child
    #[arg(value_name = "NAME", requires = "command")]
    pub(crate) child: Option<String>,
    /// The supervisor that gets it [default: the root]
    #[arg(long, value_name = "PATH", default_value = "", hide_default_value = true)]
    pub(crate) below: String,
    /// A file with children as in a spec file, under `children:` or alone; `-`: standard input
    #[arg(short, long, value_name = "FILE", conflicts_with = "child")]
    pub(crate) file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) acting: Acting,
    /// The command to keep running
    #[arg(last = true, value_name = "COMMAND", requires = "child")]
    pub(crate) command: Vec<String>,
}

/// Arguments of `apply`.
#[derive(Clone, Debug, Args)]
pub(crate) struct ApplyArgs {
    /// The spec file [default: the daemon's own, read again]
    #[arg(value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// Only show what would be done
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Do it without asking
    #[arg(short, long, conflicts_with = "dry_run")]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) acting: Acting,
}

/// Arguments of `down`.
#[derive(Clone, Debug, Args)]
pub(crate) struct DownArgs {
    /// Kill what has not ended yet instead of waiting for it
    #[arg(long)]
    pub(crate) force: bool,
    /// Do not wait for the end
    #[arg(long)]
    pub(crate) no_wait: bool,
    #[command(flatten)]
    pub(crate) acting: Acting,
}

/// Arguments of `upgrade`.
#[derive(Clone, Debug, Args)]
pub(crate) struct UpgradeArgs {
    /// The new program [default: the file that the daemon was started from]
    #[arg(value_name = "PROGRAM")]
    pub(crate) program: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) acting: Acting,
}

/// Checks the id of a command.
fn command_id(text: &str) -> Result<String, String> {
    let is_hex = text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_hex && (1..=32).contains(&text.len()) {
        return Ok(text.to_ascii_lowercase());
    }
    Err("an id is 1 to 32 hexadecimal digits".into())
}
