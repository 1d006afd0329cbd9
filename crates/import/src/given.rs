//! The keys of the input, each waiting for its verdict.

use crate::report::{Item, Place, Report, Verdict};

/// One key of the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Id(usize);

/// All keys that were read. What nobody judges is reported as not honoured.
#[derive(Debug, Default)]
pub(crate) struct Given {
    entries: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    place: Place,
    section: String,
    key: String,
    value: String,
    child: Option<String>,
    verdict: Option<Verdict>,
}

impl Given {
    /// Notes a key of the input.
    pub(crate) fn add(
        &mut self,
        place: Place,
        section: impl Into<String>,
        key: impl Into<String>,
        value: impl Into<String>,
    ) -> Id {
        let (section, key, value) = (section.into(), key.into(), value.into());
        self.entries.push(Entry { place, section, key, value, child: None, verdict: None });
        Id(self.entries.len() - 1)
    }

    /// It means the same.
    pub(crate) fn kept(&mut self, id: Id, became: impl Into<String>) {
        self.judge(id, Verdict::Kept(became.into()));
    }

    /// It means something else now.
    pub(crate) fn changed(&mut self, id: Id, now: impl Into<String>) {
        self.judge(id, Verdict::Changed(now.into()));
    }

    /// It has no effect.
    pub(crate) fn lost(&mut self, id: Id, why: impl Into<String>) {
        self.judge(id, Verdict::Lost(why.into()));
    }

    /// The worst that is said of a key holds; what is said twice on one level stands together.
    fn judge(&mut self, id: Id, verdict: Verdict) {
        let Some(entry) = self.entries.get_mut(id.0) else { return };
        entry.verdict = Some(match entry.verdict.take() {
            Some(old) if old.rank() > verdict.rank() => old,
            Some(old) if old.rank() == verdict.rank() && old != verdict => {
                let text = format!("{}; {}", old.text(), verdict.text());
                match verdict {
                    Verdict::Kept(_) => Verdict::Kept(text),
                    Verdict::Changed(_) => Verdict::Changed(text),
                    Verdict::Lost(_) => Verdict::Lost(text),
                }
            }
            Some(_) | None => verdict,
        });
    }

    pub(crate) fn is_judged(&self, id: Id) -> bool {
        self.entries.get(id.0).is_some_and(|entry| entry.verdict.is_some())
    }

    /// Says which child the keys are about.
    pub(crate) fn about(&mut self, ids: impl IntoIterator<Item = Id>, child: &str) {
        for id in ids {
            if let Some(entry) = self.entries.get_mut(id.0) {
                entry.child = Some(child.to_owned());
            }
        }
    }

    pub(crate) fn value(&self, id: Id) -> &str {
        self.entries.get(id.0).map_or("", |entry| &entry.value)
    }

    pub(crate) fn place(&self, id: Id) -> Place {
        let nowhere = Place { file: String::new(), line: 0 };
        self.entries.get(id.0).map_or(nowhere, |entry| entry.place.clone())
    }

    /// Ends the import.
    pub(crate) fn report(self, neighbour: &str, children: usize) -> Report {
        let item = |entry: Entry| {
            let Entry { place, section, key, value, child, verdict } = entry;
            let unknown = || {
                let text = format!("no key that {neighbour} is known to have: look it up");
                Verdict::Lost(text)
            };
            let verdict = verdict.unwrap_or_else(unknown);
            let value = if is_secret(&key) { "***".into() } else { value };
            Item { place, section, key, value, child, verdict }
        };
        let items = self.entries.into_iter().map(item).collect();
        Report { neighbour: neighbour.into(), children, items }
    }
}

/// Whether a value is better not shown.
fn is_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    ["password", "passwd", "secret", "token", "api_key", "credential"]
        .iter()
        .any(|word| key.contains(word))
}
