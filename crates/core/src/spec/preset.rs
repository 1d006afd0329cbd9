//! Named policies of other systems. A preset fills what a spec leaves open; what it fills is shown as its.
//!
//! A preset keeps the numbers of its original. Where an original has a known defect the preset does
//! not repeat it; `docs/presets.md` lists each such place.

use super::draft::{ChildDraft, GroupFill};
use super::{Criticality, Finished, Grace, Heartbeat, Liveness, OnExhausted, Stop};
use crate::policy::backoff::{Jitter, Shape};
use crate::policy::breaker::Cooldown;
use crate::policy::budget::{Admit, Count, Limit, Scope, Within};
use crate::policy::restart::Restart;
use alloc::vec;
use alloc::vec::Vec;
use core::time::Duration;

macro_rules! presets {
    ($($(#[doc = $doc:literal])+ $preset:ident = $name:literal,)+) => {
        /// A named policy.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Preset { $($(#[doc = $doc])+ $preset,)+ }

        impl Preset {
            /// Every preset, in the order of the documentation.
            pub const ALL: &[Self] = &[$(Self::$preset,)+];

            /// Returns the name the preset has in a spec file.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$preset => $name,)+ }
            }
        }
    };
}

presets! {
    /// An OTP supervisor (set on the supervisor and on its children): one restart in 5 s, serial starts and stops.
    Otp = "otp",
    /// The EPICS gateway's master: 10 starts in 600 s, 10 s apart, the first start counted.
    Epics = "epics",
    /// oxios' restartable surface: 5 retries in a row, 0.5 s doubling to 30 s, forgotten after 300 s.
    OxiosWeb = "oxios-web",
    /// oxios' critical task: any end ends the tree.
    OxiosCritical = "oxios-critical",
    /// The FOCAS host: ladder 5, 15, 60 s; the third failure in 5 min opens the breaker.
    Focas = "focas",
    /// The crash fuses of the tokio supervisor handle: 3 in 10 s a child, 10 in 60 s a supervisor.
    TokioSupervisor = "tokio-supervisor",
    /// A systemd service with `Restart=on-failure` and the stock limits.
    Systemd = "systemd",
    /// A supervisord program with the stock settings.
    Supervisord = "supervisord",
    /// A Kubernetes container with `restartPolicy: Always`.
    Kubernetes = "kubernetes",
    /// A PM2 process with `exp_backoff_restart_delay: 100`.
    Pm2 = "pm2",
    /// A process-compose process with `restart: always` and the stock backoff.
    ProcessCompose = "process-compose",
    /// A Nomad service task with the stock restart block.
    Nomad = "nomad",
    /// An s6 service.
    S6 = "s6",
    /// A runit service.
    Runit = "runit",
    /// A dinit service with `restart = true`.
    Dinit = "dinit",
    /// procServ with the stock holdoff.
    Procserv = "procserv",
}

const fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

const fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// A span whose far edge still belongs to it: our windows end before their span is over, some do not.
const fn inclusive(span: Duration) -> Duration {
    match span.checked_add(Duration::from_nanos(1)) {
        Some(longer) => longer,
        None => span,
    }
}

const fn limit(count: Count, most: u32, within: Within, scope: Scope) -> Limit {
    Limit { count, most, within, scope, admit: Admit::AtExit }
}

fn stop(grace: Duration) -> Stop {
    Stop { steps: vec![Grace::For(grace)], kill_wait: super::defaults::KILL_WAIT }
}

impl Preset {
    /// Finds a preset by its name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|preset| preset.name() == name)
    }

    /// Returns whether a run that was stable is followed by the next one without a delay.
    pub const fn forgives(self) -> bool {
        matches!(self, Self::Supervisord)
    }

    /// Returns what this preset says about a child, and about the children of a supervisor.
    ///
    /// Only the fields it speaks of are set. Limits on supervisors are part of the expansion; on a
    /// child that is none, those with another scope are left out by the caller's check.
    pub fn expand(self) -> (ChildDraft, GroupFill) {
        let none = GroupFill::default();
        let plain = |restart, shape, budget: Vec<Limit>| ChildDraft {
            restart: Some(restart),
            backoff: Some(shape),
            jitter: Some(Jitter::None),
            holdoff: Some(Duration::ZERO),
            budget: Some(budget),
            ..ChildDraft::default()
        };
        match self {
            Self::Otp => (
                ChildDraft {
                    criticality: Some(Criticality::Required),
                    stop: Some(stop(secs(5))),
                    on_exhausted: Some(OnExhausted::Escalate),
                    ..plain(
                        Restart::Always,
                        Shape::None,
                        vec![limit(
                            Count::Restarts,
                            1,
                            Within::Sliding(secs(5)),
                            Scope::Supervisor,
                        )],
                    )
                },
                GroupFill {
                    start_concurrency: Some(1),
                    finished: Some(Finished::Forget),
                    revive: Some(true),
                },
            ),
            // What a refused start leads to is left open: the library gives up with the last error, the
            // daemon cools down and tries again, where the original is down for good.
            Self::Epics => (
                ChildDraft {
                    holdoff: Some(secs(10)),
                    ..plain(
                        Restart::OnFailure,
                        Shape::None,
                        vec![limit(Count::Starts, 10, Within::Sliding(secs(600)), Scope::Child)],
                    )
                },
                none,
            ),
            Self::OxiosWeb => (
                ChildDraft {
                    on_exhausted: Some(OnExhausted::Shutdown),
                    stable_after: Some(secs(300)),
                    stop: Some(stop(secs(10))),
                    ..plain(
                        Restart::Always,
                        Shape::Exponential { first: millis(500), factor: 2.0, most: secs(30) },
                        vec![limit(Count::Restarts, 5, Within::Consecutive, Scope::Child)],
                    )
                },
                none,
            ),
            Self::OxiosCritical => (
                ChildDraft {
                    restart: Some(Restart::Never),
                    criticality: Some(Criticality::Critical),
                    stop: Some(stop(secs(10))),
                    ..ChildDraft::default()
                },
                none,
            ),
            Self::Focas => (focas(), none),
            Self::TokioSupervisor => (
                ChildDraft {
                    on_exhausted: Some(OnExhausted::Quarantine),
                    stop: Some(Stop { steps: vec![Grace::For(secs(5))], kill_wait: secs(1) }),
                    ..plain(
                        Restart::OnFailure,
                        Shape::Exponential { first: millis(100), factor: 2.0, most: secs(10) },
                        vec![
                            limit(Count::Failures, 3, Within::Sliding(secs(10)), Scope::Child),
                            limit(
                                Count::Failures,
                                10,
                                Within::Sliding(secs(60)),
                                Scope::Supervisor,
                            ),
                        ],
                    )
                },
                none,
            ),
            Self::Systemd => (systemd(), none),
            Self::Supervisord => (supervisord(), none),
            Self::Dinit => (dinit(), none),
            // A permanent failure is down until asked for; nothing else ever ends an s6 service.
            Self::S6 => (
                ChildDraft { on_exhausted: Some(OnExhausted::Quarantine), ..spaced(secs(1)) },
                none,
            ),
            Self::Runit => (spaced(secs(1)), none),
            Self::Procserv => (spaced(secs(15)), none),
            Self::Kubernetes => (
                ChildDraft {
                    stable_after: Some(secs(600)),
                    stop: Some(stop(secs(30))),
                    ..plain(
                        Restart::Always,
                        Shape::Exponential { first: secs(10), factor: 2.0, most: secs(300) },
                        Vec::new(),
                    )
                },
                none,
            ),
            Self::Pm2 => (
                ChildDraft {
                    on_exhausted: Some(OnExhausted::Quarantine),
                    stable_after: Some(secs(30)),
                    stop: Some(stop(millis(1_600))),
                    ..plain(
                        Restart::Always,
                        Shape::Ladder(pm2_rungs()),
                        vec![limit(Count::Failures, 16, Within::Tumbling(secs(16)), Scope::Child)],
                    )
                },
                none,
            ),
            Self::ProcessCompose => (
                ChildDraft {
                    on_exhausted: Some(OnExhausted::Quarantine),
                    stop: Some(stop(secs(10))),
                    ..plain(Restart::Always, Shape::Fixed(secs(1)), Vec::new())
                },
                none,
            ),
            Self::Nomad => (
                ChildDraft {
                    on_exhausted: Some(OnExhausted::Quarantine),
                    jitter: Some(Jitter::Additive(millis(3_750))),
                    stop: Some(stop(secs(5))),
                    ..plain(
                        Restart::Always,
                        Shape::Fixed(secs(15)),
                        vec![limit(
                            Count::Restarts,
                            2,
                            Within::Tumbling(inclusive(secs(1_800))),
                            Scope::Child,
                        )],
                    )
                },
                none,
            ),
        }
    }
}

/// Always restarted, this long from start to start, without an end.
fn spaced(holdoff: Duration) -> ChildDraft {
    ChildDraft {
        restart: Some(Restart::Always),
        backoff: Some(Shape::None),
        jitter: Some(Jitter::None),
        holdoff: Some(holdoff),
        budget: Some(Vec::new()),
        ..ChildDraft::default()
    }
}

fn systemd() -> ChildDraft {
    let starts = Within::Tumbling(inclusive(secs(10)));
    ChildDraft {
        restart: Some(Restart::OnFailure),
        success: Some(crate::exit::Success { codes: Vec::new(), signals: vec![1, 2, 13, 15] }),
        backoff: Some(Shape::Fixed(millis(100))),
        budget: Some(vec![Limit {
            admit: Admit::AtStart,
            ..limit(Count::Starts, 5, starts, Scope::Child)
        }]),
        on_exhausted: Some(OnExhausted::Quarantine),
        start_timeout: Some(secs(90)),
        stop: Some(stop(secs(90))),
        ..spaced(Duration::ZERO)
    }
}

/// Stock `autorestart=unexpected`: an exit code of 0 is final, every other end is not.
fn supervisord() -> ChildDraft {
    ChildDraft {
        restart: Some(Restart::OnFailure),
        backoff: Some(Shape::Linear { first: secs(1), step: secs(1), most: secs(3_600) }),
        budget: Some(vec![limit(Count::Restarts, 3, Within::Consecutive, Scope::Child)]),
        on_exhausted: Some(OnExhausted::Quarantine),
        stable_after: Some(secs(1)),
        stop: Some(stop(secs(10))),
        // With `stable_after: 0` there is no backoff at all; this keeps that from being a busy loop.
        ..spaced(super::defaults::HOLDOFF)
    }
}

fn dinit() -> ChildDraft {
    ChildDraft {
        budget: Some(vec![limit(Count::Restarts, 3, Within::Tumbling(secs(10)), Scope::Child)]),
        on_exhausted: Some(OnExhausted::Quarantine),
        stop: Some(stop(secs(10))),
        ..spaced(millis(200))
    }
}

fn focas() -> ChildDraft {
    ChildDraft {
        restart: Some(Restart::Always),
        backoff: Some(Shape::Ladder(vec![secs(5), secs(15), secs(60)])),
        jitter: Some(Jitter::None),
        holdoff: Some(Duration::ZERO),
        budget: Some(vec![limit(Count::Failures, 3, Within::Sliding(secs(300)), Scope::Child)]),
        on_exhausted: Some(OnExhausted::Cooldown),
        cooldown: Some(vec![
            Cooldown::For(secs(3_600)),
            Cooldown::For(4 * secs(3_600)),
            Cooldown::Manual,
        ]),
        stable_after: Some(secs(120)),
        start_timeout: Some(secs(15)),
        ready_timeout: Some(secs(15)),
        stop: Some(stop(secs(15))),
        liveness: Some(Liveness {
            heartbeat: Some(Heartbeat { every: secs(2), misses: 3, startup: None }),
            ..Liveness::default()
        }),
        ..ChildDraft::default()
    }
}

/// PM2 multiplies by 1.5 and rounds down to whole milliseconds each time, up to 15 s.
fn pm2_rungs() -> Vec<Duration> {
    let mut rungs = vec![100_u64];
    while let Some(last) = rungs.last().copied().filter(|last| *last < 15_000) {
        rungs.push((last * 3 / 2).min(15_000));
    }
    rungs.into_iter().map(millis).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pm2_rungs_are_the_published_ones() {
        let published =
            [100, 150, 225, 337, 505, 757, 1135, 1702, 2553, 3829, 5743, 8614, 12921, 15000];
        assert_eq!(pm2_rungs(), published.map(millis));
    }

    #[test]
    fn names_lead_back_to_their_presets() {
        for preset in Preset::ALL {
            assert_eq!(Preset::named(preset.name()), Some(*preset));
        }
        assert_eq!(Preset::named("upstart"), None);
    }
}
