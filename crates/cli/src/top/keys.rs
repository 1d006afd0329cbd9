//! What can be typed, and what it means: one table, which the help and the guide are made of too.

use super::order::{ORDERS, Order};
use ratatui::crossterm::event::{
    Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers, MouseButton, MouseEventKind,
};

/// A key, as far as any means something here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    Char(char),
    Control(char),
    Enter,
    Escape,
    Tab,
    BackTab,
    Backspace,
    Delete,
    Up,
    Down,
    Left,
    Right,
    PageUp,
    PageDown,
    Home,
    End,
}

/// What came from the terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Typed {
    Key(Key),
    /// Text that was pasted.
    Paste(String),
    /// A press of the mouse.
    Click {
        column: u16,
        row: u16,
    },
    /// A turn of the wheel.
    Wheel {
        column: u16,
        row: u16,
        way: Way,
    },
    /// The terminal has another size: columns and rows.
    Resize(u16, u16),
}

/// A direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Up,
    Down,
}

/// Returns what an event of the terminal means; none: nothing.
pub(super) fn typed(event: Event) -> Option<Typed> {
    match event {
        Event::Key(key) if key.kind != KeyEventKind::Release => Some(Typed::Key(key_of(key)?)),
        Event::Paste(text) => Some(Typed::Paste(text)),
        Event::Resize(columns, rows) => Some(Typed::Resize(columns, rows)),
        Event::Mouse(mouse) => {
            let (column, row) = (mouse.column, mouse.row);
            match mouse.kind {
                MouseEventKind::Down(MouseButton::Left) => Some(Typed::Click { column, row }),
                MouseEventKind::ScrollUp => Some(Typed::Wheel { column, row, way: Way::Up }),
                MouseEventKind::ScrollDown => Some(Typed::Wheel { column, row, way: Way::Down }),
                MouseEventKind::Down(_)
                | MouseEventKind::Up(_)
                | MouseEventKind::Drag(_)
                | MouseEventKind::Moved
                | MouseEventKind::ScrollLeft
                | MouseEventKind::ScrollRight => None,
            }
        }
        Event::Key(_) | Event::FocusGained | Event::FocusLost => None,
    }
}

fn key_of(key: KeyEvent) -> Option<Key> {
    let with_control = key.modifiers.contains(KeyModifiers::CONTROL);
    Some(match key.code {
        KeyCode::Char(letter) if with_control => Key::Control(letter.to_ascii_lowercase()),
        KeyCode::Char(letter) => Key::Char(letter),
        KeyCode::Enter => Key::Enter,
        KeyCode::Esc => Key::Escape,
        KeyCode::Tab => Key::Tab,
        KeyCode::BackTab => Key::BackTab,
        KeyCode::Backspace => Key::Backspace,
        KeyCode::Delete => Key::Delete,
        KeyCode::Up => Key::Up,
        KeyCode::Down => Key::Down,
        KeyCode::Left => Key::Left,
        KeyCode::Right => Key::Right,
        KeyCode::PageUp => Key::PageUp,
        KeyCode::PageDown => Key::PageDown,
        KeyCode::Home => Key::Home,
        KeyCode::End => Key::End,
        KeyCode::F(_)
        | KeyCode::Insert
        | KeyCode::Null
        | KeyCode::CapsLock
        | KeyCode::ScrollLock
        | KeyCode::NumLock
        | KeyCode::PrintScreen
        | KeyCode::Pause
        | KeyCode::Menu
        | KeyCode::KeypadBegin
        | KeyCode::Media(_)
        | KeyCode::Modifier(_) => return None,
    })
}

/// What a key asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    Up,
    Down,
    PageUp,
    PageDown,
    First,
    Last,
    /// Fold a part of the tree, or go to what is above.
    Fold,
    /// Unfold a part of the tree.
    Unfold,
    FoldAll,
    /// The long lines of a log begin further left, or right.
    Left,
    Right,
    Open,
    Back,
    Switch,
    Tab(usize),
    Spread,
    Search,
    Again,
    Before,
    Filter,
    Sort,
    Alerts,
    Pause,
    Stamps,
    Menu,
    Command(&'static Order),
    Mouse,
    Redraw,
    Suspend,
    Help,
    Quit,
}

/// Where a key means what it means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    Everywhere,
    Tree,
    Panel,
    Logs,
    Runs,
    Alerts,
}

/// What one or more keys mean.
#[derive(Debug)]
pub(super) struct Binding {
    pub(super) keys: &'static [Key],
    /// The keys as they are written.
    pub(super) shown: &'static str,
    pub(super) act: Act,
    pub(super) about: &'static str,
    /// What the last line of the screen says of it; empty: nothing.
    pub(super) hint: &'static str,
}

/// The keys of one place.
#[derive(Debug)]
pub(super) struct Section {
    pub(super) scope: Scope,
    pub(super) title: &'static str,
    pub(super) bindings: &'static [Binding],
}

const fn bind(
    keys: &'static [Key],
    shown: &'static str,
    act: Act,
    about: &'static str,
    hint: &'static str,
) -> Binding {
    Binding { keys, shown, act, about, hint }
}

/// Every key, but for those of commands, which [`ORDERS`] has.
pub(super) const SECTIONS: &[Section] = &[
    Section {
        scope: Scope::Tree,
        title: "In the tree",
        bindings: &[
            bind(&[Key::Left], "←", Act::Fold, "Fold this part, or go to what is above", ""),
            bind(&[Key::Right], "→ +", Act::Unfold, "Unfold this part", ""),
            bind(&[Key::Char('+')], "", Act::Unfold, "", ""),
            bind(&[Key::Char('-')], "-", Act::FoldAll, "Fold all, or unfold all", ""),
            bind(&[Key::Enter], "Enter", Act::Open, "The child over the whole screen", ""),
        ],
    },
    Section {
        scope: Scope::Logs,
        title: "In the logs",
        bindings: &[
            bind(&[Key::Char(' ')], "Space", Act::Pause, "Stop following, or go on", "pause"),
            bind(&[Key::Char('/')], "/", Act::Search, "Search, from the end upwards", "search"),
            bind(&[Key::Char('n')], "n", Act::Again, "The next place further up", ""),
            bind(&[Key::Char('N')], "N", Act::Before, "The next place further down", ""),
            bind(&[Key::Char('t')], "t", Act::Stamps, "When each line was printed", "times"),
            bind(&[Key::Left], "← →", Act::Left, "Long lines: further left, further right", ""),
            bind(&[Key::Right], "", Act::Right, "", ""),
        ],
    },
    Section {
        scope: Scope::Runs,
        title: "In the runs",
        bindings: &[bind(
            &[Key::Enter],
            "Enter",
            Act::Open,
            "All that is known of this run; Esc goes back to the list",
            "post-mortem",
        )],
    },
    Section {
        scope: Scope::Alerts,
        title: "In the alerts",
        bindings: &[bind(&[Key::Enter], "Enter", Act::Open, "Go to the child", "go there")],
    },
    Section {
        scope: Scope::Panel,
        title: "In the panel of a child",
        bindings: &[
            bind(&[Key::Left], "← →", Act::Left, "The tab before, the next tab", ""),
            bind(&[Key::Right], "", Act::Right, "", ""),
        ],
    },
    Section {
        scope: Scope::Everywhere,
        title: "Everywhere",
        bindings: &[
            bind(&[Key::Up, Key::Char('k')], "↑ k", Act::Up, "One line up", ""),
            bind(&[Key::Down, Key::Char('j')], "↓ j", Act::Down, "One line down", ""),
            bind(&[Key::PageUp, Key::Char('b')], "PgUp b", Act::PageUp, "One page up", ""),
            bind(
                &[Key::PageDown, Key::Char(' ')],
                "PgDn Space",
                Act::PageDown,
                "One page down",
                "",
            ),
            bind(&[Key::Home, Key::Char('g')], "Home g", Act::First, "To the first line", ""),
            bind(&[Key::End, Key::Char('G')], "End G", Act::Last, "To the last line", ""),
            bind(
                &[Key::Char('/')],
                "/",
                Act::Search,
                "Show only names, states and labels that hold a text",
                "search",
            ),
            bind(
                &[Key::Char('f')],
                "f",
                Act::Filter,
                "Show only what is not as it should be, down, on the way, or ready",
                "filter",
            ),
            bind(
                &[Key::Char('s')],
                "s",
                Act::Sort,
                "Sort: as the tree, worst first, by name, latest change, most restarts",
                "sort",
            ),
            bind(
                &[Key::Tab, Key::BackTab],
                "Tab",
                Act::Switch,
                "Between the tree and the panel of the child",
                "panel",
            ),
            bind(
                &[Key::Char('1'), Key::Char('e')],
                "1 e",
                Act::Tab(0),
                "Why: what happened, what comes next, what would change it; limits",
                "",
            ),
            bind(&[Key::Char('2'), Key::Char('l')], "2 l", Act::Tab(1), "Logs, as they come", ""),
            bind(
                &[Key::Char('3'), Key::Char('h')],
                "3 h",
                Act::Tab(2),
                "Runs, with how they ended",
                "",
            ),
            bind(
                &[Key::Char('4'), Key::Char('i')],
                "4 i",
                Act::Tab(3),
                "Facts: what it is, where it listens, what it last said",
                "",
            ),
            bind(
                &[Key::Char('z')],
                "z",
                Act::Spread,
                "Tree and panel, tree alone, panel alone",
                "",
            ),
            bind(&[Key::Char('c')], "c", Act::Menu, "Commands: what can be asked now", "commands"),
            bind(&[Key::Char('a')], "a", Act::Alerts, "Alerts, or back to the tree", "alerts"),
            bind(&[Key::Escape], "Esc", Act::Back, "Back: the last thing that was opened", ""),
            bind(&[Key::Char('m')], "m", Act::Mouse, "Hear the mouse, or leave it alone", ""),
            bind(&[Key::Control('l')], "Ctrl-L", Act::Redraw, "Draw everything again", ""),
            bind(
                &[Key::Control('z')],
                "Ctrl-Z",
                Act::Suspend,
                "Back to the shell; `fg` returns",
                "",
            ),
            bind(&[Key::Char('?')], "?", Act::Help, "These keys", "keys"),
            bind(
                &[Key::Char('q'), Key::Control('c'), Key::Control('d')],
                "q Ctrl-C",
                Act::Quit,
                "Leave; all children go on",
                "leave",
            ),
        ],
    },
];

/// Returns what a key asks for where these scopes hold, the first before the others.
pub(super) fn act(key: Key, scopes: &[Scope]) -> Option<Act> {
    let found = scopes.iter().find_map(|scope| {
        let section = SECTIONS.iter().find(|section| section.scope == *scope)?;
        section.bindings.iter().find(|binding| binding.keys.contains(&key))
    });
    let order = || {
        let letter = if let Key::Char(letter) = key { Some(letter) } else { None };
        ORDERS.iter().find(|order| Some(order.letter) == letter).map(Act::Command)
    };
    found.map(|binding| binding.act).or_else(order)
}

/// Returns all keys and what they mean, section by section.
pub(super) fn help() -> Vec<(&'static str, Vec<(String, &'static str)>)> {
    let mut help: Vec<_> = SECTIONS
        .iter()
        .map(|section| {
            let shown = section.bindings.iter().filter(|binding| !binding.shown.is_empty());
            (section.title, shown.map(|b| (b.shown.to_owned(), b.about)).collect())
        })
        .collect();
    let orders = ORDERS.iter().map(|order| (order.letter.to_string(), order.about)).collect();
    help.push(("Commands to the child; each asks for a reason first", orders));
    help
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn no_key_means_two_things_in_one_place() {
        for section in SECTIONS {
            let all: Vec<Key> = section.bindings.iter().flat_map(|b| b.keys).copied().collect();
            for (at, key) in all.iter().enumerate() {
                assert!(!all[..at].contains(key), "{key:?} in {}", section.title);
            }
            for order in ORDERS {
                let key = Key::Char(order.letter);
                assert!(!all.contains(&key), "{key:?} in {}", section.title);
                assert_eq!(act(key, &[section.scope]), Some(Act::Command(order)));
            }
        }
    }

    #[test]
    fn the_guide_has_the_keys_that_there_are() {
        let mut table = String::new();
        for (title, keys) in help() {
            table.push_str(&format!("\n### {title}\n\n| keys | |\n| --- | --- |\n"));
            for (shown, about) in keys {
                let shown: Vec<String> = shown.split(' ').map(|key| format!("`{key}`")).collect();
                table.push_str(&format!("| {} | {about} |\n", shown.join(" ")));
            }
        }
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guide/top.md");
        let guide = std::fs::read_to_string(&path).unwrap();
        let (before, rest) = guide.split_once("<!-- keys -->\n").unwrap();
        let (known, after) = rest.split_once("\n<!-- end of keys -->").unwrap();
        if std::env::var_os("BLESS").is_some() {
            let text = format!("{before}<!-- keys -->\n{table}\n<!-- end of keys -->{after}");
            std::fs::write(&path, text).unwrap();
            return;
        }
        assert_eq!(known, table, "docs/guide/top.md is old: `BLESS=1` writes it anew");
    }
}
