//! The commands about hooks: what they were told, and trying one.

use super::Desk;
use crate::args::{HooksArgs, HooksCommand};
use crate::client::address;
use crate::fault::{Exit, Fault};
use crate::screen::say;
use crate::show;
use mainstay_wire::api::{Delivery, Dump, Verb};

impl Desk {
    pub(super) async fn hooks(&self, args: &HooksArgs) -> Result<Exit, Fault> {
        match &args.command {
            None => self.deliveries(args.hook.as_deref()).await,
            Some(HooksCommand::Test { hook, acting }) => {
                let verb = Verb::TestHook { hook: hook.clone() };
                let body = self.command(verb, "", acting).await?;
                if !self.print_json(&body)? && !self.is_quiet {
                    let reply: mainstay_wire::api::Reply = self.client.parse(&body)?;
                    say(&show::tame(&reply.text, false))?;
                }
                Ok(Exit::Done)
            }
        }
    }

    /// Lists what hooks were told and are to be told.
    pub(super) async fn deliveries(&self, hook: Option<&str>) -> Result<Exit, Fault> {
        let path = hook.map_or_else(
            || "/deliveries".to_owned(),
            |hook| format!("/deliveries?hook={}", address(hook)),
        );
        let body = self.client.read(&path).await?;
        let deliveries: Vec<Delivery> = self.client.parse(&body)?;
        if !self.print_json(&body)? && !self.is_quiet {
            say(&show::deliveries(&deliveries, self.client.now(), &self.screen))?;
        }
        Ok(Exit::Done)
    }

    /// Prints what the brain is doing.
    pub(super) async fn dump(&self) -> Result<Exit, Fault> {
        let body = self.client.read("/dump").await?;
        if !self.print_json(&body)? {
            let dump: Dump = self.client.parse(&body)?;
            for line in dump.text.lines() {
                say(&show::tame(line, false))?;
            }
        }
        Ok(Exit::Done)
    }
}
