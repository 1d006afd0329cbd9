//! From the parts of a flow to a supervisor whose children start and end in the order of the flow.

use super::super::stage;
use super::edge::{Counts, Edge, Writer};
use super::item::Marked;
use super::pass::{Join, Last, One, Passing, Process, Several, Sink, Transform, Ways};
use super::source::{Bringing, Source};
use super::words;
use crate::context::Context;
use crate::declare::{Child, Supervisor, supervisor};
use crate::end::BoxError;
use std::fmt;
use std::sync::Arc;

/// How often an item is tried when nothing else is said.
const TRIES: u32 = 3;

/// Begins a flow: stages below one supervisor of this name.
pub fn flow(name: &str) -> Flow {
    Flow { name: name.into(), parts: Vec::new() }
}

/// Stages that are to become one supervisor. Made by [`flow`].
#[derive(Debug)]
pub struct Flow {
    name: String,
    parts: Vec<Part>,
}

/// One stage of a flow. Made by [`source`], [`transform`], [`join`], [`sink`].
pub struct Part {
    name: Arc<str>,
    reads: Vec<Arc<dyn Look>>,
    writes: Vec<Arc<dyn Look>>,
    /// Where marked items go instead of on.
    errors: Option<Writer<Marked>>,
    tries: u32,
    make: Box<dyn FnOnce(Option<Writer<Marked>>, u32) -> Child + Send>,
    with: Vec<Box<dyn FnOnce(Child) -> Child + Send>>,
}

/// An edge of any item.
trait Look: Send + Sync {
    fn name(&self) -> Arc<str>;
    fn counts(&self) -> Counts;
    fn ends(&self) -> (usize, usize);
}

impl<T: Send + 'static> Look for Edge<T> {
    fn name(&self) -> Arc<str> {
        self.shared_name()
    }

    fn counts(&self) -> Counts {
        Self::counts(self)
    }

    fn ends(&self) -> (usize, usize) {
        Self::ends(self)
    }
}

/// Declares a stage that brings items in. `make` is called for every run.
pub fn source<S: Source>(
    name: &str,
    to: &Edge<S::Item>,
    make: impl Fn(Context) -> Result<S, BoxError> + Send + Sync + 'static,
) -> Part {
    let (stage_name, writer) = (String::from(name), to.writer());
    let child = move |_: Option<Writer<Marked>>, _: u32| {
        stage(&stage_name, words::table(), move |cx: Context| {
            let source = make(cx.clone())?;
            let (writer, out) = (writer.clone(), Vec::new());
            Ok((Bringing { source, cx, writer, out, position: None, has_ended: false }, ()))
        })
    };
    Part::new(name, Vec::new(), vec![look(to)], Box::new(child))
}

/// Declares a stage that makes of each item any number of others. `make` is called for every run.
pub fn transform<T: Transform>(
    name: &str,
    from: &Edge<T::In>,
    to: &Edge<T::Out>,
    make: impl Fn(Context) -> Result<T, BoxError> + Send + Sync + 'static,
) -> Part {
    passing(name, vec![from.clone()], Some(to), move |cx| make(cx).map(One))
}

/// Declares a stage that takes from several edges. `make` is called for every run.
pub fn join<J: Join>(
    name: &str,
    from: &[&Edge<J::In>],
    to: &Edge<J::Out>,
    make: impl Fn(Context) -> Result<J, BoxError> + Send + Sync + 'static,
) -> Part {
    let inputs = from.iter().map(|edge| (*edge).clone()).collect();
    passing(name, inputs, Some(to), move |cx| make(cx).map(Several))
}

/// Declares a stage that takes items out. `make` is called for every run.
pub fn sink<S: Sink>(
    name: &str,
    from: &Edge<S::Item>,
    make: impl Fn(Context) -> Result<S, BoxError> + Send + Sync + 'static,
) -> Part {
    passing(name, vec![from.clone()], None, move |cx| make(cx).map(Last))
}

fn passing<P: Process>(
    name: &str,
    inputs: Vec<Edge<P::In>>,
    to: Option<&Edge<P::Out>>,
    make: impl Fn(Context) -> Result<P, BoxError> + Send + Sync + 'static,
) -> Part {
    inputs.iter().for_each(Edge::reader);
    let (reads, writes) = (inputs.iter().map(look).collect(), to.map(look).into_iter().collect());
    let (stage_name, output) = (Arc::<str>::from(name), to.map(Edge::writer));
    let child = move |errors: Option<Writer<Marked>>, tries: u32| {
        let ways = Ways { stage: Arc::clone(&stage_name), inputs, output, errors, tries };
        let ways = Arc::new(ways);
        stage(&stage_name, words::table(), move |cx: Context| {
            Ok((Passing::new(make(cx.clone())?, cx, &ways), ()))
        })
    };
    Part::new(name, reads, writes, Box::new(child))
}

fn look<T: Send + 'static>(edge: &Edge<T>) -> Arc<dyn Look> {
    Arc::new(edge.clone())
}

impl Part {
    fn new(
        name: &str,
        reads: Vec<Arc<dyn Look>>,
        writes: Vec<Arc<dyn Look>>,
        make: Box<dyn FnOnce(Option<Writer<Marked>>, u32) -> Child + Send>,
    ) -> Self {
        let name = Arc::from(name);
        Self { name, reads, writes, errors: None, tries: TRIES, make, with: Vec::new() }
    }

    /// Sends what is marked, here or before, to an edge of its own instead of on. A source marks nothing.
    #[must_use]
    pub fn errors(mut self, to: &Edge<Marked>) -> Self {
        self.writes.push(look(to));
        self.errors = Some(to.writer());
        self
    }

    /// Sets how often an item is tried before it is marked, at least once; otherwise 3 times. A run that ends in the
    /// middle of an item has tried it.
    #[must_use]
    pub fn tries(mut self, most: u32) -> Self {
        self.tries = most.max(1);
        self
    }

    /// Says more of the child: its policy, its stop grace, its liveness.
    #[must_use]
    pub fn with(mut self, say: impl FnOnce(Child) -> Child + Send + 'static) -> Self {
        self.with.push(Box::new(say));
        self
    }
}

impl Flow {
    /// Adds a stage.
    #[must_use]
    pub fn part(mut self, part: Part) -> Self {
        self.parts.push(part);
        self
    }

    /// Makes the supervisor, whose children start in the order of the flow, readers first, and end in the other; and
    /// what counts on all edges.
    ///
    /// # Errors
    ///
    /// All that is wrong with the edges, at once. That they lead in a circle is said by the tree's own check.
    pub fn build(self) -> Result<(Supervisor, Meter), FlowFaults> {
        let mut edges: Vec<Arc<dyn Look>> = Vec::new();
        for edge in self.parts.iter().flat_map(|part| part.reads.iter().chain(&part.writes)) {
            if !edges.iter().any(|known| known.name() == edge.name()) {
                edges.push(Arc::clone(edge));
            }
        }
        let mut faults = Vec::new();
        for edge in &edges {
            let name = edge.name();
            let of =
                |named: &[Arc<dyn Look>]| named.iter().filter(|edge| edge.name() == name).count();
            let reads: usize = self.parts.iter().map(|part| of(&part.reads)).sum();
            let writes: usize = self.parts.iter().map(|part| of(&part.writes)).sum();
            if reads == 0 {
                faults.push(FlowFault::NoReader { edge: Arc::clone(&name) });
            }
            if writes == 0 {
                faults.push(FlowFault::NoWriter { edge: Arc::clone(&name) });
            }
            let (writers, readers) = edge.ends();
            if reads > 0 && writes > 0 && (writers, readers) != (writes, reads) {
                faults.push(FlowFault::Elsewhere { edge: name });
            }
        }
        if !faults.is_empty() {
            return Err(FlowFaults(faults));
        }
        let readers: Vec<(Arc<str>, Vec<Arc<str>>)> = self
            .parts
            .iter()
            .map(|part| {
                (Arc::clone(&part.name), part.reads.iter().map(|edge| edge.name()).collect())
            })
            .collect();
        let mut whole = supervisor(&self.name);
        for part in self.parts {
            let Part { writes, errors, tries, make, with, .. } = part;
            let mut child = make(errors, tries);
            let writes: Vec<Arc<str>> = writes.iter().map(|edge| edge.name()).collect();
            for (reader, _) in
                readers.iter().filter(|(_, reads)| reads.iter().any(|edge| writes.contains(edge)))
            {
                child = child.needs(&**reader);
            }
            whole = whole.child(with.into_iter().fold(child, |child, say| say(child)));
        }
        Ok((whole, Meter { edges }))
    }
}

/// Counts what passes over the edges of a flow. Cheap to clone; it keeps no tree alive.
#[derive(Clone)]
pub struct Meter {
    edges: Vec<Arc<dyn Look>>,
}

/// What has passed over one edge.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EdgeCounts {
    /// Which edge.
    pub edge: Arc<str>,
    /// What passed.
    pub counts: Counts,
}

impl Meter {
    /// Returns the counts of every edge, in the order in which stages name them.
    pub fn counts(&self) -> Vec<EdgeCounts> {
        let counts = |edge: &Arc<dyn Look>| EdgeCounts { edge: edge.name(), counts: edge.counts() };
        self.edges.iter().map(counts).collect()
    }

    /// Returns the counts of every edge once nothing is left on any of them.
    ///
    /// # Errors
    ///
    /// Work is left: an edge holds items, or its writers were cut before they could say that this is all.
    pub fn settle(&self) -> Result<Vec<EdgeCounts>, Lost> {
        let counts = self.counts();
        let is_left =
            |edge: &EdgeCounts| edge.counts.waiting + edge.counts.lent > 0 || !edge.counts.ended;
        let left: Vec<EdgeCounts> = counts.iter().filter(|edge| is_left(edge)).cloned().collect();
        if left.is_empty() { Ok(counts) } else { Err(Lost { left }) }
    }
}

/// Not all that came in has gone out.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Lost {
    /// The edges where something is left.
    pub left: Vec<EdgeCounts>,
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the flow is not empty:")?;
        for (at, EdgeCounts { edge, counts }) in self.left.iter().enumerate() {
            let (comma, held) = (if at == 0 { "" } else { "," }, counts.waiting + counts.lent);
            match (held, counts.ended) {
                (held, true) => write!(f, "{comma} {edge} holds {held}")?,
                (0, false) => write!(f, "{comma} {edge} has had no end of data")?,
                (held, false) => {
                    write!(f, "{comma} {edge} holds {held} and has had no end of data")?;
                }
            }
        }
        Ok(())
    }
}

impl std::error::Error for Lost {}

/// One thing that is wrong with the edges of a flow.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FlowFault {
    /// Nobody takes from an edge.
    #[error("nobody reads the edge {edge}: add the stage that does")]
    NoReader {
        /// The edge.
        edge: Arc<str>,
    },
    /// Nobody puts anything on an edge.
    #[error("nobody writes to the edge {edge}: add the stage that does")]
    NoWriter {
        /// The edge.
        edge: Arc<str>,
    },
    /// Two edges have one name, or a stage that was never added holds one.
    #[error(
        "the edge {edge} has another end than those in this flow: add every stage that names it, and give each edge its own name"
    )]
    Elsewhere {
        /// The edge.
        edge: Arc<str>,
    },
}

/// Everything that is wrong with the edges of a flow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlowFaults(pub Vec<FlowFault>);

impl fmt::Display for FlowFaults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, fault) in self.0.iter().enumerate() {
            write!(f, "{}{fault}", if at == 0 { "" } else { "; " })?;
        }
        Ok(())
    }
}

impl std::error::Error for FlowFaults {}

impl fmt::Debug for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Part({})", self.name)
    }
}

impl fmt::Debug for Meter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.counts()).finish()
    }
}
