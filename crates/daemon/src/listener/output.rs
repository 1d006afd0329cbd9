//! What processes print, as events: the tasks that follow their logs.

use super::marks::{Found, Marks};
use super::payload::Channel;
use crate::api::logs::{Log, Told, tail_new};
use mainstay_wire::api::LogLine;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::PathBuf;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// Lines that wait to become events; then the log itself is what remembers.
const AHEAD: usize = 64;

/// What becomes events of what a child prints, as a spec file declares it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Printed {
    /// The outputs whose lines do: `PROCESS_LOG_STDOUT`, `PROCESS_LOG_STDERR`.
    pub lines: BTreeSet<Channel>,
    /// The outputs whose messages between marks do: `PROCESS_COMMUNICATION_STDOUT`, `PROCESS_COMMUNICATION_STDERR`.
    pub messages: BTreeSet<Channel>,
    /// The file that takes both outputs.
    pub log: PathBuf,
    /// Whether the file says which output a line is of.
    pub is_apart: bool,
}

/// The logs that are followed.
pub(super) struct Outputs {
    say: mpsc::Sender<LogLine>,
    said: mpsc::Receiver<LogLine>,
    open: BTreeMap<String, Output>,
    /// What was printed by those who are not known to have started.
    early: VecDeque<Early>,
}

/// Something that was printed, by whom and where.
pub(super) type Early = (String, Channel, Vec<Found>);

struct Output {
    declared: Printed,
    /// Of each output.
    marks: [Marks; 2],
    /// Ends with this.
    _task: JoinSet<()>,
}

impl Outputs {
    pub(super) fn new() -> Self {
        let (say, said) = mpsc::channel(AHEAD);
        Self { say, said, open: BTreeMap::new(), early: VecDeque::new() }
    }

    /// Follows these from now on, by path. A log that was followed before goes on.
    pub(super) fn declare(&mut self, all: BTreeMap<String, Printed>) {
        self.open.retain(|path, output| all.get(path) == Some(&output.declared));
        for (path, declared) in all {
            if self.open.contains_key(&path) {
                continue;
            }
            let log = Log { path: path.clone(), file: declared.log.clone() };
            let mut following = match tail_new(log) {
                Ok(following) => following,
                Err(error) => {
                    tracing::warn!(child = path, %error, "what it prints makes no events");
                    continue;
                }
            };
            let (say, mut task) = (self.say.clone(), JoinSet::new());
            task.spawn(async move {
                while let Some(told) = following.recv().await {
                    let Told::Line(line) = told else { continue };
                    if say.send(line).await.is_err() {
                        return;
                    }
                }
            });
            let marks = [Marks::default(), Marks::default()];
            self.open.insert(path, Output { declared, marks, _task: task });
        }
    }

    /// Takes back what cannot be told yet. Of very much the oldest is let go.
    pub(super) fn hold(&mut self, early: Early) {
        if self.early.len() >= AHEAD {
            self.early.pop_front();
        }
        self.early.push_back(early);
    }

    /// Returns what was held, in order.
    pub(super) fn held(&mut self) -> VecDeque<Early> {
        std::mem::take(&mut self.early)
    }

    /// Waits for the next line.
    pub(super) async fn next(&mut self) -> Option<LogLine> {
        self.said.recv().await
    }

    /// Returns what becomes events of a line, with the output that it is of.
    pub(super) fn take(&mut self, line: &LogLine) -> (Channel, Vec<Found>) {
        let Some(output) = self.open.get_mut(&line.path) else { return (Channel::Out, Vec::new()) };
        let Printed { lines, messages, is_apart, .. } = &output.declared;
        let (channel, text) = channel(line, *is_apart);
        let text = format!("{text}\n");
        let mut found = if messages.contains(&channel) {
            output.marks[channel as usize].take(&text)
        } else {
            vec![Found::Plain(text)]
        };
        found.retain(|found| match found {
            Found::Plain(_) => lines.contains(&channel),
            Found::Message(_) => true,
        });
        (channel, found)
    }
}

/// Returns which output a line is of, and the line as it was printed.
fn channel(line: &LogLine, is_apart: bool) -> (Channel, &str) {
    match line.stream.as_deref() {
        Some("err") => return (Channel::Err, &line.text),
        Some(_) => return (Channel::Out, &line.text),
        None => {}
    }
    // Without stamps nothing is said of where a line comes from.
    if is_apart && line.at.is_some() {
        if let Some(text) = line.text.strip_prefix("err ") {
            return (Channel::Err, text);
        }
        return (Channel::Out, line.text.strip_prefix("out ").unwrap_or(&line.text));
    }
    (Channel::Out, &line.text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_which_output_it_is_of_where_its_log_does() {
        let line = |at, stream: Option<&str>, text: &str| LogLine {
            path: "web".into(),
            at,
            run: None,
            stream: stream.map(str::to_owned),
            text: text.into(),
        };
        let table = [
            (line(Some(1), None, "err no"), true, (Channel::Err, "no")),
            (line(Some(1), None, "out yes"), true, (Channel::Out, "yes")),
            (line(Some(1), None, "err no"), false, (Channel::Out, "err no")),
            (line(None, None, "err no"), true, (Channel::Out, "err no")),
            (line(Some(1), Some("err"), "err no"), true, (Channel::Err, "err no")),
            (line(Some(1), Some("out"), "a"), true, (Channel::Out, "a")),
        ];
        for (line, is_apart, expected) in table {
            assert_eq!(channel(&line, is_apart), expected, "{line:?}");
        }
    }
}
