//! A schedule's declarations in our words: the `otp` preset everywhere, and what the schedule says.

use crate::schedule::{Decl, Flags, Restart, Schedule, Strategy, When, parent};
use mainstay_core::policy::budget::{Admit, Count, Limit, Scope, Within};
use mainstay_core::policy::restart::Restart as Rule;
use mainstay_core::spec::draft::{DynamicDraft, KindDraft};
use mainstay_core::spec::{
    self, AutoShutdown, ChildDraft, Kind, Preset, SupervisorDraft, TreeDraft,
};
use std::time::Duration;

pub(crate) fn tree(schedule: &Schedule) -> TreeDraft {
    let root = supervisor(schedule, ".", &schedule.root);
    let root_policy = ChildDraft {
        preset: Some(Preset::Otp),
        budget: Some(budget(&schedule.root)),
        ..ChildDraft::default()
    };
    TreeDraft { root, root_policy, ..TreeDraft::default() }
}

/// A child by its last name, with all below it where it is a supervisor.
pub(crate) fn child(schedule: &Schedule, decl: &Decl) -> ChildDraft {
    let (kind, budget) = match &decl.supervisor {
        Some(flags) => {
            let draft = supervisor(schedule, &decl.name, flags);
            (KindDraft::Supervisor(draft), Some(budget(flags)))
        }
        None => (KindDraft::Leaf(Kind::Task), None),
    };
    ChildDraft {
        name: decl.name.rsplit('/').next().unwrap_or_default().to_owned(),
        kind: Some(kind),
        preset: Some(Preset::Otp),
        restart: Some(match decl.restart {
            Restart::Permanent => Rule::Always,
            Restart::Transient => Rule::OnFailure,
            Restart::Temporary => Rule::Never,
        }),
        significant: Some(decl.significant),
        budget,
        ..ChildDraft::default()
    }
}

fn supervisor(schedule: &Schedule, name: &str, flags: &Flags) -> SupervisorDraft {
    let below = schedule.children.iter().filter(|decl| parent(&decl.name) == name);
    let mut children: Vec<ChildDraft> = below.map(|decl| child(schedule, decl)).collect();
    let is_dynamic = flags.strategy == Strategy::Simple;
    let template = if is_dynamic { children.pop() } else { None };
    SupervisorDraft {
        strategy: Some(match flags.strategy {
            Strategy::OneForOne | Strategy::Simple => spec::Strategy::OneForOne,
            Strategy::OneForAll => spec::Strategy::OneForAll,
            Strategy::RestForOne => spec::Strategy::RestForOne,
        }),
        children,
        auto_shutdown: Some(match flags.auto_shutdown {
            When::Never => AutoShutdown::Never,
            When::Any => AutoShutdown::AnySignificant,
            When::All => AutoShutdown::AllSignificant,
        }),
        dynamic: template.map(|template| DynamicDraft { template: Box::new(template), max: None }),
        ..SupervisorDraft::default()
    }
}

fn budget(flags: &Flags) -> Vec<Limit> {
    let within = Within::Sliding(Duration::from_secs(flags.period));
    let (count, scope, admit) = (Count::Restarts, Scope::Supervisor, Admit::AtExit);
    vec![Limit { count, most: flags.most, within, scope, admit }]
}
