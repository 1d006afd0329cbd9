//! A place in a list that is longer than the screen.

/// Which row of a list is chosen, and which is the first one in sight.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::top) struct Place {
    pub(in crate::top) at: usize,
    pub(in crate::top) top: usize,
}

/// How far a key moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Move {
    Up(usize),
    Down(usize),
    First,
    Last,
}

impl Move {
    /// Returns where one comes to from `at`, among so many.
    pub(super) fn from(self, at: usize, count: usize) -> usize {
        let at = match self {
            Self::Up(rows) => at.saturating_sub(rows),
            Self::Down(rows) => at.saturating_add(rows),
            Self::First => 0,
            Self::Last => usize::MAX,
        };
        at.min(count.saturating_sub(1))
    }
}

impl Place {
    /// Moves, in a list of so many rows.
    pub(super) fn go(&mut self, step: Move, count: usize) {
        self.at = step.from(self.at, count);
    }

    /// Keeps the chosen row in sight, and the screen full.
    pub(super) fn clamp(&mut self, count: usize, room: usize) {
        self.at = self.at.min(count.saturating_sub(1));
        let room = room.max(1);
        self.top = self.top.min(self.at).max((self.at + 1).saturating_sub(room));
        self.top = self.top.min(count.saturating_sub(room));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chosen_row_stays_in_sight() {
        let mut place = Place::default();
        let mut go = |step, count, room| {
            place.go(step, count);
            place.clamp(count, room);
            (place.at, place.top)
        };
        assert_eq!(go(Move::Down(1), 100, 10), (1, 0));
        assert_eq!(go(Move::Down(9), 100, 10), (10, 1));
        assert_eq!(go(Move::Last, 100, 10), (99, 90));
        assert_eq!(go(Move::Up(5), 100, 10), (94, 90));
        assert_eq!(go(Move::Up(0), 20, 10), (19, 10), "the list has become shorter");
        assert_eq!(go(Move::First, 20, 30), (0, 0), "the screen has become taller");
        assert_eq!(go(Move::Down(1), 0, 10), (0, 0), "nothing is there");
    }
}
