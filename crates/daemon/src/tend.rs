//! What is done by the clock or at a change of files: schedules and watched files.
