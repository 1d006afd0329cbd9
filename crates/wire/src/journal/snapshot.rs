//! The whole state of a tree.

use super::child::ChildForm;
use super::command::{DoneForm, RefusalForm};
use super::drain::{DrainForm, SettingsForm};
use super::plain::MomentForm;
use super::request::CommandRow;
use super::table::{DeclaredRow, Reader, Table, Writer};
use super::{FormError, VERSION};
use mainstay_core::child::Child;
use mainstay_core::{Done, Drain, Moment, Refusal, Settings, Snapshot};
use serde::de::Deserializer;
use serde::ser::Serializer;
use serde::{Deserialize, Serialize};
use serde_with::{DeserializeAs, SerializeAs, serde_as, skip_serializing_none};
use std::borrow::Cow;
use std::marker::PhantomData;

/// A snapshot, with where it stands in the journal.
#[derive(Clone, Debug, PartialEq)]
pub struct Stored {
    /// The state. Its payloads are [`Form`](super::Form)s.
    pub snapshot: Snapshot,
    /// The number of the first event that is not in it.
    pub next_event: u64,
    /// When it was taken, in milliseconds since 1970.
    pub wall: i64,
}

/// Writes a snapshot: every distinct spec once, whoever has it.
///
/// Payloads are written as their [`form`](mainstay_core::spec::Payload::form); one that has none is left out.
pub fn snapshot_to_json(snapshot: &Snapshot, next_event: u64, wall: i64) -> Vec<u8> {
    let mut writer = Writer::default();
    let children = snapshot.children.iter().map(|child| {
        let child = child.as_ref()?;
        let DeclaredRow { spec, payload } = writer.declared(&child.spec);
        Some(ChildRow { spec, payload, child: Cow::Borrowed(child) })
    });
    let children = children.collect();
    let remembered = snapshot.remembered.iter().map(|(command, answer)| RememberedRow {
        command: CommandRow::new(command, &mut writer),
        answer: match answer {
            Ok(done) => AnswerRow::Done(Cow::Borrowed(done)),
            Err(refusal) => AnswerRow::Refused(Cow::Borrowed(refusal)),
        },
    });
    let remembered = remembered.collect();
    super::written(&SnapshotRow {
        version: VERSION,
        next_event,
        wall,
        settings: snapshot.settings,
        children,
        epochs: Cow::Borrowed(&snapshot.epochs),
        free: Cow::Borrowed(&snapshot.free),
        now: snapshot.now,
        tickets: snapshot.tickets,
        storm: snapshot.storm,
        drain: snapshot.drain.as_ref().map(Cow::Borrowed),
        remembered,
        table: writer.finish(),
    })
}

/// Reads a snapshot. Children and lists that shared a spec share it again.
///
/// # Errors
///
/// What is wrong with the text. Whether the state is of a tree is for [`Tree::restore`](mainstay_core::Tree::restore)
/// to say.
pub fn snapshot_from_json(json: &[u8]) -> Result<Stored, FormError> {
    let row: SnapshotRow<'_> = super::read(json, "a snapshot")?;
    if row.version > VERSION {
        return Err(FormError::Newer { found: row.version });
    }
    let contradiction = |text| FormError::Contradiction { what: "a snapshot", text };
    let reader = Reader::new(row.table).map_err(contradiction)?;
    let child = |row: Option<ChildRow<'_>>| {
        row.map(|ChildRow { spec, payload, child }| {
            let spec = reader.declared(DeclaredRow { spec, payload })?;
            Ok(Child { spec, ..child.into_owned() })
        })
        .transpose()
    };
    let remembered = |row: RememberedRow<'_>| {
        let answer = match row.answer {
            AnswerRow::Done(done) => Ok(done.into_owned()),
            AnswerRow::Refused(refusal) => Err(refusal.into_owned()),
        };
        Ok((row.command.command(&reader)?, answer))
    };
    let snapshot = Snapshot {
        settings: row.settings,
        children: collected(row.children, child).map_err(contradiction)?,
        epochs: row.epochs.into_owned(),
        free: row.free.into_owned(),
        now: row.now,
        tickets: row.tickets,
        storm: row.storm,
        drain: row.drain.map(Cow::into_owned),
        remembered: collected(row.remembered, remembered).map_err(contradiction)?,
    };
    Ok(Stored { snapshot, next_event: row.next_event, wall: row.wall })
}

fn collected<T, U, C: FromIterator<U>>(
    rows: Vec<T>,
    make: impl FnMut(T) -> Result<U, String>,
) -> Result<C, String> {
    rows.into_iter().map(make).collect()
}

#[skip_serializing_none]
#[serde_as]
#[derive(Serialize, Deserialize)]
struct SnapshotRow<'a> {
    version: u32,
    next_event: u64,
    wall: i64,
    #[serde_as(as = "MomentForm")]
    now: Moment,
    #[serde_as(as = "SettingsForm")]
    settings: Settings,
    table: Table,
    children: Vec<Option<ChildRow<'a>>>,
    epochs: Cow<'a, [u32]>,
    #[serde(default, skip_serializing_if = "<[u32]>::is_empty")]
    free: Cow<'a, [u32]>,
    tickets: u64,
    #[serde_as(as = "MomentForm")]
    storm: Moment,
    #[serde_as(as = "Option<Lent<DrainForm>>")]
    drain: Option<Cow<'a, Drain>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    remembered: Vec<RememberedRow<'a>>,
}

#[skip_serializing_none]
#[serde_as]
#[derive(Serialize, Deserialize)]
struct ChildRow<'a> {
    spec: u32,
    payload: Option<u32>,
    #[serde_as(as = "Lent<ChildForm>")]
    child: Cow<'a, Child>,
}

#[derive(Serialize, Deserialize)]
struct RememberedRow<'a> {
    command: CommandRow,
    answer: AnswerRow<'a>,
}

#[serde_as]
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum AnswerRow<'a> {
    Done(#[serde_as(as = "Lent<DoneForm>")] Cow<'a, Done>),
    Refused(#[serde_as(as = "Lent<RefusalForm>")] Cow<'a, Refusal>),
}

/// What is lent when it is written, and owned when it is read.
struct Lent<F>(PhantomData<F>);

impl<T: Clone, F: SerializeAs<T>> SerializeAs<Cow<'_, T>> for Lent<F> {
    fn serialize_as<S: Serializer>(lent: &Cow<'_, T>, to: S) -> Result<S::Ok, S::Error> {
        F::serialize_as(lent, to)
    }
}

impl<'de, 'a, T: Clone + 'a, F: DeserializeAs<'de, T>> DeserializeAs<'de, Cow<'a, T>> for Lent<F> {
    fn deserialize_as<D: Deserializer<'de>>(from: D) -> Result<Cow<'a, T>, D::Error> {
        F::deserialize_as(from).map(Cow::Owned)
    }
}
