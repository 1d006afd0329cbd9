//! The journal: every input and event of the core, and the state of the core at a moment.
