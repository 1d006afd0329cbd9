//! The whole program in temporary folders: brought up, looked at, broken, and found again.

mod consoles;
mod crashes;
mod dashboard;
mod harness;
mod hooks;
mod init;
mod listeners;
mod lives;
mod moved;
mod procserv;
mod pty;
mod silence;
mod supervisorctl;
mod systemd;
mod terminal;
mod top;
mod wrong;
