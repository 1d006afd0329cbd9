//! Which commands are possible, and why the others are not.

use super::command::{refused_by_journal, role};
use super::route::{Answer, Ask, json};
use super::trouble::Trouble;
use mainstay::{Refusal, View};
use mainstay_wire::api::{Choice, Command, Verb};

/// Every command to a child that needs nothing but its name.
const VERBS: [Verb; 15] = [
    Verb::Start { over: false },
    Verb::Start { over: true },
    Verb::Stop {},
    Verb::Restart {},
    Verb::Reload {},
    Verb::Recycle {},
    Verb::Pause { freeze: false },
    Verb::Pause { freeze: true },
    Verb::Resume {},
    Verb::Quarantine {},
    Verb::Release {},
    Verb::Acknowledge {},
    Verb::Reset { start: false },
    Verb::Reset { start: true },
    Verb::Remove {},
];

pub(super) async fn choices(ask: Ask) -> Answer {
    let view = ask.view().await?;
    let handle = &ask.service.handle;
    let verbs: Vec<mainstay::Verb> = VERBS.iter().filter_map(core).collect();
    let foretold = match handle.would(&view.path, verbs).await {
        Ok(foretold) => foretold,
        Err(error) => return Err(Trouble::ask(handle, error).await),
    };
    let mut choices = Vec::with_capacity(VERBS.len());
    for (verb, foretold) in VERBS.into_iter().zip(foretold) {
        choices.push(choice(&ask, &view, verb, foretold).await);
    }
    Ok(json(&choices))
}

async fn choice(ask: &Ask, view: &View, verb: Verb, foretold: Result<bool, Refusal>) -> Choice {
    let target = view.path.as_str().to_owned();
    let (who, id, if_run, if_revision) = (None, None, None, None);
    let command = Command { verb, target, why: String::new(), who, id, if_run, if_revision };
    let needed = role(&command);
    let trouble = match (ask.caller.require(needed), foretold) {
        (Err(_), _) => {
            let has = ask.caller.role().map_or("have no role", |role| role.word());
            let has = if ask.caller.role().is_some() { format!("are {has}") } else { has.into() };
            Some((format!("it takes the role {}, and you {has}", needed.word()), None))
        }
        (Ok(()), foretold) => match (refused_by_journal(&ask.service, &command.verb), foretold) {
            (Some(trouble), _) => Some((trouble.problem.text, trouble.problem.hint)),
            (None, Ok(true)) => None,
            (None, Ok(false)) => Some((so_already(&command.verb, view).into(), None)),
            (None, Err(refusal)) => {
                let path = view.path.as_str();
                let trouble = Trouble::refusal(&ask.service.handle, path, refusal).await;
                Some((trouble.problem.text, trouble.problem.hint))
            }
        },
    };
    let (why_not, hint) = trouble.unzip();
    Choice {
        command: core(&command.verb).map_or("", |verb| verb.word()).into(),
        role: needed.word().into(),
        possible: why_not.is_none(),
        why_not,
        hint: hint.flatten(),
        effect: effect(&command.verb, view),
        verb: command.verb,
    }
}

/// Returns a verb of the API as the tree knows it; none for what brings more along than its name.
fn core(verb: &Verb) -> Option<mainstay::Verb> {
    Some(match verb {
        Verb::Start { over } => mainstay::Verb::Start { over: *over },
        Verb::Stop {} => mainstay::Verb::Stop,
        Verb::Restart {} => mainstay::Verb::Restart,
        Verb::Reload {} => mainstay::Verb::Reload,
        Verb::Recycle {} => mainstay::Verb::Recycle,
        Verb::Pause { freeze } => mainstay::Verb::Pause { freeze: *freeze },
        Verb::Resume {} => mainstay::Verb::Resume,
        Verb::Quarantine {} => mainstay::Verb::Quarantine,
        Verb::Release {} => mainstay::Verb::Release,
        Verb::Acknowledge {} => mainstay::Verb::Acknowledge,
        Verb::Reset { start } => mainstay::Verb::Reset { start: *start },
        Verb::Remove {} => mainstay::Verb::Remove,
        Verb::Drain {} => mainstay::Verb::Drain,
        Verb::Add { .. } | Verb::Apply { .. } | Verb::Upgrade { .. } | Verb::TestHook { .. } => {
            return None;
        }
    })
}

/// Says what is so already, where a command would change nothing.
fn so_already(verb: &Verb, view: &View) -> &'static str {
    let is_root = view.path.as_str().is_empty();
    match verb {
        Verb::Start { .. } => "it is started already",
        Verb::Stop {} | Verb::Drain {} if is_root => "the tree is draining already",
        Verb::Stop {} | Verb::Drain {} => "it is stopped already, and stays down",
        Verb::Pause { freeze: false } => "it is paused already",
        Verb::Pause { freeze: true } => "it is paused already, and nothing of it runs on",
        Verb::Resume {} => "it is not paused itself",
        Verb::Quarantine {} => "it is quarantined already",
        Verb::Release {} => "it is not quarantined itself",
        Verb::Acknowledge {} => "it has no alert that nobody has seen",
        Verb::Reset { .. } => "nothing is counted against it, and its breaker is closed",
        Verb::Remove {} => "it is being removed already",
        Verb::Restart {}
        | Verb::Reload {}
        | Verb::Recycle {}
        | Verb::Add { .. }
        | Verb::Apply { .. }
        | Verb::Upgrade { .. }
        | Verb::TestHook { .. } => "it is so already",
    }
}

/// Says what a command does to this child.
fn effect(verb: &Verb, view: &View) -> String {
    let is_root = view.path.as_str().is_empty();
    let run = view.run.map(|run| format!("run #{}", run.0));
    let ends = match &run {
        Some(run) if view.kind == "supervisor" => format!("ends {run} and all below it in order"),
        Some(run) => format!("ends {run} in order"),
        None => "ends nothing: it does not run".into(),
    };
    let present = run.as_deref().unwrap_or("the live run");
    match verb {
        Verb::Start { over: false } => {
            "wants it up, and starts its next run now, whatever the delay".into()
        }
        Verb::Start { over: true } => "wants it up, and starts its next run now, in spite of an \
            open breaker or an abandoned run"
            .into(),
        Verb::Stop {} | Verb::Drain {} if is_root => {
            "ends the whole tree in order, and then the program".into()
        }
        Verb::Stop {} | Verb::Drain {} => {
            format!("{ends}; it stays down, over reboots too, until somebody starts it")
        }
        Verb::Restart {} => format!("{ends}, then starts the next run; no budget is charged"),
        Verb::Reload {} => format!("tells {present} to read its settings again"),
        Verb::Recycle {} => format!("replaces {present} by a fresh one; no budget is charged"),
        Verb::Pause { freeze: false } => {
            "what runs goes on; nothing starts by itself until it is resumed".into()
        }
        Verb::Pause { freeze: true } => {
            "suspends what runs; nothing starts by itself until it is resumed".into()
        }
        Verb::Resume {} => "ends the pause: what policy would have started is started".into(),
        Verb::Quarantine {} => format!("{ends}; every start is refused until it is released"),
        Verb::Release {} => "ends the quarantine: it is started where it is wanted up".into(),
        Verb::Acknowledge {} => "silences its alerts; what blocks it keeps blocking".into(),
        Verb::Reset { start: false } => "closes its breaker and forgets its failures".into(),
        Verb::Reset { start: true } => {
            "closes its breaker, forgets its failures, and starts it".into()
        }
        Verb::Remove {} => format!("{ends}, and takes it out of the tree"),
        Verb::Add { .. } => "adds a child below it".into(),
        Verb::Apply { .. } => "gives the tree another declaration".into(),
        Verb::Upgrade { .. } => "replaces the program, with everything kept".into(),
        Verb::TestHook { .. } => "has a hook deliver a fact that is only a test".into(),
    }
}
