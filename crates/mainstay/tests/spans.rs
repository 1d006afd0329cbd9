//! Each run has a span while somebody listens, and its log lines stand within it.
#![cfg(feature = "tracing")]

use mainstay::{Context, task, tree};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// Notes in which spans the lines of a target are said.
#[derive(Default)]
struct Notes {
    names: Mutex<Vec<String>>,
    entered: Mutex<Vec<u64>>,
    said: Mutex<Vec<(String, Option<String>)>>,
    closed: AtomicU64,
}

struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.0.push_str(&format!("{}={value:?} ", field.name()));
    }
}

struct Listener(Arc<Notes>);

impl Subscriber for Listener {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_span() || metadata.target() == "mine"
    }

    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        let mut text = Text(String::new());
        attributes.record(&mut text);
        let mut names = self.0.names.lock().expect("nobody panics under it");
        names.push(text.0);
        Id::from_u64(names.len() as u64)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut text = Text(String::new());
        event.record(&mut text);
        let within = self.0.entered.lock().expect("nobody panics under it").last().copied();
        let within = within.map(|id| {
            self.0.names.lock().expect("nobody panics under it")[id as usize - 1].clone()
        });
        self.0.said.lock().expect("nobody panics under it").push((text.0, within));
    }

    fn enter(&self, id: &Id) {
        self.0.entered.lock().expect("nobody panics under it").push(id.into_u64());
    }

    fn exit(&self, _: &Id) {
        self.0.entered.lock().expect("nobody panics under it").pop();
    }

    fn try_close(&self, _: Id) -> bool {
        self.0.closed.fetch_add(1, Ordering::SeqCst);
        true
    }
}

#[test]
fn a_line_of_a_run_stands_within_the_span_of_its_child_and_run() {
    let notes = Arc::new(Notes::default());
    let _guard = tracing::subscriber::set_default(Listener(Arc::clone(&notes)));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let web = task("web", |cx: Context| async move {
            tracing::info!(target: "mine", "at work");
            let is_first = cx.run().0 == 1;
            tokio::task::yield_now().await;
            assert!(!cx.span().is_disabled());
            tracing::info!(target: "mine", "still at work");
            if is_first { Err("again") } else { Ok(()) }
        });
        let owner = tree().child(web).start().expect("it starts");
        let handle = owner.handle();
        handle.wait_until("web", |web| web.runs == 2 && web.run.is_none()).await.expect("it runs");
        owner.drain("enough").await;
    });
    let said = notes.said.lock().expect("nobody panics under it");
    let within: Vec<_> = said.iter().map(|(_, within)| within.as_deref()).collect();
    let first = Some("child=web run=1 ");
    let second = Some("child=web run=2 ");
    assert_eq!(within, [first, first, second, second]);
}
