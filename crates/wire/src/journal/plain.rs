//! The smallest forms: moments and spans in nanoseconds, names of things, words.

use mainstay_core::spec::check;
use mainstay_core::spec::{Field, Preset, Source, Sources};
use mainstay_core::{ChildId, CommandId, Moment, Path, RunId};
use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde::ser::Serializer;
use serde_with::{DeserializeAs, SerializeAs};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Lets the remote forms of the core's types stand inside of options, lists and tuples.
macro_rules! remote {
    ($($form:ident for $real:ty;)+) => {$(
        impl serde_with::SerializeAs<$real> for $form {
            fn serialize_as<S: serde::Serializer>(real: &$real, to: S) -> Result<S::Ok, S::Error> {
                Self::serialize(real, to)
            }
        }

        impl<'de> serde_with::DeserializeAs<'de, $real> for $form {
            fn deserialize_as<D: serde::Deserializer<'de>>(from: D) -> Result<$real, D::Error> {
                Self::deserialize(from)
            }
        }
    )+};
}
pub(super) use remote;

/// Reads a text by a function of it; `what` says what was expected.
pub(super) fn read_text<'de, D: Deserializer<'de>, T>(
    from: D,
    what: &'static str,
    make: fn(&str) -> Option<T>,
) -> Result<T, D::Error> {
    struct Text<T>(&'static str, fn(&str) -> Option<T>);

    impl<T> Visitor<'_> for Text<T> {
        type Value = T;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
            (self.1)(text).ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
        }
    }

    from.deserialize_str(Text(what, make))
}

/// Nanoseconds since the epoch of the clock.
pub(super) struct MomentForm;

impl SerializeAs<Moment> for MomentForm {
    fn serialize_as<S: Serializer>(moment: &Moment, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u64(moment.as_nanos())
    }
}

impl<'de> DeserializeAs<'de, Moment> for MomentForm {
    fn deserialize_as<D: Deserializer<'de>>(from: D) -> Result<Moment, D::Error> {
        u64::deserialize(from).map(Moment::from_nanos)
    }
}

/// A span in nanoseconds; one that no 64 bits hold is written as text.
pub(super) struct SpanForm;

impl SerializeAs<Duration> for SpanForm {
    fn serialize_as<S: Serializer>(span: &Duration, to: S) -> Result<S::Ok, S::Error> {
        match u64::try_from(span.as_nanos()) {
            Ok(nanos) => to.serialize_u64(nanos),
            Err(_) => to.collect_str(&span.as_nanos()),
        }
    }
}

impl<'de> DeserializeAs<'de, Duration> for SpanForm {
    fn deserialize_as<D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        struct Nanos;

        impl Visitor<'_> for Nanos {
            type Value = Duration;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a span in nanoseconds")
            }

            fn visit_u64<E: de::Error>(self, nanos: u64) -> Result<Duration, E> {
                Ok(Duration::from_nanos(nanos))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Duration, E> {
                let unfit = || E::invalid_value(de::Unexpected::Str(text), &self);
                let nanos: u128 = text.parse().map_err(|_| unfit())?;
                let seconds = u64::try_from(nanos / 1_000_000_000).map_err(|_| unfit())?;
                Ok(Duration::new(seconds, (nanos % 1_000_000_000) as u32))
            }
        }

        from.deserialize_any(Nanos)
    }
}

/// The id as one number.
pub(super) struct ChildIdForm;

impl SerializeAs<ChildId> for ChildIdForm {
    fn serialize_as<S: Serializer>(id: &ChildId, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u64(id.as_u64())
    }
}

impl<'de> DeserializeAs<'de, ChildId> for ChildIdForm {
    fn deserialize_as<D: Deserializer<'de>>(from: D) -> Result<ChildId, D::Error> {
        u64::deserialize(from).map(ChildId::from_u64)
    }
}

/// The number of the run.
pub(super) struct RunIdForm;

impl SerializeAs<RunId> for RunIdForm {
    fn serialize_as<S: Serializer>(run: &RunId, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u64(run.0)
    }
}

impl<'de> DeserializeAs<'de, RunId> for RunIdForm {
    fn deserialize_as<D: Deserializer<'de>>(from: D) -> Result<RunId, D::Error> {
        u64::deserialize(from).map(RunId)
    }
}

/// Hexadecimal digits, as they are sent.
pub(super) struct CommandIdForm;

impl SerializeAs<CommandId> for CommandIdForm {
    fn serialize_as<S: Serializer>(id: &CommandId, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&format_args!("{:x}", id.0))
    }
}

impl<'de> DeserializeAs<'de, CommandId> for CommandIdForm {
    fn deserialize_as<D: Deserializer<'de>>(from: D) -> Result<CommandId, D::Error> {
        read_text(from, "up to 32 hexadecimal digits", |text| {
            u128::from_str_radix(text, 16).ok().map(CommandId)
        })
    }
}

/// The path as written; the root is empty.
pub(super) struct PathForm;

impl SerializeAs<Path> for PathForm {
    fn serialize_as<S: Serializer>(path: &Path, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(path.as_str())
    }
}

impl<'de> DeserializeAs<'de, Path> for PathForm {
    fn deserialize_as<D: Deserializer<'de>>(from: D) -> Result<Path, D::Error> {
        // Joined to the root it stays as it is, even where a refused name had slashes in odd places.
        read_text(from, "a path", |text| Some(Path::root().join(text)))
    }
}

/// A text that the core's code has in it, like the name of a verb. By this name no form takes it for a part of what
/// it is read from.
pub(super) type Word = &'static str;

/// The word itself.
pub(super) struct WordForm;

impl SerializeAs<Word> for WordForm {
    fn serialize_as<S: Serializer>(word: &Word, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(word)
    }
}

impl<'de> DeserializeAs<'de, Word> for WordForm {
    fn deserialize_as<D: Deserializer<'de>>(from: D) -> Result<Word, D::Error> {
        read_text(from, "a text", |text| Some(lasting(text)))
    }
}

/// How many texts are kept for ever; the core has a few dozen, and each version of it may reword some.
const MOST_WORDS: usize = 1_024;

/// The longest of them.
const LONGEST_WORD: usize = 512;

/// Returns the text for as long as the program runs. Each is kept once, and only so many.
fn lasting(text: &str) -> Word {
    static WORDS: Mutex<BTreeSet<Word>> = Mutex::new(BTreeSet::new());
    let mut words = WORDS.lock().unwrap_or_else(PoisonError::into_inner);
    match words.get(text) {
        Some(word) => word,
        None if words.len() >= MOST_WORDS || text.len() > LONGEST_WORD => "(not kept)",
        None => {
            let word: Word = Box::leak(text.into());
            words.insert(word);
            word
        }
    }
}

/// The lasting name of a rule about specs.
pub(super) struct CheckRuleForm;

impl SerializeAs<check::Rule> for CheckRuleForm {
    fn serialize_as<S: Serializer>(rule: &check::Rule, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(rule.name())
    }
}

impl<'de> DeserializeAs<'de, check::Rule> for CheckRuleForm {
    fn deserialize_as<D: Deserializer<'de>>(from: D) -> Result<check::Rule, D::Error> {
        read_text(from, "the name of a rule about specs", |text| {
            check::Rule::ALL.iter().find(|rule| rule.name() == text).copied()
        })
    }
}

/// Where the values of a spec came from: the fields that are no defaults. What is not known here any more,
/// a field or a preset, is skipped: nothing is decided by it.
pub(super) struct SourcesForm;

/// What is written for a value that the spec states.
const EXPLICIT: &str = "spec";

impl SerializeAs<Sources> for SourcesForm {
    fn serialize_as<S: Serializer>(sources: &Sources, to: S) -> Result<S::Ok, S::Error> {
        let stated = Field::ALL.into_iter().filter_map(|field| match sources.of(field) {
            Source::Default => None,
            Source::Preset(preset) => Some((field.name(), preset.name())),
            Source::Explicit => Some((field.name(), EXPLICIT)),
        });
        to.collect_map(stated)
    }
}

impl<'de> DeserializeAs<'de, Sources> for SourcesForm {
    fn deserialize_as<D: Deserializer<'de>>(from: D) -> Result<Sources, D::Error> {
        let stated = BTreeMap::<String, String>::deserialize(from)?;
        let preset = |name: &str| Preset::ALL.iter().find(|preset| preset.name() == name);
        Ok(Sources::new(|field| match stated.get(field.name()).map(String::as_str) {
            None => Source::Default,
            Some(EXPLICIT) => Source::Explicit,
            Some(name) => preset(name).map_or(Source::Default, |preset| Source::Preset(*preset)),
        }))
    }
}

pub(super) const fn is_false(flag: &bool) -> bool {
    !*flag
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Serialize;
    use serde_with::serde_as;

    #[serde_as]
    #[derive(Debug, PartialEq, Serialize, serde::Deserialize)]
    struct All {
        #[serde_as(as = "SpanForm")]
        span: Duration,
        #[serde_as(as = "CommandIdForm")]
        id: CommandId,
        #[serde_as(as = "PathForm")]
        path: Path,
        #[serde_as(as = "WordForm")]
        word: Word,
    }

    #[test]
    fn the_ends_of_every_range_come_back() {
        for (span, id, path) in [
            (Duration::ZERO, 0, ""),
            (Duration::from_nanos(u64::MAX), u128::MAX, "a/b"),
            (Duration::MAX, 1 << 64, "a//b/"),
        ] {
            let path = Path::root().join(path);
            let all = All { span, id: CommandId(id), path, word: "start --override" };
            let text = serde_json::to_string(&all).expect("it is written");
            assert_eq!(serde_json::from_str::<All>(&text).expect("it is read"), all, "{text}");
        }
    }

    #[test]
    fn what_is_out_of_range_says_what_was_expected() {
        let read = |text: &str| serde_json::from_str::<All>(text).expect_err("refused").to_string();
        let text = r#"{"span":"x","id":"0","path":"","word":""}"#;
        assert!(read(text).contains("a span in nanoseconds"), "{}", read(text));
        let text = r#"{"span":1,"id":"xyz","path":"","word":""}"#;
        assert!(read(text).contains("hexadecimal digits"), "{}", read(text));
    }

    #[test]
    fn a_text_that_is_kept_for_ever_is_kept_once() {
        let texts = [String::from("kept once"), String::from("kept once")];
        assert!(std::ptr::eq(lasting(&texts[0]), lasting(&texts[1])));
        assert_eq!(lasting(&"x".repeat(LONGEST_WORD + 1)), "(not kept)");
    }
}
