//! What people see: each answer of the API as text. Nothing here asks or waits.

mod child;
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
pub(crate) use delivery::deliveries;
pub(crate) use json::json;
pub(crate) use pattern::{is_pattern, matches, nearest};
pub(crate) use reply::{plan, reply};
pub(crate) use status::{Shown, is_fine, status};
pub(crate) use story::{alerts, explanation, history, policy, postmortem};
pub(crate) use text::{again, bytes, count, cut_end, cut_middle, tame, wrap};
pub(crate) use time::clock;
