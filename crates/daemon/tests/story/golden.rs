//! Compares what is told with what was found right. `MAINSTAY_BLESS=1` keeps what is told now.

use mainstay_wire::api;
use std::env::var_os;
use std::fmt::Write as _;
use std::path::Path;

/// Compares a text with a kept one.
#[track_caller]
pub(crate) fn compare(name: &str, told: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/story").join(name);
    if var_os("MAINSTAY_BLESS").is_some_and(|bless| !bless.is_empty()) {
        std::fs::write(&file, told).expect("the folder of the tests can be written");
    }
    let kept = std::fs::read_to_string(&file).unwrap_or_default();
    if kept != told {
        let first = kept.lines().zip(told.lines()).find(|(kept, told)| kept != told);
        panic!("{name} tells another story (MAINSTAY_BLESS=1 keeps it); first: {first:#?}");
    }
}

/// Writes an explanation as people see it.
pub(crate) fn write(explained: &api::Explanation) -> String {
    let mut text = String::new();
    let mut line = |line: String| writeln!(text, "{line}").expect("a string takes it all");
    for sentence in &explained.story {
        line(format!("  {sentence}"));
    }
    for alert in explained.alerts.iter().filter(|alert| alert.seen_by.is_none()) {
        line(format!("  ! {}{}", alert.text, if alert.over { " (over)" } else { "" }));
    }
    for evidence in explained.evidence.iter().filter(|seen| !seen.trail.is_empty()) {
        let trail: Vec<_> = evidence.trail.iter().map(|fact| fact.text.as_str()).collect();
        line(format!("  ({}#{}: {})", evidence.path, evidence.run, trail.join(" · ")));
    }
    for wish in &explained.wishes {
        match &wish.command {
            Some(command) => line(format!("  > {command}   {}", wish.text)),
            None => line(format!("  > {}", wish.text)),
        }
    }
    text
}
