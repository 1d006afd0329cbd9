//! The loop: what is typed and what the daemon says go to the model, what the model asks goes to the daemon, and what
//! has changed is drawn.

use super::feed::{Feed, News};
use super::keys::Typed;
use super::model::{Ask, Happening, Model};
use super::paint::Paint;
use super::stage::Stage;
use crate::args::{Global, TopArgs};
use crate::client::Client;
use crate::fault::{Exit, Fault};
use crate::screen::Screen;
use crate::show;
use mainstay_wire::api::Status;
use std::io::{self, IsTerminal};
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio::task::LocalSet;
use tokio::time::{Instant, sleep_until};

/// The least time between two looks at the tree: a storm of events is one change.
const LOOK_LEAST: Duration = Duration::from_millis(100);
/// The most: what children say of themselves, and how much they print, is no event.
const LOOK_MOST: Duration = Duration::from_secs(10);
/// Of a large tree that never rests, a look costs the daemon at most one part in so many.
const LOOK_SHARE: u32 = 8;

/// Refuses where there is no terminal to draw on.
pub(crate) fn check(global: &Global) -> Result<(), Fault> {
    let refuse =
        |text: &str, hint: &str| Err(Fault::Usage { text: text.into(), hint: Some(hint.into()) });
    if global.json {
        return refuse(
            "`mainstay top` is for people alone",
            "`mainstay --json status` is for programs",
        );
    }
    let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    if !io::stdout().is_terminal() || is_dumb {
        let hint = "`mainstay status` prints the tree, `mainstay status --watch` again and again";
        return refuse("`mainstay top` needs a terminal that it can draw on", hint);
    }
    Ok(())
}

/// Shows the tree and acts on it, until somebody leaves.
pub(crate) async fn top(client: &Client, screen: &Screen, args: &TopArgs) -> Result<Exit, Fault> {
    // What does not answer at first is told as by any other command.
    let status: Status = client.parse(&client.read("/status").await?)?;
    let began = Instant::now();
    let mut model = Model::new(status, (80, 24), 0);
    if let Some(path) = &args.child {
        let path = path.trim_matches('/');
        if !model.tree.choose(path) {
            let known = model.tree.status.children.iter().map(|child| child.path.as_str());
            let hint = show::nearest(path, known).map(|near| format!("did you mean `{near}`?"));
            return Err(Fault::Unknown { text: format!("there is no child `{path}`"), hint });
        }
    }
    let signals = Signals::new()?;
    let stage = Stage::enter(Paint { has_colour: screen.has_colour }, args.mouse)?;
    let ends = async {
        let (feed, news) = Feed::begin(client, screen);
        let looks = Looks { due: None, asked: began, answered: began };
        Loop { model, stage, feed, news, signals, began, looks }.go(args.mouse).await
    };
    LocalSet::new().run_until(ends).await
}

/// What ends the program, or stops it, from outside.
struct Signals {
    terminate: Signal,
    hang_up: Signal,
    interrupt: Signal,
    go_on: Signal,
}

impl Signals {
    fn new() -> Result<Self, Fault> {
        let of = |kind| signal(kind).map_err(Fault::Runtime);
        Ok(Self {
            terminate: of(SignalKind::terminate())?,
            hang_up: of(SignalKind::hangup())?,
            interrupt: of(SignalKind::interrupt())?,
            go_on: of(SignalKind::from_raw(rustix::process::Signal::CONT.as_raw()))?,
        })
    }

    /// Returns what has come.
    async fn next(&mut self) -> Sent {
        tokio::select! {
            _ = self.terminate.recv() => Sent::End,
            _ = self.hang_up.recv() => Sent::End,
            _ = self.interrupt.recv() => Sent::End,
            _ = self.go_on.recv() => Sent::GoOn,
        }
    }
}

/// What a signal asks for.
enum Sent {
    End,
    /// We were stopped, and go on.
    GoOn,
}

/// When the tree is read.
struct Looks {
    /// When next, because something has happened.
    due: Option<Instant>,
    /// When it was asked for last, and when the answer came.
    asked: Instant,
    answered: Instant,
}

impl Looks {
    /// Something has happened.
    fn wish(&mut self) {
        let cost = self.answered.saturating_duration_since(self.asked);
        let earliest = self.answered + (cost * LOOK_SHARE).max(LOOK_LEAST);
        let soon = Instant::now() + LOOK_LEAST;
        self.due.get_or_insert_with(|| soon.max(earliest));
    }

    /// Returns when to look next.
    fn at(&self) -> Instant {
        self.due.unwrap_or_else(|| self.asked.max(self.answered) + LOOK_MOST)
    }
}

struct Loop {
    model: Model,
    stage: Stage,
    feed: Feed,
    news: mpsc::Receiver<News>,
    signals: Signals,
    began: Instant,
    looks: Looks,
}

impl Loop {
    async fn go(mut self, has_mouse: bool) -> Result<Exit, Fault> {
        self.model.size = self.stage.size();
        let asks = self.model.begin(has_mouse);
        if self.carry_out(asks)? {
            return Ok(Exit::Done);
        }
        let mut is_drawn = false;
        loop {
            if !is_drawn {
                self.stage.draw(&self.model)?;
                is_drawn = true;
            }
            let tick = self.tick();
            let look = self.looks.at();
            let happening = tokio::select! {
                biased;
                sent = self.signals.next() => match sent {
                    Sent::End => return Ok(Exit::Done),
                    Sent::GoOn => {
                        self.stage.resume()?;
                        let (columns, rows) = self.stage.size();
                        Happening::Typed(Typed::Resize(columns, rows))
                    }
                },
                typed = self.stage.typed() => match typed {
                    Some(typed) => Happening::Typed(typed),
                    None => return Ok(Exit::Done),
                },
                news = self.news.recv() => match news {
                    Some(News::Happened(happening)) => happening,
                    Some(News::Changed) | None => {
                        self.looks.wish();
                        // All that has come is one change; nothing of it is to be drawn yet.
                        continue;
                    }
                },
                () = self.feed.ended() => continue,
                () = sleep_until(look), if !self.feed.is_reading() => {
                    self.look();
                    continue;
                }
                () = tick => Happening::Tick,
            };
            if matches!(happening, Happening::Status(_) | Happening::NoStatus(_)) {
                self.looks.answered = Instant::now();
            }
            let now = self.now();
            is_drawn = false;
            let asks = self.model.update(now, happening);
            if self.carry_out(asks)? {
                return Ok(Exit::Done);
            }
        }
    }

    /// Returns when what is in sight is not right any more.
    fn tick(&self) -> impl Future<Output = ()> + use<> {
        let now = self.now();
        let at = self.model.changes_at(now);
        let span = at.and_then(|at| u64::try_from(at - now).ok()).map(Duration::from_millis);
        let until = span.map(|span| Instant::now() + span);
        async move {
            match until {
                Some(until) => sleep_until(until).await,
                None => std::future::pending().await,
            }
        }
    }

    /// Returns the present moment of ours, in milliseconds.
    fn now(&self) -> i64 {
        i64::try_from(self.began.elapsed().as_millis()).unwrap_or(i64::MAX)
    }

    fn look(&mut self) {
        (self.looks.due, self.looks.asked) = (None, Instant::now());
        self.feed.ask(Ask::Status);
    }

    /// Does what the model asks. True: somebody leaves.
    fn carry_out(&mut self, asks: Vec<Ask>) -> Result<bool, Fault> {
        for ask in asks {
            match ask {
                Ask::Quit => return Ok(true),
                Ask::Status => self.look(),
                Ask::Mouse(is_heard) => self.stage.hear_mouse(is_heard)?,
                Ask::Redraw => self.stage.clear()?,
                Ask::Suspend => self.stage.suspend()?,
                ask @ (Ask::Explain(_)
                | Ask::Runs(_)
                | Ask::Postmortem(..)
                | Ask::Alerts
                | Ask::Choices(_)
                | Ask::Follow(_)
                | Ask::Unfollow
                | Ask::Command { .. }) => self.feed.ask(ask),
            }
        }
        Ok(false)
    }
}
