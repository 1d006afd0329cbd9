//! What is shown, on a screen in memory: by what was typed, and at several sizes.

mod model;
mod pages;

use super::keys::{Key, Typed};
use super::model::{Answer, Ask, Happening, Model};
use super::paint::Paint;
use super::view;
use mainstay_wire::api::{Explanation, LogLine, LogPage, Run, Status};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use serde::de::DeserializeOwned;
use std::path::Path;

/// A screen in memory, and somebody at the keyboard.
struct Scene {
    model: Model,
    /// Everything that was asked for and not answered yet.
    asks: Vec<Ask>,
    now: i64,
}

/// Reads one of the answers that the tests of the commands use too.
fn answer<T: DeserializeOwned>(name: &str) -> T {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/answers").join(name);
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

impl Scene {
    fn new(size: (u16, u16)) -> Self {
        Self::of(answer("status.json"), size)
    }

    fn of(status: Status, size: (u16, u16)) -> Self {
        let mut model = Model::new(status, size, 0);
        let asks = model.begin(false);
        Self { model, asks, now: 0 }
    }

    /// Something happens.
    fn happens(&mut self, happening: Happening) -> &mut Self {
        let asks = self.model.update(self.now, happening);
        self.asks.extend(asks);
        self
    }

    /// Time passes, in milliseconds.
    fn passes(&mut self, span: i64) -> &mut Self {
        self.now += span;
        self.happens(Happening::Tick)
    }

    /// Types keys by their names, and letters.
    fn types(&mut self, keys: &str) -> &mut Self {
        for name in keys.split(' ') {
            let key = match name {
                "Enter" => Key::Enter,
                "Esc" => Key::Escape,
                "Tab" => Key::Tab,
                "Up" => Key::Up,
                "Down" => Key::Down,
                "Left" => Key::Left,
                "Right" => Key::Right,
                "PgUp" => Key::PageUp,
                "PgDn" => Key::PageDown,
                "Home" => Key::Home,
                "End" => Key::End,
                "Space" => Key::Char(' '),
                "Ctrl-C" => Key::Control('c'),
                letters => {
                    for letter in letters.chars() {
                        self.happens(Happening::Typed(Typed::Key(Key::Char(letter))));
                    }
                    continue;
                }
            };
            self.happens(Happening::Typed(Typed::Key(key)));
        }
        self
    }

    /// Answers whatever has been asked for with what the tests know, under the name that was asked for.
    fn answers(&mut self) -> &mut Self {
        for ask in std::mem::take(&mut self.asks) {
            match ask {
                Ask::Explain(path) => {
                    let mut why: Explanation = answer("explain.json");
                    why.path.clone_from(&path);
                    self.happens(Happening::Explained(path, Answer::Known(Box::new(why))));
                }
                Ask::Runs(path) => {
                    let mut runs: Vec<Run> = answer("history.json");
                    runs.retain(|run| run.path == path);
                    self.happens(Happening::Runs(path, Answer::Known(runs)));
                }
                Ask::Postmortem(path, run) => {
                    let known = Box::new(answer("postmortem.json"));
                    self.happens(Happening::Postmortem(path, run, Answer::Known(known)));
                }
                Ask::Alerts => {
                    self.happens(Happening::Alerts(Answer::Known(answer("alerts.json"))));
                }
                Ask::Follow(path) => {
                    let page: LogPage = answer("logs.json");
                    let is_of = |line: &LogLine| {
                        line.path == path || super::model::is_below(&line.path, &path)
                    };
                    let lines = page.lines.into_iter().filter(is_of).collect();
                    self.happens(Happening::Lines(path, lines));
                }
                Ask::Choices(path) => {
                    let known = Answer::Known(answer("choices.json"));
                    self.happens(Happening::Choices(path, known));
                }
                Ask::Status
                | Ask::Unfollow
                | Ask::Command { .. }
                | Ask::Mouse(_)
                | Ask::Redraw
                | Ask::Suspend
                | Ask::Quit => {}
            }
        }
        self
    }

    /// Draws it.
    fn draw(&self, paint: Paint) -> Buffer {
        let (width, height) = self.model.size;
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal.draw(|frame| view::draw(&self.model, paint, frame)).unwrap();
        terminal.backend().buffer().clone()
    }

    /// Returns the screen as text, without spaces at the ends of lines.
    fn text(&self) -> String {
        let buffer = self.draw(Paint { has_colour: true });
        let mut text = String::new();
        for y in 0..buffer.area.height {
            let mut line = String::new();
            let mut skip = 0;
            for x in 0..buffer.area.width {
                let symbol = buffer[(x, y)].symbol();
                // A wide letter covers the cells behind it.
                if skip == 0 {
                    line.push_str(symbol);
                    skip = crate::show::width(symbol).max(1);
                }
                skip -= 1;
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }

    /// Returns the line that holds this.
    fn line(&self, wanted: &str) -> String {
        let text = self.text();
        let found = text.lines().find(|line| line.contains(wanted));
        found.unwrap_or_else(|| panic!("`{wanted}` is not shown:\n{text}")).to_owned()
    }

    /// Returns whether this is on the screen.
    fn shows(&self, wanted: &str) -> bool {
        self.text().contains(wanted)
    }
}
