//! A machine whose code each test brings along.

use crate::common::{find, soon};
use mainstay::stage::{
    Control, Directive, Finish, Machine, Made, Remote, Steps, Table, controlled,
};
use mainstay::{BoxError, Child, Context, Event as Fact, Events, Item, News, Record, Settled};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Idle,
    Busy,
    Mending,
    Closing,
    Done,
    Broken,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    Go,
    Rest,
    Finish,
    Failed,
    Close,
    Late,
    Never,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Begin,
    Step,
    End,
    Mend,
    Report,
    Close,
}

pub(crate) struct Play;

impl Machine for Play {
    type State = State;
    type Event = Event;
    type Action = Action;
    type Context = ();
}

pub(crate) type Next = Result<Directive<Event>, BoxError>;
type Future<T> = Pin<Box<dyn std::future::Future<Output = T> + Send>>;
type Dispatch = Arc<dyn Fn(State, Context) -> Future<Next> + Send + Sync>;
type Act = Arc<dyn Fn(Action, Context) -> Future<Result<(), BoxError>> + Send + Sync>;

/// What the code of the machine does; and what it was asked to do, in order.
#[derive(Clone)]
pub(crate) struct Script {
    dispatch: Dispatch,
    act: Act,
    pub(crate) asked: Arc<Mutex<Vec<String>>>,
}

impl Script {
    pub(crate) fn new<F>(dispatch: impl Fn(State, Context) -> F + Send + Sync + 'static) -> Self
    where
        F: std::future::Future<Output = Next> + Send + 'static,
    {
        let dispatch: Dispatch = Arc::new(move |state, cx| Box::pin(dispatch(state, cx)));
        let act: Act = Arc::new(|_, _| Box::pin(async { Ok(()) }));
        Self { dispatch, act, asked: Arc::default() }
    }

    pub(crate) fn acts<F>(
        mut self,
        act: impl Fn(Action, Context) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: std::future::Future<Output = Result<(), BoxError>> + Send + 'static,
    {
        self.act = Arc::new(move |action, cx| Box::pin(act(action, cx)));
        self
    }

    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("no poison").clone()
    }

    pub(crate) fn child(&self, table: Table<Play>) -> Child {
        self.controlled(table).0
    }

    pub(crate) fn controlled(&self, table: Table<Play>) -> (Child, Remote<Event>) {
        let script = self.clone();
        let make =
            move |cx: Context| -> Made<Player> { Ok((Player { script: script.clone(), cx }, ())) };
        controlled("play", table, make)
    }
}

pub(crate) struct Player {
    script: Script,
    cx: Context,
}

impl Player {
    fn note(&self, what: String) {
        self.script.asked.lock().expect("no poison").push(what);
    }
}

impl Steps for Player {
    type Machine = Play;

    async fn dispatch(&mut self, state: State, (): &mut ()) -> Next {
        self.note(format!("{state:?}"));
        (self.script.dispatch)(state, self.cx.clone()).await
    }

    async fn act(&mut self, action: Action, (): &mut ()) -> Result<(), BoxError> {
        self.note(format!("do {action:?}"));
        (self.script.act)(action, self.cx.clone()).await
    }
}

/// Idle, Busy, and what becomes of a failure; a stop and a drain are mapped to Close.
pub(crate) fn table(limit: Option<Duration>) -> Table<Play> {
    use Action::{Begin, Close, End, Mend, Report, Step};
    Table::<Play>::starts(State::Idle, Event::Failed)
        .state(State::Idle, |s| {
            s.on(Event::Go, State::Busy, [Step]).on(Event::Finish, State::Done, [])
        })
        .state(State::Busy, |s| {
            let s = s
                .enter([Begin, Report])
                .exit([End])
                .on(Event::Rest, State::Idle, [])
                .on(Event::Late, State::Idle, [Report])
                .on(Event::Finish, State::Done, [])
                .on(Event::Failed, State::Mending, [Mend, Report]);
            match limit {
                Some(limit) => s.after(limit, Event::Late),
                None => s,
            }
        })
        .state(State::Mending, |s| s.on(Event::Rest, State::Idle, []))
        .state(State::Closing, |s| s.enter([Close]).on(Event::Finish, State::Done, []))
        .anywhere(Event::Failed, State::Broken, [Mend])
        .anywhere(Event::Close, State::Closing, [])
        .end(State::Done, Finish::Completed)
        .end_with(State::Broken, Finish::Failed, [Report])
        .control(Control::Stop, Event::Close)
        .build()
        .expect("a table without faults")
}

/// The same without anything that is mapped.
pub(crate) fn plain() -> Table<Play> {
    Table::<Play>::starts(State::Idle, Event::Failed)
        .state(State::Idle, |s| {
            s.on(Event::Go, State::Busy, [Action::Step]).on(Event::Finish, State::Done, [])
        })
        .state(State::Busy, |s| s.on(Event::Rest, State::Idle, []))
        .anywhere(Event::Failed, State::Broken, [Action::Mend])
        .end(State::Done, Finish::Completed)
        .end(State::Broken, Finish::Failed)
        .build()
        .expect("a table without faults")
}

/// Every fact from now on up to the end of the run, that included, and what was told after it to the tree's end.
pub(crate) async fn told(events: &mut Events) -> Vec<Record> {
    let mut told = Vec::new();
    let reading = async {
        while let Some(item) = events.next().await {
            let Item::Record(record) = item else { panic!("it reads in time") };
            told.push(record);
        }
    };
    soon(reading).await;
    told
}

/// The news in a fact.
pub(crate) fn told_in(record: &Record) -> Option<&News> {
    if let Fact::Told { news, .. } = &record.event { Some(news) } else { None }
}

/// The news among facts.
pub(crate) fn news(records: &[Record]) -> Vec<&News> {
    records.iter().filter_map(told_in).collect()
}

/// How each machine among facts settled.
pub(crate) fn settled(records: &[Record]) -> Vec<Settled> {
    let how = |news: &&News| match news {
        News::Settled { how, .. } => Some(*how),
        News::Moved { .. }
        | News::Acted { .. }
        | News::Failed { .. }
        | News::Unhandled { .. }
        | News::Omitted(_) => None,
    };
    news(records).iter().filter_map(how).collect()
}

/// Waits for the news that is wanted.
pub(crate) async fn hear(events: &mut Events, wanted: &str) -> Record {
    find(events, |record| told_in(record).is_some_and(|news| news.to_string().contains(wanted)))
        .await
}
