//! What a policy would do: the core in virtual time.
