//! Why a child does what it does: its story, what comes next, how its limits stand, and what would change it.

use super::super::model::{Answer, Model};
use super::super::paint::Paint;
use crate::screen::Tint;
use crate::show;
use mainstay_wire::api::{Child, Explanation, Limit};
use ratatui::text::{Line, Span};

/// The width of the names before what they are about.
const NAMES: usize = 10;
/// The longest bar of a limit.
const BAR: u32 = 20;

/// Returns whether something in the story counts down.
pub(super) fn counts_down(model: &Model) -> bool {
    match &model.panel.why {
        Answer::Known(why) => {
            why.next.is_some() || why.limits.iter().any(|limit| limit.frees_at.is_some())
        }
        Answer::Awaited | Answer::Failed(_) => false,
    }
}

/// Returns the story as lines.
pub(super) fn lines(
    why: &Explanation,
    child: &Child,
    now: i64,
    paint: Paint,
    width: u16,
) -> Vec<Line<'static>> {
    let mut page = Page { lines: Vec::new(), paint, width: width.into() };
    // The next thing and the alerts are those of the tree as it was read last.
    for (tint, remark) in show::remarks(child, now) {
        page.paragraph(tint, &remark, "  ");
    }
    // What comes next stands below, with a countdown.
    let is_next = |sentence: &&String| sentence.starts_with("Next: ") && child.next.is_some();
    for sentence in why.story.iter().filter(|sentence| !is_next(sentence)) {
        page.paragraph(Tint::Plain, sentence, "  ");
    }
    page.gap();
    if let Some(next) = child.next.as_ref().or(why.next.as_ref()) {
        let left = show::countdown(next.at - now);
        let text = format!("{} in {left}, at {}", next.what, show::moment(next.at, now));
        page.field("next", Tint::Coming, &text);
    }
    if why.breaker != "closed" {
        page.field("breaker", Tint::Warn, &format!("{}, level {}", why.breaker, why.level));
    }
    for (at, limit) in why.limits.iter().enumerate() {
        page.limit(if at == 0 { "limits" } else { "" }, limit, &why.path, now);
    }
    if !why.wishes.is_empty() {
        page.gap();
        page.lines.push(paint.span(Tint::Dim, "  what would change it").into());
    }
    for wish in &why.wishes {
        match &wish.command {
            Some(command) => {
                page.paragraph(Tint::Coming, command, "    ");
                page.paragraph(Tint::Plain, &wish.text, "        ");
            }
            None => page.paragraph(Tint::Plain, &wish.text, "    "),
        }
    }
    for evidence in &why.evidence {
        page.gap();
        let text = format!("{}#{}: {}", evidence.path, evidence.run, evidence.text);
        page.paragraph(Tint::Plain, &text, "  ");
        for line in &evidence.lines {
            let mut spans = vec![paint.span(Tint::Dim, "    │ ")];
            spans.extend(paint.line(line, ratatui::style::Style::new()).spans);
            page.lines.push(Line::from(spans));
        }
    }
    page.lines
}

/// Lines as they come together.
struct Page {
    lines: Vec<Line<'static>>,
    paint: Paint,
    width: usize,
}

impl Page {
    fn gap(&mut self) {
        self.lines.push(Line::default());
    }

    fn paragraph(&mut self, tint: Tint, text: &str, indent: &str) {
        let text = show::wrap(&show::tame(text, false), self.width.min(100), indent);
        self.lines.extend(text.lines().map(|line| self.paint.span(tint, line.to_owned()).into()));
    }

    /// A name, and behind it what it is about.
    fn field(&mut self, name: &str, tint: Tint, text: &str) {
        self.named(name, Vec::new(), tint, text);
    }

    fn named(&mut self, name: &str, before: Vec<Span<'static>>, tint: Tint, text: &str) {
        let indent = " ".repeat(NAMES + 2);
        let taken: usize = before.iter().map(Span::width).sum();
        // What stands before the text takes room in its first line alone.
        let lead = "x".repeat(taken.saturating_sub(1));
        let text = format!("{lead}{}{}", if taken > 0 { " " } else { "" }, show::tame(text, false));
        let text = show::wrap(&text, self.width.min(100), &indent);
        for (at, line) in text.lines().enumerate() {
            let line = line.strip_prefix(&indent).unwrap_or(line);
            if at > 0 {
                let spans = vec![Span::raw(indent.clone()), self.paint.span(tint, line.to_owned())];
                self.lines.push(spans.into());
                continue;
            }
            let mut spans = vec![self.paint.span(Tint::Dim, format!("  {name:<NAMES$}"))];
            spans.extend(before.clone());
            spans.push(self.paint.span(tint, line.get(taken..).unwrap_or_default().to_owned()));
            self.lines.push(spans.into());
        }
    }

    /// A limit as a bar, with when it frees.
    fn limit(&mut self, name: &str, limit: &Limit, path: &str, now: i64) {
        let length = limit.most.clamp(1, if self.width < 60 { BAR / 2 } else { BAR });
        // What counts is always seen, and a bar is full only where nothing is left.
        let share = |used: u32| u64::from(used) * u64::from(length) / u64::from(limit.most.max(1));
        let full = u32::try_from(share(limit.used)).unwrap_or(length).min(length);
        let full = if limit.used > 0 { full.max(1) } else { full };
        let tint = match (limit.used, limit.most) {
            (used, most) if used >= most => Tint::Bad,
            (used, most) if used * 2 >= most => Tint::Warn,
            (0, _) => Tint::Dim,
            (_, _) => Tint::Good,
        };
        let bar = |sign: &str, times: u32| sign.repeat(usize::try_from(times).unwrap_or(0));
        let before = vec![
            self.paint.span(tint, bar("█", full)),
            self.paint.span(Tint::Dim, bar("░", length - full)),
            Span::raw(" "),
        ];
        let mut text = format!("{} of {} used: {}", limit.used, limit.most, limit.text);
        if limit.owner != path {
            let owner = if limit.owner.is_empty() { "the root" } else { &limit.owner };
            text.push_str(&format!(" (declared by {owner})"));
        }
        if let Some(frees) = limit.frees_at.filter(|at| *at > now) {
            let left = show::countdown(frees - now);
            let at = show::moment(frees, now);
            text.push_str(&format!("; one frees in {left}, at {at}"));
        }
        self.named(name, before, Tint::Plain, &text);
    }
}
