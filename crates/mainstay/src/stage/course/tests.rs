//! Courses by seed: code of the user's that fails, panics and dawdles in every phase, and everything that can come
//! from outside, at every point.

use super::*;
use std::time::Duration;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Opening,
    Working,
    Mending,
    Leaving,
    Done,
    Broken,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Event {
    Opened,
    Failed,
    Mended,
    Leave,
    Left,
    Late,
    Never,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    Open,
    Count,
    Close,
    Mend,
}

struct Fuzzed;

impl Machine for Fuzzed {
    type State = State;
    type Event = Event;
    type Action = Action;
    type Context = u64;
}

const LIMIT: Duration = Duration::from_secs(5);

fn table(maps: bool, most: u32) -> Arc<Table<Fuzzed>> {
    use Action::{Close, Count, Mend, Open};
    let table = Table::<Fuzzed>::starts(State::Opening, Event::Failed)
        .state(State::Opening, |s| s.enter([Open]).on(Event::Opened, State::Working, [Count]))
        .state(State::Working, |s| {
            s.after(LIMIT, Event::Late)
                .exit([Count, Close])
                .stay(Event::Late, [Count])
                .on_if(Event::Opened, "even", |n| n.is_multiple_of(2), State::Working, [Mend])
                .on(Event::Failed, State::Mending, [Close, Mend])
                .on(Event::Leave, State::Leaving, [])
        })
        .state(State::Mending, |s| s.enter([Mend]).on(Event::Mended, State::Opening, [Count]))
        .state(State::Leaving, |s| {
            s.after(LIMIT, Event::Left).on(Event::Left, State::Done, [Close, Count])
        })
        .anywhere(Event::Failed, State::Broken, [Close])
        .end(State::Done, Finish::Completed)
        .end_with(State::Broken, Finish::Failed, [Close])
        .failures(most, Duration::from_secs(60));
    let table = if maps {
        table.control(Control::Stop, Event::Leave).control(Control::Drain, Event::Leave)
    } else {
        table
    };
    Arc::new(table.build().expect("a table without faults"))
}

/// Hears everything.
#[derive(Default)]
struct Heard(Vec<News>);

impl Voice for Heard {
    fn has_room(&mut self, _: Moment) -> bool {
        true
    }

    fn tell(&mut self, _: Moment, news: News) {
        self.0.push(news);
    }
}

struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}

fn trouble(dice: &mut Dice, step: u32) -> Trouble {
    let text = format!("trouble {step}");
    if dice.below(3) > 0 {
        return Trouble::said(&text);
    }
    Trouble::panicked(Panic { message: text.into(), place: None, backtrace: None })
}

/// What one life came to.
struct Lived {
    news: Vec<News>,
    exit: Exit,
    second: bool,
}

fn live(seed: u64) -> Lived {
    let mut dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    let (maps, most) = (dice.below(2) == 0, dice.below(4) as u32);
    let failing = dice.below(30);
    // Every twentieth has nothing to do and never says so.
    let is_idle = dice.below(20) == 0;
    let mut now = Moment::ZERO;
    let mut course = Course::new(&table(maps, most), now);
    let mut heard = Heard::default();
    let (mut idle, mut stopped_at) = (0, None);
    let mut must_not_act: Option<usize> = None;
    for step in 0..20_000_u32 {
        if dice.below(40) == 0 {
            course.command(match dice.below(8) {
                0 => Control::Stop,
                1 => Control::Drain,
                2..=4 => Control::Pause,
                _ => Control::Resume,
            });
        }
        if dice.below(25) == 0 {
            course.event([Event::Never, Event::Mended, Event::Late][dice.below(3) as usize]);
        }
        let context = dice.below(10);
        match course.advance(now, &context, &mut heard) {
            Next::Act(_) => {
                // Whatever is done after a failure belongs to the failure event, which is told first.
                if let Some(at) = must_not_act.take() {
                    assert!(matches!(heard.0.get(at), Some(News::Moved { .. })), "seed {seed}");
                }
                let fails = dice.below(100) < failing;
                let result = if fails { Err(trouble(&mut dice, step)) } else { Ok(()) };
                course.acted(result, now, &context, &mut heard);
                must_not_act = fails.then_some(heard.0.len() - 1);
            }
            Next::Dispatch(state) => {
                must_not_act = None;
                let awaited = !is_idle && dice.below(3) == 0;
                let failures = heard.0.len();
                idle = if awaited { 0 } else { idle + 1 };
                assert!(idle <= IDLE_TURNS + 1, "seed {seed}: it spins");
                let result = match dice.below(100) {
                    _ if is_idle => Ok(Directive::Continue),
                    n if n < failing => Err(trouble(&mut dice, step)),
                    n if n < 60 => Ok(Directive::Continue),
                    n if n < 62 => Ok(Directive::Terminate),
                    n if n < 64 => Ok(Directive::Transition(Event::Never)),
                    n if n < 80 => Ok(Directive::Wait),
                    _ => Ok(Directive::Transition(match state {
                        State::Opening | State::Working => Event::Opened,
                        State::Mending => Event::Mended,
                        State::Leaving => Event::Left,
                        State::Done | State::Broken => {
                            unreachable!("a final state is not dispatched")
                        }
                    })),
                };
                if !matches!(result, Ok(Directive::Continue)) {
                    idle = 0;
                }
                course.dispatched(result, awaited, now, &context, &mut heard);
                if heard.0[failures..].iter().any(|news| matches!(news, News::Failed { .. })) {
                    idle = 0;
                }
            }
            Next::Wait => {
                idle = 0;
                now = match course.deadline() {
                    Some(deadline) => deadline.max(now),
                    None => now + Duration::from_millis(dice.below(2_000)),
                };
                if step > 5_000 && stopped_at.is_none() {
                    course.command(Control::Resume);
                    course.command(Control::Stop);
                    stopped_at = Some(step);
                }
            }
            Next::End => {
                let second = course.second.is_some();
                return Lived { news: heard.0, exit: course.exit().0, second };
            }
        }
        now = now + Duration::from_micros(dice.below(50));
        if step == 6_000 {
            course.command(Control::Stop);
        }
    }
    panic!("seed {seed}: it never ends")
}

#[test]
fn every_life_by_seed_ends_once_and_says_how() {
    let mut hows = Vec::new();
    for seed in 1..=4_000 {
        let Lived { news, exit, second } = live(seed);
        let ends = news.iter().filter(|news| news.is_end()).count();
        assert_eq!(ends, 1, "seed {seed}: {news:#?}");
        let Some(News::Settled { how, detail, .. }) = news.last() else {
            panic!("seed {seed}: the end is told last: {news:#?}")
        };
        let failures: Vec<&News> =
            news.iter().filter(|news| matches!(news, News::Failed { .. })).collect();
        let first = failures.first().and_then(|news| match news {
            News::Failed { error, .. } => Some(error.to_string()),
            News::Moved { .. }
            | News::Acted { .. }
            | News::Unhandled { .. }
            | News::Omitted(_)
            | News::Settled { .. } => None,
        });
        match how {
            Settled::Done | Settled::Stopped => assert_eq!(exit, Exit::Completed),
            Settled::Failed | Settled::Panicked => assert_ne!(exit, Exit::Completed),
            Settled::Forced | Settled::Abandoned => panic!("seed {seed}: nobody forced it"),
        }
        // The first failure is visible to the end, and where there was a second one both are.
        if let Some(first) = first {
            let detail = detail.as_deref().unwrap_or_default();
            assert!(detail.contains(&first), "seed {seed}: {detail} hides {first}");
            assert_eq!(second, failures.len() > 1, "seed {seed}");
            assert!(!second || detail.matches(" failed: ").count() == 2, "seed {seed}: {detail}");
        }
        hows.push(*how);
    }
    for how in [Settled::Done, Settled::Stopped, Settled::Failed, Settled::Panicked] {
        assert!(hows.contains(&how), "no seed ended so: {how:?}");
    }
}

#[test]
fn failures_are_bounded_within_their_span() {
    for most in 0..5 {
        let mut course = Course::new(&table(false, most), Moment::ZERO);
        let (mut heard, mut failures) = (Heard::default(), 0);
        let over = loop {
            match course.advance(Moment::ZERO, &0, &mut heard) {
                Next::Act(_) => course.acted(Ok(()), Moment::ZERO, &0, &mut heard),
                Next::Dispatch(State::Working) => {
                    failures += 1;
                    let wrong = Err(Trouble::said("no"));
                    course.dispatched(wrong, true, Moment::ZERO, &0, &mut heard);
                }
                Next::Dispatch(state) => {
                    let event = if state == State::Mending { Event::Mended } else { Event::Opened };
                    let next = Ok(Directive::Transition(event));
                    course.dispatched(next, true, Moment::ZERO, &0, &mut heard);
                }
                Next::Wait => panic!("nothing waits here"),
                Next::End => break course.over().map(|over| over.how),
            }
        };
        assert_eq!((over, failures), (Some(Settled::Failed), most + 1));
    }
}

#[test]
fn what_was_to_follow_a_failed_action_is_left_out_and_named() {
    let mut course = Course::new(&table(false, 5), Moment::ZERO);
    let mut heard = Heard::default();
    let mut done = Vec::new();
    loop {
        match course.advance(Moment::ZERO, &0, &mut heard) {
            // Leaving `Working` at an even number: Count and Close, Mend, and nothing on entering.
            Next::Act(Action::Close) => {
                let wrong = Err(Trouble::said("it is stuck"));
                course.acted(wrong, Moment::ZERO, &0, &mut heard);
                break;
            }
            Next::Act(action) => {
                done.push(action);
                course.acted(Ok(()), Moment::ZERO, &0, &mut heard);
            }
            Next::Dispatch(_) => {
                let next = Ok(Directive::Transition(Event::Opened));
                course.dispatched(next, true, Moment::ZERO, &0, &mut heard);
            }
            Next::Wait | Next::End => panic!("it acts"),
        }
    }
    assert_eq!(done, [Action::Open, Action::Count, Action::Count]);
    let told = heard.0.iter().find_map(|news| match news {
        News::Failed { what, left_out, .. } => Some((what.to_string(), left_out.clone())),
        News::Moved { .. }
        | News::Acted { .. }
        | News::Unhandled { .. }
        | News::Omitted(_)
        | News::Settled { .. } => None,
    });
    assert_eq!(told, Some(("action Close".into(), Some("Mend".into()))));
    assert_eq!(course.state, State::Mending);
}

#[test]
fn a_pause_that_is_not_mapped_holds_the_dispatch_and_a_stop_ends_it() {
    let mut course = Course::new(&table(false, 5), Moment::ZERO);
    let mut heard = Heard::default();
    assert_eq!(course.advance(Moment::ZERO, &0, &mut heard), Next::Act(Action::Open));
    course.command(Control::Pause);
    course.acted(Ok(()), Moment::ZERO, &0, &mut heard);
    assert_eq!(course.advance(Moment::ZERO, &0, &mut heard), Next::Wait);
    course.command(Control::Resume);
    let next = course.advance(Moment::ZERO, &0, &mut heard);
    assert_eq!(next, Next::Dispatch(State::Opening));
    course.command(Control::Pause);
    course.command(Control::Stop);
    assert_eq!(course.advance(Moment::ZERO, &0, &mut heard), Next::End);
    assert_eq!(course.over().map(|over| over.how), Some(Settled::Stopped));
}

/// Steps to the dispatch of a state; dispatch says what leads there from the first one.
fn working(maps: bool) -> (Course<Fuzzed>, Heard) {
    let (mut course, mut heard) = (Course::new(&table(maps, 5), Moment::ZERO), Heard::default());
    loop {
        match course.advance(Moment::ZERO, &1, &mut heard) {
            Next::Act(_) => course.acted(Ok(()), Moment::ZERO, &1, &mut heard),
            Next::Dispatch(State::Opening) => {
                let opened = Ok(Directive::Transition(Event::Opened));
                course.dispatched(opened, true, Moment::ZERO, &1, &mut heard);
            }
            Next::Dispatch(_) => return (course, heard),
            Next::Wait | Next::End => panic!("it works"),
        }
    }
}

/// Tries until it has had enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    Trying,
    Resting,
    GivenUp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    Again,
    Enough,
    Failed,
}

struct Patient;

impl Machine for Patient {
    type State = At;
    type Event = Then;
    type Action = ();
    type Context = ();
}

fn patient() -> Course<Patient> {
    let table = Table::<Patient>::starts(At::Trying, Then::Failed)
        .state(At::Trying, |s| {
            s.after(LIMIT, Then::Enough)
                .stay(Then::Again, [()])
                .on(Then::Failed, At::Resting, [])
                .on(Then::Enough, At::GivenUp, [])
        })
        .state(At::Resting, |s| s.on(Then::Again, At::Trying, []).stay(Then::Failed, []))
        .end(At::GivenUp, Finish::Failed)
        .build();
    Course::new(&Arc::new(table.expect("a table without faults")), Moment::ZERO)
}

#[test]
fn events_that_never_end_do_not_hide_a_time_limit() {
    let (mut course, mut heard) = (patient(), Heard::default());
    for _ in 0..3 {
        course.event(Then::Again);
    }
    let (late, mut acted) = (Moment::ZERO + LIMIT, 0);
    while course.advance(late, &(), &mut heard) == Next::Act(()) {
        // Each that is taken is followed by another one.
        course.event(Then::Again);
        course.acted(Ok(()), late, &(), &mut heard);
        acted += 1;
        assert!(acted <= 3, "what was there before goes first, and nothing that came later");
    }
    assert_eq!((course.state, acted), (At::GivenUp, 3));
}

#[test]
fn one_that_is_leaving_is_not_cut_by_being_asked_again() {
    for again in [Control::Stop, Control::Drain] {
        let (mut course, mut heard) = working(true);
        course.command(Control::Stop);
        while course.state != State::Leaving || !course.actions.is_empty() {
            match course.advance(Moment::ZERO, &1, &mut heard) {
                Next::Act(_) => course.acted(Ok(()), Moment::ZERO, &1, &mut heard),
                Next::Dispatch(_) | Next::Wait | Next::End => break,
            }
        }
        course.command(again);
        let next = course.advance(Moment::ZERO, &1, &mut heard);
        assert_eq!(next, Next::Dispatch(State::Leaving), "{again:?}");
        let left = Ok(Directive::Transition(Event::Left));
        course.dispatched(left, true, Moment::ZERO, &1, &mut heard);
        assert_eq!(course.advance(Moment::ZERO, &1, &mut heard), Next::Act(Action::Close));
    }
}

#[test]
fn it_takes_no_more_than_it_has_at_hand() {
    let (mut course, mut heard) = working(false);
    let mut taken = 0;
    while course.has_room() && taken < 1_000 {
        course.event(Event::Never);
        taken += 1;
    }
    assert_eq!(taken, AT_HAND);
    let _ = course.advance(Moment::ZERO, &1, &mut heard);
    assert!(course.has_room());
}

#[test]
fn an_end_that_stands_for_failure_says_what_led_to_it() {
    for (fails, says) in [
        (false, "it came to GivenUp at Enough in Trying"),
        (
            true,
            "it came to GivenUp at Enough in Trying; before that, dispatch in Trying failed: no line",
        ),
    ] {
        let (mut course, mut heard) = (patient(), Heard::default());
        let mut said = vec![Ok(Directive::Transition(Then::Enough))];
        if fails {
            said.push(Ok(Directive::Transition(Then::Again)));
            said.push(Err(Trouble::said("no line")));
        }
        while let Next::Dispatch(_) = course.advance(Moment::ZERO, &(), &mut heard) {
            let next = said.pop().expect("it has ended");
            course.dispatched(next, true, Moment::ZERO, &(), &mut heard);
        }
        let over = course.over().expect("it has ended");
        assert_eq!((over.how, over.detail.as_deref()), (Settled::Failed, Some(says)));
    }
}
