//! Brains that stand still, and keepers that go on without them.
