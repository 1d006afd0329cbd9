//! Methods about the program itself.

use super::{Asked, control};
use crate::supervisord::diary;
use crate::supervisord::fault::{Fault, FaultKind};
use crate::supervisord::value::Value;
use mainstay_core::spec::Activation;
use mainstay_wire::api::Verb;

/// The version of the interface that `supervisorctl` asks for.
pub(super) const API_VERSION: &str = "3.0";
/// The version of supervisor whose methods these are.
const LIKE: &str = "4.2.5";

pub(super) fn version() -> String {
    format!("{LIKE} (mainstay {})", env!("CARGO_PKG_VERSION"))
}

pub(super) fn state() -> Value {
    // While it ends every method says so by a fault, this one too.
    Value::of([("statecode", 1.into()), ("statename", "RUNNING".into())])
}

/// The process to send signals to: the one that holds all others.
pub(super) fn pid(asked: &Asked<'_>) -> Value {
    let keeper = asked.interface.service.about().keeper_pid;
    Value::Int(i64::from(keeper.unwrap_or_else(std::process::id)))
}

pub(super) fn read_log(asked: &Asked<'_>) -> Result<Value, Fault> {
    let (offset, length) = (asked.number(0)?, asked.number(1)?);
    let text = diary::all(&asked.interface.service.handle);
    let bytes = text.as_bytes();
    let at = |place: i64| usize::try_from(place).unwrap_or(usize::MAX).min(bytes.len());
    let piece = match (offset, length) {
        (..0, 0) => &bytes[bytes.len() - at(offset.saturating_neg())..],
        (..0, _) | (_, ..0) => return Err(FaultKind::BadArguments.alone()),
        (_, 0) => &bytes[at(offset)..],
        _ => &bytes[at(offset)..at(offset.saturating_add(length))],
    };
    Ok(Value::Text(String::from_utf8_lossy(piece).into_owned()))
}

pub(super) fn clear_log() -> Result<Value, Fault> {
    let text = "what has happened is kept by the journal, for as long as `journal` says";
    Err(FaultKind::Failed.about(text))
}

pub(super) async fn shutdown(asked: &Asked<'_>) -> Result<Value, Fault> {
    let done = asked.command("", Verb::Drain {}).await;
    done.map(|_| true.into()).map_err(|trouble| Fault::of(&trouble))
}

/// Reads the spec file again, and gives every process a fresh run; what was stopped is started too.
pub(super) async fn restart(asked: &Asked<'_>) -> Result<Value, Fault> {
    let applied = asked.command("", Verb::Apply { spec: None, dry_run: false }).await;
    applied.map_err(|trouble| Fault::of(&trouble))?;
    let roster = asked.roster().await?;
    for entry in roster.in_order() {
        if entry.state().is_running() {
            let done = asked.command(entry.path(), Verb::Restart {}).await;
            done.map_err(|trouble| Fault::of(&trouble))?;
        } else if entry.view.spec.activation == Activation::Always {
            // One that cannot start is seen in its state; the others go on.
            let _ = control::begin(asked, &entry).await;
        }
    }
    Ok(true.into())
}

/// Tells event listeners.
pub(super) fn remote_event(asked: &Asked<'_>) -> Result<Value, Fault> {
    asked.interface.tell(asked.text(0)?, asked.text(1)?);
    Ok(true.into())
}
