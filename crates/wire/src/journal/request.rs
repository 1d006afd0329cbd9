//! Commands. One that brings specs with it brings their table, unless it stands where there is one already.

use super::drain::SettingsForm;
use super::plain::{CommandIdForm, PathForm, RunIdForm};
use super::table::{DeclaredRow, Reader, Table, Writer};
use mainstay_core::spec::TreeSpec;
use mainstay_core::{Command, CommandId, Path, RunId, Settings, Verb};
use serde::de::{Deserializer, Error};
use serde::ser::Serializer;
use serde::{Deserialize, Serialize};
use serde_with::{DeserializeAs, SerializeAs, serde_as, skip_serializing_none};
use std::sync::Arc;

/// One command, its specs by their numbers.
#[skip_serializing_none]
#[serde_as]
#[derive(Serialize, Deserialize)]
pub(super) struct CommandRow {
    #[serde_as(as = "CommandIdForm")]
    id: CommandId,
    who: Arc<str>,
    why: Arc<str>,
    #[serde_as(as = "PathForm")]
    target: Path,
    #[serde_as(as = "Option<RunIdForm>")]
    if_run: Option<RunId>,
    if_revision: Option<u32>,
    verb: VerbRow,
    #[serde(default, skip_serializing_if = "Table::is_empty")]
    table: Table,
}

#[skip_serializing_none]
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum VerbRow {
    Start { over: bool },
    Stop,
    Restart,
    Reload,
    Recycle,
    Pause { freeze: bool },
    Resume,
    Quarantine,
    Release,
    Acknowledge,
    Reset { start: bool },
    Add { name: Arc<str>, spec: Option<DeclaredRow> },
    Remove,
    Replace(DeclaredRow),
    Apply(TreeRow),
    Drain,
}

#[serde_as]
#[derive(Serialize, Deserialize)]
struct TreeRow {
    root: DeclaredRow,
    #[serde_as(as = "SettingsForm")]
    settings: Settings,
}

impl CommandRow {
    /// Makes the form of a command; its specs go into the writer's table.
    pub(super) fn new(command: &Command, writer: &mut Writer) -> Self {
        let verb = match &command.verb {
            Verb::Start { over } => VerbRow::Start { over: *over },
            Verb::Stop => VerbRow::Stop,
            Verb::Restart => VerbRow::Restart,
            Verb::Reload => VerbRow::Reload,
            Verb::Recycle => VerbRow::Recycle,
            Verb::Pause { freeze } => VerbRow::Pause { freeze: *freeze },
            Verb::Resume => VerbRow::Resume,
            Verb::Quarantine => VerbRow::Quarantine,
            Verb::Release => VerbRow::Release,
            Verb::Acknowledge => VerbRow::Acknowledge,
            Verb::Reset { start } => VerbRow::Reset { start: *start },
            Verb::Add { name, spec } => VerbRow::Add {
                name: Arc::clone(name),
                spec: spec.as_ref().map(|spec| writer.declared(spec)),
            },
            Verb::Remove => VerbRow::Remove,
            Verb::Replace(spec) => VerbRow::Replace(writer.declared(spec)),
            Verb::Apply(tree) => VerbRow::Apply(TreeRow {
                root: writer.declared(&tree.root),
                settings: Settings::from(&**tree),
            }),
            Verb::Drain => VerbRow::Drain,
        };
        Self {
            id: command.id,
            who: Arc::clone(&command.who),
            why: Arc::clone(&command.why),
            target: command.target.clone(),
            if_run: command.if_run,
            if_revision: command.if_revision,
            verb,
            table: Table::default(),
        }
    }

    /// Makes the command of its form, with the specs of the reader's table.
    ///
    /// # Errors
    ///
    /// In words, which spec is missing.
    pub(super) fn command(self, reader: &Reader) -> Result<Command, String> {
        let verb = match self.verb {
            VerbRow::Start { over } => Verb::Start { over },
            VerbRow::Stop => Verb::Stop,
            VerbRow::Restart => Verb::Restart,
            VerbRow::Reload => Verb::Reload,
            VerbRow::Recycle => Verb::Recycle,
            VerbRow::Pause { freeze } => Verb::Pause { freeze },
            VerbRow::Resume => Verb::Resume,
            VerbRow::Quarantine => Verb::Quarantine,
            VerbRow::Release => Verb::Release,
            VerbRow::Acknowledge => Verb::Acknowledge,
            VerbRow::Reset { start } => Verb::Reset { start },
            VerbRow::Add { name, spec } => {
                Verb::Add { name, spec: spec.map(|row| reader.declared(row)).transpose()? }
            }
            VerbRow::Remove => Verb::Remove,
            VerbRow::Replace(row) => Verb::Replace(reader.declared(row)?),
            VerbRow::Apply(TreeRow { root, settings }) => Verb::Apply(Arc::new(TreeSpec {
                root: reader.declared(root)?,
                drain_timeout: settings.drain_timeout,
                fatal_drain_timeout: settings.fatal_drain_timeout,
                storm_rate: settings.storm_rate,
                seed: settings.seed,
                start_concurrency: settings.start_concurrency,
            })),
            VerbRow::Drain => Verb::Drain,
        };
        Ok(Command {
            id: self.id,
            who: self.who,
            why: self.why,
            target: self.target,
            if_run: self.if_run,
            if_revision: self.if_revision,
            verb,
        })
    }
}

/// A command that stands alone, with its own table.
pub(super) struct CommandForm;

impl SerializeAs<Command> for CommandForm {
    fn serialize_as<S: Serializer>(command: &Command, to: S) -> Result<S::Ok, S::Error> {
        let mut writer = Writer::default();
        let row = CommandRow::new(command, &mut writer);
        CommandRow { table: writer.finish(), ..row }.serialize(to)
    }
}

impl<'de> DeserializeAs<'de, Command> for CommandForm {
    fn deserialize_as<D: Deserializer<'de>>(from: D) -> Result<Command, D::Error> {
        let mut row = CommandRow::deserialize(from)?;
        let reader = Reader::new(std::mem::take(&mut row.table)).map_err(D::Error::custom)?;
        row.command(&reader).map_err(D::Error::custom)
    }
}
