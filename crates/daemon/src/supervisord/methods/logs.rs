//! What children print.

use super::Asked;
use crate::api::apart;
use crate::supervisord::fault::{Fault, FaultKind};
use crate::supervisord::log::{self, Channel, Style};
use crate::supervisord::roster::Entry;
use crate::supervisord::value::Value;
use mainstay_wire::api::ConsoleAct;
use mainstay_wire::keeper::Order;
use std::io::ErrorKind;
use std::path::PathBuf;

pub(super) const OUT: Channel = Channel::Out;
pub(super) const ERR: Channel = Channel::Err;

/// Finds the log of a process, and how it is written.
async fn find(asked: &Asked<'_>, channel: Channel) -> Result<(PathBuf, Style), Fault> {
    let roster = asked.roster().await?;
    let entry = roster.one(asked.text(0)?)?;
    let style = Style::of(&entry.form());
    let name = entry.name.written();
    let file = entry.log().ok_or_else(|| FaultKind::NoFile.about(name.clone()))?;
    if channel == Channel::Err && !style.tells_errors() {
        let text = format!("both outputs of {name} are in its stdout log");
        return Err(FaultKind::NoFile.about(text));
    }
    Ok((file, style))
}

fn cut_off(trouble: &crate::api::Trouble) -> Fault {
    Fault::of(trouble)
}

fn text(bytes: &[u8]) -> Value {
    Value::Text(String::from_utf8_lossy(bytes).into_owned())
}

pub(super) async fn read(asked: &Asked<'_>, channel: Channel) -> Result<Value, Fault> {
    let part = (asked.number(1)?, asked.number(2)?);
    let (file, style) = find(asked, channel).await?;
    let read = apart(move || log::read(&file, style, channel, part)).await;
    read.map_err(|trouble| cut_off(&trouble))?.map(|bytes| text(&bytes))
}

pub(super) async fn tail(asked: &Asked<'_>, channel: Channel) -> Result<Value, Fault> {
    let part = (asked.number(1)?, asked.number(2)?);
    let (file, style) = match find(asked, channel).await {
        Ok(found) => found,
        // As supervisord has it: nothing was printed yet.
        Err(fault) if fault.kind == FaultKind::NoFile => {
            return Ok(Value::Array(vec!["".into(), 0.into(), false.into()]));
        }
        Err(fault) => return Err(fault),
    };
    let read = apart(move || log::tail(&file, style, channel, part)).await;
    let (bytes, offset, is_behind) = read.map_err(|trouble| cut_off(&trouble))??;
    let offset = i64::try_from(offset).unwrap_or(i64::MAX);
    Ok(Value::Array(vec![text(&bytes), offset.into(), is_behind.into()]))
}

pub(super) async fn clear(asked: &Asked<'_>) -> Result<Value, Fault> {
    let roster = asked.roster().await?;
    cleared(asked, &roster.one(asked.text(0)?)?).await?;
    asked.interface.order(Order::Reopen);
    Ok(true.into())
}

pub(super) async fn clear_all(asked: &Asked<'_>) -> Result<Value, Fault> {
    let roster = asked.roster().await?;
    let mut results = Vec::new();
    for entry in roster.in_order() {
        results.push(match cleared(asked, &entry).await {
            Ok(()) => entry.went_well(),
            Err(fault) => entry.failed(&fault),
        });
    }
    asked.interface.order(Order::Reopen);
    Ok(Value::Array(results))
}

/// Removes the file of a log; the keeper begins another one when it is told to. Older files stay.
async fn cleared(asked: &Asked<'_>, entry: &Entry<'_>) -> Result<(), Fault> {
    let Some(file) = entry.log() else { return Ok(()) };
    let shown = file.display().to_string();
    let removed = apart(move || std::fs::remove_file(file)).await;
    match removed.map_err(|trouble| cut_off(&trouble))? {
        Ok(()) => {
            asked.interface.note(asked.caller, entry.path(), ConsoleAct::Cleared, Some(&shown));
            Ok(())
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(FaultKind::Failed.about(format!("{shown}: {error}"))),
    }
}
