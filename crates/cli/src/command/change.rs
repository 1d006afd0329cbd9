//! `mainstay add` and `mainstay apply`: what the tree is made of.

use super::Desk;
use crate::args::{Acting, AddArgs, ApplyArgs};
use crate::fault::{Exit, Fault};
use crate::screen::say;
use crate::show;
use hyper::body::Bytes;
use mainstay_wire::api::{Act, Reply, Verb};
use std::io::{IsTerminal, Read, Write};
use std::path::Path;

impl Desk {
    /// Adds children.
    pub(super) async fn add(&self, args: &AddArgs) -> Result<Exit, Fault> {
        let spec = match (&args.file, &args.child) {
            (Some(file), _) => read_text(file)?,
            (None, Some(name)) => fragment(name, &args.command),
            (None, None) => {
                let text = "say what to add: NAME and a command, or --file".into();
                return Err(Fault::Usage { text, hint: None });
            }
        };
        let below = args.below.trim_matches('/');
        let body = self.command(Verb::Add { spec }, below, &args.acting).await?;
        self.show_reply(&body).await?;
        Ok(Exit::Done)
    }

    /// Shows what would be done, asks, and does it.
    pub(super) async fn apply(&self, args: &ApplyArgs) -> Result<Exit, Fault> {
        let spec = args.file.as_deref().map(read_text).transpose()?;
        let (mut body, reply) = self.apply_once(spec.clone(), true, &args.acting).await?;
        let is_nothing = reply.plan.iter().all(|step| step.act == Act::Keep);
        if is_nothing && !args.dry_run {
            // What the file says of the program itself may be new all the same, and touches no child.
            (body, _) = self.apply_once(spec.clone(), false, &args.acting).await?;
        }
        if args.dry_run || is_nothing {
            if !self.print_json(&body)? && !self.is_quiet {
                say(&show::plan(&reply.plan, &self.screen))?;
            }
            return Ok(Exit::Done);
        }
        if !self.is_json && !self.is_quiet {
            say(&show::plan(&reply.plan, &self.screen))?;
        }
        if !args.yes && !confirmed()? {
            return Err(Fault::Failed { text: "nothing was applied".into(), hint: None });
        }
        let (body, _) = self.apply_once(spec, false, &args.acting).await?;
        self.show_reply(&body).await?;
        Ok(Exit::Done)
    }

    async fn apply_once(
        &self,
        spec: Option<String>,
        dry_run: bool,
        acting: &Acting,
    ) -> Result<(Bytes, Reply), Fault> {
        // The plan and the act are two commands: an id that was given is that of the act.
        let mut acting = acting.clone();
        if dry_run {
            acting.id = None;
        }
        let body = self.command(Verb::Apply { spec, dry_run }, "", &acting).await?;
        let reply = self.client.parse(&body)?;
        Ok((body, reply))
    }
}

/// Asks whoever types; nobody there is told how to say it beforehand.
fn confirmed() -> Result<bool, Fault> {
    if !std::io::stdin().is_terminal() {
        let text = "nobody can be asked whether to apply this".into();
        let hint = Some("say so with `--yes`, or only look with `--dry-run`".into());
        return Err(Fault::Usage { text, hint });
    }
    let mut err = std::io::stderr();
    write!(err, "apply? [y/N] ").and_then(|()| err.flush()).map_err(Fault::Output)?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer).map_err(|source| Fault::File {
        path: "-".into(),
        step: "read",
        source,
    })?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

/// Reads a file, or standard input for `-`.
pub(super) fn read_text(path: &Path) -> Result<String, Fault> {
    let mut text = String::new();
    let read = if path == Path::new("-") {
        std::io::stdin().read_to_string(&mut text)
    } else {
        std::fs::File::open(path).and_then(|mut file| file.read_to_string(&mut text))
    };
    read.map(|_| text).map_err(|source| Fault::File { path: path.into(), step: "read", source })
}

/// Returns the text of a spec file for one command. JSON strings are YAML too.
fn fragment(name: &str, command: &[String]) -> String {
    let command: Vec<String> = command.iter().map(|word| quote(word)).collect();
    format!("children:\n  {}:\n    command: [{}]\n", quote(name), command.join(", "))
}

fn quote(text: &str) -> String {
    // A dollar sign is doubled: nothing in it is a variable of the daemon.
    serde_json::Value::from(text.replace('$', "$$")).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_becomes_a_child_of_a_spec_file() {
        let command = ["./serve", "--title", "a \"b\": # ${c}"].map(String::from);
        let expected = "children:\n  \"web\":\n    command: [\"./serve\", \"--title\", \"a \\\"b\\\": # $${c}\"]\n";
        assert_eq!(fragment("web", &command), expected);
    }
}
