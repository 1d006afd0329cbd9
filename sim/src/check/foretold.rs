//! What a command would do, against what it does.

use super::{Broken, Invariant, Judge, wrong};
use mainstay_core::{Command, Effects, Event, Refusal, Verb};

impl Judge {
    /// Compares the answer to a command with what the tree said of it beforehand.
    pub(crate) fn foretold(
        command: &Command,
        foretold: &Result<bool, Refusal>,
        out: &Effects,
    ) -> Result<(), Broken> {
        let [reply] = out.replies.as_slice() else { return Ok(()) };
        // An answer that is repeated says what was so then.
        let is_first =
            |event: &Event| matches!(event, Event::Commanded { .. } | Event::Refused { .. });
        if !out.events.iter().any(is_first) {
            return Ok(());
        }
        let brings_a_spec =
            matches!(command.verb, Verb::Add { .. } | Verb::Replace(_) | Verb::Apply(_));
        let is_as_foretold = match (&reply.result, foretold) {
            (Ok(_), Ok(_)) if brings_a_spec => true,
            (Ok(done), Ok(changes)) => done.changed == *changes,
            // What was not asked beforehand.
            (
                Err(
                    Refusal::Anonymous
                    | Refusal::Unknown { .. }
                    | Refusal::IdReused
                    | Refusal::OtherRun { .. }
                    | Refusal::OtherRevision { .. },
                ),
                _,
            ) => true,
            (Err(_), Ok(_)) => brings_a_spec,
            (Err(refusal), Err(foretold)) => refusal == foretold,
            (Ok(_), Err(_)) => false,
        };
        if is_as_foretold {
            return Ok(());
        }
        let (verb, result) = (command.verb.word(), &reply.result);
        let text = format!("{verb} {}: foretold {foretold:?}, came {result:?}", command.target);
        wrong(Invariant::Foretold, text)
    }
}
