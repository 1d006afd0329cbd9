//! The program `mainstay`: keeps processes running, explains every decision, and survives its own death.
//!
//! `args` is what can be typed, `command` carries it out, `client` asks the daemon, `show` makes text of the answers,
//! `top` is the tree on a terminal, `place` knows where daemons live. `up`, `run`, `procserv` and `brain` are the daemon
//! itself.

mod args;
mod brain;
mod client;
mod command;
mod dashboard;
mod demo;
mod fault;
mod passed;
mod place;
mod procserv;
mod run;
mod screen;
mod show;
mod top;
mod up;

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments = args::Arguments::parse();
    command::carry_out(&arguments).unwrap_or_else(|fault| {
        screen::complain(&fault, &arguments.global);
        fault.exit().into()
    })
}
