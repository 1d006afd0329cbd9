//! What children print, through real pipes, terminals and files.

mod handover;
mod harness;
mod logs;
mod pressure;
mod reading;
mod settings;
mod terminals;
