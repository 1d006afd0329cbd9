//! What can be typed: the commands, their options and their help.
//!
//! Help is the reference too: `docs/reference/cli.md` and the manual pages are made of it.

mod act;
mod keep;
mod look;
mod neighbours;
mod procserv;
mod run;

pub(crate) use act::{
    ActArgs, Acting, AddArgs, ApplyArgs, DownArgs, PauseArgs, ResetArgs, StartArgs, UpgradeArgs,
    Which,
};
pub(crate) use keep::{
    CheckArgs, CompletionArgs, DashboardArgs, DemoArgs, HoldArgs, InitArgs, JournalArgs,
    JournalCommand, ManArgs, SimulateArgs, UpArgs,
};
pub(crate) use look::{
    AlertsArgs, AttachArgs, ConsolesArgs, DoctorArgs, EventsArgs, ExplainArgs, HistoryArgs,
    HooksArgs, HooksCommand, LogsArgs, PostmortemArgs, StatusArgs, TopArgs, WaitArgs, WaitFor,
};
pub(crate) use neighbours::{ExportArgs, ImportArgs, Side, Source, UnitArgs};
pub(crate) use procserv::ProcservArgs;
pub(crate) use run::{RelayArgs, RestartRule, RunArgs};

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Keeps processes running, explains every decision, and survives its own death.
#[derive(Debug, Parser)]
#[command(
    name = "mainstay",
    version,
    max_term_width = 100,
    disable_help_subcommand = true,
    subcommand_required = true,
    arg_required_else_help = true,
    after_help = "Begin with `mainstay init` and `mainstay up`, or with `mainstay demo`.\n\
                  Exit codes: 0 done, 1 refused or failed, 2 wrong usage, 3 nothing answers or down,\n\
                  4 unknown child, 5 not permitted, 6 timed out. See docs/reference/exit-codes.md."
)]
pub(crate) struct Arguments {
    /// What holds for every command.
    #[command(flatten)]
    pub(crate) global: Global,
    /// What is asked.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Which daemon is meant, and how answers are shown.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    /// The control socket of the daemon [default: that of --name, else MAINSTAY_SOCKET]
    #[arg(long, global = true, value_name = "PATH")]
    pub(crate) socket: Option<PathBuf>,
    /// The daemon's name [default: that of the `mainstay.yaml` found here or above, else the only
    /// one that runs]
    #[arg(long, global = true, value_name = "NAME", conflicts_with = "socket")]
    pub(crate) name: Option<String>,
    /// Print exactly the JSON that the API answers
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Whether to use colour
    #[arg(long, global = true, value_name = "WHEN", value_enum, default_value_t)]
    pub(crate) color: ColorChoice,
    /// Say only what was asked for, and errors
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
    /// Say more: each attempt to reach the daemon again
    #[arg(short, long, global = true, conflicts_with = "quiet")]
    pub(crate) verbose: bool,
}

/// Whether to use colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ColorChoice {
    /// On a terminal; NO_COLOR and CLICOLOR_FORCE are heard
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// Everything that can be asked.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start everything that a spec file declares
    Up(UpArgs),
    /// Stop everything in order and end the daemon
    Down(DownArgs),
    /// Keep one command running, without a spec file
    Run(RunArgs),
    /// Keep one command on a console that many share, by the command line of procServ
    #[command(name = "procserv")]
    Procserv(ProcservArgs),
    /// Start a small tree of flaky children to look at
    Demo(DemoArgs),
    /// Show the tree, or one child
    Status(StatusArgs),
    /// Watch the tree, and act on it, on the whole terminal
    Top(TopArgs),
    /// Start children, whatever the delay
    Start(StartArgs),
    /// Stop children; they stay down, over reboots too, until started
    Stop(ActArgs),
    /// Stop children, then start them
    Restart(ActArgs),
    /// Tell live runs to read their settings again
    Reload(ActArgs),
    /// Replace live runs by fresh ones
    Recycle(ActArgs),
    /// Suspend automatic starts; what runs goes on
    Pause(PauseArgs),
    /// End a pause
    Resume(ActArgs),
    /// Stop children and refuse to start them until they are released
    Quarantine(ActArgs),
    /// End a quarantine
    Release(ActArgs),
    /// Close breakers and forget earlier failures
    Reset(ResetArgs),
    /// Silence the alerts of children
    #[command(visible_alias = "ack")]
    Acknowledge(ActArgs),
    /// List what a person must see
    Alerts(AlertsArgs),
    /// List what hooks were told, or try one
    Hooks(HooksArgs),
    /// Add children to the running tree
    Add(AddArgs),
    /// Stop children and take them out of the tree
    Remove(ActArgs),
    /// Bring the running tree in line with its spec file
    Apply(ApplyArgs),
    /// Wait until children are ready, or down
    Wait(WaitArgs),
    /// Show what children print
    Logs(LogsArgs),
    /// Join the terminal of a child: see what it prints, and type
    Attach(AttachArgs),
    /// List who did what at the terminals of children
    Consoles(ConsolesArgs),
    /// Show what happened, in order
    Events(EventsArgs),
    /// Say why a child does what it does, and what would change it
    Explain(ExplainArgs),
    /// List the runs of children, with how they ended
    History(HistoryArgs),
    /// Show all that is known of one run
    Postmortem(PostmortemArgs),
    /// Open the dashboard in a browser, as whoever asks
    Dashboard(DashboardArgs),
    /// Show what a policy would do, in virtual time
    Simulate(SimulateArgs),
    /// Check a spec file and say in plain words what it means
    Check(CheckArgs),
    /// Print the JSON Schema of spec files
    Schema,
    /// Write a commented spec file to begin with
    Init(InitArgs),
    /// Make a spec file of another supervisor's files, and report what became of each key
    Import(ImportArgs),
    /// Write the processes of a spec file for another supervisor, with the same report
    Export(ExportArgs),
    /// Write the unit by which systemd brings a tree up, and that of its socket
    Unit(UnitArgs),
    /// Check this machine, and say what to do about what is wrong
    Doctor(DoctorArgs),
    /// Replace brain and keeper by another program, with everything kept
    Upgrade(UpgradeArgs),
    /// Verify, export or compact a journal
    Journal(JournalArgs),
    /// Print a completion script for a shell
    Completion(CompletionArgs),
    /// Write the manual pages into a folder
    #[command(hide = true)]
    Man(ManArgs),
    /// Print the reference of the command line
    #[command(hide = true, name = "__reference")]
    Reference,
    /// Print the paths of all children, for completion
    #[command(hide = true, name = "__complete-children")]
    CompleteChildren,
    /// Hold the children of a tree: what `up` becomes, and what a brain starts where its keeper has died
    #[command(hide = true)]
    Keeper(HoldArgs),
    /// Decide: the keeper starts this
    #[command(hide = true)]
    Brain(HoldArgs),
}
