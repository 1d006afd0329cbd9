//! Consoles: what is said beside the bytes of a terminal, and who did what at one.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the daemon says in a text message of a console. What the terminal prints comes as it is, in binary messages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "says", rename_all = "kebab-case")]
pub enum ConsoleSays {
    /// Who is here; said first, and whenever it changes.
    Viewers {
        /// Which of them hears this.
        you: u64,
        /// All of them.
        viewers: Vec<ConsoleViewer>,
    },
    /// Bytes are missing here: this viewer was slow.
    Lost {
        /// How many.
        bytes: u64,
    },
    /// Bytes that this viewer typed have reached the terminal.
    Typed {
        /// How many.
        bytes: u64,
    },
    /// Bytes that this viewer typed were refused: the child does not read, does not run, or the viewer may not type. At
    /// most 65 536 bytes may be on their way.
    Refused {
        /// How many.
        bytes: u64,
    },
    /// A run of the child has begun.
    Began {
        /// Which.
        run: u64,
    },
    /// A run of the child is over.
    Ended {
        /// Which.
        run: u64,
    },
    /// Another keeper holds the terminal now. What was printed or typed at that moment may be missing, and nothing more
    /// is said of what was typed before.
    Gap,
    /// There is nothing more to see. The last message.
    Left {
        /// Why.
        text: String,
    },
}

/// Somebody at the terminal of a child.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ConsoleViewer {
    /// Tells viewers of one name apart.
    pub number: u64,
    /// Who.
    pub name: String,
    /// Whether it only looks.
    pub read_only: bool,
    /// Since when.
    pub since_at: i64,
}

/// What a viewer says in a text message of a console. What it types goes as it is, in binary messages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "asks", rename_all = "kebab-case", deny_unknown_fields)]
pub enum ConsoleAsks {
    /// Its window has this size. The terminal takes the size of whoever typed last.
    Resize {
        /// Its height.
        #[schemars(range(min = 1))]
        rows: u16,
        /// Its width.
        #[schemars(range(min = 1))]
        columns: u16,
    },
}

/// What somebody did at the terminal of a child, as it was taken down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ConsoleNote {
    /// When.
    pub at: i64,
    /// Of which child.
    pub path: String,
    /// Who.
    pub who: String,
    /// What.
    pub act: ConsoleAct,
    /// What was typed, at most the first 1 024 bytes of it; its control characters are kept. Echo that is off is not
    /// known here: a password is typed like anything else.
    pub text: Option<String>,
    /// How many bytes were typed.
    pub bytes: u64,
}

/// What somebody did at a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ConsoleAct {
    /// Joined, and may type.
    Joined,
    /// Joined to look.
    Looked,
    /// Typed.
    Typed,
    /// Left.
    Left,
    /// Sent a signal, which `text` names: by supervisord's interface.
    Signaled,
    /// Removed the log that `text` names: by supervisord's interface.
    Cleared,
}
