//! Carries out what was typed: asks the daemon, and shows the answer.

mod act;
mod attach;
mod change;
mod doctor;
mod end;
mod hooks;
mod journal;
mod neighbours;
mod print;
mod read;
mod simulate;
mod spec;
mod status;
mod stream;
mod unit;
mod watch;

pub(crate) use act::compose;
pub(crate) use attach::DetachKeys;
pub(crate) use stream::left_out;

use crate::args::{Arguments, Command, DashboardArgs, Global};
use crate::client::Client;
use crate::fault::{Exit, Fault};
use crate::place::{self, Surroundings};
use crate::screen::{Screen, say};
use crate::show;
use crate::{brain, dashboard, demo, procserv, run, top, up};
use hyper::body::Bytes;
use mainstay_wire::api::{Status, Verb};
use std::process::ExitCode;
use std::time::Duration;

/// Who asks, and whom: what all commands that speak with a daemon need.
struct Desk {
    client: Client,
    screen: Screen,
    is_json: bool,
    is_quiet: bool,
}

/// Carries out one command line.
pub(crate) fn carry_out(arguments: &Arguments) -> Result<ExitCode, Fault> {
    let global = &arguments.global;
    let exit = match &arguments.command {
        Command::Up(args) => return up::up(args, global),
        Command::Run(args) => return run::run(args, global),
        Command::Keeper(args) => return brain::keep(args),
        Command::Brain(args) => return brain::decide(args),
        Command::Procserv(args) => return procserv::procserv(args, global),
        Command::Demo(args) => return demo::demo(args, global),
        Command::Check(args) => spec::check(args, global)?,
        Command::Schema => spec::schema()?,
        Command::Init(args) => spec::init(args, global)?,
        Command::Import(args) => neighbours::import(args, global)?,
        Command::Export(args) => neighbours::export(args, global)?,
        Command::Unit(args) => unit::unit(args, global)?,
        Command::Doctor(args) if args.dump => ask(global, async |desk| desk.dump().await)?,
        Command::Doctor(_) => doctor::doctor(global)?,
        Command::Journal(args) => journal::journal(args, global)?,
        Command::Completion(args) => print::completion(args.shell)?,
        Command::Man(args) => print::manual(&args.folder)?,
        Command::Reference => print::reference()?,
        Command::Simulate(args) => simulate::simulate(args, global)?,
        Command::Dashboard(args) => ask(global, async |desk| desk.dashboard(args).await)?,
        Command::CompleteChildren => ask(global, async |desk| desk.complete().await)?,
        Command::Down(args) => ask(global, async |desk| desk.down(args).await)?,
        Command::Status(args) => ask(global, async |desk| desk.status(args).await)?,
        Command::Top(args) => {
            top::check(global)?;
            ask(global, async |desk| top::top(&desk.client, &desk.screen, args).await)?
        }
        Command::Start(args) => {
            let verb = Verb::Start { over: args.over };
            ask(global, async |desk| desk.act(verb, &args.which, &args.acting).await)?
        }
        Command::Stop(args) => act(global, Verb::Stop {}, args)?,
        Command::Restart(args) => act(global, Verb::Restart {}, args)?,
        Command::Reload(args) => act(global, Verb::Reload {}, args)?,
        Command::Recycle(args) => act(global, Verb::Recycle {}, args)?,
        Command::Pause(args) => {
            let verb = Verb::Pause { freeze: args.freeze };
            ask(global, async |desk| desk.act(verb, &args.which, &args.acting).await)?
        }
        Command::Resume(args) => act(global, Verb::Resume {}, args)?,
        Command::Quarantine(args) => act(global, Verb::Quarantine {}, args)?,
        Command::Release(args) => act(global, Verb::Release {}, args)?,
        Command::Reset(args) => {
            let verb = Verb::Reset { start: args.start };
            ask(global, async |desk| desk.act(verb, &args.which, &args.acting).await)?
        }
        Command::Acknowledge(args) => act(global, Verb::Acknowledge {}, args)?,
        Command::Remove(args) => act(global, Verb::Remove {}, args)?,
        Command::Alerts(args) => ask(global, async |desk| desk.alerts(args).await)?,
        Command::Hooks(args) => ask(global, async |desk| desk.hooks(args).await)?,
        Command::Add(args) => ask(global, async |desk| desk.add(args).await)?,
        Command::Apply(args) => ask(global, async |desk| desk.apply(args).await)?,
        Command::Wait(args) => ask(global, async |desk| desk.wait(args).await)?,
        Command::Attach(args) => ask(global, async |desk| desk.attach(args).await)?,
        Command::Consoles(args) => ask(global, async |desk| desk.consoles(args).await)?,
        Command::Logs(args) => ask(global, async |desk| desk.logs(args).await)?,
        Command::Events(args) => ask(global, async |desk| desk.events(args).await)?,
        Command::Explain(args) => ask(global, async |desk| desk.explain(args).await)?,
        Command::History(args) => ask(global, async |desk| desk.history(args).await)?,
        Command::Postmortem(args) => ask(global, async |desk| desk.postmortem(args).await)?,
        Command::Upgrade(args) => ask(global, async |desk| desk.upgrade(args).await)?,
    };
    Ok(exit.into())
}

/// Waits until the tree serves.
pub(crate) fn wait_for_all(timeout: Duration, global: &Global) -> Result<ExitCode, Fault> {
    Ok(ask(global, async |desk| desk.wait_for_all(timeout).await)?.into())
}

/// Waits until the daemon that is meant has answered.
pub(crate) fn until_it_answers(global: &Global) -> Result<(), Fault> {
    ask(global, async |desk| desk.tree().await.map(drop))
}

/// Carries out a command that needs nothing but children.
fn act(global: &Global, verb: Verb, args: &crate::args::ActArgs) -> Result<Exit, Fault> {
    ask(global, async |desk| desk.act(verb, &args.which, &args.acting).await)
}

/// Finds the daemon that is meant, and asks it.
fn ask<T>(
    global: &Global,
    asking: impl AsyncFnOnce(&Desk) -> Result<T, Fault>,
) -> Result<T, Fault> {
    let around = Surroundings::here()?;
    let socket = place::socket(global.socket.as_deref(), global.name.as_deref(), &around)?;
    let desk = Desk {
        client: Client::new(socket, global.verbose),
        screen: Screen::of(global),
        is_json: global.json,
        is_quiet: global.quiet,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(Fault::Runtime)?.block_on(asking(&desk))
}

impl Desk {
    /// Reads the tree.
    async fn tree(&self) -> Result<Status, Fault> {
        self.client.parse(&self.client.read("/status").await?)
    }

    /// Returns the paths that are meant: patterns are looked up in the tree, names are taken as they are.
    async fn expand(&self, children: &[String]) -> Result<Vec<String>, Fault> {
        let mut paths: Vec<String> = Vec::new();
        let mut tree: Option<Status> = None;
        for child in children {
            let child = child.trim_matches('/');
            if !show::is_pattern(child) {
                paths.push(child.into());
                continue;
            }
            if tree.is_none() {
                tree = Some(self.tree().await?);
            }
            let known = tree.iter().flat_map(|tree| &tree.children).map(|child| &child.path);
            let found = paths.len();
            paths.extend(known.clone().filter(|path| show::matches(child, path)).cloned());
            if paths.len() == found {
                let near = show::nearest(child, known.map(String::as_str)).map(Into::into);
                return Err(Fault::NoMatch { pattern: child.into(), near });
            }
        }
        // A child that is named twice is meant once; the order is that of what was typed.
        let mut seen = std::collections::BTreeSet::new();
        paths.retain(|path| seen.insert(path.clone()));
        Ok(paths)
    }

    /// Serves the dashboard of the daemon that is meant, if there is one.
    async fn dashboard(&self, args: &DashboardArgs) -> Result<Exit, Fault> {
        let name = self.tree().await?.name;
        dashboard::serve(self.client.socket(), &name, args).await?;
        Ok(Exit::Done)
    }

    /// Prints an answer as it is where that is asked for. False: it is to be shown to a person.
    fn print_json(&self, body: &Bytes) -> Result<bool, Fault> {
        if self.is_json {
            say(&show::json(body, &self.screen))?;
        }
        Ok(self.is_json)
    }

    /// Prints the paths of all children.
    async fn complete(&self) -> Result<Exit, Fault> {
        let tree = self.tree().await?;
        for child in tree.children {
            say(&child.path)?;
        }
        Ok(Exit::Done)
    }
}
