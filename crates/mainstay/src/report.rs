//! What became of a tree and of every child in it.

use mainstay_core::{Brief, Cause, Moment, Outcome, Path, ReportLine, RunId, Tree};
use std::fmt;
use std::process::{ExitCode, Termination};
use std::sync::Arc;
use std::time::Duration;

/// The end of a tree, with a line for every child.
///
/// It can be returned from `main`: the exit code is [`code`](Self::code), and the library itself never ends the process.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// How it ended.
    pub ending: Ending,
    /// How long the end took.
    pub took: Duration,
    /// Every child that is no supervisor, in order of paths.
    pub lines: Vec<ReportLine>,
}

/// How a tree ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Ending {
    /// It was asked to.
    Asked,
    /// A child ended it.
    Fatal {
        /// The child.
        path: Path,
        /// How its last run ended.
        cause: Cause,
        /// What that run said about it.
        detail: Option<Arc<str>>,
        /// The exit code a program should end with.
        code: u8,
    },
    /// The runtime ended under it: its children were cut off wherever they were.
    Cut,
}

impl Report {
    /// Makes it of a tree that has ended or is cut off; `left` are runs that the tree had gone past, or
    /// whose children it had removed, and that still live.
    pub(crate) fn of(tree: &Tree, left: impl IntoIterator<Item = (Path, RunId)>) -> Self {
        let mut lines = tree.report_lines();
        lines.extend(left.into_iter().map(|(path, run)| ReportLine {
            path,
            run: Some(run),
            asked_at: None,
            ended_at: None,
            how: Some(Cause::Abandoned),
            forced: true,
            detail: None,
        }));
        lines.sort_by(|a, b| (&a.path, a.run).cmp(&(&b.path, b.run)));
        let Some(report) = tree.report() else {
            return Self { ending: Ending::Cut, took: Duration::ZERO, lines };
        };
        let ending = match report.outcome {
            _ if !tree.has_ended() => Ending::Cut,
            Outcome::Asked => Ending::Asked,
            Outcome::Fatal { child, cause, code } => {
                let last = tree.child(child).and_then(|child| child.memory.as_ref()?.last.as_ref());
                Ending::Fatal {
                    path: tree.path(child).unwrap_or_else(Path::root),
                    cause,
                    detail: last.and_then(|last| last.detail.clone()),
                    code,
                }
            }
        };
        Self { ending, took: report.took, lines }
    }

    /// Returns the exit code for a program whose tree ended so: 0 when it was asked to.
    pub const fn code(&self) -> u8 {
        match self.ending {
            Ending::Asked => 0,
            Ending::Fatal { code, .. } => code,
            Ending::Cut => 1,
        }
    }

    /// Returns the children that could not be ended.
    pub fn abandoned(&self) -> impl Iterator<Item = &ReportLine> {
        self.lines.iter().filter(|line| line.how == Some(Cause::Abandoned))
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.ending {
            Ending::Asked => f.write_str("ended as asked")?,
            Ending::Fatal { path, cause, detail, .. } => {
                write!(f, "ended because {path} {cause}")?;
                if let Some(detail) = detail {
                    write!(f, ": {detail}")?;
                }
            }
            Ending::Cut => f.write_str("cut off: the runtime ended first")?,
        }
        writeln!(f, ", in {}", Brief(self.took))?;
        let width = self.lines.iter().map(|line| line.path.as_str().chars().count()).max();
        for line in &self.lines {
            write!(f, "  {:width$}  ", line.path.as_str(), width = width.unwrap_or(0))?;
            line_of(f, line)?;
            writeln!(f)?;
        }
        Ok(())
    }
}

fn line_of(f: &mut fmt::Formatter<'_>, line: &ReportLine) -> fmt::Result {
    let Some(run) = line.run else { return f.write_str("never ran") };
    write!(f, "{run} ")?;
    match &line.how {
        Some(cause) => write!(f, "{cause}")?,
        None => f.write_str("was still there")?,
    }
    let took = |from: Moment, to: Moment| Brief(to.since(from));
    if let (Some(asked), Some(ended)) = (line.asked_at, line.ended_at) {
        write!(f, " after {}", took(asked, ended))?;
    }
    if line.forced {
        f.write_str(", by force")?;
    }
    match &line.detail {
        Some(detail) => write!(f, ": {detail}"),
        None => Ok(()),
    }
}

/// So that `?` takes it where a tree that ended is an error.
impl std::error::Error for Report {}

impl Termination for Report {
    /// Says on standard error what went wrong, as `main` does with an error.
    #[expect(clippy::print_stderr, reason = "the program ends, and its last word has no other way")]
    fn report(self) -> ExitCode {
        if self.code() != 0 {
            eprint!("Error: {self}");
        }
        ExitCode::from(self.code())
    }
}
