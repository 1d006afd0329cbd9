//! Plays a child that dies as soon as it has started, in virtual time, and lets the core explain itself.
//!
//! ```text
//! cargo run -p mainstay-core --example crash_loop
//! cargo run -p mainstay-core --example crash_loop -- systemd 3s
//! ```
//!
//! The first argument names a preset, `default` for the daemon's defaults; the second says how long
//! each run lives.

use mainstay_core::spec::defaults::Profile;
use mainstay_core::spec::draft::KindDraft;
use mainstay_core::spec::{ChildDraft, Kind, Preset, TreeDraft};
use mainstay_core::{ChildId, Effect, Effects, Event, Exit, Input, Moment, Tree};
use std::process::ExitCode;
use std::time::Duration;

/// How long the story goes on where nothing ends it.
const SPAN: Duration = Duration::from_secs(15 * 60);

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let name = args.next().unwrap_or_else(|| "default".into());
    let lives = args.next().unwrap_or_else(|| "0s".into());
    let preset = Preset::named(&name);
    let Some(lives) = seconds(&lives).filter(|_| preset.is_some() || name == "default") else {
        let names: Vec<&str> = Preset::ALL.iter().map(|preset| preset.name()).collect();
        eprintln!("usage: crash_loop [PRESET] [SECONDS s]\npresets: default {}", names.join(" "));
        return ExitCode::from(2);
    };
    let mut draft = TreeDraft::default();
    let kind = Some(KindDraft::Leaf(Kind::Process));
    draft.root.children.push(ChildDraft {
        name: "web".into(),
        kind,
        preset,
        ..ChildDraft::default()
    });
    match draft.build(Profile::Daemon) {
        Ok((spec, warnings)) => {
            for warning in warnings {
                println!("check: {warning}");
            }
            play(&mut Tree::new(&spec), lives);
            ExitCode::SUCCESS
        }
        Err(problems) => {
            for problem in problems {
                eprintln!("{problem}");
            }
            ExitCode::FAILURE
        }
    }
}

fn seconds(text: &str) -> Option<Duration> {
    Duration::try_from_secs_f64(text.strip_suffix('s')?.parse().ok()?).ok()
}

/// Feeds the tree its own consequences: each run starts at once and dies after `lives`.
fn play(tree: &mut Tree, lives: Duration) {
    let mut out = Effects::new();
    let mut dying: Option<(Moment, Input)> = None;
    let mut input = Input::Boot;
    let mut now = Moment::ZERO;
    loop {
        out.clear();
        tree.handle(now, input, &mut out);
        for event in &out.events {
            tell(now, event);
        }
        let started = out.effects.iter().find_map(|effect| {
            if let Effect::Start { child, run, .. } = effect { Some((*child, *run)) } else { None }
        });
        if let Some((child, run)) = started {
            let exit = Exit::Failed { code: Some(1), class: Default::default(), retry_after: None };
            dying = Some((
                now + lives,
                Input::Exited { child, run, exit, detail: Some("out of luck".into()) },
            ));
            input = Input::Started(child, run);
            continue;
        }
        let deadline = tree.deadline().map(|(at, _)| at);
        let next = match (dying.take(), deadline) {
            (Some((at, exit)), deadline) if deadline.is_none_or(|deadline| at < deadline) => {
                Some((at, exit))
            }
            (dies, Some(deadline)) => {
                dying = dies;
                Some((deadline, Input::Clock))
            }
            (_, None) => None,
        };
        match next.filter(|(at, _)| *at <= Moment::ZERO + SPAN && !tree.has_ended()) {
            Some((at, what)) => (now, input) = (at, what),
            None => break,
        }
    }
    if let Some(story) = tree.find(&"web".into()).and_then(|web: ChildId| tree.explain(web)) {
        println!("\n{story}");
    }
}

/// Prints what an operator would want to see of an event.
#[expect(clippy::wildcard_enum_match_arm, reason = "a story tells a few of many events")]
fn tell(now: Moment, event: &Event) {
    let text = match event {
        Event::Starting { run, trial: false, .. } => format!("run {run} starts"),
        Event::Starting { run, .. } => format!("run {run} starts, on trial"),
        Event::Exited { run, cause, .. } => format!("run {run} {cause}"),
        Event::Counted { before, stamped, spent, .. } => {
            let after = before.count + u32::from(*stamped);
            format!("  counted {after} of {}{}", before.most, if *spent { ": spent" } else { "" })
        }
        Event::Decided { rule, action, .. } => format!("  {rule}: {action}"),
        Event::Alert { kind, .. } => format!("  alert: {kind}"),
        Event::Stable { child, .. } if *child != ChildId::ROOT => {
            "  stable: earlier failures are forgotten".into()
        }
        _ => return,
    };
    println!("{:>10}  {text}", now.to_string());
}
