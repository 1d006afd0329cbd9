//! What becomes of other supervisors' files, with the daemon's own loader as the judge of what is written.

mod accounts;
mod back;
mod documented;
mod support;
mod systemd;
mod tables;
mod units;
