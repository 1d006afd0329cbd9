//! The facts that no brain has acknowledged.

use mainstay_wire::Text;
use mainstay_wire::keeper::{Ended, Fact, Key, Lost, Notice, Sequence, StartError, Status};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound::{Excluded, Unbounded};
use std::time::Duration;

/// How many facts are kept.
const MOST_FACTS: usize = 65_536;
/// How many bytes they may take that children can have told without end.
const MOST_SAID: usize = 16 << 20;
/// How many bytes those may take that tell the course of runs: a few for each run that a brain has ordered.
const MOST_COURSE: usize = 64 << 20;

/// Facts in order. Of what a run says again and again the last is kept, and beyond the bounds the oldest are let go:
/// first of all what children say, since the course of their runs nobody can tell another time.
#[derive(Default)]
pub(super) struct Kept {
    facts: BTreeMap<Sequence, (Duration, Fact)>,
    /// Which of them tell the course of no run.
    said: BTreeSet<Sequence>,
    /// The last of what a run says again and again.
    repeated: HashMap<(Key, Repeated), Sequence>,
    /// Bytes of what children say, and of the course of runs.
    said_bytes: usize,
    course_bytes: usize,
    /// How many were let go since the last time it was said.
    forgotten: u64,
}

/// What is said again and again, and of which the last says all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Repeated {
    Status,
    Beat,
}

impl Kept {
    pub(super) fn new(facts: Vec<(Sequence, Duration, Fact)>) -> Self {
        let mut kept = Self::default();
        for (seq, at, fact) in facts {
            kept.add(seq, at, fact, |_| false);
        }
        kept
    }

    /// Takes a fact in. `may_replace` says whether an older one, which this one says anew, may go.
    pub(super) fn add(
        &mut self,
        seq: Sequence,
        at: Duration,
        fact: Fact,
        may_replace: impl FnOnce(Sequence) -> bool,
    ) {
        if let Some(repeated) = repeated(&fact)
            && let Some(before) = self.repeated.insert(repeated, seq)
            && may_replace(before)
        {
            self.remove(before);
        }
        let bytes = weight(&fact);
        if is_course(&fact) {
            self.course_bytes += bytes;
        } else {
            self.said_bytes += bytes;
            self.said.insert(seq);
        }
        self.facts.insert(seq, (at, fact));
        self.bound();
    }

    fn bound(&mut self) {
        while self.said_bytes > MOST_SAID
            || self.course_bytes > MOST_COURSE
            || self.facts.len() > MOST_FACTS
        {
            let is_course = self.course_bytes > MOST_COURSE;
            let said = self.said.first().filter(|_| !is_course).copied();
            let course = || self.facts.keys().find(|seq| !self.said.contains(seq)).copied();
            let Some(oldest) = said.or_else(course) else { break };
            self.remove(oldest);
            self.forgotten += 1;
        }
    }

    fn remove(&mut self, seq: Sequence) {
        let Some((_, fact)) = self.facts.remove(&seq) else { return };
        let bytes = weight(&fact);
        if self.said.remove(&seq) {
            self.said_bytes = self.said_bytes.saturating_sub(bytes);
        } else {
            self.course_bytes = self.course_bytes.saturating_sub(bytes);
        }
        if let Some(repeated) = repeated(&fact)
            && self.repeated.get(&repeated) == Some(&seq)
        {
            self.repeated.remove(&repeated);
        }
    }

    /// Lets go of all that has been acknowledged.
    pub(super) fn acknowledge(&mut self, seq: Sequence) {
        while let Some((first, _)) = self.facts.first_key_value()
            && *first <= seq
        {
            let first = *first;
            self.remove(first);
        }
    }

    /// Returns the first fact behind this one.
    pub(super) fn after(&self, seq: Sequence) -> Option<(Sequence, Duration, &Fact)> {
        let (seq, (at, fact)) = self.facts.range((Excluded(seq), Unbounded)).next()?;
        Some((*seq, *at, fact))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (Sequence, Duration, &Fact)> {
        self.facts.iter().map(|(seq, (at, fact))| (*seq, *at, fact))
    }

    pub(super) fn len(&self) -> usize {
        self.facts.len()
    }

    /// Returns how many were let go since this was asked last.
    pub(super) fn take_forgotten(&mut self) -> u64 {
        std::mem::take(&mut self.forgotten)
    }
}

fn repeated(fact: &Fact) -> Option<(Key, Repeated)> {
    let Fact::Said { key, notice } = fact else { return None };
    let repeated = match notice {
        Notice::Status(_) => Repeated::Status,
        Notice::Beat => Repeated::Beat,
        Notice::Ready(_)
        | Notice::Reloading(_)
        | Notice::Stopping
        | Notice::Errno(_)
        | Notice::Main(_)
        | Notice::Trigger
        | Notice::Watchdog(_)
        | Notice::Extend(_)
        | Notice::ResetRestarts
        | Notice::Stored(_)
        | Notice::Word { .. } => return None,
    };
    Some((key.clone(), repeated))
}

/// Returns whether a fact tells how far a run has come, or that such facts are gone.
fn is_course(fact: &Fact) -> bool {
    match fact {
        Fact::Started { .. }
        | Fact::Adopted { .. }
        | Fact::MainEnded { .. }
        | Fact::Ended { .. }
        | Fact::Outlived { .. }
        | Fact::Done { .. }
        | Fact::Forgotten { .. } => true,
        Fact::Said { .. }
        | Fact::Demand(_)
        | Fact::Listening { .. }
        | Fact::Dropped { .. }
        | Fact::Trouble { .. }
        | Fact::Stranger { .. } => false,
    }
}

/// Returns about how many bytes of memory a fact takes here. The names of children are shared.
fn weight(fact: &Fact) -> usize {
    size_of::<(Sequence, Duration, Fact)>()
        + match fact {
            Fact::Started { contain, .. } => contain.as_bytes().len(),
            Fact::MainEnded { status, left, .. } => status_weight(status) + left_weight(left),
            Fact::Ended { ended, .. } => {
                let Ended { status, last, left, .. } = ended;
                status_weight(status) + left_weight(left) + texts_weight(last)
            }
            Fact::Outlived { left, .. } => left_weight(left),
            Fact::Said { notice, .. } => match notice {
                Notice::Status(text) => text.as_bytes().len(),
                Notice::Word { name, value } => name.as_bytes().len() + value.as_bytes().len(),
                Notice::Ready(_)
                | Notice::Reloading(_)
                | Notice::Stopping
                | Notice::Errno(_)
                | Notice::Main(_)
                | Notice::Beat
                | Notice::Trigger
                | Notice::Watchdog(_)
                | Notice::Extend(_)
                | Notice::ResetRestarts
                | Notice::Stored(_) => 0,
            },
            Fact::Listening { addresses, .. } => texts_weight(addresses),
            Fact::Done { status, output, error, .. } => {
                let error = error.as_ref().map_or(0, error_weight);
                status.as_ref().map_or(0, status_weight) + output.as_bytes().len() + error
            }
            Fact::Trouble { what, .. } => what.len(),
            Fact::Stranger { status, .. } => status_weight(status),
            Fact::Adopted { .. }
            | Fact::Demand(_)
            | Fact::Dropped { .. }
            | Fact::Forgotten { .. } => 0,
        }
}

fn status_weight(status: &Status) -> usize {
    match status {
        Status::NotStarted(error) => error_weight(error),
        Status::Code(_) | Status::Signal { .. } | Status::Unseen { .. } => 0,
    }
}

fn error_weight(error: &StartError) -> usize {
    error.about.len()
}

fn texts_weight(texts: &[Text]) -> usize {
    texts.iter().map(|text| size_of::<Text>() + text.as_bytes().len()).sum()
}

fn left_weight(left: &[Lost]) -> usize {
    left.iter().map(|lost| size_of::<Lost>() + lost.name.as_bytes().len()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use mainstay_wire::keeper::Usage;

    fn key(run: u64) -> Key {
        Key { child: "a".into(), run }
    }

    fn said(run: u64, notice: Notice) -> Fact {
        Fact::Said { key: key(run), notice }
    }

    fn ended(run: u64, last: usize) -> Fact {
        let last = vec![vec![b'x'; last].into()];
        let (status, usage) = (Status::Code(0), Usage::default());
        let ended = Ended { status, out_of_memory: false, usage, last, left: Vec::new(), lost: 0 };
        Fact::Ended { key: key(run), ended }
    }

    fn add(kept: &mut Kept, fact: Fact) -> Sequence {
        let seq = Sequence(kept.facts.last_key_value().map_or(0, |(last, _)| last.0) + 1);
        kept.add(seq, Duration::ZERO, fact, |_| true);
        seq
    }

    #[test]
    fn of_what_is_said_again_the_last_is_kept() {
        let mut kept = Kept::default();
        for number in 0..10 {
            add(&mut kept, said(1, Notice::Status(format!("{number}").as_str().into())));
            add(&mut kept, said(1, Notice::Beat));
            add(&mut kept, said(2, Notice::Beat));
        }
        add(&mut kept, said(1, Notice::Stopping));
        add(&mut kept, said(1, Notice::Stopping));
        let facts: Vec<_> = kept.iter().map(|(_, _, fact)| fact.clone()).collect();
        let beat = |run| said(run, Notice::Beat);
        let last = said(1, Notice::Status("9".into()));
        let stopping = || said(1, Notice::Stopping);
        assert_eq!(facts, [last, beat(1), beat(2), stopping(), stopping()]);
        assert_eq!(kept.take_forgotten(), 0, "nothing is lost by it");
        // One that has been acknowledged is not looked for.
        kept.acknowledge(Sequence(u64::MAX));
        assert_eq!((kept.len(), kept.said_bytes, kept.repeated.len()), (0, 0, 0));
    }

    #[test]
    fn one_that_was_announced_stays() {
        let mut kept = Kept::default();
        kept.add(Sequence(1), Duration::ZERO, said(1, Notice::Beat), |_| true);
        kept.add(Sequence(2), Duration::ZERO, said(1, Notice::Beat), |before| before.0 != 1);
        assert_eq!(kept.len(), 2);
    }

    #[test]
    fn what_children_say_without_end_takes_so_much_and_drives_out_no_end_of_a_run() {
        let mut kept = Kept::default();
        for run in 1..=100 {
            add(&mut kept, ended(run, 4096));
        }
        for _ in 0..10_000 {
            let name = "X_A".into();
            let value = Text::from(vec![b'x'; 4096]);
            add(&mut kept, said(1, Notice::Word { name, value }));
        }
        assert!(kept.said_bytes <= MOST_SAID, "{}", kept.said_bytes);
        let said = kept.said.len();
        assert!((3000..4096).contains(&said), "{said}");
        assert_eq!(kept.take_forgotten(), 10_000 - said as u64);
        assert_eq!(kept.len(), said + 100);
        assert_eq!(kept.after(Sequence(0)).map(|(seq, _, _)| seq), Some(Sequence(1)));
    }

    #[test]
    fn beyond_all_bounds_the_oldest_go() {
        let mut kept = Kept::default();
        for run in 1..=20_000 {
            add(&mut kept, ended(run, 4096));
        }
        assert!(kept.course_bytes <= MOST_COURSE, "{}", kept.course_bytes);
        let forgotten = kept.take_forgotten();
        assert_eq!(forgotten + kept.len() as u64, 20_000);
        assert_eq!(kept.after(Sequence(0)).map(|(seq, _, _)| seq.0), Some(forgotten + 1));
        let mut kept = Kept::default();
        for _ in 0..MOST_FACTS + 5 {
            add(&mut kept, said(1, Notice::Stopping));
        }
        assert_eq!((kept.len(), kept.take_forgotten()), (MOST_FACTS, 5));
    }
}
