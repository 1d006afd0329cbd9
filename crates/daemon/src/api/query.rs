//! The part of an address behind `?`, read by the same table that describes it.

use super::trouble::Trouble;
use serde_json::{Value, json};

/// One parameter of a route.
#[derive(Debug)]
pub(crate) struct Parameter {
    pub(crate) name: &'static str,
    pub(crate) form: Form,
    pub(crate) about: &'static str,
}

/// What a parameter looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// A name.
    Text,
    /// A path of the tree.
    Path,
    /// The same, and it may be given several times.
    Paths,
    /// A number from the first to the second.
    Count(u64, u64),
    /// A moment: milliseconds since 1970.
    Moment,
    /// A moment, or a span before now as `10m`.
    Since,
    /// A span, as `30s`.
    Span,
    /// `true` or `false`.
    Flag,
    /// The same, and its name alone is `true`.
    Switch,
    /// One of these words.
    Word(&'static [&'static str]),
}

/// A span as it is written in an address: what [`span`] takes.
const SPAN: &str = "^[0-9]{1,6}(ms|s|m|h|d)$";

impl Form {
    /// Returns its JSON Schema.
    pub(crate) fn schema(self) -> Value {
        match self {
            Self::Text | Self::Path => json!({"type": "string", "maxLength": LONGEST_PATH}),
            Self::Paths => {
                let items = Self::Path.schema();
                json!({"type": "array", "items": items, "maxItems": MOST_PATHS})
            }
            Self::Count(least, most) => {
                json!({"type": "integer", "minimum": least, "maximum": most})
            }
            Self::Moment => json!({"type": "integer", "minimum": 0, "maximum": LAST_MOMENT}),
            Self::Since => json!({"anyOf": [
                Self::Moment.schema(),
                {"type": "string", "pattern": SPAN},
            ]}),
            Self::Span => json!({"type": "string", "pattern": SPAN}),
            Self::Flag => json!({"type": "boolean"}),
            Self::Switch => json!({"type": "string", "enum": ["", "true", "false"]}),
            Self::Word(words) => json!({"type": "string", "enum": words}),
        }
    }

    fn expected(self) -> String {
        match self {
            Self::Text => "a name".into(),
            Self::Path | Self::Paths => "a path as `app/web`".into(),
            Self::Count(least, most) => format!("a number from {least} to {most}"),
            Self::Moment => "milliseconds since 1970".into(),
            Self::Since => "milliseconds since 1970, or a span before now as `10m`".into(),
            Self::Span => "a span as `500ms`, `30s`, `10m`, `2h`, `1d`".into(),
            Self::Flag => "`true` or `false`".into(),
            Self::Switch => "`true`, `false` or nothing".into(),
            Self::Word(words) => format!("one of `{}`", words.join("`, `")),
        }
    }

    fn fits(self, text: &str) -> bool {
        match self {
            Self::Text | Self::Path | Self::Paths => text.chars().count() <= LONGEST_PATH,
            Self::Count(least, most) => count(text).is_some_and(|n| (least..=most).contains(&n)),
            Self::Moment => moment(text).is_some(),
            Self::Since => moment(text).is_some() || span(text).is_some(),
            Self::Span => span(text).is_some(),
            Self::Flag => matches!(text, "true" | "false"),
            Self::Switch => matches!(text, "" | "true" | "false"),
            Self::Word(words) => words.contains(&text),
        }
    }
}

/// The most children that one request asks about.
const MOST_PATHS: usize = 64;
/// The most letters of a path.
const LONGEST_PATH: usize = 1024;
/// The last moment that is taken for one: the year 5138.
const LAST_MOMENT: u64 = 100_000_000_000_000;

/// What was asked behind `?`, checked.
#[derive(Debug)]
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    /// Checks what was asked against the parameters of a route.
    pub(crate) fn read(
        pairs: Vec<(String, String)>,
        parameters: &[Parameter],
    ) -> Result<Self, Trouble> {
        for (at, (name, text)) in pairs.iter().enumerate() {
            let Some(parameter) = parameters.iter().find(|known| known.name == name) else {
                let names: Vec<&str> = parameters.iter().map(|known| known.name).collect();
                let hint = match names.as_slice() {
                    [] => "nothing can be asked behind `?` here".into(),
                    names => format!("there are `{}`", names.join("`, `")),
                };
                return Err(
                    Trouble::bad("unknown-parameter", format!("no parameter `{name}`")).hint(hint)
                );
            };
            let earlier = pairs[..at].iter().filter(|(other, _)| other == name).count();
            let most = if parameter.form == Form::Paths { MOST_PATHS } else { 1 };
            if earlier >= most {
                let text = format!("`{name}` is given more than {most} times");
                return Err(Trouble::bad("bad-parameter", text));
            }
            if !parameter.form.fits(text) {
                let text = format!("`{name}={text}` is not {}", parameter.form.expected());
                return Err(Trouble::bad("bad-parameter", text));
            }
        }
        Ok(Self(pairs))
    }

    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, text)| text.as_str())
    }

    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(known, _)| known == name).map(|(_, text)| text.as_str())
    }

    pub(crate) fn count(&self, name: &str) -> Option<u64> {
        self.text(name).and_then(count)
    }

    pub(crate) fn moment(&self, name: &str) -> Option<i64> {
        self.text(name).and_then(moment)
    }

    /// Returns a moment, counted back from `now` where it is a span.
    pub(crate) fn since(&self, name: &str, now: i64) -> Option<i64> {
        let text = self.text(name)?;
        moment(text).or_else(|| Some(now.saturating_sub(i64::try_from(span(text)?).ok()?)))
    }

    pub(crate) fn span(&self, name: &str) -> Option<std::time::Duration> {
        self.text(name).and_then(span).map(std::time::Duration::from_millis)
    }

    pub(crate) fn flag(&self, name: &str) -> bool {
        self.text(name) == Some("true")
    }

    pub(crate) fn switch(&self, name: &str) -> bool {
        matches!(self.text(name), Some("" | "true"))
    }
}

fn count(text: &str) -> Option<u64> {
    let is_plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_plain { text.parse().ok() } else { None }
}

fn moment(text: &str) -> Option<i64> {
    count(text).filter(|moment| *moment <= LAST_MOMENT).and_then(|moment| moment.try_into().ok())
}

/// Returns a span in milliseconds.
fn span(text: &str) -> Option<u64> {
    let unit = text.find(|letter: char| !letter.is_ascii_digit())?;
    let (number, unit) = text.split_at(unit);
    let scale = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    if number.len() > 6 {
        return None;
    }
    count(number).map(|number| number * scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &[Parameter] = &[
        Parameter { name: "path", form: Form::Paths, about: "" },
        Parameter { name: "limit", form: Form::Count(1, 10), about: "" },
        Parameter { name: "since", form: Form::Since, about: "" },
        Parameter { name: "timeout", form: Form::Span, about: "" },
        Parameter { name: "follow", form: Form::Flag, about: "" },
        Parameter { name: "for", form: Form::Word(&["ready", "down"]), about: "" },
    ];

    fn read(pairs: &[(&str, &str)]) -> Result<Query, String> {
        let pairs = pairs.iter().map(|(name, text)| ((*name).into(), (*text).into()));
        Query::read(pairs.collect(), TABLE).map_err(|trouble| trouble.problem.text)
    }

    #[test]
    fn what_fits_is_taken() {
        let query = read(&[
            ("path", "a"),
            ("path", "b/c"),
            ("limit", "10"),
            ("since", "10m"),
            ("timeout", "500ms"),
            ("follow", "true"),
            ("for", "down"),
        ]);
        let query = query.expect("all of it fits");
        assert_eq!(query.all("path").collect::<Vec<_>>(), ["a", "b/c"]);
        assert_eq!(query.count("limit"), Some(10));
        assert_eq!(query.since("since", 1_000_000), Some(400_000));
        assert_eq!(query.span("timeout"), Some(std::time::Duration::from_millis(500)));
        assert!(query.flag("follow"));
        assert_eq!(query.text("for"), Some("down"));
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let table: [(&[(&str, &str)], &str); 10] = [
            (&[("limt", "1")], "no parameter `limt`"),
            (&[("limit", "0")], "`limit=0` is not a number from 1 to 10"),
            (&[("limit", "+5")], "`limit=+5` is not a number from 1 to 10"),
            (&[("limit", "")], "`limit=` is not a number from 1 to 10"),
            (&[("limit", "99999999999999999999")], "is not a number"),
            (&[("limit", "1"), ("limit", "2")], "`limit` is given more than 1 times"),
            (&[("timeout", "30")], "`timeout=30` is not a span"),
            (&[("timeout", "1week")], "`timeout=1week` is not a span"),
            (&[("follow", "yes")], "`follow=yes` is not `true` or `false`"),
            (&[("for", "up")], "`for=up` is not one of `ready`, `down`"),
        ];
        for (pairs, expected) in table {
            let text = read(pairs).expect_err("it does not fit");
            assert!(text.contains(expected), "{text}");
        }
    }
}
