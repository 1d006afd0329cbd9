//! The two texts in which numbers are told: OpenMetrics, and the older text of Prometheus.

use super::table::{Family, Kind};
use mainstay::{CLASSES, Spread};
use std::fmt::Write;

/// Which text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// OpenMetrics 1.0: it also says since when is counted.
    OpenMetrics,
    /// The text of Prometheus, version 0.0.4.
    Text,
}

impl Format {
    /// Returns what suits somebody who accepts this.
    pub(crate) fn suits<'a>(accepts: impl Iterator<Item = &'a str>) -> Self {
        let mut kinds = accepts.flat_map(|accept| accept.split(','));
        let is_open = |kind: &str| {
            let mut parts = kind.split(';').map(str::trim);
            let is_it = parts.next() == Some("application/openmetrics-text");
            // Whoever gives it no weight does not want it.
            is_it && !parts.any(|part| matches!(part, "q=0" | "q=0.0"))
        };
        if kinds.any(is_open) { Self::OpenMetrics } else { Self::Text }
    }

    /// Returns what it calls itself.
    pub(crate) const fn media_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
        }
    }
}

/// A page that is being written.
#[derive(Debug)]
pub(crate) struct Page {
    format: Format,
    text: String,
}

/// The samples of one family.
#[derive(Debug)]
pub(crate) struct Samples<'a> {
    page: &'a mut Page,
    family: &'static Family,
    /// Since when is counted, in seconds since 1970.
    created: Option<f64>,
}

impl Page {
    pub(crate) const fn new(format: Format) -> Self {
        Self { format, text: String::new() }
    }

    /// Writes one family; one without samples is left out.
    pub(crate) fn family(&mut self, family: &'static Family, fill: impl FnOnce(&mut Samples<'_>)) {
        let before = self.text.len();
        self.head(family);
        let after = self.text.len();
        fill(&mut Samples { page: self, family, created: None });
        if self.text.len() == after {
            self.text.truncate(before);
        }
    }

    fn head(&mut self, family: &Family) {
        let open = self.format == Format::OpenMetrics;
        let name = if open { family.name.to_owned() } else { family.exposed() };
        let kind = match (family.kind, open) {
            (Kind::Info, true) => "info",
            (Kind::Info | Kind::Gauge, _) => "gauge",
            (Kind::Counter, _) => "counter",
            (Kind::Histogram, _) => "histogram",
            (Kind::Summary, _) => "summary",
        };
        self.line(format_args!("# TYPE {name} {kind}"));
        if open && !family.unit.is_empty() {
            self.line(format_args!("# UNIT {name} {}", family.unit));
        }
        let mut help = String::new();
        escape(&mut help, family.says, open);
        self.line(format_args!("# HELP {name} {help}"));
    }

    fn line(&mut self, text: std::fmt::Arguments<'_>) {
        // Writing into a text cannot fail.
        let _ = writeln!(self.text, "{text}");
    }

    /// Returns the whole page.
    pub(crate) fn end(mut self) -> String {
        if self.format == Format::OpenMetrics {
            self.text.push_str("# EOF\n");
        }
        self.text
    }
}

impl Samples<'_> {
    /// Says since when the following samples are counted, in seconds since 1970.
    pub(crate) const fn since(&mut self, seconds: f64) {
        self.created = Some(seconds);
    }

    /// Writes a whole number with the values of the family's labels, in their order.
    pub(crate) fn whole(&mut self, labels: &[&str], value: u64) {
        self.sample(labels, &value.to_string());
    }

    /// Writes a number.
    pub(crate) fn real(&mut self, labels: &[&str], value: f64) {
        self.sample(labels, &value.to_string());
    }

    /// Writes which of several words holds: 1 for it, 0 for the others.
    pub(crate) fn one_of(&mut self, labels: &[&str], words: &[&str], word: &str) {
        for known in words {
            let mut labels = labels.to_vec();
            labels.push(known);
            self.whole(&labels, u64::from(*known == word));
        }
    }

    /// Writes how long something took, many times.
    pub(crate) fn spread(&mut self, labels: &[&str], spread: &Spread) {
        let mut sum = 0;
        let ends = CLASSES.iter().map(ToString::to_string).chain(["+Inf".to_owned()]);
        for (end, count) in ends.zip(&spread.classes) {
            sum += count;
            self.write("_bucket", labels, Some(&end), &sum.to_string());
        }
        self.totals(labels, spread.sum.as_secs_f64(), spread.count());
    }

    /// Writes how much there was together, and how often.
    pub(crate) fn totals(&mut self, labels: &[&str], sum: f64, count: u64) {
        self.write("_sum", labels, None, &sum.to_string());
        self.write("_count", labels, None, &count.to_string());
        self.write_created(labels);
    }

    fn sample(&mut self, labels: &[&str], value: &str) {
        self.write(self.family.kind.suffix(), labels, None, value);
        if self.family.kind == Kind::Counter {
            self.write_created(labels);
        }
    }

    fn write_created(&mut self, labels: &[&str]) {
        // The older text would make a family of its own of it.
        if let Some(created) = self.created.filter(|_| self.page.format == Format::OpenMetrics) {
            self.write("_created", labels, None, &format!("{created:.3}"));
        }
    }

    fn write(&mut self, suffix: &str, labels: &[&str], end: Option<&str>, value: &str) {
        let text = &mut self.page.text;
        text.push_str(self.family.name);
        text.push_str(suffix);
        let mut between = '{';
        let names = self.family.labels.iter().map(|(name, _)| *name);
        for (name, value) in names.zip(labels.iter().copied()).chain(end.map(|end| ("le", end))) {
            text.push(between);
            text.push_str(name);
            text.push_str("=\"");
            escape(text, value, true);
            text.push('"');
            between = ',';
        }
        if between == ',' {
            text.push('}');
        }
        text.push(' ');
        text.push_str(value);
        text.push('\n');
    }
}

fn escape(into: &mut String, text: &str, quotes: bool) {
    for letter in text.chars() {
        match letter {
            '\\' => into.push_str("\\\\"),
            '\n' => into.push_str("\\n"),
            '"' if quotes => into.push_str("\\\""),
            other => into.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::table;
    use std::time::Duration;

    fn page(format: Format) -> String {
        let mut page = Page::new(format);
        page.family(&table::RUNS, |samples| {
            samples.since(1_700_000_000.25);
            samples.whole(&["app/we\"ird\\\n"], 3);
        });
        page.family(&table::BUILD, |samples| samples.whole(&["0.1.0"], 1));
        page.family(&table::FOLDED, |_| {});
        page.family(&table::START_SECONDS, |samples| {
            let mut spread = Spread::default();
            spread.add(Duration::from_millis(20));
            spread.add(Duration::from_secs(1_000));
            samples.spread(&[], &spread);
        });
        page.end()
    }

    #[test]
    fn both_texts_say_the_same() {
        let open = page(Format::OpenMetrics);
        assert!(open.starts_with("# TYPE mainstay_runs counter\n# HELP mainstay_runs "), "{open}");
        let label = "{child=\"app/we\\\"ird\\\\\\n\"}";
        assert!(open.contains(&format!("\nmainstay_runs_total{label} 3\n")), "{open}");
        assert!(open.contains(&format!("\nmainstay_runs_created{label} 1700000000.250\n")));
        assert!(open.contains("# TYPE mainstay_build info\n"), "{open}");
        assert!(open.contains("# UNIT mainstay_start_seconds seconds\n"), "{open}");
        assert!(open.ends_with("\n# EOF\n"), "{open}");
        let text = page(Format::Text);
        assert!(text.starts_with("# TYPE mainstay_runs_total counter\n"), "{text}");
        assert!(text.contains("# TYPE mainstay_build_info gauge\n"), "{text}");
        assert!(!text.contains("_created") && !text.contains("# EOF") && !text.contains("# UNIT"));
        for page in [open, text] {
            assert!(page.contains("\nmainstay_start_seconds_bucket{le=\"0.025\"} 1\n"), "{page}");
            assert!(page.contains("\nmainstay_start_seconds_bucket{le=\"300\"} 1\n"), "{page}");
            assert!(page.contains("\nmainstay_start_seconds_bucket{le=\"+Inf\"} 2\n"), "{page}");
            assert!(page.contains("\nmainstay_start_seconds_sum 1000.02\n"), "{page}");
            assert!(page.contains("\nmainstay_build_info{version=\"0.1.0\"} 1\n"), "{page}");
            assert!(!page.contains("folded"), "a family without samples is left out");
        }
    }

    #[test]
    fn whoever_asks_for_openmetrics_gets_it() {
        let table = [
            ("application/openmetrics-text; version=1.0.0,text/plain;q=0.5", Format::OpenMetrics),
            ("text/plain", Format::Text),
            ("application/openmetrics-text;q=0, text/plain", Format::Text),
            ("*/*", Format::Text),
            ("", Format::Text),
        ];
        for (accept, expected) in table {
            assert_eq!(Format::suits([accept].into_iter()), expected, "{accept}");
        }
    }
}
