//! The JSON Schemas of the forms.

use super::{
    Alert, Check, Checks, Child, Choice, Command, ConsoleAsks, ConsoleNote, ConsoleSays, Delivery,
    Dump, Event, EventPage, Explanation, Lag, LogLine, LogPage, Me, Nothing, Problem, Reply, Run,
    SignIn, Simulated, Simulation, Status,
};
use schemars::generate::{SchemaGenerator, SchemaSettings};
use serde_json::{Map, Value};

/// Returns the schema of every form by its name, as the part `components/schemas` of an OpenAPI document.
///
/// What is answered is described as it is written: every field is there. What is asked is described as it is read.
pub fn schemas() -> Map<String, Value> {
    let mut settings = SchemaSettings::draft2020_12();
    settings.definitions_path = "/components/schemas".into();
    let mut said = settings.clone().for_serialize().into_generator();
    said.subschema_for::<Status>();
    said.subschema_for::<Child>();
    said.subschema_for::<Explanation>();
    said.subschema_for::<Run>();
    said.subschema_for::<Alert>();
    said.subschema_for::<Delivery>();
    said.subschema_for::<Dump>();
    said.subschema_for::<Event>();
    said.subschema_for::<EventPage>();
    said.subschema_for::<Lag>();
    said.subschema_for::<LogLine>();
    said.subschema_for::<LogPage>();
    said.subschema_for::<Reply>();
    said.subschema_for::<ConsoleSays>();
    said.subschema_for::<ConsoleNote>();
    said.subschema_for::<Check>();
    said.subschema_for::<Checks>();
    said.subschema_for::<Problem>();
    said.subschema_for::<Me>();
    said.subschema_for::<Choice>();
    said.subschema_for::<Simulated>();
    let mut asked: SchemaGenerator = settings.for_deserialize().into_generator();
    asked.subschema_for::<Command>();
    asked.subschema_for::<SignIn>();
    asked.subschema_for::<Nothing>();
    asked.subschema_for::<Simulation>();
    asked.subschema_for::<ConsoleAsks>();
    let mut all = said.take_definitions(true);
    all.extend(asked.take_definitions(true));
    all
}
