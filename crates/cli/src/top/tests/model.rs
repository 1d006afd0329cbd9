//! What is asked for and what changes, step by step.

use super::*;
use crate::top::model::{Focus, Link, Over, Page, Spread, Tab};
use mainstay_wire::api::{Standing, Verb};

#[test]
fn what_is_looked_at_is_asked_for_and_nothing_else() {
    let mut scene = Scene::new((80, 24));
    let mut asks = |keys: &str| {
        if !keys.is_empty() {
            scene.types(keys);
        }
        std::mem::take(&mut scene.asks)
    };
    assert_eq!(asks(""), [Ask::Explain("app".into())]);
    assert_eq!(asks("Down"), [Ask::Explain("app/db".into())]);
    assert_eq!(asks("2"), [Ask::Follow("app/db".into())]);
    assert_eq!(asks("Down"), [Ask::Unfollow, Ask::Follow("app/mailer".into())]);
    assert_eq!(asks("3"), [Ask::Runs("app/mailer".into()), Ask::Unfollow]);
    assert_eq!(asks("4"), []);
    assert_eq!(asks("z"), [], "the panel is hidden");
    assert_eq!(asks("Down"), []);
    assert_eq!(asks("1"), [Ask::Explain("app/web-frontend-for-customers".into())]);
    assert_eq!(asks("a"), [Ask::Alerts]);
    assert_eq!(asks("q"), [Ask::Quit]);
    assert_eq!(asks("Ctrl-C"), [Ask::Quit]);
}

#[test]
fn a_command_has_a_reason_and_an_answer() {
    let mut scene = Scene::new((80, 24));
    scene.types("Down R").answers().types("Enter");
    assert!(scene.shows("a reason is needed"));
    assert!(!scene.asks.iter().any(|ask| matches!(ask, Ask::Command { .. })));
    scene.types("new Space certificates Space Enter");
    let why = "new certificates".to_owned();
    let command = Ask::Command { path: "app/db".into(), verb: Verb::Restart {}, why };
    assert_eq!(std::mem::take(&mut scene.asks), [command]);
    assert!(scene.shows("restart: asked …"));
    scene.happens(Happening::Replied(Ok("app/db is stopping".into())));
    assert_eq!(std::mem::take(&mut scene.asks), [Ask::Status], "what has changed is read");
    assert!(scene.shows("app/db is stopping"));
    scene.types("Down");
    assert!(!scene.shows("is stopping"), "the next key takes it away");
    scene.happens(Happening::Replied(Err("no child `x` (did you mean `y`?)".into())));
    assert!(scene.shows("no child `x` (did you mean `y`?)"));
}

#[test]
fn what_is_not_possible_is_not_sent_and_says_why() {
    let mut scene = Scene::new((80, 24));
    scene.types("Down Down c").answers();
    assert!(scene.line("X  stop").contains("– it is stopped already, and stays down"));
    scene.types("X");
    assert!(matches!(scene.model.over, Over::Menu(_)), "it stays");
    assert!(scene.line("▌ X").contains("stop"), "and shows which one was meant");
    scene.types("Esc X").answers().types("now Enter");
    assert!(scene.shows("not possible now: it is stopped already"));
    assert!(!scene.asks.iter().any(|ask| matches!(ask, Ask::Command { .. })));
    // Possible again: what was typed is still there.
    let happening = Happening::Choices("app/mailer".into(), Answer::Failed("gone".into()));
    scene.happens(happening).types("Enter");
    assert!(scene.asks.iter().any(|ask| matches!(ask, Ask::Command { .. })));
}

#[test]
fn alerts_are_acknowledged_where_they_stand() {
    let mut scene = Scene::new((80, 24));
    scene.types("a").answers().types("Down A").answers().types("seen Enter");
    let command =
        Ask::Command { path: "legacy".into(), verb: Verb::Acknowledge {}, why: "seen".into() };
    assert!(scene.asks.contains(&command), "{:?}", scene.asks);
    scene.types("Enter");
    assert_eq!((scene.model.page, scene.model.tree.selected.as_str()), (Page::Tree, "legacy"));
}

#[test]
fn esc_goes_back_one_step_at_a_time() {
    let mut scene = Scene::new((80, 24));
    scene.types("/mailer Enter Down 3").answers().types("Enter Enter").answers();
    assert_eq!((scene.model.focus, scene.model.spread), (Focus::Panel, Spread::Panel));
    assert!(scene.model.panel.opened.is_some());
    scene.types("Esc");
    assert!(scene.model.panel.opened.is_none());
    scene.types("Esc");
    assert_eq!((scene.model.focus, scene.model.spread), (Focus::List, Spread::Both));
    assert_eq!(scene.model.tree.rows.len(), 2, "the child, and what is above it");
    scene.types("Esc");
    assert_eq!(scene.model.tree.rows.len(), scene.model.tree.status.children.len());
    assert_eq!(scene.model.tree.selected, "app/mailer", "what was chosen stays chosen");
    assert!(scene.types("Esc").asks.iter().all(|ask| *ask != Ask::Quit), "it never leaves");
}

#[test]
fn parts_are_folded_and_what_is_chosen_is_never_hidden() {
    let mut scene = Scene::new((80, 24));
    let mut choose = |keys: &str| {
        scene.types(keys);
        (scene.model.tree.selected.clone(), scene.model.tree.rows.len())
    };
    assert_eq!(choose("End Up Up Up"), ("app/workers/worker@2".into(), 10));
    assert_eq!(choose("Left"), ("app/workers".into(), 10), "to what is above");
    assert_eq!(choose("Left"), ("app/workers".into(), 8), "folded");
    assert_eq!(choose("Left"), ("app".into(), 8));
    assert_eq!(choose("Left"), ("app".into(), 4));
    assert_eq!(choose("Right"), ("app".into(), 8), "the other fold is still there");
    assert_eq!(choose("-"), ("app".into(), 10));
    assert_eq!(choose("Down -"), ("app".into(), 4), "what hides it is chosen instead");
    assert!(scene.model.tree.choose("app/workers/worker@1"));
    assert_eq!(scene.model.tree.selected, "app/workers/worker@1");
    assert!(!scene.model.tree.choose("nobody"));
}

#[test]
fn filters_and_orders_go_round() {
    let mut scene = Scene::new((80, 24));
    let mut names = |keys: &str| {
        scene.types(keys);
        let tree = &scene.model.tree;
        let paths = tree.rows.iter().filter_map(|row| tree.child(row));
        paths
            .map(|child| child.path.rsplit('/').next().unwrap_or("").to_owned())
            .collect::<Vec<_>>()
    };
    let all = names("Esc");
    assert_eq!(names("s")[..2], ["mailer", "legacy"], "worst first");
    assert_eq!(names("s")[..2], ["app", "db"], "by name");
    assert_eq!(names("s")[..1], ["web-frontend-for-customers"], "latest change first");
    assert_eq!(names("s")[..2], ["mailer", "web-frontend-for-customers"], "most restarts first");
    assert_eq!(names("s"), all, "as the tree");
    assert_eq!(names("f").len(), 6, "not as they should be, with what is above");
    assert_eq!(names("f"), ["backup", "legacy", "metrics"], "down");
    assert_eq!(names("f"), ["app", "mailer", "web-frontend-for-customers", "workers", "worker@2"]);
    assert_eq!(names("f"), ["app", "db", "workers", "worker@1"], "ready");
    assert_eq!(names("f"), all);
    assert_eq!(names("/TEAM=Data"), ["app", "db"], "labels are searched too");
    assert_eq!(names("xyz"), Vec::<String>::new());
    assert_eq!(names("Esc"), all, "a search that is given up leaves no trace");
}

#[test]
fn the_tree_is_read_again_and_the_choice_stays() {
    let mut scene = Scene::new((80, 24));
    scene.types("Down Down").answers();
    let mut status: Status = answer("status.json");
    status.now_at += 5_000;
    status.children.remove(0);
    scene.now += 5_000;
    scene.happens(Happening::Status(Box::new(status.clone())));
    assert_eq!(scene.model.tree.selected, "app/mailer");
    assert_eq!(scene.asks, [], "nothing about it has changed");
    let mailer = status.children.iter_mut().find(|child| child.path == "app/mailer").unwrap();
    (mailer.standing, mailer.run) = (Standing::Starting, Some(32));
    scene.happens(Happening::Status(Box::new(status.clone())));
    assert_eq!(std::mem::take(&mut scene.asks), [Ask::Explain("app/mailer".into())]);
    status.children.retain(|child| child.path != "app/mailer");
    scene.happens(Happening::Status(Box::new(status)));
    assert_eq!(scene.model.tree.selected, "app/web-frontend-for-customers", "its place is kept");
}

#[test]
fn a_daemon_that_has_gone_is_told_until_it_is_back() {
    let mut scene = Scene::new((80, 24));
    scene.happens(Happening::Lost("the connection has ended".into()));
    scene.passes(3_000).happens(Happening::Lost("nothing answers at x".into())).passes(4_000);
    assert!(
        scene
            .line("nothing answers")
            .contains("this is as of 12:00:00; asking again for 7s: nothing answers at x")
    );
    scene.asks.clear();
    scene.happens(Happening::Connected);
    assert_eq!(std::mem::take(&mut scene.asks), [Ask::Status]);
    let mut status: Status = answer("status.json");
    status.now_at += 7_000;
    scene.happens(Happening::Status(Box::new(status)));
    assert_eq!(scene.model.link, Link::Live);
    assert!(!scene.shows("nothing answers"));
}

#[test]
fn countdowns_go_on_by_themselves() {
    let mut scene = Scene::new((240, 40));
    scene.answers();
    assert!(scene.line("web-front").contains("waits 5s for its next run"));
    assert!(scene.line("worker@1").contains("in 31s: counts as stable"));
    assert_eq!(scene.model.changes_at(scene.now), Some(scene.now + 1_000));
    scene.passes(2_000);
    assert!(scene.line("web-front").contains("waits 3s for its next run"));
    assert!(scene.line("worker@1").contains("in 29s: counts as stable"));
    scene.passes(10_000);
    assert!(scene.line("web-front").contains("waits 0s for its next run"), "never below nothing");
}

#[test]
fn where_nothing_changes_nothing_is_drawn() {
    let mut status: Status = answer("serving.json");
    for child in &mut status.children {
        (child.next, child.since_at) = (None, Some(status.now_at - 5 * 86_400_000 - 1));
    }
    let mut scene = Scene::of(status, (80, 24));
    scene.types("z");
    let until = scene.model.changes_at(0);
    assert!(until.is_some_and(|until| until > 3_000_000), "ages in days: {until:?}");
    scene.types("z z 4");
    assert_eq!(scene.model.changes_at(0), Some(1_000), "the facts count seconds");
}

#[test]
fn the_mouse_does_what_keys_do() {
    let mut scene = Scene::new((80, 24));
    scene.types("m");
    assert!(scene.model.has_mouse && scene.asks.contains(&Ask::Mouse(true)));
    let areas = scene.model.areas();
    let mut click = |column, row| {
        scene.happens(Happening::Typed(Typed::Click { column, row }));
        (scene.model.tree.selected.clone(), scene.model.panel.tab, scene.model.spread)
    };
    let row = areas.list.y + 2;
    assert_eq!(click(5, row), ("app/mailer".into(), Tab::Why, Spread::Both));
    let tabs = areas.tabs.right();
    assert_eq!(click(tabs - 3, areas.tabs.y), ("app/mailer".into(), Tab::Facts, Spread::Both));
    assert_eq!(click(tabs - 12, areas.tabs.y), ("app/mailer".into(), Tab::Runs, Spread::Both));
    assert_eq!(click(5, row), ("app/mailer".into(), Tab::Runs, Spread::Panel), "again: it opens");
    let row = areas.list.y;
    let way = crate::top::keys::Way::Down;
    scene.types("Esc").happens(Happening::Typed(Typed::Wheel { column: 5, row, way }));
    assert_eq!(scene.model.tree.place.at, 5);
}

#[test]
fn logs_are_searched_and_stopped() {
    let mut scene = Scene::new((80, 24));
    scene.types("Down 2");
    let line =
        |text: String| LogLine { path: "app/db".into(), at: None, run: None, stream: None, text };
    let lines = (0..100)
        .map(|at| line(format!("line {at}: {}", if at % 30 == 7 { "ERROR" } else { "fine" })));
    scene.happens(Happening::Lines("app/db".into(), lines.collect()));
    assert!(scene.shows("line 99") && !scene.shows("stopped"));
    scene.types("Tab /error Enter");
    assert!(scene.shows("line 97: ERROR"));
    scene.types("n");
    assert!(scene.shows("line 67: ERROR") && scene.shows("below: Space goes on"));
    scene.types("n n n n");
    assert!(scene.shows("no line further up holds `error`"));
    scene.happens(Happening::Lines("app/db".into(), vec![line("the newest".into())]));
    assert!(!scene.shows("the newest"));
    assert!(scene.types("Space").shows("the newest"));
    scene.happens(Happening::LogNote("app/db".into(), "... 7 lines left out".into()));
    assert!(scene.shows("... 7 lines left out"));
    scene.happens(Happening::Lines("app/mailer".into(), vec![line("late".into())]));
    assert!(!scene.shows("late"), "what another child printed comes too late");
}
