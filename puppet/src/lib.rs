//! Finds the puppet, a child for tests that does what it is told.
