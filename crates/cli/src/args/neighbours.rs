//! Arguments of the commands that move in from other supervisors and out to them, or put a tree under one.

use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// Arguments of `import`.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "Write the file where the old one stands: relative paths stay as they are.\n\
                        Examples:\n  \
                        mainstay import systemd /lib/systemd/system/redis-server.service -o mainstay.yaml\n  \
                        mainstay import supervisord /etc/supervisor/supervisord.conf --report report.txt\n\
                        docs/migrate has a page for each."
)]
pub(crate) struct ImportArgs {
    /// Whose files they are
    #[arg(value_name = "FROM", value_enum)]
    pub(crate) from: Source,
    /// The files; for s6 folders, for systemd either
    #[arg(value_name = "PATH", required = true)]
    pub(crate) paths: Vec<PathBuf>,
    /// The spec file to write [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Replace what is there
    #[arg(long)]
    pub(crate) force: bool,
    /// Where the report goes; with --json, as JSON [default: standard error]
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,
    /// Run an ecosystem file that is a program, with node
    #[arg(long)]
    pub(crate) allow_node: bool,
}

/// Arguments of `export`.
#[derive(Clone, Debug, Args)]
pub(crate) struct ExportArgs {
    /// For whom
    #[arg(value_name = "TO", value_enum)]
    pub(crate) to: Side,
    /// The spec file [default: `mainstay.yaml` here or in a folder above]
    #[arg(value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// The folder in which files are written [default: all on standard output]
    #[arg(short, long, value_name = "FOLDER")]
    pub(crate) output: Option<PathBuf>,
    /// Replace what is there
    #[arg(long)]
    pub(crate) force: bool,
    /// Where the report goes; with --json, as JSON [default: standard error]
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,
}

/// Arguments of `unit`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Examples:\n  \
                        mainstay unit /etc/mainstay/mainstay.yaml -o /etc/systemd/system\n  \
                        mainstay unit --user --with-socket -o ~/.config/systemd/user\n\
                        docs/guide/systemd.md says what each of its settings is for.")]
pub(crate) struct UnitArgs {
    /// The spec file [default: `mainstay.yaml` here or in a folder above]
    #[arg(value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// For your own systemd (`systemctl --user`), not for that of the machine
    #[arg(long)]
    pub(crate) user: bool,
    /// Also a unit of the API's socket, which systemd opens: who connects has the tree brought up
    #[arg(long)]
    pub(crate) with_socket: bool,
    /// The program to start [default: this one]
    #[arg(long, value_name = "PATH")]
    pub(crate) program: Option<PathBuf>,
    /// For which version of systemd [default: the one here, else the newest]
    #[arg(long, value_name = "NUMBER")]
    pub(crate) systemd: Option<u32>,
    /// The folder in which files are written [default: all on standard output]
    #[arg(short, long, value_name = "FOLDER")]
    pub(crate) output: Option<PathBuf>,
    /// Replace what is there
    #[arg(long)]
    pub(crate) force: bool,
}

/// Whose files are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Source {
    /// `supervisord.conf`
    Supervisord,
    /// Services, sockets and timers, with their drop-ins
    Systemd,
    /// A `Procfile`
    Procfile,
    /// `process-compose.yaml`
    ProcessCompose,
    /// An ecosystem file
    Pm2,
    /// `compose.yaml`
    DockerCompose,
    /// `procServ.conf`, or lines that run procServ
    Procserv,
    /// Service folders of s6, s6-rc or runit
    S6,
}

/// For whom files are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Side {
    /// A service unit for each process
    Systemd,
    /// A `Procfile`
    Procfile,
}
