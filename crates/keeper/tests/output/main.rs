//! What children print, through real pipes, terminals and files.

mod harness;
mod logs;
mod reading;
