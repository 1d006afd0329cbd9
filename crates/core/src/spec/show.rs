//! The effective policy of a child in words, each value with where it came from.

use super::{ChildSpec, Criticality, Grace, Liveness, OnExhausted, Ready, Stop};
use super::{Field, Source};
use crate::moment::Brief;
use crate::policy::backoff::{Jitter, Shape};
use crate::policy::breaker::Cooldown;
use crate::policy::restart::Restart;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

/// One effective value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyLine {
    /// Which field.
    pub field: Field,
    /// Its value in words.
    pub value: String,
    /// Where it came from.
    pub source: Source,
}

impl fmt::Display for PolicyLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} ({})", self.field.name(), self.value, self.source)
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Preset(preset) => write!(f, "preset {}", preset.name()),
            Self::Explicit => f.write_str("spec"),
        }
    }
}

impl ChildSpec {
    /// Returns every effective value of the policy, and where it came from.
    pub fn policy(&self) -> Vec<PolicyLine> {
        Field::ALL
            .iter()
            .map(|field| PolicyLine {
                field: *field,
                value: self.value(*field),
                source: self.sources.of(*field),
            })
            .collect()
    }

    fn value(&self, field: Field) -> String {
        match field {
            Field::Restart => self.restart.to_string(),
            Field::Success => {
                let codes = self.success.codes.iter().map(|code| format!("code {code}"));
                let signals = self.success.signals.iter().map(|signal| format!("signal {signal}"));
                listed(["code 0".into()].into_iter().chain(codes).chain(signals))
            }
            Field::Criticality => self.criticality.to_string(),
            Field::StartTimeout => Brief(self.start_timeout).to_string(),
            Field::Ready => self.ready.to_string(),
            Field::ReadyTimeout => Brief(self.ready_timeout).to_string(),
            Field::Stop => self.stop.to_string(),
            Field::Backoff => self.backoff.shape.to_string(),
            Field::Jitter => self.backoff.jitter.to_string(),
            Field::Holdoff => Brief(self.backoff.holdoff).to_string(),
            Field::Budget if self.budget.is_empty() => "no limit".into(),
            Field::Budget => listed(self.budget.iter().map(ToString::to_string)),
            Field::OnExhausted => self.on_exhausted.to_string(),
            Field::Cooldown => listed(self.cooldown.iter().map(ToString::to_string)),
            Field::LevelDecay => Brief(self.level_decay).to_string(),
            Field::StableAfter => Brief(self.stable_after).to_string(),
            Field::Liveness => self.liveness.to_string(),
        }
    }
}

fn listed(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join(", ")
}

impl fmt::Display for Restart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Always => "always",
            Self::OnFailure => "on-failure",
            Self::Never => "never",
        })
    }
}

impl fmt::Display for Criticality {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Critical => "critical",
            Self::Required => "required",
            Self::Optional => "optional",
        })
    }
}

impl fmt::Display for OnExhausted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cooldown => "cooldown",
            Self::Quarantine => "quarantine",
            Self::Escalate => "escalate",
            Self::Shutdown => "shutdown",
        })
    }
}

impl fmt::Display for Ready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Immediate => "immediate",
            Self::Notify => "notify",
            Self::Fd => "fd",
            Self::Probe => "probe",
            Self::LogLine => "log line",
            Self::Explicit => "explicit",
        })
    }
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for grace in &self.steps {
            match grace {
                Grace::For(span) => write!(f, "a step of {}, ", Brief(*span))?,
                Grace::Unbounded => f.write_str("a step without a bound, ")?,
            }
        }
        if self.kill_wait.is_zero() {
            f.write_str("then abandoned at once")
        } else {
            write!(f, "then force, abandoned after {}", Brief(self.kill_wait))
        }
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::Fixed(delay) => write!(f, "fixed {}", Brief(*delay)),
            Self::Linear { first, step, most } => {
                write!(f, "linear from {} by {} to {}", Brief(*first), Brief(*step), Brief(*most))
            }
            Self::Exponential { first, factor, most } => {
                write!(f, "exponential from {} times {factor} to {}", Brief(*first), Brief(*most))
            }
            Self::Geometric { first, most, steps } => {
                write!(f, "geometric from {} to {} in {steps} steps", Brief(*first), Brief(*most))
            }
            Self::Ladder(rungs) => {
                write!(f, "ladder {}", listed(rungs.iter().map(|rung| Brief(*rung).to_string())))
            }
        }
    }
}

impl fmt::Display for Jitter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::Full => f.write_str("full"),
            Self::Equal => f.write_str("equal"),
            Self::Additive(most) => write!(f, "additive up to {}", Brief(*most)),
        }
    }
}

impl fmt::Display for Cooldown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::For(span) => write!(f, "{}", Brief(*span)),
            Self::Manual => f.write_str("manual"),
        }
    }
}

impl fmt::Display for Liveness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let heartbeat = self.heartbeat.iter().map(|heartbeat| {
            format!("a heartbeat every {}, {} misses", Brief(heartbeat.every), heartbeat.misses)
        });
        let probes = self.probes.iter().map(|probe| {
            let every = Brief(probe.every);
            format!("a {:?} probe every {every}, {} failures", probe.kind, probe.failures)
                .to_lowercase()
        });
        let progress = self.progress.iter().map(|span| format!("progress within {}", Brief(*span)));
        let watched = listed(heartbeat.chain(probes).chain(progress));
        f.write_str(if watched.is_empty() { "nothing is watched" } else { &watched })
    }
}

#[cfg(test)]
mod tests {
    use super::super::defaults::Profile;
    use super::super::draft::KindDraft;
    use super::super::{ChildDraft, Kind, Preset};
    use super::*;
    use crate::id::Path;

    #[test]
    fn every_value_says_where_it_came_from() {
        let draft = ChildDraft {
            name: "plc".into(),
            kind: Some(KindDraft::Leaf(Kind::Host)),
            preset: Some(Preset::Focas),
            jitter: Some(Jitter::Full),
            ..ChildDraft::default()
        };
        let (_, spec) = draft.build(Profile::Daemon, &Path::root()).expect("a valid child");
        let lines: Vec<String> = spec.policy().iter().map(ToString::to_string).collect();
        for expected in [
            "backoff: ladder 5s, 15s, 1m (preset focas)",
            "jitter: full (spec)",
            "criticality: optional (default)",
            "cooldown: 1h, 4h, manual (preset focas)",
            "budget: fewer than 3 failures in any 5m (preset focas)",
            "liveness: a heartbeat every 2s, 3 misses (preset focas)",
        ] {
            assert!(lines.iter().any(|line| line == expected), "{expected} is not in {lines:#?}");
        }
    }
}
