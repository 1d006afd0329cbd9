//! Specs that are shared: each is written once, and whatever is of it names it by its number.
//!
//! A spec stands in the child that is of it, in the list of its supervisor, and in the command that brought it. In
//! memory these are one; so they are in a table, and again after reading. Payloads are shared by their text.

use super::life::Form;
use super::plain::read_text;
use super::spec::{AutoShutdownForm, ChildSpecForm, FinishedForm, OnExhaustedForm, StrategyForm};
use mainstay_core::Success;
use mainstay_core::policy::backoff::{Backoff, Jitter, Shape};
use mainstay_core::policy::restart::Restart;
use mainstay_core::spec::{
    Activation, AutoShutdown, ChildSpec, Criticality, Declared, Dynamic, Finished, Kind, Liveness,
    OnExhausted, Overlap, Payload, Ready, Sources, Stop, Strategy, SupervisorSpec,
};
use serde::de::Deserializer;
use serde::ser::Serializer;
use serde::{Deserialize, Serialize};
use serde_with::{DeserializeAs, SerializeAs, serde_as, skip_serializing_none};
use std::collections::HashMap;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

/// How deep specs may stand in each other; what is read is never built deeper.
const DEEPEST: u32 = 256;

/// Every distinct spec and every distinct payload of something. A spec names only specs that come before it.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct Table {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    specs: Vec<SpecRow>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    payloads: Vec<Arc<str>>,
}

impl Table {
    pub(super) fn is_empty(&self) -> bool {
        self.specs.is_empty() && self.payloads.is_empty()
    }
}

/// One spec; what it is as a supervisor stands beside it.
#[skip_serializing_none]
#[serde_as]
#[derive(Serialize, Deserialize)]
struct SpecRow {
    #[serde_as(as = "Arc<ChildSpecForm>")]
    policy: Arc<ChildSpec>,
    supervisor: Option<SupervisorRow>,
}

#[skip_serializing_none]
#[serde_as]
#[derive(Serialize, Deserialize)]
struct SupervisorRow {
    #[serde_as(as = "StrategyForm")]
    strategy: Strategy,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    children: Vec<MemberRow>,
    start_concurrency: Option<u32>,
    #[serde_as(as = "AutoShutdownForm")]
    auto_shutdown: AutoShutdown,
    dynamic: Option<DynamicRow>,
    #[serde_as(as = "FinishedForm")]
    finished: Finished,
    revive: bool,
    #[serde_as(as = "OnExhaustedForm")]
    on_exhausted: OnExhausted,
}

#[skip_serializing_none]
#[derive(Serialize, Deserialize)]
struct MemberRow {
    name: Arc<str>,
    spec: u32,
    payload: Option<u32>,
}

#[skip_serializing_none]
#[derive(Serialize, Deserialize)]
struct DynamicRow {
    template: DeclaredRow,
    max: Option<u32>,
}

/// A spec and a payload, by their numbers in a table.
#[skip_serializing_none]
#[derive(Clone, Copy, Serialize, Deserialize)]
pub(super) struct DeclaredRow {
    pub(super) spec: u32,
    pub(super) payload: Option<u32>,
}

/// Fills a table with what is written.
#[derive(Default)]
pub(super) struct Writer {
    table: Table,
    /// The numbers of specs, by where they lie in memory: whoever writes holds them all.
    specs: HashMap<*const ChildSpec, u32>,
    payloads: HashMap<Arc<str>, u32>,
}

impl Writer {
    pub(super) fn finish(self) -> Table {
        self.table
    }

    /// Returns the numbers of a spec and its payload. A payload that has no text is left out.
    pub(super) fn declared(&mut self, declared: &Declared) -> DeclaredRow {
        let text = declared.payload.as_ref().and_then(|payload| payload.form());
        DeclaredRow { spec: self.spec(&declared.spec), payload: text.map(|text| self.text(text)) }
    }

    fn text(&mut self, text: &str) -> u32 {
        if let Some(number) = self.payloads.get(text) {
            return *number;
        }
        let (text, number) = (Arc::<str>::from(text), self.table.payloads.len() as u32);
        self.table.payloads.push(Arc::clone(&text));
        self.payloads.insert(text, number);
        number
    }

    fn spec(&mut self, spec: &Arc<ChildSpec>) -> u32 {
        if let Some(number) = self.specs.get(&Arc::as_ptr(spec)) {
            return *number;
        }
        let supervisor = spec.supervisor().map(|supervisor| self.supervisor(supervisor));
        let number = self.table.specs.len() as u32;
        self.table.specs.push(SpecRow { policy: Arc::clone(spec), supervisor });
        self.specs.insert(Arc::as_ptr(spec), number);
        number
    }

    fn supervisor(&mut self, spec: &SupervisorSpec) -> SupervisorRow {
        let mut member = |(name, declared): &(Arc<str>, Declared)| {
            let DeclaredRow { spec, payload } = self.declared(declared);
            MemberRow { name: Arc::clone(name), spec, payload }
        };
        let children = spec.children.iter().map(&mut member).collect();
        let dynamic = spec.dynamic.as_ref().map(|dynamic| DynamicRow {
            template: self.declared(&dynamic.template),
            max: dynamic.max,
        });
        SupervisorRow {
            strategy: spec.strategy,
            children,
            start_concurrency: spec.start_concurrency,
            auto_shutdown: spec.auto_shutdown,
            dynamic,
            finished: spec.finished,
            revive: spec.revive,
            on_exhausted: spec.on_exhausted,
        }
    }
}

/// What a table says, by number.
pub(super) struct Reader {
    specs: Vec<Arc<ChildSpec>>,
    /// How deep each spec is.
    depths: Vec<u32>,
    payloads: Vec<Arc<dyn Payload>>,
}

impl Reader {
    /// Makes the specs of a table, each payload a [`Form`].
    ///
    /// # Errors
    ///
    /// In words, the first contradiction.
    pub(super) fn new(table: Table) -> Result<Self, String> {
        let form = |text| Arc::new(Form::new(text)) as Arc<dyn Payload>;
        let payloads = table.payloads.into_iter().map(form).collect();
        let mut reader = Self { specs: Vec::new(), depths: Vec::new(), payloads };
        for row in table.specs {
            let (spec, depth) = reader.made(row)?;
            reader.specs.push(spec);
            reader.depths.push(depth);
        }
        Ok(reader)
    }

    fn made(&self, row: SpecRow) -> Result<(Arc<ChildSpec>, u32), String> {
        let number = self.specs.len();
        let SpecRow { policy: mut spec, supervisor } = row;
        if spec.supervisor().is_some() != supervisor.is_some() {
            return Err(format!("spec {number} is a supervisor in one place and none in another"));
        }
        let Some(row) = supervisor else { return Ok((spec, 0)) };
        let mut depth = 0;
        let mut find = |row: DeclaredRow| {
            let declared = self.declared(row).map_err(|text| format!("in spec {number}: {text}"));
            depth = depth.max(self.depths.get(row.spec as usize).map_or(0, |depth| depth + 1));
            declared
        };
        let children = row
            .children
            .into_iter()
            .map(|MemberRow { name, spec, payload }| {
                Ok((name, find(DeclaredRow { spec, payload })?))
            })
            .collect::<Result<_, String>>()?;
        let dynamic = match row.dynamic {
            None => None,
            Some(row) => Some(Dynamic { template: find(row.template)?, max: row.max }),
        };
        if depth > DEEPEST {
            return Err(format!("spec {number} is more than {DEEPEST} supervisors deep"));
        }
        Arc::make_mut(&mut spec).kind = Kind::Supervisor(Box::new(SupervisorSpec {
            strategy: row.strategy,
            children,
            start_concurrency: row.start_concurrency,
            auto_shutdown: row.auto_shutdown,
            dynamic,
            finished: row.finished,
            revive: row.revive,
            on_exhausted: row.on_exhausted,
        }));
        Ok((spec, depth))
    }

    /// Returns the spec and payload of these numbers.
    ///
    /// # Errors
    ///
    /// In words, which number has nothing.
    pub(super) fn declared(&self, row: DeclaredRow) -> Result<Declared, String> {
        let spec = self.specs.get(row.spec as usize);
        let spec = spec.ok_or_else(|| format!("there is no spec {} before it", row.spec))?;
        let payload = match row.payload {
            None => None,
            Some(number) => {
                let payload = self.payloads.get(number as usize);
                Some(payload.ok_or_else(|| format!("there is no payload {number}"))?)
            }
        };
        Ok(Declared { spec: Arc::clone(spec), payload: payload.cloned() })
    }
}

/// What kind of thing a child is, as a word. A supervisor comes back without children: the table has them.
pub(super) struct KindForm;

impl SerializeAs<Kind> for KindForm {
    fn serialize_as<S: Serializer>(kind: &Kind, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(match kind {
            Kind::Task => "task",
            Kind::Blocking => "blocking",
            Kind::Process => "process",
            Kind::Host => "host",
            Kind::Stage => "stage",
            Kind::Supervisor(_) => "supervisor",
        })
    }
}

impl<'de> DeserializeAs<'de, Kind> for KindForm {
    fn deserialize_as<D: Deserializer<'de>>(from: D) -> Result<Kind, D::Error> {
        read_text(from, "a kind of child", |text| {
            Some(match text {
                "task" => Kind::Task,
                "blocking" => Kind::Blocking,
                "process" => Kind::Process,
                "host" => Kind::Host,
                "stage" => Kind::Stage,
                "supervisor" => Kind::Supervisor(Box::new(childless())),
                _ => return None,
            })
        })
    }
}

const fn childless() -> SupervisorSpec {
    SupervisorSpec {
        strategy: Strategy::OneForOne,
        children: Vec::new(),
        start_concurrency: None,
        auto_shutdown: AutoShutdown::Never,
        dynamic: None,
        finished: Finished::Keep,
        revive: false,
        on_exhausted: OnExhausted::Cooldown,
    }
}

/// Returns the spec that a child has between being read and being given its own from the table.
pub(super) fn unfilled() -> Declared {
    static UNFILLED: LazyLock<Arc<ChildSpec>> = LazyLock::new(|| {
        Arc::new(ChildSpec {
            kind: Kind::Task,
            restart: Restart::Never,
            success: Success::default(),
            needs: Vec::new(),
            criticality: Criticality::Optional,
            significant: false,
            activation: Activation::Always,
            start_timeout: Duration::ZERO,
            ready: Ready::Immediate,
            ready_timeout: Duration::ZERO,
            rehydrate: None,
            stop: Stop { steps: Vec::new(), kill_wait: Duration::ZERO },
            backoff: Backoff {
                shape: Shape::None,
                jitter: Jitter::None,
                holdoff: Duration::ZERO,
                forgives: false,
            },
            budget: Vec::new(),
            on_exhausted: OnExhausted::Cooldown,
            cooldown: Vec::new(),
            level_decay: Duration::ZERO,
            stable_after: Duration::ZERO,
            strategy: None,
            liveness: Liveness::default(),
            recycle: None,
            overlap: Overlap::Refuse,
            sources: Sources::default(),
        })
    });
    Declared { spec: Arc::clone(&UNFILLED), payload: None }
}
