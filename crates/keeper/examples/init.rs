//! The smallest first process of a container: `init COMMAND...` runs one command, hands signals on to it, takes
//! in whoever loses its parent, and ends with the command's exit code.
//!
//! ```sh
//! cargo run -p mainstay-keeper --example init -- sh -c 'echo $$; exit 3'; echo $?
//! ```

use mainstay_keeper::{Init, Relay, init};
use mainstay_wire::Text;
use mainstay_wire::process::{Environment, Process};
use std::process::ExitCode;
use std::time::Duration;

fn main() -> ExitCode {
    let process = Process {
        command: std::env::args_os().skip(1).map(Text::from).collect(),
        environment: Environment { inherit: vec!["*".into()], set: Vec::new() },
        ..Process::default()
    };
    let relay = Relay { group: true, ..Relay::default() };
    match init(&Init { process, relay, grace: None, rest: Duration::from_secs(10) }) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("init: {error}");
            ExitCode::from(error.code())
        }
    }
}
