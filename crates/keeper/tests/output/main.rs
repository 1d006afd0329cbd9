//! What children print, through real pipes, terminals and files.
#![expect(clippy::wildcard_enum_match_arm, reason = "a test waits for one kind of news")]

mod handover;
mod harness;
mod logs;
mod pressure;
mod reading;
mod settings;
mod terminals;
