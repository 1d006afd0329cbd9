//! The whole program in temporary folders: brought up, looked at, broken, and found again.

mod crashes;
mod harness;
mod lives;
mod moved;
mod wrong;
