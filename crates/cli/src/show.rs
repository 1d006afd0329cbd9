//! What people see: each answer of the API as text. Nothing here asks or waits.

mod child;
mod console;
mod delivery;
mod json;
mod pattern;
mod reply;
mod status;
mod story;
mod table;
mod text;
mod time;

pub(crate) use child::child;
pub(crate) use console::consoles;
pub(crate) use delivery::deliveries;
pub(crate) use json::json;
pub(crate) use pattern::{is_pattern, matches, nearest};
pub(crate) use reply::{plan, reply};
pub(crate) use status::{
    COLUMNS, Shown, headline, is_fine, is_over, particulars, remarks, row, status, stems,
};
pub(crate) use story::{
    ALERT_COLUMNS, ALERT_GIVES, RUN_COLUMNS, RUN_GIVES, alert_row, alerts, explanation, history,
    policy, postmortem, run_row,
};
pub(crate) use table::{Layout, Natural, Row};
pub(crate) use text::{again, bytes, count, cut_end, cut_middle, head, tame, width, wrap};
pub(crate) use time::{clock, countdown, moment};
