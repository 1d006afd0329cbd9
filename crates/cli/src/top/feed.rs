//! The questions to the daemon that are under way, and the streams that are followed.

use super::model::{Answer, Ask, Happening};
use crate::args::Acting;
use crate::client::{Client, Seen, address};
use crate::command::{compose, left_out};
use crate::fault::Fault;
use crate::screen::Screen;
use crate::show;
use mainstay_wire::api::{Alert, Choice, Explanation, Lag, LogLine, Reply, Run, Verb};
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, sleep, timeout_at};

/// What arrives.
#[derive(Debug)]
pub(super) enum News {
    /// Something for the model.
    Happened(Happening),
    /// Something has happened in the tree: it has to be read again.
    Changed,
}

/// How long a choice must stand before its story is asked for: who runs through a list asks for nothing.
const CHOICE: Duration = Duration::from_millis(80);
/// The pause before a daemon that does not answer is asked again.
const AGAIN: Duration = Duration::from_millis(500);
/// How many runs of a child are read.
const RUNS: usize = 200;
/// How many lines of a log are read at first.
const LINES: usize = 500;
/// How long lines are gathered: a flood is drawn ten times a second.
const GATHER: Duration = Duration::from_millis(100);
/// The most lines that are gathered.
const GATHER_MOST: usize = 1_000;
/// How much may wait for the model.
const NEWS: usize = 64;

/// What there is at most one of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Status,
    Story,
    Run,
    Alerts,
    Choices,
    Log,
}

/// Everything that is under way.
pub(super) struct Feed {
    client: Client,
    screen: Screen,
    tell: mpsc::Sender<News>,
    under_way: JoinSet<()>,
    latest: BTreeMap<Kind, AbortHandle>,
}

impl Feed {
    /// Begins to follow what happens.
    pub(super) fn begin(client: &Client, screen: &Screen) -> (Self, mpsc::Receiver<News>) {
        let (tell, news) = mpsc::channel(NEWS);
        let mut under_way = JoinSet::new();
        under_way.spawn_local(events(client.clone(), tell.clone()));
        let (client, screen) = (client.clone(), Screen { has_colour: false, ..*screen });
        (Self { client, screen, tell, under_way, latest: BTreeMap::new() }, news)
    }

    /// Returns whether the tree is being read.
    pub(super) fn is_reading(&self) -> bool {
        self.latest.get(&Kind::Status).is_some_and(|reading| !reading.is_finished())
    }

    /// Asks the daemon. A later question takes the place of an earlier one of its kind.
    pub(super) fn ask(&mut self, ask: Ask) {
        let (client, tell) = (self.client.clone(), self.tell.clone());
        match ask {
            Ask::Status => {
                let asking = async move {
                    let read = async { client.parse(&client.read("/status").await?) };
                    say(
                        &tell,
                        match read.await {
                            Ok(status) => Happening::Status(Box::new(status)),
                            Err(fault) => Happening::NoStatus(story(&fault)),
                        },
                    )
                    .await;
                };
                self.replace(Kind::Status, asking);
            }
            Ask::Explain(path) => self.replace(Kind::Story, async move {
                sleep(CHOICE).await;
                let question = format!("/explain/{}", address(&path));
                let answer = read::<Explanation>(&client, &question).await;
                say(&tell, Happening::Explained(path, boxed(answer))).await;
            }),
            Ask::Runs(path) => self.replace(Kind::Story, async move {
                sleep(CHOICE).await;
                let question = format!("/history?path={}&limit={RUNS}", address(&path));
                let answer = read::<Vec<Run>>(&client, &question).await;
                say(&tell, Happening::Runs(path, answer)).await;
            }),
            Ask::Postmortem(path, run) => self.replace(Kind::Run, async move {
                let question = format!("/postmortem/{}/{run}", address(&path));
                let answer = read::<Run>(&client, &question).await;
                say(&tell, Happening::Postmortem(path, run, boxed(answer))).await;
            }),
            Ask::Alerts => self.replace(Kind::Alerts, async move {
                let mut answer = read::<Vec<Alert>>(&client, "/alerts").await;
                if let Answer::Known(alerts) = &mut answer {
                    // Those that nobody has acknowledged come first.
                    alerts.sort_by_key(|alert| alert.seen_by.is_some());
                }
                say(&tell, Happening::Alerts(answer)).await;
            }),
            Ask::Choices(path) => self.replace(Kind::Choices, async move {
                let question = format!("/choices/{}", address(&path));
                let answer = read::<Vec<Choice>>(&client, &question).await;
                say(&tell, Happening::Choices(path, answer)).await;
            }),
            Ask::Follow(path) => self.replace(Kind::Log, async move {
                sleep(CHOICE).await;
                follow(client, path, tell).await;
            }),
            Ask::Unfollow => {
                if let Some(log) = self.latest.remove(&Kind::Log) {
                    log.abort();
                }
            }
            Ask::Command { path, verb, why } => {
                let screen = self.screen;
                self.under_way.spawn_local(async move {
                    let reply = command(&client, verb, &path, why, &screen).await;
                    let told = reply.map_err(|fault| story_and_hint(&fault));
                    say(&tell, Happening::Replied(told)).await;
                });
            }
            // These are for the terminal.
            Ask::Mouse(_) | Ask::Redraw | Ask::Suspend | Ask::Quit => {}
        }
    }

    fn replace(&mut self, kind: Kind, asking: impl Future<Output = ()> + 'static) {
        let asking = self.under_way.spawn_local(asking);
        if let Some(before) = self.latest.insert(kind, asking) {
            before.abort();
        }
    }

    /// Returns when something under way has ended. A fault in it is one of this program.
    pub(super) async fn ended(&mut self) {
        match self.under_way.join_next().await {
            Some(Err(error)) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            Some(_) => {}
            None => std::future::pending().await,
        }
    }
}

/// Tells the model. Where it has gone there is nobody to tell.
async fn say(tell: &mpsc::Sender<News>, happening: Happening) {
    let _ = tell.send(News::Happened(happening)).await;
}

async fn read<T: DeserializeOwned>(client: &Client, question: &str) -> Answer<T> {
    let read = async { client.parse(&client.read(question).await?) };
    read.await.map_or_else(|fault: Fault| Answer::Failed(story(&fault)), Answer::Known)
}

fn boxed<T>(answer: Answer<T>) -> Answer<Box<T>> {
    match answer {
        Answer::Known(known) => Answer::Known(Box::new(known)),
        Answer::Awaited => Answer::Awaited,
        Answer::Failed(why) => Answer::Failed(why),
    }
}

fn story(fault: &Fault) -> String {
    fault.story().replace('\n', " ")
}

fn story_and_hint(fault: &Fault) -> String {
    fault.hint().map_or_else(|| story(fault), |hint| format!("{} ({hint})", story(fault)))
}

/// Gives a command, and returns what came of it in words.
async fn command(
    client: &Client,
    verb: Verb,
    path: &str,
    why: String,
    screen: &Screen,
) -> Result<String, Fault> {
    let acting = Acting { why, who: None, id: None };
    let body = client.command(&compose(verb, path, &acting, None)?).await?;
    let reply: Reply = client.parse(&body)?;
    // Whether the journal can be written stands above all of it.
    Ok(show::reply(&reply, true, screen))
}

/// Says whenever something has happened, as long as the daemon can say so; and when it cannot.
async fn events(client: Client, tell: mpsc::Sender<News>) {
    let mut is_first = true;
    loop {
        let mut stream = client.follow("/events".into()).patient(Duration::ZERO);
        let mut why = None;
        match stream.open().await {
            Ok(true) => {
                // At first the tree has just been read; later nobody knows what has happened since.
                if !std::mem::take(&mut is_first) {
                    say(&tell, Happening::Connected).await;
                }
                while let Ok(Some(_)) = stream.next().await {
                    if tell.send(News::Changed).await.is_err() {
                        return;
                    }
                }
            }
            Ok(false) => {}
            Err(fault) => why = Some(story(&fault)),
        }
        is_first = false;
        let why = why.unwrap_or_else(|| "the connection has ended".into());
        say(&tell, Happening::Lost(why)).await;
        sleep(AGAIN).await;
    }
}

/// Says what is printed, from the last lines on.
async fn follow(client: Client, path: String, tell: mpsc::Sender<News>) {
    let query = format!("/logs?path={}&follow=true", address(&path));
    let mut seen = Seen::default();
    let mut openings = 0;
    let mut first = format!("{query}&lines={LINES}");
    loop {
        let mut stream = client.follow(first.clone());
        let note = loop {
            let message = match stream.next().await {
                Ok(Some(message)) => message,
                Ok(None) => break "the daemon has gone".to_owned(),
                Err(fault) => break story(&fault),
            };
            // What comes together is shown together.
            let (mut messages, until) = (vec![message], Instant::now() + GATHER);
            while messages.len() < GATHER_MOST
                && let Ok(Ok(Some(message))) = timeout_at(until, stream.next()).await
            {
                messages.push(message);
            }
            let mut lines = Vec::new();
            for message in messages {
                if message.event == "lagged" {
                    let lag: Option<Lag> = client.parse(message.data.as_bytes()).ok();
                    let text = left_out(lag.and_then(|lag| lag.missed), "line", "lines");
                    say(&tell, Happening::LogNote(path.clone(), text)).await;
                    continue;
                }
                let line: Result<LogLine, Fault> = client.parse(message.data.as_bytes());
                lines.extend(line.ok().filter(|l| seen.is_new(l, openings + stream.openings())));
            }
            if let Some(since) = seen.since() {
                first = format!("{query}&since={since}");
                stream.resume_at(first.clone());
            }
            if tell.send(News::Happened(Happening::Lines(path.clone(), lines))).await.is_err() {
                return;
            }
        };
        openings += stream.openings();
        say(&tell, Happening::LogNote(path.clone(), note)).await;
        sleep(AGAIN).await;
    }
}
