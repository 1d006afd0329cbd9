//! The driver of processes in virtual time, with a keeper that holds nothing: it notes what is ordered, and
//! says what the test lets it say.

mod checks;
mod console;
#[cfg(feature = "durable")]
mod durable;
mod fake;
mod lives;
mod settings;
mod signs;
mod stops;
mod talks;
