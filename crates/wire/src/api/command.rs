//! What operators ask, and the answers.

use super::{Next, Standing};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// At least one letter that can be seen.
const SHOWN: &str = r"[^\s\u0000-\u001f\u007f-\u009f]";
/// No control characters.
const ONE_LINE: &str = r"^[^\u0000-\u001f\u007f-\u009f]+$";

/// One request that changes something. It is parsed once: what is authorized is what is audited and carried out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Command {
    /// What is asked.
    pub verb: Verb,
    /// Which child; empty: the root.
    #[serde(default)]
    pub target: String,
    /// Why; shown in the audit trail. At most 4096 letters.
    #[schemars(extend("minLength" = 1, "maxLength" = 4096, "pattern" = SHOWN))]
    pub why: String,
    /// Who asks, in the words of the caller; who is connected is noted beside it. At most 256 letters on one line.
    #[serde(default)]
    #[schemars(extend("minLength" = 1, "maxLength" = 256, "pattern" = ONE_LINE))]
    pub who: Option<String>,
    /// Sent twice with the same id, 1 to 32 hexadecimal digits that are not all zero, it has one effect and the same
    /// answer.
    #[serde(default)]
    #[schemars(extend("maxLength" = 32, "pattern" = "^0*[1-9a-fA-F][0-9a-fA-F]*$"))]
    pub id: Option<String>,
    /// Only if this is the child's present run.
    #[serde(default)]
    #[schemars(extend("maximum" = u64::MAX))]
    pub if_run: Option<u64>,
    /// Only if this is the present revision of the child's spec.
    #[serde(default)]
    #[schemars(extend("maximum" = u32::MAX))]
    pub if_revision: Option<u32>,
}

/// What is asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Verb {
    /// Want it up and start it now, whatever the delay.
    Start {
        /// Even while its breaker is open or an abandoned run occupies it (admin).
        #[serde(default, rename = "override")]
        over: bool,
    },
    /// Want it down.
    Stop {},
    /// Stop it, then start it.
    Restart {},
    /// Tell the live run to read its settings again.
    Reload {},
    /// Replace the live run by a fresh one.
    Recycle {},
    /// No automatic starts.
    Pause {
        /// Whether the live run is suspended too.
        #[serde(default)]
        freeze: bool,
    },
    /// End a pause.
    Resume {},
    /// Down, and refused until released.
    Quarantine {},
    /// End a quarantine.
    Release {},
    /// Silence its alerts.
    Acknowledge {},
    /// Close its breaker, forget its failures.
    Reset {
        /// Whether to start it.
        #[serde(default)]
        start: bool,
    },
    /// Add children below the target: a map of children as in a spec file, with `children:` around it or without.
    Add {
        /// YAML: `name: {command: ...}`, one child or several.
        spec: String,
    },
    /// Stop it, then remove it.
    Remove {},
    /// Give the whole tree the declaration of its spec file, read again by the daemon, or of this text.
    Apply {
        /// The text of a spec file; absent: the daemon's own file.
        #[serde(default)]
        spec: Option<String>,
        /// Only say what would be done.
        #[serde(default)]
        dry_run: bool,
    },
    /// End the tree in order. Again: skip to force. A third time: end at once.
    Drain {},
    /// Tell a hook of a fact that is none, and wait for what comes of it.
    TestHook {
        /// The name of the hook.
        hook: String,
    },
    /// Replace brain and keeper by another program, with everything kept (admin).
    Upgrade {
        /// The program; absent: the file that the keeper was started from.
        #[serde(default)]
        program: Option<String>,
    },
}

impl Verb {
    /// Returns its name.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Start { .. } => "start",
            Self::Stop {} => "stop",
            Self::Restart {} => "restart",
            Self::Reload {} => "reload",
            Self::Recycle {} => "recycle",
            Self::Pause { .. } => "pause",
            Self::Resume {} => "resume",
            Self::Quarantine {} => "quarantine",
            Self::Release {} => "release",
            Self::Acknowledge {} => "acknowledge",
            Self::Reset { .. } => "reset",
            Self::Add { .. } => "add",
            Self::Remove {} => "remove",
            Self::Apply { .. } => "apply",
            Self::Drain {} => "drain",
            Self::TestHook { .. } => "test-hook",
            Self::Upgrade { .. } => "upgrade",
        }
    }
}

/// The answer to a command.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Reply {
    /// The child; of an `add`, the first new one.
    pub child: String,
    /// Whether it changed anything, or it was already so.
    pub changed: bool,
    /// What the child did before.
    pub before: Standing,
    /// What it does now.
    pub after: Standing,
    /// Whether the command is on the disk; false where the journal cannot be written.
    pub durable: bool,
    /// What happens next by itself.
    pub next: Option<Next>,
    /// What came of it, in words.
    pub text: String,
    /// Of an `apply`: what is, or would be, done to which child.
    #[serde(default)]
    pub plan: Vec<Step>,
}

/// One step of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Step {
    /// The child.
    pub path: String,
    /// What is done to it.
    pub act: Act,
}

/// What applying a spec does to a child.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Act {
    /// It is as it should be.
    Keep,
    /// The new settings hold at once.
    Live,
    /// A new run is needed.
    Restart,
    /// It is new.
    Add,
    /// It is gone from the spec.
    Remove,
}

/// Why a request has no answer. The body of every answer that is an error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Problem {
    /// What kind of problem, as a word that stays the same: `unknown-child`, `refused`, `forbidden`.
    pub code: String,
    /// What went wrong.
    pub text: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// All that is wrong, one line or paragraph each: the problems of a spec file.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub details: Vec<String>,
}
