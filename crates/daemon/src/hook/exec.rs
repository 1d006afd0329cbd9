//! Hooks that are commands. The keeper runs them, like everything: it bounds their time, their number and their output,
//! ends them with their process group, and takes them in.

use super::Hook;
use super::carry::Secrets;
use super::queue::Outcome;
use mainstay_wire::Text;
use mainstay_wire::hook::CloudEvent;
use mainstay_wire::keeper::{Order, StartError, Status};
use mainstay_wire::process::{Environment, Process};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;

/// How much longer than the command may take the keeper is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: Option<Status>,
    pub(crate) output: Text,
    pub(crate) error: Option<StartError>,
}

/// Commands that the keeper runs for the brain, and who waits for them.
pub(crate) struct Asides {
    order: Box<dyn Fn(Order) + Send + Sync>,
    next: AtomicU64,
    waiting: Mutex<BTreeMap<u64, oneshot::Sender<Answer>>>,
}

impl std::fmt::Debug for Asides {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Asides").finish_non_exhaustive()
    }
}

impl Asides {
    /// Gives orders to a keeper in this way.
    pub(crate) fn new(order: impl Fn(Order) + Send + Sync + 'static) -> Self {
        // The keeper may still hold what a brain before this one has ordered.
        let first = u64::from(std::process::id()) << 32;
        let (next, waiting) = (AtomicU64::new(first), Mutex::default());
        Self { order: Box::new(order), next, waiting }
    }

    fn waiting(&self) -> std::sync::MutexGuard<'_, BTreeMap<u64, oneshot::Sender<Answer>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The keeper tells that one is over.
    pub(crate) fn told(&self, ticket: u64, answer: Answer) {
        if let Some(tell) = self.waiting().remove(&ticket) {
            // Who has waited too long has gone.
            drop(tell.send(answer));
        }
    }

    /// Another keeper knows of none of them: whoever waits hears that nobody will answer.
    pub(crate) fn lost(&self) {
        self.waiting().clear();
    }

    /// Runs a command, and says what came of it.
    pub(super) async fn run(&self, process: Process, input: Vec<u8>, timeout: Duration) -> Outcome {
        let ticket = self.next.fetch_add(1, Ordering::Relaxed);
        let (tell, told) = oneshot::channel();
        self.waiting().insert(ticket, tell);
        let process = Arc::new(process);
        (self.order)(Order::Aside { ticket, process, input, timeout });
        let answer = match tokio::time::timeout(timeout + PATIENCE, told).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => {
                return Outcome::Failed("another keeper has taken over meanwhile".into(), None);
            }
            Err(_) => {
                self.waiting().remove(&ticket);
                return Outcome::Failed("the keeper has not said what became of it".into(), None);
            }
        };
        judge(&answer, timeout)
    }
}

/// Says what came of a command.
fn judge(answer: &Answer, timeout: Duration) -> Outcome {
    let said = answer.output.to_string();
    let last = said.lines().rev().map(str::trim).find(|line| !line.is_empty());
    let said = last.map_or_else(String::new, |line| format!(": {line}"));
    let failed = |text: String| Outcome::Failed(text, None);
    match (&answer.error, &answer.status) {
        (Some(error), _) => failed(format!("it does not start: {error}")),
        (None, Some(Status::Code(0))) => Outcome::Taken(format!("it ended with code 0{said}")),
        (None, Some(Status::Code(code))) => failed(format!("it ended with code {code}{said}")),
        (None, Some(Status::Signal { signal, .. })) => {
            failed(format!("it was killed by signal {signal}{said}"))
        }
        (None, Some(Status::NotStarted(error))) => failed(format!("it does not start: {error}")),
        (None, Some(Status::Unseen { .. })) => failed(format!("nobody saw how it ended{said}")),
        (None, None) => {
            let within = mainstay::Brief(timeout);
            failed(format!("it had not ended within {within}, and was ended{said}"))
        }
    }
}

/// Returns what the keeper is to run.
pub(super) fn process(
    hook: &Hook,
    (command, folder, environment): (&[String], &Path, &BTreeMap<String, String>),
    secrets: &Secrets,
    event: &CloudEvent,
) -> Process {
    let data = &event.data;
    let own = [
        ("MAINSTAY_HOOK", hook.name.clone()),
        ("MAINSTAY_FACT", data.fact.to_string()),
        ("MAINSTAY_EVENT", event.id.clone()),
        ("MAINSTAY_TREE", data.tree.clone()),
        ("MAINSTAY_CHILD", data.child.clone()),
        ("MAINSTAY_PROGRAM", data.program.clone().unwrap_or_default()),
        ("MAINSTAY_RUN", data.run.map_or_else(String::new, |run| run.to_string())),
        ("MAINSTAY_COUNT", data.count.to_string()),
        ("MAINSTAY_TEXT", data.text.replace('\0', " ")),
    ];
    let set = environment.iter().chain(secrets.iter().filter(|(name, _)| !name.is_empty()));
    let set = set.map(|(name, value)| (Text::from(name.as_str()), Text::from(value.as_str())));
    let own = own.iter().map(|(name, value)| (Text::from(*name), Text::from(value.as_str())));
    Process {
        command: command.iter().map(|word| Text::from(word.as_str())).collect(),
        folder: Some(folder.into()),
        environment: Environment { set: set.chain(own).collect(), ..Environment::default() },
        ..Process::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mainstay_wire::keeper::Step;

    fn answer(status: Option<Status>, output: &str) -> Answer {
        Answer { status, output: output.into(), error: None }
    }

    #[test]
    fn ends_are_judged() {
        let error = StartError { step: Step::FindProgram, about: "x".into(), error: 2 };
        let unstarted = Answer { error: Some(error), ..answer(None, "") };
        let killed = Status::Signal { signal: 9, core: false };
        let table = [
            (answer(Some(Status::Code(0)), "a\nsent\n\n"), "Taken it ended with code 0: sent"),
            (answer(Some(Status::Code(3)), ""), "Failed it ended with code 3"),
            (answer(Some(killed), ""), "Failed it was killed by signal 9"),
            (answer(None, "so far"), "Failed it had not ended within 2s, and was ended: so far"),
            (
                unstarted,
                "Failed it does not start: no such file or directory while looking for the program `x`",
            ),
        ];
        for (answer, expected) in table {
            let said = match judge(&answer, Duration::from_secs(2)) {
                Outcome::Taken(text) => format!("Taken {text}"),
                Outcome::Failed(text, _) => format!("Failed {text}"),
                Outcome::Refused(text) => format!("Refused {text}"),
            };
            assert_eq!(said, expected);
        }
    }

    #[tokio::test]
    async fn who_waits_hears_of_its_own_end_or_that_nobody_will_tell() {
        let (tell, told) = std::sync::mpsc::channel();
        let asides = Asides::new(move |order| drop(tell.send(order)));
        let timeout = Duration::from_secs(60);
        let answers = async {
            let Ok(Order::Aside { ticket, .. }) = told.recv() else { panic!("no order") };
            asides.told(ticket + 1, answer(Some(Status::Code(1)), ""));
            asides.told(ticket, answer(Some(Status::Code(0)), ""));
        };
        let (outcome, ()) = tokio::join!(asides.run(Process::default(), vec![], timeout), answers);
        assert_eq!(outcome, Outcome::Taken("it ended with code 0".into()));
        let lost = async { asides.lost() };
        let (outcome, ()) = tokio::join!(asides.run(Process::default(), vec![], timeout), lost);
        assert!(matches!(outcome, Outcome::Failed(..)), "{outcome:?}");
    }
}
