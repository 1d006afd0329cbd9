//! `mainstay status`.

use super::Desk;
use crate::args::StatusArgs;
use crate::client::address;
use crate::fault::{Exit, Fault};
use crate::screen::say;
use crate::show;
use mainstay_wire::api::{Child, Overall, Standing, Status};
use std::collections::BTreeSet;

impl Desk {
    /// Shows the tree, some of it, or one child.
    pub(super) async fn status(&self, args: &StatusArgs) -> Result<Exit, Fault> {
        if args.watch {
            return self.watch(args).await;
        }
        if let [child] = args.children.as_slice()
            && !show::is_pattern(child)
        {
            return self.status_of_one(child.trim_matches('/')).await;
        }
        let body = self.client.read("/status").await?;
        let tree: Status = self.client.parse(&body)?;
        let chosen = self.chosen(args, &tree).await?;
        if !self.print_json(&body)? && !self.is_quiet {
            say(&show::status(&tree, chosen.as_ref(), &self.screen).text())?;
        }
        Ok(tree_exit(&tree))
    }

    async fn status_of_one(&self, path: &str) -> Result<Exit, Fault> {
        let body = self.client.read(&format!("/children/{}", address(path))).await?;
        let child: Child = self.client.parse(&body)?;
        if !self.print_json(&body)? && !self.is_quiet {
            say(&show::child(&child, self.client.now(), &self.screen))?;
        }
        Ok(child_exit(&child))
    }

    /// Returns the paths that are to be shown; none: all.
    pub(super) async fn chosen(
        &self,
        args: &StatusArgs,
        tree: &Status,
    ) -> Result<Option<BTreeSet<String>>, Fault> {
        let named = match args.children.as_slice() {
            [] => None,
            children => Some(self.expand(children).await?),
        };
        if named.is_none() && !args.trouble {
            return Ok(None);
        }
        let is_below = |path: &str, above: &str| {
            path.strip_prefix(above).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let is_meant = |child: &&Child| {
            let is_named = named.iter().flatten().any(|above| is_below(&child.path, above));
            (named.is_none() || is_named) && !(args.trouble && show::is_fine(child))
        };
        for name in named.iter().flatten() {
            if !tree.children.iter().any(|child| child.path == *name) {
                let known = tree.children.iter().map(|child| child.path.as_str());
                let near = show::nearest(name, known).map(|near| format!("did you mean `{near}`?"));
                let text = format!("there is no child `{name}`");
                return Err(Fault::Unknown { text, hint: near });
            }
        }
        Ok(Some(tree.children.iter().filter(is_meant).map(|child| child.path.clone()).collect()))
    }
}

/// Returns the exit code that says how a tree is.
fn tree_exit(tree: &Status) -> Exit {
    match tree.health.overall {
        Overall::Serving | Overall::Coming => Exit::Done,
        Overall::Degraded | Overall::Faulted | Overall::Draining | Overall::Ended => Exit::Failed,
    }
}

/// Returns the exit code that says how a child is, as init scripts do.
fn child_exit(child: &Child) -> Exit {
    match child.standing {
        Standing::Starting | Standing::Up | Standing::Ready | Standing::Stopping => Exit::Done,
        Standing::Down
        | Standing::Waiting
        | Standing::Blocked
        | Standing::Abandoned
        | Standing::Removed => Exit::Absent,
    }
}
