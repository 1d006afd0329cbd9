//! Erlang/OTP: the same cases, written in `otp/peers.escript`, on two schedulers.

use std::process::Command;

pub(crate) const NAME: &str = "otp";

/// Returns the command that runs what the arguments after it say.
pub(crate) fn command() -> Command {
    let mut command = Command::new("escript");
    command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/otp/peers.escript"));
    command
}
