//! What a host did last, from its flight recorder.
//!
//! The host wrote it into memory of its own, and may have written nonsense: nothing here is believed beyond its text.

use super::words;
use mainstay::host::{Mark, Operation};
use mainstay_wire::api;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// What a host did last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flight {
    /// Its last operations, oldest first, by the wall clock.
    pub operations: Vec<api::Fact>,
    /// The calls that it began and did not answer.
    pub open_calls: Vec<String>,
}

impl Flight {
    /// Takes what was read of a flight recorder. `now` is one moment by two clocks: the wall clock, in milliseconds
    /// since 1970, and the monotonic clock of the machine, which the recorder goes by.
    pub fn new(operations: &[Operation], now: (i64, Duration)) -> Self {
        let open = open(operations);
        let facts = operations.iter().map(|operation| {
            let said = words::tamed(&operation.to_string());
            let dies = operation.mark == Mark::Begins && open.contains_key(&operation.call);
            let text = if dies { format!("{said} (never answered)") } else { said };
            api::Fact { at: wall(operation.at, now), text }
        });
        Self { operations: facts.collect(), open_calls: open_calls(operations) }
    }

    /// Writes it down with the run whose it was. What it did is told within the run, whatever the host says.
    pub(crate) fn keep(self, run: &mut api::Run) {
        let (began, ended) = (run.began_at, run.ended_at.unwrap_or(i64::MAX));
        run.operations = self.operations;
        for fact in &mut run.operations {
            fact.at = fact.at.max(began).min(ended);
        }
        run.open_calls = self.open_calls;
    }
}

/// Returns the calls that a host began and did not answer, as far as its flight recorder shows: `call 17: read axis 3`.
pub(crate) fn open_calls(operations: &[Operation]) -> Vec<String> {
    let told = open(operations).into_iter().map(|(call, asked)| match asked {
        "" => format!("call {call}"),
        asked => format!("call {call}: {}", words::tamed(asked)),
    });
    told.collect()
}

/// The calls without an answer, each with what was asked, as far as that is still recorded.
fn open(operations: &[Operation]) -> BTreeMap<u64, &str> {
    let mut open = BTreeMap::new();
    let mut settled = BTreeSet::new();
    for Operation { call, mark, text, .. } in operations.iter().filter(|found| found.call > 0) {
        match mark {
            Mark::Begins => {
                settled.remove(call);
                open.insert(*call, text.as_str());
            }
            // Where its beginning is written over already, what was noted in it still says that it was under way.
            Mark::Note if !settled.contains(call) => {
                open.entry(*call).or_insert("");
            }
            Mark::Note => {}
            Mark::Answered | Mark::Failed => {
                settled.insert(*call);
                open.remove(call);
            }
        }
    }
    open
}

/// Returns the wall time of a moment of the monotonic clock; one that has yet to come is now.
fn wall(at: Duration, (wall, monotonic): (i64, Duration)) -> i64 {
    let ago = i64::try_from(monotonic.saturating_sub(at).as_millis()).unwrap_or(i64::MAX);
    wall.saturating_sub(ago)
}

#[cfg(test)]
mod tests {
    use super::*;
    use Mark::{Answered, Begins, Failed, Note};

    const NOW: (i64, Duration) = (1_000_000, Duration::from_secs(500));

    fn operation(ago: u64, call: u64, mark: Mark, text: &str) -> Operation {
        let at = NOW.1 - Duration::from_millis(ago);
        Operation { number: 1, at, call, thread: 9, mark, text: text.into() }
    }

    #[test]
    fn the_call_it_died_in_is_marked() {
        let operations = [
            operation(900, 0, Note, "library 4.2 loaded"),
            operation(800, 16, Begins, "read axis 2"),
            operation(700, 16, Answered, ""),
            operation(600, 17, Begins, "read axis 3"),
            operation(550, 17, Note, "cnc_rdaxis"),
        ];
        let flight = Flight::new(&operations, NOW);
        let told: Vec<_> = flight.operations.iter().map(|fact| (fact.at, &*fact.text)).collect();
        assert_eq!(
            told,
            [
                (999_100, "library 4.2 loaded"),
                (999_200, "call 16 begins: read axis 2"),
                (999_300, "call 16 answered"),
                (999_400, "call 17 begins: read axis 3 (never answered)"),
                (999_450, "in call 17: cnc_rdaxis"),
            ]
        );
        assert_eq!(flight.open_calls, ["call 17: read axis 3"]);
    }

    #[test]
    fn a_call_is_open_from_the_first_trace_of_it_to_its_answer() {
        let told = |marks: &[(u64, Mark)]| {
            let one = |(call, mark): &(u64, Mark)| operation(1, *call, *mark, "x");
            open_calls(&marks.iter().map(one).collect::<Vec<_>>())
        };
        assert_eq!(told(&[(3, Begins), (4, Begins), (3, Failed)]), ["call 4: x"]);
        assert_eq!(
            told(&[(7, Note), (8, Begins)]),
            ["call 7", "call 8: x"],
            "its beginning is lost"
        );
        assert_eq!(told(&[(7, Answered), (7, Note)]), [""; 0], "a thread of it goes on");
        assert_eq!(told(&[(0, Note), (0, Begins)]), [""; 0], "no call");
        assert_eq!(told(&[(5, Begins), (5, Answered), (5, Begins)]), ["call 5: x"]);
    }

    #[test]
    fn what_a_host_wrote_is_neither_believed_nor_obeyed() {
        let mut odd = vec![operation(0, 1, Note, "\x1b[2Jcleared\n"), operation(0, 1, Note, "old")];
        odd[0].at = Duration::MAX;
        odd[1].at = Duration::ZERO;
        let flight = Flight::new(&odd, NOW);
        let told: Vec<_> = flight.operations.iter().map(|fact| (fact.at, &*fact.text)).collect();
        assert_eq!(told, [(1_000_000, "in call 1:  [2Jcleared "), (500_000, "in call 1: old")]);
        let (path, run) = (mainstay::Path::root(), mainstay::RunId(3));
        let mut run = super::super::begun(&path, run, 999_000);
        run.ended_at = Some(999_900);
        flight.keep(&mut run);
        let at: Vec<_> = run.operations.iter().map(|fact| fact.at).collect();
        assert_eq!(at, [999_900, 999_000]);
    }
}
