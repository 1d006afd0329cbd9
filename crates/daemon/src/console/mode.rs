//! What a key means, given what the child does at that moment. Pure: whoever asks carries it out.
//!
//! There is no mode of the console's own. It is read off the child each time, so what an operator does elsewhere
//! counts, and what is done here is seen elsewhere: OFF is a pause, ONESHOT the restart rule `never`, ON all else.

use mainstay::{BreakerState, Restart, View};
use mainstay_wire::spec::{Keys, Mode};

/// A key that the console knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Press {
    /// Ends the live run, or starts the child.
    Kill,
    /// Starts the child.
    Restart,
    /// Goes on to the next mode.
    Toggle,
    /// Ends the tree.
    Quit,
    /// Ends the connection.
    Logout,
}

impl Press {
    /// Returns what a byte means by these keys. Where one byte has two meanings, the first of them counts.
    pub(super) fn of(byte: u8, keys: &Keys) -> Option<Self> {
        let all = [
            (keys.kill, Self::Kill),
            (keys.toggle, Self::Toggle),
            (keys.logout, Self::Logout),
            (keys.restart, Self::Restart),
            (keys.quit, Self::Quit),
        ];
        all.into_iter().find(|(key, _)| *key == Some(byte)).map(|(_, press)| press)
    }

    /// Returns what it asks for, for the audit trail.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Kill => "kill",
            Self::Restart => "restart",
            Self::Toggle => "toggle auto restart",
            Self::Quit => "quit",
            Self::Logout => "logout",
        }
    }

    /// Returns whether the byte goes on to the child where the key does nothing: procServ keeps the others to itself.
    pub(super) const fn passes(self) -> bool {
        matches!(self, Self::Restart | Self::Quit)
    }
}

/// What a child does, as far as keys care.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stand {
    /// A run lives, though it may be ending.
    Up,
    /// It does not run.
    Down,
    /// It does not run, and its breaker refuses a plain start.
    Broken,
}

/// What is looked at when a key is pressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    /// The mode.
    pub(super) mode: Mode,
    /// What the child does.
    pub(super) stand: Stand,
}

impl Seen {
    /// Reads it off a child.
    pub(super) fn of(view: &View) -> Self {
        let mode = match (view.paused, view.spec.restart) {
            (true, _) => Mode::Off,
            (false, Restart::Never) => Mode::Oneshot,
            (false, Restart::Always | Restart::OnFailure) => Mode::On,
        };
        let stand = match view.breaker {
            _ if view.run.is_some() => Stand::Up,
            BreakerState::Open(_) => Stand::Broken,
            BreakerState::Closed | BreakerState::Trial => Stand::Down,
        };
        Self { mode, stand }
    }
}

/// One thing to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Deed {
    /// Starts the child, whatever its delay.
    Start,
    /// Closes its breaker, then starts it.
    Reset,
    /// Stops it, then starts it.
    Renew,
    /// Stops it.
    Stop,
    /// Suspends automatic starts.
    Pause,
    /// Ends that.
    Resume,
    /// Gives it the restart rule `always`, or what its spec says beside `never`.
    Always,
    /// Gives it the restart rule `never`.
    Once,
    /// Starts it unless it runs or is about to.
    Raise,
    /// Ends the tree.
    Drain,
    /// Ends the connection.
    Leave,
}

/// Returns what follows from a key; nothing where it does nothing.
pub(super) const fn decide(press: Press, seen: Seen) -> &'static [Deed] {
    match (press, seen.stand, seen.mode) {
        (Press::Kill, Stand::Up, Mode::On) => &[Deed::Renew],
        (Press::Kill, Stand::Up, Mode::Off | Mode::Oneshot) => &[Deed::Stop],
        (Press::Kill | Press::Restart, Stand::Down, _) => &[Deed::Start],
        (Press::Kill | Press::Restart, Stand::Broken, _) => &[Deed::Reset],
        (Press::Toggle, _, mode) => set(mode.next()),
        (Press::Quit, Stand::Down | Stand::Broken, _) => &[Deed::Drain],
        (Press::Restart | Press::Quit, Stand::Up, _) => &[],
        (Press::Logout, _, _) => &[Deed::Leave],
    }
}

/// Returns what sets a mode by the toggle. The rule comes before the pause ends, so that no start goes by the old one.
const fn set(mode: Mode) -> &'static [Deed] {
    match mode {
        Mode::Off => &[Deed::Pause],
        Mode::Oneshot => &[Deed::Once, Deed::Resume, Deed::Raise],
        Mode::On => &[Deed::Always, Deed::Resume, Deed::Raise],
    }
}

/// Returns what a life of the program begins with where it is to begin in this mode, whatever the last one left. The
/// child does not start by itself then: it is started here, once everything is ready for what it prints, unless it
/// `waits` for a key.
pub(super) fn begin(mode: Mode, waits: bool) -> Vec<Deed> {
    let mut deeds = match mode {
        Mode::Off => vec![Deed::Pause, Deed::Always],
        Mode::Oneshot => vec![Deed::Once, Deed::Resume],
        Mode::On => vec![Deed::Always, Deed::Resume],
    };
    if !waits {
        deeds.push(Deed::Start);
    }
    deeds
}

/// Returns whether the end of a run is that of the tree: in ONESHOT, where the console may quit, and where the tree has
/// nothing else to do. procServ has one child; what others do here does not end with it.
pub(super) const fn ends_tree(seen: Seen, keys: &Keys, is_alone: bool) -> bool {
    is_alone
        && matches!(seen.mode, Mode::Oneshot)
        && matches!(seen.stand, Stand::Down | Stand::Broken)
        && keys.quit.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every key in every mode and state.
    const TABLE: &str = "
        kill    ON      up     | Renew
        kill    ON      down   | Start
        kill    ON      broken | Reset
        kill    OFF     up     | Stop
        kill    OFF     down   | Start
        kill    OFF     broken | Reset
        kill    ONESHOT up     | Stop
        kill    ONESHOT down   | Start
        kill    ONESHOT broken | Reset
        restart ON      up     |
        restart ON      down   | Start
        restart ON      broken | Reset
        restart OFF     up     |
        restart OFF     down   | Start
        restart OFF     broken | Reset
        restart ONESHOT up     |
        restart ONESHOT down   | Start
        restart ONESHOT broken | Reset
        toggle  ON      up     | Pause
        toggle  ON      down   | Pause
        toggle  ON      broken | Pause
        toggle  OFF     up     | Once Resume Raise
        toggle  OFF     down   | Once Resume Raise
        toggle  OFF     broken | Once Resume Raise
        toggle  ONESHOT up     | Always Resume Raise
        toggle  ONESHOT down   | Always Resume Raise
        toggle  ONESHOT broken | Always Resume Raise
        quit    ON      up     |
        quit    ON      down   | Drain
        quit    ON      broken | Drain
        quit    OFF     up     |
        quit    OFF     down   | Drain
        quit    OFF     broken | Drain
        quit    ONESHOT up     |
        quit    ONESHOT down   | Drain
        quit    ONESHOT broken | Drain
        logout  ON      up     | Leave
        logout  ON      down   | Leave
        logout  ON      broken | Leave
        logout  OFF     up     | Leave
        logout  OFF     down   | Leave
        logout  OFF     broken | Leave
        logout  ONESHOT up     | Leave
        logout  ONESHOT down   | Leave
        logout  ONESHOT broken | Leave
    ";

    #[test]
    fn every_key_in_every_mode_and_state() {
        let presses = [
            ("kill", Press::Kill),
            ("restart", Press::Restart),
            ("toggle", Press::Toggle),
            ("quit", Press::Quit),
            ("logout", Press::Logout),
        ];
        let modes = [Mode::On, Mode::Off, Mode::Oneshot];
        let stands = [("up", Stand::Up), ("down", Stand::Down), ("broken", Stand::Broken)];
        let mut found = Vec::new();
        for (key, press) in presses {
            for mode in modes {
                for (state, stand) in stands {
                    let deeds: Vec<String> = decide(press, Seen { mode, stand })
                        .iter()
                        .map(|deed| format!("{deed:?}"))
                        .collect();
                    let line = format!("{key} {} {state} | {}", mode.word(), deeds.join(" "));
                    found.push(line.trim_end().to_owned());
                }
            }
        }
        let plain = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
        let expected: Vec<String> =
            TABLE.lines().map(plain).filter(|line| !line.is_empty()).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_key_that_is_not_bound_is_any_byte() {
        let keys = Keys { kill: Some(0x18), quit: Some(0x11), ..Keys::default() };
        assert_eq!(Press::of(0x18, &keys), Some(Press::Kill));
        assert_eq!(Press::of(0x14, &keys), None);
        assert_eq!(Press::of(b'a', &keys), None);
        let both = Keys { restart: Some(0x18), ..keys };
        assert_eq!(Press::of(0x18, &both), Some(Press::Kill));
    }

    #[test]
    fn only_one_shot_alone_ends_the_tree_and_only_where_quitting_is_allowed() {
        let quits = Keys { quit: Some(0x11), ..Keys::default() };
        let seen = |mode, stand| Seen { mode, stand };
        assert!(ends_tree(seen(Mode::Oneshot, Stand::Down), &quits, true));
        assert!(!ends_tree(seen(Mode::Oneshot, Stand::Down), &quits, false));
        assert!(!ends_tree(seen(Mode::Oneshot, Stand::Up), &quits, true));
        assert!(!ends_tree(seen(Mode::Oneshot, Stand::Down), &Keys::default(), true));
        assert!(!ends_tree(seen(Mode::On, Stand::Down), &quits, true));
        assert!(!ends_tree(seen(Mode::Off, Stand::Down), &quits, true));
    }

    #[test]
    fn a_life_begins_in_the_mode_that_is_said() {
        assert_eq!(begin(Mode::Off, false), [Deed::Pause, Deed::Always, Deed::Start]);
        assert_eq!(begin(Mode::On, false), [Deed::Always, Deed::Resume, Deed::Start]);
        assert_eq!(begin(Mode::Oneshot, false), [Deed::Once, Deed::Resume, Deed::Start]);
        assert_eq!(begin(Mode::On, true), [Deed::Always, Deed::Resume]);
    }
}
