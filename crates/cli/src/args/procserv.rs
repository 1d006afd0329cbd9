//! The command line of procServ.

use clap::Args;
use std::path::PathBuf;

/// Arguments of `procserv`.
#[derive(Clone, Debug, Default, Args)]
#[command(
    infer_long_args = true,
    override_usage = "mainstay procserv [OPTIONS] ENDPOINT COMMAND [ARGUMENT]...\n       \
                      mainstay procserv [OPTIONS] -P ENDPOINT... COMMAND [ARGUMENT]...",
    after_help = "An endpoint is PORT, ADDRESS:PORT, unix:PATH, unix:USER:GROUP:PERM:PATH or unix:@NAME; \
                  port 0 is any that is free.\n\
                  On the console: ^X kills the child or starts it, ^R starts it, ^T goes on from ON to OFF \
                  to ONESHOT, ^Q ends it all while the child is down.\n\
                  The daemon is called as the child and the port: `mainstay --name ioc-20000 status`.\n\
                  See docs/migrate/procserv.md.\n\
                  Example:\n  mainstay procserv -n ioc -i ^D^C 20000 ./st.cmd"
)]
pub(crate) struct ProcservArgs {
    /// Where people type; several are possible
    #[arg(short = 'P', long = "port", value_name = "ENDPOINT")]
    pub(crate) ports: Vec<String>,
    /// Where people only look; several are possible
    #[arg(short = 'l', long = "logport", value_name = "ENDPOINT")]
    pub(crate) log_ports: Vec<String>,
    /// Let other machines reach the ports: whoever connects may type
    #[arg(long)]
    pub(crate) allow: bool,
    /// With --allow: keep the log ports to this machine
    #[arg(long)]
    pub(crate) restrict: bool,
    /// What the child is called on the console [default: the command]
    #[arg(short = 'n', long, value_name = "TITLE")]
    pub(crate) name: Option<String>,
    /// The folder the child runs in, entered before each start
    #[arg(short = 'c', long, value_name = "FOLDER")]
    pub(crate) chdir: Option<PathBuf>,
    /// The file that is executed, with the command as its first argument
    #[arg(short = 'e', long, value_name = "FILE")]
    pub(crate) exec: Option<String>,
    /// Seconds from one start to the next
    #[arg(long, value_name = "N", default_value_t = 15)]
    pub(crate) holdoff: u32,
    /// Begin in the mode OFF: the child is not restarted
    #[arg(long)]
    pub(crate) noautorestart: bool,
    /// Begin in the mode ONESHOT: the end of the child is the end of all, with its exit code
    #[arg(short = 'o', long, conflicts_with = "noautorestart")]
    pub(crate) oneshot: bool,
    /// Do not start the child before somebody presses a key for it
    #[arg(short = 'w', long)]
    pub(crate) wait: bool,
    /// The key that kills the child or starts it; empty: none
    #[arg(short = 'k', long, value_name = "KEY", default_value = "^X")]
    pub(crate) killcmd: String,
    /// The key that goes on to the next mode; empty: none
    #[arg(long, value_name = "KEY", default_value = "^T")]
    pub(crate) autorestartcmd: String,
    /// The key that ends a connection; none unless it is said
    #[arg(short = 'x', long, value_name = "KEY", default_value = "", hide_default_value = true)]
    pub(crate) logoutcmd: String,
    /// The signal that the kill key sends to all of the child
    #[arg(long, value_name = "SIGNAL", default_value = "9")]
    pub(crate) killsig: String,
    /// Seconds that the child may take to end after another signal than 9, before force
    #[arg(short = 'G', long, value_name = "N", default_value_t = 5)]
    pub(crate) grace_period: u32,
    /// Characters that never reach the child; ^ makes a control character, ^^ is a caret
    #[arg(short = 'i', long, value_name = "CHARS", default_value = "", hide_default_value = true)]
    pub(crate) ignore: String,
    /// The most bytes of a core file of the child
    #[arg(long, value_name = "BYTES")]
    pub(crate) coresize: Option<u64>,
    /// The file that takes what is seen on the console; - is standard output. SIGHUP opens it anew
    #[arg(short = 'L', long, value_name = "FILE")]
    pub(crate) logfile: Option<PathBuf>,
    /// Put the moment before each line there, in the signs of strftime [default: the --timefmt in brackets]
    #[arg(
        long,
        value_name = "FORMAT",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = ""
    )]
    pub(crate) logstamp: Option<String>,
    /// How moments are written, in the signs of strftime
    #[arg(long, value_name = "FORMAT", default_value = "%c")]
    pub(crate) timefmt: String,
    /// The file that gets the number of this process
    #[arg(short = 'p', long, value_name = "FILE", env = "PROCSERV_PID", hide_env_values = true)]
    pub(crate) pidfile: Option<PathBuf>,
    /// The file that gets the number of this process, and where it listens
    #[arg(short = 'I', long, value_name = "FILE")]
    pub(crate) info_file: Option<PathBuf>,
    /// Stay in the foreground, and show what is seen on the console
    #[arg(short = 'f', long)]
    pub(crate) foreground: bool,
    /// The same, and tell of every decision
    #[arg(short = 'd', long)]
    pub(crate) debug: bool,
    /// Do not tell that it was started
    #[arg(short, long)]
    pub(crate) quiet: bool,
    /// It has been started behind, with these ports in place of 0
    #[arg(long, hide = true, value_name = "ENDPOINT")]
    pub(crate) behind: Vec<String>,
    /// The endpoint unless there is -P, the command and its arguments
    #[arg(trailing_var_arg = true, required = true, value_name = "ENDPOINT|COMMAND")]
    pub(crate) rest: Vec<String>,
}
