//! What the core is compared with: the least that restarts children, as one would write it by hand.
//!
//! A state and a run number for each child, and a sorted set of deadlines. No policy, no reasons, no
//! events, no order of starts, no timeouts: only what it takes to start a child again after a delay.

use crate::world::Chance;
use std::collections::BTreeSet;
use std::time::Duration;

/// The loop by hand, with a driver that answers every start at once.
pub(crate) struct ByHand {
    children: Vec<Child>,
    due: BTreeSet<(Duration, usize)>,
    delay: Duration,
    now: Duration,
    starts: Vec<(usize, u64)>,
    /// How many inputs it has been given.
    pub(crate) inputs: u64,
    chance: Chance,
}

struct Child {
    run: u64,
    state: State,
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    Starting,
    Up,
    Waiting,
    /// Up, and lost at this moment unless it beats before.
    Watched(Duration),
}

enum Input {
    Clock,
    Started(usize, u64),
    Exited(usize, u64),
    Beat(usize, u64),
}

impl ByHand {
    /// Everything is up, and is started again `delay` after its end.
    pub(crate) fn new(count: usize, delay: Duration) -> Self {
        Self {
            children: (0..count).map(|_| Child { run: 1, state: State::Up }).collect(),
            due: BTreeSet::new(),
            now: Duration::ZERO,
            starts: Vec::new(),
            inputs: 0,
            chance: Chance(1),
            delay,
        }
    }

    fn handle(&mut self, input: Input) {
        match input {
            Input::Clock => {
                while let Some((_, child)) = self.due.first().filter(|(due, _)| *due <= self.now) {
                    let child = *child;
                    self.due.pop_first();
                    self.start(child);
                }
            }
            Input::Started(child, run) if self.children[child].run == run => {
                self.children[child].state = State::Up;
            }
            Input::Exited(child, run) if self.children[child].run == run => {
                if self.delay.is_zero() {
                    self.start(child);
                } else {
                    self.children[child].state = State::Waiting;
                    self.due.insert((self.now + self.delay, child));
                }
            }
            Input::Beat(child, run) if self.children[child].run == run => {
                if let State::Watched(lost) = self.children[child].state {
                    self.due.remove(&(lost, child));
                }
                let lost = self.now + self.delay;
                self.children[child].state = State::Watched(lost);
                self.due.insert((lost, child));
            }
            Input::Started(..) | Input::Exited(..) | Input::Beat(..) => {}
        }
    }

    fn start(&mut self, child: usize) {
        self.children[child].run += 1;
        self.children[child].state = State::Starting;
        self.starts.push((child, self.children[child].run));
    }

    fn give(&mut self, input: Input) {
        self.handle(input);
        self.inputs += 1;
        while let Some((child, run)) = self.starts.pop() {
            self.handle(Input::Started(child, run));
            self.inputs += 1;
        }
    }

    /// Lets time go by, with a clock input at each deadline on the way.
    pub(crate) fn pass(&mut self, span: Duration) {
        let until = self.now + span;
        while let Some((due, _)) = self.due.first().copied().filter(|(due, _)| *due <= until) {
            self.now = due;
            self.give(Input::Clock);
        }
        self.now = until;
    }

    /// Ends the live run of a child.
    pub(crate) fn fail(&mut self, child: usize) {
        if self.children[child].state != State::Waiting {
            self.give(Input::Exited(child, self.children[child].run));
        }
    }

    /// Sends a sign of life of a child.
    pub(crate) fn beat(&mut self, child: usize) {
        self.give(Input::Beat(child, self.children[child].run));
    }

    /// Picks any child.
    pub(crate) fn any(&mut self) -> usize {
        self.chance.below(self.children.len())
    }
}
