//! Every key of a spec file: its name, what it takes, its default, its meaning and an example.

mod child;
mod group;
mod hook;
mod parts;
mod process;
mod root;
mod words;

pub use child::{DEFAULTS, PROCESS, SUPERVISOR, TEMPLATE};
pub use root::{INCLUDED, ROOT};
pub use words::{WORDS, Words, presets_with, words_of};

/// One key.
#[derive(Debug)]
pub struct Key {
    /// How it is written.
    pub name: &'static str,
    /// What stands behind it.
    pub takes: Takes,
    /// What holds where it is not written; empty: nothing.
    pub default: &'static str,
    /// What it means.
    pub says: &'static str,
    /// Something that can stand behind it.
    pub example: &'static str,
}

/// Keys that stand together.
#[derive(Debug)]
pub struct Group {
    /// What the whole is called in messages and pages: `a probe`.
    pub what: &'static str,
    /// The keys.
    pub keys: &'static [&'static [Key]],
    /// Of each of these, exactly one must be there.
    pub one_of: &'static [&'static [&'static str]],
}

/// What stands behind a key.
#[derive(Debug)]
pub enum Takes {
    /// Any text.
    Text,
    /// A path; a relative one begins where the file stands.
    Path,
    /// `true` or `false`.
    Switch,
    /// A whole number.
    Whole {
        /// The least.
        least: i64,
        /// The largest.
        most: i64,
    },
    /// A number.
    Number,
    /// `500ms`, `10s`, `1m 30s`.
    Span,
    /// `4096`, `64KiB`, `10MB`.
    Size,
    /// `150%`.
    Percent,
    /// `0644`.
    Rights,
    /// `TERM`, `SIGTERM`, `15`.
    Signal,
    /// `10m`, `sliding 10m`, `tumbling 10m`, `consecutive`.
    Window,
    /// One of these.
    Word(&'static [Word]),
    /// The name of a preset, or a map of it alone with words of its own: [`WORDS`].
    Preset,
    /// Several, in order.
    List(&'static Self),
    /// Names of one's own, with what stands behind each.
    Map(&'static Self),
    /// Keys.
    Group(&'static Group),
    /// The first that fits.
    Either(&'static [Self]),
    /// Names with the children they stand for.
    Children,
    /// Names with the templates they stand for.
    Templates,
}

/// A word that a key takes.
#[derive(Debug)]
pub struct Word {
    /// How it is written.
    pub name: &'static str,
    /// What it means.
    pub says: &'static str,
}

/// Any whole number from zero on.
pub const COUNT: Takes = Takes::Whole { least: 0, most: u32::MAX as i64 };

impl Group {
    /// Returns every key, in the order in which they are shown.
    pub fn all(&self) -> impl Iterator<Item = &'static Key> + use<> {
        self.keys.iter().flat_map(|keys| keys.iter())
    }

    /// Finds a key by its name.
    pub fn key(&self, name: &str) -> Option<&'static Key> {
        self.all().find(|key| key.name == name)
    }
}

impl Takes {
    /// Returns the groups of keys that can stand there.
    pub fn groups(&self) -> Vec<&'static Group> {
        match self {
            Self::Group(group) => vec![group],
            Self::List(each) | Self::Map(each) => each.groups(),
            Self::Either(all) => {
                let mut found: Vec<&'static Group> = Vec::new();
                for group in all.iter().flat_map(Self::groups) {
                    if !found.iter().any(|known| known.what == group.what) {
                        found.push(group);
                    }
                }
                found
            }
            Self::Text
            | Self::Path
            | Self::Switch
            | Self::Whole { .. }
            | Self::Number
            | Self::Span
            | Self::Size
            | Self::Percent
            | Self::Rights
            | Self::Signal
            | Self::Window
            | Self::Word(_)
            | Self::Preset
            | Self::Children
            | Self::Templates => Vec::new(),
        }
    }
}

const fn key(
    name: &'static str,
    takes: Takes,
    default: &'static str,
    says: &'static str,
    example: &'static str,
) -> Key {
    Key { name, takes, default, says, example }
}

const fn word(name: &'static str, says: &'static str) -> Word {
    Word { name, says }
}

/// The names of all presets. The core has what they say.
pub const PRESETS: &[&str] = &[
    "otp",
    "epics",
    "oxios-web",
    "oxios-critical",
    "focas",
    "tokio-supervisor",
    "systemd",
    "supervisord",
    "kubernetes",
    "pm2",
    "process-compose",
    "nomad",
    "s6",
    "runit",
    "dinit",
    "procserv",
];
