//! Arguments of `run`.

use super::look::span;
use clap::{Args, ValueEnum};
use mainstay_daemon::spec::signal_number;
use mainstay_keeper::Relay;
use std::path::PathBuf;
use std::time::Duration;

/// Arguments of `run`.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "The child and its daemon are called as --name says, else as the program. What the command ends with\n\
                        is the exit code: 128 + n for signal n, 127 where it is not found, 126 where it cannot be executed.\n\
                        Examples, as the first process of a container:\n  \
                        mainstay run --restart on-failure -- ./serve --port 80\n  \
                        mainstay run --alone --rewrite TERM=QUIT -- nginx -g 'daemon off;'"
)]
pub(crate) struct RunArgs {
    /// Whether it is started again when it ends [default: on-failure; never for the first process of a
    /// container whose input is a terminal, or with --alone]
    #[arg(long, value_name = "RULE", value_enum)]
    pub(crate) restart: Option<RestartRule>,
    /// A named policy: `systemd`, `kubernetes`, `pm2`
    #[arg(long, value_name = "NAME")]
    pub(crate) preset: Option<String>,
    /// How long it may take to end after SIGTERM, before it is killed [with --alone: as long as it
    /// takes]
    #[arg(long, value_name = "SPAN", value_parser = span)]
    pub(crate) grace: Option<Duration>,
    /// How long what it leaves behind gets after its end and SIGTERM, before it is killed
    #[arg(long, value_name = "SPAN", value_parser = span, default_value = "5s")]
    pub(crate) rest: Duration,
    #[command(flatten)]
    pub(crate) relay: RelayArgs,
    /// Send this signal when whoever started this program ends
    #[arg(long, value_name = "SIGNAL", value_parser = signal)]
    pub(crate) parent_death: Option<i32>,
    /// Nothing but this: no restarts, no journal, no commands from outside. One small process, which needs
    /// neither a folder to write in nor /proc
    #[arg(long, conflicts_with_all = ["restart", "preset", "no_journal", "keep_output"])]
    pub(crate) alone: bool,
    /// Keep what it prints, for `mainstay logs` and post-mortems: it then prints to pipes
    #[arg(long)]
    pub(crate) keep_output: bool,
    /// Keep no journal, whatever `--state` says
    #[arg(long)]
    pub(crate) no_journal: bool,
    /// The folder of the journal [default: by the daemon's name]
    #[arg(long, value_name = "FOLDER", env = "MAINSTAY_STATE", hide_env_values = true)]
    pub(crate) state: Option<PathBuf>,
    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub(crate) command: Vec<String>,
}

/// How signals get to the command, and its end to whoever started this program.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct RelayArgs {
    /// Send signals to its whole process group
    #[arg(short, long)]
    pub(crate) group: bool,
    /// Send the second signal where the first comes, or none for `0`: `TERM=QUIT`, `WINCH=0`
    #[arg(long, value_name = "SIGNAL=SIGNAL", value_parser = rewriting, value_delimiter = ',')]
    pub(crate) rewrite: Vec<(i32, Option<i32>)>,
    /// End with 0 where it ends with this code; it then counts as a clean end
    #[arg(long, value_name = "CODE", value_delimiter = ',')]
    pub(crate) success: Vec<u8>,
    /// Say on standard error which signals come and go, and which processes are taken in
    #[arg(short, long)]
    pub(crate) verbose: bool,
}

impl RelayArgs {
    pub(crate) fn relay(&self) -> Relay {
        Relay {
            group: self.group,
            rewrite: self.rewrite.clone(),
            success: self.success.clone(),
            tells: self.verbose,
        }
    }

    /// Returns the options that say the same.
    pub(crate) fn typed(&self) -> Vec<String> {
        let flags = [(self.group, "--group"), (self.verbose, "--verbose")];
        let flags = flags.into_iter().filter(|(is_set, _)| *is_set).map(|(_, flag)| flag.into());
        let rewrite = self.rewrite.iter().map(|(from, to)| {
            let to = to.unwrap_or(0);
            format!("--rewrite={from}={to}")
        });
        let success = self.success.iter().map(|code| format!("--success={code}"));
        flags.chain(rewrite).chain(success).collect()
    }
}

/// Whether a child is started again when it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum RestartRule {
    /// However it ended
    Always,
    /// Where it failed
    OnFailure,
    /// Never
    Never,
}

fn signal(typed: &str) -> Result<i32, String> {
    let unknown =
        || format!("there is no signal `{typed}`: say `TERM`, `SIGTERM`, `15` or `RTMIN+1`");
    signal_number(typed).map(i32::from).ok_or_else(unknown)
}

fn rewriting(typed: &str) -> Result<(i32, Option<i32>), String> {
    let (from, to) = typed
        .split_once(['=', ':'])
        .ok_or("two signals are wanted, as in `TERM=QUIT`, or `WINCH=0`")?;
    let from = signal(from)?;
    if matches!(from, 9 | 19) {
        return Err("nobody can catch SIGKILL and SIGSTOP".into());
    }
    Ok((from, if to == "0" { None } else { Some(signal(to)?) }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rewritings_are_read_as_they_are_written() {
        let table = [
            ("TERM=QUIT", Ok((15, Some(3)))),
            ("SIGTERM=SIGQUIT", Ok((15, Some(3)))),
            ("15:3", Ok((15, Some(3)))),
            ("WINCH=0", Ok((28, None))),
            ("TERM=RTMIN+3", Ok((15, Some(37)))),
        ];
        for (typed, expected) in table {
            assert_eq!(rewriting(typed), expected, "{typed}");
        }
        for typed in ["TERM", "TERM=", "=QUIT", "TERM=ENDED", "KILL=TERM", "0=TERM"] {
            assert!(rewriting(typed).is_err(), "{typed}");
        }
    }
}
