//! Arguments of the commands that keep a tree, prepare one, or work without one.

use super::look::span;
use super::run::RelayArgs;
use clap::{Args, Subcommand};
use mainstay_core::Exit;
use mainstay_daemon::simulate;
use std::path::PathBuf;
use std::time::Duration;

/// Arguments of `up`.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct UpArgs {
    /// The spec file [default: `mainstay.yaml` here or in a folder above]
    #[arg(value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// Return as soon as the daemon answers, and leave it running
    #[arg(short, long)]
    pub(crate) detach: bool,
    /// The folder of the journal [default: by the daemon's name]
    #[arg(long, value_name = "FOLDER", env = "MAINSTAY_STATE", hide_env_values = true)]
    pub(crate) state: Option<PathBuf>,
    /// With --detach: wait until all that is to run by now is ready, at most this long
    #[arg(long, value_name = "SPAN", value_parser = span, requires = "detach")]
    pub(crate) wait: Option<Duration>,
    /// Do not show what the children print
    #[arg(long)]
    pub(crate) no_output: bool,
}

/// Arguments of `demo`.
#[derive(Clone, Debug, Args)]
pub(crate) struct DemoArgs {
    /// Only print the spec file
    #[arg(long)]
    pub(crate) print: bool,
}

/// Arguments of `dashboard`.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "It listens on 127.0.0.1 until it is interrupted. Whoever has the address that it prints acts as you: do not\n\
                        pass it on.\n\
                        Examples:\n  mainstay dashboard\n  \
                        mainstay dashboard --read-only --port 7000 --no-open   # behind `ssh -L 7000:127.0.0.1:7000`"
)]
pub(crate) struct DashboardArgs {
    /// The port to listen on; 0: any that is free
    #[arg(long, value_name = "PORT", default_value_t = 0)]
    pub(crate) port: u16,
    /// Refuse everything that would change something
    #[arg(long)]
    pub(crate) read_only: bool,
    /// Only print the address
    #[arg(long)]
    pub(crate) no_open: bool,
}

/// Arguments of `simulate`.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "What happened stands beside what the policy would have done with it; with \
                        --against, two policies do.\n\
                        Examples:\n  mainstay simulate web\n  \
                        mainstay simulate web --against kubernetes\n  \
                        mainstay simulate --preset systemd --dies-after 3s --times 50"
)]
pub(crate) struct SimulateArgs {
    /// A child of the running tree, or of FILE: its policy, and its recorded runs
    #[arg(value_name = "CHILD")]
    pub(crate) child: Option<String>,
    /// Take the child's policy from this spec file
    #[arg(long, value_name = "FILE", requires = "child", conflicts_with = "preset")]
    pub(crate) file: Option<PathBuf>,
    /// Take the policy of a preset; `default` is that of a child of which nothing is said
    #[arg(long, value_name = "NAME")]
    pub(crate) preset: Option<String>,
    /// Compare it with this preset, side by side
    #[arg(long, value_name = "PRESET")]
    pub(crate) against: Option<String>,
    /// Lives to go through, instead of what is recorded: `3s`, or one after another `3s,3s,1m` [default: 1s where a
    /// preset is played without a child]
    #[arg(long, value_name = "SPANS", value_delimiter = ',', value_parser = span)]
    pub(crate) dies_after: Vec<Duration>,
    /// How often to go through them
    #[arg(long, value_name = "N", default_value_t = 50, requires = "dies_after")]
    pub(crate) times: u32,
    /// How each of these lives ends: an exit code, a signal as KILL, oom, panic, clean, transient,
    /// permanent, no-start
    #[arg(
        long,
        value_name = "END",
        default_value = "1",
        value_parser = simulate::exit,
        requires = "dies_after"
    )]
    pub(crate) exit: Exit,
    /// When each of these lives is ready, where its policy has a rule for it [default: at once]
    #[arg(long, value_name = "SPAN", value_parser = span, requires = "dies_after")]
    pub(crate) ready_after: Option<Duration>,
    /// Draws the same delays for the same number
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
    /// How many recorded runs to take
    #[arg(long, value_name = "N", default_value_t = 100, conflicts_with = "dies_after")]
    pub(crate) runs: u64,
}

/// Arguments of `check`.
#[derive(Clone, Debug, Args)]
pub(crate) struct CheckArgs {
    /// The spec file [default: `mainstay.yaml` here or in a folder above]
    #[arg(value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// Fail on warnings too
    #[arg(long)]
    pub(crate) strict: bool,
}

/// Arguments of `init`.
#[derive(Clone, Debug, Args)]
pub(crate) struct InitArgs {
    /// The file to write; `-`: standard output
    #[arg(value_name = "FILE", default_value = "mainstay.yaml")]
    pub(crate) file: PathBuf,
    /// Replace what is there
    #[arg(long)]
    pub(crate) force: bool,
}

/// Arguments of `journal`.
#[derive(Clone, Debug, Args)]
pub(crate) struct JournalArgs {
    #[command(subcommand)]
    pub(crate) command: JournalCommand,
    /// The folder of what lasts, as `up` was told [default: that of the daemon that is meant]
    #[arg(
        long,
        value_name = "FOLDER",
        env = "MAINSTAY_STATE",
        hide_env_values = true,
        global = true
    )]
    pub(crate) state: Option<PathBuf>,
}

/// What can be done with a journal.
#[derive(Clone, Copy, Debug, Subcommand)]
pub(crate) enum JournalCommand {
    /// Run its inputs through the core again, and compare
    Verify,
    /// Print its records as JSON lines
    Export {
        /// Begin with this record
        #[arg(long, value_name = "SEQ", default_value_t = 1)]
        from: u64,
        /// The runs that have ended, instead of all that happened
        #[arg(long)]
        runs: bool,
    },
    /// Remove what is not needed any more; only while no daemon uses it
    Compact,
}

/// Arguments of `completion`.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct CompletionArgs {
    /// Which shell
    #[arg(value_name = "SHELL", value_enum)]
    pub(crate) shell: clap_complete::Shell,
}

/// Arguments of `man`.
#[derive(Clone, Debug, Args)]
pub(crate) struct ManArgs {
    /// The folder that gets the pages
    #[arg(value_name = "FOLDER")]
    pub(crate) folder: PathBuf,
}

/// Arguments of `keeper` and `brain`, which are started by this program and by nobody else.
#[derive(Clone, Debug, Args)]
pub(crate) struct HoldArgs {
    /// The name of the tree
    #[arg(long)]
    pub(crate) tree: String,
    /// The spec file; beside a text, the folder that it is read as if in
    #[arg(long)]
    pub(crate) file: PathBuf,
    /// The text of a spec file
    #[arg(long)]
    pub(crate) text: Option<String>,
    /// The folder of what lasts
    #[arg(long)]
    pub(crate) state: PathBuf,
    /// The control socket
    #[arg(long)]
    pub(crate) answers_at: PathBuf,
    /// Tell what happens on standard error
    #[arg(long)]
    pub(crate) foreground: bool,
    /// Repeat what children print on standard output
    #[arg(long)]
    pub(crate) echo: bool,
    /// Repeat it without their names
    #[arg(long)]
    pub(crate) bare: bool,
    /// Use colour in all that
    #[arg(long)]
    pub(crate) colour: bool,
    /// Be there for one command: hand signals on to it, and end with its exit code
    #[arg(long)]
    pub(crate) relays: bool,
    #[command(flatten)]
    pub(crate) relay: RelayArgs,
}
