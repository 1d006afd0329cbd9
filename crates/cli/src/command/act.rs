//! The commands to children: start, stop, restart and their like.

use super::Desk;
use crate::args::{Acting, Which};
use crate::fault::{Exit, Fault};
use crate::screen::say;
use crate::show;
use hyper::body::Bytes;
use mainstay_wire::api::{Command, Reply, Status, Verb};
use std::fmt::Write as _;
use std::io::Write as _;

impl Desk {
    /// Asks the same of each child. One that refuses does not keep the others from being asked.
    pub(super) async fn act(
        &self,
        verb: Verb,
        which: &Which,
        acting: &Acting,
    ) -> Result<Exit, Fault> {
        let paths =
            if which.all { vec![String::new()] } else { self.expand(&which.children).await? };
        let is_for_one = which.if_run.is_some() || acting.id.is_some();
        if is_for_one && paths.len() > 1 {
            let (text, hint) = ("`--if-run` and `--id` hold for one child alone".into(), None);
            return Err(Fault::Usage { text, hint });
        }
        let mut first: Option<Fault> = None;
        let several = paths.len() > 1;
        for path in paths {
            let fault = match self.command_if(verb.clone(), &path, acting, which.if_run).await {
                Ok(body) => {
                    self.show_reply(&body).await?;
                    continue;
                }
                // What concerns the daemon concerns all that would follow.
                Err(fault @ Fault::Refused { .. }) if several => fault,
                Err(fault) => return Err(fault),
            };
            match first {
                // The first is said last, with its hint; where output cannot be written nobody is there.
                None => first = Some(fault),
                Some(_) => drop(writeln!(std::io::stderr(), "error: {}", fault.story())),
            }
        }
        first.map_or(Ok(Exit::Done), Err)
    }

    /// Sends one command that holds for whichever run there is, and returns the answer.
    pub(super) async fn command(
        &self,
        verb: Verb,
        target: &str,
        acting: &Acting,
    ) -> Result<Bytes, Fault> {
        self.command_if(verb, target, acting, None).await
    }

    async fn command_if(
        &self,
        verb: Verb,
        target: &str,
        acting: &Acting,
        if_run: Option<u64>,
    ) -> Result<Bytes, Fault> {
        self.client.command(&compose(verb, target, acting, if_run)?).await
    }

    /// Shows what came of a command.
    pub(super) async fn show_reply(&self, body: &Bytes) -> Result<(), Fault> {
        if self.print_json(body)? || self.is_quiet {
            return Ok(());
        }
        let reply: Reply = self.client.parse(body)?;
        // A service without a journal keeps nothing, and nobody expects it to.
        let is_kept =
            reply.durable || matches!(self.tree().await, Ok(Status { journal: None, .. }));
        say(&show::reply(&reply, is_kept, &self.screen))
    }
}

/// Returns a command with who asks and an id of its own.
pub(crate) fn compose(
    verb: Verb,
    target: &str,
    acting: &Acting,
    if_run: Option<u64>,
) -> Result<Command, Fault> {
    let id = match &acting.id {
        Some(id) => id.clone(),
        None => draw_id()?,
    };
    Ok(Command {
        verb,
        target: target.into(),
        why: acting.why.clone(),
        who: acting.who.clone().or_else(user),
        id: Some(id),
        if_run,
        if_revision: None,
    })
}

/// Returns the name of the user who asks.
fn user() -> Option<String> {
    ["SUDO_USER", "USER", "LOGNAME"]
        .into_iter()
        .find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
}

/// Draws the id of a command, so that asking again has no second effect.
fn draw_id() -> Result<String, Fault> {
    let mut bytes = [0_u8; 16];
    let path = "/dev/urandom";
    std::fs::File::open(path)
        .and_then(|mut file| std::io::Read::read_exact(&mut file, &mut bytes))
        .map_err(|source| Fault::File { path: path.into(), step: "draw an id from", source })?;
    let mut id = String::with_capacity(32);
    for byte in bytes {
        // Writing to a string cannot fail.
        let _ = write!(id, "{byte:02x}");
    }
    Ok(id)
}
