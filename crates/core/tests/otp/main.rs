//! The `otp` preset against a real OTP supervisor: the same schedules, step by step the same facts.
//!
//! `README.md` says how to run more of them, `docs/otp.md` what is compared and where the two differ
//! on purpose.

mod compare;
mod declare;
mod deviation;
mod erlang;
mod generate;
mod ours;
mod schedule;

use compare::Tally;
use std::fs;

/// How many schedules one process of Erlang gets at a time.
const BATCH: u64 = 2_000;

#[test]
fn random_schedules_go_as_in_otp() {
    if !erlang::is_here() {
        return;
    }
    let (seed, count) = (number("OTP_SEED", 1), number("OTP_SCHEDULES", 1_000));
    let mut tally = Tally::default();
    for first in (0..count).step_by(BATCH as usize) {
        let numbers = first..count.min(first + BATCH);
        let schedules: Vec<_> = numbers.map(|number| generate::schedule(seed, number)).collect();
        let outside = schedules.iter().find_map(schedule::Schedule::outside);
        assert_eq!(outside, None, "the generator keeps to what can be compared");
        let traces = erlang::play("random", &schedules);
        tally.take(schedules, &traces);
    }
    conclude(&tally, &format!("OTP_SEED={seed} OTP_SCHEDULES={count}"));
}

#[test]
fn a_file_of_schedules_goes_as_in_otp() {
    if !erlang::is_here() {
        return;
    }
    let file =
        std::env::var_os("OTP_FILE").map_or_else(|| erlang::here().join("samples.txt"), Into::into);
    let text = fs::read_to_string(&file).expect("a file of schedules");
    let (outside, schedules): (Vec<_>, Vec<_>) =
        schedule::read(&text).into_iter().partition(|schedule| schedule.outside().is_some());
    for schedule in &outside {
        println!("{:>36} left out: {}", schedule.id, schedule.outside().unwrap_or_default());
    }
    let mut tally = Tally::default();
    let traces = erlang::play("file", &schedules);
    tally.take(schedules, &traces);
    conclude(&tally, &file.display().to_string());
}

#[test]
fn the_samples_are_what_otp_prints_today() {
    if !erlang::is_here() {
        return;
    }
    let sample = |name: &str| fs::read_to_string(erlang::here().join(name)).expect("a sample");
    let printed = erlang::print("samples", &sample("samples.txt"));
    let expected = sample("samples.trace");
    let differs = printed.lines().zip(expected.lines()).position(|(now, then)| now != then);
    if let Some(at) = differs {
        let around = |text: &str| {
            text.lines().skip(at.saturating_sub(8)).take(12).collect::<Vec<_>>().join("\n")
        };
        panic!(
            "line {} of samples.trace is another today\n\nnow:\n{}\n\nthen:\n{}",
            at + 1,
            around(&printed),
            around(&expected)
        );
    }
    assert_eq!(printed.lines().count(), expected.lines().count(), "lines of samples.trace");
}

fn conclude(tally: &Tally, source: &str) {
    println!("{source}: {}", tally.summary());
    let shown = number("OTP_SHOW", 1) as usize;
    let shown: Vec<String> = tally
        .differing
        .iter()
        .take(shown)
        .map(|schedule| compare::show(&compare::shrink(schedule.clone())))
        .collect();
    assert!(
        tally.differing.is_empty(),
        "{} schedules differ ({source}); made as small as they get:\n\n{}",
        tally.differing.len(),
        shown.join("\n")
    );
}

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).map_or(default, |text| {
        text.parse().unwrap_or_else(|_| panic!("{variable} must be a number, not {text:?}"))
    })
}
