//! How well the tree says it is, against a walk through all of it.

use super::{Broken, Invariant, Judge, wrong};
use mainstay_core::child::{Child, Finish, Phase, Rest, State};
use mainstay_core::spec::Criticality;
use mainstay_core::{Asked, Condition, Health, Overall, Tree};

impl Judge {
    /// Compares what the tree counted on its way with what a walk counts now.
    pub(crate) fn health(tree: &Tree, told: Health) -> Result<(), Broken> {
        let mut counts = [0_u32; 4];
        let mut root_lives = false;
        for child in tree.children() {
            if child.above.is_none() {
                root_lives = child.life().is_some();
                continue;
            }
            let must = condition(child);
            if child.condition() != must {
                let path = tree.path(child.id).map(|path| path.to_string()).unwrap_or_default();
                let text = format!("{path} is {:?}, but {must:?}", child.condition());
                return wrong(Invariant::Health, text);
            }
            counts[must as usize] += 1;
        }
        let [fine, coming, degraded, faulted] = counts;
        let overall = if tree.drain().is_some() {
            Overall::Draining
        } else if faulted > 0 {
            Overall::Faulted
        } else if coming > 0 || !root_lives {
            Overall::Starting
        } else if degraded > 0 {
            Overall::Degraded
        } else {
            Overall::Serving
        };
        let must = Health { overall, fine, coming, degraded, faulted };
        if told != must {
            return wrong(Invariant::Health, format!("{told:?}, but {must:?}"));
        }
        Ok(())
    }
}

/// How well a child is, from its state and its spec.
fn condition(child: &Child) -> Condition {
    let matters = child.spec.criticality != Criticality::Optional;
    let coming = if matters { Condition::Coming } else { Condition::Fine };
    let faulted = if matters { Condition::Faulted } else { Condition::Degraded };
    match child.state {
        State::Live(life) => {
            let is_to_go = matches!(
                life.asked,
                Some((
                    Asked::Stop | Asked::Close | Asked::Quarantine | Asked::Remove | Asked::Idle,
                    _
                ))
            );
            match life.phase {
                Phase::Abandoned { .. } => Condition::Degraded,
                Phase::Ready { .. } => Condition::Fine,
                Phase::Stopping { .. } | Phase::Killing { .. } if is_to_go => Condition::Fine,
                _ => coming,
            }
        }
        State::Rest { why, .. } => match why {
            Rest::Waiting { .. }
            | Rest::Need { .. }
            | Rest::Slot { .. }
            | Rest::Storm { .. }
            | Rest::Group => coming,
            Rest::Broken { .. }
            | Rest::Cooldown { .. }
            | Rest::Quarantined
            | Rest::Finished(Finish::Failed | Finish::NeedLost | Finish::AwaitsStart) => faulted,
            _ => Condition::Fine,
        },
    }
}
