//! `mainstay demo`: a small tree of flaky children, so that one command shows what this program is.

use crate::args::{DemoArgs, Global};
use crate::fault::Fault;
use crate::place::PlaceError;
use crate::screen::say;
use crate::up::{Declared, Manner, begin};
use std::process::ExitCode;

/// What is shown.
const SPEC: &str = include_str!("demo.yaml");

/// Prints or starts the tree.
pub(crate) fn demo(args: &DemoArgs, global: &Global) -> Result<ExitCode, Fault> {
    if args.print {
        say(SPEC)?;
        return Ok(ExitCode::SUCCESS);
    }
    let name = global.name.clone().unwrap_or_else(|| "demo".into());
    if !global.quiet {
        say(&format!(
            "Four flaky children. In another terminal: `mainstay --name {name} top`, \
             `mainstay --name {name} explain crasher`. Ctrl-C ends it.\n"
        ))?;
    }
    let folder = std::env::current_dir().map_err(PlaceError::Here)?;
    let text = Some(SPEC.into());
    let declared = Declared { name, file: folder, text, state: None, relay: None };
    let manner = Manner { detach: false, wait: None, echo: true, bare: false, tells: true };
    // It is found by its name, as is said above.
    let global = Global { name: Some(declared.name.clone()), ..global.clone() };
    begin(&declared, &manner, &global)
}
