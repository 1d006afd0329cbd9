//! `mainstay logs` and `mainstay events`: what is said, in order, now or from now on.

use super::Desk;
use crate::args::{EventsArgs, LogsArgs};
use crate::client::{Message, Seen, address};
use crate::fault::{Exit, Fault};
use crate::screen::{Tint, say};
use crate::show;
use mainstay_wire::api::{Event, EventPage, Lag, LogLine, LogPage};
use std::collections::BTreeMap;
use std::io::Write as _;

/// How many lines a child's log begins with.
const LINES: u64 = 20;

impl Desk {
    /// Shows what children print.
    pub(super) async fn logs(&self, args: &LogsArgs) -> Result<Exit, Fault> {
        let paths = self.expand(&args.children).await?;
        let mut query: Vec<String> =
            paths.iter().map(|path| format!("path={}", address(path))).collect();
        match (args.lines, args.since) {
            (Some(lines), _) => query.push(format!("lines={lines}")),
            (None, None) => query.push(format!("lines={LINES}")),
            (None, Some(_)) => {}
        }
        query.extend(args.since.map(|since| format!("since={since}")));
        let is_of_one = paths.len() == 1;
        let mut names = Names::new(&paths, !is_of_one && !args.no_names);
        if !args.follow {
            let body = self.client.read(&format!("/logs?{}", query.join("&"))).await?;
            if self.print_json(&body)? {
                return Ok(Exit::Done);
            }
            let page: LogPage = self.client.parse(&body)?;
            for line in &page.lines {
                names.learn(&line.path);
            }
            for line in &page.lines {
                say(&self.log_line(line, args.times, &mut names))?;
            }
            for path in &page.without {
                self.remark(&format!("{path} has no log"));
            }
            return Ok(Exit::Done);
        }
        query.push("follow=true".into());
        let mut stream = self.client.follow(format!("/logs?{}", query.join("&")));
        let mut seen = Seen::default();
        query.retain(|part| part.starts_with("path=") || part.starts_with("follow="));
        while let Some(message) = stream.next().await? {
            if self.is_lag(&message)? {
                continue;
            }
            let line: LogLine = self.client.parse(message.data.as_bytes())?;
            if !seen.is_new(&line, stream.openings()) {
                continue;
            }
            if let Some(since) = seen.since() {
                stream.resume_at(format!("/logs?{}&since={since}", query.join("&")));
            }
            if self.is_json {
                say(&message.data)?;
            } else {
                say(&self.log_line(&line, args.times, &mut names))?;
            }
        }
        Err(self.has_gone())
    }

    /// Returns a line with who printed it and when.
    fn log_line(&self, line: &LogLine, has_times: bool, names: &mut Names) -> String {
        let mut out = String::new();
        if let Some((name, tint)) = names.of(&line.path) {
            out.push_str(&self.screen.paint(tint, &format!("{name} │ ")));
        }
        if let Some(at) = line.at.filter(|_| has_times) {
            out.push_str(&self.screen.paint(Tint::Dim, &format!("{} ", show::clock(at))));
        }
        // Programs get what was printed; a terminal gets nothing that could change it.
        if self.screen.is_terminal {
            out.push_str(&show::tame(&line.text, self.screen.has_colour));
        } else {
            out.push_str(&line.text);
        }
        out
    }

    /// Shows what happened.
    pub(super) async fn events(&self, args: &EventsArgs) -> Result<Exit, Fault> {
        let mut query: Vec<String> =
            children(args).map(|path| format!("path={}", address(path))).collect();
        let patterns: Vec<&str> = children(args).filter(|path| show::is_pattern(path)).collect();
        if !patterns.is_empty() {
            // Patterns are matched here: they hold for children of later too.
            query.clear();
        }
        let is_wanted = |event: &Event| {
            patterns.is_empty() || children(args).any(|wanted| is_about(event, wanted))
        };
        let count = match args.from {
            Some(from) => vec![format!("from={from}")],
            None => vec![format!("limit={}", args.lines)],
        };
        let asked = [query.clone(), count].concat().join("&");
        let body = self.client.read(&format!("/events?{asked}")).await?;
        if self.is_json && !args.follow && patterns.is_empty() {
            self.print_json(&body)?;
            return Ok(Exit::Done);
        }
        let mut names = Names::new(&[], true);
        let page: EventPage = self.client.parse(&body)?;
        if page.missed > 0 {
            self.remark(&left_out(Some(page.missed), "event", "events"));
        }
        for event in page.events.iter().filter(|event| is_wanted(event)) {
            names.learn(&event_name(event));
        }
        for event in page.events.iter().filter(|event| is_wanted(event)) {
            self.show_event(event, &mut names)?;
        }
        if !args.follow {
            return Ok(Exit::Done);
        }
        query.push(format!("from={}", page.next));
        let mut stream = self.client.follow(format!("/events?{}", query.join("&")));
        while let Some(message) = stream.next().await? {
            if self.is_lag(&message)? {
                continue;
            }
            let event: Event = self.client.parse(message.data.as_bytes())?;
            if is_wanted(&event) {
                self.show_event(&event, &mut names)?;
            }
        }
        Err(self.has_gone())
    }

    /// Says what a stream says about itself: that something is left out.
    fn is_lag(&self, message: &Message) -> Result<bool, Fault> {
        if message.event != "lagged" {
            return Ok(false);
        }
        let lag: Lag = self.client.parse(message.data.as_bytes())?;
        match &lag.path {
            Some(path) => {
                self.remark(&format!("{path}: {}", left_out(lag.missed, "line", "lines")));
            }
            None => self.remark(&left_out(lag.missed, "event", "events")),
        }
        Ok(true)
    }

    fn show_event(&self, event: &Event, names: &mut Names) -> Result<(), Fault> {
        if self.is_json {
            let text = serde_json::to_string(event).unwrap_or_default();
            return say(&text);
        }
        let at = self.screen.paint(Tint::Dim, &show::clock(event.at));
        let name = names.of(&event_name(event)).map(|(name, _)| name).unwrap_or_default();
        let name = self.screen.paint(Tint::Bold, &name);
        let kind = self.screen.paint(tint_of(&event.kind), &format!("{:<12}", event.kind));
        say(&format!("{at}  {name}  {kind} {}", show::tame(&event.text, false)))
    }

    /// Says something beside the output. Where errors cannot be written there is nobody to tell.
    fn remark(&self, text: &str) {
        if !self.is_quiet {
            let _ = writeln!(std::io::stderr(), "{}", show::tame(text, false));
        }
    }

    /// Returns that the daemon has left a stream and has not come back.
    fn has_gone(&self) -> Fault {
        Fault::Absent { socket: self.client.socket().into() }
    }
}

/// Returns the run or child that an event is about.
fn event_name(event: &Event) -> String {
    match (event.path.as_str(), event.run) {
        ("", _) => "the tree".into(),
        (path, Some(run)) => format!("{}#{run}", show::tame(path, false)),
        (path, None) => show::tame(path, false),
    }
}

/// Returns the paths and patterns that are wanted.
fn children(args: &EventsArgs) -> impl Iterator<Item = &str> {
    args.children.iter().map(|child| child.trim_matches('/'))
}

/// Returns whether an event is about this child, or one below it, or one that matches.
fn is_about(event: &Event, wanted: &str) -> bool {
    let rest = event.path.strip_prefix(wanted);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        || show::matches(wanted, &event.path)
}

/// Returns that something is left out.
pub(crate) fn left_out(missed: Option<u64>, one: &str, several: &str) -> String {
    match missed {
        Some(missed) => format!("... {} left out", show::count(missed, one, several)),
        None => format!("... some {several} left out"),
    }
}

/// Returns the colour of a kind of event.
fn tint_of(kind: &str) -> Tint {
    match kind {
        "ready" | "stable" | "recovered" => Tint::Good,
        "exited" | "abandoned" | "start-failed" | "gave-up" | "breaker-opened" => Tint::Bad,
        "alert" | "decided" | "counted" => Tint::Warn,
        _ => Tint::Plain,
    }
}

/// The names before lines, each in a colour of its own, all of one width.
struct Names {
    known: BTreeMap<String, usize>,
    width: usize,
    is_shown: bool,
}

impl Names {
    /// `paths` are those that are known already.
    fn new(paths: &[String], is_shown: bool) -> Self {
        let mut names = Self { known: BTreeMap::new(), width: 8, is_shown };
        for path in paths {
            names.learn(path);
        }
        names
    }

    /// Makes room for a name.
    fn learn(&mut self, path: &str) -> usize {
        let next = self.known.len();
        self.width = self.width.max(path.chars().count().min(24));
        *self.known.entry(path.into()).or_insert(next)
    }

    fn of(&mut self, path: &str) -> Option<(String, Tint)> {
        if !self.is_shown {
            return None;
        }
        let number = self.learn(path);
        let name = show::cut_middle(path, 24);
        Some((format!("{name:<width$}", width = self.width), Tint::Name(number)))
    }
}
