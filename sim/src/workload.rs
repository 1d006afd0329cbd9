//! Makes the scenario of a seed: which tree, which commands, which tempers.
//!
//! Every seed leaves some things out altogether (swarm testing): a world in which everything goes
//! wrong at once never gets to the rare orders.

mod commands;
mod hosts;
mod specs;
mod wiring;

use crate::dice::Dice;
use crate::scenario::{Faults, Lies, Scenario, Temper};
use mainstay_core::Moment;
use mainstay_core::spec::defaults::Profile;
use std::time::Duration;

/// Returns the scenario of a seed, `span` of virtual time long.
pub fn scenario(seed: u64, span: Duration) -> Scenario {
    let mut dice = Dice::of(seed, "scenario", 0);
    let profile = if dice.percent(50) { Profile::Daemon } else { Profile::Library };
    let are_hosts = hosts::are_in(seed);
    let draft = match are_hosts {
        true => hosts::tree(&mut dice, seed, profile),
        false => specs::tree(&mut dice, seed, profile),
    };
    let temper = temper(&mut dice);
    let faults = faults(&mut dice);
    let end = Moment::ZERO + Duration::from_secs(1) + span;
    let restores = dice.percent(30);
    let mut scenario =
        Scenario { seed, draft, profile, script: Vec::new(), temper, faults, end, restores };
    if are_hosts {
        scenario.temper.lies = hosts::lies(&mut dice);
    }
    scenario.script = commands::script(&mut dice, &scenario);
    if are_hosts {
        hosts::users(&mut dice, span, &scenario.draft, &mut scenario.script);
    }
    scenario
}

fn temper(dice: &mut Dice) -> Temper {
    let mut some =
        |percent: u64, most: u64| if dice.percent(percent) { 1 + dice.below(most) } else { 0 };
    Temper {
        crashes: some(85, 100),
        clean: some(50, 100),
        start_fails: some(30, 30),
        slow: some(30, 25),
        stubborn: some(50, 60),
        immortal: some(40, 60),
        mute: some(40, 50),
        life: Duration::from_millis(1 << dice.between(6, 21)),
        lies: Lies::default(),
    }
}

fn faults(dice: &mut Dice) -> Faults {
    let mut some =
        |percent: u64, most: u64| if dice.percent(percent) { 1 + dice.below(most) } else { 0 };
    Faults {
        doubled: some(40, 15),
        late: some(40, 15),
        lazy_clock: some(40, 25),
        stale: some(30, 8),
    }
}
