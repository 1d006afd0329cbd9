//! Every policy against its definition, on many random inputs.

use mainstay_core::Moment;
use mainstay_core::policy::backoff::{Backoff, Jitter, Shape};
use mainstay_core::policy::breaker::{Breaker, BreakerState, Cooldown};
use mainstay_core::policy::budget::{Admit, Count, Limit, Scope, Window, Within};
use mainstay_sim::dice::Dice;
use std::time::Duration;

const ROUNDS: u64 = 3_000;

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

fn limit(most: u32, within: Within) -> Limit {
    Limit { count: Count::Restarts, most, within, scope: Scope::Child, admit: Admit::AtExit }
}

#[test]
fn a_sliding_window_counts_every_entry_younger_than_its_span() {
    for seed in 0..ROUNDS {
        let mut dice = Dice::new(seed);
        let span = Duration::from_nanos(dice.between(1, 60));
        let limit = limit(dice.between(0, 6) as u32, Within::Sliding(span));
        let (mut window, mut all, mut now) = (Window::new(&limit), Vec::new(), Moment::ZERO);
        for _ in 0..40 {
            now = now + Duration::from_nanos(dice.below(20));
            if dice.percent(60) {
                window.stamp(&limit, now);
                all.push(now);
            }
            let young = all.iter().filter(|entry| now.since(**entry) < span).count();
            let most = limit.most as usize + 1;
            assert_eq!(window.count(&limit, now) as usize, young.min(most), "seed {seed}");
            let reading = window.read(&limit, now);
            assert!(reading.falls.is_none_or(|falls| falls > now), "seed {seed}");
        }
    }
}

#[test]
fn a_tumbling_window_opens_with_an_entry_and_lasts_its_span() {
    for seed in 0..ROUNDS {
        let mut dice = Dice::new(seed);
        let span = Duration::from_nanos(dice.between(1, 60));
        let limit = limit(dice.between(0, 6) as u32, Within::Tumbling(span));
        let (mut window, mut all, mut now) = (Window::new(&limit), Vec::new(), Moment::ZERO);
        for _ in 0..40 {
            now = now + Duration::from_nanos(dice.below(20));
            if dice.percent(60) {
                window.stamp(&limit, now);
                all.push(now);
            }
            // From the first entry on: whatever is beyond the span opens the next window.
            let mut opened: Vec<Moment> = Vec::new();
            for entry in &all {
                match opened.first() {
                    Some(first) if entry.since(*first) < span => opened.push(*entry),
                    Some(_) | None => opened = vec![*entry],
                }
            }
            let lasts = opened.first().is_some_and(|first| now.since(*first) < span);
            let count = if lasts { opened.len() } else { 0 };
            assert_eq!(window.count(&limit, now) as usize, count, "seed {seed}");
        }
    }
}

#[test]
fn a_row_counts_until_it_is_forgotten() {
    let limit = limit(3, Within::Consecutive);
    let mut dice = Dice::new(7);
    let (mut window, mut row) = (Window::new(&limit), 0);
    for step in 0..ROUNDS {
        let now = Moment::from_nanos(step * 1_000_000_000);
        if dice.percent(20) {
            window.clear();
            row = 0;
        } else {
            window.stamp(&limit, now);
            row += 1;
        }
        assert_eq!(window.count(&limit, now), row);
    }
}

fn shape(dice: &mut Dice) -> Shape {
    let first = ms(dice.below(5_000));
    let most = first + ms(dice.below(60_000));
    match dice.below(6) {
        0 => Shape::None,
        1 => Shape::Fixed(first),
        2 => Shape::Linear { first, step: ms(dice.below(4_000)), most },
        3 => Shape::Exponential { first, factor: *dice.pick(&[1.0, 1.5, 2.0, 3.0]), most },
        4 => Shape::Geometric { first, most, steps: dice.below(8) as u32 },
        _ => Shape::Ladder((0..dice.between(1, 5)).map(|_| ms(dice.below(60_000))).collect()),
    }
}

#[test]
fn a_delay_stays_within_what_shape_jitter_and_wish_say() {
    for seed in 0..ROUNDS {
        let mut dice = Dice::new(seed);
        let extra = ms(dice.below(3_000));
        let jitters = [Jitter::None, Jitter::Full, Jitter::Equal, Jitter::Additive(extra)];
        let backoff = Backoff {
            shape: shape(&mut dice),
            jitter: *dice.pick(&jitters),
            holdoff: ms(dice.below(2_000)),
            forgives: false,
        };
        let most = backoff.shape.most().unwrap_or(Duration::MAX);
        for position in 0..12 {
            let wish = dice.percent(30).then(|| ms(dice.below(100_000)));
            let delay = backoff.delay(position, dice.roll(), wish);
            let base = backoff.shape.at(position);
            assert_eq!(delay.base, base);
            let (least, longest) = match backoff.jitter {
                Jitter::None => (base, base),
                Jitter::Full => (Duration::ZERO, base),
                Jitter::Equal => (base / 2, base),
                Jitter::Additive(extra) => (base, base.saturating_add(extra).min(most.max(base))),
            };
            let wish = wish.unwrap_or_default().min(most);
            assert!(delay.wait >= least.max(wish), "seed {seed} {backoff:?} {delay:?}");
            assert!(delay.wait <= longest.max(wish), "seed {seed} {backoff:?} {delay:?}");
            assert!(base <= most || matches!(backoff.shape, Shape::None | Shape::Fixed(_)));
        }
    }
}

#[test]
fn growing_shapes_never_fall_and_end_at_their_most() {
    for seed in 0..ROUNDS {
        let mut dice = Dice::new(seed);
        let shape = shape(&mut dice);
        if matches!(shape, Shape::Ladder(_)) {
            continue;
        }
        let delays: Vec<Duration> = (0..40).map(|position| shape.at(position)).collect();
        assert!(delays.is_sorted(), "seed {seed} {shape:?}");
    }
}

#[test]
fn holdoff_never_shortens_a_wait_and_counts_from_the_start() {
    for seed in 0..ROUNDS {
        let mut dice = Dice::new(seed);
        let holdoff = ms(dice.below(5_000));
        let backoff =
            Backoff { shape: shape(&mut dice), jitter: Jitter::None, holdoff, forgives: false };
        let began = Moment::ZERO + ms(dice.below(9_000));
        let now = began + ms(dice.below(9_000));
        let mut delay = backoff.delay(dice.below(4) as u32, 0, None);
        let due = backoff.due(now, began, &mut delay);
        assert_eq!(due, (now + delay.wait).max(began + holdoff), "seed {seed}");
        assert_eq!(now + delay.wait + delay.holdoff, due, "seed {seed}");
    }
}

#[test]
fn a_breaker_climbs_its_ladder_and_its_level_fades() {
    for seed in 0..ROUNDS {
        let mut dice = Dice::new(seed);
        let rungs: Vec<Cooldown> = (0..dice.between(1, 4))
            .map(|_| match dice.percent(20) {
                true => Cooldown::Manual,
                false => Cooldown::For(ms(dice.between(1, 9_000))),
            })
            .collect();
        let decay = ms(dice.between(1, 20_000));
        let (mut breaker, mut level, mut opened) = (Breaker::CLOSED, 0_u32, Moment::ZERO);
        let mut now = Moment::ZERO;
        for _ in 0..20 {
            now = now + ms(dice.below(30_000));
            let mut at = opened + decay;
            let mut present = level;
            while present > 0 && at <= now {
                present -= 1;
                at = at + decay;
            }
            assert_eq!(breaker.level(now, decay), present, "seed {seed}");
            if dice.percent(50) {
                let rung = rungs.get(present as usize).or_else(|| rungs.last());
                let until = match rung {
                    Some(Cooldown::For(span)) => Some(now + *span),
                    Some(Cooldown::Manual) | None => None,
                };
                assert_eq!(breaker.open(now, &rungs, decay), until, "seed {seed}");
                assert_eq!(breaker.state, BreakerState::Open(until));
                (level, opened) = (present + 1, now);
            }
        }
    }
}
