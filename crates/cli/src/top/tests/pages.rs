//! Whole screens, compared with files. `BLESS=1 cargo test -p mainstay-cli` writes them anew.

use super::*;
use crate::screen::Tint;
use ratatui::style::{Color, Modifier};
use std::fmt::Write as _;

/// Compares screens, one below the other, with a file in `tests/golden`.
#[track_caller]
fn compare(name: &str, screens: &[(&str, String)]) {
    let mut seen = String::new();
    for (title, screen) in screens {
        let _ = writeln!(seen, "=== {title}\n{screen}");
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, &seen).unwrap();
    }
    let known = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(known, seen, "{name} is not what is drawn: `BLESS=1` writes it anew");
}

/// Goes through everything that can be looked at, and returns each screen.
fn tour(size: (u16, u16)) -> Vec<(&'static str, String)> {
    let mut scene = Scene::new(size);
    let mut screens = vec![("at first, before any answer", scene.text())];
    scene.answers().types("Down Down").answers();
    screens.push(("a child, and why it is down", scene.text()));
    scene.types("2").answers();
    screens.push(("its log: there is none", scene.text()));
    scene.types("Up").answers();
    screens.push(("the log of another child", scene.text()));
    scene.types("Up").answers();
    screens.push(("the logs of all below a supervisor", scene.text()));
    scene.types("Down Down 3").answers();
    screens.push(("runs", scene.text()));
    scene.types("Tab Enter").answers();
    screens.push(("a run", scene.text()));
    scene.types("Esc 4");
    screens.push(("facts", scene.text()));
    scene.types("z");
    screens.push(("the tree alone", scene.text()));
    scene.types("z z c").answers();
    screens.push(("commands", scene.text()));
    scene.types("R").answers().types("new Space certificates");
    screens.push(("a reason is typed", scene.text()));
    scene.types("Esc X").answers();
    screens.push(("a command that is not possible", scene.text()));
    scene.types("Esc a").answers();
    screens.push(("alerts", scene.text()));
    scene.types("?");
    screens.push(("keys", scene.text()));
    scene.types("q a /").types("work");
    screens.push(("a search", scene.text()));
    scene.types("Enter s");
    screens.push(("sorted", scene.text()));
    scene.types("Esc Esc Esc f");
    screens.push(("what is not as it should be", scene.text()));
    scene.happens(Happening::Lost("nothing answers at /run/mainstay/shop/api.sock".into()));
    scene.passes(12_000);
    screens.push(("nothing answers", scene.text()));
    screens
}

#[test]
fn a_small_terminal() {
    compare("top-80x24.txt", &tour((80, 24)));
}

#[test]
fn a_large_terminal() {
    compare("top-120x40.txt", &tour((120, 40)));
}

#[test]
fn tiny_terminals_say_so_and_nothing_fails() {
    let mut screens = vec![("40x10", Scene::new((40, 10)).text())];
    let mut scene = Scene::new((40, 10));
    // Keys do what they do; the next size shows it.
    scene.types("Down Down c R").happens(Happening::Typed(Typed::Resize(60, 14)));
    screens.push(("60x14, with a command begun before", scene.answers().text()));
    compare("top-tiny.txt", &screens);
    for size in [(0, 0), (1, 1), (48, 12), (47, 12), (48, 11), (300, 100), (500, 12)] {
        let mut scene = Scene::new(size);
        for keys in ["Tab", "2", "3 Enter", "4", "z", "z", "c", "R", "Esc ? End", "Esc", "a", "/"] {
            scene.types(keys).answers();
            assert_eq!(scene.draw(Paint { has_colour: true }).area.width, size.0);
        }
        scene.types("Esc");
        assert!(scene.types("q").asks.contains(&Ask::Quit), "{size:?}");
    }
}

/// Returns a tree of these children, all alike but for their names.
fn tree(paths: impl IntoIterator<Item = String>) -> Status {
    let mut status: Status = answer("serving.json");
    let child = answer::<mainstay_wire::api::Child>("db.json");
    let named = |path| mainstay_wire::api::Child { path, ..child.clone() };
    status.children = paths.into_iter().map(named).collect();
    status
}

#[test]
fn names_may_be_long_and_letters_wide() {
    let names = [
        "app".into(),
        "app/a-name-that-is-much-longer-than-any-screen-is-wide-and-goes-on-and-on-for-ever@1"
            .into(),
        "app/a-name-that-is-much-longer-than-any-screen-is-wide-and-goes-on-and-on-for-ever@2"
            .into(),
        "app/日本語の名前を持つ子供".into(),
        "app/cafe\u{301}".into(),
        "app/👩‍💻".into(),
    ];
    let mut status = tree(names);
    status.children[3].state =
        "bereit: 待っています、まだ何も起きていません、もう少し待ってください".into();
    status.children[4].state = "evil \x1b[2J\x07state".into();
    let mut screens = Vec::new();
    for size in [(80, 24), (120, 24)] {
        let mut scene = Scene::of(status.clone(), size);
        scene.types("Down Down Down").answers();
        screens.push((if size.0 == 80 { "80" } else { "120" }, scene.text()));
        scene.types("2");
        let line = |text: &str| LogLine {
            path: "app/日本語の名前を持つ子供".into(),
            at: Some(1_769_860_794_800),
            run: None,
            stream: None,
            text: text.into(),
        };
        let lines = vec![
            line(
                "wide: 待っています、まだ何も起きていません、もう少し待ってください、もう少し待ってください、まだです",
            ),
            line("tab\there, \x1b[31mred\x1b[0m, \x1b[2Jgone, bell\x07, e\u{301}"),
            line(&"long ".repeat(40)),
        ];
        scene.happens(Happening::Lines("app/日本語の名前を持つ子供".into(), lines));
        screens.push(("its log", scene.types("Tab t").text()));
        screens.push(("further right", scene.types("Right").text()));
    }
    compare("top-names.txt", &screens);
}

#[test]
fn two_thousand_children_are_walked_through() {
    let supervisors = (0..20).flat_map(|s| {
        let own = format!("group{s:02}");
        let below = (0..99).map(move |c| format!("group{s:02}/child{c:02}"));
        std::iter::once(own).chain(below)
    });
    let mut scene = Scene::of(tree(supervisors), (80, 24));
    assert!(scene.shows("1–8 of 2000"), "{}", scene.text());
    assert!(scene.types("End").line("▌").contains("child98"));
    assert!(scene.shows("1993–2000 of 2000"));
    // What is not in sight is not drawn: the screen has the same lines as with ten children.
    assert_eq!(scene.text().lines().filter(|line| line.contains("● ready")).count(), 8);
    assert!(scene.types("Home -").line("▌").contains("▸ group00"), "folded");
    assert!(scene.shows("1–8 of 20 · partly folded"));
    assert!(scene.types("- /child42 Enter").shows("1–8 of 40 · with `child42`"));
    assert!(scene.line("▌").contains("group00"));
}

#[test]
fn without_colour_nothing_has_one() {
    let mut scene = Scene::new((120, 40));
    for keys in ["Down Down", "2", "3", "4", "c", "R", "Esc a", "?"] {
        scene.types(keys).answers();
        let buffer = scene.draw(Paint { has_colour: false });
        for cell in buffer.content() {
            assert_eq!((cell.fg, cell.bg), (Color::Reset, Color::Reset), "{keys}: {cell:?}");
        }
    }
    // What is chosen stands out all the same.
    let buffer = Scene::new((120, 40)).draw(Paint { has_colour: false });
    let is_turned = |cell: &&ratatui::buffer::Cell| cell.modifier.contains(Modifier::REVERSED);
    assert!(buffer.content().iter().filter(is_turned).count() > 40);
}

#[test]
fn colours_are_those_of_status() {
    let paint = Paint { has_colour: true };
    let buffer = Scene::new((120, 40)).draw(paint);
    let colour_of = |wanted: &str| {
        let cells = buffer.content().iter().filter(|cell| cell.symbol() == wanted);
        let mut colours: Vec<Color> = cells.map(|cell| cell.fg).collect();
        colours.dedup();
        colours
    };
    // The first row is chosen, and has no colour of its own.
    assert_eq!(colour_of("●"), [Color::Reset, Color::Green]);
    assert_eq!(colour_of("◌"), [Color::Yellow]);
    assert_eq!(colour_of("✖"), [Color::Red]);
    assert_eq!(paint.style(Tint::Coming).fg, Some(Color::Cyan));
}
