//! Why a child does what it does, in words.
