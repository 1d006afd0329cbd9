//! A child for tests that does what it is told.

fn main() {}
